//! That faults of the fake engine do what they say, and that time alone moves it.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Fake, Fault, Program, Registry, Rule, Verb};
use crate::engine::Engine;
use crate::model::container::{ContainerStatus, Failure, Identity, Owner};
use crate::model::id::{ClusterId, ContainerId, TaskId};
use crate::model::spec::TaskSpec;

/// A fake with one image, and somebody to use it.
struct Bench {
    fake: Fake,
    owner: Owner,
    identity: Identity,
    spec: TaskSpec,
}

impl Bench {
    fn new(program: Program) -> Self {
        let fake = Fake::default();
        fake.add_image("web", program);
        Self {
            fake,
            owner: Owner { cluster: ClusterId::generate(), node: "worker-1".parse().unwrap() },
            identity: Identity { task: TaskId::generate(), attempt: 1, spec: "s".to_owned() },
            spec: serde_json::from_str(r#"{"Name":"web","Image":"web","StopTimeout":3}"#).unwrap(),
        }
    }

    async fn create(&self) -> Result<ContainerId, Failure> {
        self.fake.create(&self.owner, "web-1", &self.identity, &self.spec).await
    }

    async fn running(&self) -> ContainerId {
        let id = self.create().await.unwrap();
        self.fake.start(&id).await.unwrap();
        id
    }

    fn status(&self) -> Option<ContainerStatus> {
        self.fake.containers().pop().map(|container| container.status)
    }
}

fn is_unknown<T>(result: &Result<T, Failure>) -> bool {
    matches!(result, Err(Failure::Unknown(_)))
}

#[tokio::test(start_paused = true)]
async fn a_dropped_reply_was_done_and_a_dropped_request_was_not() {
    let bench = Bench::new(Program::default());
    bench.fake.fault_once(Verb::Create, Fault::DropRequest);
    bench.fake.fault_once(Verb::Create, Fault::DropReply);
    assert!(is_unknown(&bench.create().await));
    assert_eq!(bench.status(), None);
    assert!(is_unknown(&bench.create().await));
    assert_eq!(bench.status(), Some(ContainerStatus::Created));
    assert!(matches!(bench.create().await, Err(Failure::Conflict(_))));
}

#[tokio::test(start_paused = true)]
async fn a_late_start_happens_when_its_time_has_come_whoever_waits() {
    let bench = Bench::new(Program::default());
    let id = bench.create().await.unwrap();
    bench.fake.fault_once(Verb::Start, Fault::Late(Duration::from_secs(5)));
    assert!(is_unknown(&bench.fake.start(&id).await));
    sleep(Duration::from_millis(4_999)).await;
    assert_eq!(bench.status(), Some(ContainerStatus::Created));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(bench.status(), Some(ContainerStatus::Running));
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_waited_for_and_one_beyond_the_deadline_is_unknown_and_done_later() {
    let bench = Bench::new(Program::default());
    bench.fake.fault_once(Verb::List, Fault::Delay(Duration::from_secs(9)));
    bench.fake.fault_once(Verb::Create, Fault::Delay(Duration::from_secs(40)));
    let before = Instant::now();
    assert_eq!(bench.fake.list(&bench.owner).await, Ok(Vec::new()));
    assert_eq!(before.elapsed(), Duration::from_secs(9));
    assert!(is_unknown(&bench.create().await));
    assert_eq!(before.elapsed(), Duration::from_secs(9 + 30));
    assert_eq!(bench.status(), None);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.status(), Some(ContainerStatus::Created));
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_at_the_deadline_until_it_is_healed() {
    let bench = Bench::new(Program::default());
    bench.fake.fault_always(Verb::Info, Fault::Hang);
    for _ in 0..3 {
        let before = Instant::now();
        assert!(is_unknown(&bench.fake.info().await));
        assert_eq!(before.elapsed(), Duration::from_secs(10));
    }
    bench.fake.heal();
    assert!(bench.fake.info().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_rule_for_one_task_lets_others_be() {
    let bench = Bench::new(Program::default());
    let id = bench.running().await;
    let fault = Fault::Fail(Failure::Refused("no".to_owned()));
    let other = Some(TaskId::generate());
    bench.fake.add_rule(Rule { verb: Verb::Remove, task: other, fault: fault.clone(), times: 1 });
    let mine = Some(bench.identity.task);
    bench.fake.add_rule(Rule { verb: Verb::Stop, task: mine, fault, times: 1 });
    assert_eq!(bench.fake.stop(&id, None).await, Err(Failure::Refused("no".to_owned())));
    bench.fake.remove(&id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_partial_list_shows_half_and_garbage_nothing() {
    let bench = Bench::new(Program::default());
    for name in ["a-1", "b-1", "c-1", "d-1"] {
        bench.fake.create(&bench.owner, name, &bench.identity, &bench.spec).await.unwrap();
    }
    bench.fake.fault_once(Verb::List, Fault::PartialList);
    bench.fake.fault_once(Verb::List, Fault::Garbage);
    assert_eq!(bench.fake.list(&bench.owner).await.unwrap().len(), 2);
    assert!(is_unknown(&bench.fake.list(&bench.owner).await));
    assert_eq!(bench.fake.list(&bench.owner).await.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_engine_ends_everything_with_137_and_breaks_the_events() {
    let bench = Bench::new(Program::default());
    let mut events = bench.fake.events(&bench.owner);
    let id = bench.running().await;
    bench.fake.restart();
    let heard: Vec<_> = events.by_ref().take_while(|event| std::future::ready(event.is_ok())).collect().await;
    assert!(heard.len() >= 2, "{heard:?}");
    assert!(events.next().await.is_none());
    let details = bench.fake.inspect(&bench.owner, &id.0).await.unwrap().details.unwrap();
    assert_eq!(details.exit.unwrap().code, 137);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_does_nothing_and_its_containers_live_on() {
    let bench = Bench::new(Program::ending(Duration::from_mins(1), 3));
    let id = bench.running().await;
    bench.fake.disconnect();
    assert!(matches!(bench.fake.stop(&id, None).await, Err(Failure::Unreachable(_))));
    assert!(bench.fake.is_live(&id));
    sleep(Duration::from_mins(1)).await;
    bench.fake.reconnect();
    let list = bench.fake.list(&bench.owner).await.unwrap();
    assert_eq!(list[0].status, ContainerStatus::Exited);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nobody_asked_for_is_told_at_its_time() {
    let bench = Bench::new(Program::ending(Duration::from_secs(7), 1));
    let before = Instant::now();
    bench.running().await;
    let mut events = bench.fake.events(&bench.owner);
    let event = events.next().await.unwrap().unwrap();
    assert_eq!((event.action.as_str(), event.task), ("die", bench.identity.task));
    assert_eq!(before.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_life_that_was_ended_early_does_not_end_the_next_one() {
    let bench = Bench::new(Program::ending(Duration::from_secs(7), 1));
    let id = bench.running().await;
    sleep(Duration::from_secs(3)).await;
    bench.fake.exit(&id.0, 9);
    bench.fake.start(&id).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.status(), Some(ContainerStatus::Running));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.status(), Some(ContainerStatus::Exited));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_a_long_stop_does_not_take_it_back() {
    let bench = Bench::new(Program::deaf());
    let id = bench.running().await;
    bench.fake.fault_once(Verb::Stop, Fault::DropReply);
    assert!(is_unknown(&bench.fake.stop(&id, Some(&bench.spec)).await));
    assert!(bench.fake.is_live(&id));
    sleep(Duration::from_secs(3)).await;
    assert!(!bench.fake.is_live(&id));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_killed_for_memory_says_so() {
    let bench = Bench::new(Program::default());
    let id = bench.running().await;
    bench.fake.kill_for_memory("web-1");
    let exit = bench.fake.inspect(&bench.owner, &id.0).await.unwrap().details.unwrap().exit.unwrap();
    assert_eq!((exit.code, exit.oom_killed), (137, true));
}

#[tokio::test(start_paused = true)]
async fn registries_deliver_fail_and_hang() {
    let bench = Bench::new(Program::default());
    let (fake, pull) =
        (&bench.fake, async |image: &str| bench.fake.pull(image, watch::Sender::default()).await);
    let again = Failure::Unknown("the registry is away".to_owned());
    fake.set_registry("new", Registry::Delivers(Program::default(), Duration::from_secs(20)));
    fake.set_registry("away", Registry::Fails(again.clone()));
    fake.set_registry("silent", Registry::Hangs);
    assert_eq!(pull("away").await, Err(again));
    assert!(matches!(pull("absent").await, Err(Failure::Missing(_))));
    let before = Instant::now();
    assert!(is_unknown(&pull("silent").await));
    assert_eq!(before.elapsed(), Duration::from_mins(1));
    pull("new:latest").await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(80));
    let spec = TaskSpec { image: "new".to_owned(), ..bench.spec.clone() };
    fake.create(&bench.owner, "new-1", &bench.identity, &spec).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_and_how_many_lived_at_once_is_remembered() {
    let bench = Bench::new(Program::default());
    let id = bench.running().await;
    assert_eq!(bench.fake.most_live_of_one_attempt(), 1);
    let twin = bench.fake.create(&bench.owner, "twin", &bench.identity, &bench.spec).await.unwrap();
    bench.fake.start(&twin).await.unwrap();
    bench.fake.remove(&twin).await.unwrap();
    assert_eq!(bench.fake.live(bench.identity.task, 1), 1);
    assert_eq!(bench.fake.most_live_of_one_attempt(), 2, "that it is over does not make it good");
    assert_eq!((bench.fake.count(Verb::Start), bench.fake.mutations()), (2, 5));
    let last = bench.fake.calls().pop().unwrap();
    assert_eq!((last.verb, last.target, last.task), (Verb::Remove, twin.0, Some(bench.identity.task)));
    assert!(bench.fake.is_live(&id));
}
