//! What a worker decides, case by case: each test plays engine and manager by hand.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::action::Action;
use super::call::{Answer, Call, Outcome, Verb};
use super::hint::{Hint, HintKind};
use super::reconcile::{next_look, reconcile};
use super::tell::{Distrust, Told};
use super::*;
use crate::model::container::{ContainerStatus, Details, Exit, Failure, Identity};
use crate::model::spec::TaskSpec;
use crate::model::state::{Desired, Health, State};
use crate::model::task::{Assignment, HostPorts, Observed};
use crate::model::time::Timestamp;

/// A worker with the time and the calls that it made, by hand.
struct World {
    host: Host,
    now: Now,
    calls: VecDeque<Call>,
}

fn task(number: u8) -> TaskId {
    format!("00000000-0000-0000-0000-0000000000{number:02}").parse().unwrap()
}

fn cluster() -> ClusterId {
    ClusterId::MIN
}

fn spec(json: &str) -> Arc<TaskSpec> {
    let json = format!(r#"{{"Name":"web","Image":"nginx"{json}}}"#);
    Arc::new(serde_json::from_str(&json).unwrap())
}

fn assignment(id: TaskId, spec: Arc<TaskSpec>) -> Assignment {
    Assignment {
        id,
        spec,
        desired: Desired::Run,
        placement: 1,
        state: State::Scheduled,
        observed: Observed::default(),
        message: String::new(),
        created_at: Timestamp::from_millis(0),
    }
}

fn told(epoch: u64, revision: u64, assignments: Vec<Assignment>) -> Told {
    Told {
        cluster: cluster(),
        epoch,
        base: None,
        revision,
        whole: true,
        assignments,
        leave_alone: Vec::new(),
        lease_until: Moment(u64::MAX),
    }
}

impl World {
    /// A worker that was never told anything.
    fn new() -> Self {
        let now = Now { moment: Moment(1_000_000), wall: Timestamp::from_millis(1_795_332_379_690) };
        let host = Host::restore("worker-1".parse().unwrap(), None, Vec::new(), now);
        Self { host, now, calls: VecDeque::new() }
    }

    /// A worker that was given one task, and whose engine shows nothing.
    fn with_task(json: &str) -> Self {
        let mut world = Self::new();
        world.host.tell(told(1, 1, vec![assignment(task(1), spec(json))])).unwrap();
        world.expect("list");
        world.listed(Vec::new());
        world
    }

    /// A worker whose task runs in the container `c1`.
    fn running(json: &str) -> Self {
        let mut world = Self::with_task(json);
        world.starts("c1", 1, "web");
        world.expect("");
        world
    }

    /// Plays the engine for the creation and start of an attempt.
    fn starts(&mut self, id: &str, attempt: u32, name: &str) {
        self.expect(&format!("create {name}"));
        self.done(Ok(Answer::Created(ContainerId(id.to_owned()))));
        self.expect(&format!("start {id}"));
        self.done(Ok(Answer::Done));
        self.expect(&format!("inspect {id}"));
        let running = self.container(id, attempt, ContainerStatus::Running);
        let container = Container { name: name.to_owned(), ..running };
        self.done(Ok(Answer::Container(Box::new(container))));
        self.decide();
        assert_eq!(self.state(), State::Running);
    }

    /// The same for one that follows another, which is removed then, and leaves it its name.
    fn restarts(&mut self, former: &str, id: &str, attempt: u32) {
        self.starts(id, attempt, &format!("web.{attempt}"));
        self.expect(&format!("remove {former}"));
        self.done(Ok(Answer::Done));
        self.expect(&format!("rename {id} web"));
        self.done(Ok(Answer::Done));
        self.expect("");
    }

    /// A container of the first task, as an inspection shows it.
    fn container(&self, id: &str, attempt: u32, status: ContainerStatus) -> Container {
        let slot = self.host.slot(task(1)).expect("the task is known");
        let exit = (!status.is_live()).then_some(Exit { code: 0, oom_killed: false, finished_at: None });
        Container {
            id: ContainerId(id.to_owned()),
            name: "web".to_owned(),
            identity: Identity { task: task(1), attempt, spec: slot.fingerprint.clone() },
            health: Health::None,
            host_ports: HostPorts::new(),
            details: Some(Details {
                started_at: Some(self.now.wall),
                exit,
                error: String::new(),
                limits_as_set: true,
            }),
            status,
        }
    }

    fn exited(&self, id: &str, attempt: u32, code: i64) -> Container {
        let mut container = self.container(id, attempt, ContainerStatus::Exited);
        container.details.as_mut().unwrap().exit.as_mut().unwrap().code = code;
        container
    }

    /// Decides until nothing is left to decide.
    fn decide(&mut self) {
        for _ in 0..20 {
            let actions = reconcile(&self.host, self.now.moment);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.host.apply(&action, self.now);
                if let Action::Call(call) = action {
                    self.calls.push_back(call);
                }
            }
        }
        panic!("decisions do not come to rest: {:?}", reconcile(&self.host, self.now.moment));
    }

    /// Decides, and says whether the calls that are under way then are these, in words.
    #[track_caller]
    fn expect(&mut self, expected: &str) {
        self.decide();
        let calls: Vec<String> = self.calls.iter().map(words).collect();
        assert_eq!(calls.join(", "), expected);
    }

    fn listed(&mut self, containers: Vec<Container>) {
        self.list_ends(Ok(containers));
    }

    #[track_caller]
    fn list_ends(&mut self, result: Result<Vec<Container>, Failure>) {
        let index = self
            .calls
            .iter()
            .position(|call| matches!(call, Call::List { .. }))
            .expect("a list is under way");
        let Some(Call::List { number }) = self.calls.remove(index) else { unreachable!() };
        let result = result.map(|containers| {
            containers.into_iter().map(|container| Container { details: None, ..container }).collect()
        });
        self.host.note(Outcome::Listed { number, result }, self.now);
    }

    /// Ends the call in the first lane.
    #[track_caller]
    fn done(&mut self, result: Result<Answer, Failure>) {
        let index =
            self.calls.iter().position(|call| matches!(call, Call::Lane { .. })).expect("a lane is busy");
        let Some(Call::Lane { task, verb }) = self.calls.remove(index) else { unreachable!() };
        self.host.note(Outcome::Done { task, verb, result }, self.now);
    }

    /// The engine calls out how the container of the task ended.
    fn dies(&mut self, id: &str, code: i64) {
        self.hint(id, HintKind::Died(Exit { code, oom_killed: false, finished_at: None }));
    }

    /// The container of the task ended, and a look shows it.
    fn ends(&mut self, id: &str, attempt: u32, code: i64) {
        self.hint(id, HintKind::Changed);
        self.expect(&format!("inspect {id}"));
        let container = self.exited(id, attempt, code);
        self.done(Ok(Answer::Container(Box::new(container))));
    }

    fn hint(&mut self, id: &str, kind: HintKind) {
        let hint = Hint { task: task(1), container: ContainerId(id.to_owned()), kind };
        self.host.hint(hint, self.now.moment);
    }

    fn wait(&mut self, millis: u64) {
        self.now.moment = self.now.moment + Duration::from_millis(millis);
        self.now.wall = Timestamp::from_millis(self.now.wall.millis() + i64::try_from(millis).unwrap());
    }

    /// A worker whose task runs, answers its health checks with failures, and is being looked at for that.
    fn unhealthy() -> Self {
        let mut world = Self::running(
            r#","HealthCheck":{"Path":"/health","IntervalMs":10000,"TimeoutMs":5000,"Retries":2,"StartPeriodMs":0}"#,
        );
        // Without a published port there is nothing to ask: seed fault 6.
        world.wait(1_000);
        world.expect("");
        world.hint("c1", HintKind::Changed);
        world.expect("inspect c1");
        let published = world.published();
        world.done(Ok(Answer::Container(Box::new(published))));
        world.decide();
        for wait in [1_000, 10_000] {
            world.wait(wait);
            world.decide();
            let probe = world.calls.iter().position(|call| words(call) == "probe /health");
            world.calls.remove(probe.expect("its health is asked for"));
            let result = Err("answered 500".to_owned());
            let container = ContainerId("c1".to_owned());
            world.host.note(Outcome::Probed { task: task(1), container, result }, world.now);
        }
        world.expect("list, inspect c1");
        world
    }

    /// The first task's container, with a port.
    fn published(&self) -> Container {
        let binding =
            crate::model::task::HostBinding { host_ip: "0.0.0.0".to_owned(), host_port: "32768".to_owned() };
        let mut container = self.container("c1", 1, ContainerStatus::Running);
        container.host_ports.insert("80/tcp".parse().unwrap(), vec![binding]);
        container
    }

    fn record(&self) -> &Record {
        &self.host.slot(task(1)).unwrap().record
    }

    fn state(&self) -> State {
        self.record().state
    }

    fn stop_is_wanted(&mut self) {
        let stop = Assignment { desired: Desired::Stop, ..self.record().assignment.clone() };
        let revision = self.host.revision.unwrap() + 1;
        self.host.tell(told(1, revision, vec![stop])).unwrap();
    }
}

fn words(call: &Call) -> String {
    match call {
        Call::List { .. } => "list".to_owned(),
        Call::Pull { image } => format!("pull {image}"),
        Call::Probe { path, .. } => format!("probe {path}"),
        Call::Lane { verb, .. } => match verb {
            Verb::Inspect(id) => format!("inspect {id}"),
            Verb::Find(name) => format!("find {name}"),
            Verb::Create { name, .. } => format!("create {name}"),
            Verb::Start(id) => format!("start {id}"),
            Verb::Unpause(id) => format!("unpause {id}"),
            Verb::Stop(id, _) => format!("stop {id}"),
            Verb::Remove(id) => format!("remove {id}"),
            Verb::Rename(id, name) => format!("rename {id} {name}"),
            Verb::RestoreLimits(id, _) => format!("restore {id}"),
        },
    }
}

fn unknown<T>() -> Result<T, Failure> {
    Err(Failure::Unknown("no answer".to_owned()))
}

#[test]
fn nothing_is_asked_before_a_manager_has_spoken() {
    World::new().expect("");
}

#[test]
fn a_task_is_created_started_and_looked_at_before_it_counts_as_running() {
    let world = World::running("");
    let record = world.record();
    assert_eq!((record.observed.attempt, record.observed.restarts), (1, 0));
    assert_eq!(record.observed.container, Some(ContainerId("c1".to_owned())));
    assert_eq!(record.observed.started_at, Some(world.now.wall));
}

#[test]
fn a_failed_list_is_not_an_empty_list() {
    let mut world = World::running("");
    world.wait(5_000);
    world.expect("list");
    world.list_ends(Err(Failure::Refused("500".to_owned())));
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn before_the_first_good_list_nothing_is_begun() {
    let mut world = World::new();
    world.host.tell(told(1, 1, vec![assignment(task(1), spec(""))])).unwrap();
    world.expect("list");
    world.list_ends(unknown());
    world.expect("");
    world.wait(250);
    world.expect("list");
}

#[test]
fn a_create_whose_answer_was_lost_is_looked_up_and_taken_over() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(unknown());
    world.expect("list");
    let created = world.container("c1", 1, ContainerStatus::Created);
    world.listed(vec![created]);
    world.wait(500);
    world.expect("start c1");
}

#[test]
fn a_create_that_never_came_is_repeated_under_the_same_name() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(unknown());
    world.expect("list");
    world.listed(Vec::new());
    world.expect("");
    world.wait(500);
    world.expect("create web");
    assert_eq!(world.record().observed.attempt, 1);
}

#[test]
fn a_list_that_was_asked_for_before_a_call_ended_says_nothing_about_its_task() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.wait(5_000);
    world.expect("create web, list");
    world.done(Ok(Answer::Created(ContainerId("c1".to_owned()))));
    // This list was made before the container was.
    world.listed(Vec::new());
    world.expect("start c1");
}

#[test]
fn a_taken_name_is_looked_at_and_ones_own_container_adopted() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Err(Failure::Conflict("in use".to_owned())));
    world.expect("find web");
    let created = world.container("c1", 1, ContainerStatus::Created);
    world.done(Ok(Answer::Container(Box::new(created))));
    world.expect("start c1");
}

#[test]
fn a_strangers_container_keeps_its_name_and_the_next_attempt_takes_another() {
    let mut world = World::with_task(r#","RestartPolicy":"no""#);
    world.expect("create web");
    world.done(Err(Failure::Conflict("in use".to_owned())));
    world.expect("find web");
    world.done(Err(Failure::Conflict("the container web belongs to nobody that orc knows".to_owned())));
    world.expect("create web.2");
    assert_eq!(world.record().observed.restarts, 0, "this was not the task's fault");
}

#[test]
fn an_exit_with_zero_completes_and_its_container_is_kept_for_its_logs() {
    let mut world = World::running("");
    world.ends("c1", 1, 0);
    world.expect("");
    assert_eq!(world.state(), State::Completed);
    assert_eq!(world.record().observed.exit_code, Some(0));
    assert_eq!(world.record().observed.container, Some(ContainerId("c1".to_owned())));
}

#[test]
fn a_failure_restarts_at_once_then_ever_later_and_ends_after_three() {
    let mut world = World::running("");
    let mut waits = Vec::new();
    for attempt in 1..=3 {
        let id = format!("c{attempt}");
        world.ends(&id, attempt, 1);
        world.decide();
        let begun = world.now.moment;
        if let Some(retry_at) = world.host.slot(task(1)).unwrap().retry_at {
            assert_eq!(
                next_look(&world.host, world.now.moment).min(retry_at),
                next_look(&world.host, world.now.moment)
            );
            world.wait(u64::try_from(retry_at.since(begun).as_millis()).unwrap());
        }
        waits.push(world.now.moment.since(begun).as_millis());
        while world.calls.is_empty() || words(&world.calls[0]) == "list" {
            if world.calls.is_empty() {
                world.decide();
            } else {
                let left = world.exited(&id, attempt, 1);
                world.listed(vec![left]);
                world.decide();
            }
        }
        let next = format!("c{}", attempt + 1);
        if attempt == 1 {
            world.restarts(&id, &next, attempt + 1);
        } else {
            // Time enough for somebody to start it by hand: it goes before anything new begins.
            world.expect(&format!("remove {id}"));
            world.done(Ok(Answer::Done));
            world.starts(&next, attempt + 1, "web");
        }
    }
    assert_eq!(waits[0], 0);
    assert!((750..=1_000).contains(&waits[1]) && (1_500..=2_000).contains(&waits[2]), "{waits:?}");
    world.ends("c4", 4, 7);
    world.expect("");
    assert_eq!(world.state(), State::Failed);
    assert_eq!(world.record().observed.restarts, 3);
    assert_eq!(world.record().message, "exited with code 7; given up after 3 restarts");
}

#[test]
fn a_death_that_is_called_out_is_followed_at_once() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Killed);
    world.dies("c1", 137);
    world.restarts("c1", "c2", 2);
    assert_eq!((world.record().failures, world.record().observed.restarts), (0, 1));
    assert_eq!(world.record().attempt.as_ref().unwrap().name, "web");
    world.dies("c2", 1);
    world.expect("inspect c2");
}

#[test]
fn a_list_that_is_late_does_not_bring_the_dead_back() {
    let mut world = World::running("");
    let ran = world.container("c1", 1, ContainerStatus::Running);
    world.wait(5_000);
    world.expect("list");
    world.dies("c1", 1);
    world.listed(vec![ran.clone()]);
    world.expect("create web.2");
    world.done(unknown());
    world.expect("list");
    world.listed(vec![ran.clone()]);
    world.wait(500);
    world.expect("create web.2");
    // One that still runs a while later was started again.
    world.done(unknown());
    world.wait(10_000);
    world.expect("list");
    world.listed(vec![ran.clone()]);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(ran))));
    world.expect("stop c1");
}

#[test]
fn what_a_called_out_death_does_not_tell_is_looked_at() {
    // Whether the kernel killed it, what it may become of it, or who is about to start it again.
    for (json, hint, code) in [
        (r#","Memory":104857600"#, HintKind::Killed, 137),
        (r#","RestartPolicy":"no""#, HintKind::Killed, 137),
        ("", HintKind::Killed, 0),
        ("", HintKind::AskedToEnd, 143),
    ] {
        let mut world = World::running(json);
        world.hint("c1", hint);
        world.dies("c1", code);
        world.expect("inspect c1");
    }
}

#[test]
fn a_restart_by_hand_is_one_whatever_signals_it_takes() {
    let mut world = World::running("");
    world.hint("c1", HintKind::AskedToEnd);
    world.hint("c1", HintKind::Killed);
    world.dies("c1", 137);
    world.expect("inspect c1");
}

#[test]
fn a_port_of_the_host_is_waited_for_until_the_former_attempt_has_let_go_of_it() {
    let mut world = World::running(
        r#","ExposedPorts":{"80/tcp":{}},"PortBindings":{"80/tcp":"8080"},"PublishMode":"host""#,
    );
    world.dies("c1", 1);
    world.expect("create web.2");
    world.done(Ok(Answer::Created(ContainerId("c2".to_owned()))));
    world.expect("inspect c1");
    let ended = world.exited("c1", 1, 1);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("start c2");
}

#[test]
fn what_may_be_started_by_a_call_that_comes_late_is_gone_before_anything_new_begins() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Ok(Answer::Created(ContainerId("c1".to_owned()))));
    world.expect("start c1");
    world.done(unknown());
    world.expect("list");
    let running = world.container("c1", 1, ContainerStatus::Running);
    world.listed(vec![running.clone()]);
    world.host.recheck.clear();
    world.wait(500);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(running))));
    world.expect("");
    assert_eq!(world.state(), State::Running);
    world.ends("c1", 1, 1);
    world.expect("remove c1");
    world.done(Ok(Answer::Done));
    world.expect("create web");
}

#[test]
fn a_container_keeps_its_suffix_when_its_name_was_taken_meanwhile() {
    let mut world = World::running("");
    world.dies("c1", 1);
    world.starts("c2", 2, "web.2");
    world.expect("remove c1");
    world.done(Ok(Answer::Done));
    world.expect("rename c2 web");
    world.done(Err(Failure::Conflict("in use".to_owned())));
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn a_suffix_that_another_task_has_is_passed_over() {
    let mut world = World::running("");
    let other = Container {
        id: ContainerId("other".to_owned()),
        name: "web.2".to_owned(),
        identity: Identity { task: task(9), attempt: 1, spec: "other".to_owned() },
        ..world.container("c1", 1, ContainerStatus::Running)
    };
    world.host.containers.insert((task(9), other.id.clone()), other);
    world.host.leave_alone.insert(task(9));
    world.dies("c1", 1);
    world.expect("create web.3");
}

#[test]
fn what_a_stranger_removes_comes_back_and_does_not_count() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Destroyed);
    world.expect("list");
    world.listed(Vec::new());
    world.expect("inspect c1");
    world.done(Err(Failure::Missing("no such container".to_owned())));
    world.expect("create web");
    assert_eq!((world.record().failures, world.record().observed.restarts), (0, 1));
    assert_eq!(world.record().observed.attempt, 2);
}

#[test]
fn a_list_that_lies_ends_nothing() {
    let mut world = World::running("");
    world.wait(5_000);
    world.expect("list");
    world.listed(Vec::new());
    world.expect("inspect c1");
    let runs = world.container("c1", 1, ContainerStatus::Running);
    world.done(Ok(Answer::Container(Box::new(runs))));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.attempt), (State::Running, 1));
}

#[test]
fn what_a_stranger_kills_comes_back_even_when_it_exited_with_zero() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Killed);
    world.ends("c1", 1, 0);
    world.expect("create web.2");
    assert_eq!((world.state(), world.record().failures), (State::Scheduled, 0));
}

#[test]
fn what_ended_while_the_engine_was_away_was_not_to_blame() {
    let mut world = World::running("");
    world.host.engine_may_be_gone();
    world.expect("list");
    world.list_ends(Err(Failure::Unreachable("connection refused".to_owned())));
    world.expect("");
    assert!(world.host.engine_trouble().is_some());
    assert_eq!(world.state(), State::Running, "an engine that is away is not a task that failed");
    world.wait(250);
    world.expect("list");
    let ended = world.exited("c1", 1, 137);
    world.listed(vec![ended.clone()]);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("create web.2");
    assert_eq!((world.record().failures, world.record().observed.restarts), (0, 1));
}

#[test]
fn a_paused_container_is_thawed() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Changed);
    world.expect("inspect c1");
    let paused = world.container("c1", 1, ContainerStatus::Paused);
    world.done(Ok(Answer::Container(Box::new(paused))));
    world.expect("unpause c1");
    world.done(Ok(Answer::Done));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.attempt), (State::Running, 1));
}

#[test]
fn limits_that_a_stranger_changed_are_set_again() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Changed);
    world.expect("inspect c1");
    let mut changed = world.container("c1", 1, ContainerStatus::Running);
    changed.details.as_mut().unwrap().limits_as_set = false;
    world.done(Ok(Answer::Container(Box::new(changed))));
    world.expect("restore c1");
    world.done(Ok(Answer::Done));
    world.expect("inspect c1");
}

#[test]
fn a_task_that_is_to_stop_is_stopped_looked_at_removed_and_then_completed() {
    let mut world = World::running("");
    world.stop_is_wanted();
    world.expect("stop c1");
    world.done(Ok(Answer::Done));
    world.expect("inspect c1");
    let ended = world.exited("c1", 1, 143);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("remove c1");
    assert_eq!(world.state(), State::Running, "not over before it is gone");
    world.done(Ok(Answer::Done));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.exit_code), (State::Completed, Some(143)));
    assert_eq!(world.record().observed.container, None);
}

#[test]
fn a_container_that_turns_up_after_its_task_was_stopped_is_removed() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(unknown());
    world.stop_is_wanted();
    world.expect("list");
    world.listed(Vec::new());
    world.wait(500);
    world.expect("");
    assert_eq!(world.state(), State::Completed);
    world.wait(5_000);
    world.expect("list");
    let late = world.container("late", 1, ContainerStatus::Created);
    world.listed(vec![late]);
    world.expect("remove late");
    assert_eq!(world.state(), State::Completed);
}

#[test]
fn what_nobody_spoke_of_is_left_alone_until_a_manager_has_spoken() {
    let world = World::running("");
    let orphan = Container {
        identity: Identity { task: task(9), attempt: 1, spec: "other".to_owned() },
        ..world.container("orphan", 1, ContainerStatus::Running)
    };
    let known = Some((cluster(), 1, 1));
    let mut world =
        World { host: Host::restore("worker-1".parse().unwrap(), known, Vec::new(), world.now), ..world };
    world.expect("list");
    world.listed(vec![orphan]);
    world.expect("");
    world.host.tell(told(1, 1, Vec::new())).unwrap();
    world.expect("stop orphan");
    world.done(Ok(Answer::Done));
    world.expect("remove orphan");
}

#[test]
fn what_the_manager_cannot_read_is_left_alone() {
    let mut world = World::running("");
    let whole = Told { leave_alone: vec![task(1), task(9)], ..told(1, 2, Vec::new()) };
    world.host.tell(whole.clone()).unwrap();
    world.expect("");
    assert_eq!(world.state(), State::Running, "what this worker knows of it stays");
    // And so does a container of one that it knows nothing of, until the manager can read that again.
    let own = world.container("c1", 1, ContainerStatus::Running);
    let orphan = Container {
        id: ContainerId("orphan".to_owned()),
        identity: Identity { task: task(9), ..own.identity.clone() },
        ..own.clone()
    };
    world.wait(5_000);
    world.expect("list");
    world.listed(vec![own.clone(), orphan]);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(own))));
    world.expect("");
    world.host.tell(Told { leave_alone: vec![task(1)], ..whole }).unwrap();
    world.expect("stop orphan");
}

#[test]
fn a_manager_of_an_older_epoch_an_older_revision_or_another_cluster_is_not_believed() {
    let mut world = World::running("");
    world.host.tell(told(5, 9, vec![assignment(task(1), spec(""))])).unwrap();
    let older = world.host.tell(told(4, 10, Vec::new()));
    assert!(matches!(older, Err(Distrust::OlderHistory { theirs_epoch: 4, ours_epoch: 5, .. })));
    let gone_back = world.host.tell(told(5, 8, Vec::new()));
    assert!(matches!(gone_back, Err(Distrust::OlderHistory { theirs_revision: 8, ours_revision: 9, .. })));
    let other = world.host.tell(Told { cluster: ClusterId::MAX, ..told(6, 99, Vec::new()) });
    assert!(matches!(other, Err(Distrust::OtherCluster { .. })));
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn an_answer_that_builds_on_something_else_changes_nothing() {
    let mut world = World::running("");
    world.host.tell(Told { whole: false, base: Some(7), ..told(1, 8, Vec::new()) }).unwrap();
    assert_eq!(world.host.revision, Some(1));
    world.host.tell(Told { whole: false, base: Some(1), ..told(1, 8, Vec::new()) }).unwrap();
    assert_eq!(world.host.revision, Some(8));
    assert_eq!(world.state(), State::Running, "a delta without it takes nothing away");
}

#[test]
fn a_worker_that_lost_its_records_takes_over_what_runs() {
    let mut world = World::new();
    world.host.tell(told(1, 1, vec![assignment(task(1), spec(""))])).unwrap();
    world.expect("list");
    let runs = world.container("c3", 3, ContainerStatus::Running);
    world.listed(vec![runs.clone()]);
    world.expect("inspect c3");
    world.done(Ok(Answer::Container(Box::new(runs))));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.attempt), (State::Running, 3));
}

#[test]
fn a_worker_that_lost_its_records_does_not_run_what_is_over() {
    let mut world = World::new();
    let over = Assignment { state: State::Completed, ..assignment(task(1), spec("")) };
    world.host.tell(told(1, 1, vec![over])).unwrap();
    world.expect("list");
    world.listed(Vec::new());
    world.expect("");
    assert_eq!(world.state(), State::Completed);
}

#[test]
fn of_two_live_containers_of_a_task_the_older_attempt_ends_first() {
    let mut world = World::with_task("");
    world.expect("create web");
    let old = world.container("old", 0, ContainerStatus::Running);
    world.done(unknown());
    world.expect("list");
    world.listed(vec![old.clone()]);
    world.wait(500);
    world.expect("inspect old");
    world.done(Ok(Answer::Container(Box::new(old))));
    world.expect("stop old");
}

#[test]
fn a_missing_image_is_pulled_once_for_all_that_want_it() {
    let mut world = World::with_task("");
    let second = Arc::new(TaskSpec { name: "second".to_owned(), ..(*spec("")).clone() });
    let all = vec![assignment(task(1), spec("")), assignment(task(2), second)];
    world.host.tell(told(1, 2, all)).unwrap();
    world.expect("create web, create second");
    world.done(Err(Failure::Missing("no such image".to_owned())));
    world.done(Err(Failure::Missing("no such image".to_owned())));
    world.expect("pull nginx");
    assert_eq!(world.record().message, "pulling nginx: asking the registry");
    let progress = "3 of 7 MB".to_owned();
    world.host.note(Outcome::Pulling { image: "nginx".to_owned(), progress }, world.now);
    world.expect("pull nginx");
    assert_eq!(world.record().message, "pulling nginx: 3 of 7 MB");
    world.calls.clear();
    world.host.note(Outcome::Pulled { image: "nginx".to_owned(), result: Ok(()) }, world.now);
    world.expect("create web, create second");
}

#[test]
fn a_registry_that_is_away_is_asked_again_and_costs_no_attempt() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Err(Failure::Missing("no such image".to_owned())));
    world.expect("pull nginx");
    world.calls.clear();
    world.host.note(Outcome::Pulled { image: "nginx".to_owned(), result: unknown() }, world.now);
    world.expect("");
    assert_eq!(world.record().message, "cannot pull nginx: no answer; it is tried again");
    world.wait(2_000);
    world.expect("pull nginx");
    assert_eq!((world.record().observed.attempt, world.record().failures), (1, 0));
}

#[test]
fn a_pull_that_is_due_while_the_engine_is_away_is_not_waited_for_without_end() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Err(Failure::Missing("no such image".to_owned())));
    world.expect("pull nginx");
    world.calls.clear();
    world.host.note(Outcome::Pulled { image: "nginx".to_owned(), result: unknown() }, world.now);
    world.wait(6_000);
    world.host.engine_may_be_gone();
    world.expect("list, pull nginx");
    world.calls.truncate(1);
    world.host.note(Outcome::Pulled { image: "nginx".to_owned(), result: unknown() }, world.now);
    world.list_ends(Err(Failure::Unreachable("connection refused".to_owned())));
    world.wait(5_000);
    world.expect("list");
    assert!(next_look(&world.host, world.now.moment) > world.now.moment);
}

#[test]
fn an_image_that_does_not_exist_is_a_failure_of_the_task() {
    let mut world = World::with_task(r#","RestartPolicy":"no""#);
    world.expect("create web");
    world.done(Err(Failure::Missing("no such image".to_owned())));
    world.expect("pull nginx");
    world.calls.clear();
    let denied = Err(Failure::Missing("manifest unknown".to_owned()));
    world.host.note(Outcome::Pulled { image: "nginx".to_owned(), result: denied }, world.now);
    world.expect("");
    assert_eq!(world.state(), State::Failed);
    assert!(
        world.record().message.starts_with("cannot pull nginx: manifest unknown"),
        "{}",
        world.record().message
    );
}

#[test]
fn pull_policy_never_pulls_nothing_and_always_pulls_before_each_attempt() {
    let mut never = World::with_task(r#","PullPolicy":"never","RestartPolicy":"no""#);
    never.expect("create web");
    never.done(Err(Failure::Missing("no such image".to_owned())));
    never.expect("");
    assert_eq!(never.state(), State::Failed);

    let mut always = World::with_task(r#","PullPolicy":"always""#);
    always.expect("pull nginx");
    always.calls.clear();
    always.host.note(Outcome::Pulled { image: "nginx".to_owned(), result: Ok(()) }, always.now);
    always.expect("create web");
}

#[test]
fn a_host_port_that_is_taken_leaves_nothing_behind_and_is_tried_again_later() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Ok(Answer::Created(ContainerId("c1".to_owned()))));
    world.expect("start c1");
    world.done(Err(Failure::Refused("port is already allocated".to_owned())));
    world.expect("");
    assert_eq!(world.state(), State::Scheduled);
    assert!(
        world.record().message.starts_with("port is already allocated; restart 1 of 3 in "),
        "{}",
        world.record().message
    );
    world.wait(1_000);
    world.expect("remove c1");
    world.done(Ok(Answer::Done));
    world.expect("create web");
}

#[test]
fn an_unhealthy_task_is_stopped_and_restarted() {
    let mut world = World::unhealthy();
    let running = world.published();
    world.done(Ok(Answer::Container(Box::new(running))));
    world.expect("list, stop c1");
    assert_eq!(
        world.record().message,
        "unhealthy: GET /health answered 500, 2 times in a row; is being restarted"
    );
    world.done(Ok(Answer::Done));
    world.decide();
    let ended = world.exited("c1", 1, 143);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.decide();
    assert_eq!((world.state(), world.record().failures), (State::Scheduled, 1));
}

#[test]
fn a_task_that_has_ended_is_not_unhealthy() {
    let mut world = World::unhealthy();
    let ended = world.exited("c1", 1, 0);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("list");
    assert_eq!((world.state(), world.record().observed.exit_code), (State::Completed, Some(0)));
}

#[test]
fn a_call_that_hangs_is_complained_about_and_tried_again_ever_later() {
    let mut world = World::running("");
    world.stop_is_wanted();
    for (failures, wait) in [(1, 500), (2, 1_000), (3, 2_000)] {
        world.expect("stop c1");
        world.done(unknown());
        world.expect("list");
        let runs = world.container("c1", 1, ContainerStatus::Running);
        world.listed(vec![runs]);
        // The list had it looked at closely, in turn: not what this is about.
        world.host.recheck.clear();
        assert_eq!(world.host.slot(task(1)).unwrap().troubles, failures);
        world.wait(wait - 1);
        world.expect("");
        world.wait(1);
    }
    assert_eq!(world.record().message, "cannot stop its container: no answer; it is tried again");
}

#[test]
fn a_retry_waits_no_longer_after_a_restart_of_the_worker_than_before() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Err(Failure::Refused("no".to_owned())));
    world.expect("");
    let record = world.record().clone();
    let delay = record.retry.unwrap().delay;
    let restored = |clock_step: i64| {
        let wall = Timestamp::from_millis(world.now.wall.millis() + clock_step);
        let now = Now { wall, ..world.now };
        Slot::restore(record.clone(), now).retry_at.unwrap().since(now.moment)
    };
    assert_eq!(restored(0), delay);
    assert_eq!(restored(400), delay.checked_sub(Duration::from_millis(400)).unwrap());
    assert_eq!(restored(-86_400_000), delay, "a clock that was set back makes nobody wait a day");
    assert_eq!(restored(86_400_000), Duration::ZERO);
}

#[test]
fn what_may_run_only_once_is_stopped_when_the_lease_is_over_and_comes_back_with_it() {
    let mut world = World::running(r#","RestartPolicy":"no","Failover":"single""#);
    world.host.lease_until = world.now.moment + Duration::from_secs(4);
    world.wait(3_999);
    world.expect("");
    world.wait(1);
    world.expect("stop c1");
    world.done(Ok(Answer::Done));
    world.expect("");
    assert_eq!(world.state(), State::Running, "nothing is begun, and nothing is over");

    world.host.lease_until = world.now.moment + Duration::from_secs(6);
    world.expect("inspect c1");
    let stopped = world.exited("c1", 1, 143);
    world.done(Ok(Answer::Container(Box::new(stopped))));
    world.expect("create web.2");
    assert_eq!(world.record().failures, 0, "it is not to blame, whatever its policy says");
}

#[test]
fn in_one_life_of_the_manager_a_lease_grows_and_a_later_life_begins_it_anew() {
    let mut world = World::running("");
    let mut tell = |epoch, base, lease_until| {
        let whole = base == 0;
        let base = Some(base).filter(|_| !whole);
        let news = Told { base, whole, lease_until: Moment(lease_until), ..told(epoch, 9, Vec::new()) };
        world.host.tell(news).unwrap();
        world.host.lease_until
    };
    let begun = tell(7, 0, 60_000);
    assert_eq!(begun, Moment(60_000), "another life than before");
    assert_eq!(tell(7, 9, 70_000), Moment(70_000));
    assert_eq!(tell(7, 9, 50_000), Moment(70_000), "an earlier question, answered late");
    assert_eq!(tell(7, 3, 80_000), Moment(80_000), "what it builds on has changed, and it is an answer");
    assert_eq!(tell(8, 9, 40_000), Moment(40_000), "a later life gives shorter ones");
    assert!(
        world.host.tell(Told { lease_until: Moment(90_000), ..told(7, 9, Vec::new()) }).is_err(),
        "an earlier life has nothing to give"
    );
    assert_eq!(world.host.lease_until, Moment(40_000));
}

#[test]
fn what_may_run_twice_goes_on_without_a_lease() {
    let mut world = World::running("");
    world.host.lease_until = world.now.moment;
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn a_worker_knows_what_is_left_of_tasks_that_it_was_to_let_go_of() {
    let mut world = World::running("");
    assert_eq!(world.host.leftovers(), Some(vec![]));
    world.host.tell(told(1, 2, Vec::new())).unwrap();
    assert_eq!(world.host.leftovers(), Some(vec![task(1)]));
    world.expect("stop c1");
    world.done(Ok(Answer::Done));
    world.expect("remove c1");
    assert_eq!(world.host.leftovers(), Some(vec![task(1)]), "a call is under way");
    world.done(Ok(Answer::Done));
    assert_eq!(world.host.leftovers(), Some(vec![]));
    world.wait(5_000);
    world.expect("list");
    world.list_ends(Err(Failure::Unreachable("gone".to_owned())));
    assert_eq!(world.host.leftovers(), None, "it cannot know");
}
