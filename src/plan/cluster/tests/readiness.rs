//! Which tasks get traffic, and for how long they have, by what workers say.

use super::*;
use crate::model::state::{Health, Ready};

/// A manager whose task 1 is placed; with these fields beside name and image.
fn placed(fields: &str) -> World {
    let mut world = World::with_workers(1);
    let json = format!(r#"{{"Name":"web","Image":"nginx"{fields}}}"#);
    let submission = Submission {
        request: request(1),
        digest: String::new(),
        task: task(1),
        spec: Arc::new(serde_json::from_str(&json).unwrap()),
        pinned: None,
        at: world.now.wall,
    };
    world.apply(&Change::Submit(submission)).unwrap();
    world.plan();
    world
}

const PROBED: &str =
    r#","Readiness":{"Test":{"Tcp":80},"IntervalMs":1,"TimeoutMs":1,"Retries":1,"StartPeriodMs":0}"#;
const CHECKED: &str =
    r#","HealthCheck":{"Path":"/","IntervalMs":1,"TimeoutMs":1,"Retries":1,"StartPeriodMs":0}"#;

impl World {
    /// Its worker says that task 1 runs, and how ready it is.
    fn says(&mut self, seq: u64, ready: Option<Ready>, ready_for_ms: Option<u64>) {
        self.says_of(seq, Observed { ready, ..Observed::default() }, ready_for_ms);
    }

    fn says_of(&mut self, seq: u64, observed: Observed, ready_for_ms: Option<u64>) {
        let known = self.cluster.task(task(1)).unwrap();
        let report = Report {
            task: task(1),
            placement: known.placement,
            state: State::Running,
            observed: Observed { attempt: 1, seq, ..observed },
            ready_for_ms,
            message: "running".to_owned(),
        };
        let node = known.node.clone().unwrap();
        assert_eq!(self.apply(&Change::Report { node, report }), Ok(Applied::Changed(Vec::new())));
    }

    /// For how long task 1 has been ready, milliseconds.
    fn ready_for(&self) -> Option<u128> {
        let lived = self.cluster.lived(self.now.moment);
        self.cluster.task(task(1)).unwrap().ready_for(lived).map(|time| time.as_millis())
    }

    fn begin_anew(&mut self) {
        let cluster = &self.cluster;
        let restored = Restored {
            id: cluster.id,
            epoch: cluster.epoch + 1,
            revision: cluster.revision(),
            epochs: Vec::new(),
            lived: cluster.lived(self.now.moment),
            next_seq: 2,
            tasks: cluster.tasks().cloned().collect(),
            nodes: cluster.nodes().map(|member| member.node.clone()).collect(),
            requests: Vec::new(),
            rebalance: 0,
            unreadable: Vec::new(),
            services: Vec::new(),
            unreadable_services: Vec::new(),
            files: Vec::new(),
            images: Vec::new(),
        };
        self.wait(3_600);
        self.cluster = Cluster::restore(restored, SchedulerKind::Roundrobin, self.now);
    }
}

#[test]
fn a_task_is_ready_since_its_worker_says_so_and_not_by_the_date() {
    let mut world = placed(PROBED);
    world.wait(60);
    assert_eq!(world.ready_for(), None);
    world.says(1, Some(Ready::NotYet("not asked".to_owned())), None);
    assert_eq!(world.ready_for(), None);
    world.says(2, Some(Ready::Yes), Some(1_500));
    assert_eq!(world.ready_for(), Some(1_500));
    let at = world.cluster.task(task(1)).unwrap().ready_at;
    assert_eq!(at, Some(world.now.wall.before(Duration::from_millis(1_500))));
    world.now.wall = Timestamp::from_millis(0);
    world.wait(10);
    assert_eq!(world.ready_for(), Some(11_500));
}

#[test]
fn readiness_that_was_broken_off_begins_anew() {
    let mut world = placed(PROBED);
    world.wait(60);
    world.says(1, Some(Ready::Yes), Some(0));
    world.wait(20);
    world.says(2, Some(Ready::No("answered 503".to_owned())), None);
    let broken = world.cluster.task(task(1)).unwrap();
    assert_eq!((broken.is_ready(), broken.ready_since, broken.ready_at), (false, None, None));
    world.wait(20);
    world.says(3, Some(Ready::Yes), Some(200));
    assert_eq!(world.ready_for(), Some(200));
    world.wait(20);
    // It was broken off and came back, and only the second was heard of.
    world.says(4, Some(Ready::Yes), Some(300));
    assert_eq!(world.ready_for(), Some(300));
}

#[test]
fn time_without_a_manager_counts_for_nothing() {
    let mut world = placed(PROBED);
    world.wait(60);
    world.says(1, Some(Ready::Yes), Some(0));
    world.wait(5);
    world.begin_anew();
    assert_eq!(world.ready_for(), Some(5_000), "what it has seen itself");
    world.wait(2);
    assert_eq!(world.ready_for(), Some(7_000));
}

#[test]
fn nobody_was_ready_before_there_was_a_manager() {
    let mut world = placed("");
    world.wait(60);
    world.says(1, Some(Ready::Yes), Some(u64::MAX));
    assert_eq!(world.ready_for(), Some(60_000));
}

#[test]
fn a_task_that_was_asked_to_stop_is_not_ready() {
    let mut world = placed("");
    world.says(1, Some(Ready::Yes), Some(0));
    assert!(world.cluster.task(task(1)).unwrap().is_ready());
    world.stop(1).unwrap();
    assert_eq!(world.ready_for(), None);
}

#[test]
fn a_worker_from_before_readiness_is_taken_by_what_it_says_of_health() {
    for (fields, health, is_ready) in [
        ("", Health::None, true),
        ("", Health::Starting, false),
        ("", Health::Healthy, true),
        (CHECKED, Health::None, false),
        (CHECKED, Health::Healthy, true),
        (CHECKED, Health::Unhealthy, false),
        (PROBED, Health::None, false),
    ] {
        let mut world = placed(fields);
        world.wait(60);
        world.says_of(1, Observed { health, ..Observed::default() }, None);
        assert_eq!(world.ready_for(), is_ready.then_some(0), "{fields} {health:?}");
        world.wait(5);
        world.says_of(2, Observed { health, ..Observed::default() }, None);
        assert_eq!(world.ready_for(), is_ready.then_some(5_000), "{fields} {health:?}");
    }
}
