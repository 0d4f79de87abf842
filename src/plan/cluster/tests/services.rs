//! Services in a cluster whose workers do what they are told, unless a task's image is bad.

mod cron;

use super::*;
use crate::model::node::Availability;
use crate::model::port::Port;
use crate::model::routes::Routes;
use crate::model::service::ServicePort;
use crate::model::service::{Job, Mode, OnFailure, Order, ServiceName, ServiceSpec, Stage, UpdatePolicy};
use crate::model::state::Ready;
use crate::model::task::HostBinding;
use crate::plan::cluster::change::{Expected, NodePatch, ServiceChange, Steer, Word};

const SECOND: Duration = Duration::from_secs(1);

fn web() -> ServiceName {
    "web".parse().unwrap()
}

fn service(image: &str, mode: Mode) -> ServiceSpec {
    let task = serde_json::json!({ "Name": "web", "Image": image, "RestartPolicy": "always" });
    ServiceSpec {
        mode,
        task: Arc::new(serde_json::from_value(task).unwrap()),
        ports: Vec::new(),
        update: UpdatePolicy::default(),
        rollback: UpdatePolicy::default(),
        labels: std::collections::BTreeMap::new(),
    }
}

fn replicated(image: &str, replicas: u32) -> ServiceSpec {
    service(image, Mode::Replicated(replicas))
}

impl World {
    fn word(&self, expected: Expected) -> Word {
        Word { service: web(), expected, by: "ada".to_owned(), at: self.now.wall }
    }

    fn set(&mut self, expected: Expected, spec: &ServiceSpec) -> Result<Applied, Refusal> {
        let word = self.word(expected);
        self.change(ServiceChange::Set { word, spec: Box::new(spec.clone()) })
    }

    fn steer(&mut self, how: Steer) -> Result<Applied, Refusal> {
        let word = self.word(Expected::Anything);
        self.change(ServiceChange::Steer { word, how })
    }

    fn change(&mut self, change: ServiceChange) -> Result<Applied, Refusal> {
        self.apply(&Change::Service(change))
    }

    /// Decides, and has the workers do it; then a second passes, in which every worker that is not in `silent` is heard.
    fn second(&mut self, silent: &[u8]) {
        for _ in 0..4 {
            for change in reconcile(&mut self.cluster, Patience::default(), self.now) {
                self.apply(&change).unwrap();
            }
        }
        let workers: Vec<u8> =
            (1..=9).filter(|number| self.cluster.node(&worker(*number)).is_some()).collect();
        for number in workers.into_iter().filter(|number| !silent.contains(number)) {
            self.hear(number);
            let member = self.cluster.node(&worker(number)).unwrap();
            let ids: Vec<TaskId> = member.assigned.values().copied().collect();
            for id in ids {
                self.work(id);
            }
        }
        self.now = Now { moment: self.now.moment + SECOND, wall: self.now.wall.after(SECOND) };
    }

    /// What a worker does about a task within a second.
    fn work(&mut self, id: TaskId) {
        let task = self.cluster.task(id).unwrap().clone();
        let is_bad = task.spec.image == "bad";
        let (state, restarts) = match (task.desired, task.state) {
            (_, state) if state.is_final() => return,
            (Desired::Stop, _) => (State::Completed, task.observed.restarts),
            (Desired::Run, _) if task.spec.image == "once" => (State::Completed, 0),
            (Desired::Run, _) if task.spec.image == "never" => (State::Failed, 0),
            (Desired::Run, State::Scheduled) => (State::Running, task.observed.restarts),
            (Desired::Run, _) if is_bad => (State::Scheduled, task.observed.restarts + 1),
            (Desired::Run, _) => return,
        };
        let binding = HostBinding { host_ip: "0.0.0.0".to_owned(), host_port: "32768".to_owned() };
        let exposed = task.spec.exposed_ports.iter().flatten();
        let host_ports = Some(exposed.map(|(port, _)| (*port, vec![binding.clone()])).collect());
        let observed =
            Observed { seq: task.observed.seq + 1, restarts, attempt: 1, host_ports, ..task.observed };
        let message = if is_bad { "exited with 1" } else { "" }.to_owned();
        let report =
            Report { task: id, placement: task.placement, state, observed, ready_for_ms: None, message };
        let node = task.node.unwrap();
        self.apply(&Change::Report { node, report }).unwrap();
    }

    /// Has the worker of a task say something else of it.
    fn say_of(&mut self, name: &str, change: impl FnOnce(&mut Observed)) {
        let task = self.cluster.tasks().find(|task| task.spec.name == name).unwrap().clone();
        let mut observed = Observed { seq: task.observed.seq + 1, ..task.observed };
        change(&mut observed);
        let (placement, state, message) = (task.placement, task.state, String::new());
        let report = Report { task: task.id, placement, state, observed, ready_for_ms: None, message };
        self.apply(&Change::Report { node: task.node.unwrap(), report }).unwrap();
    }

    fn seconds(&mut self, count: u32) {
        for _ in 0..count {
            self.second(&[]);
        }
    }

    fn service(&self) -> &Service {
        self.cluster.service_of(&web()).unwrap()
    }

    /// Names of the tasks that are wanted and have not ended.
    fn live(&self) -> Vec<&str> {
        let live = self.cluster.tasks().filter(|task| task.desired == Desired::Run && !task.state.is_final());
        let mut names: Vec<&str> = live.map(|task| task.spec.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn ready(&self) -> usize {
        self.cluster.tasks().filter(|task| task.desired == Desired::Run && task.is_ready()).count()
    }

    /// A manager that was killed, with what it had written.
    fn killed(&mut self) {
        let cluster = &self.cluster;
        let restored = Restored {
            services: cluster.services().cloned().collect(),
            unreadable_services: Vec::new(),
            files: Vec::new(),
            images: Vec::new(),
            id: cluster.id,
            epoch: cluster.epoch + 1,
            revision: cluster.revision(),
            epochs: Vec::new(),
            lived: Duration::ZERO,
            next_seq: cluster.next_seq,
            tasks: cluster.tasks().cloned().collect(),
            nodes: cluster.nodes().map(|member| member.node.clone()).collect(),
            requests: Vec::new(),
            rebalance: 0,
            unreadable: Vec::new(),
        };
        self.cluster = Cluster::restore(restored, SchedulerKind::Roundrobin, self.now);
    }
}

#[test]
fn a_service_gets_its_tasks_on_different_nodes_and_is_settled_once_they_have_run_for_a_while() {
    let mut world = World::with_workers(3);
    world.set(Expected::Absent, &replicated("good", 3)).unwrap();
    world.seconds(2);
    assert_eq!(world.live(), ["web.1.v1", "web.2.v1", "web.3.v1"]);
    let nodes: BTreeSet<_> = world.cluster.tasks().filter_map(|task| task.node.clone()).collect();
    assert_eq!(nodes.len(), 3);
    assert_eq!(world.service().stable, None, "they have not run for long enough");
    world.seconds(6);
    assert_eq!(world.service().stable, Some(1));
    assert_eq!(world.service().message, "version 1 runs in every slot");
}

#[test]
fn an_update_takes_one_after_the_other_and_is_never_without_one() {
    let mut world = World::with_workers(2);
    world.set(Expected::Absent, &replicated("good", 3)).unwrap();
    world.seconds(8);
    world.set(Expected::Version(1), &replicated("better", 3)).unwrap();
    for _ in 0..40 {
        world.second(&[]);
        assert!(world.ready() >= 3, "{:?}", world.live());
        assert!(world.live().len() <= 4, "{:?}", world.live());
    }
    assert_eq!(world.live(), ["web.1.v2", "web.2.v2", "web.3.v2"]);
    assert_eq!(world.service().stable, Some(2));
}

#[test]
fn a_manager_that_is_killed_at_any_second_of_an_update_goes_on_with_it() {
    for kill_at in 0..30 {
        let mut world = World::with_workers(2);
        world.set(Expected::Absent, &replicated("good", 2)).unwrap();
        world.seconds(8);
        world.set(Expected::Anything, &replicated("better", 2)).unwrap();
        for second in 0..60 {
            if second == kill_at {
                world.killed();
            }
            world.second(&[]);
            assert!(world.ready() >= 2, "killed after {kill_at} s: {:?}", world.live());
        }
        assert_eq!(world.live(), ["web.1.v2", "web.2.v2"], "killed after {kill_at} s");
        assert_eq!(world.service().stable, Some(2));
    }
}

#[test]
fn a_version_that_fails_is_rolled_back_by_a_new_version_and_the_good_tasks_stay() {
    let mut world = World::with_workers(2);
    world.set(Expected::Absent, &replicated("good", 3)).unwrap();
    world.seconds(8);
    let good: Vec<TaskId> = world.cluster.tasks().map(|task| task.id).collect();
    world.set(Expected::Version(1), &replicated("bad", 3)).unwrap();
    world.seconds(20);
    let service = world.service();
    assert_eq!((service.wanted().number, service.wanted().restores, service.stable), (3, Some(1), Some(3)));
    assert_eq!(service.wanted().by, "orc");
    let why = &service.wanted().why;
    assert!(why.starts_with("brings version 1 back: 1 of 3 tasks of version 2 failed"), "{why}");
    assert!(why.ends_with("web.1.v2 says: exited with 1"), "{why}");
    assert_eq!(world.live(), ["web.1.v1", "web.2.v1", "web.3.v1"]);
    assert!(good.iter().all(|id| world.cluster.task(*id).unwrap().desired == Desired::Run));
}

#[test]
fn a_first_version_that_fails_is_held_and_tried_again_when_somebody_says_so() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &replicated("bad", 1)).unwrap();
    world.seconds(5);
    assert!(world.service().is_paused);
    assert!(world.service().message.starts_with("version 1 is held: 1 of 1"), "{}", world.service().message);
    let first = world.cluster.tasks().next().unwrap().id;
    world.steer(Steer::Resume).unwrap();
    world.seconds(2);
    assert_eq!(world.cluster.task(first).unwrap().desired, Desired::Stop);
    assert_eq!(world.cluster.tasks().count(), 2);
}

#[test]
fn with_pause_and_continue_no_version_comes_back() {
    for (on_failure, live) in [(OnFailure::Pause, 3), (OnFailure::Continue, 2)] {
        let mut world = World::with_workers(1);
        world.set(Expected::Absent, &replicated("good", 2)).unwrap();
        world.seconds(8);
        let mut bad = replicated("bad", 2);
        bad.update.on_failure = on_failure;
        world.set(Expected::Anything, &bad).unwrap();
        world.seconds(40);
        assert_eq!(world.service().wanted().number, 2);
        assert_eq!(world.live().len(), live, "{:?}", world.live());
        assert_eq!(world.service().is_paused, on_failure == OnFailure::Pause);
    }
}

#[test]
fn a_node_that_is_lost_in_an_update_is_no_failure_of_the_version() {
    let mut world = World::with_workers(3);
    world.set(Expected::Absent, &replicated("good", 3)).unwrap();
    world.seconds(8);
    world.set(Expected::Anything, &replicated("better", 3)).unwrap();
    world.seconds(3);
    let begun = world.cluster.tasks().find(|task| task.spec.image == "better").unwrap();
    let lost: u8 = begun.node.as_ref().unwrap().as_str().trim_start_matches("worker-").parse().unwrap();
    for _ in 0..90 {
        world.second(&[lost]);
    }
    assert_eq!(world.live(), ["web.1.v2", "web.2.v2", "web.3.v2"]);
    assert_eq!(world.service().stable, Some(2));
}

#[test]
fn none_is_stopped_for_a_successor_whose_node_is_found_lost_at_that_moment() {
    for monitor_ms in (4_000..12_000).step_by(500) {
        let mut world = World::with_workers(2);
        world.set(Expected::Absent, &replicated("good", 1)).unwrap();
        world.seconds(8);
        let mut better = replicated("better", 1);
        better.update.monitor_ms = monitor_ms;
        world.set(Expected::Anything, &better).unwrap();
        world.seconds(2);
        let new = world.cluster.tasks().find(|task| task.spec.image == "better").unwrap();
        let lost: u8 = new.node.as_ref().unwrap().as_str().trim_start_matches("worker-").parse().unwrap();
        for _ in 0..20 {
            world.second(&[lost]);
            let is_heard = |name: &NodeName| {
                world.cluster.node(name).is_some_and(|member| member.node.state == NodeState::Ready)
            };
            let good = world.cluster.tasks().filter(|task| task.is_ready());
            let good = good.filter(|task| task.node.as_ref().is_some_and(is_heard)).count();
            assert!(good >= 1 || monitor_ms < 7_000, "{monitor_ms}: {:?}", world.live());
        }
    }
}

#[test]
fn two_who_change_a_service_at_a_time_never_undo_each_others_work() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &replicated("good", 1)).unwrap();
    world.set(Expected::Version(1), &replicated("better", 1)).unwrap();
    let refused = world.set(Expected::Version(1), &replicated("other", 1)).unwrap_err();
    assert!(refused.to_string().contains("version 2 was made meanwhile, by ada"), "{refused}");
    assert_eq!(world.set(Expected::Version(1), &replicated("better", 1)), Ok(Applied::Ignored), "sent again");
    assert_eq!(world.set(Expected::Absent, &replicated("x", 1)), Err(Refusal::ServiceExists(web())));
    assert_eq!(world.service().wanted().number, 2);
}

#[test]
fn a_scale_is_a_version_that_replaces_nothing() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &replicated("good", 1)).unwrap();
    world.seconds(8);
    for (replicas, live) in [(3, &["web.1.v1", "web.2.v1", "web.3.v1"][..]), (1, &["web.1.v1"])] {
        let scale = ServiceChange::Scale { word: world.word(Expected::Anything), replicas };
        world.change(scale).unwrap();
        world.seconds(2);
        assert_eq!(world.live(), live);
    }
    assert_eq!(world.service().wanted().why, "scaled from 3 to 1");
    assert_eq!(world.service().stable, Some(3));
}

#[test]
fn a_canary_waits_to_be_promoted_and_a_pause_to_be_ended() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &replicated("good", 3)).unwrap();
    world.seconds(8);
    let mut better = replicated("better", 3);
    better.update.canary = 1;
    world.set(Expected::Anything, &better).unwrap();
    world.seconds(30);
    assert_eq!(world.live(), ["web.1.v2", "web.2.v1", "web.3.v1"]);
    assert_eq!(world.service().stage, Stage::Canary);
    world.steer(Steer::Promote).unwrap();
    world.steer(Steer::Pause).unwrap();
    world.seconds(30);
    assert_eq!(world.live(), ["web.1.v2", "web.2.v1", "web.3.v1"]);
    world.steer(Steer::Resume).unwrap();
    world.seconds(30);
    assert_eq!(world.live(), ["web.1.v2", "web.2.v2", "web.3.v2"]);
    for how in [Steer::Pause, Steer::Resume, Steer::Promote] {
        assert!(matches!(world.steer(how), Err(Refusal::NothingToSteer(_))), "{how:?}");
    }
}

#[test]
fn stop_first_has_never_two_in_a_slot() {
    let mut world = World::with_workers(1);
    let mut good = replicated("good", 2);
    good.update.order = Some(Order::StopFirst);
    world.set(Expected::Absent, &good).unwrap();
    world.seconds(8);
    let better = ServiceSpec { task: replicated("better", 2).task, ..good };
    world.set(Expected::Anything, &better).unwrap();
    for _ in 0..40 {
        world.second(&[]);
        let there = world.cluster.tasks().filter(|task| !task.state.is_final()).count();
        assert!(there <= 2 && world.ready() >= 1, "{:?}", world.live());
    }
    assert_eq!(world.live(), ["web.1.v2", "web.2.v2"]);
}

#[test]
fn an_old_task_that_restarted_in_an_update_and_is_ready_again_is_not_of_less_use_than_others() {
    let mut world = World::with_workers(1);
    let mut good = replicated("good", 3);
    good.update.order = Some(Order::StopFirst);
    world.set(Expected::Absent, &good).unwrap();
    world.seconds(8);
    world.set(Expected::Anything, &ServiceSpec { task: replicated("better", 3).task, ..good }).unwrap();
    world.say_of("web.1.v1", |observed| observed.restarts += 1);
    world.say_of("web.2.v1", |observed| observed.ready = Some(Ready::No("sick".to_owned())));
    for _ in 0..40 {
        world.second(&[]);
        assert!(world.ready() >= 2, "{:?}", world.live());
    }
    assert_eq!(world.live(), ["web.1.v2", "web.2.v2", "web.3.v2"]);
}

#[test]
fn a_change_that_replaces_nothing_ends_although_a_task_restarts_meanwhile() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &replicated("good", 1)).unwrap();
    world.seconds(8);
    let scale = ServiceChange::Scale { word: world.word(Expected::Anything), replicas: 2 };
    world.change(scale).unwrap();
    world.say_of("web.1.v1", |observed| observed.restarts += 1);
    world.seconds(10);
    assert_eq!(world.service().stable, Some(2));
}

#[test]
fn a_global_service_is_on_every_node_that_is_not_drained() {
    let mut world = World::with_workers(2);
    world.set(Expected::Absent, &service("good", Mode::Global)).unwrap();
    world.seconds(2);
    assert_eq!(world.live(), ["web.worker-1.v1", "web.worker-2.v1"]);
    world.hear(3);
    world.seconds(2);
    assert_eq!(world.live(), ["web.worker-1.v1", "web.worker-2.v1", "web.worker-3.v1"]);
    let patch =
        NodePatch { availability: Some(crate::model::node::Availability::Drain), ..NodePatch::default() };
    world.apply(&Change::SetNode { node: worker(1), patch }).unwrap();
    world.seconds(2);
    assert_eq!(world.live(), ["web.worker-2.v1", "web.worker-3.v1"]);
}

#[test]
fn a_job_runs_each_slot_once_and_is_complete() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &service("once", Mode::Job(Job { completions: 3, parallelism: 1 }))).unwrap();
    world.seconds(12);
    assert_eq!(world.service().stable, Some(1));
    assert_eq!(world.cluster.tasks().count(), 3);
    world.killed();
    world.seconds(5);
    assert_eq!(world.cluster.tasks().count(), 3, "what is complete is not begun anew");
}

#[test]
fn a_slot_of_a_job_that_has_ended_is_not_forgotten_and_run_once_more() {
    let job = |completions| service("once", Mode::Job(Job { completions, parallelism: 1 }));
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &job(1)).unwrap();
    world.seconds(5);
    let first = world.cluster.tasks().next().unwrap().id;
    world.now.moment = world.now.moment + 2 * Patience::default().retention;
    world.seconds(5);
    world.set(Expected::Anything, &job(2)).unwrap();
    world.seconds(5);
    assert_eq!(world.service().stable, Some(2));
    assert_eq!(world.cluster.tasks().count(), 2, "the first was not run again");
    assert!(world.cluster.task(first).is_some());

    let remove = ServiceChange::Remove { word: world.word(Expected::Anything) };
    world.change(remove).unwrap();
    world.seconds(5);
    world.now.moment = world.now.moment + 2 * Patience::default().retention;
    world.seconds(5);
    assert_eq!(world.cluster.tasks().count(), 0, "with the service it goes");
}

#[test]
fn a_job_that_fails_is_held_and_says_why() {
    let mut world = World::with_workers(1);
    world
        .set(Expected::Absent, &service("never", Mode::Job(Job { completions: 1, parallelism: 0 })))
        .unwrap();
    world.seconds(5);
    assert!(world.service().is_paused);
    assert_eq!(world.service().message, "version 1 is held: 1 of 1 tasks of version 1 failed");
    world.seconds(5);
    assert_eq!(world.cluster.tasks().count(), 1);
}

#[test]
fn a_removed_service_keeps_its_name_until_its_tasks_have_gone() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &replicated("good", 2)).unwrap();
    world.seconds(3);
    let remove = ServiceChange::Remove { word: world.word(Expected::Anything) };
    world.change(remove).unwrap();
    let refused = world.set(Expected::Anything, &replicated("other", 1)).unwrap_err();
    assert_eq!(refused, Refusal::ServiceLeaves { service: web(), tasks: 2 });
    world.seconds(4);
    assert!(world.cluster.service_of(&web()).is_none());
    assert_eq!(world.live(), Vec::<&str>::new());
    world.set(Expected::Absent, &replicated("other", 1)).unwrap();
}

#[test]
fn what_no_node_could_ever_run_is_refused_at_once() {
    let mut world = World::with_workers(2);
    let mut huge = replicated("good", 1);
    Arc::make_mut(&mut huge.task).memory = 64 * GIB;
    let refused = world.set(Expected::Absent, &huge).unwrap_err();
    assert!(matches!(&refused, Refusal::NeverFits(why) if why.contains("memory")), "{refused}");
    assert!(World::new().set(Expected::Absent, &huge).is_ok(), "no node has joined yet");
}

#[test]
fn a_version_that_is_brought_back_is_a_new_one_that_says_so() {
    let mut world = World::with_workers(1);
    for image in ["one", "two", "three"] {
        world.set(Expected::Anything, &replicated(image, 1)).unwrap();
        world.seconds(20);
    }
    let said = world.word(Expected::Anything);
    let back = |version| ServiceChange::Restore { word: said.clone(), version };
    world.change(back(Some(1))).unwrap();
    let wanted = world.service().wanted().clone();
    assert_eq!((wanted.number, wanted.template, wanted.restores), (4, 1, Some(1)));
    let refused = world.change(back(Some(9))).unwrap_err();
    assert_eq!(refused.to_string(), "web has no version 9 to bring back; it has 1, 2, 3, 4");
}

fn with_port(spec: ServiceSpec) -> ServiceSpec {
    let port = |text: &str| text.parse::<Port>().unwrap();
    let port = ServicePort { published: port("8080/tcp"), target: port("80/tcp"), proxy_protocol: false };
    ServiceSpec { ports: vec![port], ..spec }
}

impl World {
    /// The names of the tasks behind the port.
    fn behind(&self) -> Vec<&str> {
        let behind = self.cluster.routes().ports.values().flat_map(|behind| &behind.tasks);
        let mut names: Vec<&str> =
            behind.map(|endpoint| self.cluster.task(endpoint.task).unwrap().spec.name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn behind_a_port_are_the_tasks_that_are_ready_and_stay() {
    let mut world = World::with_workers(2);
    world.set(Expected::Absent, &with_port(replicated("good", 2))).unwrap();
    world.second(&[]);
    assert_eq!(world.behind(), Vec::<&str>::new(), "none of them runs yet");
    world.seconds(2);
    assert_eq!(world.behind(), ["web.1.v1", "web.2.v1"]);
    let addresses: BTreeSet<String> = world
        .cluster
        .routes()
        .ports
        .values()
        .flat_map(|behind| &behind.tasks)
        .map(|endpoint| endpoint.address.to_string())
        .collect();
    assert_eq!(addresses, ["10.0.0.1:32768".to_owned(), "10.0.0.2:32768".to_owned()].into());
    for _ in 0..8 {
        world.second(&[2]);
    }
    let nodes: BTreeSet<&NodeName> = world
        .cluster
        .routes()
        .ports
        .values()
        .flat_map(|behind| &behind.tasks)
        .map(|endpoint| &endpoint.node)
        .collect();
    assert_eq!(nodes, [&worker(1)].into(), "the other is not heard of");
    let before = world.cluster.routes().revision;
    world.killed();
    assert!(world.cluster.routes().revision > before, "no number is given twice");
}

#[test]
fn a_task_that_is_replaced_gets_no_new_connections_and_is_stopped_when_it_has_none() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &with_port(replicated("good", 1))).unwrap();
    world.seconds(8);
    let old = world.cluster.tasks().next().unwrap().id;
    world.open = vec![old];
    world.set(Expected::Anything, &with_port(replicated("better", 1))).unwrap();
    world.seconds(12);
    assert_eq!(world.behind(), ["web.1.v2"]);
    assert_eq!(world.cluster.task(old).unwrap().desired, Desired::Run, "somebody still speaks with it");
    world.open.clear();
    world.seconds(2);
    assert_eq!(world.cluster.task(old).unwrap().desired, Desired::Stop);

    let next = world.cluster.tasks().find(|task| task.desired == Desired::Run).unwrap().id;
    world.open = vec![next];
    world.set(Expected::Anything, &with_port(replicated("best", 1))).unwrap();
    world.seconds(25);
    assert_eq!(world.cluster.task(next).unwrap().desired, Desired::Stop, "that was waited for long enough");
}

#[test]
fn a_task_that_is_to_stay_after_all_gets_connections_again() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &with_port(replicated("good", 1))).unwrap();
    world.seconds(8);
    world.open = world.cluster.tasks().map(|task| task.id).collect();
    world.set(Expected::Anything, &with_port(replicated("better", 1))).unwrap();
    world.seconds(9);
    assert_eq!(world.behind(), ["web.1.v2"]);
    world.set(Expected::Anything, &with_port(replicated("good", 1))).unwrap();
    world.seconds(2);
    assert!(world.behind().contains(&"web.1.v1"), "{:?}", world.behind());
}

#[test]
fn a_port_is_of_one_service() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &with_port(replicated("good", 1))).unwrap();
    let others = Word { service: "other".parse().unwrap(), ..world.word(Expected::Absent) };
    let spec = Box::new(with_port(replicated("good", 1)));
    let refused = world.change(ServiceChange::Set { word: others, spec }).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the port 8080/tcp is the service web's on every node: publish another one"
    );
}

impl World {
    fn set_availability(&mut self, number: u8, availability: Availability) {
        let patch = NodePatch { availability: Some(availability), ..NodePatch::default() };
        self.apply(&Change::SetNode { node: worker(number), patch }).unwrap();
    }

    /// The nodes with tasks that run and are wanted.
    fn places(&self) -> Vec<&NodeName> {
        let tasks = self.cluster.tasks().filter(|task| task.desired == Desired::Run && task.is_ready());
        tasks.filter_map(|task| task.node.as_ref()).collect()
    }
}

#[test]
fn a_task_behind_a_port_leaves_a_drained_node_once_another_is_ready_elsewhere() {
    let mut world = World::with_workers(2);
    world.set(Expected::Absent, &with_port(replicated("good", 2))).unwrap();
    world.seconds(8);
    let settled = world.service().clone();
    world.set_availability(1, Availability::Drain);
    for _ in 0..30 {
        world.second(&[]);
        assert!(world.ready() >= 2, "{:?}", world.live());
    }
    assert_eq!(world.places(), [&worker(2), &worker(2)]);
    assert!(world.live().iter().any(|name| name.ends_with(".v1-2")), "{:?}", world.live());
    assert_eq!((settled.stable, settled.failures), (world.service().stable, world.service().failures));
}

#[test]
fn a_task_behind_a_port_that_stands_better_elsewhere_gives_way_once_another_is_ready_there() {
    let mut world = World::with_workers(2);
    for _ in 0..10 {
        world.second(&[2]);
    }
    world.set(Expected::Absent, &with_port(replicated("good", 2))).unwrap();
    for _ in 0..10 {
        world.second(&[2]);
    }
    assert_eq!(world.cluster.tasks().filter(|task| task.node == Some(worker(1))).count(), 2);
    world.open = world.cluster.tasks().map(|task| task.id).collect();
    world.seconds(2);
    world.apply(&Change::Rebalance { moves: 1 }).unwrap();
    for second in 0..20 {
        world.second(&[]);
        assert!(world.behind().len() >= 2, "after {second} s: {:?}", world.behind());
        // Connections are waited for, until that is long enough.
        let wanted = world.cluster.tasks().filter(|task| task.desired == Desired::Run).count();
        assert!(second > 10 || wanted == 3 || second < 1, "after {second} s: {:?}", world.live());
    }
    let nodes: BTreeSet<_> =
        world.cluster.tasks().filter(|task| task.is_ready()).map(|task| task.node.clone()).collect();
    assert_eq!(nodes, [Some(worker(1)), Some(worker(2))].into());
    assert_eq!(world.live().len(), 2);
}

#[test]
fn a_task_stays_where_it_is_when_the_one_that_was_to_take_its_place_has_failed() {
    let mut world = World::with_workers(2);
    for _ in 0..10 {
        world.second(&[2]);
    }
    world.set(Expected::Absent, &with_port(replicated("good", 2))).unwrap();
    for _ in 0..10 {
        world.second(&[2]);
    }
    world.seconds(2);
    let before: Vec<String> = world.live().into_iter().map(str::to_owned).collect();
    world.apply(&Change::Rebalance { moves: 1 }).unwrap();
    while world.live().len() < 3 {
        world.second(&[1, 2]);
    }
    world.second(&[1, 2]);
    let new = world.cluster.tasks().max_by_key(|task| task.seq).unwrap().clone();
    let observed = Observed { seq: 1, ..Observed::default() };
    let (task, placement, message) = (new.id, new.placement, "port is taken".to_owned());
    let report = Report { task, placement, state: State::Failed, observed, ready_for_ms: None, message };
    world.apply(&Change::Report { node: new.node.unwrap(), report }).unwrap();
    world.seconds(3);
    assert_eq!(world.live(), before);
    assert_eq!(world.cluster.task(new.id).unwrap().desired, Desired::Stop);
}

#[test]
fn one_that_finds_no_other_place_stays_says_why_and_keeps_its_place_when_the_drain_is_taken_back() {
    let mut world = World::with_workers(2);
    let mut spec = with_port(replicated("good", 1));
    let mut task = (*spec.task).clone();
    task.placement.constraints = vec!["node.name==worker-1".parse().unwrap()];
    spec.task = Arc::new(task);
    world.set(Expected::Absent, &spec).unwrap();
    world.seconds(4);
    world.set_availability(1, Availability::Drain);
    world.seconds(4);
    assert_eq!(world.places(), [&worker(1)]);
    let why: Vec<&String> = world.cluster.stuck().values().collect();
    assert!(why[0].starts_with("cannot leave worker-1, which is being drained: "), "{why:?}");
    world.set_availability(1, Availability::Active);
    world.seconds(4);
    assert_eq!((world.live(), world.places()), (vec!["web.1.v1"], vec![&worker(1)]));
}

#[test]
fn a_port_is_kept_for_the_version_that_may_come_back_and_given_to_none_that_is_brought_back_too_late() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &with_port(replicated("good", 1))).unwrap();
    world.seconds(8);
    world.set(Expected::Anything, &replicated("better", 1)).unwrap();
    let spec = Box::new(with_port(replicated("good", 1)));
    let others = Word { service: "other".parse().unwrap(), ..world.word(Expected::Absent) };
    let other = ServiceChange::Set { word: others, spec };
    assert!(matches!(world.change(other.clone()), Err(Refusal::PortTaken { .. })), "better may fail yet");
    world.seconds(20);
    assert_eq!(world.service().stable, Some(2));
    world.change(other).unwrap();
    let back = ServiceChange::Restore { word: world.word(Expected::Anything), version: Some(1) };
    assert!(matches!(world.change(back), Err(Refusal::PortTaken { .. })));
    world.seconds(2);
    let before = world.cluster.routes().revision;
    world.seconds(10);
    assert!(world.cluster.routes().revision - before <= 1, "they are made anew only where they change");
}

#[test]
fn routes_after_the_store_was_read_back_are_none_that_workers_know() {
    let mut world = World::with_workers(1);
    world.set(Expected::Absent, &with_port(replicated("good", 1))).unwrap();
    world.seconds(8);
    let known = Routes { revision: world.cluster.routes().revision + 3, ..Routes::default() };
    world.cluster.number_routes_after(known.revision);
    assert!(known.are_older_than(world.cluster.routes()));
    let revision = world.cluster.routes().revision;
    world.cluster.number_routes_after(0);
    assert_eq!(world.cluster.routes().revision, revision, "numbers never go back");
}
