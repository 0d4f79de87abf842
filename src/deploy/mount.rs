//! `volumes` and `tmpfs`: what is mounted, under which name on the node.

use super::note::{Fate, Scope};
use crate::compose::Project;
use crate::compose::service::mount::{Mount, MountSource};
use crate::model::spec::MountKind;
use crate::wire::submission::{MountInput, TmpfsOptions};

/// What the service mounts.
pub(super) fn mounts(project: &Project, scope: &mut Scope<'_>) -> Option<Vec<MountInput>> {
    let mut mounts = Vec::new();
    let volumes = scope.entries("volumes");
    for (index, mount) in scope.service.mounts.iter().enumerate() {
        let mut notes = Vec::new();
        mounts.extend(mounted(project, &mount.value, &mut notes));
        // Those of `volumes` come first.
        let key = match index.checked_sub(volumes) {
            None => format!("volumes[{index}]"),
            Some(index) => format!("tmpfs[{index}]"),
        };
        for (fate, says) in notes {
            scope.tell(&key, &mount.at, fate, says);
        }
    }
    (!mounts.is_empty()).then_some(mounts)
}

fn mounted(project: &Project, mount: &Mount, notes: &mut Vec<(Fate, String)>) -> Option<MountInput> {
    let mut warn = |says: &str| notes.push((Fate::Warned, says.to_owned()));
    let (kind, source) = match &mount.source {
        MountSource::Volume { name: None, .. } => {
            warn(
                "a volume without a name is left out: what is written there is in the container, and gone with it; \
                 name the volume to keep it",
            );
            return None;
        }
        MountSource::Volume { name: Some(name), no_copy, subpath } => {
            if *no_copy {
                warn("what the image has there is copied into a new volume all the same");
            }
            if subpath.is_some() {
                let says = "a volume is mounted as a whole; give the directory a volume of its own";
                notes.push((Fate::Refused, says.to_owned()));
            }
            let volume = project.volumes.get(name);
            (MountKind::Volume, volume.map_or_else(|| name.clone(), |volume| volume.name.clone()))
        }
        MountSource::Bind { path, propagation, .. } => {
            warn(
                "it is the node's own file or directory: it has to be there, under a directory that ORC_BIND_MOUNTS \
                 allows, and is not copied from here",
            );
            if propagation.is_some() {
                warn("what is mounted in it later is not seen in the container");
            }
            (MountKind::Bind, path.display().to_string())
        }
        MountSource::Tmpfs { .. } => (MountKind::Tmpfs, String::new()),
    };
    Some(MountInput {
        kind: Some(kind),
        source,
        target: mount.target.clone(),
        read_only: mount.read_only,
        tmpfs_options: tmpfs_options(&mount.source),
    })
}

fn tmpfs_options(source: &MountSource) -> Option<TmpfsOptions> {
    let MountSource::Tmpfs { size, mode } = source else { return None };
    let size_bytes = size.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let options = TmpfsOptions { size_bytes, mode: *mode };
    (options != TmpfsOptions::default()).then_some(options)
}
