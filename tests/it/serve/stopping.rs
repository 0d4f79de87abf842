//! How a server stops: at once for whoever is idle, soon for the rest.

use std::time::{Duration, Instant};

use orc::serve::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::site::{Answer, PATIENCE, Site};

const POLL: &[u8] = b"GET /poll HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Stops the site and says how long its last task took to end.
async fn stop(site: &Site) -> Duration {
    let start = Instant::now();
    site.stop.cancel();
    site.tracker.close();
    timeout(PATIENCE, site.tracker.wait()).await.expect("every task ends");
    start.elapsed()
}

#[tokio::test]
async fn idle_connections_hold_nothing_up() {
    let site = Site::start(Limits::default());
    let silent = site.connect().await;
    let mut idle = site.connect().await;
    idle.write_all(b"GET /things HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.unwrap();

    let took = stop(&site).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(TcpStream::connect(site.address).await.is_err(), "nobody listens any more");
    drop((silent, idle));
}

#[tokio::test]
async fn long_polls_and_feeds_are_cut_off_after_their_grace() {
    let limits = Limits { drain: Duration::from_millis(300), ..Limits::default() };
    let site = Site::start(limits);
    let mut poll = site.connect().await;
    poll.write_all(POLL).await.unwrap();
    let mut feed = site.connect().await;
    feed.write_all(b"GET /feed HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    feed.read_exact(&mut head).await.unwrap();

    let took = stop(&site).await;
    assert!(took >= limits.drain && took < limits.drain + Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_request_under_way_is_answered() {
    let site = Site::start(Limits::default());
    let mut upload = site.connect().await;
    upload
        .write_all(
            b"POST /upload HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n",
        )
        .await
        .unwrap();
    let mut go_on = [0; 25];
    upload.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    site.stop.cancel();
    upload.write_all(b"body").await.unwrap();
    let answer = Answer::read(&mut upload).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "4"), "{answer:?}");
}
