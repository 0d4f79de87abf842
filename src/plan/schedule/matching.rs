//! Which nodes match a constraint.

use super::Candidate;
use super::standing::float;
use crate::model::placement::{Constraint, Fact, Placement, Value};

/// The first of `constraints` that `node` does not match.
pub(super) fn mismatch<'a>(
    node: &Candidate,
    mut constraints: impl Iterator<Item = &'a Constraint>,
) -> Option<&'a Constraint> {
    constraints.find(|constraint| !matches(node, constraint))
}

/// Whether a node matches all the constraints of a placement.
pub fn admits(placement: &Placement, node: &Candidate) -> bool {
    mismatch(node, placement.constraints.iter()).is_none()
}

/// Whether `node` matches.
pub(super) fn matches(node: &Candidate, constraint: &Constraint) -> bool {
    constraint.admits(value(node, constraint.fact()).as_ref())
}

/// What is known of `node`; `None` = nothing.
fn value(node: &Candidate, fact: &Fact) -> Option<Value> {
    let text = |text: &str| (!text.is_empty()).then(|| Value::Text(text.to_owned()));
    match fact {
        Fact::Name => text(node.name.as_str()),
        Fact::Ip => text(&node.description.ip),
        Fact::Engine => Value::version_of(&node.description.engine),
        Fact::Version => Value::version_of(&node.description.version),
        Fact::Cores => Some(Value::Number(node.cores)),
        Fact::Memory => Some(Value::Number(float(node.memory))),
        Fact::Disk => Some(Value::Number(float(node.disk))),
        Fact::Label(name) => node.description.labels.get(name).cloned().map(Value::Text),
    }
}

/// The same as a text, by which nodes are told apart.
pub(super) fn text(node: &Candidate, fact: &Fact) -> Option<String> {
    let Candidate { description, .. } = node;
    match fact {
        Fact::Name => Some(node.name.to_string()),
        Fact::Ip => Some(description.ip.clone()),
        Fact::Engine => Some(description.engine.clone()),
        Fact::Version => Some(description.version.clone()),
        Fact::Cores => Some(node.cores.to_string()),
        Fact::Memory => Some(node.memory.to_string()),
        Fact::Disk => Some(node.disk.to_string()),
        Fact::Label(name) => description.labels.get(name).cloned(),
    }
}
