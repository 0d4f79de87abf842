//! A worker's membership in a cluster: joining it, and renewing the certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use serde_json::Value;
use tokio::sync::watch;

use crate::client::{Client, ClientError, segment};
use crate::clock::Clock;
use crate::model::id::{ClusterId, NodeName};
use crate::trust::certificate::cluster_of;
use crate::trust::client::{Believed, Current, config, first_look};
use crate::trust::{Digest, Identity, JoinToken, TrustError, identity};
use crate::wire::access::{CertificateAnswer, CertificateRequest, JoinAnswer, JoinRequest};

/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether it is time to renew is looked at so often: the clock on the wall may be set.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Workers that see that their authority is followed by another renew within this, each at its own point.
const SPREAD: Duration = Duration::from_secs(10);

/// What a worker that has joined speaks with its manager by.
pub struct Membership {
    identity: Identity,
    client: Client,
    /// What is shown on new connections.
    shown: watch::Sender<Arc<CertifiedKey>>,
    /// Who is believed on new connections.
    believed: watch::Sender<CertificateDer<'static>>,
    /// The newest authority that the manager has named.
    newest: watch::Receiver<Option<Digest>>,
}

impl Membership {
    /// A way to the manager at this URL.
    pub fn new(manager: &str, identity: Identity) -> Result<Self, TrustError> {
        let (shown, receiver) = watch::channel(identity.certified_key()?);
        let (believed, authority) = watch::channel(identity.authority.clone());
        let (telling, newest) = watch::channel(None);
        let current = Current { authority, newest: Arc::new(telling) };
        let tls = config(Believed::Current(current), Some(receiver))?;
        let client =
            Client::new(manager).map_err(|error| TrustError::Making(error.to_string()))?.believing(tls);
        Ok(Self { identity, client, shown, believed, newest })
    }

    /// Asks the manager with the certificate of the moment.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Renews the certificate whenever it is time, or by another authority. While that fails, the present one goes on to
    /// its end.
    pub async fn keep_renewed(mut self) {
        let mut has_failed = false;
        loop {
            let is_followed = self.is_followed();
            if is_followed {
                tokio::time::sleep(SPREAD.mul_f64(self.identity.own_share())).await;
            }
            if is_followed || Clock.now().wall >= self.identity.renew_at() {
                match self.renew().await {
                    Ok(()) => has_failed = false,
                    Err(problem) if !has_failed => {
                        has_failed = true;
                        tracing::warn!(
                            "this worker's certificate could not be renewed and ends at {}: {problem}",
                            self.identity.node.not_after
                        );
                    }
                    Err(problem) => tracing::debug!("the certificate could not be renewed: {problem}"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                // Cancel-safe: what is not looked at stays changed. The other end lives as long as the client here.
                _ = self.newest.changed() => {}
            }
        }
    }

    /// Whether the manager has named a newer authority than the one that is believed here.
    fn is_followed(&mut self) -> bool {
        let pin = self.identity.pin();
        self.newest.borrow_and_update().is_some_and(|newest| newest != pin)
    }

    async fn renew(&mut self) -> Result<(), String> {
        let request =
            CertificateRequest { csr: self.identity.signing_request().map_err(|error| error.to_string())? };
        let path = format!("/nodes/{}/certificate", segment(self.identity.node.node.as_str()));
        let answer: CertificateAnswer =
            self.client.post(&path, &request, PATIENCE).await.map_err(|error| error.to_string())?;
        self.identity =
            self.identity.renewed(&answer.certificate, &answer.ca).map_err(|error| error.to_string())?;
        let key = self.identity.certified_key().map_err(|error| error.to_string())?;
        self.believed.send_replace(self.identity.authority.clone());
        self.shown.send_replace(key);
        tracing::info!("this worker's certificate was renewed until {}", self.identity.node.not_after);
        Ok(())
    }
}

/// Why a worker could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The manager said no, or nothing.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What it said, or what is kept here, is of no use.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Of which cluster the authority of this digest is, which the manager there names; `None` = it names no such one. It is
/// told nothing.
pub async fn cluster_behind(manager: &str, pin: Digest) -> Result<Option<ClusterId>, JoinError> {
    let (tls, found) = first_look()?;
    let client = Client::new(manager).map_err(|error| TrustError::Making(error.to_string()))?.believing(tls);
    // It fails in any case; what was found is what counts.
    let result = client.get::<Value>("/healthz", PATIENCE).await;
    let found = found.borrow().clone();
    match (found.is_empty(), result) {
        (true, Err(error)) => Err(error.into()),
        _ => Ok(found.iter().find(|found| Digest::of(found) == pin).map(cluster_of).transpose()?),
    }
}

/// Joins the cluster of this manager, whom it knows by the digest in the token, and keeps what it answers. `known` is what
/// it was in the same cluster before.
pub async fn join(
    manager: &str,
    token: &JoinToken,
    data_dir: &Path,
    node: &NodeName,
    known: Option<&Identity>,
) -> Result<Identity, JoinError> {
    let request =
        JoinRequest { token: token.to_string(), csr: identity::first_request(data_dir)?, node: node.clone() };
    let tls = config(Believed::Pin(token.pin), None)?;
    let client = Client::new(manager).map_err(|error| TrustError::Making(error.to_string()))?.believing(tls);
    let answer: JoinAnswer = client.post("/join", &request, PATIENCE).await?;
    let (certificate, authority) = (&answer.certificate, &answer.ca);
    let identity = match known {
        Some(known) => known.kept_again(manager, certificate, authority)?,
        None => Identity::keep(data_dir, manager, certificate, authority)?,
    };
    tracing::info!("joined cluster {} as {node}", answer.cluster);
    Ok(identity)
}
