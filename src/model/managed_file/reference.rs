//! How a task names a secret or a config.

use serde::{Deserialize, Serialize};

use super::FileName;

/// A secret or a config that a task's containers get as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileRef {
    /// Which.
    pub name: FileName,
    /// Which version of it; `None` = the newest when the task or the service is accepted, which is written here then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Absolute path in the container.
    pub target: String,
    /// The user that it belongs to there.
    #[serde(rename = "UID", default)]
    pub uid: u32,
    /// The group that it belongs to there.
    #[serde(rename = "GID", default)]
    pub gid: u32,
    /// Who may read it, as the permission bits of a file.
    #[serde(default = "FileRef::usual_mode")]
    pub mode: u32,
}

impl FileRef {
    /// Everybody in the container, as Docker has it.
    pub const USUAL_MODE: u32 = 0o444;

    const fn usual_mode() -> u32 {
        Self::USUAL_MODE
    }
}
