//! Mounts in JSON: how they come in, what is refused in which sentence, and how they go out.

use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::{is_clean_absolute, is_of_the_kernel, plain, unsigned};
use super::policy::Policy;
use crate::model::id::is_docker_name;
use crate::model::spec::{Mount as MountRow, MountKind, TmpfsOptions as TmpfsRow};

/// A mount as a user sends it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MountInput {
    /// "volume" (when absent), "bind" or "tmpfs".
    #[serde(rename = "Type", default)]
    #[schema(value_type = Option<String>)]
    pub kind: Option<MountKind>,
    /// Volume name or host path.
    #[serde(default)]
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may only read.
    #[serde(default)]
    pub read_only: bool,
    /// How a tmpfs is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

/// How a tmpfs is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct TmpfsOptions {
    /// The most that it holds, bytes; 0 or absent = half of the node's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// Permissions as a number, not as octal digits: 1023 is 1777, as it is when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}

/// A file system in the container.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Mount {
    /// "volume", "bind" or "tmpfs".
    #[serde(rename = "Type")]
    pub kind: String,
    /// Volume name or host path; empty for tmpfs.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may only read.
    pub read_only: bool,
    /// How a tmpfs is made; left out where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

impl MountInput {
    pub(super) fn checked(&self, place: &str, policy: &Policy) -> Result<MountRow, String> {
        let kind = self.kind.unwrap_or(MountKind::Volume);
        let target = plain(&format!("{place}.Target"), &self.target)?;
        let path = Path::new(&target);
        if !is_clean_absolute(path) || is_of_the_kernel(path) || path == Path::new("/") {
            return Err(format!(
                "{place}.Target is {target:?}: an absolute path in the container is wanted, without .. and not in /proc or \
                 /sys, nor / itself"
            ));
        }
        let roots = &policy.bind_roots;
        match kind {
            MountKind::Volume if !is_docker_name(&self.source) => {
                return Err(format!(
                    "{place}.Source is {:?}: a volume's name is wanted, such as \"data\"",
                    self.source
                ));
            }
            MountKind::Tmpfs if !self.source.is_empty() => {
                return Err(format!(
                    "{place}.Source is {:?}: a tmpfs is memory and has no source",
                    self.source
                ));
            }
            MountKind::Bind if !roots.allow(Path::new(&self.source)) => {
                return Err(format!(
                    "{place}.Source is {:?}: a bind mount may come only from under a directory that the operator \
                     allowed with ORC_BIND_MOUNTS ({}); a volume needs no such leave",
                    self.source,
                    roots.in_words()
                ));
            }
            _ => {}
        }
        let tmpfs_options = self.tmpfs_options.map(|options| options.checked(place, kind)).transpose()?;
        Ok(MountRow {
            kind,
            source: self.source.clone(),
            target,
            read_only: self.read_only,
            tmpfs_options: tmpfs_options.flatten(),
        })
    }
}

impl TmpfsOptions {
    /// `None` = as any.
    fn checked(self, place: &str, kind: MountKind) -> Result<Option<TmpfsRow>, String> {
        /// The permissions of all, set-user-ID, set-group-ID and the sticky bit.
        const MOST: u32 = 0o7777;
        if kind != MountKind::Tmpfs {
            return Err(format!("{place}.TmpfsOptions is there: a {} has none", kind.word()));
        }
        if let Some(mode) = self.mode.filter(|mode| *mode > MOST) {
            return Err(format!(
                "{place}.TmpfsOptions.Mode is {mode}: {MOST}, which is 7777 in octal, is the most"
            ));
        }
        let size = unsigned(&format!("{place}.TmpfsOptions.SizeBytes"), self.size_bytes)?;
        let options = TmpfsRow { size_bytes: Some(size).filter(|size| *size > 0), mode: self.mode };
        Ok(Some(options).filter(|options| *options != TmpfsRow::default()))
    }
}

impl From<&TmpfsRow> for TmpfsOptions {
    fn from(options: &TmpfsRow) -> Self {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Self { size_bytes: options.size_bytes.map(signed), mode: options.mode }
    }
}

impl From<&MountRow> for MountInput {
    fn from(mount: &MountRow) -> Self {
        Self {
            kind: Some(mount.kind),
            source: mount.source.clone(),
            target: mount.target.clone(),
            read_only: mount.read_only,
            tmpfs_options: mount.tmpfs_options.as_ref().map(TmpfsOptions::from),
        }
    }
}

impl From<&MountRow> for Mount {
    fn from(mount: &MountRow) -> Self {
        Self {
            kind: mount.kind.word().to_owned(),
            source: mount.source.clone(),
            target: mount.target.clone(),
            read_only: mount.read_only,
            tmpfs_options: mount.tmpfs_options.as_ref().map(TmpfsOptions::from),
        }
    }
}
