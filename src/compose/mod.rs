//! Compose files: what they say, where they say it, and what orc makes of each key.
//!
//! [`load()`] takes files to a [`Project`] of plain types. On the way each file is read (`yaml`, positions kept), its
//! variables are replaced (`interpolate`), short forms become long ones (`canonical`), services begin as those
//! that they extend (`extends`), files are laid over each other (`merge`) and beside each other (`include`).
//! Then [`support`] tells of each key what orc does with it, and [`project`] reads the types. Nothing here speaks
//! with Docker or a manager.

mod canonical;
mod document;
mod dotenv;
mod extends;
mod files;
mod include;
mod interpolate;
mod load;
mod locate;
mod merge;
mod name;
mod place;
mod problem;
pub mod project;
mod read;
mod references;
pub mod resource;
pub mod service;
pub mod support;
mod units;
mod value;
mod variables;
mod words;
mod yaml;

pub use dotenv::EnvFormat;
pub use files::{Disk, Files};
pub use load::{Reading, Request, load};
pub use place::{Located, Place, Source};
pub use problem::Problem;
pub use project::Project;
pub use service::Service;
pub use support::{Finding, Support};
