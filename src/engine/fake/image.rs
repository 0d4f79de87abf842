//! Images of the fake engine, and what the program in each of them does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::container::Failure;
use crate::model::spec::Port;
use crate::model::state::Health;

/// What the containers of an image do.
#[derive(Debug, Clone)]
pub struct Program {
    /// Ports that the image exposes itself.
    pub exposes: Vec<Port>,
    /// Ends by itself so long after its start, with this code; `None` = runs until it is stopped.
    pub ends: Option<(Duration, i64)>,
    /// Its exit code when it is asked to stop; `None` = it does not listen and is killed after its grace.
    pub stops_with: Option<i64>,
    /// What its HEALTHCHECK says once it runs.
    pub health: Health,
    /// Why it cannot be started at all.
    pub refuses: Option<String>,
    /// What each container writes at its start.
    pub writes: Vec<String>,
    /// What can be run inside its containers, by the whole command, and how that ends. Nothing else is there.
    pub commands: BTreeMap<Vec<String>, Command>,
}

/// How a program inside a container ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// With this code, after it has written this.
    Ends(i64, String),
    /// Not at all.
    Hangs,
}

impl Default for Program {
    /// Runs until it is stopped, and then ends with 0.
    fn default() -> Self {
        Self {
            exposes: Vec::new(),
            ends: None,
            stops_with: Some(0),
            health: Health::None,
            refuses: None,
            writes: Vec::new(),
            commands: BTreeMap::new(),
        }
    }
}

impl Program {
    /// Ends by itself after `time` with `code`.
    pub fn ending(time: Duration, code: i64) -> Self {
        Self { ends: Some((time, code)), ..Self::default() }
    }

    /// Ignores the signal that asks it to stop.
    pub fn deaf() -> Self {
        Self { stops_with: None, ..Self::default() }
    }
}

/// What a registry answers to a pull.
#[derive(Debug, Clone)]
pub enum Registry {
    /// Has the image, and takes so long to deliver it.
    Delivers(Program, Duration),
    /// Says no, or cannot.
    Fails(Failure),
    /// Never says anything.
    Hangs,
}
