//! Directories of the host that tasks mount: where a path leads is looked at on the worker's machine, right
//! before it is used.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::container::Failure;
use crate::model::spec::{MountKind, TaskSpec};

/// Refuses bind mounts that lead out of `roots` through a symbolic link: the operator allowed directories by their
/// names, and a task that may write in one could otherwise leave a link there to the whole host for the next. A link
/// from one of them into another, as `/etc/localtime` is, leads to what could be mounted by its own name as well.
///
/// A path that is not on this machine is left to the engine, which may be on another, and refuses what is absent.
pub(super) async fn check(spec: &TaskSpec, roots: &[PathBuf]) -> Result<(), Failure> {
    for mount in spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
        let (source, path) = (&mount.source, Path::new(&mount.source));
        match tokio::fs::canonicalize(path).await {
            Ok(real) if real == path || roots.iter().any(|root| real.starts_with(root)) => {}
            Ok(real) => {
                return Err(Failure::Refused(format!(
                    "the bind mount of {source:?} leads to {:?} through a symbolic link: mount that by its own name, or \
                     have this worker's ORC_BIND_MOUNTS allow it, too",
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
    async fn a_link_from_one_allowed_directory_into_another_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let [etc, share, other] = ["etc", "share", "share-of-others"].map(|name| root.join(name));
        for folder in [&etc, &share, &other] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("utc"), "").unwrap();
        }
        symlink(share.join("utc"), etc.join("localtime")).unwrap();
        symlink(other.join("utc"), etc.join("elsewhere")).unwrap();
        let roots = [etc.clone(), share];
        assert!(check(&mounting(&etc.join("localtime")), &roots).await.is_ok());
        assert!(check(&mounting(&etc.join("localtime")), &roots[..1]).await.is_err());
        assert!(check(&mounting(&etc.join("elsewhere")), &roots).await.is_err());
    }

    #[tokio::test]
    async fn a_link_anywhere_on_the_way_is_refused_and_says_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("real/inner")).unwrap();
        symlink("/", root.join("link")).unwrap();
        symlink(root.join("link"), root.join("real/link")).unwrap();
        for path in ["", "real", "real/inner", "real/absent"] {
            assert!(check(&mounting(&root.join(path)), &[]).await.is_ok(), "{path:?}");
        }
        for path in ["link", "link/etc", "real/link", "real/link/proc"] {
            let Err(Failure::Refused(sentence)) = check(&mounting(&root.join(path)), &[]).await else {
                panic!("{path:?} is let through");
            };
            assert!(sentence.contains("through a symbolic link"), "{sentence}");
        }
    }
}
