//! The networks of a task in JSON: how they come in, and what is refused in which sentence.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::options::shown;
use crate::model::id::is_docker_name;
use crate::model::network::Attachment;

/// More networks than any task is in.
const MOST: usize = 16;

/// More aliases than any task has in one.
const MOST_ALIASES: usize = 32;

/// A network that a task's container is in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Network {
    /// Its name on the node's engine. The worker makes it where it is not there, and removes it when no task here is in it.
    pub name: String,
    /// Names under which others in it find the task's container, on the same node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether it leads nowhere but to its own members.
    #[serde(default, skip_serializing_if = "is_false")]
    pub internal: bool,
    /// Whether somebody else makes and removes it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub external: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The networks of a task, checked; the error is a sentence.
pub(super) fn checked(networks: &[Network]) -> Result<Vec<Attachment>, String> {
    if networks.len() > MOST {
        return Err(format!("Task.Networks has {} entries: {MOST} are the most", networks.len()));
    }
    for (index, network) in networks.iter().enumerate() {
        let place = format!("Task.Networks[{index}]");
        network.check(&place)?;
        if networks[..index].iter().any(|other| other.name == network.name) {
            return Err(format!(
                "{place}.Name is {:?}, as before already: a task is in a network once",
                network.name
            ));
        }
    }
    Ok(networks.iter().map(Attachment::from).collect())
}

impl Network {
    fn check(&self, place: &str) -> Result<(), String> {
        let name = self.name.as_str();
        if matches!(name, "host" | "none" | "bridge" | "default") {
            return Err(format!(
                "{place}.Name is {name:?}, a network of the engine's own: a task without Networks is on its bridge, and none \
                 shares the network of its node"
            ));
        }
        if !is_docker_name(name) || name.len() > 128 {
            return Err(format!(
                "{place}.Name is {:?}: a network's name is 2 to 128 of the characters a-z A-Z 0-9 _ . - and begins with a \
                 letter or digit",
                shown(name)
            ));
        }
        if self.internal && self.external {
            return Err(format!(
                "{place} is Internal and External: where an external network leads, whoever made it says"
            ));
        }
        if self.aliases.len() > MOST_ALIASES {
            return Err(format!(
                "{place}.Aliases has {} entries: {MOST_ALIASES} are the most",
                self.aliases.len()
            ));
        }
        let is_possible = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        for (index, alias) in self.aliases.iter().enumerate() {
            if alias.is_empty() || alias.len() > 253 || !alias.chars().all(is_possible) {
                return Err(format!(
                    "{place}.Aliases[{index}] is {:?}: a name of the characters a-z A-Z 0-9 . - _ is wanted, such as \"db\"",
                    shown(alias)
                ));
            }
        }
        Ok(())
    }
}

impl From<&Network> for Attachment {
    fn from(network: &Network) -> Self {
        let Network { name, aliases, internal, external } = network.clone();
        Self { name, aliases, internal, external }
    }
}

impl From<&Attachment> for Network {
    fn from(network: &Attachment) -> Self {
        let Attachment { name, aliases, internal, external } = network.clone();
        Self { name, aliases, internal, external }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_the_engine_and_nonsense_are_refused() {
        for (json, says) in [
            (r#"[{"Name":"host"}]"#, "none shares the network of its node"),
            (r#"[{"Name":"bridge"}]"#, "a network of the engine's own"),
            (r#"[{"Name":"container:db"}]"#, "Task.Networks[0].Name is \"container:db\""),
            (r#"[{"Name":"shop"},{"Name":"shop"}]"#, "Task.Networks[1].Name is \"shop\", as before"),
            (r#"[{"Name":"shop","Internal":true,"External":true}]"#, "whoever made it says"),
            (r#"[{"Name":"shop","Aliases":["a b"]}]"#, "Task.Networks[0].Aliases[0] is \"a b\""),
        ] {
            let networks: Vec<Network> = serde_json::from_str(json).unwrap();
            let problem = checked(&networks).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
        let networks: Vec<Network> =
            serde_json::from_str(r#"[{"Name":"shop","Aliases":["web"]},{"Name":"b2"}]"#).unwrap();
        assert_eq!(checked(&networks).unwrap().len(), 2);
    }
}
