//! What the changes mean by which tasks of services come and go.

use std::sync::Arc;

use super::Cluster;
use super::apply::about;
use super::change::Applied;
use crate::model::event::EventKind;
use crate::model::id::TaskId;
use crate::model::node::SchedulerKind;
use crate::model::placement::{Fact, Preference, Spread, Weight, Wish};
use crate::model::service::{Membership, SERVICE_LABEL, ServiceName, ServiceSpec, Slot, Version};
use crate::model::spec::{Empty, TaskSpec};
use crate::model::state::State;
use crate::model::task::Task;
use crate::model::template::{self, Known};
use crate::model::time::Now;

impl Cluster {
    /// Tasks of a service that hold their slots although they do not work.
    pub(super) fn failed_of(&self, name: &ServiceName) -> Vec<TaskId> {
        let Some(managed) = self.services.get(name) else { return Vec::new() };
        let wanted = managed.service.wanted().template;
        let is_new = |task: &Task| task.membership.as_ref().is_some_and(|its| its.version == wanted);
        let ended = |task: &Task| task.state == State::Failed;
        let failed = managed.tasks.iter().filter(|(id, trial)| {
            self.tasks.get(id).is_some_and(|task| is_new(task) && (trial.has_failed || ended(task)))
        });
        failed.map(|(id, _)| *id).collect()
    }

    pub(super) fn start_task(&mut self, name: &ServiceName, slot: &Slot, template: u64, now: Now) -> Applied {
        let epoch = self.epoch;
        let Some(managed) = self.services.get_mut(name) else { return Applied::Ignored };
        let service = &mut managed.service;
        let by_template = |version: &&Arc<Version>| version.template == template;
        let Some(version) = service.versions.values().rev().find(by_template).cloned() else {
            return Applied::Ignored;
        };
        service.started += 1;
        let id = TaskId::derived(now.wall, &(self.id, epoch, name, service.created_at, service.started));
        if self.tasks.contains_key(&id) || self.unreadable.contains(&id) {
            return Applied::Ignored;
        }
        let mut spec = self.task_spec(name, slot, template, &version.spec);
        fill_in(&mut spec, name, slot, id);
        let pinned = if let Slot::Node(node) = slot { Some(node.clone()) } else { None };
        let membership = Membership { service: name.clone(), slot: slot.clone(), version: template };
        let task = Task {
            seq: self.next_seq,
            membership: Some(membership),
            ..Task::accepted(id, Arc::new(spec), pinned, now.wall)
        };
        self.next_seq += 1;
        self.names.insert(task.spec.name.clone(), id);
        self.fresh.insert((task.seq, id));
        self.dirty.services.insert(name.clone());
        self.dirty.tasks.insert(id);
        self.services.enter(&task, now.moment);
        let message =
            format!("slot {slot} of {name}, version {}, to run {}", version.number, task.spec.image);
        let event = about(&task, now.wall, EventKind::Submitted, message);
        self.tasks.insert(id, task);
        Applied::Changed(vec![event])
    }

    /// What a task of a service runs as: under a name of its own, and spread over the nodes where nobody said otherwise.
    fn task_spec(&self, name: &ServiceName, slot: &Slot, template: u64, service: &ServiceSpec) -> TaskSpec {
        let mut spec = (*service.task).clone();
        let own = format!("{name}.{slot}.v{template}");
        let is_free = |name: &String| !self.names.contains_key(name);
        let numbered = (2_u64..).map(|count| format!("{own}-{count}"));
        spec.name = std::iter::once(own.clone()).chain(numbered).find(is_free).unwrap_or(own.clone());
        for port in &service.ports {
            // So that other nodes reach it, too.
            spec.exposed_ports.get_or_insert_default().insert(port.target, Empty {});
        }
        spec.labels.insert(SERVICE_LABEL.to_owned(), name.to_string());
        if spec.placement.preferences.is_empty() && self.scheduler != SchedulerKind::Binpack {
            let spread = Spread { over: Fact::Name, of: Some(SERVICE_LABEL.to_owned()) };
            spec.placement.preferences =
                vec![Preference { wish: Wish::Spread(spread), weight: Weight::default() }];
        }
        spec
    }

    pub(super) fn retire(&mut self, task: TaskId, why: &str, now: Now) -> Applied {
        self.ask_to_stop(task, &format!("asked to stop: {why}"), now)
    }

    pub(super) fn discard(&mut self, name: &ServiceName, task: TaskId, now: Now) -> Applied {
        let applied = self.retire(task, "it does not work", now);
        if let Some(managed) = self.services.get_mut(name).filter(|_| applied != Applied::Ignored) {
            managed.service.failures += 1;
            self.dirty.services.insert(name.clone());
        }
        applied
    }
}

/// Fills in what the templates of a task say of its service and its slot; what they say of its node, its worker fills in.
fn fill_in(spec: &mut TaskSpec, service: &ServiceName, slot: &Slot, id: TaskId) {
    if !template::is_in(spec) {
        return;
    }
    let (slot, id, name) = (slot.to_string(), id.to_string(), spec.name.clone());
    let known = Known {
        service: Some(service.as_str()),
        slot: Some(&slot),
        task_name: Some(&name),
        task_id: Some(&id),
        node: None,
    };
    template::fill_spec(spec, known);
}
