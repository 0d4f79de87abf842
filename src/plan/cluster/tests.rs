//! What a manager decides and what each change means, case by case.

mod files;
mod images;
mod moves;
mod readiness;
mod safe_mode;
mod services;
mod volumes;

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
    /// Tasks to which every node has connections open.
    open: Vec<TaskId>,
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
            services: Vec::new(),
            unreadable_services: Vec::new(),
            files: Vec::new(),
            images: Vec::new(),
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
        Self { cluster: Cluster::restore(empty, SchedulerKind::Roundrobin, now), now, open: Vec::new() }
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
            facts: NodeFacts {
                ip: format!("10.0.0.{number}"),
                cores: 4,
                memory: 8 * GIB,
                disk: 100 * GIB,
                ..NodeFacts::default()
            },
            load: NodeLoad::default(),
            engine_trouble: None,
            known,
            start: None,
            leftovers,
            routed: Some(self.cluster.routes().revision),
            open: self.open.clone(),
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
            ready_for_ms: None,
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
    let report = Report {
        task: task(1),
        placement: 1,
        state: State::Failed,
        observed,
        ready_for_ms: None,
        message: String::new(),
    };
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
        services: Vec::new(),
        unreadable_services: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
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
        services: Vec::new(),
        unreadable_services: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
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
