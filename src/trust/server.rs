//! TLS as a manager speaks it, and what it makes of the certificates that it is shown.
//!
//! In the handshake whoever shows a certificate proves that it has the key, and no more is asked. Whether the
//! certificate counts is judged afterwards, so that the answer can be a sentence; a bare alert says nothing of what to do.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, version};
use tokio::sync::watch;

use super::{Authority, NodeCertificate, TrustError, provider};
use crate::model::time::Timestamp;

/// The protocol spoken within TLS.
const ALPN: &[u8] = b"http/1.1";

/// The server's side of TLS. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    authority: Arc<Authority>,
    config: Arc<ServerConfig>,
    current: Arc<watch::Sender<Arc<CertifiedKey>>>,
    genuine: Arc<dyn ClientCertVerifier>,
}

/// Who has come in over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody who shows no certificate.
    Unnamed,
    /// Whoever has the key of this genuine certificate of the cluster. Its dates have been looked at; what has become
    /// of its node has not.
    Node(NodeCertificate),
    /// Somebody with a certificate that does not count, and why.
    Unfit(String),
}

impl Door {
    /// A door with a certificate for these names and addresses.
    pub fn new(authority: Arc<Authority>, names: &[String], now: Timestamp) -> Result<Self, TrustError> {
        let provider = provider();
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone()).map_err(making)?;
        let genuine = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| TrustError::Making(error.to_string()))?;
        let current = Arc::new(watch::Sender::new(certified(&authority, names, now)?));
        let algorithms = provider.signature_verification_algorithms;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(making)?
            .with_client_cert_verifier(Arc::new(Anybody { algorithms }))
            .with_cert_resolver(Arc::new(Current(current.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Whoever comes back shows its certificate anew: a session must not outlive it.
        config.send_tls13_tickets = 0;
        Ok(Self { authority, config: Arc::new(config), current, genuine })
    }

    /// Shows a new certificate from now on.
    pub fn renew(&self, names: &[String], now: Timestamp) -> Result<(), TrustError> {
        self.current.send_replace(certified(&self.authority, names, now)?);
        Ok(())
    }

    /// As TLS takes it.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// What to make of the certificates that somebody showed, the own one first.
    pub fn judge(&self, shown: &[CertificateDer<'_>], now: Timestamp) -> Visitor {
        let Some((own, others)) = shown.split_first() else { return Visitor::Unnamed };
        let read = NodeCertificate::read(own);
        let seconds = u64::try_from(now.millis() / 1_000).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        match (self.genuine.verify_client_cert(own, others, now), read) {
            (Ok(_), Ok(node)) => Visitor::Node(node),
            (Ok(_), Err(problem)) => Visitor::Unfit(format!("Of the certificate that you show, {problem}")),
            (Err(error), read) => Visitor::Unfit(self.explain(&error, read.ok())),
        }
    }

    fn explain(&self, error: &Error, read: Option<NodeCertificate>) -> String {
        let problem = |whose: &str| super::client::certificate_problem(error, whose, "the manager's machine");
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

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("authority", &self.authority).finish_non_exhaustive()
    }
}

fn certified(
    authority: &Authority,
    names: &[String],
    now: Timestamp,
) -> Result<Arc<CertifiedKey>, TrustError> {
    let made = authority.sign_server(names, now)?;
    CertifiedKey::from_der(made.chain, made.key, &provider()).map(Arc::new).map_err(making)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is that of a closure for map_err")]
fn making(error: Error) -> TrustError {
    TrustError::Making(error.to_string())
}

/// The server's certificate of the moment.
#[derive(Debug)]
struct Current(Arc<watch::Sender<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.borrow().clone())
    }
}

/// Takes any certificate of whose key the other side has the private half, and none as well.
#[derive(Debug)]
struct Anybody {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 alone is spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
