//! Which task a connection comes to: what hangs or refuses is passed over, and where nobody is ready, somebody is waited
//! for.

use std::time::{Duration, Instant};

use orc::ingress::Limits;
use orc::model::ingress::Backend;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::rig::{PATIENCE, Rig, Task, ask, backend_at, read_all, soon};

/// An address at which nobody listens.
async fn nobody() -> Backend {
    backend_at(TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap())
}

/// A program that listens and is so busy that the kernel answers no more: its queue is full.
struct Hung {
    backend: Backend,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Hung {
    async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            queue.push(stream.unwrap());
        }
        Self { backend: backend_at(address), _listener: listener, _queue: queue }
    }
}

#[tokio::test]
async fn tasks_that_refuse_or_hang_are_passed_over() {
    let limits = Limits { connect: Duration::from_millis(300), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let (hung, web) = (Hung::start().await, Task::named("web").await);
    rig.publish(&[nobody().await, hung.backend, web.backend]);
    assert_eq!(rig.ask().await, "web");
    assert_eq!(rig.ingress.connections(hung.backend.task), 0);
    let begin = Instant::now();
    assert_eq!(rig.ask().await, "web");
    assert!(begin.elapsed() < limits.connect, "one that hung is tried again at once: {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_task_of_another_node_is_there_for_when_none_of_this_one_is() {
    let rig = Rig::start(Limits::default()).await;
    let [near, far] = [Task::named("near").await, Task::named("far").await];
    let far_away = Backend { local: false, ..far.backend };
    rig.publish(&[far_away, near.backend]);
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = BufReader::new(rig.connect().await);
        assert_eq!(ask(&mut stream).await, "near");
        streams.push(stream);
    }
    rig.publish(&[far_away]);
    assert_eq!(rig.ask().await, "far");
}

#[tokio::test]
async fn a_connection_waits_until_a_task_is_ready() {
    let rig = Rig::start(Limits { patience: PATIENCE, ..Limits::default() }).await;
    let mut stream = BufReader::new(rig.connect().await);
    stream.write_all(b"").await.unwrap();
    let task = Task::named("late").await;
    let (answer, ()) = tokio::join!(ask(&mut stream), async {
        // The question is on its way by now; nobody is there for it.
        tokio::task::yield_now().await;
        rig.publish(&[task.backend]);
    });
    assert_eq!(answer, "late");
}

#[tokio::test]
async fn a_connection_waits_until_the_one_ready_task_can_be_reached_again() {
    let rig = Rig::start(Limits { patience: PATIENCE, ..Limits::default() }).await;
    let backend = nobody().await;
    rig.publish(&[backend]);
    let mut stream = BufReader::new(rig.connect().await);
    let (answer, _task) = tokio::join!(ask(&mut stream), async {
        soon("a first try", async {
            while rig.ingress.connections(backend.task) == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Task::named_at(TcpListener::bind(backend.address).await.unwrap(), "back")
    });
    assert_eq!(answer, "back");
}

#[tokio::test]
async fn a_connection_ends_when_no_task_has_become_ready_for_long() {
    let limits = Limits { patience: Duration::from_millis(200), ..Limits::default() };
    let rig = Rig::start(limits).await;
    for ready in [vec![], vec![nobody().await]] {
        rig.publish(&ready);
        let begin = Instant::now();
        let mut stream = rig.connect().await;
        assert_eq!(read_all(&mut stream).await.unwrap(), b"");
        assert!(begin.elapsed() >= limits.patience, "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn connections_for_which_there_is_no_room_wait_for_it() {
    let rig = Rig::start(Limits { connections: 2, ..Limits::default() }).await;
    let task = Task::named("web").await;
    rig.publish(&[task.backend]);
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = BufReader::new(rig.connect().await);
        assert_eq!(ask(&mut stream).await, "web");
        kept.push(stream);
    }
    let mut waiting = rig.connect().await;
    waiting.write_all(b"who\n").await.unwrap();
    let mut answer = [0; 4];
    let answered = timeout(Duration::from_millis(100), waiting.read_exact(&mut answer)).await;
    assert!(answered.is_err(), "it was let in: {answered:?}");
    kept.clear();
    soon("a place", waiting.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"web\n");
}
