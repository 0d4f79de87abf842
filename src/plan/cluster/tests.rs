//! What a manager decides and what each change means, case by case.

use std::sync::Arc;
use std::time::Duration;

use super::change::{Applied, Change, Hanging, Heard, Refusal, Submission};
use super::reconcile::{Patience, reconcile};
use super::*;
use crate::model::event::EventKind;
use crate::model::id::InstanceId;
use crate::model::node::{Life, NodeFacts, NodeLoad, NodeState};
use crate::model::spec::TaskSpec;
use crate::model::state::Desired;
use crate::model::task::{Observed, Report};
use crate::model::time::{Now, Timestamp};
use crate::plan::schedule::Usage;

/// A manager with the time, by hand.
struct World {
    cluster: Cluster,
    now: Now,
}

fn task(number: u8) -> TaskId {
    format!("00000000-0000-0000-0000-0000000000{number:02}").parse().unwrap()
}

fn request(number: u8) -> RequestId {
    format!("00000000-0000-0000-0000-0000000000{number:02}").parse().unwrap()
}

fn worker(number: u8) -> NodeName {
    format!("worker-{number}").parse().unwrap()
}

fn spec(name: &str, memory: u64) -> Arc<TaskSpec> {
    let json = format!(r#"{{"Name":"{name}","Image":"nginx","Memory":{memory}}}"#);
    Arc::new(serde_json::from_str(&json).unwrap())
}

const GIB: u64 = 1 << 30;

impl World {
    fn new() -> Self {
        let now = Now { moment: Moment(1_000_000), wall: Timestamp::from_millis(1_795_332_379_690) };
        let empty = Restored {
            id: ClusterId::MIN,
            epoch: 1,
            revision: 0,
            epochs: Vec::new(),
            lived: Duration::ZERO,
            next_seq: 1,
            tasks: Vec::new(),
            nodes: Vec::new(),
            requests: Vec::new(),
            rebalance: 0,
            unreadable: Vec::new(),
        };
        Self { cluster: Cluster::restore(empty, SchedulerKind::Roundrobin, now), now }
    }

    fn with_workers(count: u8) -> Self {
        let mut world = Self::new();
        for number in 1..=count {
            world.hear(number);
        }
        world
    }

    fn apply(&mut self, change: &Change) -> Result<Applied, Refusal> {
        self.cluster.apply(change, self.now)
    }

    fn hear(&mut self, number: u8) -> Applied {
        self.hear_of(number, None, Some(Vec::new()))
    }

    fn hear_of(&mut self, number: u8, known: Option<(u64, u64)>, leftovers: Option<Vec<TaskId>>) -> Applied {
        let heard = Change::Heard(Box::new(Heard {
            node: worker(number),
            life: Life { instance: InstanceId::MIN, database: Timestamp::from_millis(0), starts: 1 },
            hanging: None,
            facts: NodeFacts { cores: 4, memory: 8 * GIB, disk: 100 * GIB, ..NodeFacts::default() },
            load: NodeLoad::default(),
            engine_trouble: None,
            known,
            start: None,
            leftovers,
            lease: Patience::default().lease,
        }));
        self.apply(&heard).unwrap()
    }

    fn submit(&mut self, number: u8, name: &str, memory: u64) -> Result<Applied, Refusal> {
        let submission = Submission {
            request: request(number),
            digest: format!("{name}/{memory}"),
            task: task(number),
            spec: spec(name, memory),
            pinned: None,
            at: self.now.wall,
        };
        self.apply(&Change::Submit(submission))
    }

    fn stop(&mut self, number: u8) -> Result<Applied, Refusal> {
        self.apply(&Change::Stop { task: task(number), request: None })
    }

    /// Plans until nothing is left to plan; the kinds of what happened.
    fn plan(&mut self) -> Vec<EventKind> {
        let mut kinds = Vec::new();
        for _ in 0..10 {
            let changes = reconcile(&mut self.cluster, Patience::default(), self.now);
            if changes.is_empty() {
                return kinds;
            }
            for change in changes {
                if let Applied::Changed(events) = self.apply(&change).unwrap() {
                    kinds.extend(events.into_iter().map(|event| event.kind));
                }
            }
        }
        panic!("plans do not come to rest");
    }

    fn report(&mut self, number: u8, state: State, seq: u64) -> Applied {
        let known = self.cluster.task(task(number)).unwrap();
        let node = known.node.clone().unwrap();
        let observed = Observed { attempt: 1, seq, ..Observed::default() };
        let report = Report {
            task: task(number),
            placement: known.placement,
            state,
            observed,
            message: "m".to_owned(),
        };
        self.apply(&Change::Report { node, report }).unwrap()
    }

    fn state(&self, number: u8) -> State {
        self.cluster.task(task(number)).unwrap().state
    }

    fn node_of(&self, number: u8) -> String {
        self.cluster.task(task(number)).unwrap().node.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn wait(&mut self, seconds: u64) {
        self.now.moment = self.now.moment + Duration::from_secs(seconds);
        self.now.wall =
            Timestamp::from_millis(self.now.wall.millis() + i64::try_from(seconds).unwrap() * 1_000);
    }
}

#[test]
fn tasks_go_to_the_nodes_in_turn() {
    let mut world = World::with_workers(2);
    for number in 1..=3 {
        world.submit(number, &format!("task-{number}"), 0).unwrap();
    }
    assert_eq!(world.plan(), [EventKind::Placed; 3]);
    assert_eq!([world.node_of(1), world.node_of(2), world.node_of(3)], ["worker-1", "worker-2", "worker-1"]);
}

#[test]
fn the_same_request_twice_is_one_task_and_another_body_is_refused() {
    let mut world = World::new();
    assert!(matches!(world.submit(1, "web", 0), Ok(Applied::Changed(_))));
    assert_eq!(world.submit(1, "web", 0), Ok(Applied::Repeated));
    assert_eq!(world.submit(1, "other", 0), Err(Refusal::RequestReused(request(1))));
    assert_eq!(world.cluster.tasks().count(), 1);
}

#[test]
fn a_name_is_free_again_when_its_task_is_over() {
    let mut world = World::with_workers(1);
    world.submit(1, "web", 0).unwrap();
    let taken = Refusal::NameTaken { name: "web".to_owned(), holder: task(1) };
    assert_eq!(world.submit(2, "web", 0), Err(taken));
    world.plan();
    world.report(1, State::Running, 1);
    world.report(1, State::Completed, 2);
    assert!(world.submit(2, "web", 0).is_ok());
}

#[test]
fn a_refused_change_leaves_nothing_behind() {
    let mut world = World::new();
    world.submit(1, "web", 0).unwrap();
    world.cluster.take_dirty();
    assert!(world.submit(2, "web", 0).is_err());
    assert_eq!(world.stop(9), Err(Refusal::UnknownTask(task(9))));
    assert_eq!(world.cluster.take_dirty(), Dirty::default());
    assert!(world.submit(2, "free", 0).is_ok(), "its request was not remembered");
}

#[test]
fn a_task_that_fits_nowhere_says_why_once_and_is_placed_when_there_is_room() {
    let mut world = World::with_workers(1);
    world.submit(1, "big", 6 * GIB).unwrap();
    world.submit(2, "bigger", 7 * GIB).unwrap();
    assert_eq!(world.plan(), [EventKind::Placed, EventKind::Unplaceable]);
    let message = &world.cluster.task(task(2)).unwrap().message;
    assert_eq!(message, "no node fits: 1 lacks memory (want 7 GiB, it has 2 GiB free)");
    world.hear(1);
    assert_eq!(world.plan(), [], "nothing has changed");
    world.report(1, State::Running, 1);
    world.report(1, State::Completed, 2);
    assert_eq!(world.plan(), [EventKind::Placed]);
}

#[test]
fn a_task_that_is_stopped_before_it_has_a_node_is_completed_by_the_planner() {
    let mut world = World::new();
    for number in [1, 2] {
        world.submit(number, &format!("task-{number}"), 0).unwrap();
    }
    world.stop(1).unwrap();
    assert_eq!(world.plan(), [EventKind::Completed, EventKind::Unplaceable]);
    world.stop(2).unwrap();
    assert_eq!(world.plan(), [EventKind::Completed], "one that waits in vain, too");
    assert_eq!([world.state(1), world.state(2)], [State::Completed; 2]);
}

#[test]
fn stopping_a_finished_task_starts_no_phantom() {
    let mut world = World::with_workers(1);
    world.submit(1, "job", 0).unwrap();
    world.plan();
    world.report(1, State::Running, 1);
    world.report(1, State::Completed, 2);
    world.stop(1).unwrap();
    assert_eq!(world.plan(), []);
    assert_eq!(world.state(1), State::Completed);
}

#[test]
fn a_late_a_foreign_and_an_unlawful_report_change_nothing() {
    let mut world = World::with_workers(2);
    world.submit(1, "web", 0).unwrap();
    world.plan();
    world.report(1, State::Running, 5);
    assert_eq!(world.report(1, State::Scheduled, 4), Applied::Ignored, "late");
    assert_eq!(world.report(1, State::Running, 5), Applied::Ignored, "repeated");
    assert_eq!(
        world.report(1, State::Pending, 6),
        Applied::Ignored,
        "no worker takes a task back to pending"
    );
    let observed = Observed { attempt: 1, seq: 9, ..Observed::default() };
    let report =
        Report { task: task(1), placement: 1, state: State::Failed, observed, message: String::new() };
    let foreign = Change::Report { node: worker(2), report: report.clone() };
    assert_eq!(world.apply(&foreign), Ok(Applied::Ignored));
    let stale = Change::Report { node: worker(1), report: Report { placement: 0, ..report } };
    assert_eq!(world.apply(&stale), Ok(Applied::Ignored));
    assert_eq!(world.state(1), State::Running);
}

#[test]
fn nothing_brings_a_finished_task_back() {
    let mut world = World::with_workers(1);
    world.submit(1, "job", 0).unwrap();
    world.plan();
    world.report(1, State::Failed, 1);
    for state in [State::Scheduled, State::Running, State::Completed] {
        assert_eq!(world.report(1, state, 9), Applied::Ignored, "{state}");
    }
    assert_eq!(world.state(1), State::Failed);
}

#[test]
fn what_a_task_holds_is_free_when_it_is_over_and_not_before() {
    let mut world = World::with_workers(1);
    world.submit(1, "web", 3 * GIB).unwrap();
    world.plan();
    world.stop(1).unwrap();
    assert_eq!(world.cluster.node(&worker(1)).unwrap().usage.memory, 3 * GIB, "it still runs");
    world.report(1, State::Completed, 1);
    assert_eq!(world.cluster.node(&worker(1)).unwrap().usage, Usage::default());
}

#[test]
fn a_node_that_is_silent_for_its_lease_is_unreachable_and_gets_nothing() {
    let mut world = World::with_workers(2);
    world.wait(4);
    world.hear(2);
    world.wait(3);
    assert_eq!(world.plan(), [EventKind::NodeLost]);
    assert_eq!(world.cluster.node(&worker(1)).unwrap().node.state, NodeState::Unreachable);
    for number in [1, 2] {
        world.submit(number, &format!("task-{number}"), 0).unwrap();
    }
    world.plan();
    assert_eq!([world.node_of(1), world.node_of(2)], ["worker-2", "worker-2"]);
    assert!(matches!(world.hear(1), Applied::Changed(events) if events[0].kind == EventKind::NodeReady));
}

#[test]
fn a_manager_that_starts_grants_every_node_a_whole_lease() {
    let mut world = World::with_workers(1);
    world.wait(60);
    let nodes = world.cluster.nodes().map(|member| member.node.clone()).collect();
    let start = Restored {
        id: ClusterId::MIN,
        epoch: 2,
        revision: 0,
        epochs: Vec::new(),
        lived: Duration::ZERO,
        next_seq: 1,
        tasks: Vec::new(),
        nodes,
        requests: Vec::new(),
        rebalance: 0,
        unreadable: Vec::new(),
    };
    world.cluster = Cluster::restore(start, SchedulerKind::Roundrobin, world.now);
    assert_eq!(world.plan(), []);
}

#[test]
fn a_task_that_cannot_be_read_keeps_its_id_and_its_name() {
    let mut world = World::with_workers(1);
    world.cluster.unreadable.insert(task(9));
    world.cluster.names.insert("dark".to_owned(), task(9));
    assert_eq!(world.submit(9, "light", 0), Err(Refusal::TaskExists(task(9))));
    let taken = Refusal::NameTaken { name: "dark".to_owned(), holder: task(9) };
    assert_eq!(world.submit(1, "dark", 0), Err(taken));
}

#[test]
fn a_worker_hears_what_changed_since_it_was_told_or_all_when_something_was_taken_away() {
    let mut world = World::with_workers(1);
    for number in 1..=3 {
        world.submit(number, &format!("task-{number}"), 0).unwrap();
    }
    world.plan();
    let all = world.cluster.delta(&worker(1), None);
    assert!(all.whole && all.assignments.len() == 3);
    assert!(!world.cluster.has_news(&worker(1), Some(all.revision)));
    world.stop(2).unwrap();
    assert!(world.cluster.has_news(&worker(1), Some(all.revision)));
    let delta = world.cluster.delta(&worker(1), Some(all.revision));
    assert!(!delta.whole);
    assert_eq!(
        delta.assignments.iter().map(|wanted| (wanted.id, wanted.desired)).collect::<Vec<_>>(),
        [(task(2), Desired::Stop)]
    );
    world.report(2, State::Completed, 1);
    world.apply(&Change::Forget { task: task(2) }).unwrap();
    let whole = world.cluster.delta(&worker(1), Some(delta.revision));
    assert!(whole.whole && whole.assignments.len() == 2);
    assert!(
        world.cluster.has_news(&worker(1), Some(whole.revision + 1)),
        "who knows the future is told the truth"
    );
}

#[test]
fn a_finished_task_is_forgotten_after_its_retention_with_its_requests() {
    let mut world = World::with_workers(1);
    world.submit(1, "job", 0).unwrap();
    world.plan();
    world.report(1, State::Completed, 1);
    world.wait(29 * 86_400);
    world.hear(1);
    world.plan();
    assert!(world.cluster.task(task(1)).is_some());
    world.wait(2 * 86_400);
    world.hear(1);
    world.plan();
    assert!(world.cluster.task(task(1)).is_none());
    assert!(world.cluster.take_dirty().forgotten.contains(&task(1)));
    assert!(matches!(world.submit(1, "job", 0), Ok(Applied::Changed(_))));
}

#[test]
fn a_date_that_is_set_makes_nothing_old_and_a_manager_that_was_away_did_not_wait() {
    let mut world = World::with_workers(1);
    world.submit(1, "job", 0).unwrap();
    world.plan();
    world.report(1, State::Completed, 1);
    let year = Duration::from_hours(366 * 24);
    let right = world.now.wall;
    for wrong in [right.after(year), right.before(year), Timestamp::from_millis(0)] {
        world.now.wall = wrong;
        world.hear(1);
        world.plan();
        assert!(world.cluster.task(task(1)).is_some(), "{wrong}");
    }
    world.now.wall = right;
    world.wait(29 * 86_400);
    let cluster = &world.cluster;
    let restored = Restored {
        id: cluster.id,
        epoch: cluster.epoch + 1,
        revision: cluster.revision(),
        epochs: Vec::new(),
        lived: cluster.lived(world.now.moment),
        next_seq: 2,
        tasks: cluster.tasks().cloned().collect(),
        nodes: cluster.nodes().map(|member| member.node.clone()).collect(),
        requests: Vec::new(),
        rebalance: 0,
        unreadable: Vec::new(),
    };
    world.wait(300 * 86_400);
    world.cluster = Cluster::restore(restored, SchedulerKind::Roundrobin, world.now);
    for (days, is_there) in [(0, true), (1, true), (1, false)] {
        world.wait(days * 86_400);
        world.hear(1);
        world.plan();
        assert_eq!(world.cluster.task(task(1)).is_some(), is_there);
    }
}

#[test]
fn a_task_of_a_worker_goes_nowhere_else() {
    let mut world = World::with_workers(2);
    let submission = |number: u8, node| Submission {
        request: request(number),
        digest: String::new(),
        task: task(number),
        spec: spec(&format!("task-{number}"), 0),
        pinned: Some(node),
        at: Timestamp::from_millis(0),
    };
    for number in 1..=3 {
        world.apply(&Change::Submit(submission(number, worker(2)))).unwrap();
    }
    world.plan();
    assert_eq!([world.node_of(1), world.node_of(2), world.node_of(3)], ["worker-2"; 3]);
    let unknown = world.apply(&Change::Submit(submission(4, worker(7))));
    assert_eq!(unknown, Err(Refusal::UnknownNode(worker(7))));
}

/// What becomes of tasks whose nodes are lost or drained.
mod moves {
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

    fn set(
        world: &mut World,
        number: u8,
        availability: Availability,
        force: Force,
    ) -> Result<Applied, Refusal> {
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
        after(&mut world, 400);
        assert_eq!(world.apply(&heard(copy, broken)), twice, "and has some time to come back");
        after(&mut world, 100);
        world.apply(&heard(copy, broken)).unwrap();
        after(&mut world, 10_000);
        assert_eq!(world.apply(&heard(first, None)), twice, "another has followed it");
    }
}

/// A database that went back in time.
mod safe_mode {
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
        World { cluster: Cluster::restore(restored, SchedulerKind::Roundrobin, now), now }
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
        assert_eq!(hear_that(&mut world, (6, 300), Some(60)), None, "its answer is on its way");
        assert_eq!(hear_that(&mut world, (7, 901), Some(6)), None);
        assert!(hear_that(&mut world, (7, 901), Some(60)).is_some());
    }
}
