//! A service: what a user wants running as several tasks of one specification, and how it changes from one version to the next.

mod policy;
mod port;
mod schedule;
mod version;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::policy::{OnFailure, Order, UpdatePolicy};
pub use self::port::ServicePort;
pub use self::schedule::{Outcome, Run, Schedule};
pub use self::version::{Cron, Job, Mode, NewVersion, ServiceSpec, Version};
use super::id::{InvalidId, NodeName, is_docker_name};
use super::state::Desired;
use super::time::Timestamp;

/// The label of a container that names its task's service; no user's label begins so.
pub const SERVICE_LABEL: &str = "orc.service";

/// A service's name, unique in its cluster: the names of its tasks begin with it. Cheap to clone: it is in many places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ServiceName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_docker_name(text) && text.len() <= 63 {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(64).collect();
        Err(InvalidId::new(format!(
            "{shown:?} is not a service name: 2 to 63 of the characters a-z A-Z 0-9 _ . - are, the first a letter or digit"
        )))
    }
}

impl TryFrom<String> for ServiceName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.as_str().to_owned()
    }
}

/// A service as the manager knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Unique in the cluster.
    pub name: ServiceName,
    /// Whether it should be there, or be removed. Written by the API alone.
    pub desired: Desired,
    /// Its versions, as far as they are kept, by number. The last one is wanted; there is always one.
    pub versions: BTreeMap<u64, Arc<Version>>,
    /// The last version that was healthy in every slot; `None` = none was. Always kept.
    pub stable: Option<u64>,
    /// How far the wanted version may go.
    pub stage: Stage,
    /// Whether somebody, or a failure, holds the rollout.
    pub is_paused: bool,
    /// Tasks of the wanted version that have failed on this way and are no more.
    pub failures: u32,
    /// Tasks that were ever started for it.
    pub started: u64,
    /// Its runs by the clock; nothing in it where it never had any.
    pub schedule: Schedule,
    /// Why its rollout is as it is, in words.
    pub message: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything of it changed last.
    pub updated_at: Timestamp,
}

impl Service {
    /// Versions that are kept, beside the wanted and the stable one.
    pub const KEPT: usize = 20;

    /// A service as it is made: with its first version.
    pub fn new(name: ServiceName, first: Version) -> Self {
        let at = first.at;
        Self {
            name,
            desired: Desired::Run,
            stable: None,
            stage: Stage::Whole,
            is_paused: false,
            failures: 0,
            started: 0,
            schedule: Schedule::default(),
            message: String::new(),
            created_at: at,
            updated_at: at,
            versions: BTreeMap::from([(first.number, Arc::new(first))]),
        }
    }

    /// The version that is wanted.
    pub fn wanted(&self) -> &Arc<Version> {
        self.versions.last_key_value().map(|(_, version)| version).expect("a service has a version")
    }

    /// The last version that was healthy in every slot.
    pub fn stable(&self) -> Option<&Arc<Version>> {
        self.versions.get(&self.stable?)
    }

    /// Whether the version that is wanted was healthy in every slot.
    pub fn is_settled(&self) -> bool {
        self.stable == Some(self.wanted().number)
    }

    /// Whether the tasks of the wanted version are those of one that was healthy in every slot: they need not show it again.
    pub fn is_proven(&self) -> bool {
        self.stable().is_some_and(|stable| stable.template == self.wanted().template)
    }

    /// The policy of the way to the wanted version: another one for the way back.
    pub fn policy(&self) -> &UpdatePolicy {
        let wanted = self.wanted();
        if wanted.restores.is_some() { &wanted.spec.rollback } else { &wanted.spec.update }
    }

    /// The first version whose tasks are as those of this specification: those need not be replaced.
    pub fn template_of(&self, spec: &ServiceSpec) -> Option<u64> {
        let digest = spec.digest();
        let same = |version: &&Arc<Version>| version.digest == digest;
        self.versions.values().rev().find(same).map(|version| version.template)
    }

    /// Adds a version that is wanted from now on, and begins the way to it; the numbers of those that are not kept any
    /// more. Their tasks, where there are any, go on by what they are themselves.
    pub fn want(&mut self, change: NewVersion) -> Vec<u64> {
        let number = self.wanted().number + 1;
        let template = self.template_of(&change.spec).unwrap_or(number);
        let policy = if change.restores.is_some() { &change.spec.rollback } else { &change.spec.update };
        let is_proven = self.stable().is_none_or(|stable| stable.template == template);
        self.stage = if policy.canary > 0 && !is_proven { Stage::Canary } else { Stage::Whole };
        (self.is_paused, self.failures) = (false, 0);
        self.message.clone_from(&change.why);
        self.updated_at = change.at;
        self.versions.insert(number, Arc::new(Version::new(number, template, change)));
        let (stable, last) = (self.stable, number);
        let is_spare = |number: &u64| Some(*number) != stable && *number != last;
        let spare: Vec<u64> = self.versions.keys().copied().filter(is_spare).collect();
        let pruned = spare[..spare.len().saturating_sub(Self::KEPT)].to_vec();
        for number in &pruned {
            self.versions.remove(number);
        }
        pruned
    }
}

/// How far the wanted version of a service may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Into as many slots as its policy says, until somebody promotes it.
    Canary,
    /// Into every slot.
    Whole,
    /// Into every slot, whatever fails there.
    Regardless,
}

impl Stage {
    /// The word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Whole => "whole",
            Self::Regardless => "regardless",
        }
    }
}

/// How far a service is on the way to its wanted version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Slots that it should have.
    pub slots: usize,
    /// Those that are what they should be; of a job: that have run to their end.
    pub done: usize,
    /// Those with a task that gets traffic, of whichever version.
    pub ready: usize,
    /// Those that change.
    pub under_way: usize,
}

/// One place of a service, in which one of its tasks runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Slot {
    /// Of a replicated service or a job: from 1 to how many there are.
    Number(u32),
    /// Of a global service: the node.
    Node(NodeName),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// What a task is to its service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Whose task it is.
    pub service: ServiceName,
    /// Where it stands.
    pub slot: Slot,
    /// The version whose template it was made by.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::Port;

    fn spec(image: &str, replicas: u32) -> ServiceSpec {
        let task = serde_json::json!({ "Name": "web", "Image": image });
        ServiceSpec {
            mode: Mode::Replicated(replicas),
            task: Arc::new(serde_json::from_value(task).unwrap()),
            ports: Vec::new(),
            update: UpdatePolicy::default(),
            rollback: UpdatePolicy::default(),
            labels: BTreeMap::new(),
        }
    }

    fn change(spec: ServiceSpec) -> NewVersion {
        let at = Timestamp::parse("2026-11-22T07:26:19Z").unwrap();
        NewVersion { spec, restores: None, by: "somebody".to_owned(), why: "changed".to_owned(), at }
    }

    fn service() -> Service {
        Service::new("web".parse().unwrap(), Version::new(1, 1, change(spec("a:1", 1))))
    }

    #[test]
    fn versions_with_the_same_tasks_share_a_template() {
        let mut service = service();
        for (spec, template) in [(spec("a:1", 5), 1), (spec("a:2", 5), 3), (spec("a:1", 5), 1)] {
            service.want(change(spec));
            assert_eq!(service.wanted().template, template);
        }
    }

    #[test]
    fn the_stable_version_is_kept_however_many_follow() {
        let mut service = service();
        service.stable = Some(1);
        let pruned: Vec<u64> =
            (2..30).flat_map(|number| service.want(change(spec(&format!("a:{number}"), 1)))).collect();
        assert_eq!(pruned, (2..9).collect::<Vec<_>>());
        assert!(service.stable().is_some());
        assert_eq!(service.versions.len(), Service::KEPT + 2);
    }

    #[test]
    fn what_two_tasks_cannot_share_is_stopped_first() {
        let shared = spec("a:1", 1);
        assert_eq!(shared.order(&shared.update), Order::StartFirst);
        let mut task = (*shared.task).clone();
        task.publish_mode = crate::model::spec::PublishMode::Host;
        let (port, host): (Port, _) = ("80/tcp".parse().unwrap(), crate::model::spec::HostPort(8080));
        task.port_bindings = Some(BTreeMap::from([(port, host)]));
        let own = ServiceSpec { task: Arc::new(task), ..shared };
        assert_eq!(own.order(&own.update), Order::StopFirst);
        assert_eq!(
            own.order(&UpdatePolicy { order: Some(Order::StartFirst), ..own.update.clone() }),
            Order::StartFirst
        );
    }
}
