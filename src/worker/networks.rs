//! Having the networks that a container is to be in: looked for, and made where they are not there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as Turn;

use crate::engine::Engine;
use crate::model::container::{Failure, Owner};
use crate::model::network::{Attachment, Network};
use crate::model::spec::TaskSpec;
use crate::plan::host::networks::{Verdict, judge};

/// Whose turn it is with each network: engines make two of one name when they are asked for both at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Networks(Arc<Mutex<BTreeMap<String, Arc<Turn<()>>>>>);

impl Networks {
    /// Has every network of a task be there. [`Failure::Refused`] = one cannot be used, in words.
    pub(super) async fn prepare<E: Engine>(
        &self,
        engine: &E,
        owner: &Owner,
        spec: &TaskSpec,
    ) -> Result<(), Failure> {
        for wanted in &spec.options().networks {
            let turn = self.turn(&wanted.name);
            // Held for three calls at most, each with a deadline: only those that want the same network wait.
            let _turn = turn.lock().await;
            have(engine, owner, wanted).await?;
        }
        Ok(())
    }

    fn turn(&self, name: &str) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds are forgotten: there are as many as networks in use.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(name.to_owned()).or_default().clone()
    }
}

async fn have<E: Engine>(engine: &E, owner: &Owner, wanted: &Attachment) -> Result<(), Failure> {
    let seen = look(engine, owner, &wanted.name).await?;
    match judge(wanted, seen.as_ref()) {
        Verdict::Use => Ok(()),
        Verdict::Refuse(why) => Err(Failure::Refused(why)),
        Verdict::Make => match engine.create_network(owner, wanted).await {
            Ok(_) => Ok(()),
            // Somebody else was faster: whose it is shows when it is looked at again.
            Err(Failure::Conflict(_)) => {
                let seen = look(engine, owner, &wanted.name).await?;
                match judge(wanted, seen.as_ref()) {
                    Verdict::Use => Ok(()),
                    Verdict::Refuse(why) => Err(Failure::Refused(why)),
                    Verdict::Make => {
                        Err(Failure::Unknown(format!("the network {} comes and goes", wanted.name)))
                    }
                }
            }
            Err(failure) => Err(failure),
        },
    }
}

async fn look<E: Engine>(engine: &E, owner: &Owner, name: &str) -> Result<Option<Network>, Failure> {
    match engine.network(owner, name).await {
        Ok(network) => Ok(Some(network)),
        Err(Failure::Missing(_)) => Ok(None),
        // Two of one name, say.
        Err(Failure::Conflict(why)) => Err(Failure::Refused(why)),
        Err(failure) => Err(failure),
    }
}
