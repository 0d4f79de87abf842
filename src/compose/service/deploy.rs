//! How many containers of a service there are, on which nodes, and how they are replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::compose::place::Located;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::Node;

/// How a service is deployed. Restart policy and resources are in the service itself, where `restart`, `cpus` and
/// others speak of them too.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deploy {
    /// How many.
    pub mode: Mode,
    /// Labels of the service, not of its containers.
    pub labels: BTreeMap<String, String>,
    /// Where they may be.
    pub placement: Placement,
    /// How they are replaced by those of a new version; `None` = as orc has it.
    pub update: Option<Rollout>,
    /// How an update is taken back; `None` = as it is done.
    pub rollback: Option<Rollout>,
}

/// How many containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// So many, wherever there is room.
    Replicated(u32),
    /// One on every node.
    Global,
    /// So many that have to end with exit code 0.
    ReplicatedJob(u32),
    /// One on every node that has to end with exit code 0.
    GlobalJob,
}

impl Default for Mode {
    fn default() -> Self {
        Self::Replicated(1)
    }
}

/// Where containers may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// What a node must fulfil, as in `node.labels.disk==ssd`; each as it is written.
    pub constraints: Vec<Located<String>>,
    /// What they are spread over, as in `node.labels.zone`, the most important first.
    pub spread: Vec<Located<String>>,
    /// On one node; `None` = without limit.
    pub max_replicas_per_node: Option<u32>,
}

/// How the containers of a service are replaced.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rollout {
    /// How many at a time; 0 = all.
    pub parallelism: Option<u32>,
    /// Between two groups.
    pub delay: Option<Duration>,
    /// What follows a failure.
    pub failure_action: Option<FailureAction>,
    /// How long each is watched for failure.
    pub monitor: Option<Duration>,
    /// The share that may fail, 0 to 1.
    pub max_failure_ratio: Option<f64>,
    /// Which of the two is first.
    pub order: Option<Order>,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureAction {
    /// The rest is replaced as well.
    Continue,
    /// Nothing more is done.
    Pause,
    /// What was done is taken back.
    Rollback,
}

/// Which is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The former container is stopped, then the new one started.
    StopFirst,
    /// The new container is started, then the former one stopped.
    StartFirst,
}

const ACTIONS: &[(&str, FailureAction)] = &[
    ("continue", FailureAction::Continue),
    ("pause", FailureAction::Pause),
    ("rollback", FailureAction::Rollback),
];

const ORDERS: &[(&str, Order)] = &[("stop-first", Order::StopFirst), ("start-first", Order::StartFirst)];

/// `deploy`, and `scale`, which says the same as `deploy.replicas`.
pub(super) fn deploy(fields: &mut Fields<'_, '_>) -> Deploy {
    let scale = fields.located("scale", read::count);
    let Some(mut deploy) = fields.inner("deploy") else {
        return Deploy { mode: Mode::Replicated(scale.map_or(1, |scale| scale.value)), ..Deploy::default() };
    };
    let replicas = deploy.located("replicas", read::count);
    if let (Some(scale), Some(replicas)) = (&scale, &replicas)
        && scale.value != replicas.value
    {
        deploy.error(&scale.at, "`deploy.replicas` says something else; say it in one place");
    }
    Deploy {
        mode: mode(&mut deploy, replicas.or(scale)),
        labels: deploy.optional("labels", read::text_map).unwrap_or_default(),
        placement: deploy.optional("placement", placement).unwrap_or_default(),
        update: deploy.optional("update_config", rollout),
        rollback: deploy.optional("rollback_config", rollout),
    }
}

fn mode(deploy: &mut Fields<'_, '_>, replicas: Option<Located<u32>>) -> Mode {
    let count = replicas.as_ref().map_or(1, |replicas| replicas.value);
    let mode = deploy.optional("mode", |node, problems| {
        let words = &[("replicated", 0), ("global", 1), ("replicated-job", 2), ("global-job", 3)];
        read::word(words)(node, problems)
    });
    let global = match mode {
        Some(1) => Mode::Global,
        Some(3) => Mode::GlobalJob,
        Some(2) => return Mode::ReplicatedJob(count),
        _ => return Mode::Replicated(count),
    };
    if let Some(replicas) = replicas {
        deploy.error(
            &replicas.at,
            "a global service has one container on every node; take the number out, or the mode",
        );
    }
    global
}

fn placement(node: &Node, problems: &mut Problems) -> Option<Placement> {
    let mut fields = Fields::of(node, problems)?;
    Some(Placement {
        constraints: fields
            .optional("constraints", |node, problems| read::list(node, problems, located_text))
            .unwrap_or_default(),
        spread: fields
            .optional("preferences", |node, problems| {
                read::list(node, problems, |node, problems| {
                    Fields::of(node, problems)?.required("spread", located_text)
                })
            })
            .unwrap_or_default(),
        max_replicas_per_node: fields.optional("max_replicas_per_node", read::count).filter(|most| *most > 0),
    })
}

fn located_text(node: &Node, problems: &mut Problems) -> Option<Located<String>> {
    Some(Located { value: read::text(node, problems)?, at: node.at.clone() })
}

fn rollout(node: &Node, problems: &mut Problems) -> Option<Rollout> {
    let mut fields = Fields::of(node, problems)?;
    Some(Rollout {
        parallelism: fields.optional("parallelism", read::count),
        delay: fields.optional("delay", read::duration),
        failure_action: fields.optional("failure_action", read::word(ACTIONS)),
        monitor: fields.optional("monitor", read::duration),
        max_failure_ratio: fields.optional("max_failure_ratio", ratio),
        order: fields.optional("order", read::word(ORDERS)),
    })
}

fn ratio(node: &Node, problems: &mut Problems) -> Option<f64> {
    let ratio = read::amount(node, problems)?;
    if ratio > 1.0 {
        problems.error(&node.at, format!("`{ratio}` is here, where a share from 0 to 1 belongs"));
        return None;
    }
    Some(ratio)
}
