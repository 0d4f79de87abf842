//! A node as its table holds it.

use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::node::Node;
use crate::store::column::{json, time, to_json, word};
use crate::store::insert::Insert;
use crate::store::scan::Stored;

/// One row of `nodes`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct NodeRow {
    name: String,
    facts: String,
    state: String,
    availability: String,
    labels: String,
    reserved: String,
    message: String,
    joined_at: String,
    seen_at: String,
    events_seen: u64,
    lease_ms: u64,
}

pub(super) const UPSERT: Insert = Insert {
    table: "nodes",
    columns: "\
        name, facts, state, availability, labels, reserved, message, joined_at, seen_at, \
        events_seen, lease_ms",
    on_conflict: "\
        ON CONFLICT (name) DO UPDATE SET facts = excluded.facts, state = excluded.state, \
        availability = excluded.availability, labels = excluded.labels, reserved = \
        excluded.reserved, message = excluded.message, joined_at = excluded.joined_at, seen_at = \
        excluded.seen_at, events_seen = excluded.events_seen, lease_ms = excluded.lease_ms",
};

impl From<&Node> for NodeRow {
    fn from(node: &Node) -> Self {
        Self {
            name: node.name.to_string(),
            facts: to_json(&node.facts),
            state: node.state.word().to_owned(),
            availability: node.availability.word().to_owned(),
            labels: to_json(&node.labels),
            reserved: to_json(&node.reserved),
            message: node.message.clone(),
            joined_at: node.joined_at.to_string(),
            seen_at: node.seen_at.to_string(),
            events_seen: node.events_seen,
            lease_ms: u64::try_from(node.lease.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Stored for NodeRow {
    type Item = Node;

    fn decode(self) -> Result<Node, String> {
        Ok(Node {
            name: word("name", &self.name)?,
            facts: json("facts", &self.facts)?,
            state: word("state", &self.state)?,
            availability: word("availability", &self.availability)?,
            labels: json("labels", &self.labels)?,
            reserved: json("reserved", &self.reserved)?,
            message: self.message,
            joined_at: time("joined_at", &self.joined_at)?,
            seen_at: time("seen_at", &self.seen_at)?,
            events_seen: self.events_seen,
            lease: Duration::from_millis(self.lease_ms),
        })
    }
}
