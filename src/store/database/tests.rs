//! Full disks, long readers and interrupted migrations.

use std::borrow::Cow;
use std::fs;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};
use tempfile::TempDir;

use super::*;
use crate::store::insert::rows;

const KEPT: &str = "CREATE TABLE kept (number INTEGER NOT NULL, text TEXT NOT NULL) STRICT";

const KEEP: &str = "INSERT INTO kept SELECT value ->> 'number', value ->> 'text' FROM json_each(?)";

const FORGET: &str = "DELETE FROM kept WHERE number IN (SELECT value FROM json_each(?))";

fn migrator(migrations: &[&'static str]) -> Migrator {
    let migration = |(version, sql): (i64, &&'static str)| {
        Migration::new(version, Cow::from("test"), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations((1..).zip(migrations).map(migration).collect())
}

async fn open(dir: &TempDir, migrations: &[&'static str]) -> Result<Database, Error> {
    Database::open(Paths::new(dir.path(), "test"), &migrator(migrations)).await
}

/// One row of about `size` bytes.
fn keep(number: u64, size: usize) -> Vec<Statement> {
    rows(KEEP, &[serde_json::json!({ "number": number, "text": "x".repeat(size) })]).into_iter().collect()
}

async fn count(database: &mut Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(database.connection()).await.unwrap()
}

async fn pragma(database: &mut Database, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(database.connection()).await.unwrap();
}

/// Lets the file grow to so many pages more than it has: what a full disk looks like to SQLite.
async fn limit_growth(database: &mut Database, pages: i64) {
    let now: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(database.connection()).await.unwrap();
    pragma(database, format!("PRAGMA max_page_count = {}", now + pages)).await;
}

#[tokio::test]
async fn a_migration_that_is_interrupted_has_not_happened() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir, &[KEPT]).await.unwrap().close().await.unwrap();
    let broken =
        "CREATE TABLE more (number INTEGER) STRICT; INSERT INTO kept VALUES (1, 'a'); SELECT * FROM nothing";
    let error = open(&dir, &[KEPT, broken]).await.unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
    let mut database = open(&dir, &[KEPT]).await.unwrap();
    assert_eq!(count(&mut database).await, 0);
    database.close().await.unwrap();
    let whole = "CREATE TABLE more (number INTEGER) STRICT; INSERT INTO kept VALUES (1, 'a')";
    let mut database = open(&dir, &[KEPT, whole]).await.unwrap();
    assert_eq!(count(&mut database).await, 1);
}

#[tokio::test]
async fn a_full_disk_takes_nothing_more_but_lets_rows_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(&dir, &[KEPT]).await.unwrap();
    database.write(&keep(1, 40_000)).await.unwrap();
    limit_growth(&mut database, 2).await;
    let full = database.write(&keep(2, 40_000)).await.unwrap_err();
    assert!(matches!(&full, Error::Full(_)) && !full.must_exit(), "{full}");
    assert_eq!(count(&mut database).await, 1);
    let forget: Vec<Statement> = rows(FORGET, &[1]).into_iter().collect();
    database.write(&forget).await.unwrap();
    database.write(&keep(3, 30_000)).await.unwrap();
    assert_eq!(count(&mut database).await, 1);
}

#[tokio::test]
async fn the_reserve_is_given_up_on_a_full_disk_and_set_aside_again_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(&dir, &[KEPT]).await.unwrap();
    assert!(!database.health().tight);
    let ballast = dir.path().join("test.ballast");
    let size = fs::metadata(&ballast).unwrap().len();
    fs::write(&ballast, vec![1; usize::try_from(size).unwrap()]).unwrap();
    limit_growth(&mut database, 1).await;
    database.write(&keep(1, 40_000)).await.unwrap_err();
    // It was removed, and since this disk has room in truth, made anew.
    assert_eq!(fs::read(&ballast).unwrap(), vec![0; usize::try_from(size).unwrap()]);
    assert!(!database.health().tight);
}

#[tokio::test]
async fn without_a_reserve_it_says_so_until_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let ballast = dir.path().join("test.ballast");
    fs::create_dir(&ballast).unwrap();
    let mut database = open(&dir, &[KEPT]).await.unwrap();
    assert!(database.health().tight);
    for number in 1..=5 {
        database.write(&keep(number, 40_000)).await.unwrap();
    }
    assert!(database.health().log < 100_000, "while it is tight, commits write over each other's log");
    database.tend().await.unwrap();
    assert!(database.health().tight);
    fs::remove_dir(&ballast).unwrap();
    database.tend().await.unwrap();
    assert!(!database.health().tight && ballast.exists());
}

#[tokio::test]
async fn a_long_reader_does_not_stop_writing_and_the_log_is_cut_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(&dir, &[KEPT]).await.unwrap();
    database.write(&keep(0, 100)).await.unwrap();
    let readers = database.readers();
    let mut reader = readers.acquire().await.unwrap();
    sqlx::query("BEGIN").execute(&mut *reader).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut *reader).await.unwrap();
    assert_eq!(seen, 1);

    // So that a few rows make it long.
    database.cut_at = 100_000;
    for number in 1..=10 {
        database.write(&keep(number, 100_000)).await.unwrap();
    }
    assert!(database.health().log > 1_000_000, "the reader still needs it");
    assert_eq!(database.cut_at, LOG_LIMIT + LOG_STEP, "it is not tried again at every commit");

    sqlx::query("COMMIT").execute(&mut *reader).await.unwrap();
    database.cut_at = 100_000;
    database.tend().await.unwrap();
    assert_eq!((database.health().log, database.cut_at), (0, LOG_LIMIT));
    assert_eq!(count(&mut database).await, 11);
}

#[tokio::test]
async fn waiting_for_a_lock_is_as_before_after_the_log_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = open(&dir, &[KEPT]).await.unwrap();
    database.cut_log().await.unwrap();
    let timeout: i64 =
        sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(database.connection()).await.unwrap();
    assert_eq!(u128::try_from(timeout).unwrap(), BUSY.as_millis());
}
