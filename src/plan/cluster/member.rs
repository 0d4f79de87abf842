//! A node as the manager knows it, and what is derived of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::id::TaskId;
use crate::model::node::{Availability, Life, Node, NodeFacts, NodeLoad, NodeState};
use crate::model::spec::TaskSpec;
use crate::model::time::Moment;
use crate::plan::schedule::{Candidate, Description, Usage};

/// What a worker says of its engine's volumes may be so old: it looks every 10 s, and what it says takes a while.
const OLD_WORD: Duration = Duration::from_secs(30);

/// A node and what is derived of it.
#[derive(Debug, Clone)]
pub struct Member {
    /// What the store keeps of it.
    pub node: Node,
    /// When it was heard of last; a manager that starts grants every node a whole lease first.
    pub heard: Moment,
    /// How loaded its machine is.
    pub load: NodeLoad,
    /// What its live tasks hold.
    pub usage: Usage,
    /// The life of its worker that was heard of last.
    pub life: Option<Life>,
    /// The revision that its worker has taken in, in this life of the manager.
    pub(super) taken_in: Option<u64>,
    /// Tasks of which its worker has containers beside those that it was given; `None` = it cannot say.
    pub(super) leftovers: Option<BTreeSet<TaskId>>,
    /// The routes that its worker knows; `None` = it did not say.
    pub(super) routed: Option<u64>,
    /// Tasks to which connections are open there, beside those that are routed to.
    pub(super) open: BTreeSet<TaskId>,
    /// Its tasks by the revision of their last change.
    pub(super) assigned: BTreeMap<u64, TaskId>,
    /// Tasks that are to leave it.
    pub(super) leaving: BTreeSet<TaskId>,
    /// Named volumes that were known to be there, and when: its worker may have looked before that.
    pub(super) kept: BTreeMap<String, Moment>,
    /// A worker that knows less than this revision is told everything anew.
    pub(super) floor: u64,
    /// What constraints can ask of `node`, made anew when that changes: each pass over thousands of nodes shares it.
    pub(super) description: Arc<Description>,
}

impl Member {
    /// How many tasks are on their way off it.
    pub fn leaving(&self) -> usize {
        self.leaving.len()
    }

    pub(super) fn new(node: Node, now: Moment) -> Self {
        Self {
            description: describe(&node),
            kept: node.facts.volumes.iter().flatten().map(|volume| (volume.clone(), now)).collect(),
            node,
            heard: now,
            load: NodeLoad::default(),
            usage: Usage::default(),
            life: None,
            taken_in: None,
            leftovers: None,
            routed: None,
            open: BTreeSet::new(),
            assigned: BTreeMap::new(),
            leaving: BTreeSet::new(),
            floor: 0,
        }
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            name: self.node.name.clone(),
            state: self.node.state,
            availability: self.node.availability,
            cores: (f64::from(self.node.facts.cores) - self.node.reserved.cpu).max(0.0),
            memory: self.node.facts.memory.saturating_sub(self.node.reserved.memory),
            disk: self.node.facts.disk.saturating_sub(self.node.reserved.disk),
            load: self.load,
            usage: self.usage.clone(),
            description: self.description.clone(),
        }
    }

    /// Whether tasks should leave it.
    pub(super) fn is_restless(&self) -> bool {
        self.node.state == NodeState::Unreachable || self.node.availability == Availability::Drain
    }

    /// Takes note that the named volumes of a task that ran here are here, as the worker will say at its next look; whether
    /// that is news.
    pub(super) fn keep_volumes(&mut self, spec: &TaskSpec, now: Moment) -> bool {
        let volumes = self.node.facts.volumes.get_or_insert_default();
        self.kept.extend(spec.named_volumes().map(|volume| (volume.to_owned(), now)));
        let before = volumes.len();
        volumes.extend(spec.named_volumes().map(str::to_owned));
        let is_news = volumes.len() > before;
        if is_news {
            self.describe();
        }
        is_news
    }

    /// What is known of its machine after its worker has said this. A volume that was there a moment ago is not gone because
    /// the worker does not name it: it may have looked before.
    pub(super) fn facts_after<'a>(&mut self, said: &'a NodeFacts, now: Moment) -> Cow<'a, NodeFacts> {
        self.kept.retain(|_, at| now.since(*at) <= OLD_WORD);
        let mut facts = said.over(&self.node.facts);
        let told = facts.volumes.as_ref();
        if told.is_some_and(|told| self.kept.keys().any(|volume| !told.contains(volume))) {
            facts.to_mut().volumes.get_or_insert_default().extend(self.kept.keys().cloned());
        }
        facts
    }

    /// Takes note that `node` is another than before.
    pub(super) fn describe(&mut self) {
        self.description = describe(&self.node);
    }
}

fn describe(node: &Node) -> Arc<Description> {
    Arc::new(Description {
        ip: node.facts.ip.clone(),
        engine: node.facts.engine.clone(),
        version: node.facts.version.clone(),
        labels: node.labels(),
        volumes: node.facts.volumes.clone().unwrap_or_default(),
    })
}
