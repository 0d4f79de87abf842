//! Every method of the manager's store and every rule of its schema, on real files.

mod files;
mod images;
mod services;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::TryStreamExt;
use sqlx::{Row, SqliteConnection};
use tempfile::TempDir;

use super::*;
use crate::model::access::Role;
use crate::model::decision::{Decision, Fit, LeftOut, Reasoning};
use crate::model::event::EventKind;
use crate::model::id::TaskId;
use crate::model::state::State;
use crate::store::samples;

struct Fixture {
    dir: TempDir,
    store: ManagerStore,
}

impl Fixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = ManagerStore::open(dir.path(), samples::time(0)).await.unwrap();
        Self { dir, store }
    }

    async fn reopen(mut self) -> Self {
        self.store.close().await.unwrap();
        self.store = ManagerStore::open(self.dir.path(), samples::time(1)).await.unwrap();
        self
    }

    async fn commit_tasks(&mut self, tasks: &[Task]) -> Result<(), Error> {
        self.store.commit(&Batch { tasks: tasks.to_vec(), ..Batch::default() }).await
    }

    async fn stranger(&self) -> SqliteConnection {
        samples::stranger(&self.dir.path().join("manager.db")).await
    }
}

fn stored(seq: u64, source: &str, source_seq: u64, task: Option<&Task>) -> StoredEvent {
    StoredEvent {
        service: None,
        seq,
        source: source.to_owned(),
        source_seq,
        task_name: task.map(|task| task.spec.name.clone()).unwrap_or_default(),
        event: samples::event(task.map(|task| task.id), EventKind::Exited),
    }
}

async fn text(store: &mut ManagerStore, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(store.database.connection()).await.unwrap()
}

async fn number(store: &mut ManagerStore, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(store.database.connection()).await.unwrap()
}

#[tokio::test]
async fn each_opening_counts_one_epoch_of_the_same_cluster() {
    let mut fixture = Fixture::new().await;
    let first = fixture.store.load().await.unwrap();
    assert_eq!((first.epoch, first.revision), (1, 0));
    assert_eq!((first.next_task_seq, first.next_event_seq), (1, 1));
    let mut fixture = fixture.reopen().await;
    let second = fixture.store.load().await.unwrap();
    assert_eq!((second.epoch, second.cluster), (2, first.cluster));
}

#[tokio::test]
async fn the_writing_connection_is_durable_and_careful() {
    let mut fixture = Fixture::new().await;
    let store = &mut fixture.store;
    assert_eq!(number(store, "PRAGMA synchronous").await, 2, "2 is FULL");
    assert_eq!(text(store, "PRAGMA journal_mode").await, "wal");
    assert_eq!(number(store, "PRAGMA foreign_keys").await, 1);
    assert_eq!(number(store, "PRAGMA temp_store").await, 2, "2 is memory");
    assert_eq!(number(store, "PRAGMA journal_size_limit").await, 64 << 20);
    assert_eq!(number(store, "PRAGMA cache_size").await, -4096);
    assert_eq!(number(store, "PRAGMA trusted_schema").await, 0);
    assert_eq!(number(store, "PRAGMA cell_size_check").await, 1);
    assert_eq!(number(store, "PRAGMA ignore_check_constraints").await, 0);
}

fn decision(task: &Task, placement: u32) -> Decision {
    let fit = Fit { node: samples::node_name(), score: "next in turn".to_owned() };
    let left_out =
        LeftOut { reason: "is draining ✓".to_owned(), count: 1, nodes: vec![samples::node_name()] };
    let reasoning = Reasoning { summary: "the best".to_owned(), fit: vec![fit], left_out: vec![left_out] };
    Decision {
        task: task.id,
        placement,
        at: samples::time(i64::from(placement)),
        node: (placement > 1).then(samples::node_name),
        reasoning: Arc::new(reasoning),
    }
}

#[tokio::test]
async fn the_last_ten_decisions_of_a_task_are_kept_until_it_is_forgotten() {
    let mut fixture = Fixture::new().await;
    let (task, other) = (samples::pending(1, "web"), samples::pending(2, "db"));
    let all: Vec<Decision> = (1..=12).map(|placement| decision(&task, placement)).collect();
    let of_other = decision(&other, 1);
    let first = Batch {
        tasks: vec![task.clone(), other.clone()],
        decisions: [vec![of_other.clone()], all[..9].to_vec()].concat(),
        ..Batch::default()
    };
    fixture.store.commit(&first).await.unwrap();
    let second = Batch { decisions: all[9..].to_vec(), ..Batch::default() };
    fixture.store.commit(&second).await.unwrap();
    let reader = fixture.store.reader();
    assert_eq!(reader.decisions_of(task.id).await.unwrap(), all[2..]);

    let forget = Batch { forgotten: vec![task.id], ..Batch::default() };
    fixture.store.commit(&forget).await.unwrap();
    assert_eq!(reader.decisions_of(task.id).await.unwrap(), []);
    assert_eq!(reader.decisions_of(other.id).await.unwrap(), [of_other]);
}

#[tokio::test]
async fn the_view_why_reads_decisions_in_words() {
    let mut fixture = Fixture::new().await;
    let task = samples::pending(1, "web");
    let batch = Batch { tasks: vec![task.clone()], decisions: vec![decision(&task, 2)], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let told = text(
        &mut fixture.store,
        "SELECT node || ' | ' || summary || ' | ' || fit || ' | ' || left_out FROM why WHERE name = 'web'",
    );
    assert_eq!(told.await, "worker-1 | the best | worker-1: next in turn | 1 is draining ✓");
}

#[tokio::test]
async fn the_newest_events_of_a_kind_are_read_oldest_first() {
    let mut fixture = Fixture::new().await;
    let task = samples::pending(1, "web");
    let events: Vec<StoredEvent> = (1..=6).map(|seq| stored(seq, "manager", seq, Some(&task))).collect();
    let kind = events[0].event.kind;
    let batch = Batch { tasks: vec![task.clone()], events: events.clone(), ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let reader = fixture.store.reader();
    assert_eq!(reader.events_of_kind(task.id, kind, 2).await.unwrap(), events[4..]);
    assert_eq!(reader.events_of_kind(task.id, EventKind::Removed, 2).await.unwrap(), []);
}

#[tokio::test]
async fn readers_cannot_write() {
    let fixture = Fixture::new().await;
    let error = sqlx::query("DELETE FROM meta").execute(&fixture.store.readers).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn everything_written_is_read_back_after_a_restart() {
    let mut fixture = Fixture::new().await;
    let first = samples::pending(1, "web");
    let mut pinned = samples::pending(2, "db");
    pinned.pinned = Some(samples::node_name());
    let placed = samples::running(&samples::pending(3, "cache"));
    let requests = vec![samples::request(&first), samples::request(&pinned)];
    let events = vec![stored(1, "manager", 1, None), stored(2, "worker-1", 40, Some(&placed))];
    let batch = Batch {
        revision: 9,
        tasks: vec![first.clone(), pinned.clone(), placed.clone()],
        nodes: vec![samples::node()],
        events: events.clone(),
        requests: requests.clone(),
        ..Batch::default()
    };
    fixture.store.commit(&batch).await.unwrap();

    let mut fixture = fixture.reopen().await;
    let state = fixture.store.load().await.unwrap();
    assert_eq!((state.revision, state.next_task_seq, state.next_event_seq), (9, 4, 3));
    assert_eq!(state.tasks, [first, pinned, placed.clone()]);
    assert_eq!(state.nodes, [samples::node()]);
    assert_eq!(state.unreadable, []);
    let known: BTreeMap<_, _> =
        state.requests.into_iter().map(|(id, task, digest)| (id, (task, digest))).collect();
    let answered = requests.iter().map(|request| (request.id, (request.task, request.digest.clone())));
    assert_eq!(known, answered.collect());

    let reader = fixture.store.reader();
    assert_eq!(reader.task(placed.id).await.unwrap(), Some(placed));
    assert_eq!(reader.request(requests[1].id).await.unwrap(), Some(requests[1].clone()));
    assert_eq!(reader.events_after(0, 10).await.unwrap().items, events);
    assert_eq!(reader.events_before_newest(0).await, Ok(2));
    assert_eq!(reader.events_before_newest(1).await, Ok(1));
    assert_eq!(reader.events_before_newest(2).await, Ok(0));
}

#[tokio::test]
async fn a_changed_task_replaces_all_of_its_row_that_can_change() {
    let mut fixture = Fixture::new().await;
    let task = samples::pending(1, "web");
    fixture.commit_tasks(std::slice::from_ref(&task)).await.unwrap();
    let later = samples::running(&task);
    let batch = Batch { tasks: vec![later.clone()], nodes: vec![samples::node()], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    assert_eq!(fixture.store.reader().task(task.id).await.unwrap(), Some(later));

    let mut ready = samples::node();
    ready.availability = crate::model::node::Availability::Active;
    ready.facts.engine = String::new();
    ready.events_seen = 99;
    ready.lease = Duration::from_mins(1);
    fixture.store.commit(&Batch { nodes: vec![ready.clone()], ..Batch::default() }).await.unwrap();
    assert_eq!(fixture.store.load().await.unwrap().nodes, [ready]);
}

#[tokio::test]
async fn a_batch_that_is_refused_writes_nothing_and_the_next_one_goes_through() {
    let mut fixture = Fixture::new().await;
    let task = samples::pending(1, "web");
    let nowhere = samples::running(&samples::pending(2, "db"));
    let batch = Batch { revision: 7, tasks: vec![task.clone(), nowhere], ..Batch::default() };
    let refusal = fixture.store.commit(&batch).await.unwrap_err();
    assert!(matches!(&refusal, Error::Refused(_)) && !refusal.must_exit(), "{refusal}");
    let state = fixture.store.load().await.unwrap();
    assert_eq!((state.revision, state.next_task_seq, state.tasks), (0, 1, vec![]));
    fixture.commit_tasks(&[task]).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_is_dropped_halfway_does_not_block_the_next() {
    let mut fixture = Fixture::new().await;
    let tasks: Vec<Task> = (1..=50).map(|seq| samples::pending(seq, &format!("task-{seq}"))).collect();
    for polls in 1..8 {
        let batch = Batch { tasks: tasks.clone(), ..Batch::default() };
        let mut commit = Box::pin(fixture.store.commit(&batch));
        for _ in 0..polls {
            tokio::select! {
                biased;
                _ = &mut commit => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(commit);
        fixture.commit_tasks(&tasks[..polls]).await.unwrap();
    }
    assert!(fixture.store.load().await.unwrap().tasks.len() >= 7);
}

#[tokio::test]
async fn two_live_tasks_never_share_a_name() {
    let mut fixture = Fixture::new().await;
    let error = fixture.commit_tasks(&[samples::pending(1, "web"), samples::pending(2, "web")]).await;
    assert!(matches!(error, Err(Error::Refused(_))), "{error:?}");
}

#[tokio::test]
async fn a_name_passes_from_a_task_that_ends_to_a_new_one_in_one_batch() {
    let mut fixture = Fixture::new().await;
    let old = samples::pending(1, "web");
    fixture.commit_tasks(std::slice::from_ref(&old)).await.unwrap();
    let ended = Task { state: State::Completed, ..old };
    fixture.commit_tasks(&[samples::pending(2, "web"), ended]).await.unwrap();
    let states: Vec<State> =
        fixture.store.load().await.unwrap().tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [State::Completed, State::Pending]);
}

#[tokio::test]
async fn a_forgotten_task_takes_its_events_and_requests_along_and_nobody_gets_its_number() {
    let mut fixture = Fixture::new().await;
    let (kept, gone) = (samples::pending(1, "web"), samples::pending(2, "db"));
    let kept_event = stored(1, "manager", 1, Some(&kept));
    let batch = Batch {
        tasks: vec![kept.clone(), gone.clone()],
        events: vec![kept_event.clone(), stored(2, "manager", 2, Some(&gone))],
        requests: vec![samples::request(&kept), samples::request(&gone)],
        ..Batch::default()
    };
    fixture.store.commit(&batch).await.unwrap();
    fixture.store.commit(&Batch { forgotten: vec![gone.id], ..Batch::default() }).await.unwrap();
    let mut fixture = fixture.reopen().await;
    let state = fixture.store.load().await.unwrap();
    assert_eq!(state.tasks, [kept]);
    assert_eq!(
        state.requests,
        [(batch.requests[0].id, batch.requests[0].task, batch.requests[0].digest.clone())]
    );
    assert_eq!((state.next_task_seq, state.next_event_seq), (3, 3));
    let reader = fixture.store.reader();
    assert_eq!(reader.events_after(0, 10).await.unwrap().items, [kept_event]);
    assert_eq!(reader.request(batch.requests[1].id).await.unwrap(), None);
    assert_eq!(reader.task(gone.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_workers_event_that_comes_twice_is_kept_once() {
    let mut fixture = Fixture::new().await;
    let first = stored(1, "worker-1", 40, None);
    let again = stored(2, "worker-1", 40, None);
    let anothers = stored(3, "worker-2", 40, None);
    fixture.store.commit(&Batch { events: vec![first.clone()], ..Batch::default() }).await.unwrap();
    let batch = Batch { events: vec![again, anothers.clone()], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let events = fixture.store.reader().events_after(0, 10).await.unwrap().items;
    assert_eq!(events, [first, anothers]);
}

#[tokio::test]
async fn events_grow_old_by_how_long_managers_have_run_and_not_by_their_dates() {
    let mut fixture = Fixture::new().await;
    let mut events: Vec<StoredEvent> = (1..=4).map(|seq| stored(seq, "manager", seq, None)).collect();
    for (event, date) in events.iter_mut().zip(["1970-01-01", "2027-11-22", "1999-12-31", "2026-11-22"]) {
        event.event.at = Timestamp::parse(&format!("{date}T07:00:00Z")).unwrap();
    }
    let day = Duration::from_hours(24);
    let retention = 30 * day;
    for (age, event) in [0, 1, 29, 30].into_iter().zip(&events) {
        let batch = Batch { events: vec![event.clone()], lived: age * day, ..Batch::default() };
        fixture.store.commit(&batch).await.unwrap();
        assert_eq!(fixture.store.prune(age * day, retention).await, Ok(u64::from(age == 30)), "day {age}");
    }
    let mut fixture = fixture.reopen().await;
    assert_eq!(fixture.store.load().await.unwrap().lived, 30 * day);
    for (age, pruned) in [(30, 0), (31, 1), (58, 0), (59, 1), (400, 1), (401, 0)] {
        assert_eq!(fixture.store.prune(age * day, retention).await, Ok(pruned), "day {age}");
    }
    assert_eq!(fixture.store.reader().events_after(0, 10).await.unwrap().items, []);
}

#[tokio::test]
async fn each_opening_begins_an_epoch_where_the_one_before_ended_and_an_accepted_one_forgets_them() {
    let mut fixture = Fixture::new().await;
    fixture.store.commit(&Batch { revision: 7, ..Batch::default() }).await.unwrap();
    let mut fixture = fixture.reopen().await;
    let state = fixture.store.load().await.unwrap();
    let numbers: Vec<_> = state.epochs.iter().map(|epoch| (epoch.number, epoch.revision)).collect();
    assert_eq!(numbers, [(2, 7), (1, 0)]);
    assert_ne!(state.epochs[0].start, state.epochs[1].start);

    let accepted = Epoch { number: 12, revision: 40, ..state.epochs[0] };
    let batch = Batch { epoch: 12, revision: 40, accepted: Some(accepted), ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    assert_eq!(fixture.store.load().await.unwrap().epochs, [accepted]);
}

#[tokio::test]
async fn pages_follow_each_other_and_end() {
    let mut fixture = Fixture::new().await;
    let tasks: Vec<Task> = (1..=5).map(|seq| samples::pending(seq, &format!("task-{seq}"))).collect();
    let events: Vec<StoredEvent> = (1..=5).map(|seq| stored(seq, "manager", seq, Some(&tasks[0]))).collect();
    fixture.store.commit(&Batch { tasks: tasks.clone(), events, ..Batch::default() }).await.unwrap();
    let reader = fixture.store.reader();
    let mut seen = Vec::new();
    let mut next = Some(0);
    while let Some(after) = next {
        let page = reader.tasks(&TaskFilter::default(), after, 2).await.unwrap();
        seen.push(page.items.iter().map(|task| task.seq).collect::<Vec<_>>());
        next = page.next;
    }
    assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
    let page = reader.events_of(tasks[0].id, 3, 2).await.unwrap();
    assert_eq!((page.items.len(), page.next), (2, Some(5)));
    assert!(reader.events_of(tasks[1].id, 0, 2).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn tasks_are_found_by_state_name_and_node() {
    let mut fixture = Fixture::new().await;
    let web = samples::pending(1, "web");
    let db = samples::running(&samples::pending(2, "db"));
    let ended = Task { state: State::Failed, ..samples::pending(3, "web") };
    let batch = Batch { tasks: vec![web, db, ended], nodes: vec![samples::node()], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let reader = fixture.store.reader();
    let states = vec![State::Pending, State::Running];
    let name = Some("web".to_owned());
    let node = Some(samples::node_name());
    for (filter, expected) in [
        (TaskFilter::default(), vec![1, 2, 3]),
        (TaskFilter { states: states.clone(), ..TaskFilter::default() }, vec![1, 2]),
        (TaskFilter { name: name.clone(), ..TaskFilter::default() }, vec![1, 3]),
        (TaskFilter { node, ..TaskFilter::default() }, vec![2]),
        (TaskFilter { states, name, ..TaskFilter::default() }, vec![1]),
    ] {
        let found: Vec<Task> = reader.stream(filter.clone()).try_collect().await.unwrap();
        assert_eq!(found.iter().map(|task| task.seq).collect::<Vec<_>>(), expected, "{filter:?}");
    }
    let counts = reader.count_by_state().await.unwrap();
    assert_eq!(counts, BTreeMap::from([(State::Pending, 1), (State::Running, 1), (State::Failed, 1)]));
}

#[tokio::test]
async fn a_stream_goes_on_over_pages_and_holds_up_no_writer() {
    let mut fixture = Fixture::new().await;
    let tasks: Vec<Task> = (1..=1203).map(|seq| samples::pending(seq, &format!("task-{seq}"))).collect();
    fixture.commit_tasks(&tasks[..1201]).await.unwrap();
    let mut stream = Box::pin(fixture.store.reader().stream(TaskFilter::default()));
    let mut seen = vec![stream.try_next().await.unwrap().unwrap().seq];
    fixture.commit_tasks(&tasks[1201..]).await.unwrap();
    while let Some(task) = stream.try_next().await.unwrap() {
        seen.push(task.seq);
    }
    assert_eq!(seen, (1..=1203).collect::<Vec<_>>());
}

/// Each statement breaks one rule; the words are of SQLite's message.
const BREACHES: &[(&str, &str)] = &[
    ("INSERT INTO meta SELECT 2, cluster, 1, 1, 1, 1, created_at, opened_at, 0, 0 FROM meta", "one = 1"),
    ("UPDATE meta SET epoch = epoch - 1", "never go back"),
    ("UPDATE meta SET revision = revision - 1", "never go back"),
    ("UPDATE meta SET last_task = last_task - 1", "never go back"),
    ("UPDATE meta SET last_event = last_event - 1", "never go back"),
    ("UPDATE meta SET cluster = '00000000-0000-0000-0000-000000000000'", "never go back"),
    ("INSERT INTO meta SELECT 1, 'c', 1, 1, 1, 1, created_at, opened_at, 0, 0 FROM meta", "length(cluster)"),
    ("UPDATE meta SET opened_at = 'now'", "opened_at GLOB"),
    ("UPDATE meta SET created_at = 'now'", "created_at GLOB"),
    ("UPDATE nodes SET facts = '{'", "json_valid(facts)"),
    ("UPDATE nodes SET state = 'gone'", "state IN"),
    ("UPDATE nodes SET availability = 'off'", "availability IN"),
    ("UPDATE nodes SET joined_at = '2026-11-22'", "joined_at GLOB"),
    ("UPDATE nodes SET seen_at = '2026-11-22'", "seen_at GLOB"),
    ("UPDATE nodes SET events_seen = -1", "events_seen"),
    ("UPDATE nodes SET lease_ms = -1", "lease_ms"),
    ("UPDATE meta SET rebalance = -1", "rebalance"),
    ("UPDATE meta SET lived_ms = -1", "lived_ms"),
    ("UPDATE tasks SET ended_ms = -1", "ended_ms"),
    ("UPDATE epochs SET start = 'today'", "length(start)"),
    ("UPDATE epochs SET revision = -1", "revision"),
    ("UPDATE nodes SET name = NULL", "NOT NULL"),
    ("DELETE FROM nodes", "FOREIGN KEY"),
    ("UPDATE tasks SET seq = 0", "seq > 0"),
    ("UPDATE tasks SET id = 'bb1d59ef'", "length(id)"),
    ("INSERT INTO tasks (
        seq, id, name, image, spec, pinned, desired, node, placement, revision, state, attempt, restarts, container,
        host_ports, exit_code, health, started_at, finished_at, observed_seq, message, created_at, updated_at, checksum)
        SELECT 9, id, name, image, spec, pinned, desired, node, placement, revision, 'failed', attempt,
        restarts, container, host_ports, exit_code, health, started_at, finished_at, observed_seq, message, created_at,
        updated_at, checksum FROM tasks", "UNIQUE constraint failed: tasks.id"),
    ("INSERT INTO tasks (
        seq, id, name, image, spec, pinned, desired, node, placement, revision, state, attempt, restarts, container,
        host_ports, exit_code, health, started_at, finished_at, observed_seq, message, created_at, updated_at, checksum)
        SELECT 9, '00000000-0000-0000-0000-000000000000', name, image, spec, pinned, desired, node,
        placement, revision, state, attempt, restarts, container, host_ports, exit_code, health, started_at,
        finished_at, observed_seq, message, created_at, updated_at, checksum FROM tasks",
        "UNIQUE constraint failed: tasks.name"),
    ("UPDATE tasks SET name = 'other'", "name = spec"),
    ("UPDATE tasks SET image = 'other'", "image = spec"),
    ("UPDATE tasks SET spec = '{'", "json_valid(spec)"),
    ("UPDATE tasks SET desired = 'pause'", "desired IN"),
    ("UPDATE tasks SET node = 'worker-9'", "FOREIGN KEY"),
    ("UPDATE tasks SET placement = -1", "placement"),
    ("UPDATE tasks SET revision = -1", "revision"),
    ("UPDATE tasks SET state = 'paused'", "state IN"),
    ("UPDATE tasks SET attempt = -1", "attempt"),
    ("UPDATE tasks SET attempt = 'first'", "cannot store TEXT value in INTEGER column"),
    ("UPDATE tasks SET restarts = -1", "restarts"),
    ("UPDATE tasks SET host_ports = '{'", "json_valid(host_ports)"),
    ("UPDATE tasks SET health = 'fine'", "health IN"),
    ("UPDATE tasks SET ready = 'maybe'", "ready IN"),
    ("UPDATE tasks SET ready_ms = -1", "ready_ms"),
    ("UPDATE tasks SET ready_at = 'now'", "ready_at GLOB"),
    ("UPDATE tasks SET started_at = 'now'", "started_at GLOB"),
    ("UPDATE tasks SET finished_at = 'now'", "finished_at GLOB"),
    ("UPDATE tasks SET observed_seq = -1", "observed_seq"),
    ("UPDATE tasks SET message = NULL", "NOT NULL"),
    ("UPDATE tasks SET message = x'00'", "cannot store BLOB value in TEXT column"),
    ("UPDATE tasks SET created_at = 'now'", "created_at GLOB"),
    ("UPDATE tasks SET updated_at = 'now'", "updated_at GLOB"),
    ("UPDATE requests SET id = '7'", "length(id)"),
    ("UPDATE requests SET task = '00000000-0000-0000-0000-000000000000'", "FOREIGN KEY"),
    ("UPDATE requests SET answer = '{'", "json_valid(answer)"),
    ("UPDATE requests SET at = 'now'", "at GLOB"),
    ("INSERT INTO requests SELECT * FROM requests", "UNIQUE constraint failed: requests.id"),
    ("UPDATE events SET seq = -1", "seq > 0"),
    ("UPDATE events SET kind = 'surprise'", "FOREIGN KEY"),
    ("UPDATE events SET at = 'now'", "at GLOB"),
    ("UPDATE events SET attempt = -1", "attempt"),
    ("INSERT INTO events
        SELECT 9, source, source_seq, at, task, task_name, node, attempt, kind, exit_code, message, service FROM events", "UNIQUE constraint failed: events.source, events.source_seq"),
    ("DELETE FROM event_kinds WHERE word = 'exited'", "FOREIGN KEY"),
];

#[tokio::test]
async fn the_schema_refuses_whatever_breaks_a_rule() {
    let mut fixture = Fixture::new().await;
    let task = samples::running(&samples::pending(1, "web"));
    let batch = Batch {
        revision: 1,
        tasks: vec![task.clone()],
        nodes: vec![samples::node()],
        events: vec![stored(1, "worker-1", 1, Some(&task))],
        requests: vec![samples::request(&task)],
        ..Batch::default()
    };
    fixture.store.commit(&batch).await.unwrap();
    for (sql, words) in BREACHES {
        let result = sqlx::query(*sql).execute(fixture.store.database.connection()).await;
        let error = result.expect_err(sql).to_string();
        assert!(error.contains(words), "{sql}: {error}");
    }
}

#[tokio::test]
async fn every_kind_of_event_has_its_row_and_no_other_has() {
    let mut fixture = Fixture::new().await;
    let words: Vec<String> = sqlx::query_scalar("SELECT word FROM event_kinds ORDER BY word")
        .fetch_all(fixture.store.database.connection())
        .await
        .unwrap();
    let mut known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
    known.sort_unstable();
    assert_eq!(words, known);
}

/// Ways in which one row can be damaged, with a word of what is said about it.
const DAMAGES: &[(&str, &str)] = &[
    ("UPDATE tasks SET message = 'all is well' WHERE seq = 2", "checksum"),
    ("UPDATE tasks SET desired = 'stop' WHERE seq = 2", "checksum"),
    ("UPDATE tasks SET state = 'runninf', checksum = NULL WHERE seq = 2", "state"),
    ("UPDATE tasks SET spec = '{\"Name\":', checksum = NULL WHERE seq = 2", "spec"),
    ("UPDATE tasks SET spec = '{\"Name\":\"db\"}', checksum = NULL WHERE seq = 2", "Image"),
    ("UPDATE tasks SET created_at = 'long ago', checksum = NULL WHERE seq = 2", "created_at"),
    ("UPDATE tasks SET health = cast(x'ff' AS TEXT) WHERE seq = 2", "utf-8"),
    ("UPDATE tasks SET placement = 99999999999, checksum = NULL WHERE seq = 2", "placement"),
    ("UPDATE tasks SET id = 'nobody', checksum = NULL WHERE seq = 2", "UUID"),
];

#[tokio::test]
async fn a_damaged_row_stops_only_itself() {
    for (damage, word) in DAMAGES {
        let mut fixture = Fixture::new().await;
        let tasks = ["web", "db", "cache"].map(|name| samples::pending(name.len() as u64, name));
        let tasks =
            [Task { seq: 1, ..tasks[0].clone() }, tasks[1].clone(), Task { seq: 3, ..tasks[2].clone() }];
        fixture.commit_tasks(&tasks).await.unwrap();
        sqlx::query(*damage).execute(&mut fixture.stranger().await).await.unwrap();

        let mut fixture = fixture.reopen().await;
        let state = fixture.store.load().await.unwrap();
        assert_eq!(state.tasks.iter().map(|task| task.seq).collect::<Vec<_>>(), [1, 3], "{damage}");
        let [unreadable] = &state.unreadable[..] else { panic!("{damage}: {:?}", state.unreadable) };
        assert_eq!(unreadable.name, "db");
        assert!(unreadable.reason.contains(word), "{damage}: {}", unreadable.reason);

        let reader = fixture.store.reader();
        let page = reader.tasks(&TaskFilter::default(), 0, 10).await.unwrap();
        assert_eq!((page.items.len(), page.unreadable.len()), (2, 1));
        if !damage.contains("id =") {
            let error = reader.task(tasks[1].id).await.unwrap_err();
            assert!(matches!(&error, Error::Unreadable(text) if text.contains("db")), "{error}");
        }
    }
}

#[tokio::test]
async fn a_row_changed_by_hand_on_purpose_is_read() {
    let mut fixture = Fixture::new().await;
    fixture.commit_tasks(&[samples::pending(1, "web")]).await.unwrap();
    let by_hand = "UPDATE tasks SET desired = 'stop', checksum = NULL";
    sqlx::query(by_hand).execute(&mut fixture.stranger().await).await.unwrap();
    let state = fixture.store.load().await.unwrap();
    assert_eq!(state.tasks[0].desired, crate::model::state::Desired::Stop);
}

#[tokio::test]
async fn an_unreadable_node_stops_only_itself() {
    let mut fixture = Fixture::new().await;
    let other = Node { name: "worker-2".parse().unwrap(), ..samples::node() };
    fixture
        .store
        .commit(&Batch { nodes: vec![samples::node(), other.clone()], ..Batch::default() })
        .await
        .unwrap();
    let damage = "UPDATE nodes SET state = 'lost' WHERE name = 'worker-1'";
    sqlx::query(damage).execute(&mut fixture.stranger().await).await.unwrap();
    let state = fixture.store.load().await.unwrap();
    assert_eq!(state.nodes, [other]);
    assert_eq!(state.unreadable[0].name, "worker-1");
}

#[tokio::test]
async fn the_views_say_it_in_words_even_beside_a_damaged_row() {
    let mut fixture = Fixture::new().await;
    let task = samples::running(&samples::pending(1, "web"));
    let batch = Batch {
        tasks: vec![task.clone(), samples::pending(2, "db")],
        nodes: vec![samples::node()],
        events: vec![stored(1, "worker-1", 1, Some(&task))],
        ..Batch::default()
    };
    fixture.store.commit(&batch).await.unwrap();
    let damage = "UPDATE tasks SET spec = '{', host_ports = '{' WHERE seq = 2";
    sqlx::query(damage).execute(&mut fixture.stranger().await).await.unwrap();

    let rows = sqlx::query("SELECT * FROM task_overview").fetch_all(&fixture.store.readers).await.unwrap();
    assert_eq!(rows.len(), 2);
    let word = |column: &str| rows[0].get::<String, _>(column);
    assert_eq!(word("id"), task.id.to_string()[24..]);
    assert_eq!(word("ports"), "32789->7777/tcp");
    assert_eq!(
        (word("state"), word("desired"), word("node")),
        ("running".into(), "stop".into(), "worker-1".into())
    );
    assert_eq!((word("image"), word("health")), ("timboring/echo-server:latest".into(), "healthy".into()));
    assert_eq!(rows[0].get::<i64, _>("restarts"), 2);
    assert_eq!(word("message"), "runs; is being stopped");

    let history = sqlx::query("SELECT * FROM task_history").fetch_one(&fixture.store.readers).await.unwrap();
    assert_eq!(history.get::<String, _>("name"), "web");
    assert_eq!(history.get::<String, _>("what"), "exited");
    assert_eq!(history.get::<i64, _>("exit_code"), 137);

    let node = sqlx::query("SELECT * FROM node_overview").fetch_one(&fixture.store.readers).await.unwrap();
    assert_eq!((node.get::<i64, _>("tasks"), node.get::<i64, _>("cores")), (1, 8));
    assert!((node.get::<f64, _>("memory_gib") - 16.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn an_age_is_told_in_words() {
    let mut fixture = Fixture::new().await;
    fixture.commit_tasks(&[samples::pending(1, "web")]).await.unwrap();
    for (ago, age) in [
        ("-0 seconds", "0 seconds"),
        ("-100 seconds", "100 seconds"),
        ("-2 minutes", "2 minutes"),
        ("-119 minutes", "119 minutes"),
        ("-47 hours", "47 hours"),
        ("-12 days", "12 days"),
        ("+1 day", "0 seconds"),
    ] {
        // A second can pass between the two statements.
        let sql = "UPDATE tasks SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)";
        sqlx::query(sql).bind(ago).execute(&mut fixture.stranger().await).await.unwrap();
        let told: String = sqlx::query_scalar("SELECT age FROM task_overview")
            .fetch_one(&fixture.store.readers)
            .await
            .unwrap();
        let (number, unit) = told.split_once(' ').unwrap();
        let (expected, expected_unit) = age.split_once(' ').unwrap();
        let late = number.parse::<i64>().unwrap() - expected.parse::<i64>().unwrap();
        assert!(unit == expected_unit && (0..=1).contains(&late), "{ago}: {told}");
    }
}

#[tokio::test]
async fn nobody_asks_in_vain_for_what_is_not_there() {
    let fixture = Fixture::new().await;
    let reader = fixture.store.reader();
    assert_eq!(reader.task(TaskId::generate()).await, Ok(None));
    assert_eq!(reader.request(RequestId::generate()).await, Ok(None));
    let page = reader.tasks(&TaskFilter::default(), u64::MAX, 10).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(reader.count_by_state().await, Ok(BTreeMap::new()));
    assert_eq!(reader.events_before_newest(0).await, Ok(0));
}

#[tokio::test]
async fn tokens_and_admissions_are_read_back_and_only_their_ends_change() {
    let mut fixture = Fixture::new().await;
    let token = Token {
        id: "0a1b2c3d".to_owned(),
        role: Role::Join,
        name: "for box-1".to_owned(),
        digest: "d".repeat(64),
        created_at: samples::time(1),
        expires_at: Some(samples::time(2)),
        uses_left: Some(1),
        revoked_at: None,
    };
    let admission = Admission {
        node: "box-1".parse().unwrap(),
        key: "e".repeat(64),
        admitted_at: samples::time(1),
        removed_at: None,
    };
    let batch =
        Batch { tokens: vec![token.clone()], admissions: vec![admission.clone()], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();
    let used = Token { uses_left: Some(0), revoked_at: Some(samples::time(3)), ..token };
    let forged = Token { role: Role::Admin, digest: "f".repeat(64), ..used.clone() };
    let removed = Admission { removed_at: Some(samples::time(3)), ..admission };
    let batch = Batch { tokens: vec![forged], admissions: vec![removed.clone()], ..Batch::default() };
    fixture.store.commit(&batch).await.unwrap();

    let mut fixture = fixture.reopen().await;
    let state = fixture.store.load().await.unwrap();
    assert_eq!((state.tokens, state.admissions), (vec![used], vec![removed]));
    assert_eq!(
        text(&mut fixture.store, "SELECT state FROM token_overview").await.split(' ').next(),
        Some("void")
    );
}
