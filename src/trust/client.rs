//! TLS as clients speak it: whom they believe, and what they show.
//!
//! A client believes one authority. It does not ask under which name or address it has reached the server: the
//! authority is one cluster's alone, it signs servers' certificates for its manager only, and a manager behind NAT or a
//! new DNS name is still that manager.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, version,
};
use tokio::sync::watch;

use super::authority::{BACKDATED, SERVER_LIFE};
use super::{Digest, TrustError, provider};
use crate::model::skew;
use crate::model::time::Timestamp;

/// The authority that a client believes.
#[derive(Debug, Clone)]
pub enum Believed {
    /// The one of this digest, which the server sends along: at joining and at the first login.
    Pin(Digest),
    /// This one.
    Authority(CertificateDer<'static>),
    /// The one of the moment, which others may follow.
    Current(Current),
    /// None: the certificates of authorities that the server sends along are told here, its newest last, and then the
    /// connection ends.
    None(Arc<watch::Sender<Vec<CertificateDer<'static>>>>),
}

/// An authority that is believed until it is replaced.
#[derive(Debug, Clone)]
pub struct Current {
    /// Which it is.
    pub authority: watch::Receiver<CertificateDer<'static>>,
    /// Here is told which one servers that were believed have named as their newest.
    pub newest: Arc<watch::Sender<Option<Digest>>>,
}

/// What a client shows: the certificate of the moment.
pub type Shown = watch::Receiver<Arc<CertifiedKey>>;

/// The client's side of TLS.
pub fn config(believed: Believed, shown: Option<Shown>) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = provider();
    let verifier = Servers { believed, algorithms: provider.signature_verification_algorithms };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| TrustError::Making(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match shown {
        Some(shown) => builder.with_client_cert_resolver(Arc::new(Showing(shown))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// What a first look finds: certificates of authorities, the newest last.
pub type Found = watch::Receiver<Vec<CertificateDer<'static>>>;

/// A client's side of TLS that only looks: its connections all fail, and then the other end holds what was found.
pub fn first_look() -> Result<(Arc<ClientConfig>, Found), TrustError> {
    let (found, receiver) = watch::channel(Vec::new());
    Ok((config(Believed::None(Arc::new(found)), None)?, receiver))
}

/// What to do about an authority that is not believed any more.
const ROTATED: &str = "If the cluster's authority was rotated since (`orc ca` on the manager's host shows its digest), \
                       a person logs in again with `orc login`, and a worker joins again with the line that `orc node \
                       token` prints";

/// Believes the servers of one authority.
#[derive(Debug)]
struct Servers {
    believed: Believed,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Servers {
    fn authority(&self, sent: &[CertificateDer<'_>]) -> Result<CertificateDer<'static>, Error> {
        match &self.believed {
            Believed::Authority(authority) => Ok(authority.clone()),
            Believed::Current(current) => Ok(current.authority.borrow().clone()),
            Believed::None(found) => {
                found.send_replace(sent.iter().map(|sent| sent.clone().into_owned()).collect());
                Err(Error::General("nobody has said yet that this authority is to be believed".to_owned()))
            }
            Believed::Pin(pin) => {
                let pinned = sent.iter().find(|sent| Digest::of(sent) == *pin);
                pinned.map(|pinned| pinned.clone().into_owned()).ok_or_else(|| not_pinned(*pin, sent))
            }
        }
    }
}

fn not_pinned(pin: Digest, sent: &[CertificateDer<'_>]) -> Error {
    let found: Vec<String> = sent.iter().map(|sent| Digest::of(sent).to_string()).collect();
    Error::General(format!(
        "another authority than the expected one signs there. Expected {pin}, found {}: is this the right manager, and \
         the line of that one? {ROTATED}",
        found.join(", ")
    ))
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority(others)?)?;
        let own = ParsedCertificate::try_from(own)?;
        verify_server_cert_signed_by_trust_anchor(&own, &roots, others, now, self.algorithms.all)?;
        if let Believed::Current(current) = &self.believed {
            let newest = others.last().map(Digest::of);
            current.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
        }
        Ok(ServerCertVerified::assertion())
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

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Shows the certificate of the moment.
struct Showing(Shown);

impl ResolvesClientCert for Showing {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.borrow().clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Showing")
    }
}

/// Why a connection by TLS was not made, in words.
pub fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(problem) => {
            let sentence = certificate_problem(error, "the certificate of the server", "this machine");
            match (problem, clocks(problem)) {
                (_, Some(clocks)) => format!("{sentence}. Perhaps {clocks}"),
                (CertificateError::UnknownIssuer | CertificateError::BadSignature, None) => {
                    format!("{sentence}. {ROTATED}")
                }
                _ => sentence,
            }
        }
        Error::General(sentence) => sentence.clone(),
        Error::InvalidMessage(_) => {
            "what answers there does not speak TLS: perhaps http:// is meant, or another port".to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}

/// What the two clocks show, as far as the dates of a server's certificate tell: it was made half a day ago at most.
fn clocks(problem: &CertificateError) -> Option<String> {
    let at = |time: &UnixTime| {
        Timestamp::from_millis(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000))
    };
    let (ours, theirs) = match problem {
        CertificateError::ExpiredContext { time, not_after } => (at(time), at(not_after).before(SERVER_LIFE)),
        CertificateError::NotValidYetContext { time, not_before } => {
            (at(time), at(not_before).after(BACKDATED))
        }
        _ => return None,
    };
    Some(skew::remedy(ours, theirs))
}

/// What is wrong with a certificate, `whose` it is before, and by the clock of which machine.
pub(super) fn certificate_problem(error: &Error, whose: &str, machine: &str) -> String {
    let Error::InvalidCertificate(problem) = error else { return format!("{whose} cannot be used: {error}") };
    match problem {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("{whose} ended {} ago by the clock of {machine}", apart(*not_after, *time))
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "{whose} begins only in {} by the clock of {machine}, so the clocks of the two machines differ by that much \
             at least",
            apart(*time, *not_before)
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!(
                "{whose} is of another cluster than this, or from before its authority was rotated: its authority is not \
                 the one that is believed here"
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!(
                "{whose} is for something else: a worker's is for no server, and a server's for no worker"
            )
        }
        other => format!("{whose} cannot be used: {other}"),
    }
}

/// How long it is from one time to a later one, in its two largest units.
fn apart(earlier: UnixTime, later: UnixTime) -> String {
    skew::in_words(Duration::from_secs(later.as_secs().saturating_sub(earlier.as_secs())))
}

#[cfg(test)]
mod tests;
