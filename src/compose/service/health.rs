//! How a service is known to be well.

use std::time::Duration;

use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;

/// A health check. What is `None` is as the image says, or else Docker's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is run.
    pub test: HealthTest,
    /// Between two runs; Docker's default is 30 s.
    pub interval: Option<Duration>,
    /// After which a run counts as failed; Docker's default is 30 s.
    pub timeout: Option<Duration>,
    /// Failures in a row that mean unhealthy; Docker's default is 3.
    pub retries: Option<u32>,
    /// After the start, in which failures do not count.
    pub start_period: Option<Duration>,
    /// Between two runs in that time.
    pub start_interval: Option<Duration>,
}

/// What a health check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthTest {
    /// What the image says.
    Inherited,
    /// Nothing, whatever the image says.
    Disabled,
    /// A program and its arguments.
    Exec(Vec<String>),
    /// A line for the container's shell.
    Shell(String),
}

pub(super) fn healthcheck(node: &Node, problems: &mut Problems) -> Option<HealthCheck> {
    let mut fields = Fields::of(node, problems)?;
    let test = fields.optional("test", test).unwrap_or(HealthTest::Inherited);
    let disabled = fields.optional("disable", read::truth).unwrap_or_default();
    Some(HealthCheck {
        test: if disabled { HealthTest::Disabled } else { test },
        interval: fields.optional("interval", read::duration),
        timeout: fields.optional("timeout", read::duration),
        retries: fields.optional("retries", read::count),
        start_period: fields.optional("start_period", read::duration),
        start_interval: fields.optional("start_interval", read::duration),
    })
}

fn test(node: &Node, problems: &mut Problems) -> Option<HealthTest> {
    if let Some(line) = node.as_text() {
        return Some(HealthTest::Shell(line.to_owned()));
    }
    let words = read::texts(node, problems)?;
    match words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("NONE", [])) => Some(HealthTest::Disabled),
        Some(("CMD", rest @ [_, ..])) => Some(HealthTest::Exec(rest.to_vec())),
        Some(("CMD-SHELL", [line])) => Some(HealthTest::Shell(line.clone())),
        _ => {
            let forms = "`[\"CMD\", \"program\", \"argument\"]`, `[\"CMD-SHELL\", \"line\"]`, `[\"NONE\"]` \
                         or a line for the shell";
            problems.error(&node.at, format!("this test cannot be understood; it is written {forms}"));
            None
        }
    }
}
