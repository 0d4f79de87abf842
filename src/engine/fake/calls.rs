//! The fake engine as an [`Engine`]: each call meets its fault, if there is one, and then the host.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::container::FakeContainer;
use super::faults::{Fault, Verb};
use super::host::{Host, with_tag};
use super::image::{Program, Registry};
use super::{Call, Fake, streams};
use crate::engine::{Engine, EngineEvent, EngineInfo, Executed, LogChunk, LogOptions};
use crate::model::container::{Container, Failure, Identity, Owner};
use crate::model::id::{ContainerId, ExecId, TaskId};
use crate::model::network::{Attachment, Network, NetworkId};
use crate::model::spec::TaskSpec;

impl Fake {
    /// Writes the call down and finds out what it meets.
    pub(super) fn meet(
        &self,
        verb: Verb,
        target: &str,
        task: Option<TaskId>,
    ) -> Result<Option<Fault>, Failure> {
        let mut world = self.world();
        let task = task.or_else(|| {
            let container = world.host.find(target).ok()?;
            container.owned.as_ref().map(|(_, identity)| identity.task)
        });
        world.calls.push(Call { verb, target: target.to_owned(), task });
        if world.reachable { Ok(world.rules.take(verb, task)) } else { Err(unreachable()) }
    }

    /// Makes one call: `work` upon the host, with whatever fault it meets.
    async fn call<T: Send>(
        &self,
        (verb, target, task): (Verb, &str, Option<TaskId>),
        deadline: Duration,
        work: impl FnOnce(&mut Host) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let fault = self.meet(verb, target, task)?;
        self.under(fault, deadline, work).await
    }

    /// Works upon the host as far as the fault lets it.
    async fn under<T: Send>(
        &self,
        fault: Option<Fault>,
        deadline: Duration,
        work: impl FnOnce(&mut Host) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        match fault {
            None | Some(Fault::PartialList) => self.work(work),
            Some(Fault::Delay(time)) if time < deadline => {
                sleep(time).await;
                self.work(work)
            }
            Some(Fault::Delay(time)) => {
                self.work_later(time, work);
                sleep(deadline).await;
                Err(no_answer())
            }
            Some(Fault::Late(time)) => {
                self.work_later(time, work);
                Err(no_answer())
            }
            Some(Fault::Hang) => {
                sleep(deadline).await;
                Err(no_answer())
            }
            Some(Fault::DropRequest) => Err(no_answer()),
            Some(Fault::DropReply | Fault::Garbage) => {
                // Whether it was done or not, the caller does not learn it.
                let _ = self.work(work);
                Err(no_answer())
            }
            Some(Fault::Fail(failure)) => Err(failure),
        }
    }

    /// Works upon the host, unless the engine has gone away meanwhile.
    fn work<T>(&self, work: impl FnOnce(&mut Host) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut world = self.world();
        if world.reachable { work(&mut world.host) } else { Err(unreachable()) }
    }

    /// Puts the work on the agenda; nobody learns its result.
    fn work_later<T>(
        &self,
        time: Duration,
        work: impl FnOnce(&mut Host) -> Result<T, Failure> + Send + 'static,
    ) {
        let effect = move |host: &mut Host| drop(work(host));
        self.world().host.later(time, Box::new(effect));
    }

    /// The image arrives on the host.
    fn deliver(&self, image: String, program: Program) -> Result<(), Failure> {
        self.work(|host| {
            host.images.insert(image, program);
            Ok(())
        })
    }
}

impl Engine for Fake {
    async fn info(&self) -> Result<EngineInfo, Failure> {
        self.call((Verb::Info, "", None), self.deadlines.call, |host| {
            Ok(EngineInfo {
                version: "20.10.24".to_owned(),
                cores: host.cores,
                memory: host.memory,
                volumes: Some(host.volumes.clone()),
            })
        })
        .await
    }

    async fn list(&self, owner: &Owner) -> Result<Vec<Container>, Failure> {
        let fault = self.meet(Verb::List, "", None)?;
        let partial = fault == Some(Fault::PartialList);
        let owner = owner.clone();
        let work = move |host: &mut Host| {
            let all = host.containers.values();
            let ours = all.filter(|one| one.owned.as_ref().is_some_and(|(holder, _)| *holder == owner));
            Ok(ours.filter_map(FakeContainer::summary).collect::<Vec<_>>())
        };
        let mut containers = self.under(fault, self.deadlines.call, work).await?;
        if partial {
            containers.truncate(containers.len() / 2);
        }
        Ok(containers)
    }

    async fn inspect(&self, owner: &Owner, id_or_name: &str) -> Result<Container, Failure> {
        let (owner, wanted) = (owner.clone(), id_or_name.to_owned());
        self.call((Verb::Inspect, id_or_name, None), self.deadlines.call, move |host| {
            let found = host.find(&wanted)?;
            let ours = found.owned.as_ref().is_some_and(|(holder, _)| *holder == owner);
            let summary = found.summary().filter(|_| ours);
            let container = summary.ok_or_else(|| {
                Failure::Conflict(format!(
                    "the container {wanted} belongs to somebody else: it has no labels of orc"
                ))
            })?;
            Ok(Container { details: Some(found.details()), ..container })
        })
        .await
    }

    async fn create(
        &self,
        owner: &Owner,
        name: &str,
        identity: &Identity,
        spec: &TaskSpec,
    ) -> Result<ContainerId, Failure> {
        let (whose, wanted, spec) = ((owner.clone(), identity.clone()), name.to_owned(), spec.clone());
        self.call((Verb::Create, name, Some(identity.task)), self.deadlines.slow, move |host| {
            host.create(Some(whose), &wanted, &spec)
        })
        .await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), Failure> {
        let wanted = id.clone();
        self.call((Verb::Start, &id.0, None), self.deadlines.slow, move |host| host.start(&wanted)).await
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), Failure> {
        let wanted = id.clone();
        self.call((Verb::Unpause, &id.0, None), self.deadlines.call, move |host| host.unpause(&wanted)).await
    }

    async fn stop(&self, id: &ContainerId, spec: Option<&TaskSpec>) -> Result<(), Failure> {
        let grace = spec.and_then(|spec| spec.stop_timeout).unwrap_or(10);
        let deadline = self.deadlines.call + Duration::from_secs(grace.into());
        let wanted = id.clone();
        let ends_in = self.call((Verb::Stop, &id.0, None), deadline, move |host| host.stop(&wanted)).await?;
        sleep(ends_in).await;
        Ok(())
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), Failure> {
        let wanted = id.clone();
        self.call((Verb::Remove, &id.0, None), self.deadlines.slow, move |host| host.remove(&wanted)).await
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), Failure> {
        let (wanted, name) = (id.clone(), name.to_owned());
        self.call((Verb::Rename, &id.0, None), self.deadlines.call, move |host| host.rename(&wanted, &name))
            .await
    }

    async fn restore_limits(&self, id: &ContainerId, _spec: &TaskSpec) -> Result<(), Failure> {
        let wanted = id.clone();
        self.call((Verb::RestoreLimits, &id.0, None), self.deadlines.call, move |host| {
            host.restore_limits(&wanted)
        })
        .await
    }

    async fn exec(&self, id: &ContainerId, command: &[String], limit: Duration) -> Result<Executed, Failure> {
        let (wanted, command) = (id.clone(), command.to_vec());
        let work = move |host: &mut Host| host.exec(&wanted, &command);
        let executed = self.call((Verb::Exec, &id.0, None), self.deadlines.call, work).await?;
        if let Executed::Runs(_) = executed {
            sleep(limit).await;
        }
        Ok(executed)
    }

    async fn exec_runs(&self, id: &ExecId) -> Result<bool, Failure> {
        let wanted = id.clone();
        self.call((Verb::ExecRuns, "", None), self.deadlines.call, move |host| host.exec_runs(&wanted)).await
    }

    async fn pull(&self, image: &str, progress: watch::Sender<String>) -> Result<(), Failure> {
        let name = with_tag(image);
        let wanted = name.clone();
        let idle = self.deadlines.pull_idle;
        let registry = self
            .call((Verb::Pull, &name, None), idle, move |host| Ok(host.registry.get(&wanted).cloned()))
            .await?;
        match registry {
            None => Err(Failure::Missing("manifest unknown".to_owned())),
            Some(Registry::Fails(failure)) => Err(failure),
            Some(Registry::Hangs) => {
                sleep(idle).await;
                let seconds = idle.as_secs();
                Err(Failure::Unknown(format!("nothing has moved for {seconds} s")))
            }
            Some(Registry::Delivers(program, time)) => {
                progress.send_replace("0.0 of 40.1 MB".to_owned());
                sleep(time).await;
                progress.send_replace("40.1 of 40.1 MB".to_owned());
                self.deliver(name, program)
            }
        }
    }

    async fn load(
        &self,
        image: &str,
        mut archive: BoxStream<'static, io::Result<Bytes>>,
        progress: watch::Sender<String>,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        while let Some(piece) = archive.next().await {
            bytes.extend_from_slice(&piece.map_err(|_| no_answer())?);
            progress.send_replace(format!("{} bytes", bytes.len()));
        }
        let name = with_tag(image);
        // Its archives are the names of the images that they bring.
        if bytes != name.as_bytes() {
            return Err(Failure::Refused(format!("the archive did not bring {image}")));
        }
        self.call((Verb::Load, &name, None), self.deadlines.pull_idle, |_| Ok(())).await?;
        self.deliver(name.clone(), Program::default())
    }

    async fn network(&self, owner: &Owner, name: &str) -> Result<Network, Failure> {
        let (owner, wanted) = (owner.clone(), name.to_owned());
        let work = move |host: &mut Host| host.network(&owner, &wanted);
        self.call((Verb::Network, name, None), self.deadlines.call, work).await
    }

    async fn networks(&self, owner: &Owner) -> Result<Vec<Network>, Failure> {
        let owner = owner.clone();
        let work = move |host: &mut Host| Ok(host.networks_of(&owner));
        self.call((Verb::Networks, "", None), self.deadlines.call, work).await
    }

    async fn create_network(&self, owner: &Owner, wanted: &Attachment) -> Result<NetworkId, Failure> {
        let (owner, made) = (owner.clone(), wanted.clone());
        let work = move |host: &mut Host| Ok(host.create_network(Some(owner), &made));
        self.call((Verb::CreateNetwork, &wanted.name, None), self.deadlines.slow, work).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<(), Failure> {
        let wanted = id.clone();
        let work = move |host: &mut Host| host.remove_network(&wanted);
        self.call((Verb::RemoveNetwork, &id.0, None), self.deadlines.slow, work).await
    }

    fn events(&self, owner: &Owner) -> BoxStream<'static, Result<EngineEvent, Failure>> {
        streams::events(self, owner)
    }

    fn logs(&self, id: &ContainerId, options: &LogOptions) -> BoxStream<'static, Result<LogChunk, Failure>> {
        streams::logs(self, id, options)
    }
}

fn unreachable() -> Failure {
    Failure::Unreachable("the Docker Engine cannot be reached: Connection refused".to_owned())
}

pub(super) fn no_answer() -> Failure {
    Failure::Unknown("the Docker Engine's answer was lost".to_owned())
}
