//! What a rebalance moves, what it leaves, and how it ends.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Restored;
use super::super::change::{Applied, Change, Heard, NodePatch};
use super::super::reconcile::{Patience, reconcile};
use super::*;
use crate::model::event::EventKind;
use crate::model::id::{ClusterId, InstanceId};
use crate::model::node::{Availability, Life, Node, NodeFacts, NodeLoad, NodeState, Reserved};
use crate::model::task::{Observed, Report};
use crate::model::time::Timestamp;

const GIB: u64 = 1 << 30;

/// The time, which stands still.
fn now() -> Now {
    Now { moment: Moment(1_000_000), wall: Timestamp::from_millis(1_795_332_379_690) }
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn id(number: usize) -> TaskId {
    format!("00000000-0000-0000-0000-{number:012}").parse().unwrap()
}

fn facts() -> NodeFacts {
    NodeFacts { cores: 4, memory: 8 * GIB, disk: 100 * GIB, ..NodeFacts::default() }
}

fn node(text: &str) -> Node {
    Node {
        name: name(text),
        facts: facts(),
        state: NodeState::Ready,
        availability: Availability::Active,
        labels: BTreeMap::new(),
        reserved: Reserved::default(),
        message: String::new(),
        joined_at: now().wall,
        seen_at: now().wall,
        events_seen: 0,
        lease: Duration::from_secs(6),
    }
}

/// A cluster of these nodes, with tasks that run there.
fn cluster(scheduler: SchedulerKind, nodes: &[&str], tasks: &[(&str, Value)]) -> Cluster {
    let running = |(number, (at, wants)): (usize, &(&str, Value))| {
        let mut spec = json!({ "Name": format!("task-{number}"), "Image": "web" });
        spec.as_object_mut().unwrap().append(&mut wants.as_object().unwrap().clone());
        let spec = Arc::new(serde_json::from_value(spec).unwrap());
        let seq = u64::try_from(number).unwrap() + 1;
        Task {
            seq,
            revision: seq,
            node: Some(name(at)),
            placement: 1,
            state: State::Running,
            ..Task::accepted(id(number), spec, None, now().wall)
        }
    };
    let restored = Restored {
        services: Vec::new(),
        unreadable_services: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
        id: ClusterId::MIN,
        epoch: 1,
        revision: tasks.len() as u64,
        epochs: Vec::new(),
        lived: Duration::ZERO,
        next_seq: tasks.len() as u64 + 1,
        tasks: tasks.iter().enumerate().map(running).collect(),
        nodes: nodes.iter().map(|text| node(text)).collect(),
        rebalance: 0,
        requests: Vec::new(),
        unreadable: Vec::new(),
    };
    Cluster::restore(restored, scheduler, now())
}

/// So many tasks that want nothing on each of n1, n2 and n3.
fn piled(scheduler: SchedulerKind, counts: [usize; 3]) -> Cluster {
    let on = |at: usize| std::iter::repeat_n((["n1", "n2", "n3"][at], json!({})), counts[at]);
    cluster(scheduler, &["n1", "n2", "n3"], &(0..3).flat_map(on).collect::<Vec<_>>())
}

fn moves(cluster: &Cluster) -> Vec<String> {
    let proposal = propose(cluster, MOST_MOVES, now());
    let text = |one: &Proposed| {
        format!("{} {}>{}", cluster.task(one.task).unwrap().spec.name, one.from, one.better.node)
    };
    proposal.moves.iter().map(text).collect()
}

fn live(cluster: &Cluster) -> Vec<u32> {
    cluster.nodes().map(|member| member.usage.tasks).collect()
}

#[test]
fn as_few_tasks_move_as_even_the_nodes_out() {
    for scheduler in [SchedulerKind::Roundrobin, SchedulerKind::Spread, SchedulerKind::Epvm] {
        for counts in (0..6 * 6 * 6).map(|n| [n / 36, n / 6 % 6, n % 6]) {
            let cluster = piled(scheduler, counts);
            let mut after = counts;
            let moves = propose(&cluster, MOST_MOVES, now()).moves;
            let at = |name: &NodeName| name.as_str()[1..].parse::<usize>().unwrap() - 1;
            for one in &moves {
                after[at(&one.from)] -= 1;
                after[at(&one.better.node)] += 1;
            }
            let (least, most) = (after.iter().min().unwrap(), after.iter().max().unwrap());
            assert!(most - least <= 1, "{scheduler:?}: {counts:?} became {after:?}");
            let given: usize = counts.iter().zip(after).map(|(had, has)| had.saturating_sub(has)).sum();
            assert_eq!(
                moves.len(),
                given,
                "{scheduler:?}: {counts:?} became {after:?} in more than it takes"
            );
        }
    }
}

#[test]
fn a_move_says_how_both_nodes_stand_and_nothing_to_move_says_why() {
    let proposal = propose(&piled(SchedulerKind::Roundrobin, [3, 1, 0]), MOST_MOVES, now());
    let gains: Vec<&str> = proposal.moves.iter().map(|one| one.better.gain.as_str()).collect();
    assert_eq!(gains, ["n3: 0 live tasks; n1 without it: 2 live tasks"]);
    assert_eq!(proposal.summary, "1 task would stand clearly better on another node");
    let summary = |cluster: &Cluster| propose(cluster, MOST_MOVES, now()).summary;
    let even = summary(&piled(SchedulerKind::Roundrobin, [2, 2, 1]));
    assert_eq!(even, "the tasks stand well: no move among 3 nodes that take tasks gains enough");
    assert!(summary(&piled(SchedulerKind::Binpack, [5, 0, 0])).starts_with("binpack fills one node"));
    assert_eq!(summary(&cluster(SchedulerKind::Spread, &["n1"], &[])), "one node alone takes tasks");
    assert_eq!(summary(&cluster(SchedulerKind::Spread, &[], &[])), "no node takes tasks");
}

#[test]
fn a_task_moves_only_where_it_may_be_and_fits() {
    let port = json!({
        "ExposedPorts": { "80/tcp": {} }, "PortBindings": { "80/tcp": "8080" }, "PublishMode": "host",
    });
    let apart = json!({ "Labels": { "app": "db" }, "Placement": { "AntiAffinity": ["app"] } });
    let here = json!({ "Placement": { "Constraints": ["node.name == n1"] } });
    let big = json!({ "Memory": 5 * GIB });
    for (wants, there) in [(&port, &port), (&apart, &apart), (&big, &big)] {
        let stuck =
            |on: &Value| [("n1", wants.clone()), ("n1", json!({})), ("n1", json!({})), ("n2", on.clone())];
        let free = cluster(SchedulerKind::Spread, &["n1", "n2"], &stuck(&json!({})));
        assert_eq!(moves(&free).len(), 1, "{wants}");
        // Only what is not kept away goes, whichever is looked at first.
        let mut tasks = stuck(there).to_vec();
        tasks.rotate_left(1);
        let full = cluster(SchedulerKind::Spread, &["n1", "n2"], &tasks);
        assert!(moves(&full).iter().all(|one| !one.starts_with("task-3 ")), "{wants}: {:?}", moves(&full));
        let alone = [("n1", wants.clone()), ("n2", there.clone())];
        assert_eq!(moves(&cluster(SchedulerKind::Spread, &["n1", "n2"], &alone)), [""; 0], "{wants}");
    }
    let bound: Vec<_> = std::iter::repeat_n(("n1", here), 4).collect();
    assert_eq!(moves(&cluster(SchedulerKind::Spread, &["n1", "n2"], &bound)), [""; 0]);
}

#[test]
fn preferences_go_before_the_scheduler_and_a_little_better_is_not_enough() {
    let likes = |weight: i32| json!({ "Placement": { "Preferences": [{ "Prefer": "node.name == n2", "Weight": weight }] } });
    let drawn = cluster(SchedulerKind::Binpack, &["n1", "n2"], &[("n1", likes(5)), ("n2", json!({}))]);
    assert_eq!(
        moves(&drawn),
        ["task-0 n1>n2"],
        "though n2 is no emptier, and binpack moves nothing by itself"
    );
    let held = cluster(
        SchedulerKind::Spread,
        &["n1", "n2"],
        &[("n2", likes(5)), ("n2", likes(5)), ("n2", likes(5))],
    );
    assert_eq!(moves(&held), [""; 0], "though n1 is empty");
}

#[test]
fn what_may_not_move_stays_and_says_why() {
    let tasks =
        [("n1", json!({ "Failover": "single" })), ("n1", json!({})), ("n1", json!({})), ("n1", json!({}))];
    let mut cluster = cluster(SchedulerKind::Spread, &["n1", "n2"], &tasks);
    cluster.tasks.get_mut(&id(1)).unwrap().pinned = Some(name("n1"));
    cluster.tasks.get_mut(&id(2)).unwrap().state = State::Scheduled;
    cluster.moved.insert(id(3), now().moment);
    let proposal = propose(&cluster, MOST_MOVES, now());
    assert_eq!(proposal.moves, []);
    let mut why: Vec<&str> = proposal.stays.iter().map(|one| one.why.as_str()).collect();
    why.sort_unstable();
    assert_eq!(
        why,
        [
            "n2 would be better, but it came from a lost node within the last minute",
            "n2 would be better, but it does not run yet",
            "n2 would be better, but it may run only once, and would have to stop before it begins elsewhere",
            "n2 would be better, but it was posted to its node and may run on no other",
        ]
    );
    assert!(proposal.summary.ends_with("; 4 more would, and stay"), "{}", proposal.summary);
}

#[test]
fn a_node_that_takes_no_tasks_gives_none_either() {
    for availability in [Availability::Pause, Availability::Drain] {
        for closed in ["n1", "n3"] {
            let mut cluster = piled(SchedulerKind::Spread, [4, 2, 0]);
            cluster.nodes.get_mut(&name(closed)).unwrap().node.availability = availability;
            let touched = moves(&cluster).iter().any(|one| one.contains(closed));
            assert!(!touched, "{closed} {availability:?}: {:?}", moves(&cluster));
        }
    }
}

#[test]
fn of_very_many_tasks_only_so_many_are_looked_at_and_always_the_same() {
    let at = |number: usize| if number < 30_000 { "n1" } else { "n2" };
    let tasks: Vec<_> = (0..60_000).map(|number| (at(number), json!({}))).collect();
    let cluster = cluster(SchedulerKind::Spread, &["n1", "n2", "n3"], &tasks);
    let proposal = propose(&cluster, usize::MAX, now());
    assert_eq!(proposal.moves.len(), LOOKS);
    assert!(proposal.summary.contains("20000 of 60000 live tasks were looked at"), "{}", proposal.summary);
    assert_eq!(propose(&cluster, usize::MAX, now()), proposal);
}

/// A cluster whose workers do what they are told.
struct World {
    cluster: Cluster,
    seq: u64,
}

impl World {
    /// Three nodes that are heard of.
    fn new(counts: [usize; 3]) -> Self {
        let mut world = Self { cluster: piled(SchedulerKind::Roundrobin, counts), seq: 0 };
        for node in ["n1", "n2", "n3"] {
            world.hear(node);
        }
        world
    }

    fn apply(&mut self, change: &Change) -> Vec<EventKind> {
        match self.cluster.apply(change, now()).unwrap() {
            Applied::Changed(events) => events.into_iter().map(|event| event.kind).collect(),
            _ => Vec::new(),
        }
    }

    fn hear(&mut self, node: &str) {
        self.apply(&Change::Heard(Box::new(Heard {
            node: name(node),
            life: Life { instance: InstanceId::MIN, database: now().wall, starts: 1 },
            hanging: None,
            facts: facts(),
            load: NodeLoad::default(),
            engine_trouble: None,
            known: None,
            start: None,
            routed: None,
            open: Vec::new(),
            leftovers: Some(Vec::new()),
            lease: Patience::default().lease,
        })));
    }

    fn ask_for_rebalance(&mut self) -> usize {
        let moves = propose(&self.cluster, MOST_MOVES, now()).moves.len();
        self.apply(&Change::Rebalance { moves: u32::try_from(moves).unwrap() });
        moves
    }

    /// Decides once, and gives what happened.
    fn plan(&mut self) -> Vec<EventKind> {
        let changes = reconcile(&mut self.cluster, Patience::default(), now());
        changes.iter().flat_map(|change| self.apply(change)).collect()
    }

    fn on_their_way(&self) -> Vec<TaskId> {
        self.cluster.leaving.iter().copied().collect()
    }

    /// A task's worker says that it has come to this.
    fn report(&mut self, task: TaskId, state: State) {
        self.seq += 1;
        let now = self.cluster.task(task).unwrap();
        let report = Report {
            ready_for_ms: None,
            task,
            placement: now.placement,
            state,
            observed: Observed { seq: self.seq, ..Observed::default() },
            message: String::new(),
        };
        let node = now.node.clone().unwrap();
        self.apply(&Change::Report { node, report });
    }

    /// Lets it go on until nothing follows; how many moves began.
    fn play(&mut self) -> usize {
        let mut moved = 0;
        for _ in 0..1000 {
            let kinds = self.plan();
            moved += kinds.iter().filter(|kind| **kind == EventKind::Moved).count();
            let on_their_way = self.on_their_way();
            let mut nodes = BTreeSet::new();
            for task in &on_their_way {
                let task = self.cluster.task(*task).unwrap();
                assert!(nodes.insert(task.node.clone()), "two go to one node");
                assert!(nodes.insert(task.predecessor.as_ref().map(|former| former.node.clone())));
            }
            if kinds.is_empty() && on_their_way.is_empty() {
                return moved;
            }
            assert_eq!(self.plan(), [], "nothing more while some are on their way, or after the end");
            for task in on_their_way {
                self.report(task, State::Running);
            }
        }
        panic!("it never ends");
    }
}

#[test]
fn what_was_proposed_is_done_one_from_each_node_at_a_time_and_then_nothing() {
    let mut world = World::new([7, 5, 0]);
    assert_eq!(world.plan(), [], "nothing without an operator's word");
    assert_eq!(world.ask_for_rebalance(), 4);
    assert_eq!(world.play(), 4);
    assert_eq!(live(&world.cluster), [4, 4, 4]);
    assert_eq!(world.cluster.rebalance(), &Rebalance::default());
    assert_eq!(world.ask_for_rebalance(), 0);
}

#[test]
fn it_goes_on_after_a_restart_of_the_manager_and_the_number_of_moves_is_kept() {
    let mut world = World::new([6, 0, 0]);
    assert_eq!(world.ask_for_rebalance(), 4);
    assert_eq!(world.plan(), [EventKind::Moved]);
    let former = &world.cluster;
    let restored = Restored {
        services: Vec::new(),
        unreadable_services: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
        id: former.id,
        epoch: 2,
        revision: former.revision(),
        epochs: Vec::new(),
        lived: Duration::ZERO,
        next_seq: 7,
        tasks: former.tasks().cloned().collect(),
        nodes: former.nodes().map(|member| member.node.clone()).collect(),
        rebalance: former.rebalance().left,
        requests: Vec::new(),
        unreadable: Vec::new(),
    };
    world.cluster = Cluster::restore(restored, SchedulerKind::Roundrobin, now());
    for task in world.on_their_way() {
        world.report(task, State::Running);
    }
    assert_eq!(world.play(), 3);
    assert_eq!(live(&world.cluster), [2, 2, 2]);
}

#[test]
fn a_task_that_does_not_run_there_stays_and_is_not_moved_again() {
    let mut world = World::new([3, 0, 2]);
    assert_eq!(world.ask_for_rebalance(), 1);
    world.plan();
    let [task] = world.on_their_way()[..] else { panic!("one is on its way") };
    world.report(task, State::Failed);
    assert_eq!(world.cluster.task(task).unwrap().node, Some(name("n1")));
    world.report(task, State::Running);
    world.play();
    assert_eq!(world.cluster.rebalance().left, 0, "one move was asked for");
}

#[test]
fn a_task_whose_new_node_is_lost_on_the_way_stays_where_it_was() {
    let mut world = World::new([3, 1, 0]);
    world.ask_for_rebalance();
    world.plan();
    let [task] = world.on_their_way()[..] else { panic!("one is on its way") };
    world.apply(&Change::Lose { node: name("n3"), silent_seconds: 7 });
    assert_eq!(world.plan(), [EventKind::Stays]);
    assert_eq!(world.cluster.task(task).unwrap().node, Some(name("n1")));
}

#[test]
fn a_drain_goes_first() {
    let mut world = World::new([5, 1, 0]);
    world.ask_for_rebalance();
    let patch = NodePatch { availability: Some(Availability::Drain), ..NodePatch::default() };
    world.apply(&Change::SetNode { node: name("n2"), patch });
    world.plan();
    let why: Vec<Move> = world
        .on_their_way()
        .iter()
        .map(|id| world.cluster.task(*id).unwrap().predecessor.as_ref().unwrap().why)
        .collect();
    assert_eq!(why, [Move::Drain]);
}
