//! A worker's membership in a cluster: joining it, and renewing the certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::client::{Client, ClientError, segment};
use crate::clock::Clock;
use crate::model::id::NodeName;
use crate::trust::client::{Believed, config};
use crate::trust::{Identity, JoinToken, TrustError, identity};
use crate::wire::access::{CertificateAnswer, CertificateRequest, JoinAnswer, JoinRequest};

/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether it is time to renew is looked at so often: the clock on the wall may be set.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// What a worker that has joined speaks with its manager by.
pub struct Membership {
    identity: Identity,
    client: Client,
    /// What is shown on new connections.
    shown: watch::Sender<Arc<CertifiedKey>>,
}

impl Membership {
    /// A way to the manager at this URL.
    pub fn new(manager: &str, identity: Identity) -> Result<Self, TrustError> {
        let (shown, receiver) = watch::channel(identity.certified_key()?);
        let tls = config(Believed::Authority(identity.authority.clone()), Some(receiver))?;
        let client =
            Client::new(manager).map_err(|error| TrustError::Making(error.to_string()))?.believing(tls);
        Ok(Self { identity, client, shown })
    }

    /// Asks the manager with the certificate of the moment.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Renews the certificate whenever it is time. While that fails, the present one goes on to its end.
    pub async fn keep_renewed(mut self) {
        let mut has_failed = false;
        loop {
            if Clock.now().wall >= self.identity.renew_at() {
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
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn renew(&mut self) -> Result<(), String> {
        let request =
            CertificateRequest { csr: self.identity.signing_request().map_err(|error| error.to_string())? };
        let path = format!("/nodes/{}/certificate", segment(self.identity.node.node.as_str()));
        let answer: CertificateAnswer =
            self.client.post(&path, &request, PATIENCE).await.map_err(|error| error.to_string())?;
        self.identity = self.identity.renewed(&answer.certificate).map_err(|error| error.to_string())?;
        let key = self.identity.certified_key().map_err(|error| error.to_string())?;
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

/// Joins the cluster of this manager, whom it knows by the digest in the token, and keeps what it answers.
pub async fn join(
    manager: &str,
    token: &JoinToken,
    data_dir: &Path,
    node: &NodeName,
) -> Result<Identity, JoinError> {
    let request =
        JoinRequest { token: token.to_string(), csr: identity::first_request(data_dir)?, node: node.clone() };
    let tls = config(Believed::Pin(token.pin), None)?;
    let client = Client::new(manager).map_err(|error| TrustError::Making(error.to_string()))?.believing(tls);
    let answer: JoinAnswer = client.post("/join", &request, PATIENCE).await?;
    let identity = Identity::keep(data_dir, manager, &answer.certificate, &answer.ca)?;
    tracing::info!("joined cluster {} as {node}", answer.cluster);
    Ok(identity)
}
