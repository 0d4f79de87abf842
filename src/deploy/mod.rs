//! From a Compose project to services, and from those to what would change: pure, without a manager and without a clock.
//!
//! [`translate()`] makes a [`Stack`] of a project, and tells in [`Note`]s what of it orc does not do. [`Report`] puts
//! these beside what `compose` tells of each key. [`plan()`] compares a stack with the services that there are.

mod build;
mod container;
mod cron;
mod difference;
mod file;
mod health;
mod missing;
mod mount;
mod need;
mod network;
mod note;
mod order;
mod placement;
mod plan;
mod policy;
mod port;
mod report;
mod secret;
mod stack;
mod task;

pub use build::{DeclaredBuild, Recipe};
pub use file::{DeclaredFile, FileStep};
pub use need::is_met;
pub use note::{Fate, Note};
pub use plan::{Action, Field, Plan, Step, Tasks, plan};
pub use report::{Line, Report};
pub use stack::{Declared, Need, Stack, Translation, translate};

/// The label of a service that says to which project it belongs.
pub const PROJECT: &str = "orc.project";

/// The label of a service that says what its project calls it.
pub const SERVICE: &str = "orc.project.service";

#[cfg(test)]
mod tests;
