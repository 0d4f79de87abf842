//! A rebalance in JSON: what it would move, and how far it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a rebalance moves, and what is under way of one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Rebalance {
    /// The tasks that stand clearly better on other nodes, each as it is after the moves before it; 1,000 at most.
    pub moves: Vec<Move>,
    /// Tasks that would stand clearly better elsewhere, and stay; 100 at most.
    pub stays: Vec<Stays>,
    /// How many moves a rebalance that was asked for may still begin; 0 = none was asked for, or all have begun.
    pub wanted: u32,
    /// How many of its moves are under way.
    pub under_way: usize,
    /// The outcome in a sentence; where nothing moves, why.
    pub message: String,
}

/// A move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Move {
    /// UUID of the task.
    pub task: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// Why, in words: both nodes by what its preferences and the scheduler go by.
    pub why: String,
}

/// A task that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Stays {
    /// UUID of the task.
    pub task: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub node: String,
    /// Why it stays, in words.
    pub why: String,
}
