//! What becomes of tasks whose nodes are lost or drained.

use super::*;
use crate::model::node::Availability;
use crate::model::spec::Failover;
use crate::model::task::Meanwhile;
use crate::plan::cluster::change::{Force, NodePatch};

/// Two nodes, and a task that runs on the first.
fn running(failover: Failover) -> World {
    let mut world = World::new();
    world.hear(1);
    let submission = Submission {
        request: request(1),
        digest: "web".to_owned(),
        task: task(1),
        spec: Arc::new(TaskSpec { failover, ..TaskSpec::clone(&spec("web", 0)) }),
        pinned: None,
        at: world.now.wall,
    };
    world.apply(&Change::Submit(submission)).unwrap();
    world.plan();
    world.report(1, State::Running, 1);
    world.hear(2);
    world
}

/// Time goes by, in which only `heard` is heard of.
fn pass(world: &mut World, seconds: u64, heard: u8) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    for _ in 0..seconds {
        world.now.moment = world.now.moment + Duration::from_secs(1);
        world.now.wall = Timestamp::from_millis(world.now.wall.millis() + 1000);
        world.hear(heard);
        kinds.extend(world.plan());
    }
    kinds
}

fn set(world: &mut World, number: u8, availability: Availability, force: Force) -> Result<Applied, Refusal> {
    let patch = NodePatch { availability: Some(availability), force, ..NodePatch::default() };
    world.apply(&Change::SetNode { node: worker(number), patch })
}

fn former(world: &World) -> Option<Meanwhile> {
    world.cluster.task(task(1)).unwrap().predecessor.as_ref().map(|former| former.wanted)
}

#[test]
fn a_task_of_a_lost_node_runs_elsewhere_and_its_node_lets_go_of_it_after_that() {
    let mut world = running(Failover::Available);
    assert_eq!(pass(&mut world, 6, 2), []);
    assert_eq!(pass(&mut world, 1, 2), [EventKind::NodeLost, EventKind::Moved]);
    assert_eq!((world.node_of(1), former(&world)), ("worker-2".to_owned(), Some(Meanwhile::Keep)));
    world.report(1, State::Running, 2);
    assert_eq!(former(&world), None);
    assert!(world.cluster.delta(&worker(1), None).assignments.is_empty(), "it is told nothing of it");
}

#[test]
fn a_node_that_is_back_before_the_task_runs_elsewhere_keeps_it() {
    let mut world = running(Failover::Available);
    pass(&mut world, 7, 2);
    let kept = world.cluster.delta(&worker(1), None).assignments;
    assert_eq!(kept.len(), 1, "until then it is to go on");
    world.hear(1);
    assert_eq!(world.plan(), [EventKind::Stays]);
    assert_eq!((world.node_of(1), former(&world)), ("worker-1".to_owned(), None));
    assert!(world.cluster.delta(&worker(2), None).assignments.is_empty());
}

#[test]
fn a_link_that_comes_and_goes_moves_a_task_once_a_minute() {
    let mut world = running(Failover::Available);
    assert!(pass(&mut world, 7, 2).contains(&EventKind::Moved));
    world.hear(1);
    world.plan();
    assert_eq!(pass(&mut world, 59, 2), [EventKind::NodeLost], "it has moved within a minute");
    assert_eq!(pass(&mut world, 1, 2), [EventKind::Moved]);
}

#[test]
fn a_single_task_waits_until_its_lost_node_must_have_stopped_it() {
    let mut world = running(Failover::Single);
    assert_eq!(pass(&mut world, 7, 2), [EventKind::NodeLost, EventKind::Moved]);
    assert_eq!((world.state(1), former(&world)), (State::Pending, Some(Meanwhile::Release)));
    // 1.1 leases of 6 s, 1.1 times Docker's 10 s, and 5 s are 22.6 s since it was heard.
    assert_eq!(pass(&mut world, 15, 2), []);
    assert_eq!(pass(&mut world, 1, 2), [EventKind::Moved, EventKind::Placed]);
    assert_eq!(world.node_of(1), "worker-2");
}

/// The manager ends and begins anew, and its store tells of leases that were given before.
fn begin_anew(world: &mut World, given: Duration) {
    let cluster = &world.cluster;
    let restored = Restored {
        services: Vec::new(),
        unreadable_services: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
        id: cluster.id,
        epoch: cluster.epoch + 1,
        revision: cluster.revision(),
        epochs: Vec::new(),
        lived: Duration::ZERO,
        next_seq: 9,
        tasks: cluster.tasks().cloned().collect(),
        nodes: cluster.nodes().map(|member| Node { lease: given, ..member.node.clone() }).collect(),
        requests: Vec::new(),
        rebalance: 0,
        unreadable: Vec::new(),
    };
    world.cluster = Cluster::restore(restored, SchedulerKind::Roundrobin, world.now);
    world.hear(2);
}

#[test]
fn a_single_task_waits_for_the_lease_of_an_earlier_life_until_its_node_has_heard_this_one() {
    // 1.1 leases, 1.1 times Docker's 10 s, and 5 s.
    let (former, present) = (86, 22);
    for (says, waits) in [
        (None, former),
        (Some("nothing"), former),
        (Some("the life before"), former),
        (Some("this life"), present),
    ] {
        let mut world = running(Failover::Single);
        begin_anew(&mut world, Duration::from_secs(64));
        let (epoch, revision) = (world.cluster.epoch, world.cluster.revision());
        let known = match says {
            Some("the life before") => Some((epoch - 1, revision)),
            Some("this life") => Some((epoch, revision)),
            _ => None,
        };
        if says.is_some() {
            world.hear_of(1, known, Some(Vec::new()));
        }
        let before = pass(&mut world, waits, 2);
        assert_eq!(before, [EventKind::NodeLost, EventKind::Moved], "{says:?}");
        assert_eq!(pass(&mut world, 1, 2), [EventKind::Moved, EventKind::Placed], "{says:?}");
    }
}

#[test]
fn a_lease_is_written_down_before_it_is_given_and_a_former_longer_one_until_it_is_over() {
    let lease = |world: &mut World, known: Option<u64>| {
        let revision = world.cluster.revision();
        world.cluster.take_dirty();
        world.hear_of(1, known.map(|epoch| (epoch, revision)), Some(Vec::new()));
        let is_dirty = world.cluster.take_dirty().nodes.contains(&worker(1));
        (world.cluster.node(&worker(1)).unwrap().node.lease.as_secs(), is_dirty)
    };
    let mut world = running(Failover::Single);
    let first = world.cluster.epoch;
    assert_eq!(lease(&mut world, Some(first)), (6, false));
    begin_anew(&mut world, Duration::from_secs(1));
    assert_eq!(lease(&mut world, Some(first)), (6, true), "a longer one, before it is given");
    begin_anew(&mut world, Duration::from_secs(64));
    assert_eq!(lease(&mut world, Some(first)), (64, false), "it may not hear the answer");
    assert_eq!(lease(&mut world, Some(first + 2)), (6, true), "it has");
}

#[test]
fn a_single_task_leaves_a_drained_node_only_after_that_says_so() {
    let mut world = running(Failover::Single);
    set(&mut world, 1, Availability::Drain, Force::No).unwrap();
    assert_eq!(world.plan(), [EventKind::Moved]);
    let recalled = world.cluster.revision();
    for (taken_in, leftovers, follows) in [
        (Some(recalled - 1), Some(Vec::new()), vec![]),
        (Some(recalled), Some(vec![task(1)]), vec![]),
        (Some(recalled), None, vec![]),
        (Some(recalled), Some(Vec::new()), vec![EventKind::Moved, EventKind::Placed]),
    ] {
        world.hear_of(1, taken_in.map(|revision| (world.cluster.epoch, revision)), leftovers.clone());
        assert_eq!(world.plan(), follows, "{taken_in:?} {leftovers:?}");
    }
    assert_eq!(world.node_of(1), "worker-2");
}

#[test]
fn a_manager_that_stood_still_loses_nobody() {
    let mut world = running(Failover::Available);
    world.now.moment = world.now.moment + Duration::from_mins(1);
    world.apply(&Change::Awoke).unwrap();
    assert_eq!(world.plan(), []);
}

#[test]
fn the_last_node_is_not_drained_unless_the_operator_insists() {
    let mut world = running(Failover::Available);
    set(&mut world, 2, Availability::Pause, Force::No).unwrap();
    let refused = set(&mut world, 1, Availability::Drain, Force::No);
    assert_eq!(refused, Err(Refusal::LastNode { node: worker(1), tasks: 1 }));
    assert!(set(&mut world, 1, Availability::Drain, Force::Yes).is_ok());
    assert_eq!(world.plan(), [EventKind::Stays], "and it says why nothing leaves");
    assert_eq!(world.plan(), [], "once");
}

#[test]
fn a_node_that_lives_is_removed_only_by_force_and_its_tasks_run_elsewhere_at_once() {
    let mut world = running(Failover::Single);
    let remove = |world: &mut World, force| world.apply(&Change::RemoveNode { node: worker(1), force });
    assert_eq!(remove(&mut world, Force::No), Err(Refusal::NodeLives(worker(1))));
    pass(&mut world, 7, 2);
    assert!(matches!(remove(&mut world, Force::No), Err(Refusal::NodeHasTasks { .. })));
    remove(&mut world, Force::Yes).unwrap();
    assert_eq!(world.plan(), [EventKind::Placed]);
    assert_eq!(world.node_of(1), "worker-2");
    assert!(world.cluster.node(&worker(1)).is_none());
}

#[test]
fn of_two_workers_with_one_identity_the_second_is_refused() {
    let mut world = running(Failover::Available);
    let life = |instance: u128, starts| Life {
        instance: InstanceId::from_uuid(uuid::Uuid::from_u128(instance)),
        database: Timestamp::from_millis(0),
        starts,
    };
    let heard = |life: Life, hanging: Option<(Life, Option<Moment>)>| {
        Change::Heard(Box::new(Heard {
            node: worker(1),
            life,
            hanging: hanging.map(|(life, broke_off)| Hanging { instance: life.instance, broke_off }),
            facts: NodeFacts::default(),
            load: NodeLoad::default(),
            engine_trouble: None,
            known: None,
            start: None,
            routed: None,
            open: Vec::new(),
            leftovers: None,
            lease: Patience::default().lease,
        }))
    };
    let after = |world: &mut World, millis: u64| {
        world.now.moment = world.now.moment + Duration::from_millis(millis);
    };
    let (first, copy) = (life(1, 2), life(2, 3));
    after(&mut world, 2_000);
    world.apply(&heard(first, None)).unwrap();
    let twice = Err(Refusal::NodeTwice(worker(1)));
    after(&mut world, 2_000);
    assert_eq!(world.apply(&heard(copy, Some((first, None)))), twice, "the first listens");
    world.apply(&heard(first, None)).unwrap();
    after(&mut world, 1_400);
    assert_eq!(world.apply(&heard(copy, None)), twice, "the first was answered, and asks again");
    let broken = Some((first, Some(world.now.moment)));
    assert_eq!(world.apply(&heard(copy, broken)), twice, "it may have lost its connection alone");
    after(&mut world, 200);
    assert_eq!(world.apply(&heard(copy, broken)), twice, "and has some time to come back");
    after(&mut world, 50);
    world.apply(&heard(copy, broken)).unwrap();
    after(&mut world, 10_000);
    assert_eq!(world.apply(&heard(first, None)), twice, "another has followed it");
}
