//! Secrets and configs: their versions, who is given which, and who keeps them from being removed.

use super::*;
use crate::model::managed_file::{FileKey, FileKind, ManagedFile};
use crate::model::service::{Mode, ServiceName, ServiceSpec, UpdatePolicy};
use crate::plan::cluster::change::{Expected, FileChange, Means, Put, ServiceChange, Word};

fn key() -> FileKey {
    FileKey { kind: FileKind::Secret, name: "db".parse().unwrap() }
}

fn web() -> ServiceName {
    "web".parse().unwrap()
}

fn naming(secrets: &str) -> Arc<TaskSpec> {
    let json = format!(r#"{{"Name":"web","Image":"i","Secrets":[{secrets}]}}"#);
    Arc::new(serde_json::from_str(&json).unwrap())
}

const NEWEST: &str = r#"{"Name":"db","Target":"/run/secrets/db"}"#;

fn version_in(spec: &TaskSpec) -> Option<u64> {
    spec.secrets[0].version
}

impl World {
    fn put(&mut self, means: Means, digest: &str) -> Result<Applied, Refusal> {
        let put = Put {
            key: key(),
            means,
            size: 7,
            digest: digest.to_owned(),
            labels: None,
            by: "ada".to_owned(),
            at: self.now.wall,
        };
        self.apply(&Change::File(FileChange::Put(put)))
    }

    fn remove_file(&mut self) -> Result<Applied, Refusal> {
        let (by, at) = ("ada".to_owned(), self.now.wall);
        self.apply(&Change::File(FileChange::Remove { key: key(), by, at }))
    }

    fn set_service(&mut self, secrets: &str) -> Result<Applied, Refusal> {
        let spec = ServiceSpec {
            mode: Mode::Replicated(1),
            task: naming(secrets),
            ports: Vec::new(),
            update: UpdatePolicy::default(),
            rollback: UpdatePolicy::default(),
            labels: std::collections::BTreeMap::new(),
        };
        let word =
            Word { service: web(), expected: Expected::Anything, by: "ada".to_owned(), at: self.now.wall };
        self.apply(&Change::Service(ServiceChange::Set { word, spec: Box::new(spec) }))
    }

    fn submit_naming(&mut self, task: TaskId, secrets: &str) -> Result<Applied, Refusal> {
        self.apply(&Change::Submit(Submission {
            request: request(1),
            digest: "x".to_owned(),
            task,
            spec: naming(secrets),
            pinned: None,
            at: self.now.wall,
        }))
    }

    fn named_version(&self) -> Option<u64> {
        version_in(&self.cluster.service_of(&web()).unwrap().wanted().spec.task)
    }

    fn numbers(&self) -> Vec<u64> {
        self.cluster.file(&key()).map_or_else(Vec::new, |file| file.versions.keys().copied().collect())
    }
}

#[test]
fn the_same_contents_make_no_version_and_others_do_where_they_are_meant() {
    let mut world = World::new();
    assert!(matches!(world.put(Means::Next, "a"), Err(Refusal::UnknownFile(_))));
    assert!(matches!(world.put(Means::First, "a"), Ok(Applied::Changed(_))));
    assert!(matches!(world.put(Means::First, "a"), Ok(Applied::Ignored)));
    assert!(matches!(world.put(Means::First, "b"), Err(Refusal::FileExists(_))));
    assert!(matches!(world.put(Means::Next, "a"), Ok(Applied::Ignored)));
    assert!(matches!(world.put(Means::Next, "b"), Ok(Applied::Changed(_))));
    assert_eq!(world.numbers(), [1, 2]);
}

#[test]
fn a_service_is_pinned_to_the_newest_version_until_it_is_set_again() {
    let mut world = World::new();
    let refusal = world.set_service(NEWEST).unwrap_err().to_string();
    assert!(refusal.contains("the secret db is named, and there is none"), "{refusal}");
    world.put(Means::First, "a").unwrap();
    world.set_service(NEWEST).unwrap();
    assert_eq!(world.named_version(), Some(1));
    assert!(matches!(world.set_service(NEWEST), Ok(Applied::Ignored)), "nothing is new");
    world.put(Means::Next, "b").unwrap();
    assert_eq!(world.named_version(), Some(1), "whoever runs goes on with what it has");
    assert!(matches!(world.set_service(NEWEST), Ok(Applied::Changed(_))), "a new version is a rollout");
    assert_eq!(world.named_version(), Some(2));
    let third = r#"{"Name":"db","Version":3,"Target":"/x"}"#;
    let refusal = world.set_service(third).unwrap_err().to_string();
    assert!(refusal.contains("version 3 of the secret db") && refusal.contains("newest is version 2"));
}

#[test]
fn what_is_in_use_stays_and_a_number_is_never_given_twice() {
    let mut world = World::new();
    world.put(Means::First, "a").unwrap();
    world.set_service(NEWEST).unwrap();
    let refusal = world.remove_file().unwrap_err().to_string();
    assert!(refusal.contains("in use by the service web"), "{refusal}");
    let leave =
        Word { service: web(), expected: Expected::Anything, by: "ada".to_owned(), at: world.now.wall };
    world.apply(&Change::Service(ServiceChange::Remove { word: leave })).unwrap();
    world.apply(&Change::Service(ServiceChange::Drop { service: web() })).unwrap();
    world.remove_file().unwrap();
    assert!(matches!(world.remove_file(), Err(Refusal::UnknownFile(_))));
    assert_eq!(world.cluster.files(FileKind::Secret).count(), 0);
    world.put(Means::First, "other").unwrap();
    assert_eq!(world.numbers(), [2], "version 1 was something else");
}

#[test]
fn old_versions_that_nobody_names_are_forgotten() {
    let mut world = World::new();
    world.put(Means::First, "0").unwrap();
    world.set_service(NEWEST).unwrap();
    let most = u64::try_from(ManagedFile::KEPT).unwrap();
    for number in 1..=most + 5 {
        world.put(Means::Next, &number.to_string()).unwrap();
    }
    let numbers = world.numbers();
    assert_eq!((numbers[0], numbers[1]), (1, 6), "the first is in use: {numbers:?}");
    let pruned = world.cluster.take_dirty().file_pruned;
    assert_eq!(pruned.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn a_worker_has_what_tasks_on_its_node_name_and_nothing_else() {
    let mut world = World::new();
    world.hear(1);
    world.hear(2);
    world.put(Means::First, "a").unwrap();
    world.put(Means::Next, "b").unwrap();
    let id = task(1);
    world.submit_naming(id, NEWEST).unwrap();
    assert_eq!(version_in(&world.cluster.task(id).unwrap().spec), Some(2), "a task is pinned, too");
    assert!(!world.cluster.may_have(&worker(1), &key(), 2), "it is nowhere yet");
    let why = Arc::new(crate::model::decision::Reasoning::default());
    world.apply(&Change::Place { task: id, node: worker(1), why }).unwrap();
    assert!(world.cluster.may_have(&worker(1), &key(), 2));
    assert!(!world.cluster.may_have(&worker(1), &key(), 1), "another version");
    assert!(!world.cluster.may_have(&worker(2), &key(), 2), "another node");
    let config = FileKey { kind: FileKind::Config, ..key() };
    assert!(!world.cluster.may_have(&worker(1), &config, 2), "another kind");
    world.apply(&Change::Stop { task: id, request: None }).unwrap();
    assert!(!world.cluster.may_have(&worker(1), &key(), 2), "it is to stop");
}
