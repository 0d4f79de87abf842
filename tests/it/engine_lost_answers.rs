//! What orc makes of answers that get lost, late or spoiled between it and a real engine.

use std::time::Duration;

use futures_util::StreamExt;
use hyper::Method;
use orc::engine::docker::{Docker, DockerEnv};
use orc::engine::{Deadlines, Engine};
use orc::model::container::{Container, ContainerStatus};
use orc::model::id::ContainerId;
use orc::model::spec::TaskSpec;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::cases::{new_identity, new_name};
use crate::support::patience::until;
use crate::support::proxy::{Proxy, Spoil};
use crate::support::real_rig::{RealRig, docker_host};
use crate::support::rig::{Kind, Rig, assert_fails, first_event};

const CREATE: &str = "/containers/create";
const LIST: &str = "/containers/json";

/// Deadlines that a test can wait for.
const SHORT: Deadlines = Deadlines {
    call: Duration::from_millis(500),
    slow: Duration::from_millis(500),
    pull_idle: Duration::from_millis(500),
};

/// A rig, a proxy before its engine, and the engine as orc sees it through the proxy.
async fn with_proxy<F: Future<Output = ()>>(
    deadlines: Deadlines,
    test: impl FnOnce(RealRig, Proxy, Docker) -> F,
) {
    RealRig::with(|rig| async {
        let proxy = Proxy::before(&docker_host());
        let engine = proxy.engine(deadlines);
        test(rig, proxy, engine).await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_of_create_leaves_a_container_that_is_found_by_its_name() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let (name, identity, spec) = (new_name(), new_identity(), rig.spec(Kind::Server));
        proxy.spoil(Method::POST, CREATE, Spoil::DropReply);
        assert_fails(engine.create(rig.owner(), &name, &identity, &spec).await, "unknown");
        assert_fails(engine.create(rig.owner(), &name, &identity, &spec).await, "conflict");
        let found = engine.inspect(rig.owner(), &name).await.unwrap();
        assert_eq!((found.identity, found.status), (identity, ContainerStatus::Created));
    })
    .await;
}

#[tokio::test]
async fn a_lost_request_of_create_leaves_nothing() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        proxy.spoil(Method::POST, CREATE, Spoil::DropRequest);
        let create = engine.create(rig.owner(), &new_name(), &new_identity(), &rig.spec(Kind::Server)).await;
        assert_fails(create, "unknown");
        assert_eq!(engine.list(rig.owner()).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_of_start_leaves_it_running_and_another_start_succeeds() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let (id, _) = rig.created(Kind::Server).await;
        proxy.spoil(Method::POST, "/start", Spoil::DropReply);
        assert_fails(engine.start(&id).await, "unknown");
        assert_eq!(rig.inspected(&id).await.status, ContainerStatus::Running);
        engine.start(&id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_of_stop_leaves_it_stopped_and_another_stop_succeeds() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let id = rig.started(Kind::Server).await;
        proxy.spoil(Method::POST, "/stop", Spoil::DropReply);
        assert_fails(engine.stop(&id, None).await, "unknown");
        assert_eq!(rig.inspected(&id).await.status, ContainerStatus::Exited);
        engine.stop(&id, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_of_remove_leaves_nothing_and_another_remove_succeeds() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let id = rig.started(Kind::Server).await;
        proxy.spoil(Method::DELETE, "", Spoil::DropReply);
        assert_fails(engine.remove(&id).await, "unknown");
        assert_eq!(rig.listed(&id).await, None);
        engine.remove(&id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_create_that_was_given_up_may_be_done_later() {
    with_proxy(SHORT, |rig, proxy, engine| async move {
        let (name, identity, spec) = (new_name(), new_identity(), rig.spec(Kind::Server));
        proxy.spoil(Method::POST, CREATE, Spoil::DelayRequest(Duration::from_secs(1)));
        assert_fails(engine.create(rig.owner(), &name, &identity, &spec).await, "unknown");
        assert_eq!(rig.engine().list(rig.owner()).await, Ok(Vec::new()));
        let look = || async { rig.engine().list(rig.owner()).await.unwrap() };
        let found = until("the create is done after all", look, |list| !list.is_empty()).await;
        assert_eq!(found[0].identity, identity);
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_hangs_is_given_up_at_the_deadline_of_each_call() {
    with_proxy(SHORT, |rig, proxy, engine| async move {
        let id = ContainerId("0".repeat(64));
        let spec = TaskSpec { stop_timeout: Some(1), ..rig.spec(Kind::Server) };
        for (method, end) in [
            (Method::GET, "/info"),
            (Method::GET, LIST),
            (Method::GET, "0/json"),
            (Method::POST, CREATE),
            (Method::POST, "/start"),
            (Method::POST, "/unpause"),
            (Method::POST, "/stop"),
            (Method::DELETE, ""),
            (Method::POST, "/update"),
            (Method::POST, "/images/create"),
        ] {
            proxy.spoil(method, end, Spoil::Hang);
        }
        let before = Instant::now();
        assert_fails(engine.info().await, "unknown");
        assert_fails(engine.list(rig.owner()).await, "unknown");
        assert_fails(engine.inspect(rig.owner(), &id.0).await, "unknown");
        assert_fails(engine.create(rig.owner(), &new_name(), &new_identity(), &spec).await, "unknown");
        assert_fails(engine.start(&id).await, "unknown");
        assert_fails(engine.unpause(&id).await, "unknown");
        assert_fails(engine.remove(&id).await, "unknown");
        assert_fails(engine.restore_limits(&id, &spec).await, "unknown");
        assert_fails(engine.pull("orc-test/absent", watch::Sender::default()).await, "unknown");
        assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
        let before = Instant::now();
        assert_fails(engine.stop(&id, Some(&spec)).await, "unknown");
        assert!(
            before.elapsed() >= Duration::from_millis(1500),
            "a stop is waited for longer than its grace"
        );
    })
    .await;
}

#[tokio::test]
async fn a_stop_is_waited_for_as_long_as_the_container_itself_says() {
    with_proxy(Deadlines { call: Duration::from_secs(1), ..SHORT }, |rig, proxy, engine| async move {
        let spec = TaskSpec { stop_timeout: Some(3), ..rig.spec(Kind::Deaf) };
        let id = rig.started_of(&spec).await;
        engine.stop(&id, None).await.unwrap();
        assert_eq!(proxy.seen(&Method::POST, "/stop"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_list_that_breaks_off_or_is_garbage_is_a_failure_and_no_empty_list() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        rig.created(Kind::Server).await;
        let spoiled = |body: &str| Spoil::ReplaceBody(body.to_owned());
        for spoil in [
            Spoil::Truncate(0),
            Spoil::Truncate(100),
            spoiled(""),
            spoiled("null"),
            spoiled("{}"),
            spoiled("[{"),
            spoiled("<html>502</html>"),
        ] {
            proxy.spoil(Method::GET, LIST, spoil);
            assert_fails(engine.list(rig.owner()).await, "unknown");
        }
        assert_eq!(engine.list(rig.owner()).await.unwrap().len(), 1);
    })
    .await;
}

/// One entry of a list, of this owner, with these words beside its labels.
fn entry(rig: &RealRig, id: &str, attempt: &str, rest: &str) -> String {
    let (owner, identity) = (rig.owner(), new_identity());
    format!(
        r#"{{"Id":"{id}","Names":["/x"],"Labels":{{"orc.cluster":"{}","orc.node":"{}","orc.task":"{}",
            "orc.attempt":"{attempt}","orc.spec":"s"}}{rest}}}"#,
        owner.cluster, owner.node, identity.task
    )
}

#[tokio::test]
async fn a_list_is_taken_for_what_it_is_worth() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let running = r#","State":"running","Status":"Up 2 seconds (health: starting)","Future":{"a":1}"#;
        let list = format!(
            r#"[{},{},{{"Id":"c","Names":["/y"],"State":"running"}}]"#,
            entry(&rig, "a", "1", running),
            entry(&rig, "a", "1", running),
        );
        proxy.spoil(Method::GET, LIST, Spoil::ReplaceBody(list));
        let seen = engine.list(rig.owner()).await.unwrap();
        let ids: Vec<_> = seen.iter().map(|container| container.id.0.as_str()).collect();
        assert_eq!(ids, ["a"], "one that is shown twice is one, and one without labels is nobody's");
        assert_eq!(seen[0].status, ContainerStatus::Running);

        let stopping = format!("[{}]", entry(&rig, "a", "1", r#","State":"stopping""#));
        proxy.spoil(Method::GET, LIST, Spoil::ReplaceBody(stopping));
        let seen = engine.list(rig.owner()).await.unwrap();
        assert_eq!(seen[0].status, ContainerStatus::Unknown("stopping".to_owned()));

        let unreadable = format!("[{},{}]", entry(&rig, "a", "1", running), entry(&rig, "b", "x", running));
        proxy.spoil(Method::GET, LIST, Spoil::ReplaceBody(unreadable));
        let seen = engine.list(rig.owner()).await.unwrap();
        let ids: Vec<_> = seen.iter().map(|container| container.id.0.as_str()).collect();
        assert_eq!(ids, ["a"], "one whose labels name no attempt is left alone, and hides nobody else");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let endless = format!("[{}]", " ".repeat(17 << 20));
        proxy.spoil(Method::GET, LIST, Spoil::ReplaceBody(endless));
        assert_fails(engine.list(rig.owner()).await, "unknown");
        let large = format!("[{}]", " ".repeat(15 << 20));
        proxy.spoil(Method::GET, LIST, Spoil::ReplaceBody(large));
        assert_eq!(engine.list(rig.owner()).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn a_doubled_request_is_done_once() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let (name, identity, spec) = (new_name(), new_identity(), rig.spec(Kind::Server));
        proxy.spoil(Method::POST, CREATE, Spoil::Duplicate);
        assert_fails(engine.create(rig.owner(), &name, &identity, &spec).await, "conflict");
        let list = engine.list(rig.owner()).await.unwrap();
        let [Container { id, .. }] = list.as_slice() else { panic!("{list:?}") };
        proxy.spoil(Method::POST, "/start", Spoil::Duplicate);
        engine.start(id).await.unwrap();
        proxy.spoil(Method::POST, "/stop", Spoil::Duplicate);
        engine.stop(id, None).await.unwrap();
        proxy.spoil(Method::DELETE, "", Spoil::Duplicate);
        engine.remove(id).await.unwrap();
        assert_eq!(proxy.seen(&Method::DELETE, &id.0), 1);
    })
    .await;
}

#[tokio::test]
async fn a_status_says_whether_nothing_was_done_or_nobody_knows() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        let (id, _) = rig.created(Kind::Server).await;
        for (status, kind) in [
            (400, "refused"),
            (401, "refused"),
            (404, "missing"),
            (409, "conflict"),
            (500, "refused"),
            (502, "unknown"),
            (503, "unknown"),
            (504, "unknown"),
        ] {
            let answer = Spoil::Answer(status, r#"{"message":"a test says so"}"#.to_owned());
            proxy.spoil(Method::POST, "/start", answer);
            assert_fails(engine.start(&id).await, kind);
        }
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_is_away_is_unreachable_and_found_when_it_comes() {
    RealRig::with(|rig| async move {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let env = DockerEnv { host: Some(format!("unix://{}", socket.display())), ..DockerEnv::default() };
        let engine = Docker::connect(&env, Deadlines::default()).unwrap();
        assert_fails(engine.list(rig.owner()).await, "unreachable");
        assert_fails(engine.start(&ContainerId("0".repeat(64))).await, "unreachable");
        assert_fails(engine.pull("orc-test/absent", watch::Sender::default()).await, "unreachable");
        assert_fails(engine.events(rig.owner()).next().await.unwrap(), "unreachable");
        let docker = docker_host();
        std::os::unix::fs::symlink(docker.strip_prefix("unix://").unwrap(), &socket).unwrap();
        assert_eq!(engine.list(rig.owner()).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn events_that_break_off_end_in_a_failure() {
    with_proxy(Deadlines::default(), |rig, proxy, engine| async move {
        proxy.spoil(Method::GET, "/events", Spoil::Truncate(50));
        let mut events = engine.events(rig.owner());
        let first = first_event(&rig, &mut events).await.unwrap();
        assert_fails(first, "unknown");
        assert!(events.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_pull_fails_as_its_stream_says() {
    with_proxy(Deadlines::default(), |_rig, proxy, engine| async move {
        let pull = async |spoil| {
            proxy.spoil(Method::POST, "/images/create", spoil);
            engine.pull("127.0.0.1:1/orc-test/absent:1", watch::Sender::default()).await
        };
        let stream = |lines: &str| Spoil::Answer(200, lines.to_owned());
        let started = r#"{"status":"Pulling from orc-test/absent","id":"1"}"#;
        let error = |text: &str| {
            stream(&format!(
                "{started}\n{{\"errorDetail\":{{\"message\":\"{text}\"}},\"error\":\"{text}\"}}\n"
            ))
        };
        pull(stream(started)).await.unwrap();
        assert_fails(pull(error("manifest unknown: manifest unknown")).await, "missing");
        assert_fails(pull(error("unauthorized: authentication required")).await, "refused");
        assert_fails(pull(error("unexpected EOF")).await, "unknown");
        assert_fails(pull(Spoil::Truncate(0)).await, "unknown");
        let refused = engine.pull("127.0.0.1:1/orc-test/absent:1", watch::Sender::default()).await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("refused"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_until_the_deadline() {
    let deadlines = Deadlines { call: Duration::from_secs(2), ..SHORT };
    with_proxy(deadlines, |rig, proxy, engine| async move {
        proxy.spoil_nth(2, Method::GET, LIST, Spoil::DelayReply(Duration::from_millis(500)));
        let before = Instant::now();
        assert_eq!(engine.list(rig.owner()).await, Ok(Vec::new()));
        assert_eq!(engine.list(rig.owner()).await, Ok(Vec::new()));
        assert!(before.elapsed() >= Duration::from_millis(500));
        proxy.spoil(Method::GET, LIST, Spoil::DelayReply(Duration::from_mins(1)));
        assert_fails(engine.list(rig.owner()).await, "unknown");
    })
    .await;
}
