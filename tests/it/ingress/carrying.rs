//! Bytes on their way: whole, both ways, ends and resets included, and no more of them held than need be.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orc::ingress::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::rig::{PATIENCE, Rig, Task, ask, read_all, soon};
use crate::support::patience::until;

/// More than all buffers on the way, so that copying and splicing have their turns.
const MUCH: usize = 48 * 1_024 * 1_024;

/// Bytes that are at no two places the same.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(length / 8).flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_comes_through_whole_both_ways_at_once() {
    let rig = Rig::start(Limits::default()).await;
    let task = Task::echo().await;
    rig.publish(&[task.backend]);
    let sent = pattern(MUCH);
    let mut stream = rig.connect().await;
    let (mut reader, mut writer) = stream.split();
    let sending = async {
        // Pieces of all sizes.
        let mut left = &sent[..];
        for size in (0..).map(|number: usize| 1 + number * number * 1_021 % 300_000) {
            let (piece, after) = left.split_at(size.min(left.len()));
            writer.write_all(piece).await.unwrap();
            left = after;
            if left.is_empty() {
                break;
            }
        }
        writer.shutdown().await.unwrap();
    };
    let ((), received) = tokio::join!(sending, read_all(&mut reader));
    assert!(received.unwrap() == sent, "what came back is not what was sent");
}

#[tokio::test]
async fn the_end_of_one_direction_leaves_the_other_open() {
    let rig = Rig::start(Limits::default()).await;
    let task = Task::serving(|mut stream| async move {
        let heard = read_all(&mut stream).await.unwrap();
        stream.write_all(&heard.repeat(2)).await.unwrap();
    })
    .await;
    rig.publish(&[task.backend]);
    let mut stream = rig.connect().await;
    stream.write_all(b"all of it").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_all(&mut stream).await.unwrap(), b"all of itall of it");

    let (tell, mut told) = mpsc::channel(1);
    let task = Task::serving(move |mut stream| {
        let tell = tell.clone();
        async move {
            stream.write_all(b"that is all").await.unwrap();
            stream.shutdown().await.unwrap();
            tell.send(read_all(&mut stream).await.unwrap()).await.unwrap();
        }
    })
    .await;
    rig.publish(&[task.backend]);
    let mut stream = rig.connect().await;
    assert_eq!(read_all(&mut stream).await.unwrap(), b"that is all");
    stream.write_all(b"but not for me").await.unwrap();
    drop(stream);
    assert_eq!(soon("what was said after", told.recv()).await.unwrap(), b"but not for me");
}

#[tokio::test]
async fn a_reset_is_handed_on_as_a_reset() {
    let rig = Rig::start(Limits::default()).await;
    let task = Task::serving(|mut stream| async move {
        stream.write_all(b"half of").await.unwrap();
        let mut more = [0; 4];
        stream.read_exact(&mut more).await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    rig.publish(&[task.backend]);
    let mut stream = rig.connect().await;
    let mut half = [0; 7];
    stream.read_exact(&mut half).await.unwrap();
    stream.write_all(b"more").await.unwrap();
    let error = read_all(&mut stream).await.expect_err("half is not taken for the whole");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

    let (said, mut says) = mpsc::channel(1);
    let task = Task::serving(move |mut stream| {
        let said = said.clone();
        async move { said.send(read_all(&mut stream).await.map_err(|error| error.kind())).await.unwrap() }
    })
    .await;
    rig.publish(&[task.backend]);
    let mut stream = rig.connect().await;
    stream.write_all(b"half of").await.unwrap();
    soon("the task to be reached", async {
        while rig.ingress.connections(task.backend.task) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    let heard = soon("the task's word", says.recv()).await.unwrap();
    assert!(heard.is_err_and(|kind| kind == io::ErrorKind::ConnectionReset));
    soon("the end", rig.ingress.drained(task.backend.task)).await;
}

/// A client that has ended its side and then vanishes, while the task thinks.
#[tokio::test]
async fn a_client_that_is_gone_is_noticed_though_it_had_nothing_more_to_say() {
    let rig = Rig::start(Limits::default()).await;
    let (tell, mut told) = mpsc::channel(1);
    let task = Task::serving(move |mut stream| {
        let tell = tell.clone();
        async move {
            tell.send(read_all(&mut stream).await.unwrap()).await.unwrap();
            std::future::pending::<()>().await;
        }
    })
    .await;
    rig.publish(&[task.backend]);
    let mut stream = rig.connect().await;
    stream.write_all(b"a question").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(soon("the question", told.recv()).await.unwrap(), b"a question");
    stream.set_zero_linger().unwrap();
    drop(stream);
    soon("the end of the connection", rig.ingress.drained(task.backend.task)).await;
}

/// What a task says before it refuses the rest reaches the client.
#[tokio::test]
async fn an_answer_that_comes_before_all_was_asked_is_not_lost() {
    let rig = Rig::start(Limits::default()).await;
    let task = Task::serving(|mut stream| async move {
        stream.write_all(b"too much").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut some = [0; 1];
        stream.read_exact(&mut some).await.unwrap();
    })
    .await;
    rig.publish(&[task.backend]);
    let mut stream = rig.connect().await;
    let (mut reader, mut writer) = stream.split();
    let ask = async {
        let piece = vec![7; 64 * 1_024];
        while writer.write_all(&piece).await.is_ok() {}
    };
    let mut answer = [0; 8];
    let hear = async {
        reader.read_exact(&mut answer).await.unwrap();
    };
    soon("the answer", async { tokio::join!(hear, ask) }).await;
    assert_eq!(&answer, b"too much");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_slow_slows_down_nobody_else_and_little_is_kept_for_it() {
    let rig = Rig::start(Limits::default()).await;
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let fountain = Task::serving(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            let piece = vec![7; 64 * 1_024];
            while stream.write_all(&piece).await.is_ok() {
                counter.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    rig.publish(&[fountain.backend]);
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = rig.connect().await;
        stream.read_exact(&mut [0; 1]).await.unwrap();
        slow.push(stream);
    }
    // Until nothing more is taken in: twice the same after a pause.
    let mut before = usize::MAX;
    until(
        "the fountain stops, since nobody drinks",
        || {
            let now = written.load(Ordering::SeqCst);
            let same = now == before;
            before = now;
            async move {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                same
            }
        },
        |same| *same,
    )
    .await;
    let kept = written.load(Ordering::SeqCst) / slow.len();
    assert!(kept < 32 * 1_024 * 1_024, "{kept} bytes are kept for a reader that reads nothing");

    let quick = Task::named("quick").await;
    rig.publish(&[quick.backend]);
    for _ in 0..100 {
        assert_eq!(rig.ask().await, "quick");
    }
    let mut piece = vec![0; 8 * 1_024 * 1_024];
    soon("the slow reader gets all", slow[0].read_exact(&mut piece)).await.unwrap();
}

#[tokio::test]
async fn a_task_is_told_who_its_client_is_where_that_is_wanted() {
    let rig = Rig::start(Limits::default()).await;
    let (tell, mut told) = mpsc::channel(1);
    let task = Task::serving(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut bytes = [0; 33];
            stream.read_exact(&mut bytes).await.unwrap();
            tell.send(bytes).await.unwrap();
        }
    })
    .await;
    rig.publish_with(&[task.backend], true);
    let mut stream = rig.connect().await;
    stream.write_all(b"hello").await.unwrap();
    let heard = soon("header and greeting", told.recv()).await.unwrap();
    let client = stream.local_addr().unwrap().port().to_be_bytes();
    let server = rig.port.number.to_be_bytes();
    let expected: Vec<u8> = [
        &[0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12][..],
        &[127, 0, 0, 1, 127, 0, 0, 1],
        &client,
        &server,
        b"hello",
    ]
    .concat();
    assert_eq!(heard[..], expected);
}

#[tokio::test]
async fn an_idle_connection_stays() {
    let limits = Limits { patience: PATIENCE / 100, connect: PATIENCE / 100, ..Limits::default() };
    let rig = Rig::start(limits).await;
    let task = Task::named("web").await;
    rig.publish(&[task.backend]);
    let mut stream = BufReader::new(TcpStream::connect(rig.address()).await.unwrap());
    assert_eq!(ask(&mut stream).await, "web");
    tokio::time::sleep(limits.patience * 2).await;
    assert_eq!(ask(&mut stream).await, "web");
}
