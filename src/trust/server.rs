//! TLS as a manager speaks it, and what it makes of the certificates that it is shown.
//!
//! In the handshake whoever shows a certificate proves that it has the key, and no more is asked. Whether the
//! certificate counts is judged afterwards, so that the answer can be a sentence; a bare alert says nothing of what to do.

mod opening;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, version};
use tokio::sync::watch;

use self::opening::{Opening, making};
use super::rotation::RotationError;
use super::{Authority, Digest, NodeCertificate, TrustError, provider};
use crate::model::id::NodeName;
use crate::model::time::Timestamp;

/// The protocol spoken within TLS.
const ALPN: &[u8] = b"http/1.1";

/// The server's side of TLS. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    config: Arc<ServerConfig>,
    /// Replaced as a whole, so that nothing is signed by one authority and judged by another.
    opening: Arc<watch::Sender<Arc<Opening>>>,
    /// Held by whoever replaces the opening.
    turn: Arc<Mutex<()>>,
}

/// Who has come in over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody who shows no certificate.
    Unnamed,
    /// Whoever has the key of this genuine certificate of the cluster, by its authority of this digest. Its dates have
    /// been looked at; what has become of its node and that authority since has not.
    Node(NodeCertificate, Digest),
    /// Somebody with a certificate that does not count, and why.
    Unfit(String),
}

impl Door {
    /// A door with a certificate for these names and addresses.
    pub fn new(authority: Arc<Authority>, names: &[String], now: Timestamp) -> Result<Self, TrustError> {
        let provider = provider();
        let opening = Opening::new(authority, names.to_vec(), now)?;
        let opening = Arc::new(watch::Sender::new(Arc::new(opening)));
        let algorithms = provider.signature_verification_algorithms;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(making)?
            .with_client_cert_verifier(Arc::new(Anybody { algorithms }))
            .with_cert_resolver(Arc::new(Current(opening.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Whoever comes back shows its certificate anew: a session must not outlive it.
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), opening, turn: Arc::default() })
    }

    /// Shows a new certificate from now on.
    pub fn renew(&self, names: &[String], now: Timestamp) -> Result<(), TrustError> {
        self.replace(|opening| {
            let renewed = Opening::new(opening.authority.clone(), names.to_vec(), now)?;
            Ok(Opening { seen: opening.seen.clone(), ..renewed })
        })
    }

    /// Makes the authority that follows the present one, whose certificates count until [`Door::finish`].
    pub fn rotate(&self, now: Timestamp) -> Result<(), RotationError> {
        self.replace(|opening| {
            if opening.authority.former().is_some() {
                return Err(RotationError::UnderWay);
            }
            let next = opening.authority.rotate(now)?;
            Ok(Opening::new(Arc::new(next), opening.names.clone(), now)?)
        })
    }

    /// Ends a rotation: nothing of the former authority counts any more.
    pub fn finish(&self, now: Timestamp) -> Result<(), RotationError> {
        self.replace(|opening| {
            if opening.authority.former().is_none() {
                return Err(RotationError::NoneUnderWay);
            }
            let alone = opening.authority.finish()?;
            Ok(Opening::new(Arc::new(alone), opening.names.clone(), now)?)
        })
    }

    fn replace<E>(&self, next: impl FnOnce(&Opening) -> Result<Opening, E>) -> Result<(), E> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let next = next(&self.opening.borrow().clone())?;
        self.opening.send_replace(Arc::new(next));
        Ok(())
    }

    /// The authority of the moment.
    pub fn authority(&self) -> Arc<Authority> {
        self.opening.borrow().authority.clone()
    }

    /// Whether certificates of the authority of this digest count now.
    pub fn believes(&self, authority: Digest) -> bool {
        self.opening.borrow().judges.iter().any(|judge| judge.authority == authority)
    }

    /// The nodes whose workers have shown certificates of the authority of the moment since this process started.
    pub fn seen(&self) -> BTreeSet<NodeName> {
        self.opening.borrow().seen.borrow().clone()
    }

    /// As TLS takes it.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// What to make of the certificates that somebody showed, the own one first.
    pub fn judge(&self, shown: &[CertificateDer<'_>], now: Timestamp) -> Visitor {
        self.opening.borrow().clone().judge(shown, now)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("authority", &self.authority()).finish_non_exhaustive()
    }
}

/// The server's certificate of the moment.
struct Current(Arc<watch::Sender<Arc<Opening>>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.borrow().shown.clone())
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
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
