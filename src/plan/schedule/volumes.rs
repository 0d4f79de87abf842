//! Where a task's named volumes are: that is where it goes, for what is in them goes nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Candidate;
use super::nodes::Nodes;
use crate::model::decision::Reasoning;
use crate::model::id::NodeName;
use crate::model::placement::Constraint;
use crate::model::spec::TaskSpec;

/// The named volumes of live tasks, counted: one may have a volume before its node has said so. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volumes(Arc<BTreeMap<String, u32>>);

impl Volumes {
    /// Counts a task in.
    pub(super) fn add(&mut self, spec: &TaskSpec) {
        for name in spec.named_volumes() {
            *Arc::make_mut(&mut self.0).entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Counts a task out.
    pub(super) fn remove(&mut self, spec: &TaskSpec) {
        for name in spec.named_volumes() {
            let volumes = Arc::make_mut(&mut self.0);
            let Some(tasks) = volumes.get_mut(name) else { continue };
            *tasks -= 1;
            if *tasks == 0 {
                volumes.remove(name);
            }
        }
    }
}

/// A task that goes where its volumes are.
#[derive(Debug)]
pub(super) struct Tied {
    /// What it asks for, and to be there.
    pub(super) spec: TaskSpec,
    /// Where its volumes are, in words.
    words: String,
}

impl Tied {
    /// `None` = none of its volumes is anywhere yet.
    pub(super) fn of(spec: &TaskSpec, nodes: &Nodes) -> Option<Self> {
        let mut words = Vec::new();
        let mut tied = None;
        for volume in spec.named_volumes() {
            let there: Vec<&NodeName> =
                nodes.all().filter(|node| has(node, volume)).map(|node| &node.name).collect();
            if there.is_empty() {
                continue;
            }
            let constraint = Constraint::is_one_of(&there);
            tied.get_or_insert_with(|| spec.clone()).placement.constraints.push(constraint);
            words.push(match there.as_slice() {
                [node] => format!("its volume {volume} is on {node}"),
                [first, rest @ ..] => format!("its volume {volume} is on {first} and {} more", rest.len()),
                [] => continue,
            });
        }
        tied.map(|spec| Self { spec, words: words.join(", ") })
    }

    /// The reasons of a placement, or for none, after where its volumes are.
    pub(super) fn explain(&self, reasoning: &Reasoning) -> Reasoning {
        Reasoning { summary: format!("{}; {}", self.words, reasoning.summary), ..reasoning.clone() }
    }
}

/// Whether a node has a volume, or will as soon as a task runs that it was given.
fn has(node: &Candidate, volume: &str) -> bool {
    node.description.volumes.contains(volume) || node.usage.volumes.0.contains_key(volume)
}
