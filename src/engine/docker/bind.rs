//! Directories of the host that tasks mount: where a path leads is looked at on the worker's machine, right
//! before it is used.

use std::io;
use std::path::Path;

use crate::model::container::Failure;
use crate::model::spec::{MountKind, TaskSpec};

/// Refuses bind mounts that lead elsewhere through a symbolic link: the operator allowed directories by their
/// names, and a task that may write in one could otherwise leave a link there to the whole host for the next.
///
/// A path that is not on this machine is left to the engine, which may be on another, and refuses what is absent.
pub(super) async fn check(spec: &TaskSpec) -> Result<(), Failure> {
    for mount in spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
        let (source, path) = (&mount.source, Path::new(&mount.source));
        match tokio::fs::canonicalize(path).await {
            Ok(real) if real == path => {}
            Ok(real) => {
                return Err(Failure::Refused(format!(
                    "the bind mount of {source:?} leads to {:?} through a symbolic link: mount that by its own name, if \
                     ORC_BIND_MOUNTS allows it",
                    real.display()
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::Refused(format!(
                    "the bind mount of {source:?} cannot be looked at: {error}"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn mounting(source: &Path) -> TaskSpec {
        let source = source.to_str().unwrap();
        let json = format!(
            r#"{{"Name":"web","Image":"i","Mounts":[{{"Type":"bind","Source":"{source}","Target":"/b"}}]}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[tokio::test]
    async fn a_link_anywhere_on_the_way_is_refused_and_says_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("real/inner")).unwrap();
        symlink("/", root.join("link")).unwrap();
        symlink(root.join("link"), root.join("real/link")).unwrap();
        for path in ["", "real", "real/inner", "real/absent"] {
            assert!(check(&mounting(&root.join(path))).await.is_ok(), "{path:?}");
        }
        for path in ["link", "link/etc", "real/link", "real/link/proc"] {
            let Err(Failure::Refused(sentence)) = check(&mounting(&root.join(path))).await else {
                panic!("{path:?} is let through");
            };
            assert!(sentence.contains("through a symbolic link"), "{sentence}");
        }
    }
}
