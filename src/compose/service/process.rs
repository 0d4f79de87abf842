//! What is started in a container, as whom, and how it is stopped.

use std::time::Duration;

use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::{Node, Value};
use crate::compose::words;

/// The process of a container. What is `None` is as the image says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Arguments; an empty list means none, not the image's.
    pub command: Option<Vec<String>>,
    /// Program and first arguments; an empty list means none, not the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Name or number, perhaps with a group after `:`.
    pub user: Option<String>,
    /// Groups beside the user's own.
    pub group_add: Vec<String>,
    /// Directory to start in.
    pub working_dir: Option<String>,
    /// Whether an init passes on signals and takes in orphans.
    pub init: Option<bool>,
    /// Whether standard input stays open.
    pub stdin_open: bool,
    /// Whether there is a terminal.
    pub tty: bool,
    /// As in `SIGQUIT`.
    pub stop_signal: Option<String>,
    /// Between that signal and SIGKILL; Docker's default is 10 s.
    pub stop_grace_period: Option<Duration>,
}

pub(super) fn process(fields: &mut Fields<'_, '_>) -> Process {
    Process {
        command: fields.optional("command", command),
        entrypoint: fields.optional("entrypoint", command),
        user: fields.optional("user", read::text),
        group_add: fields.optional("group_add", read::texts).unwrap_or_default(),
        working_dir: fields.optional("working_dir", read::text),
        init: fields.optional("init", read::truth),
        stdin_open: fields.optional("stdin_open", read::truth).unwrap_or_default(),
        tty: fields.optional("tty", read::truth).unwrap_or_default(),
        stop_signal: fields.optional("stop_signal", read::text),
        stop_grace_period: fields.optional("stop_grace_period", read::duration),
    }
}

/// A list of words, or one text that is split as a shell would.
pub(super) fn command(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    match &node.value {
        Value::Scalar(text) => words::split(text).map_err(|says| problems.error(&node.at, says)).ok(),
        _ => read::texts(node, problems),
    }
}
