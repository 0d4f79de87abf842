//! Floods of requests and of connections: no node is taken for lost, and tasks go on being started.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use orc::serve::{Limits, descriptors};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::house::House;
use crate::support::orc::{TestOrc, sleeper};

/// Clients that ask without a pause, each on one connection.
const CLIENTS: usize = 48;

/// From the submission of a task until it runs, in the midst of it. It takes about 0.3 s where nothing else is done.
const BOUND: Duration = Duration::from_secs(5);

/// How long a flood lasts: `ORC_FLOOD_SECONDS`, or 10.
#[expect(clippy::disallowed_methods, reason = "tests have no settings: this is theirs")]
fn length() -> Duration {
    let seconds = std::env::var("ORC_FLOOD_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(10))
}

/// Asks one thing after another on one connection, until that is closed or this is dropped.
async fn ask_without_pause(port: u16, answered: Arc<AtomicU64>) -> Option<()> {
    const REQUESTS: [(&str, &str, &str); 5] = [
        ("GET", "/tasks", ""),
        ("GET", "/nodes", ""),
        ("POST", "/tasks", r#"{"Task": {"Name": "flood", "Image": "x", "Privileged": true}}"#),
        ("DELETE", "/tasks/00000000-0000-4000-8000-000000000000", ""),
        ("GET", "/state", ""),
    ];
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    TaskTracker::new().spawn(connection);
    for (method, path, body) in REQUESTS.into_iter().cycle() {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("content-type", "application/json");
        let answer = send.send_request(request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap());
        answer.await.ok()?.into_body().collect().await.ok()?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_loses_no_node_and_holds_no_task_up() {
    let orc = TestOrc::start_split().await;
    let (answered, begin) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let flood = TaskTracker::new();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (port, answered) = (orc.manager_port, answered.clone());
            flood.spawn(async move { while ask_without_pause(port, answered.clone()).await.is_none() {} })
        })
        .collect();
    let mut starts = Vec::new();
    while begin.elapsed() < length() {
        let asked = Instant::now();
        let task = orc.run(format!("task-{}", starts.len()), sleeper()).await;
        starts.push(asked.elapsed());
        orc.delete(task["ID"].as_str().unwrap()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (rate, elapsed) = (answered.load(Ordering::Relaxed), begin.elapsed());
    for client in clients {
        client.abort();
    }
    starts.sort();
    eprintln!(
        "{rate} requests answered in {elapsed:?}; {} tasks ran after {:?} at the median, {:?} at most",
        starts.len(),
        starts[starts.len() / 2],
        starts.last().unwrap()
    );
    assert!(starts.iter().all(|start| *start < BOUND), "{starts:?}");
    assert!(rate > 1_000, "that is no flood: {rate}");
    assert!(!orc.main.log().contains("not heard of"), "a node was taken for lost: {}", orc.main.log());
}

/// Opens connections, says nothing, and opens another for each that is closed.
async fn hold_without_a_word(port: u16, opened: Arc<AtomicU64>) {
    loop {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        opened.fetch_add(1, Ordering::Relaxed);
        let _ = stream.read(&mut [0]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_silent_connections_keeps_no_worker_out() {
    descriptors::raise_limit();
    let house = House::open().await;
    let worker = house.joined("box-1").await;
    let line = house.join_line().await;
    let (opened, begin) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let flood = TaskTracker::new();
    let strangers: Vec<_> = (0..2 * Limits::default().connections)
        .map(|_| flood.spawn(hold_without_a_word(house.port, opened.clone())))
        .collect();
    tokio::time::sleep(length() / 2).await;
    // One that was not there before comes in, too.
    let mut late = super::house::Worker::joining("box-2", &line);
    let asked = Instant::now();
    late.process.spawn();
    late.process.printed(1).await;
    let joined = asked.elapsed();
    tokio::time::sleep(length().saturating_sub(begin.elapsed())).await;
    let log = house.manager.log();
    for stranger in strangers {
        stranger.abort();
    }
    eprintln!(
        "{} connections in {:?}; a worker joined in {joined:?}",
        opened.load(Ordering::Relaxed),
        begin.elapsed()
    );
    assert!(!log.contains("not heard of"), "a node was taken for lost: {log}");
    assert!(!worker.process.log().contains("the manager is away"), "{}", worker.process.log());
    for name in ["box-1", "box-2"] {
        assert_eq!(house.until_ready(name).await["Name"], Value::from(name));
    }
}
