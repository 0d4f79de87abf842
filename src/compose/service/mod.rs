//! A service, as its file says it: plain types, nothing chosen by orc.

pub mod build;
pub mod cron;
pub mod dependency;
pub mod deploy;
mod environment;
pub mod grant;
pub mod health;
pub mod isolation;
pub mod mount;
pub mod network;
pub mod port;
pub mod process;
pub mod resources;
pub mod restart;

use std::collections::BTreeMap;

use build::Build;
use cron::Cron;
use dependency::Dependency;
use deploy::Deploy;
use grant::Grant;
use health::HealthCheck;
use isolation::Isolation;
use mount::Mount;
use network::Networking;
use port::PublishedPort;
use process::Process;
use resources::Resources;
use restart::Restart;

use super::document::Context;
use super::place::{Located, Place};
use super::problem::Problems;
use super::read::{self, Fields};
use super::value::Entry;
use super::variables::Variables;

/// What a user wants running: so many containers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its key, and the name that others reach it by.
    pub name: String,
    /// Where its key is written.
    pub at: Place,
    /// Where each of its keys is written, for sentences on them.
    pub places: BTreeMap<String, Place>,
    /// Those in which it runs; empty = always.
    pub profiles: Vec<String>,
    /// Image reference; `None` where only `build` says what runs.
    pub image: Option<Located<String>>,
    /// How its image is built, if it is.
    pub build: Option<Located<Build>>,
    /// When the image is fetched.
    pub pull_policy: PullPolicy,
    /// As in `linux/arm64`.
    pub platform: Option<Located<String>>,
    /// A name for its only container.
    pub container_name: Option<Located<String>>,
    /// What is started in the container, and how it is stopped.
    pub process: Process,
    /// Of the files under `env_file` and of `environment`, which wins; `NAME` without a value is resolved.
    pub environment: BTreeMap<String, String>,
    /// Of containers; of the files under `label_file` and of `labels`, which wins.
    pub labels: BTreeMap<String, String>,
    /// Reachable from outside.
    pub ports: Vec<Located<PublishedPort>>,
    /// For people: ports on which it can be reached from its networks, as in `80` or `80/udp`.
    pub expose: Vec<String>,
    /// Volumes, binds and memory.
    pub mounts: Vec<Located<Mount>>,
    /// Whom it can reach, and under which names it is reached.
    pub networking: Networking,
    /// Configs, as files.
    pub configs: Vec<Located<Grant>>,
    /// Secrets, as files.
    pub secrets: Vec<Located<Grant>>,
    /// What must be before it, by the name of the service.
    pub depends_on: BTreeMap<String, Dependency>,
    /// How it is known to be well; `None` = as the image says.
    pub healthcheck: Option<HealthCheck>,
    /// How many, where, and how they are replaced.
    pub deploy: Deploy,
    /// When it runs; `None` = always.
    pub cron: Option<Cron>,
    /// What it may use, and what is kept for it.
    pub resources: Resources,
    /// What happens when a container ends.
    pub restart: Restart,
    /// What keeps it apart from the node.
    pub isolation: Isolation,
    /// Docker's logging driver and its options; `None` = the node's.
    pub logging: Option<Logging>,
}

impl Service {
    /// Where a key of it is written, as in `cap_add`; the service itself where it is not.
    pub fn place_of(&self, key: &str) -> &Place {
        self.places.get(key).unwrap_or(&self.at)
    }
}

/// When an image is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PullPolicy {
    /// When it is not on the node.
    #[default]
    Missing,
    /// At every start.
    Always,
    /// Never.
    Never,
    /// It is built instead.
    Build,
}

const PULL_POLICIES: &[(&str, PullPolicy)] = &[
    ("missing", PullPolicy::Missing),
    ("if_not_present", PullPolicy::Missing),
    ("always", PullPolicy::Always),
    ("never", PullPolicy::Never),
    ("build", PullPolicy::Build),
];

/// Where output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// As in `json-file`.
    pub driver: Option<String>,
    /// The driver's own.
    pub options: BTreeMap<String, String>,
}

/// A service of the tree; what is wrong in it is told, and the rest is read.
pub(super) fn read(
    name: &str,
    entry: &Entry,
    variables: &Variables,
    context: &mut Context<'_>,
) -> Option<Service> {
    let environment = environment::environment(&entry.node, variables, context);
    let labels = environment::labels(&entry.node, variables, context);
    let problems = &mut context.problems;
    check_name(name, entry, problems);
    let mut fields = Fields::of(&entry.node, problems)?;
    let mut service = Service {
        name: name.to_owned(),
        at: entry.key_at.clone(),
        places: entry.node.as_map()?.iter().map(|(key, entry)| (key.clone(), entry.key_at.clone())).collect(),
        profiles: fields.optional("profiles", read::texts).unwrap_or_default(),
        image: fields.located("image", read::text).filter(|image| !image.value.is_empty()),
        build: fields.located("build", build::build),
        pull_policy: fields.optional("pull_policy", pull_policy).unwrap_or_default(),
        platform: fields.located("platform", read::text),
        container_name: fields.located("container_name", read::text),
        process: process::process(&mut fields),
        environment,
        labels,
        ports: fields.optional("ports", port::ports).unwrap_or_default(),
        expose: fields.optional("expose", read::texts).unwrap_or_default(),
        mounts: mounts(&mut fields),
        networking: network::networking(&mut fields),
        configs: fields.optional("configs", grant::configs).unwrap_or_default(),
        secrets: fields.optional("secrets", grant::secrets).unwrap_or_default(),
        depends_on: fields.optional("depends_on", dependency::dependencies).unwrap_or_default(),
        healthcheck: fields.optional("healthcheck", health::healthcheck),
        deploy: deploy::deploy(&mut fields),
        cron: fields.optional("x-orc", cron::extension),
        resources: resources::resources(&mut fields),
        restart: restart::restart(&mut fields),
        isolation: isolation::isolation(&mut fields),
        logging: fields.optional("logging", logging),
    };
    if let Some(build) = &mut service.build {
        build.value.resolve(variables);
    }
    let says = |key| entry.node.get(key).is_some_and(|node| !node.is_null() && node.as_text() != Some(""));
    if !says("image") && !says("build") {
        let says =
            format!("the service `{name}` has neither `image` nor `build`; one of them says what runs");
        problems.error(&entry.key_at, says);
    }
    Some(service)
}

fn check_name(name: &str, entry: &Entry, problems: &mut Problems) {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        let says =
            format!("`{name}` is no name for a service; it consists of letters, digits, `.`, `-` and `_`");
        problems.error(&entry.key_at, says);
    }
}

fn mounts(fields: &mut Fields<'_, '_>) -> Vec<Located<Mount>> {
    let volumes = fields.optional("volumes", mount::volumes).unwrap_or_default();
    let tmpfs = fields.optional("tmpfs", mount::tmpfs).unwrap_or_default();
    let mut mounts: Vec<Located<Mount>> = Vec::new();
    for mount in volumes.into_iter().chain(tmpfs) {
        if let Some(other) = mounts.iter().find(|other| other.value.target == mount.value.target) {
            let says = format!(
                "`{}` is mounted twice, first in line {}; keep one of them",
                mount.value.target, other.at.line
            );
            fields.error(&mount.at, says);
        }
        mounts.push(mount);
    }
    mounts
}

fn pull_policy(node: &super::value::Node, problems: &mut Problems) -> Option<PullPolicy> {
    let text = node.as_text().unwrap_or_default();
    if matches!(text, "daily" | "weekly" | "refresh") || text.starts_with("every_") {
        let says = format!(
            "`{text}` is read as `missing`: images are fetched when a task starts, and at no other time"
        );
        problems.warning(&node.at, says);
        return Some(PullPolicy::Missing);
    }
    read::word(PULL_POLICIES)(node, problems)
}

fn logging(node: &super::value::Node, problems: &mut Problems) -> Option<Logging> {
    let mut fields = Fields::of(node, problems)?;
    Some(Logging {
        driver: fields.optional("driver", read::text),
        options: fields.optional("options", read::text_map).unwrap_or_default(),
    })
}
