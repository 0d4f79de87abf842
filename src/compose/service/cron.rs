//! `x-orc.cron`: when a service runs, where that is by the clock. A key of orc's own, as Compose has none for it.

use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;

/// When a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// As in `0 3 * * *`.
    pub schedule: String,
    /// As in `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// What becomes of a run while the one before it goes on.
    pub overlap: Option<String>,
    /// What becomes of runs that were missed.
    pub missed: Option<String>,
}

/// `x-orc`.
pub(super) fn extension(node: &Node, problems: &mut Problems) -> Option<Cron> {
    Fields::of(node, problems)?.optional("cron", cron)
}

fn cron(node: &Node, problems: &mut Problems) -> Option<Cron> {
    let mut fields = Fields::of(node, problems)?;
    Some(Cron {
        schedule: fields.required("schedule", read::text)?,
        time_zone: fields.optional("time_zone", read::text),
        overlap: fields.optional("overlap", read::text),
        missed: fields.optional("missed", read::text),
    })
}
