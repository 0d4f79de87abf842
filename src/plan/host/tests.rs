//! What a worker decides, case by case: each test plays engine and manager by hand.

mod endings;
mod files;
mod health;
mod manager;
mod networks;
mod standing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::action::Action;
use super::call::{Answer, Call, Outcome, Question, Reply, Verb};
use super::hint::{Hint, HintKind};
use super::reconcile::{next_look, reconcile};
use super::tell::{Distrust, Told};
use super::*;
use crate::model::container::{ContainerStatus, Details, Exit, Failure, Identity};
use crate::model::network::{Network, NetworkId};
use crate::model::spec::TaskSpec;
use crate::model::state::{Desired, Health, State};
use crate::model::task::{Assignment, HostPorts, Observed};
use crate::model::time::Timestamp;

/// A worker with the time and the calls that it made, by hand.
struct World {
    host: Host,
    now: Now,
    calls: VecDeque<Call>,
    /// Its own networks, as its engine shows them at once whenever it is asked.
    networks: Vec<Network>,
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
        start: None,
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
        Self { host, now, calls: VecDeque::new(), networks: Vec::new() }
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
            address: status.is_live().then(|| [172, 17, 0, 2].into()),
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
                if action == Action::Call(Call::Networks) {
                    let result = Ok(self.networks.clone());
                    self.host.note(Outcome::Networks { result }, self.now);
                } else if let Action::Call(call) = action {
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
            world.answers("GET /health at 127.0.0.1:32768", failed("answered 500"));
        }
        world.expect("list, inspect c1");
        world
    }

    /// The question that is under way in these words gets this answer.
    #[track_caller]
    fn answers(&mut self, question: &str, reply: Reply) {
        let asked = self.calls.iter().position(|call| words(call) == question);
        let asked = asked.unwrap_or_else(|| panic!("{question} is not asked: {:?}", self.calls));
        let Some(Call::Probe { task, container, number, .. }) = self.calls.remove(asked) else {
            unreachable!()
        };
        self.host.note(Outcome::Probed { task, container, number, reply }, self.now);
        self.decide();
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
        Call::Networks => "networks".to_owned(),
        Call::RemoveNetwork { name, .. } => format!("remove network {name}"),
        Call::Probe { question: Question::Http { address, http }, .. } => {
            format!("GET {} at {address}", http.path)
        }
        Call::Probe { question: Question::Tcp { address }, .. } => format!("connect to {address}"),
        Call::Probe { question: Question::Exec { command, left: None }, .. } => {
            format!("run {}", command.join(" "))
        }
        Call::Probe { question: Question::Exec { left: Some(left), .. }, .. } => {
            format!("look at {} first", left.0)
        }
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

fn failed(why: &str) -> Reply {
    Reply::Failed { why: why.to_owned(), left: None }
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
