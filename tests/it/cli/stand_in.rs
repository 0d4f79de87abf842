//! A server that stands in for the manager: it keeps what it is given, and tells what the test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use orc::wire::task::NEXT_CURSOR;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::patience::until;

/// Tasks on a page, however many are asked for.
const PAGE: usize = 2;

type Parameters = Query<BTreeMap<String, String>>;

/// A manager to be asked at `url`.
pub(super) struct StandIn {
    pub(super) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    told: Mutex<Told>,
    feed: broadcast::Sender<Value>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Told {
    tasks: Vec<Value>,
    events: Vec<Value>,
    nodes: Vec<Value>,
    /// What a task has written.
    output: Vec<&'static [u8]>,
    /// Each request as `METHOD /path?query`.
    requests: Vec<String>,
    /// What was submitted, refused or not.
    submitted: Vec<Value>,
    /// How the next submissions are answered.
    refusals: VecDeque<(StatusCode, &'static str)>,
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (feed, _) = broadcast::channel(64);
        let shared = Arc::new(Shared { told: Mutex::default(), feed, stop: CancellationToken::new() });
        let router = Router::new()
            .route("/tasks", get(list).post(submit))
            .route("/nodes/{node}/tasks", post(submit))
            .route("/tasks/{id}", get(one).delete(stop))
            .route("/tasks/{id}/events", get(events_of))
            .route("/tasks/{id}/logs", get(logs))
            .route("/events", get(events))
            .route("/nodes", get(nodes))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), note))
            .with_state(Arc::clone(&shared));
        let stop = shared.stop.clone();
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        TaskTracker::new().spawn(server.into_future());
        Self { url, shared }
    }

    /// A task that it has had all along.
    pub(super) fn has(&self, fields: &Value) {
        self.shared.told().tasks.push(with(task(), fields));
    }

    pub(super) fn has_node(&self, fields: &Value) {
        self.shared.told().nodes.push(with(node(), fields));
    }

    pub(super) fn has_output(&self, pieces: &[&'static [u8]]) {
        self.shared.told().output.extend(pieces);
    }

    /// The next submission is refused so.
    pub(super) fn refuses(&self, status: StatusCode, message: &'static str) {
        self.shared.told().refusals.push_back((status, message));
    }

    /// Something happens to the task of this name.
    pub(super) fn tells(&self, name: &str, fields: &Value, message: &str) {
        let mut told = self.shared.told();
        let task = told.tasks.iter_mut().find(|task| task["Name"] == name).unwrap();
        let changed = with(task.take(), fields);
        *task = changed;
        let event = json!({
            "Seq": told.events.len() + 1, "At": "2026-11-22T07:26:19.690000000Z", "Source": "manager",
            "TaskID": told.tasks.iter().find(|task| task["Name"] == name).unwrap()["ID"], "TaskName": name,
            "Node": null, "Attempt": 0, "Kind": "placed", "ExitCode": null, "Message": message,
        });
        told.events.push(event.clone());
        drop(told);
        let _ = self.shared.feed.send(event);
    }

    /// Stops serving, as a manager does that is being stopped.
    pub(super) fn ends(&self) {
        self.shared.stop.cancel();
    }

    /// The requests so far, as `METHOD /path?query`.
    pub(super) fn requests(&self) -> Vec<String> {
        self.shared.told().requests.clone()
    }

    /// Waits until such a request has come.
    pub(super) async fn is_asked(&self, request: &str) {
        let requests = || std::future::ready(self.requests());
        until(request, requests, |requests| requests.iter().any(|known| known.starts_with(request))).await;
    }

    /// What was submitted, once as much was.
    pub(super) async fn is_given(&self, count: usize) -> Vec<Value> {
        let submitted = || std::future::ready(self.shared.told().submitted.clone());
        until("submissions", submitted, |submitted| submitted.len() >= count).await
    }
}

async fn note(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.told().requests.push(format!("{} {}", request.method(), request.uri()));
    next.run(request).await
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

async fn submit(State(shared): State<Arc<Shared>>, Json(event): Json<Value>) -> Response {
    let mut told = shared.told();
    told.submitted.push(event.clone());
    if let Some((status, message)) = told.refusals.pop_front() {
        return refusal(status, message);
    }
    let pending =
        json!({ "State": 0, "Node": "", "Attempt": 0, "ID": "019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b" });
    let task = with(with(task(), &pending), &event["Task"]);
    told.tasks.push(task.clone());
    let at = "2026-11-22T07:26:19Z";
    let answer = json!({ "ID": event["ID"], "State": event["State"], "RequestedAt": at, "Task": task });
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn list(State(shared): State<Arc<Shared>>, Query(query): Parameters) -> Response {
    let states =
        query.get("State").map(|states| states.split(',').map(ToOwned::to_owned).collect::<Vec<_>>());
    let is_wanted = |task: &&Value| {
        let word = match task["State"].as_i64() {
            Some(0) => "pending",
            Some(1) => "scheduled",
            Some(2) => "running",
            Some(3) => "completed",
            _ => "failed",
        };
        states.as_ref().is_none_or(|states| states.iter().any(|state| state == word))
            && query.get("Name").is_none_or(|name| task["Name"] == **name)
            && query.get("Node").is_none_or(|node| task["Node"] == **node)
    };
    let tasks: Vec<_> = shared.told().tasks.iter().filter(is_wanted).cloned().collect();
    let from = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let page: Vec<_> = tasks.iter().skip(from).take(PAGE).collect();
    if from + PAGE < tasks.len() {
        return ([(NEXT_CURSOR, (from + PAGE).to_string())], Json(json!(page))).into_response();
    }
    Json(json!(page)).into_response()
}

async fn one(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.told().tasks.iter().find(|task| task["ID"] == id) {
        Some(task) => Json(task.clone()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "There is no such task"),
    }
}

async fn stop(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.told().tasks.iter_mut().find(|task| task["ID"] == id) {
        Some(task) => {
            task["Message"] = "is asked to stop".into();
            StatusCode::NO_CONTENT.into_response()
        }
        None => refusal(StatusCode::NOT_FOUND, "There is no such task"),
    }
}

async fn events_of(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Json<Vec<Value>> {
    Json(shared.told().events.iter().filter(|event| event["TaskID"] == id).cloned().collect())
}

async fn events(State(shared): State<Arc<Shared>>, Query(query): Parameters) -> Response {
    let feed = shared.feed.subscribe();
    let since = query.get("since").map(|since| since.parse::<usize>().unwrap());
    let told = shared.told().events.len();
    let tail = query.get("tail").map_or(0, |tail| told.saturating_sub(tail.parse::<usize>().unwrap()));
    let skipped = since.unwrap_or(usize::MAX).max(tail);
    let history = shared.told().events.iter().skip(skipped).cloned().collect::<Vec<_>>();
    let live = stream::unfold(feed, async |mut feed| feed.recv().await.ok().map(|event| (event, feed)));
    let live =
        live.take(if query.get("follow").is_some_and(|follow| follow == "false") { 0 } else { usize::MAX });
    let gap = "event: gap\ndata: {\"Message\":\"older events are pruned\"}\n\n".to_owned();
    let lines =
        stream::iter(history).chain(live).map(|event| format!("id: {}\ndata: {event}\n\n", event["Seq"]));
    let lines = stream::iter([gap]).chain(lines).map(Ok::<_, std::convert::Infallible>);
    Body::from_stream(lines.take_until(shared.stop.clone().cancelled_owned())).into_response()
}

async fn logs(State(shared): State<Arc<Shared>>, Query(query): Parameters) -> Body {
    let pieces = stream::iter(shared.told().output.clone());
    if query.get("follow").is_some_and(|follow| follow == "true") {
        // A task that never stops to write.
        return Body::from_stream(
            pieces.chain(stream::repeat(&b"again\n"[..])).map(Ok::<_, std::convert::Infallible>),
        );
    }
    Body::from_stream(pieces.map(Ok::<_, std::convert::Infallible>))
}

async fn nodes(State(shared): State<Arc<Shared>>) -> Json<Vec<Value>> {
    Json(shared.told().nodes.clone())
}

fn with(mut whole: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

/// A task that runs.
fn task() -> Value {
    json!({
        "ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "ContainerID": "c0ffee", "Name": "web", "State": 2,
        "Image": "nginx:1.29", "CPU": 0.0, "Memory": 0, "Disk": 0, "ExposedPorts": null, "PortBindings": null,
        "RestartPolicy": "", "StartsAt": null, "FinishedAt": null, "CreatedAt": "2026-11-22T07:27:00.000000000Z",
        "UpdatedAt": "2026-11-22T07:27:00.000000000Z", "HealthCheck": "", "RestartCount": 0, "HostPorts": null,
        "Cmd": null, "Entrypoint": null, "Env": [], "WorkingDir": "", "User": "", "Labels": {}, "StopSignal": "",
        "StopTimeout": null, "PublishMode": "random", "PullPolicy": "missing", "Mounts": [], "Interval": 0,
        "Timeout": 0, "Retries": 0, "StartPeriod": 0, "Node": "worker-1", "Attempt": 1, "ExitCode": null,
        "Health": "none", "Message": "",
    })
}

/// A node that is ready.
fn node() -> Value {
    json!({
        "Name": "worker-1", "Ip": "127.0.0.1", "Api": "http://localhost:8888", "Memory": 4_000_000,
        "MemoryAllocated": 0, "Disk": 53_687_091_200_u64, "DiskAllocated": 0, "Stats": null, "Role": "worker",
        "TaskCount": 3, "Cores": 2, "CPUAllocated": 0.5, "State": "ready", "Availability": "active",
        "LastSeen": "2026-11-22T07:29:59Z", "Labels": {}, "Engine": "20.10.24", "Version": "0.1.0", "Message": "",
        "Reserved": { "CPU": 0.0, "Memory": 0, "Disk": 0 }, "Leaving": 0, "Stuck": [],
    })
}
