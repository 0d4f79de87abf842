//! Names of things: identifiers that cannot be mixed up with each other.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fingerprint::digest;
use super::time::Timestamp;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(String);

impl InvalidId {
    /// With this sentence.
    pub(super) const fn new(why: String) -> Self {
        Self(why)
    }
}

/// Reads a UUID with or without hyphens, and nothing else that `Uuid::parse_str` would take.
fn parse_uuid(text: &str) -> Result<Uuid, InvalidId> {
    let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    Uuid::try_parse(text).ok().filter(|_| plain).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        InvalidId(format!(
            "{shown:?} is not a UUID, such as \"bb1d59ef-9fc1-4e4b-a44d-db571eeed203\", with or without hyphens"
        ))
    })
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The lowest there can be, for ranges.
            pub const MIN: Self = Self(Uuid::nil());
            /// The highest there can be, for ranges.
            pub const MAX: Self = Self(Uuid::max());

            /// Wraps a UUID that was made elsewhere.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// A new identifier, ordered by time of making (RFC 9562, version 7).
            #[expect(clippy::disallowed_methods, reason = "the one place that makes identifiers")]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_uuid(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

uuid_id! {
    /// Identifies a task for all its life, over every restart.
    TaskId
}
uuid_id! {
    /// Identifies one request of a user: the `ID` of a `TaskEvent`. The key of idempotency.
    RequestId
}
uuid_id! {
    /// Identifies a cluster, made with its `manager.db`. The label `orc.cluster` of its containers.
    ClusterId
}
uuid_id! {
    /// Identifies one life of a worker's or a manager's process, so that two with one name are told apart.
    InstanceId
}

/// A worker's name, unique in its cluster: `worker-1`. The label `orc.node` of its containers. Cheap to clone: it is in
/// many places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TaskId {
    /// The identifier of a task that nobody asked for by itself: always the same for this time and seed, ordered by time as
    /// others are (RFC 9562, version 7, with bits of a digest where others have random ones).
    pub fn derived(at: Timestamp, seed: &impl Serialize) -> Self {
        let mut bits = [0; 10];
        bits.copy_from_slice(&digest(seed)[..10]);
        let millis = u64::try_from(at.millis()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid())
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NodeName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_docker_name(text) && text.len() <= 63 {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(64).collect();
        Err(InvalidId(format!(
            "{shown:?} is not a node name: 2 to 63 of the characters a-z A-Z 0-9 _ . - are, the first a letter or digit"
        )))
    }
}

impl TryFrom<String> for NodeName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.as_str().to_owned()
    }
}

/// Docker's own rule for a container's name: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn is_docker_name(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// A container's full ID, as the engine gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(pub String);

impl ContainerId {
    /// The twelve characters that `docker ps` shows.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program that an engine was asked to run inside a container, as the engine numbers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecId(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_with_or_without_hyphens_and_printed_canonical() {
        let canonical = "bb1d59ef-9fc1-4e4b-a44d-db571eeed203";
        for text in [canonical, "BB1D59EF9FC14E4BA44DDB571EEED203"] {
            assert_eq!(text.parse::<TaskId>().map(|id| id.to_string()), Ok(canonical.to_owned()));
        }
    }

    #[test]
    fn braces_urns_and_nonsense_are_no_uuid() {
        for text in [
            "",
            "{bb1d59ef-9fc1-4e4b-a44d-db571eeed203}",
            "urn:uuid:bb1d59ef-9fc1-4e4b-a44d-db571eeed203",
            "7",
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_node_name_keeps_dockers_rule() {
        assert!("worker-1".parse::<NodeName>().is_ok());
        for text in ["", "a", "-a", "a b", "../a", "a\nb"] {
            assert!(text.parse::<NodeName>().is_err(), "{text:?}");
        }
    }
}
