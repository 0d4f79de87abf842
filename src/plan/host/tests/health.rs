//! Readiness and liveness apart: what each probe's answers lead to, and what is told of them.

use super::*;
use crate::model::id::ExecId;
use crate::model::state::Ready;

const TIMES: &str = r#""IntervalMs":2000,"TimeoutMs":1000,"Retries":2,"StartPeriodMs":0"#;
const READY: &str = "GET /ready at 172.17.0.2:80";

fn ready_by(test: &str) -> String {
    format!(r#","Readiness":{{"Test":{test},{TIMES}}}"#)
}

fn alive_by(test: &str) -> String {
    format!(r#","Liveness":{{"Test":{test},{TIMES}}}"#)
}

/// A worker whose task is ready when `GET /ready` on port 80 is well.
fn with_readiness() -> World {
    World::running(&ready_by(r#"{"Http":{"Path":"/ready","Port":80,"Status":[200,299]}}"#))
}

impl World {
    fn ready(&self) -> Option<&Ready> {
        self.record().observed.ready.as_ref()
    }

    /// What the history says of its health since the last call.
    fn told_of_health(&mut self) -> Vec<String> {
        let events = self.host.take_dirty().events.into_iter();
        events.filter(|event| event.kind == EventKind::Health).map(|event| event.message).collect()
    }

    fn report(&self) -> crate::model::task::Report {
        self.host.slot(task(1)).unwrap().report(self.now.moment)
    }

    /// Waits until the next question, and answers it.
    #[track_caller]
    fn next_answer(&mut self, question: &str, reply: Reply) {
        self.wait(2_000);
        self.decide();
        self.answers(question, reply);
    }
}

#[test]
fn a_task_without_probes_is_ready_while_it_runs() {
    let mut world = World::with_task("");
    assert_eq!(world.ready(), None);
    world.starts("c1", 1, "web");
    assert_eq!(world.ready(), Some(&Ready::Yes), "in the same report that says that it runs");
    world.wait(700);
    assert_eq!(world.report().ready_for_ms, Some(700));
    world.ends("c1", 1, 1);
    world.decide();
    assert_eq!((world.ready(), world.report().ready_for_ms), (None, None));
}

#[test]
fn a_task_that_is_not_ready_is_not_restarted_and_is_ready_again_later() {
    let mut world = with_readiness();
    assert_eq!(world.ready(), Some(&Ready::NotYet("GET /ready has not been answered well yet".to_owned())));
    world.next_answer(READY, Reply::Passed);
    assert_eq!(world.ready(), Some(&Ready::Yes));
    assert_eq!(world.told_of_health(), ["ready"]);
    let seq = world.record().observed.seq;
    world.next_answer(READY, failed("answered 503"));
    assert_eq!((world.ready(), world.record().observed.seq), (Some(&Ready::Yes), seq), "one failure is none");
    world.next_answer(READY, failed("answered 503"));
    let why = "GET /ready answered 503, 2 times in a row";
    assert_eq!(world.ready(), Some(&Ready::No(why.to_owned())));
    assert_eq!(world.record().observed.seq, seq + 1, "the manager hears of it");
    assert_eq!(world.record().message, format!("running, but not ready: {why}"));
    assert_eq!((world.state(), world.report().ready_for_ms), (State::Running, None));
    for _ in 0..3 {
        world.next_answer(READY, failed("answered 503"));
    }
    world.wait(2_000);
    world.decide();
    assert!(!world.calls.iter().any(|call| matches!(call, Call::Lane { .. })), "{:?}", world.calls);
    world.answers(READY, Reply::Passed);
    assert_eq!((world.ready(), world.record().message.as_str()), (Some(&Ready::Yes), "running"));
    assert_eq!(world.told_of_health(), [format!("not ready: {why}"), "ready".to_owned()]);
    assert_eq!(world.record().observed.health, Health::None, "readiness is not its health");
}

#[test]
fn what_was_wrong_is_told_while_it_is_not_ready_yet() {
    let mut world = with_readiness();
    world.next_answer(READY, failed("was not accepted: refused"));
    assert_eq!(world.ready(), Some(&Ready::NotYet("GET /ready was not accepted: refused".to_owned())));
    assert!(world.told_of_health().is_empty());
}

#[test]
fn a_task_that_fails_its_liveness_is_restarted_with_words() {
    let mut world = World::running(&alive_by(r#"{"Exec":["test","-e","/up"]}"#));
    assert_eq!(world.ready(), Some(&Ready::Yes), "nothing says that it is not");
    world.next_answer("run test -e /up", Reply::Passed);
    assert_eq!(world.record().observed.health, Health::Healthy);
    world.next_answer("run test -e /up", failed("ended with exit code 1"));
    let hung =
        Reply::Failed { why: "did not end within 1 s".to_owned(), left: Some(ExecId("e1".to_owned())) };
    world.next_answer("run test -e /up", hung);
    let why = "unhealthy: `test -e /up` did not end within 1 s, 2 times in a row";
    let look = world.calls.iter().position(|call| words(call) == "inspect c1");
    assert!(look.is_some(), "first, whether it has ended: {:?}", world.calls);
    let running = world.container("c1", 1, ContainerStatus::Running);
    world.done(Ok(Answer::Container(Box::new(running))));
    world.decide();
    assert!(world.calls.iter().any(|call| words(call) == "stop c1"), "{:?}", world.calls);
    assert_eq!(world.record().message, format!("{why}; is being restarted"));
    assert!(matches!(world.ready(), Some(Ready::No(_))), "it gets no traffic while it is stopped");
    assert_eq!(world.told_of_health(), ["healthy".to_owned(), why.to_owned()]);
}

#[test]
fn a_program_that_hangs_is_looked_at_before_another_is_begun() {
    let mut world = World::running(&ready_by(r#"{"Exec":["check"]}"#));
    let hung =
        Reply::Failed { why: "did not end within 1 s".to_owned(), left: Some(ExecId("e1".to_owned())) };
    world.next_answer("run check", hung);
    world.next_answer("look at e1 first", Reply::Passed);
    world.next_answer("run check", Reply::Passed);
}

#[test]
fn readiness_and_liveness_are_asked_beside_each_other() {
    let probes = ready_by(r#"{"Tcp":80}"#) + &alive_by(r#"{"Exec":["check"]}"#);
    let mut world = World::running(&probes);
    world.wait(1_000);
    world.expect("connect to 172.17.0.2:80, run check");
    world.answers("connect to 172.17.0.2:80", Reply::Passed);
    assert_eq!(world.ready(), Some(&Ready::Yes), "the other one hangs");
    assert_eq!(world.record().observed.health, Health::Starting);
    world.wait(2_000);
    world.decide();
    assert_eq!(world.calls.iter().filter(|call| words(call) == "run check").count(), 1);
    world.answers("connect to 172.17.0.2:80", Reply::Passed);
    world.answers("run check", Reply::Passed);
    assert_eq!(world.record().observed.health, Health::Healthy);
}

#[test]
fn a_probe_that_stands_for_both_is_asked_once_and_told_as_health() {
    let probes = ready_by(r#"{"Tcp":80}"#) + &alive_by(r#"{"Tcp":80}"#);
    let mut world = World::running(&probes);
    world.next_answer("connect to 172.17.0.2:80", Reply::Passed);
    assert_eq!((world.record().observed.health, world.ready()), (Health::Healthy, Some(&Ready::Yes)));
    assert_eq!(world.told_of_health(), ["healthy"]);
    assert!(world.calls.iter().all(|call| !matches!(call, Call::Probe { .. })), "{:?}", world.calls);
}

#[test]
fn the_images_own_check_may_count_for_readiness_alone_or_not_at_all() {
    let sick = |world: &mut World| {
        world.hint("c1", HintKind::Changed);
        world.expect("inspect c1");
        let container = world.container("c1", 1, ContainerStatus::Running);
        let container = Container { health: Health::Unhealthy, ..container };
        world.done(Ok(Answer::Container(Box::new(container))));
        world.decide();
        (world.calls.iter().map(words).collect::<Vec<_>>().join(", "), world.ready().cloned())
    };
    let says = Ready::No("the image's own HEALTHCHECK says so".to_owned());
    let mut both = World::running("");
    assert_eq!(sick(&mut both).0, "stop c1");
    let mut readiness = World::running(&ready_by(r#""Image""#));
    assert_eq!(sick(&mut readiness), (String::new(), Some(says)));
    let mut neither = World::running(&alive_by(r#""Off""#));
    assert_eq!(sick(&mut neither), (String::new(), Some(Ready::Yes)));
}

#[test]
fn what_has_no_port_for_its_check_is_not_ready_and_says_so() {
    let world = World::running(&format!(r#","HealthCheck":{{"Path":"/health",{TIMES}}}"#));
    let why = "GET /health cannot be asked: it publishes no port that could be asked";
    assert_eq!(world.ready(), Some(&Ready::NotYet(why.to_owned())));
    assert_eq!((world.record().observed.health, world.state()), (Health::None, State::Running));
}

#[test]
fn an_engine_that_hangs_fails_no_program() {
    let mut world = World::running(&alive_by(r#"{"Exec":["check"]}"#));
    let hangs = Failure::Unknown("no answer".to_owned());
    world.host.described(Some(&hangs));
    for _ in 0..4 {
        world.next_answer("run check", failed("did not end within 1 s"));
    }
    assert_eq!(world.record().observed.health, Health::Starting);
    world.host.described(None);
    world.next_answer("run check", failed("ended with exit code 1"));
    world.next_answer("run check", failed("ended with exit code 1"));
    assert!(world.calls.iter().any(|call| words(call) == "inspect c1"), "{:?}", world.calls);
}

#[test]
fn an_answer_about_an_earlier_container_is_not_taken_for_this_ones() {
    let mut world = with_readiness();
    world.wait(1_000);
    world.decide();
    let asked = world.calls.iter().position(|call| words(call) == READY).expect("it is asked");
    world.calls.remove(asked);
    world.ends("c1", 1, 1);
    world.restarts("c1", "c2", 2);
    let stale = Outcome::Probed {
        task: task(1),
        container: ContainerId("c1".to_owned()),
        number: 0,
        reply: Reply::Passed,
    };
    world.host.note(stale, world.now);
    world.decide();
    assert!(matches!(world.ready(), Some(Ready::NotYet(_))), "{:?}", world.ready());
}

#[test]
fn a_worker_that_was_restarted_knows_what_was_ready_but_not_for_how_long() {
    let mut world = with_readiness();
    world.next_answer(READY, Reply::Passed);
    world.wait(60_000);
    assert_eq!(world.report().ready_for_ms, Some(60_000));
    let record = world.record().clone();
    let container = world.container("c1", 1, ContainerStatus::Running);
    let knowledge = Some((cluster(), 1, 1));
    world.host = Host::restore("worker-1".parse().unwrap(), knowledge, vec![record], world.now);
    world.calls.clear();
    world.host.tell(told(1, 1, vec![assignment(task(1), world.record().assignment.spec.clone())])).unwrap();
    world.expect("list");
    world.listed(vec![container]);
    world.wait(300);
    world.decide();
    assert_eq!((world.ready(), world.report().ready_for_ms), (Some(&Ready::Yes), Some(300)));
}
