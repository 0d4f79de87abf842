//! Tasks that are replaced under load: no request fails, and none comes to a task that has left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orc::ingress::Limits;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::rig::{LAST, Rig, Task, ask, soon, try_ask};

const NAMES: [&str; 6] = ["a1", "b1", "c1", "a2", "b2", "c2"];

/// Asks on connections of its own until the stop, `each` times on one connection, or until it is told that this was the
/// last answer. Panics when a request fails.
async fn load(address: SocketAddr, each: usize, stop: CancellationToken, done: Arc<AtomicUsize>) {
    while !stop.is_cancelled() {
        let stream = TcpStream::connect(address).await.expect("no connection is refused");
        let mut stream = BufReader::new(stream);
        for _ in 0..each {
            let answer = ask(&mut stream).await;
            done.fetch_add(1, Ordering::SeqCst);
            if answer.ends_with(LAST) || stop.is_cancelled() {
                break;
            }
        }
    }
}

/// New connections are asked once; kept ones until their task leaves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_tasks_are_replaced_one_by_one() {
    let rig = Rig::start(Limits::default()).await;
    let mut tasks = Vec::new();
    for name in &NAMES[..3] {
        tasks.push(Task::named(name).await);
    }
    let publish = |tasks: &[Task]| {
        rig.publish(&tasks.iter().map(|task| task.backend).collect::<Vec<_>>());
    };
    publish(&tasks);

    let (stop, done) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let clients = TaskTracker::new();
    let loads: Vec<_> = [1, 1, 1, usize::MAX, usize::MAX, usize::MAX]
        .map(|each| clients.spawn(load(rig.address(), each, stop.clone(), Arc::clone(&done))))
        .into();
    for name in &NAMES[3..] {
        let before = done.load(Ordering::SeqCst);
        soon("a hundred requests", async {
            while done.load(Ordering::SeqCst) < before + 100 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        tasks.push(Task::named(name).await);
        publish(&tasks);
        let old = tasks.remove(0);
        publish(&tasks);
        old.leaving.send_replace(true);
        soon("the end of the old task's connections", rig.ingress.drained(old.backend.task)).await;
        drop(old);
    }
    stop.cancel();
    for load in loads {
        soon("the end of the load", load).await.expect("no request failed");
    }
    let mut stream = BufReader::new(rig.connect().await);
    assert!(NAMES[3..].contains(&ask(&mut stream).await.as_str()));
}

#[tokio::test]
async fn a_task_that_leaves_keeps_its_connections_and_is_empty_once_they_have_ended() {
    let rig = Rig::start(Limits::default()).await;
    let [old, new] = [Task::named("old").await, Task::named("new").await];
    rig.publish(&[old.backend]);
    let mut kept = [BufReader::new(rig.connect().await), BufReader::new(rig.connect().await)];
    for stream in &mut kept {
        assert_eq!(ask(stream).await, "old");
    }
    assert_eq!(rig.ingress.connections(old.backend.task), 2);

    rig.publish(&[new.backend]);
    assert_eq!(rig.ask().await, "new");
    for stream in &mut kept {
        assert_eq!(ask(stream).await, "old", "what was begun goes on");
    }
    let [first, second] = kept;
    drop(first);
    soon("one connection less", async {
        while rig.ingress.connections(old.backend.task) != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let drained = rig.ingress.drained(old.backend.task);
    soon("the end of the second", async { tokio::join!(drained, async { drop(second) }) }).await;
    assert_eq!(rig.ingress.connections(old.backend.task), 0);
}

#[tokio::test]
async fn a_port_that_is_not_published_any_more_closes_and_its_connections_go_on() {
    let rig = Rig::start(Limits::default()).await;
    let task = Task::named("web").await;
    rig.publish(&[task.backend]);
    let mut kept = BufReader::new(rig.connect().await);
    assert_eq!(ask(&mut kept).await, "web");
    rig.table.send_replace(Arc::default());
    soon("the port is closed", async {
        while TcpStream::connect(rig.address()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(ask(&mut kept).await, "web");
}

#[tokio::test]
async fn a_stop_closes_the_port_and_waits_a_little_for_connections() {
    let limits = Limits { drain: std::time::Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let task = Task::named("web").await;
    rig.publish(&[task.backend]);
    let mut kept = BufReader::new(rig.connect().await);
    assert_eq!(ask(&mut kept).await, "web");
    rig.stop.cancel();
    rig.tracker.close();
    soon("the end of all that it does", rig.tracker.wait()).await;
    assert!(try_ask(&mut kept).await.is_err());
    assert!(TcpStream::connect(rig.address()).await.is_err());
}
