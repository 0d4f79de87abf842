//! Clients that take their time: each is closed within its limit, and nobody else notices.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use orc::serve::{self, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use super::site::{Answer, PATIENCE, Site};

const HONEST: &[u8] = b"GET /things HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Limits that a test can wait for.
fn short() -> Limits {
    Limits {
        head_time: Duration::from_millis(300),
        body_time: Duration::from_millis(300),
        write_stall: Duration::from_millis(300),
        linger: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// Trickles `drip` after `start` until the server closes the connection, and says how long that took.
async fn trickle(mut stream: TcpStream, start: &[u8], drip: &[u8], pause: Duration) -> Duration {
    let begin = Instant::now();
    let _ = stream.write_all(start).await;
    let (mut reader, mut writer) = stream.split();
    let mut pause = interval(pause);
    let drips = async {
        loop {
            pause.tick().await;
            if writer.write_all(drip).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        end = timeout(PATIENCE, reader.read_to_end(&mut answer)) => drop(end.expect("the server closes it")),
        () = drips => {}
    }
    begin.elapsed()
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let site = Site::start(short());
    for start in [&b""[..], b"GET /things HTTP/1.1\r\nhost: localhost\r\n"] {
        let drip: &[u8] = if start.is_empty() { b"" } else { b"a: b\r\n" };
        let took = trickle(site.connect().await, start, drip, Duration::from_millis(50)).await;
        assert!(took >= short().head_time && took < Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let site = Site::start(short());
    let took =
        trickle(site.connect().await, b"GET /things HTTP/1.1\r\nhost: localhost\r\n\r\n", b"", PATIENCE)
            .await;
    assert!(took >= short().head_time && took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_body_that_trickles_is_refused_and_cut_off() {
    let site = Site::start(short());
    let mut stream = site.connect().await;
    let head = b"POST /things HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.message(), "The body did not arrive within 0.3 s");

    let took = trickle(site.connect().await, head, b" ", Duration::from_millis(100)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(site.effects(), 0);
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_hold_its_connection() {
    let site = Site::start(short());
    let head = b"GET /things HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
    let took = trickle(site.connect().await, head, b" ", Duration::from_millis(50)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_body_that_is_long_by_design_may_take_longer_than_all_limits() {
    let site = Site::start(short());
    let mut stream = site.connect().await;
    stream
        .write_all(
            b"POST /upload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 20\r\n\r\n",
        )
        .await
        .unwrap();
    let mut pause = interval(Duration::from_millis(60));
    for _ in 0..20 {
        pause.tick().await;
        stream.write_all(b"x").await.unwrap();
    }
    let answer = Answer::read(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "20"), "{answer:?}");
}

#[tokio::test]
async fn a_reader_that_reads_no_more_is_cut_off() {
    let site = Site::start(short());
    let mut stream = site.connect().await;
    stream.write_all(b"GET /big HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    stream.readable().await.unwrap();
    let mut honest = site.connect().await;
    honest.write_all(HONEST).await.unwrap();
    assert_eq!(Answer::read(&mut honest).await.status, 200);

    // The server's side is gone before the client has read a byte: what is left is what the buffers held.
    let begin = Instant::now();
    while site.tracker.len() > 1 {
        assert!(begin.elapsed() < Duration::from_secs(3), "{} tasks are still there", site.tracker.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(200), "it was given its time: {:?}", begin.elapsed());
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    assert!(rest.len() < 2_048 * 64 * 1_024, "the whole body arrived after all");
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait_and_are_served() {
    let site = Site::start(Limits { connections: 3, ..short() });
    let silent = [site.connect().await, site.connect().await, site.connect().await];
    let mut honest = site.connect().await;
    honest.write_all(HONEST).await.unwrap();
    let begin = Instant::now();
    assert_eq!(Answer::read(&mut honest).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(200), "it had to wait: {:?}", begin.elapsed());
    drop(silent);
}

/// The real limits, in real time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_clients_are_gone_in_fifteen_seconds_and_disturb_nobody() {
    // Both ends of each connection are in this process.
    serve::descriptors::raise_limit();
    let site = Site::start(Limits::default());
    let heads = [
        &b"GET /things HTTP/1.1\r\nhost: localhost\r\n"[..],
        b"",
        b"POST /things HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n",
        b"POST /things HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999\r\n\r\n",
    ];
    let clients = (0..1_000).map(|number| {
        let site = &site;
        async move {
            let kind = number % heads.len();
            let drip: &[u8] = if heads[kind].is_empty() { b"" } else { b"a: b\r\n" };
            trickle(site.connect().await, heads[kind], drip, Duration::from_secs(1)).await
        }
    });
    let slow = async { join_all(clients).await.into_iter().max().unwrap_or_default() };
    let honest = async {
        let mut waits = Vec::new();
        let mut pause = interval(Duration::from_millis(50));
        loop {
            pause.tick().await;
            let begin = Instant::now();
            let mut stream = site.connect().await;
            stream.write_all(HONEST).await.unwrap();
            assert_eq!(Answer::read(&mut stream).await.status, 200);
            waits.push(begin.elapsed());
            if begin.elapsed() > PATIENCE || waits.len() == 200 {
                break waits;
            }
        }
    };
    let (longest, mut waits) = tokio::join!(slow, honest);
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    assert!(longest <= Duration::from_secs(15), "{longest:?}");
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
    assert_eq!(site.effects(), 0);
}
