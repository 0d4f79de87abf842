//! The nodes of a planning pass.

use super::Candidate;
use super::explain::Closed;
use super::room::Free;
use crate::model::decision::Reasoning;

/// The nodes, by name: the order of turns, and of equals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nodes {
    /// Those that take tasks.
    pub(super) open: Vec<Candidate>,
    /// What these have left.
    pub(super) free: Vec<Free>,
    /// Those that take no tasks.
    pub(super) closed: Vec<Candidate>,
}

impl Nodes {
    /// Sorts them.
    pub(super) fn new(mut candidates: Vec<Candidate>) -> Self {
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        let (open, closed): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|node| Closed::of(node).is_none());
        Self { free: open.iter().map(Free::of).collect(), open, closed }
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.open.len() + self.closed.len()
    }

    /// Whether there are so many that no account names each.
    pub(super) const fn are_many(&self) -> bool {
        self.count() > Reasoning::MOST_NODES
    }

    /// All of them, whether they take tasks or not.
    pub(super) fn all(&self) -> impl Iterator<Item = &Candidate> + Clone {
        self.open.iter().chain(&self.closed)
    }
}
