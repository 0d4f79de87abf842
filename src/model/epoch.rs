//! The lives of a cluster's history: each start of its manager begins one.

use super::id::InstanceId;

/// One start of a manager on its store, or an older history that an operator had go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Counted up at each start.
    pub number: u64,
    /// Of the start alone: two copies of one store count the same epochs, and this tells them apart.
    pub start: InstanceId,
    /// The cluster's revision when it began: the one before it has no later one.
    pub revision: u64,
}
