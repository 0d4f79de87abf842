//! What happens when a container ends: `restart`, and `deploy.restart_policy`, which wins.

use std::time::Duration;

use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::{Node, quote};

/// What happens when a container ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restart {
    /// When it is followed by another.
    pub condition: RestartCondition,
    /// How often at most; `None` = without end.
    pub max_attempts: Option<u32>,
    /// Before each; `None` = as orc has it.
    pub delay: Option<Duration>,
    /// How long one must have run to count as started; `None` = as orc has it.
    pub window: Option<Duration>,
}

/// When a container that ended is followed by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartCondition {
    /// Nothing is said: it is for orc to choose.
    #[default]
    Unsaid,
    /// Never: `no`, or `none` under `deploy`.
    Never,
    /// When its exit code is not 0.
    OnFailure,
    /// Always: `always`, or `any` under `deploy`.
    Always,
    /// Always, but when somebody stopped it.
    UnlessStopped,
}

const CONDITIONS: &[(&str, RestartCondition)] = &[
    ("none", RestartCondition::Never),
    ("on-failure", RestartCondition::OnFailure),
    ("any", RestartCondition::Always),
];

pub(super) fn restart(fields: &mut Fields<'_, '_>) -> Restart {
    let plain = fields.optional("restart", plain);
    let deployed = fields.inner("deploy").and_then(|mut deploy| deploy.optional("restart_policy", policy));
    deployed.or(plain).unwrap_or_default()
}

/// `no`, `always`, `on-failure`, `on-failure:3`, `unless-stopped`.
fn plain(node: &Node, problems: &mut Problems) -> Option<Restart> {
    let text = read::text(node, problems)?;
    let (word, attempts) = match text.split_once(':') {
        Some((word, attempts)) => (word, Some(attempts)),
        None => (text.as_str(), None),
    };
    let condition = match word {
        // YAML of old has `no` for false.
        "no" | "false" => Some(RestartCondition::Never),
        "always" => Some(RestartCondition::Always),
        "on-failure" => Some(RestartCondition::OnFailure),
        "unless-stopped" => Some(RestartCondition::UnlessStopped),
        _ => None,
    };
    let max_attempts = attempts.map(str::parse).transpose();
    match (condition, max_attempts) {
        (Some(condition), Ok(max_attempts))
            if max_attempts.is_none() || condition == RestartCondition::OnFailure =>
        {
            Some(Restart { condition, max_attempts, ..Restart::default() })
        }
        _ => {
            let forms = "`no`, `always`, `unless-stopped`, `on-failure` and `on-failure:3`";
            problems.error(&node.at, format!("{} is no restart policy; there are {forms}", quote(&text)));
            None
        }
    }
}

fn policy(node: &Node, problems: &mut Problems) -> Option<Restart> {
    let mut fields = Fields::of(node, problems)?;
    Some(Restart {
        condition: fields.optional("condition", read::word(CONDITIONS)).unwrap_or(RestartCondition::Always),
        max_attempts: fields.optional("max_attempts", read::count),
        delay: fields.optional("delay", read::duration),
        window: fields.optional("window", read::duration),
    })
}
