//! Every method of the worker's store and every rule of its schema, on real files.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use tempfile::TempDir;

use super::*;
use crate::model::event::EventKind;
use crate::model::id::{ClusterId, ContainerId, InstanceId};
use crate::model::record::{Attempt, Reason, Retry};
use crate::model::state::{Desired, State};
use crate::model::task::{Assignment, Observed};
use crate::store::samples;

struct Fixture {
    dir: TempDir,
    store: WorkerStore,
}

impl Fixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, 0).await.unwrap();
        Self { dir, store }
    }

    async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        Self { store: open(&self.dir, 1).await.unwrap(), dir: self.dir }
    }

    async fn commit_records(&mut self, records: &[Record]) {
        self.store
            .commit(&WorkerBatch { records: records.to_vec(), ..WorkerBatch::default() })
            .await
            .unwrap();
    }
}

async fn open(dir: &TempDir, millis: i64) -> Result<WorkerStore, Error> {
    WorkerStore::open(dir.path(), 1, samples::time(millis)).await
}

/// A record of a task that has just been assigned.
fn fresh(name: &str) -> Record {
    let task = samples::pending(1, name);
    let assignment = Assignment {
        id: task.id,
        spec: task.spec,
        desired: Desired::Run,
        placement: 1,
        state: State::Scheduled,
        observed: Observed::default(),
        message: "was assigned".to_owned(),
        created_at: task.created_at,
    };
    Record {
        assignment,
        state: State::Scheduled,
        observed: Observed::default(),
        message: "was assigned".to_owned(),
        attempt: None,
        failures: 0,
        streak: 0,
        retry: None,
    }
}

/// A record with something in every field.
fn full(name: &str) -> Record {
    let fresh = fresh(name);
    let attempt = Attempt {
        number: 4,
        name: format!("{name}.4"),
        container: Some(ContainerId("1d9c0a6a3f5b".to_owned())),
        ran: true,
        ending: Some(Reason::Unhealthy("it was unhealthy".to_owned())),
    };
    Record {
        assignment: Assignment {
            desired: Desired::Stop,
            placement: 3,
            state: State::Running,
            observed: samples::observed(),
            message: "is being stopped".to_owned(),
            ..fresh.assignment
        },
        state: State::Running,
        observed: samples::observed(),
        message: "is being stopped".to_owned(),
        attempt: Some(attempt),
        failures: 2,
        streak: 5,
        retry: Some(Retry { at: samples::time(9000), delay: Duration::from_millis(12_345) }),
    }
}

fn event(seq: u64, record: &Record) -> WorkerEvent {
    WorkerEvent {
        seq,
        task_name: record.assignment.spec.name.clone(),
        event: samples::event(Some(record.assignment.id), EventKind::Exited),
    }
}

fn meta() -> WorkerMeta {
    WorkerMeta {
        node: Some(samples::node_name()),
        cluster: Some(ClusterId::generate()),
        epoch: 4,
        start: Some(InstanceId::generate()),
        revision: 99,
        boot_id: Some("0a1b2c3d-boot".to_owned()),
    }
}

#[tokio::test]
async fn a_new_worker_knows_nothing() {
    let mut fixture = Fixture::new().await;
    let state = fixture.store.load().await.unwrap();
    assert_eq!(state.meta, WorkerMeta::default());
    assert_eq!((state.next_event_seq, state.records, state.unreadable), (1, vec![], vec![]));
}

#[tokio::test]
async fn everything_written_is_read_back_after_a_restart() {
    let mut fixture = Fixture::new().await;
    let records = vec![fresh("web"), full("db")];
    let events = vec![event(1, &records[0]), event(2, &records[1])];
    let meta = meta();
    let batch = WorkerBatch {
        meta: Some(meta.clone()),
        records: records.clone(),
        events: events.clone(),
        ..WorkerBatch::default()
    };
    fixture.store.commit(&batch).await.unwrap();
    let mut fixture = fixture.reopen().await;
    let state = fixture.store.load().await.unwrap();
    assert_eq!(state.meta, meta);
    assert_eq!(state.records, records);
    assert_eq!(state.next_event_seq, 3);
    assert_eq!(fixture.store.reader().events_after(0, 10).await.unwrap().items, events);
}

#[tokio::test]
async fn what_the_manager_knew_of_a_task_gives_way_to_what_the_record_says() {
    let mut fixture = Fixture::new().await;
    let mut record = full("web");
    record.assignment.state = State::Scheduled;
    record.assignment.observed = Observed::default();
    fixture.commit_records(std::slice::from_ref(&record)).await;
    let read = fixture.store.load().await.unwrap().records.remove(0);
    assert_eq!((read.assignment.state, &read.assignment.observed), (record.state, &record.observed));
}

#[tokio::test]
async fn a_changed_record_replaces_all_of_its_row() {
    let mut fixture = Fixture::new().await;
    let first = full("web");
    fixture.commit_records(std::slice::from_ref(&first)).await;
    let mut anew = fresh("web");
    anew.assignment.id = first.assignment.id;
    anew.assignment.placement = 9;
    anew.assignment.created_at = samples::time(77);
    let mut spec = (*anew.assignment.spec).clone();
    spec.image = "alpine:3".to_owned();
    anew.assignment.spec = Arc::new(spec);
    fixture.commit_records(std::slice::from_ref(&anew)).await;
    let read = fixture.store.load().await.unwrap().records;
    assert_eq!(
        read,
        [Record {
            assignment: Assignment {
                state: anew.state,
                observed: anew.observed.clone(),
                ..anew.assignment.clone()
            },
            ..anew
        }]
    );
}

#[tokio::test]
async fn a_dropped_record_is_gone_and_its_events_stay_until_they_are_acknowledged() {
    let mut fixture = Fixture::new().await;
    let (kept, dropped) = (fresh("web"), fresh("db"));
    let events = vec![event(1, &dropped), event(2, &dropped), event(7, &kept)];
    fixture.commit_records(&[kept.clone(), dropped.clone()]).await;
    let batch = WorkerBatch {
        dropped: vec![dropped.assignment.id],
        events: events.clone(),
        ..WorkerBatch::default()
    };
    fixture.store.commit(&batch).await.unwrap();
    assert_eq!(fixture.store.load().await.unwrap().records, [kept]);
    assert_eq!(fixture.store.prune_events(2).await, Ok(2));
    let page = fixture.store.reader().events_after(0, 1).await.unwrap();
    assert_eq!((page.items, page.next), (events[2..].to_vec(), Some(7)));
    assert_eq!(fixture.store.prune_events(u64::MAX >> 1).await, Ok(1));
    let mut fixture = fixture.reopen().await;
    assert_eq!(fixture.store.load().await.unwrap().next_event_seq, 8, "no number is given twice");
}

#[tokio::test]
async fn a_batch_that_is_refused_writes_nothing() {
    let mut fixture = Fixture::new().await;
    let record = fresh("web");
    let events = vec![event(1, &record), event(1, &record)];
    let batch = WorkerBatch { meta: Some(meta()), records: vec![record], events, ..WorkerBatch::default() };
    assert!(matches!(fixture.store.commit(&batch).await, Err(Error::Refused(_))));
    let state = fixture.store.load().await.unwrap();
    assert_eq!((state.meta, state.records, state.next_event_seq), (WorkerMeta::default(), vec![], 1));
}

#[tokio::test]
async fn a_worker_may_join_another_cluster() {
    let mut fixture = Fixture::new().await;
    for meta in [meta(), WorkerMeta { epoch: 1, revision: 0, ..meta() }, WorkerMeta::default()] {
        let batch = WorkerBatch { meta: Some(meta.clone()), ..WorkerBatch::default() };
        fixture.store.commit(&batch).await.unwrap();
        assert_eq!(fixture.store.load().await.unwrap().meta, meta);
    }
}

#[tokio::test]
async fn the_writing_connection_is_durable() {
    let mut fixture = Fixture::new().await;
    let connection = fixture.store.database.connection();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(connection).await.unwrap();
    assert_eq!(synchronous, 2, "2 is FULL");
}

/// Each statement breaks one rule; the words are of SQLite's message.
const BREACHES: &[(&str, &str)] = &[
    (
        "INSERT INTO meta SELECT 2, node, cluster, 1, 1, boot_id, 9, created_at, opened_at, 1, start FROM meta",
        "one = 1",
    ),
    ("UPDATE meta SET cluster = 'c'", "length(cluster)"),
    ("UPDATE meta SET epoch = -1", "epoch"),
    ("UPDATE meta SET start = 'today'", "length(start)"),
    ("UPDATE meta SET revision = -1", "revision"),
    ("UPDATE meta SET last_event = last_event - 1", "given twice"),
    ("UPDATE meta SET created_at = 'now'", "created_at GLOB"),
    ("UPDATE meta SET opened_at = 'now'", "opened_at GLOB"),
    ("UPDATE records SET id = '7'", "length(id)"),
    ("UPDATE records SET id = NULL", "NOT NULL"),
    ("INSERT INTO records SELECT * FROM records", "UNIQUE constraint failed: records.id"),
    ("UPDATE records SET name = 'other'", "name = spec"),
    ("UPDATE records SET image = 'other'", "image = spec"),
    ("UPDATE records SET spec = '{'", "json_valid(spec)"),
    ("UPDATE records SET desired = 'pause'", "desired IN"),
    ("UPDATE records SET placement = -1", "placement"),
    ("UPDATE records SET created_at = 'now'", "created_at GLOB"),
    ("UPDATE records SET state = 'paused'", "state IN"),
    ("UPDATE records SET attempt = -1", "attempt"),
    ("UPDATE records SET restarts = -1", "restarts"),
    ("UPDATE records SET host_ports = '{'", "json_valid(host_ports)"),
    ("UPDATE records SET health = 'fine'", "health IN"),
    ("UPDATE records SET ready = 'maybe'", "ready IN"),
    ("UPDATE records SET started_at = 'now'", "started_at GLOB"),
    ("UPDATE records SET finished_at = 'now'", "finished_at GLOB"),
    ("UPDATE records SET observed_seq = -1", "observed_seq"),
    ("UPDATE records SET message = NULL", "NOT NULL"),
    ("UPDATE records SET current_number = 0", "current_number > 0"),
    ("UPDATE records SET current_number = NULL", "(current_number IS NULL) = (current_name IS NULL)"),
    ("UPDATE records SET current_name = NULL", "(current_number IS NULL) = (current_name IS NULL)"),
    ("UPDATE records SET current_ran = 2", "current_ran IN"),
    ("UPDATE records SET failures = -1", "failures"),
    ("UPDATE records SET streak = -1", "streak"),
    ("UPDATE records SET retry_at = 'now'", "retry_at GLOB"),
    ("UPDATE records SET retry_at = NULL", "(retry_at IS NULL) = (retry_delay_ms IS NULL)"),
    ("UPDATE records SET retry_delay_ms = -1", "retry_delay_ms >= 0"),
    ("UPDATE events SET seq = 0", "seq > 0"),
    ("UPDATE events SET at = 'now'", "at GLOB"),
    ("UPDATE events SET attempt = -1", "attempt"),
    ("UPDATE events SET kind = 'surprise'", "FOREIGN KEY"),
];

#[tokio::test]
async fn the_schema_refuses_whatever_breaks_a_rule() {
    let mut fixture = Fixture::new().await;
    let record = full("web");
    let events = vec![event(1, &record)];
    let batch = WorkerBatch { meta: Some(meta()), records: vec![record], events, ..WorkerBatch::default() };
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

#[tokio::test]
async fn a_damaged_record_stops_only_itself() {
    for damage in [
        "UPDATE records SET failures = 1 WHERE name = 'db'",
        "UPDATE records SET retry_delay_ms = NULL WHERE name = 'db'",
        "UPDATE records SET spec = '{', checksum = NULL WHERE name = 'db'",
    ] {
        let mut fixture = Fixture::new().await;
        fixture.commit_records(&[fresh("web"), full("db"), full("cache")]).await;
        let mut stranger = samples::stranger(&fixture.dir.path().join("worker-1.db")).await;
        sqlx::query(damage).execute(&mut stranger).await.unwrap();
        drop(stranger);
        let mut fixture = fixture.reopen().await;
        let state = fixture.store.load().await.unwrap();
        let names: Vec<&str> =
            state.records.iter().map(|record| record.assignment.spec.name.as_str()).collect();
        assert_eq!(names, ["web", "cache"], "{damage}");
        assert_eq!(state.unreadable.len(), 1);
        assert_eq!(state.unreadable[0].name, "db");
    }
}

#[tokio::test]
async fn the_view_says_it_in_words() {
    let mut fixture = Fixture::new().await;
    let record = full("web");
    fixture.commit_records(std::slice::from_ref(&record)).await;
    let row = sqlx::query("SELECT * FROM task_overview").fetch_one(&fixture.store.readers).await.unwrap();
    let word = |column: &str| row.get::<String, _>(column);
    assert_eq!(word("id"), record.assignment.id.to_string()[24..]);
    assert_eq!(
        (word("name"), word("state"), word("desired")),
        ("web".into(), "running".into(), "stop".into())
    );
    assert_eq!((word("container_name"), word("ports")), ("web.4".into(), "32789->7777/tcp".into()));
    assert_eq!((word("next_attempt"), word("health")), (samples::time(9000).to_string(), "healthy".into()));
    assert_eq!(row.get::<i64, _>("failures"), 2);
}

/// Files in the directory whose names begin with `prefix`.
fn names(dir: &TempDir, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(prefix)).collect()
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_and_begun_anew() {
    // Noise from the first byte on, in the middle, and in place of the row that must be there.
    for place in [0, 4096, 3 * 4096] {
        let mut fixture = Fixture::new().await;
        let records: Vec<Record> = (0..40).map(|number| full(&format!("task-{number}"))).collect();
        fixture.commit_records(&records).await;
        fixture.store.close().await.unwrap();
        let db = fixture.dir.path().join("worker-1.db");
        let mut bytes = fs::read(&db).unwrap();
        for (position, byte) in bytes[place..place + 4096].iter_mut().enumerate() {
            *byte = u8::try_from((position * 7 + 13) % 251).unwrap();
        }
        fs::write(&db, &bytes).unwrap();

        let mut store = open(&fixture.dir, 5).await.unwrap();
        let state = store.load().await.unwrap();
        assert_eq!((state.meta, state.records.len()), (WorkerMeta::default(), 0), "{place}");
        let aside = fixture.dir.path().join(format!("worker-1.db.corrupt-{}", samples::time(5)));
        assert_eq!(fs::read(aside).unwrap(), bytes, "it is kept as it was");
        fixture.store = store;
        fixture.commit_records(&records).await;
    }
}

#[tokio::test]
async fn a_log_without_its_database_is_moved_aside() {
    let mut fixture = Fixture::new().await;
    fixture.commit_records(&[fresh("web")]).await;
    let wal = fixture.dir.path().join("worker-1.db-wal");
    let log = fs::read(&wal).unwrap();
    fixture.store.close().await.unwrap();
    fs::remove_file(fixture.dir.path().join("worker-1.db")).unwrap();
    fs::write(&wal, log).unwrap();
    let mut store = open(&fixture.dir, 5).await.unwrap();
    assert_eq!(store.load().await.unwrap().records, []);
    assert_eq!(names(&fixture.dir, "worker-1.db.corrupt-").len(), 1);
}

#[tokio::test]
async fn workers_of_one_process_have_files_of_their_own() {
    let mut fixture = Fixture::new().await;
    let mut second = WorkerStore::open(fixture.dir.path(), 2, samples::time(0)).await.unwrap();
    fixture.commit_records(&[fresh("web")]).await;
    assert_eq!(second.load().await.unwrap().records, []);
    let twice = open(&fixture.dir, 0).await;
    assert!(matches!(twice, Err(Error::Locked(_))), "{twice:?}");
}
