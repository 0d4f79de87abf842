//! What the changes mean that come over services.

use std::collections::BTreeMap;

use super::change::{Applied, Refusal};
use super::service_change::{Expected, ServiceChange, Steer, Word};
use super::{Cluster, Member};
use crate::model::event::{Event, EventKind};
use crate::model::node::{Availability, NodeState};
use crate::model::port::Port;
use crate::model::service::{Mode, NewVersion, OnFailure, Service, ServiceName, ServiceSpec, Stage, Version};
use crate::model::state::Desired;
use crate::model::time::{Now, Timestamp};
use crate::plan::schedule::{Candidate, Pass, Usage};

impl Cluster {
    pub(super) fn change_service(&mut self, change: &ServiceChange, now: Now) -> Result<Applied, Refusal> {
        match change {
            ServiceChange::Set { word, spec } => self.set_service(word, spec),
            ServiceChange::Scale { word, replicas } => self.scale_service(word, *replicas),
            ServiceChange::Restore { word, version } => self.restore_service(word, *version),
            ServiceChange::Remove { word } => self.remove_service(word),
            ServiceChange::Steer { word, how } => self.steer(word, *how, now),
            ServiceChange::Ask { word, request } => self.ask_for_run(word, *request, now),
            ServiceChange::Pace { word, how } => self.pace(word, *how),
            ServiceChange::Tick { service, seen, decision } => Ok(self.tick(service, *seen, decision, now)),
            ServiceChange::Launch { service, number } => Ok(self.launch(service, *number, now)),
            ServiceChange::End { service, number } => Ok(self.end_run(service, *number, now)),
            ServiceChange::Start { service, slot, version } => {
                Ok(self.start_task(service, slot, *version, now))
            }
            ServiceChange::Stop { task, why, .. } => Ok(self.retire(*task, why, now)),
            ServiceChange::Discard { service, task } => Ok(self.discard(service, *task, now)),
            ServiceChange::Settle { service } => Ok(self.settle(service, now)),
            ServiceChange::Fail { service, why } => Ok(self.fail(service, why, now)),
            ServiceChange::Drop { service } => Ok(self.drop_service(service)),
        }
    }

    fn set_service(&mut self, word: &Word, spec: &ServiceSpec) -> Result<Applied, Refusal> {
        let name = &word.service;
        let spec = &self.service_with_versions(spec)?;
        self.may_have_ports(name, spec)?;
        if let Some(why) = self.never_fits(spec) {
            return Err(Refusal::NeverFits(why));
        }
        if self.services.is_unreadable(name) {
            return Err(Refusal::UnreadableService(name.clone()));
        }
        let Some(managed) = self.services.get(name) else {
            return match word.expected {
                Expected::Anything | Expected::Absent => Ok(self.create_service(word, spec)),
                Expected::Version(_) => Err(Refusal::UnknownService(name.clone())),
            };
        };
        let service = &managed.service;
        if service.desired == Desired::Run && service.wanted().spec == *spec {
            return Ok(Applied::Ignored);
        }
        if word.expected == Expected::Absent {
            return Err(Refusal::ServiceExists(name.clone()));
        }
        self.expect(word)?;
        Ok(self.want(word, spec.clone(), None, "changed"))
    }

    fn may_have_ports(&self, name: &ServiceName, spec: &ServiceSpec) -> Result<(), Refusal> {
        let taken = |port: Port| {
            let holder = self.services.holder_of(port, name)?.clone();
            Some(Refusal::PortTaken { port, holder })
        };
        spec.ports.iter().find_map(|port| taken(port.published)).map_or(Ok(()), Err)
    }

    /// Why no node could ever run its tasks, not even one that runs nothing else; `None` = one could, or nobody knows, for
    /// there are no nodes yet.
    fn never_fits(&self, spec: &ServiceSpec) -> Option<String> {
        let empty = |member: &Member| Candidate {
            state: NodeState::Ready,
            availability: Availability::Active,
            usage: Usage::default(),
            ..member.candidate()
        };
        let nodes: Vec<Candidate> = self.nodes.values().map(empty).collect();
        let mut pass = Pass::new(self.scheduler, nodes, None);
        (!pass.is_closed()).then(|| pass.place(&spec.task, None).err())?.map(|why| why.to_string())
    }

    fn create_service(&mut self, word: &Word, spec: &ServiceSpec) -> Applied {
        let change = NewVersion {
            spec: spec.clone(),
            restores: None,
            by: word.by.clone(),
            why: "created".to_owned(),
            at: word.at,
        };
        let service = Service::new(word.service.clone(), Version::new(1, 1, change));
        self.dirty.services.insert(word.service.clone());
        self.dirty.versions.insert((word.service.clone(), 1));
        self.services.insert(service);
        Applied::Changed(vec![of_service(word.at, EventKind::ServiceChanged, said(word, 1, "created"))])
    }

    /// The service that a word is about, if it is as its user takes it to be, and stays.
    pub(super) fn expect(&self, word: &Word) -> Result<&Service, Refusal> {
        let name = &word.service;
        let managed = self.services.get(name).ok_or_else(|| Refusal::UnknownService(name.clone()))?;
        let service = &managed.service;
        if service.desired == Desired::Stop {
            return Err(Refusal::ServiceLeaves { service: name.clone(), tasks: managed.tasks.len() });
        }
        match word.expected {
            Expected::Version(expected) if expected != service.wanted().number => {
                let is = service.wanted();
                let (version, by) = (is.number, is.by.clone());
                Err(Refusal::ServiceChanged { service: name.clone(), expected, version, by })
            }
            _ => Ok(service),
        }
    }

    /// Makes a version that is wanted from now on.
    fn want(&mut self, word: &Word, spec: ServiceSpec, restores: Option<u64>, why: &str) -> Applied {
        let Some(managed) = self.services.get_mut(&word.service) else { return Applied::Ignored };
        let change = NewVersion { spec, restores, by: word.by.clone(), why: why.to_owned(), at: word.at };
        let line = |service: &Service| service.wanted().spec.mode.cron().map(|cron| cron.line.clone());
        let before = line(&managed.service);
        let pruned = managed.service.want(change);
        (managed.done, managed.last_done) = (0, None);
        let number = managed.service.wanted().number;
        let after = line(&managed.service);
        managed.service.schedule.is_suspended &= after.is_some();
        let name = &word.service;
        if before != after {
            // What was due by the former line is not by this one.
            self.services.set_next(name, None);
        }
        self.dirty.services.insert(name.clone());
        self.dirty.versions.insert((name.clone(), number));
        for number in pruned {
            self.dirty.versions.remove(&(name.clone(), number));
            self.dirty.pruned.insert((name.clone(), number));
        }
        Applied::Changed(vec![of_service(word.at, EventKind::ServiceChanged, said(word, number, why))])
    }

    fn scale_service(&mut self, word: &Word, replicas: u32) -> Result<Applied, Refusal> {
        let spec = &self.expect(word)?.wanted().spec;
        let Mode::Replicated(before) = spec.mode else {
            return Err(Refusal::NotReplicated { service: word.service.clone(), mode: spec.mode.word() });
        };
        if before == replicas {
            return Ok(Applied::Ignored);
        }
        let spec = ServiceSpec { mode: Mode::Replicated(replicas), ..spec.clone() };
        Ok(self.want(word, spec, None, &format!("scaled from {before} to {replicas}")))
    }

    fn restore_service(&mut self, word: &Word, version: Option<u64>) -> Result<Applied, Refusal> {
        let service = self.expect(word)?;
        let wanted = service.wanted().number;
        let before = || service.versions.keys().copied().rev().find(|number| *number != wanted);
        let number = version.or(service.stable.filter(|stable| *stable != wanted)).or_else(before);
        let number = number.ok_or_else(|| Refusal::NoVersionBefore(word.service.clone()))?;
        let Some(version) = service.versions.get(&number) else {
            let kept = service.versions.keys().copied().collect();
            return Err(Refusal::UnknownVersion { service: word.service.clone(), version: number, kept });
        };
        let spec = self.service_with_versions(&version.spec)?;
        if spec == service.wanted().spec {
            return Ok(Applied::Ignored);
        }
        self.may_have_ports(&word.service, &spec)?;
        Ok(self.want(word, spec, Some(number), &format!("brings version {number} back")))
    }

    fn remove_service(&mut self, word: &Word) -> Result<Applied, Refusal> {
        let name = &word.service;
        let removed = self.services.get(name).is_some_and(|managed| managed.service.desired == Desired::Stop);
        if removed {
            return Ok(Applied::Ignored);
        }
        self.expect(word)?;
        let Some(managed) = self.services.get_mut(name) else { return Ok(Applied::Ignored) };
        managed.service.desired = Desired::Stop;
        managed.service.message = format!("removed by {}", word.by);
        managed.service.updated_at = word.at;
        self.dirty.services.insert(name.clone());
        let message = format!("{name} is to be removed, by {}", word.by);
        Ok(Applied::Changed(vec![of_service(word.at, EventKind::ServiceRemoved, message)]))
    }

    fn steer(&mut self, word: &Word, how: Steer, now: Now) -> Result<Applied, Refusal> {
        let name = &word.service;
        let service = self.expect(word)?;
        let number = service.wanted().number;
        let nothing = |why: &str| Refusal::NothingToSteer(format!("{name} {why}"));
        let message = match how {
            Steer::Pause if service.is_paused => return Ok(Applied::Ignored),
            Steer::Pause if service.is_settled() => {
                return Err(nothing("is as it should be: no rollout is under way that could be paused"));
            }
            Steer::Pause => format!("the rollout of version {number} is paused by {}", word.by),
            Steer::Resume if !service.is_paused => {
                return Err(nothing("is not paused; `orc service rollout status` tells how it is"));
            }
            Steer::Resume => format!("the rollout of version {number} goes on, by {}", word.by),
            Steer::Promote if service.stage != Stage::Canary || service.is_settled() => {
                return Err(nothing("has no canary that waits to be promoted"));
            }
            Steer::Promote => format!("version {number} is promoted by {}", word.by),
        };
        let failed = if how == Steer::Resume { self.failed_of(name) } else { Vec::new() };
        let mut events = vec![of_service(word.at, EventKind::Rollout, message.clone())];
        for task in failed {
            if let Applied::Changed(more) = self.retire(task, "it failed, and is tried again", now) {
                events.extend(more);
            }
        }
        let Some(managed) = self.services.get_mut(name) else { return Ok(Applied::Ignored) };
        let service = &mut managed.service;
        match how {
            Steer::Pause => service.is_paused = true,
            Steer::Resume => (service.is_paused, service.failures) = (false, 0),
            Steer::Promote => service.stage = Stage::Whole,
        }
        service.message = message;
        service.updated_at = word.at;
        self.dirty.services.insert(name.clone());
        Ok(Applied::Changed(events))
    }

    fn settle(&mut self, name: &ServiceName, now: Now) -> Applied {
        let Some(managed) = self.services.get_mut(name) else { return Applied::Ignored };
        let service = &mut managed.service;
        if service.is_settled() {
            return Applied::Ignored;
        }
        let number = service.wanted().number;
        service.stable = Some(number);
        (service.failures, service.is_paused) = (0, false);
        service.message = match &service.wanted().spec.mode {
            Mode::Job(job) => format!("version {number} has run to its end, {} times", job.completions),
            Mode::Replicated(_) | Mode::Global => format!("version {number} runs in every slot"),
            Mode::Cron(_) => format!("version {number} runs by the clock"),
        };
        service.updated_at = now.wall;
        let message = format!("{name}: {}", service.message);
        self.dirty.services.insert(name.clone());
        Applied::Changed(vec![of_service(now.wall, EventKind::Rollout, message)])
    }

    fn fail(&mut self, name: &ServiceName, why: &str, now: Now) -> Applied {
        let Some(managed) = self.services.get_mut(name) else { return Applied::Ignored };
        let service = &mut managed.service;
        let wanted = service.wanted().clone();
        let is_job = matches!(wanted.spec.mode, Mode::Job(_));
        let stable = service.stable().filter(|_| !is_job).cloned();
        let (on_failure, event) = (service.policy().on_failure, EventKind::Rollout);
        if let (OnFailure::Rollback, Some(stable)) = (on_failure, stable) {
            let word = Word {
                service: name.clone(),
                expected: Expected::Anything,
                by: "orc".to_owned(),
                at: now.wall,
            };
            let message = format!("brings version {} back: {why}", stable.number);
            return self.want(&word, stable.spec.clone(), Some(stable.number), &message);
        }
        service.message = if on_failure == OnFailure::Continue && !is_job {
            service.stage = Stage::Regardless;
            format!("version {} goes on although {why}", wanted.number)
        } else {
            service.is_paused = true;
            format!("version {} is held: {why}", wanted.number)
        };
        service.updated_at = now.wall;
        let message = format!("{name}: {}", service.message);
        self.dirty.services.insert(name.clone());
        Applied::Changed(vec![of_service(now.wall, event, message)])
    }

    fn drop_service(&mut self, name: &ServiceName) -> Applied {
        self.services.remove(name);
        if self.services.set_routes(name, BTreeMap::new()) {
            self.nodes.stir_all();
        }
        self.dirty.services.remove(name);
        self.dirty.versions.retain(|(service, _)| service != name);
        self.dirty.pruned.retain(|(service, _)| service != name);
        self.dirty.runs.retain(|(service, _)| service != name);
        self.dirty.pruned_runs.retain(|(service, _)| service != name);
        self.dirty.dropped.insert(name.clone());
        Applied::Changed(Vec::new())
    }
}

fn said(word: &Word, version: u64, why: &str) -> String {
    format!("version {version} of {}: {why}, by {}", word.service, word.by)
}

pub(super) const fn of_service(at: Timestamp, kind: EventKind, message: String) -> Event {
    Event { at, task: None, node: None, attempt: 0, kind, exit_code: None, message }
}
