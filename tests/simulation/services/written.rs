//! What the manager writes down of services, judged before it is durable; and how its disk keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use orc::model::service::{Membership, Run, Schedule, Service, ServiceName, Stage, Version};
use orc::model::state::Desired;
use orc::model::task::Task;
use orc::plan::cluster::{Cluster, Dirty};

use crate::manager::Disk;
use crate::world::{Checked, World, broken};

impl Disk {
    /// Takes in what has changed of services, as the store does: of a service its row alone, and versions by themselves.
    pub(crate) fn write_services(&mut self, cluster: &Cluster, dirty: &Dirty) {
        for name in &dirty.dropped {
            self.services.remove(name);
            self.versions.retain(|(service, _), _| service != name);
            self.runs.retain(|(service, _), _| service != name);
        }
        for service in dirty.services.iter().filter_map(|name| cluster.service_of(name)) {
            let before = self.services.get(&service.name);
            let created_at = before.map_or(service.created_at, |before| before.created_at);
            let schedule = Schedule { runs: BTreeMap::new(), ..service.schedule.clone() };
            let row = Service { created_at, versions: BTreeMap::new(), schedule, ..service.clone() };
            self.services.insert(service.name.clone(), row);
        }
        for (name, number) in &dirty.versions {
            let version = cluster.service_of(name).and_then(|service| service.versions.get(number));
            if let Some(version) = version {
                self.versions.entry((name.clone(), *number)).or_insert_with(|| version.clone());
            }
        }
        self.versions.retain(|key, _| !dirty.pruned.contains(key));
        for (name, number) in &dirty.runs {
            let run = cluster.service_of(name).and_then(|service| service.schedule.runs.get(number));
            self.runs.extend(run.map(|run| ((name.clone(), *number), Arc::new(run.clone()))));
        }
        self.runs.retain(|key, _| !dirty.pruned_runs.contains(key));
    }

    /// A service as it is read back; `None` = there is none, or the store could not read it.
    pub(crate) fn service(&self, name: &ServiceName) -> Option<Service> {
        let row = self.services.get(name)?;
        let versions = self.versions_of(name).map(|version| (version.number, version.clone())).collect();
        let mut service = Service { versions, ..row.clone() };
        let whole = (name.clone(), 0)..=(name.clone(), u32::MAX);
        let runs = self.runs.range(whole).map(|((_, number), run)| (*number, Run::clone(run)));
        service.schedule.runs = runs.collect();
        let is_whole = service.stable.is_none_or(|stable| service.versions.contains_key(&stable));
        (is_whole && !service.versions.is_empty()).then_some(service)
    }

    pub(super) fn newest_version(&self, name: &ServiceName) -> Option<&Arc<Version>> {
        self.versions_of(name).last()
    }

    fn versions_of(&self, name: &ServiceName) -> impl DoubleEndedIterator<Item = &Arc<Version>> {
        let whole = (name.clone(), 0)..=(name.clone(), u64::MAX);
        self.versions.range(whole).map(|(_, version)| version)
    }
}

impl World {
    /// What the manager writes down of services.
    pub(crate) fn check_services(&self, after: &Disk, dirty: &Dirty) -> Checked {
        let Some(cluster) = &self.manager.cluster else { return Ok(()) };
        let before = &self.manager.disk;
        for name in &dirty.dropped {
            if before.services.get(name).is_some_and(|service| service.desired == Desired::Run) {
                return broken("S1", format!("{name} is wanted, and is forgotten"));
            }
        }
        for (name, number) in &dirty.versions {
            self.check_version(after, name, *number)?;
        }
        for name in &dirty.services {
            if let (Some(old), Some(new)) = (before.service(name), after.service(name)) {
                self.check_service(&old, &new)?;
            }
        }
        // What is durable is what is known: after a death, everything goes on where it was.
        for service in cluster.services() {
            let row = after.services.get(&service.name);
            let is_kept = row.is_some_and(|row| are_same(row, service));
            let runs = || dirty.runs.iter().chain(&dirty.pruned_runs);
            let changed =
                dirty.services.contains(&service.name) || runs().any(|(name, _)| *name == service.name);
            if !is_kept || (changed && after.service(&service.name).as_ref() != Some(service)) {
                let kept = after.service(&service.name);
                return broken("S1", format!("known is {service:?}, and written is {kept:?} of {row:?}"));
            }
        }
        if cluster.services().count() != after.services.len() {
            return broken("S1", "a service is on the disk, and is not known");
        }
        Ok(())
    }

    /// A version has a number that none had, never changes, and is of somebody who may make one.
    fn check_version(&self, after: &Disk, name: &ServiceName, number: u64) -> Checked {
        let before = &self.manager.disk;
        let is_new = before.newest_version(name).is_none_or(|newest| newest.number < number);
        let Some(version) = after.versions.get(&(name.clone(), number)) else { return Ok(()) };
        if !is_new {
            return broken("S8", format!("version {number} of {name} is given once more: {version:?}"));
        }
        if version.by != "orc" {
            return self.check_said(name, "is changed");
        }
        let stable = before.services.get(name).and_then(|service| service.stable);
        let kept = stable.and_then(|stable| before.versions.get(&(name.clone(), stable)));
        let brings_back = kept.is_some_and(|kept| kept.spec == version.spec && version.restores == stable);
        if brings_back {
            Ok(())
        } else {
            broken("S13", format!("{name} goes back to what was not good: {version:?}"))
        }
    }

    fn check_said(&self, name: &ServiceName, what: &str) -> Checked {
        if self.customers.saying.as_ref() == Some(name) {
            return Ok(());
        }
        broken("S13", format!("{name} {what}, and nobody asked for that"))
    }

    fn check_service(&self, old: &Service, new: &Service) -> Checked {
        let name = &new.name;
        if old.desired == Desired::Stop && new.desired == Desired::Run {
            return broken("S6", format!("{name} was removed, and is wanted again"));
        }
        if old.desired != new.desired {
            self.check_said(name, "is removed")?;
        }
        let same = old.wanted().number == new.wanted().number;
        let settles = new.is_settled() && !old.is_settled();
        if new.stable != old.stable && !settles {
            return broken("S6", format!("version {:?} of {name} is the good one now", new.stable));
        }
        if !same || settles {
            return Ok(());
        }
        if new.failures < old.failures || (old.is_paused && !new.is_paused) {
            self.check_said(name, "goes on")?;
        }
        if old.stage == Stage::Canary && new.stage == Stage::Whole {
            self.check_said(name, "is promoted")?;
        }
        if new.started < old.started {
            return broken("S8", format!("{name} counts its tasks backwards"));
        }
        Ok(())
    }

    /// A user resumes a rollout: what has failed is to stop, and be tried again.
    pub(crate) fn is_resumed(&self, task: &Task) -> bool {
        let service = task.membership.as_ref().map(|its| &its.service);
        service.is_some() && service == self.customers.saying.as_ref()
    }
}

/// Whether two services are the same, but for their versions.
fn are_same(one: &Service, other: &Service) -> bool {
    one.desired == other.desired
        && one.stable == other.stable
        && one.stage == other.stage
        && one.is_paused == other.is_paused
        && one.failures == other.failures
        && one.started == other.started
        && one.message == other.message
        && one.schedule.next == other.schedule.next
        && one.schedule.is_suspended == other.schedule.is_suspended
        && one.schedule.numbered == other.schedule.numbered
        && one.created_at == other.created_at
        && one.updated_at == other.updated_at
}

/// A task that came for a service: what the service says.
pub(crate) fn check_member(after: &Disk, task: &Task, its: &Membership) -> Checked {
    let versions = after.versions_of(&its.service);
    let mut templates = versions.filter(|version| version.template == its.version);
    let is_of = |version: &Arc<Version>| {
        let (asked, got) = (&version.spec.task, &task.spec);
        (&asked.image, &asked.env, asked.restart_policy, asked.failover)
            == (&got.image, &got.env, got.restart_policy, got.failover)
    };
    if templates.any(is_of) {
        return Ok(());
    }
    broken("S9", format!("{} is not what {} says", task.spec.name, its.service))
}
