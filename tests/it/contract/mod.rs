//! The promises to those who used the orchestrator before this one: commands, banner, JSON, answers, refusals.

mod commands;
mod delivery;
mod errors;
mod fields;
mod following;
mod listing;
mod logs;
mod nodes;
mod options;
mod placement;
mod process;
mod repetition;
mod signals;
mod states;
mod worker_api;
