//! A database that went back in time.

use super::*;
use crate::model::epoch::Epoch;

#[test]
fn a_history_older_than_what_a_worker_knows_decides_nothing_until_it_is_accepted() {
    let mut world = World::new();
    world.hear(1);
    world.submit(1, "web", 0).unwrap();
    world.plan();
    let (epoch, revision) = (world.cluster.epoch, world.cluster.revision());
    world.hear_of(1, Some((epoch, revision)), None);
    assert_eq!(world.cluster.safe_mode(), None);

    world.hear_of(1, Some((epoch + 3, revision)), None);
    let why = world.cluster.safe_mode().unwrap();
    assert!(why.contains("orc state accept"), "{why}");
    assert_eq!(world.submit(2, "db", 0), Err(Refusal::SafeMode(why.clone())));
    assert_eq!(world.stop(1), Err(Refusal::SafeMode(why)));
    world.now.wall = Timestamp::from_millis(world.now.wall.millis() + 90 * 86_400_000);
    assert_eq!(world.plan(), [], "and nothing is forgotten");

    world.apply(&Change::AcceptState).unwrap();
    assert_eq!(world.cluster.safe_mode(), None);
    assert!(world.cluster.epoch > epoch + 3 && world.cluster.revision() > revision);
    assert_eq!(world.apply(&Change::AcceptState), Err(Refusal::NothingToAccept));
    assert!(world.cluster.delta(&worker(1), Some(revision)).whole, "everybody is told everything");
    assert!(world.stop(1).is_ok());
}

#[test]
fn a_later_revision_alone_is_later_history() {
    let mut world = World::new();
    world.hear_of(1, Some((world.cluster.epoch, world.cluster.revision() + 1)), None);
    assert!(world.cluster.safe_mode().is_some());
}

/// A manager whose epochs began so, at this revision of the last one.
fn with_epochs(epochs: &[Epoch], revision: u64) -> World {
    let now = World::new().now;
    let restored = Restored {
        services: Vec::new(),
        unreadable_services: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
        id: ClusterId::MIN,
        epoch: epochs.last().unwrap().number,
        epochs: epochs.to_vec(),
        lived: Duration::ZERO,
        revision,
        next_seq: 1,
        tasks: Vec::new(),
        nodes: Vec::new(),
        requests: Vec::new(),
        rebalance: 0,
        unreadable: Vec::new(),
    };
    World { cluster: Cluster::restore(restored, SchedulerKind::Roundrobin, now), now, open: Vec::new() }
}

fn epoch(number: u64, start: u8, revision: u64) -> Epoch {
    Epoch { number, start: instance(start), revision }
}

fn instance(number: u8) -> InstanceId {
    InstanceId::from_uuid(uuid::Uuid::from_u128(number.into()))
}

fn hear_that(world: &mut World, known: (u64, u64), start: Option<u8>) -> Option<String> {
    let heard = Heard {
        node: worker(1),
        life: Life { instance: InstanceId::MIN, database: Timestamp::from_millis(0), starts: 1 },
        hanging: None,
        facts: NodeFacts::default(),
        load: NodeLoad::default(),
        engine_trouble: None,
        known: Some(known),
        start: start.map(instance),
        routed: None,
        open: Vec::new(),
        leftovers: None,
        lease: Patience::default().lease,
    };
    world.apply(&Change::Heard(Box::new(heard))).unwrap();
    world.cluster.safe_mode()
}

#[test]
fn a_database_that_has_caught_up_with_what_it_lost_is_found_out() {
    // The backup is of epoch 5 at revision 100. What was lost went on to 200 in that epoch; this one is at 900.
    let after_one = [epoch(5, 5, 40), epoch(6, 6, 100)];
    for (known, start, found) in [
        ((5, 100), Some(5), false),
        ((5, 101), Some(5), true),
        ((5, 101), None, true),
        ((6, 900), Some(6), false),
        ((6, 901), Some(6), true),
        // Another start on a copy of the same file, whichever of both had more to do.
        ((6, 300), Some(60), true),
        ((6, 300), None, false),
        // Older than what is remembered.
        ((4, 40), Some(44), false),
    ] {
        let mut world = with_epochs(&after_one, 900);
        let why = hear_that(&mut world, known, start);
        assert_eq!(why.is_some(), found, "{known:?} {start:?} {why:?}");
    }
    let why = hear_that(&mut with_epochs(&after_one, 900), (5, 101), Some(5)).unwrap();
    assert!(why.contains("epoch 5, revision 101, which this database has lost"), "{why}");
    // The same backup once more: the worker knows of the epoch 6 that was lost by it, and this one has had two.
    let after_two = [epoch(5, 5, 40), epoch(6, 7, 100), epoch(7, 8, 880)];
    assert!(hear_that(&mut with_epochs(&after_two, 900), (6, 300), Some(6)).is_some());
    assert!(hear_that(&mut with_epochs(&after_two, 900), (6, 880), Some(7)).is_none());
}

#[test]
fn what_was_before_an_accepted_history_is_judged_no_more() {
    let mut world = with_epochs(&[epoch(5, 5, 40), epoch(6, 6, 100)], 900);
    assert!(hear_that(&mut world, (6, 300), Some(60)).is_some());
    world.apply(&Change::AcceptState).unwrap();
    let accepted = world.cluster.take_dirty().accepted.unwrap();
    assert_eq!((accepted.number, accepted.revision), (7, 901));
    assert_eq!(world.cluster.start(), Some(accepted.start));
    let routes = world.cluster.routes().revision;
    assert!(
        routes > crate::model::routes::Routes::first_of(7),
        "nobody knows routes by this number: {routes}"
    );
    assert_eq!(hear_that(&mut world, (6, 300), Some(60)), None, "its answer is on its way");
    assert_eq!(hear_that(&mut world, (7, 901), Some(6)), None);
    assert!(hear_that(&mut world, (7, 901), Some(60)).is_some());
}
