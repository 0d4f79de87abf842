//! What a manager writes at a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::model::access::{Admission, Token};
use crate::model::decision::Decision;
use crate::model::epoch::Epoch;
use crate::model::id::{NodeName, TaskId};
use crate::model::image::{ImageName, StoredImage};
use crate::model::managed_file::{AtRest, FileKey, FileVersion, ManagedFile};
use crate::model::node::Node;
use crate::model::request::Request;
use crate::model::service::{Run, Service, ServiceName, Version};
use crate::model::task::Task;
use crate::store::insert::{Parameter, Statement, rows};

use super::access_row::{self, AdmissionRow, TokenRow};
use super::decision_row::{self, DecisionRow};
use super::event_row::{self, ManagerEventRow, StoredEvent};
use super::file_row::{self, FileRow};
use super::image_row::{self, ImageRow};
use super::node_row::{self, NodeRow};
use super::request_row::{self, RequestRow};
use super::run_row::{self, RunRow};
use super::service_row::{self, ServiceRow, VersionRow};
use super::task_row::{self, TaskRow};

/// Changes that belong together, and changes that happen to come at the same time: the more there are in one
/// batch, the less each costs.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The epoch: another than that of the start once an operator has accepted an older history.
    pub epoch: u64,
    /// The epoch that takes the place of all that are remembered, once an operator has accepted an older history.
    pub accepted: Option<Epoch>,
    /// How long managers have run on this store.
    pub lived: Duration,
    /// The cluster's revision after these changes.
    pub revision: u64,
    /// Moves that an operator's rebalance may still begin after them.
    pub rebalance: u32,
    /// Whole tasks, new or changed. Of one that is there already, what never changes is not written again: its
    /// spec, its identifier, when it was accepted and where it is pinned.
    pub tasks: Vec<Task>,
    /// Tasks to delete, with their events, requests and decisions.
    pub forgotten: Vec<TaskId>,
    /// Nodes to delete. No task of them may be left there, but for its former node.
    pub removed: Vec<NodeName>,
    /// Whole nodes, new or changed. A task's node must be there, or among these.
    pub nodes: Vec<Node>,
    /// Whole services, new or changed, beside their versions.
    pub services: Vec<Service>,
    /// New versions of services that are there, or among these.
    pub versions: Vec<(ServiceName, Arc<Version>)>,
    /// Versions to forget.
    pub pruned: Vec<(ServiceName, u64)>,
    /// Whole runs, new or changed, of services that are there, or among these.
    pub runs: Vec<(ServiceName, Run)>,
    /// Runs to forget.
    pub pruned_runs: Vec<(ServiceName, u32)>,
    /// Services to forget, with their versions and runs: before any is written.
    pub dropped: Vec<ServiceName>,
    /// Whole secrets and configs, new or changed, beside their versions.
    pub files: Vec<ManagedFile>,
    /// New versions of secrets and configs that are there, or among these.
    pub file_versions: Vec<(FileKey, FileVersion, AtRest)>,
    /// Versions of secrets and configs to forget: before any is written.
    pub file_pruned: Vec<(FileKey, u64)>,
    /// Whole images that the manager hands out, new or changed.
    pub images: Vec<StoredImage>,
    /// Images to forget: before any is written.
    pub images_gone: Vec<ImageName>,
    /// What was decided about tasks that are there, or among these. Of each task the last ten are kept.
    pub decisions: Vec<Decision>,
    /// What happened.
    pub events: Vec<StoredEvent>,
    /// What was answered. Each one's task must be there, or among these.
    pub requests: Vec<Request>,
    /// Whole tokens, new or changed.
    pub tokens: Vec<Token>,
    /// Whole admissions, new or changed.
    pub admissions: Vec<Admission>,
}

impl Batch {
    /// Whether there is nothing that must be kept: counts alone are worth no write.
    pub const fn is_empty(&self) -> bool {
        self.tasks.is_empty()
            && self.forgotten.is_empty()
            && self.nodes.is_empty()
            && self.removed.is_empty()
            && self.services.is_empty()
            && self.runs.is_empty()
            && self.dropped.is_empty()
            && self.files.is_empty()
            && self.file_pruned.is_empty()
            && self.images.is_empty()
            && self.images_gone.is_empty()
            && self.events.is_empty()
            && self.requests.is_empty()
            && self.tokens.is_empty()
            && self.admissions.is_empty()
    }

    /// In an order in which every row finds what it refers to, and every new task its name given up by a task
    /// that ended.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let (ended, live): (Vec<&Task>, Vec<&Task>) =
            self.tasks.iter().partition(|task| task.state.is_final());
        let mut statements = Vec::new();
        statements.extend(rows(FORGET_EVENTS, &self.forgotten));
        statements.extend(rows(FORGET_TASKS, &self.forgotten));
        statements.extend(node_row::UPSERT.all(&all(&self.nodes, NodeRow::from)));
        statements.extend(task_row::UPSERT.all(&all(ended.into_iter().chain(live), TaskRow::from)));
        statements.extend(rows(REMOVE_NODES, &self.removed));
        statements.extend(rows(DROP_SERVICES, &self.dropped));
        statements.extend(service_row::UPSERT.all(&all(&self.services, ServiceRow::from)));
        let versions = all(&self.versions, |(service, version)| VersionRow::new(service, version));
        statements.extend(service_row::INSERT_VERSION.all(&versions));
        statements.extend(rows(PRUNE_VERSIONS, &self.pruned));
        statements.extend(run_row::UPSERT.all(&all(&self.runs, |(service, run)| RunRow::new(service, run))));
        statements.extend(rows(PRUNE_RUNS, &self.pruned_runs));
        statements.extend(self.of_files());
        statements.extend(rows(image_row::FORGET, &self.images_gone));
        statements.extend(image_row::UPSERT.all(&all(&self.images, ImageRow::from)));
        statements.extend(request_row::INSERT.all(&all(&self.requests, RequestRow::from)));
        statements.extend(decision_row::INSERT.all(&all(&self.decisions, DecisionRow::from)));
        statements.extend(event_row::INSERT.all(&all(&self.events, ManagerEventRow::from)));
        statements.extend(rows(access_row::UPSERT_TOKENS, &all(&self.tokens, TokenRow::from)));
        statements.extend(rows(access_row::UPSERT_ADMISSIONS, &all(&self.admissions, AdmissionRow::from)));
        statements.extend(self.accepted.iter().flat_map(accept));
        statements.push(self.counts());
        statements
    }

    fn of_files(&self) -> Vec<Statement> {
        let gone = all(&self.file_pruned, |(key, version)| (key.kind.word(), key.name.as_str(), *version));
        let mut statements: Vec<Statement> = rows(file_row::FORGET_VERSIONS, &gone).into_iter().collect();
        statements.extend(file_row::UPSERT.all(&all(&self.files, FileRow::from)));
        let made = self.file_versions.iter();
        statements.extend(made.map(|(key, version, contents)| file_row::insert(key, version, contents)));
        statements
    }

    fn counts(&self) -> Statement {
        let last_task = self.tasks.iter().map(|task| task.seq).max().unwrap_or(0);
        let last_event = self.events.iter().map(|event| event.seq).max().unwrap_or(0);
        let lived = u64::try_from(self.lived.as_millis()).unwrap_or(u64::MAX);
        let counts = [self.epoch, self.revision, self.rebalance.into(), last_task, last_event, lived];
        let parameters = counts.map(|count| Parameter::Integer(i64::try_from(count).unwrap_or(i64::MAX)));
        Statement { sql: COUNT.into(), parameters: parameters.into() }
    }
}

const COUNT: &str = "
    UPDATE meta SET
        epoch = max(epoch, ?), revision = ?, rebalance = ?, last_task = max(last_task, ?),
        last_event = max(last_event, ?), lived_ms = max(lived_ms, ?)";

/// What was before the accepted history is judged no more.
fn accept(epoch: &Epoch) -> [Statement; 2] {
    let row = json!([{ "epoch": epoch.number, "start": epoch.start, "revision": epoch.revision }]);
    [FORGET_EPOCHS, BEGIN_EPOCH].map(|sql| Statement::of_json(sql, row.to_string()))
}

const FORGET_EPOCHS: &str = "DELETE FROM epochs WHERE epoch < (SELECT value ->> 'epoch' FROM json_each(?))";

const BEGIN_EPOCH: &str = "
    INSERT INTO epochs (epoch, start, revision)
    SELECT value ->> 'epoch', value ->> 'start', value ->> 'revision' FROM json_each(?)";

const FORGET_EVENTS: &str = "DELETE FROM events WHERE task IN (SELECT value FROM json_each(?))";

/// Their requests and decisions go with them, by foreign keys.
const FORGET_TASKS: &str = "DELETE FROM tasks WHERE id IN (SELECT value FROM json_each(?))";

const REMOVE_NODES: &str = "DELETE FROM nodes WHERE name IN (SELECT value FROM json_each(?))";

/// Their versions and runs go with them, by foreign keys.
const DROP_SERVICES: &str = "DELETE FROM services WHERE name IN (SELECT value FROM json_each(?))";

const PRUNE_VERSIONS: &str = "
    DELETE FROM service_versions WHERE (service, version) IN
        (SELECT value ->> 0, value ->> 1 FROM json_each(?))";

const PRUNE_RUNS: &str = "
    DELETE FROM service_runs WHERE (service, run) IN
        (SELECT value ->> 0, value ->> 1 FROM json_each(?))";

fn all<T, R>(items: impl IntoIterator<Item = T>, row: impl Fn(T) -> R) -> Vec<R> {
    items.into_iter().map(row).collect()
}
