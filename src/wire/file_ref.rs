//! How a task names secrets and configs in JSON, and what is refused of that.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::{is_clean_absolute, is_of_the_kernel, plain};
use super::submission::TaskInput;
use crate::model::managed_file::{FileKind, FileName, FileRef};
use crate::model::spec::Mount;

/// A secret or a config that a task's containers get as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FileRefInput {
    /// Which.
    #[schema(value_type = String)]
    pub name: FileName,
    /// Which version; the newest at that time when absent, which stands here from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Path in the container; "/run/secrets/NAME" or "/NAME" when absent, and what is not absolute is in that directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The user that it belongs to there, a number; 0 when absent.
    #[serde(rename = "UID", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub uid: Option<Owner>,
    /// The group that it belongs to there, a number; 0 when absent.
    #[serde(rename = "GID", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub gid: Option<Owner>,
    /// Who may read it: the permission bits of a file, in decimal; 292 (octal 444) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// The number of a user or a group; in JSON a text, too, as the Engine API has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OwnerText", into = "u32")]
pub struct Owner(pub u32);

#[derive(Deserialize)]
#[serde(untagged, expecting = "the number of a user or a group, such as 1000 or \"1000\"")]
enum OwnerText {
    Number(u32),
    Text(String),
}

impl TryFrom<OwnerText> for Owner {
    type Error = String;

    fn try_from(text: OwnerText) -> Result<Self, String> {
        match text {
            OwnerText::Number(number) => Ok(Self(number)),
            OwnerText::Text(text) => text.parse().map(Self).map_err(|_| {
                let shown: String = text.chars().take(32).collect();
                format!("{shown:?} is no number of a user or a group: 1000 or \"1000\" is, and names are the container's own")
            }),
        }
    }
}

impl From<Owner> for u32 {
    fn from(owner: Owner) -> Self {
        owner.0
    }
}

/// As a user would send it: what is as usual is not said.
impl From<&FileRef> for FileRefInput {
    fn from(file: &FileRef) -> Self {
        let owner = |number: u32| (number > 0).then_some(Owner(number));
        Self {
            name: file.name.clone(),
            version: file.version,
            target: Some(file.target.clone()),
            uid: owner(file.uid),
            gid: owner(file.gid),
            mode: (file.mode != FileRef::USUAL_MODE).then_some(file.mode),
        }
    }
}

impl FileRefInput {
    /// The newest version of a file at its usual place.
    pub const fn named(name: FileName) -> Self {
        Self { name, version: None, target: None, uid: None, gid: None, mode: None }
    }

    /// Where it is in the container.
    pub fn target_as(&self, kind: FileKind) -> String {
        let given = self.target.as_deref().filter(|target| !target.is_empty());
        let target = given.unwrap_or(self.name.as_str());
        if target.starts_with('/') { target.to_owned() } else { format!("{}{target}", kind.directory()) }
    }

    fn checked(&self, kind: FileKind, place: &str) -> Result<FileRef, String> {
        let target = plain(&format!("{place}.Target"), &self.target_as(kind))?;
        let path = Path::new(&target);
        if !is_clean_absolute(path) || is_of_the_kernel(path) || target.ends_with('/') {
            return Err(format!(
                "{place}.Target is {target:?}: the path of a file in the container is wanted, without .. and not in /proc \
                 or /sys; what is not absolute is in {}",
                kind.directory()
            ));
        }
        let mode = self.mode.unwrap_or(FileRef::USUAL_MODE);
        if mode > 0o777 {
            return Err(format!(
                "{place}.Mode is {mode}: permission bits from 0 to 511 (octal 777) are wanted, and JSON has them in \
                 decimal: octal 444 is 292"
            ));
        }
        if self.version == Some(0) {
            return Err(format!("{place}.Version is 0: versions are counted from 1"));
        }
        let owner = |owner: Option<Owner>| owner.map_or(0, |owner| owner.0);
        Ok(FileRef {
            name: self.name.clone(),
            version: self.version,
            target,
            uid: owner(self.uid),
            gid: owner(self.gid),
            mode,
        })
    }
}

impl TaskInput {
    /// Its secrets and its configs, each at a place of its own.
    pub(super) fn checked_files(&self, mounts: &[Mount]) -> Result<(Vec<FileRef>, Vec<FileRef>), String> {
        let mut taken: BTreeSet<String> = mounts.iter().map(|mount| mount.target.clone()).collect();
        let mut checked = |kind, field: &str, files: &Option<Vec<FileRefInput>>| {
            let files = files.iter().flatten().enumerate().map(|(index, file)| {
                let place = format!("Task.{field}[{index}]");
                let file = file.checked(kind, &place)?;
                if taken.insert(file.target.clone()) {
                    return Ok(file);
                }
                Err(format!(
                    "{place}.Target is {:?}, where something else of the task is already: choose another",
                    file.target
                ))
            });
            files.collect::<Result<Vec<FileRef>, String>>()
        };
        let secrets = checked(FileKind::Secret, "Secrets", &self.secrets)?;
        Ok((secrets, checked(FileKind::Config, "Configs", &self.configs)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::policy::Policy;
    use crate::wire::strict;

    fn task(fields: &str) -> Result<(Vec<FileRef>, Vec<FileRef>), String> {
        let json = format!(r#"{{"Name":"web","Image":"i",{fields}}}"#);
        let input: TaskInput = strict::decode(json.as_bytes()).map_err(|error| error.to_string())?;
        input.spec(&Policy::default()).map(|spec| (spec.secrets, spec.configs))
    }

    #[test]
    fn what_is_not_said_is_as_docker_has_it() {
        let (secrets, configs) = task(
            r#""Secrets":[{"Name":"db"},{"Name":"key","Target":"tls.key","UID":"33","GID":34,"Mode":256}],
               "Configs":[{"Name":"site","Version":3},{"Name":"app","Target":"/etc/app.toml"}]"#,
        )
        .unwrap();
        let targets: Vec<&str> = secrets.iter().chain(&configs).map(|file| file.target.as_str()).collect();
        assert_eq!(targets, ["/run/secrets/db", "/run/secrets/tls.key", "/site", "/etc/app.toml"]);
        assert_eq!((secrets[0].uid, secrets[0].mode, secrets[0].version), (0, 0o444, None));
        assert_eq!((secrets[1].uid, secrets[1].gid, secrets[1].mode), (33, 34, 0o400));
        assert_eq!(configs[0].version, Some(3));
    }

    #[test]
    fn what_is_not_possible_is_refused_with_its_place() {
        for (fields, words) in [
            (r#""Secrets":[{"Name":"a/b"}]"#, "Secrets[0].Name"),
            (r#""Secrets":[{"Name":"db","Target":"../x"}]"#, "Task.Secrets[0].Target"),
            (r#""Configs":[{"Name":"db","Target":"/proc/x"}]"#, "Task.Configs[0].Target"),
            (r#""Configs":[{"Name":"db","Mode":444}]"#, ""),
            (r#""Configs":[{"Name":"db","Mode":1024}]"#, "octal 444 is 292"),
            (r#""Secrets":[{"Name":"db","UID":"root"}]"#, "names are the container's own"),
            (r#""Secrets":[{"Name":"db"},{"Name":"web","Target":"db"}]"#, "Task.Secrets[1].Target"),
            (r#""Secrets":[{"Name":"db","Version":0}]"#, "counted from 1"),
        ] {
            match task(fields) {
                Ok(_) => assert!(words.is_empty(), "{fields}"),
                Err(sentence) => {
                    assert!(!words.is_empty() && sentence.contains(words), "{fields}: {sentence}");
                }
            }
        }
        let mounted = r#""Mounts":[{"Target":"/run/secrets/db","Source":"data"}],"Secrets":[{"Name":"db"}]"#;
        assert!(task(mounted).unwrap_err().contains("something else of the task"));
    }

    #[test]
    fn what_goes_out_can_come_in_again() {
        let (secrets, _) = task(r#""Secrets":[{"Name":"db","Version":2,"UID":7,"Mode":256}]"#).unwrap();
        let json = serde_json::to_string(&FileRefInput::from(&secrets[0])).unwrap();
        assert_eq!(task(&format!(r#""Secrets":[{json}]"#)).unwrap().0, secrets);
    }
}
