//! Images that the manager hands out: to whom, and until when.

use super::*;
use crate::model::image::{ImageName, StoredImage};
use crate::model::service::{Mode, ServiceName, ServiceSpec, UpdatePolicy};
use crate::plan::cluster::change::{Expected, ImageChange, ServiceChange, Word};

/// Seconds.
const HOUR: u64 = 3_600;

fn name(tag: char) -> ImageName {
    format!("shop-web:{}", tag.to_string().repeat(12)).parse().unwrap()
}

fn running(tag: char) -> Arc<TaskSpec> {
    let json = format!(r#"{{"Name":"web","Image":"{}"}}"#, name(tag).reference());
    Arc::new(serde_json::from_str(&json).unwrap())
}

fn web() -> ServiceName {
    "web".parse().unwrap()
}

impl World {
    fn put_image(&mut self, tag: char) {
        let image = StoredImage {
            name: name(tag),
            file: format!("{tag}.tar"),
            size: 7,
            digest: "digest".to_owned(),
            by: "ada".to_owned(),
            at: self.now.wall,
            unused_since: None,
        };
        self.apply(&Change::Image(ImageChange::Put(image))).unwrap();
    }

    fn set_web(&mut self, tag: char) {
        let spec = ServiceSpec {
            mode: Mode::Replicated(1),
            task: running(tag),
            ports: Vec::new(),
            update: UpdatePolicy::default(),
            rollback: UpdatePolicy::default(),
            labels: std::collections::BTreeMap::new(),
        };
        let change = ServiceChange::Set { word: self.word_on_web(), spec: Box::new(spec) };
        self.apply(&Change::Service(change)).unwrap();
    }

    fn word_on_web(&self) -> Word {
        Word { service: web(), expected: Expected::Anything, by: "ada".to_owned(), at: self.now.wall }
    }

    fn tend(&mut self) -> Vec<ImageChange> {
        let changes = self.cluster.tend_images(self.now);
        for change in &changes {
            self.apply(&Change::Image(change.clone())).unwrap();
        }
        changes
    }

    fn kept(&self) -> Vec<ImageName> {
        self.cluster.images().map(|image| image.name.clone()).collect()
    }
}

#[test]
fn an_image_goes_a_day_after_nothing_names_it_any_more() {
    let mut world = World::new();
    world.put_image('a');
    world.wait(12 * HOUR);
    assert_eq!(world.tend(), [], "somebody may be about to deploy it");
    world.set_web('a');
    assert_eq!(world.tend(), [ImageChange::Used(name('a'))]);
    world.put_image('b');
    world.set_web('b');
    assert_eq!(world.tend(), [ImageChange::Used(name('b'))]);
    world.wait(48 * HOUR);
    assert_eq!(world.tend(), [], "an earlier version can be brought back");
    world.apply(&Change::Service(ServiceChange::Remove { word: world.word_on_web() })).unwrap();
    world.apply(&Change::Service(ServiceChange::Drop { service: web() })).unwrap();
    assert_eq!(world.tend(), [ImageChange::Unused(name('a')), ImageChange::Unused(name('b'))]);
    world.wait(24 * HOUR - 1);
    assert_eq!((world.tend(), world.kept()), (vec![], vec![name('a'), name('b')]));
    world.wait(1);
    let changes = world.tend();
    assert!(matches!(&changes[..], [ImageChange::Remove { .. }, ImageChange::Remove { .. }]), "{changes:?}");
    assert_eq!(world.kept(), []);
    let dirty = world.cluster.take_dirty();
    assert_eq!((dirty.images.len(), dirty.images_gone.len()), (0, 2));
}

#[test]
fn a_worker_has_the_images_that_tasks_on_its_node_name_and_no_others() {
    let mut world = World::new();
    world.hear(1);
    world.hear(2);
    let id = task(1);
    let at = world.now.wall;
    let (request, digest) = (request(1), "x".to_owned());
    let submission = Submission { request, digest, task: id, spec: running('a'), pinned: None, at };
    world.apply(&Change::Submit(submission)).unwrap();
    assert!(!world.cluster.may_fetch(&worker(1), &name('a')), "it is nowhere yet");
    let why = Arc::new(crate::model::decision::Reasoning::default());
    world.apply(&Change::Place { task: id, node: worker(1), why }).unwrap();
    assert!(world.cluster.may_fetch(&worker(1), &name('a')));
    assert!(!world.cluster.may_fetch(&worker(1), &name('b')), "another image");
    assert!(!world.cluster.may_fetch(&worker(2), &name('a')), "another node");
    world.apply(&Change::Stop { task: id, request: None }).unwrap();
    assert!(!world.cluster.may_fetch(&worker(1), &name('a')), "it is to stop");
}
