//! What a manager's store does when its files are damaged, taken or swapped: it says so, and never makes
//! something up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::store::samples;

/// A directory with a closed store in it, and what it holds.
struct Closed {
    dir: TempDir,
    tasks: Vec<Task>,
}

impl Closed {
    /// With `count` tasks, so that they fill some pages.
    async fn with_tasks(count: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tasks: Vec<Task> =
            (1..=count).map(|seq| samples::running(&samples::pending(seq, &format!("task-{seq}")))).collect();
        let mut store = ManagerStore::open(dir.path(), samples::time(0)).await.unwrap();
        let batch = Batch { tasks: tasks.clone(), nodes: vec![samples::node()], ..Batch::default() };
        store.commit(&batch).await.unwrap();
        store.close().await.unwrap();
        Self { dir, tasks }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn open(&self) -> Result<ManagerStore, Error> {
        ManagerStore::open(self.dir.path(), samples::time(1)).await
    }

    /// Opens it with `bytes` as its database, and reads everything.
    async fn load_with(&self, bytes: &[u8]) -> Result<ManagerState, Error> {
        fs::write(self.path("manager.db"), bytes).unwrap();
        let mut store = self.open().await?;
        let state = store.load().await;
        let closed = store.close().await;
        state.and_then(|state| closed.map(|()| state))
    }
}

/// Numbers that look random and are the same in each run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Bytes of a page of SQLite.
const PAGE: usize = 4096;

/// Bits to flip, each in an opening of its own.
const FLIPS: usize = 100;

#[tokio::test]
async fn a_page_of_noise_is_refused() {
    let closed = Closed::with_tasks(60).await;
    let intact = fs::read(closed.path("manager.db")).unwrap();
    let mut noise = Noise(1);
    for page in 0..intact.len() / PAGE {
        let mut bytes = intact.clone();
        for byte in &mut bytes[page * PAGE..(page + 1) * PAGE] {
            *byte = u8::try_from(noise.below(256)).unwrap();
        }
        match closed.load_with(&bytes).await {
            Err(Error::Corrupt(text)) => {
                assert!(text.contains("manager.db is damaged") && text.contains(".dump"), "{text}");
            }
            other => panic!("page {page}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_in_a_task_is_noticed() {
    let closed = Closed::with_tasks(60).await;
    let intact = fs::read(closed.path("manager.db")).unwrap();
    let marker = b"runs; is being stopped";
    let has_tasks = |page: &usize| {
        intact[page * PAGE..(page + 1) * PAGE].windows(marker.len()).any(|window| window == marker)
    };
    let pages: Vec<usize> = (0..intact.len() / PAGE).filter(has_tasks).collect();
    let mut noise = Noise(2);
    let (mut refused, mut left_alone, mut harmless) = (0, 0, 0);
    for _ in 0..FLIPS {
        let position = pages[noise.below(pages.len())] * PAGE + noise.below(PAGE);
        let mut bytes = intact.clone();
        bytes[position] ^= 1 << noise.below(8);
        match closed.load_with(&bytes).await {
            Err(Error::Corrupt(_)) => refused += 1,
            Ok(state) if !state.unreadable.is_empty() => {
                assert_eq!(state.unreadable.len() + state.tasks.len(), closed.tasks.len());
                assert!(state.tasks.iter().all(|task| closed.tasks.contains(task)));
                left_alone += 1;
            }
            Ok(state) => {
                assert_eq!(state.tasks, closed.tasks, "{position}");
                harmless += 1;
            }
            Err(error) => panic!("{position}: {error:?}"),
        }
    }
    // Most flips hit a row and not what holds rows together.
    assert!(left_alone > FLIPS / 2 && refused + left_alone + harmless == FLIPS, "{left_alone} of {FLIPS}");
}

#[tokio::test]
async fn what_was_committed_is_there_without_an_orderly_end() {
    let closed = Closed::with_tasks(1).await;
    let mut store = closed.open().await.unwrap();
    let late = samples::pending(2, "late");
    store.commit(&Batch { tasks: vec![late.clone()], ..Batch::default() }).await.unwrap();
    // What a killed process leaves behind.
    let after = tempfile::tempdir().unwrap();
    for name in ["manager.db", "manager.db-wal"] {
        fs::copy(closed.path(name), after.path().join(name)).unwrap();
    }
    let mut copy = ManagerStore::open(after.path(), samples::time(2)).await.unwrap();
    let state = copy.load().await.unwrap();
    assert_eq!(state.tasks, [closed.tasks[0].clone(), late]);
    assert_eq!(state.epoch, 3, "an epoch is never used twice");
}

#[tokio::test]
async fn a_second_manager_is_refused_and_told_who_is_there() {
    let closed = Closed::with_tasks(1).await;
    let first = closed.open().await.unwrap();
    let Err(Error::Locked(text)) = closed.open().await else { panic!("it is locked") };
    let holder = format!("process {}", std::process::id());
    assert!(text.contains(&holder) && text.contains("ORC_DATA_DIR"), "{text}");
    drop(first);
    closed.open().await.unwrap();
}

#[tokio::test]
async fn a_schema_of_a_newer_orc_is_refused_and_left_as_it_is() {
    for change in [
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time
            FROM _sqlx_migrations LIMIT 1",
        "UPDATE _sqlx_migrations SET checksum = x'00'",
    ] {
        let closed = Closed::with_tasks(1).await;
        let mut stranger = samples::stranger(&closed.path("manager.db")).await;
        sqlx::query(change).execute(&mut stranger).await.unwrap();
        let Err(Error::Newer(text)) = closed.open().await else { panic!("{change}: it is newer") };
        assert!(text.contains("manager.db") && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM meta").fetch_one(&mut stranger).await.unwrap();
        assert_eq!(epoch, 1);
    }
}

#[tokio::test]
async fn a_log_without_its_database_is_refused_and_kept() {
    for remove in [|path: PathBuf| fs::remove_file(path), |path: PathBuf| fs::write(path, "")] {
        let closed = Closed::with_tasks(1).await;
        fs::write(closed.path("manager.db-wal"), "something").unwrap();
        remove(closed.path("manager.db")).unwrap();
        let error = closed.open().await.unwrap_err();
        assert!(matches!(&error, Error::Corrupt(text) if text.contains("manager.db-wal")), "{error}");
        assert_eq!(fs::read(closed.path("manager.db-wal")).unwrap(), b"something");
    }
}

#[tokio::test]
async fn a_database_that_is_cut_short_is_refused() {
    let closed = Closed::with_tasks(60).await;
    let intact = fs::read(closed.path("manager.db")).unwrap();
    for length in [PAGE, intact.len() / 2, intact.len() - PAGE, 100] {
        let result = closed.load_with(&intact[..length]).await;
        assert!(matches!(result, Err(Error::Corrupt(_))), "{length}: {result:?}");
    }
}

/// What another hand does, and the word for it.
type Swap = (&'static str, fn(&Closed));

#[tokio::test]
async fn files_that_are_swapped_while_in_use_are_noticed() {
    let swaps: [Swap; 5] = [
        ("removed", |closed| fs::remove_file(closed.path("manager.db")).unwrap()),
        ("removed", |closed| fs::remove_file(closed.path("manager.db-wal")).unwrap()),
        ("replaced", |closed| {
            fs::copy(closed.path("manager.db"), closed.path("other.db")).unwrap();
            fs::rename(closed.path("other.db"), closed.path("manager.db")).unwrap();
        }),
        ("cut short", |closed| fs::write(closed.path("manager.db"), "").unwrap()),
        ("replaced", |closed| {
            fs::remove_dir_all(closed.dir.path()).unwrap();
            fs::create_dir(closed.dir.path()).unwrap();
        }),
    ];
    for (word, swap) in swaps {
        let closed = Closed::with_tasks(1).await;
        let mut store = closed.open().await.unwrap();
        // At once: it was not looked after since it was opened.
        swap(&closed);
        let error = store.tend().await.unwrap_err();
        assert!(error.must_exit() && error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn what_was_in_a_log_that_is_removed_while_in_use_is_saved() {
    let closed = Closed::with_tasks(1).await;
    let mut store = closed.open().await.unwrap();
    let late = samples::pending(2, "late");
    store.commit(&Batch { tasks: vec![late.clone()], ..Batch::default() }).await.unwrap();
    fs::remove_file(closed.path("manager.db-wal")).unwrap();
    store.tend().await.unwrap_err();
    let after = tempfile::tempdir().unwrap();
    fs::copy(closed.path("manager.db"), after.path().join("manager.db")).unwrap();
    let mut copy = ManagerStore::open(after.path(), samples::time(2)).await.unwrap();
    assert_eq!(copy.load().await.unwrap().tasks.last(), Some(&late));
}

#[tokio::test]
async fn nobody_else_may_look_into_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let store = ManagerStore::open(&data, samples::time(0)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let names = ["manager.db", "manager.db-wal", "manager.db-shm", "manager.lock", "manager.ballast"];
    assert_eq!(names.map(|name| mode(&data.join(name))), [0o600; 5]);
    drop(store);
}

#[tokio::test]
async fn a_directory_that_cannot_be_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data");
    fs::write(&file, "not a directory").unwrap();
    let error = ManagerStore::open(&file, samples::time(0)).await.unwrap_err();
    assert!(error.must_exit() && error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn another_program_that_writes_for_long_is_waited_for_and_then_named() {
    let closed = Closed::with_tasks(1).await;
    let mut store = closed.open().await.unwrap();
    let mut stranger = samples::stranger(&closed.path("manager.db")).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut stranger).await.unwrap();
    sqlx::query("PRAGMA busy_timeout = 10").execute(store.database.connection()).await.unwrap();
    let batch = Batch { tasks: vec![samples::pending(2, "late")], ..Batch::default() };
    let error = store.commit(&batch).await.unwrap_err();
    assert!(matches!(&error, Error::Locked(text) if text.contains("-readonly")), "{error}");
    sqlx::query("ROLLBACK").execute(&mut stranger).await.unwrap();
    assert_eq!(store.commit(&batch).await, Ok(()));
}
