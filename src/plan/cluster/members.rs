//! The nodes by name, and which of them have changed since somebody looked: so that nobody looks at thousands in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Member;
use crate::model::id::NodeName;
use crate::model::node::NodeState;
use crate::model::time::Moment;

/// Every node.
#[derive(Debug, Clone, Default)]
pub(super) struct Members {
    all: BTreeMap<NodeName, Member>,
    /// Changed, and not sorted in.
    touched: Vec<NodeName>,
    /// Those that tasks should leave.
    restless: BTreeSet<NodeName>,
    /// Changed since the planner looked.
    unplanned: BTreeSet<NodeName>,
    /// Changed since those who wait for news were looked at.
    stirred: BTreeSet<NodeName>,
    /// No node that is heard of was heard of last before that; `None` = not known.
    heard_since: Option<Moment>,
}

impl Members {
    /// A node.
    pub(super) fn get(&self, name: &NodeName) -> Option<&Member> {
        self.all.get(name)
    }

    /// Whether there is such a node.
    pub(super) fn contains(&self, name: &NodeName) -> bool {
        self.all.contains_key(name)
    }

    /// Every node, by name.
    pub(super) fn values(&self) -> impl Iterator<Item = &Member> {
        self.all.values()
    }

    /// Those that tasks should leave, by name.
    pub(super) fn restless(&self) -> impl Iterator<Item = &Member> {
        self.restless.iter().filter_map(|name| self.all.get(name))
    }

    /// Whether tasks should leave any.
    pub(super) fn are_restless(&self) -> bool {
        !self.restless.is_empty()
    }

    /// A node, to change it.
    pub(super) fn get_mut(&mut self, name: &NodeName) -> Option<&mut Member> {
        let member = self.all.get_mut(name)?;
        self.touched.push(member.node.name.clone());
        Some(member)
    }

    /// Changes every node.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut Member)) {
        for member in self.all.values_mut() {
            change(member);
            self.touched.push(member.node.name.clone());
        }
    }

    /// Has all who wait for news looked at.
    pub(super) fn stir_all(&mut self) {
        self.stirred.extend(self.all.keys().cloned());
    }

    /// Adds a node.
    pub(super) fn insert(&mut self, member: Member) {
        let name = member.node.name.clone();
        self.touched.push(name.clone());
        self.all.insert(name, member);
    }

    /// Takes a node out.
    pub(super) fn remove(&mut self, name: &NodeName) {
        self.all.remove(name);
        self.touched.push(name.clone());
    }

    /// Sorts in what was changed: at the end of each change.
    pub(super) fn settle(&mut self) {
        while let Some(name) = self.touched.pop() {
            if self.all.get(&name).is_some_and(Member::is_restless) {
                self.restless.insert(name.clone());
            } else {
                self.restless.remove(&name);
            }
            self.unplanned.insert(name.clone());
            self.stirred.insert(name);
        }
    }

    /// What has changed since the planner asked last.
    pub(super) fn take_unplanned(&mut self) -> BTreeSet<NodeName> {
        std::mem::take(&mut self.unplanned)
    }

    /// What has changed since those who wait for news were looked at.
    pub(super) fn take_stirred(&mut self) -> BTreeSet<NodeName> {
        std::mem::take(&mut self.stirred)
    }

    /// Those that were heard of until then, and for longer than `lease` not any more; with how long. All of them are
    /// looked at only when the one that was silent longest at the last look may have been silent for so long.
    pub(super) fn fallen_silent(&mut self, lease: Duration, now: Moment) -> Vec<(NodeName, Duration)> {
        if self.heard_since.is_some_and(|since| now.since(since) <= lease) {
            return Vec::new();
        }
        let heard_of = || self.all.values().filter(|member| member.node.state != NodeState::Unreachable);
        self.heard_since = Some(heard_of().map(|member| member.heard).min().unwrap_or(now).min(now));
        let silences = heard_of().map(|member| (member.node.name.clone(), now.since(member.heard)));
        silences.filter(|(_, silence)| *silence > lease).collect()
    }
}
