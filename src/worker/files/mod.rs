//! Secrets and configs on their way into containers: asked of the manager when a container is about to be created, kept in
//! memory, and mounted one by one, read-only.
//!
//! ```text
//! ORC_SECRETS_DIR/CLUSTER/NODE/kept/KIND.NAME.VERSION      what this worker was given: serves while the manager is away
//! ORC_SECRETS_DIR/CLUSTER/NODE/TASK.ATTEMPT/NUMBER.NAME    what one container has mounted
//! ```

mod memory;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{TryStreamExt as _, pin_mut};

use crate::client::{Client, ClientError};
use crate::model::container::{Failure, Identity, Owner};
use crate::model::id::TaskId;
use crate::model::managed_file::{Contents, FileKey, FileKind, FileRef};
use crate::model::spec::{Mount, MountKind, TaskSpec};
use crate::plan::host::Host;
use crate::plan::host::call::Verb;

/// The directory of what was given.
const KEPT: &str = "kept";

/// A manager that does not give a file within this is away.
const DEADLINE: Duration = Duration::from_secs(5);

/// The files of a worker.
#[derive(Debug)]
pub struct Files {
    /// Where they are, when somebody said.
    said: Option<PathBuf>,
    /// Whether containers see files of this machine.
    engine: EngineIs,
    manager: OnceLock<Client>,
}

/// Where a worker's engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineIs {
    /// On this machine: spoken to over a Unix socket.
    Here,
    /// Maybe on another.
    Elsewhere,
}

impl Files {
    /// None yet. `said` is the setting `ORC_SECRETS_DIR`.
    pub const fn new(said: Option<PathBuf>, engine: EngineIs) -> Self {
        Self { said, engine, manager: OnceLock::new() }
    }

    /// Tells whom to ask.
    pub fn ask_at(&self, manager: Client) {
        // Told once, at the start.
        let _ = self.manager.set(manager);
    }

    /// Whom to ask; `None` = nobody was reached yet.
    pub(super) fn manager(&self) -> Option<&Client> {
        self.manager.get()
    }

    /// What to create a container of instead, when that is about to be done and its task names files: those are there then.
    /// A [`Failure::Unknown`] says why one cannot be had now.
    pub(super) async fn provide_for(
        &self,
        owner: &Owner,
        verb: &Verb,
    ) -> Result<Option<Arc<TaskSpec>>, Failure> {
        let Verb::Create { identity, spec, .. } = verb else { return Ok(None) };
        self.refuse_own_places(spec)?;
        if spec.files().next().is_none() {
            return Ok(None);
        }
        let mut own = TaskSpec::clone(spec);
        own.mounts.extend(self.provide(owner, identity, spec).await?);
        Ok(Some(Arc::new(own)))
    }

    /// Refuses a task that names this directory itself: what is in there is each task's own.
    fn refuse_own_places(&self, spec: &TaskSpec) -> Result<(), Failure> {
        let mut binds = spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind).peekable();
        if binds.peek().is_none() {
            return Ok(());
        }
        // Without such a directory there is nothing in it.
        let Ok(Some(root)) = memory::find(self.said.as_deref()) else { return Ok(()) };
        match binds.find(|mount| Path::new(&mount.source).starts_with(&root)) {
            Some(mount) => Err(Failure::Refused(format!(
                "the bind mount of {:?} is where secrets of tasks are: it is nobody's to mount",
                mount.source
            ))),
            None => Ok(()),
        }
    }

    async fn provide(
        &self,
        owner: &Owner,
        identity: &Identity,
        spec: &TaskSpec,
    ) -> Result<Vec<Mount>, Failure> {
        if self.engine == EngineIs::Elsewhere {
            return Err(Failure::Refused(
                "its secrets and configs are files of its worker's machine, and the Docker Engine is at a tcp:// address: run \
                 a worker beside that engine, over its Unix socket"
                    .to_owned(),
            ));
        }
        let place = Place::open(self.said.as_deref(), owner)?;
        let attempt = place.attempt(identity.task, identity.attempt);
        memory::directory(&attempt).map_err(|error| unwritable(&attempt, &error))?;
        let mut mounts = Vec::new();
        for (number, (kind, file)) in spec.files().enumerate() {
            let contents = self.contents(&place, owner, kind, file).await?;
            let path = attempt.join(format!("{number}.{}", file.name));
            memory::hand_out(&path, &contents, file).map_err(|error| {
                Failure::Refused(format!(
                    "{} cannot be written with the owner {}:{}: {error}",
                    path.display(),
                    file.uid,
                    file.gid
                ))
            })?;
            mounts.push(Mount {
                kind: MountKind::Bind,
                source: path.display().to_string(),
                target: file.target.clone(),
                read_only: true,
                tmpfs_options: None,
            });
        }
        Ok(mounts)
    }

    /// What is in a version: as it was given before, else as the manager gives it.
    async fn contents(
        &self,
        place: &Place,
        owner: &Owner,
        kind: FileKind,
        file: &FileRef,
    ) -> Result<Contents, Failure> {
        let version = file.version.unwrap_or_default();
        let path = place.kept(kind, file.name.as_str(), version);
        if let Ok(bytes) = std::fs::read(&path) {
            return Ok(bytes.into());
        }
        let asked = format!("/nodes/{}/{}/{}/{version}", owner.node, kind.plural(), file.name);
        let contents = self.fetch(&asked, kind.most_bytes()).await.map_err(|why| {
            let key = FileKey { kind, name: file.name.clone() };
            Failure::Unknown(format!("version {version} of {key} is not on this node, and {why}"))
        })?;
        memory::directory(&place.directory.join(KEPT))
            .and_then(|()| memory::keep(&path, &contents))
            .map_err(|error| unwritable(&path, &error))?;
        Ok(contents)
    }

    async fn fetch(&self, path: &str, most: usize) -> Result<Contents, String> {
        let manager = self.manager.get().ok_or("the manager was not reached yet")?;
        let reading = async {
            let pieces = manager.stream(path, DEADLINE).await?;
            pin_mut!(pieces);
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.try_next().await? {
                bytes.extend_from_slice(&piece);
                if bytes.len() > most {
                    break;
                }
            }
            Ok::<_, ClientError>(bytes)
        };
        let bytes = tokio::time::timeout(DEADLINE, reading)
            .await
            .map_err(|_| format!("the manager did not give it within {} s", DEADLINE.as_secs()))?
            .map_err(|error| format!("the manager does not give it: {error}"))?;
        if bytes.len() > most {
            return Err(format!("the manager gave more than {most} bytes"));
        }
        Ok(bytes.into())
    }

    /// Removes what no container has any more, and what no task here names.
    pub(super) fn sweep(&self, host: &Host) {
        let Some(owner) = host.owner() else { return };
        let Ok(Some(root)) = memory::find(self.said.as_deref()) else { return };
        let place = Place::below(&root, &owner);
        if let Err(error) = place.sweep(host) {
            tracing::warn!("{} could not be tidied up: {error}", place.directory.display());
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Unknown(format!("{} cannot be written: {error}", path.display()))
}

/// The directory of one worker.
struct Place {
    directory: PathBuf,
}

impl Place {
    fn open(said: Option<&Path>, owner: &Owner) -> Result<Self, Failure> {
        let place = Self::below(&memory::open(said)?, owner);
        memory::directory(&place.directory).map_err(|error| unwritable(&place.directory, &error))?;
        Ok(place)
    }

    fn below(root: &Path, owner: &Owner) -> Self {
        Self { directory: root.join(owner.cluster.to_string()).join(owner.node.as_str()) }
    }

    fn attempt(&self, task: TaskId, attempt: u32) -> PathBuf {
        self.directory.join(format!("{task}.{attempt}"))
    }

    fn kept(&self, kind: FileKind, name: &str, version: u64) -> PathBuf {
        self.directory.join(KEPT).join(format!("{kind}.{name}.{version}"))
    }

    fn sweep(&self, host: &Host) -> io::Result<()> {
        for name in names_in(&self.directory)? {
            let is_needed = attempt_of(&name).is_none_or(|(task, number)| host.may_need_files(task, number));
            if !is_needed {
                std::fs::remove_dir_all(self.directory.join(name))?;
            }
        }
        let kept = self.directory.join(KEPT);
        for name in names_in(&kept)? {
            let is_needed = version_of(&name).is_none_or(|(key, number)| host.may_need_version(&key, number));
            if !is_needed {
                std::fs::remove_file(kept.join(name))?;
            }
        }
        Ok(())
    }
}

/// The names in a directory; none where it is not there.
fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Which attempt a directory is of; `None` = it is none of these.
fn attempt_of(name: &str) -> Option<(TaskId, u32)> {
    let (task, attempt) = name.rsplit_once('.')?;
    Some((task.parse().ok()?, attempt.parse().ok()?))
}

/// Which version a kept file is.
fn version_of(name: &str) -> Option<(FileKey, u64)> {
    let (kind, rest) = name.split_once('.')?;
    let (name, version) = rest.rsplit_once('.')?;
    Some((FileKey { kind: kind.parse().ok()?, name: name.parse().ok()? }, version.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { cluster: crate::model::id::ClusterId::generate(), node: "worker-1".parse().unwrap() }
    }

    fn create(fields: &str) -> Verb {
        let json = format!(r#"{{"Name":"web","Image":"i",{fields}}}"#);
        let spec: TaskSpec = serde_json::from_str(&json).unwrap();
        let identity = Identity { task: TaskId::generate(), attempt: 2, spec: spec.fingerprint() };
        Verb::Create { name: "web".to_owned(), identity, spec: Arc::new(spec) }
    }

    const NAMES_ONE: &str =
        r#""Secrets":[{"Name":"db.pass","Version":3,"Target":"/run/secrets/db","Mode":256}]"#;

    #[tokio::test]
    async fn what_was_given_before_serves_without_a_manager_and_is_mounted_read_only() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let root = memory.path().join("orc");
        let (files, owner) = (Files::new(Some(root.clone()), EngineIs::Here), owner());
        let failure = files.provide_for(&owner, &create(NAMES_ONE)).await.unwrap_err();
        let Failure::Unknown(sentence) = failure else { panic!("{failure:?}") };
        assert!(sentence.contains("version 3 of the secret db.pass is not on this node"), "{sentence}");

        let place = Place::open(Some(&root), &owner).unwrap();
        let kept = place.kept(FileKind::Secret, "db.pass", 3);
        memory::directory(kept.parent().unwrap()).unwrap();
        memory::keep(&kept, &Contents::from(b"hunter2".to_vec())).unwrap();
        let verb = create(NAMES_ONE);
        let spec = files.provide_for(&owner, &verb).await.unwrap().unwrap();
        let [mount] = &spec.mounts[..] else { panic!("{:?}", spec.mounts) };
        assert_eq!(
            (mount.kind, mount.read_only, mount.target.as_str()),
            (MountKind::Bind, true, "/run/secrets/db")
        );
        assert_eq!(std::fs::read(&mount.source).unwrap(), b"hunter2");
        let directory = Path::new(&mount.source).parent().unwrap().file_name().unwrap();
        let Verb::Create { identity, .. } = &verb else { unreachable!() };
        assert_eq!(attempt_of(directory.to_str().unwrap()), Some((identity.task, 2)));
        let known = version_of(kept.file_name().unwrap().to_str().unwrap()).unwrap();
        assert_eq!((known.0.to_string(), known.1), ("the secret db.pass".to_owned(), 3));
    }

    #[tokio::test]
    async fn an_engine_elsewhere_gets_no_files() {
        let files = Files::new(None, EngineIs::Elsewhere);
        let failure = files.provide_for(&owner(), &create(NAMES_ONE)).await.unwrap_err();
        assert!(
            matches!(&failure, Failure::Refused(why) if why.contains("beside that engine")),
            "{failure:?}"
        );
        let plain = create(r#""User":"1""#);
        assert_eq!(files.provide_for(&owner(), &plain).await, Ok(None));
    }

    #[tokio::test]
    async fn nobody_mounts_the_directory_of_the_secrets() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let root = memory.path().join("orc");
        let files = Files::new(Some(root.clone()), EngineIs::Here);
        memory::open(Some(&root)).unwrap();
        for (source, is_refused) in
            [(root.join("x"), true), (root.clone(), true), (memory.path().join("y"), false)]
        {
            let bind =
                format!(r#""Mounts":[{{"Type":"bind","Source":"{}","Target":"/x"}}]"#, source.display());
            let result = files.provide_for(&owner(), &create(&bind)).await;
            assert_eq!(matches!(result, Err(Failure::Refused(_))), is_refused, "{}", source.display());
        }
    }
}
