//! What must be before a service starts.

use std::collections::BTreeMap;

use crate::compose::place::Place;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;

/// One service that another depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What must be true of it.
    pub condition: Condition,
    /// Whether it is an error when there is no such service; where not, a missing one is passed over.
    pub required: bool,
    /// Whether the one that depends is restarted when this one is replaced.
    pub restart: bool,
    /// Where it is written.
    pub at: Place,
}

/// What must be true of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// Its containers run.
    #[default]
    Started,
    /// Its health check succeeds.
    Healthy,
    /// It ended with exit code 0.
    CompletedSuccessfully,
}

impl Condition {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}

const CONDITIONS: &[(&str, Condition)] = &[
    ("service_started", Condition::Started),
    ("service_healthy", Condition::Healthy),
    ("service_completed_successfully", Condition::CompletedSuccessfully),
];

pub(super) fn dependencies(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, Dependency>> {
    read::map(node, problems, |node, problems| {
        if node.is_null() {
            let at = node.at.clone();
            return Some(Dependency { condition: Condition::Started, required: true, restart: false, at });
        }
        let mut fields = Fields::of(node, problems)?;
        Some(Dependency {
            condition: fields.optional("condition", read::word(CONDITIONS)).unwrap_or_default(),
            required: fields.optional("required", read::truth).unwrap_or(true),
            restart: fields.optional("restart", read::truth).unwrap_or_default(),
            at: node.at.clone(),
        })
    })
}
