//! What stands in a door at a time: the authority, what the server shows by it, and whose certificates count.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{Error, RootCertStore};
use tokio::sync::watch;

use super::super::{Authority, Digest, NodeCertificate, TrustError, client, provider};
use super::Visitor;
use crate::model::id::NodeName;
use crate::model::time::Timestamp;

/// Nodes by their names.
pub(super) type Seen = Arc<watch::Sender<BTreeSet<NodeName>>>;

/// What stands in a door at a time.
pub(super) struct Opening {
    pub(super) authority: Arc<Authority>,
    /// Under which names and addresses the server is reached.
    pub(super) names: Vec<String>,
    pub(super) shown: Arc<CertifiedKey>,
    /// Whose certificates count: the authority's, and the former one's during a rotation.
    pub(super) judges: Vec<Judge>,
    /// Nodes whose workers have shown certificates of the authority. Each authority has a list of its own, so that nobody
    /// who is judged while it is replaced gets into the next one's.
    pub(super) seen: Seen,
}

/// Tells whether certificates are of one authority.
pub(super) struct Judge {
    pub(super) authority: Digest,
    genuine: Arc<dyn ClientCertVerifier>,
}

impl Opening {
    /// One with a certificate for these names, and with a list of its own.
    pub(super) fn new(
        authority: Arc<Authority>,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, TrustError> {
        let made = authority.sign_server(&names, now)?;
        let shown = CertifiedKey::from_der(made.chain, made.key, &provider()).map_err(making)?;
        let former = authority.former().map(|former| &former.certificate);
        let judges = [authority.certificate()].into_iter().chain(former).map(Judge::new);
        let judges = judges.collect::<Result<_, _>>()?;
        Ok(Self { authority, names, shown: Arc::new(shown), judges, seen: Seen::default() })
    }

    /// What to make of the certificates that somebody showed, the own one first.
    pub(super) fn judge(&self, shown: &[CertificateDer<'_>], now: Timestamp) -> Visitor {
        let Some((own, others)) = shown.split_first() else { return Visitor::Unnamed };
        match (self.verify(own, others, now), NodeCertificate::read(own)) {
            (Ok(authority), Ok(node)) => {
                if authority == self.authority.pin() {
                    self.seen.send_if_modified(|seen| seen.insert(node.node.clone()));
                }
                Visitor::Node(node, authority)
            }
            (Ok(_), Err(problem)) => Visitor::Unfit(format!("Of the certificate that you show, {problem}")),
            (Err(error), read) => Visitor::Unfit(self.explain(&error, read.ok())),
        }
    }

    /// By which authority a certificate is.
    fn verify(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Digest, Error> {
        let seconds = u64::try_from(now.millis() / 1_000).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let mut refused = Error::General("no authority is believed here".to_owned());
        for judge in self.judges.iter().rev() {
            match judge.genuine.verify_client_cert(own, others, now) {
                Ok(_) => return Ok(judge.authority),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn explain(&self, error: &Error, read: Option<NodeCertificate>) -> String {
        let problem = |whose: &str| client::certificate_problem(error, whose, "the manager's machine");
        let ours = self.authority.cluster();
        match read {
            Some(read) if read.cluster != ours => format!(
                "Your certificate is of another cluster, {}, and this is {ours}: join here with the line that `orc node \
                 token` prints",
                read.cluster
            ),
            Some(read) => {
                let problem = problem(&format!("The certificate of {}", read.node));
                format!(
                    "{problem}. Where the clocks are right, let the worker join again with the line that `orc node token` \
                     prints"
                )
            }
            None => problem("The certificate that you show"),
        }
    }
}

impl Judge {
    fn new(authority: &CertificateDer<'static>) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).map_err(making)?;
        let genuine = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| TrustError::Making(error.to_string()))?;
        Ok(Self { authority: Digest::of(authority), genuine })
    }
}

/// As an error of this module.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of a closure for map_err")]
pub(super) fn making(error: Error) -> TrustError {
    TrustError::Making(error.to_string())
}
