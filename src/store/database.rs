//! One SQLite file with one connection that writes: opened with care, written in durable transactions, its log
//! kept short, and carried over a full disk.

use std::fs;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::ballast::Ballast;
use super::error::Error;
use super::files::{self, Lock, Paths, Watch};

/// Connections that read. Each is a thread that sleeps when nobody asks.
const READERS: u32 = 4;

/// How long to wait for another program's lock. orc's own connections never wait for each other.
const BUSY: Duration = Duration::from_secs(5);

/// Bytes of log above which it is cut at the next chance. SQLite itself does so at 4 MB unless a reader is in
/// the way.
const LOG_LIMIT: u64 = 32 << 20;

/// Bytes by which the log grows between two attempts to cut it while a reader is in the way.
const LOG_STEP: u64 = 8 << 20;

/// One statement of a batch. Its only parameter is JSON, so that one text serves any number of rows: it is
/// prepared once and costs one trip to SQLite.
#[derive(Debug)]
pub(super) struct Statement {
    /// Takes its rows from `json_each(?1)`, or its values from `?1`.
    pub(super) sql: &'static str,
    /// An array of rows, or one object.
    pub(super) json: String,
}

/// How a store is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether the disk is so full that the reserve was given up, or never found room: take nothing new.
    pub tight: bool,
    /// Bytes of SQLite's write-ahead log. It stays far below 64 MB unless another program reads for very long.
    pub log: u64,
}

/// An open database, and the lock on it.
#[derive(Debug)]
pub(super) struct Database {
    paths: Paths,
    writer: SqliteConnection,
    watch: Watch,
    ballast: Ballast,
    /// Whether a transaction was begun and its end has not been seen.
    in_transaction: bool,
    /// Bytes of log at which it is cut next.
    cut_at: u64,
    _lock: Lock,
}

impl Database {
    /// Opens or creates the file, refuses a damaged or newer one, and brings its schema up to date.
    pub(super) async fn open(paths: Paths, lock: Lock, migrator: &Migrator) -> Result<Self, Error> {
        files::prepare(&paths)?;
        let mut writer =
            options(&paths).connect().await.map_err(|error| Error::from_sqlx(&paths.db, &error))?;
        check_structure(&paths, &mut writer).await?;
        migrator.run(&mut writer).await.map_err(|error| Error::from_migration(&paths.db, &error))?;
        let watch = Watch::new(&paths);
        let ballast = Ballast::new(paths.ballast.clone());
        Ok(Self { paths, writer, watch, ballast, in_transaction: false, cut_at: LOG_LIMIT, _lock: lock })
    }

    /// Connections that only read, made when they are needed.
    pub(super) fn readers(&self) -> SqlitePool {
        SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(options(&self.paths).read_only(true))
    }

    /// The writing connection, for reading at the start.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.writer
    }

    /// Where its files are.
    pub(super) const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Writes all of `statements` or nothing, durably.
    ///
    /// On [`Error::Full`] nothing was written, and [`Self::health`] is tight from then on; but the reserve was
    /// given up, so that what makes nothing larger is likely to succeed now.
    pub(super) async fn write(&mut self, statements: &[Statement]) -> Result<u64, Error> {
        let mut result = self.transaction(statements).await;
        if matches!(result, Err(Error::Full(_))) {
            self.make_room().await;
            if self.ballast.is_held() {
                result = self.transaction(statements).await;
            }
        }
        if !self.ballast.is_held() || self.log_length() >= self.cut_at {
            self.cut_log().await;
        }
        result
    }

    /// Runs `statements` between BEGIN and COMMIT; how many rows they changed.
    ///
    /// Not by sqlx's own transactions: SQLite ends a transaction by itself when the disk is full, and sqlx
    /// would then go on counting it as open.
    async fn transaction(&mut self, statements: &[Statement]) -> Result<u64, Error> {
        if self.in_transaction {
            // The future of the one before was dropped halfway.
            self.roll_back().await;
        }
        self.in_transaction = true;
        let result = run(&mut self.writer, statements).await;
        if result.is_err() {
            self.roll_back().await;
        }
        self.in_transaction = false;
        result.map_err(|error| Error::from_sqlx(&self.paths.db, &error))
    }

    async fn roll_back(&mut self) {
        // It fails when there is nothing to roll back, which is as good.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.writer).await;
    }

    /// Gets back the room that the log takes, at the price of the reserve if it must be.
    async fn make_room(&mut self) {
        self.ballast.release();
        self.cut_log().await;
        self.ballast.restore();
        if !self.ballast.is_held() {
            tracing::error!(
                "the disk of {} is full: orc takes no new tasks until there is room",
                self.paths.db.display()
            );
        }
    }

    /// Tries to set the reserve aside again; cheap when there is one.
    pub(super) fn regain_room(&mut self) {
        if !self.ballast.is_held() {
            self.ballast.restore();
        }
    }

    /// Copies the log into the database and empties it, without waiting for anybody.
    ///
    /// A reader that began long ago still needs the log. Then it stays, and is tried again when it has grown
    /// some more.
    async fn cut_log(&mut self) {
        let blocked = checkpoint(&mut self.writer).await.unwrap_or(true);
        let length = self.log_length();
        if blocked && length >= self.cut_at {
            tracing::warn!(
                "{} has grown to {} MiB because another program has been reading the database for long: end it",
                self.paths.wal.display(),
                length >> 20
            );
        }
        self.cut_at = if blocked { length.max(LOG_LIMIT) + LOG_STEP } else { LOG_LIMIT };
    }

    fn log_length(&self) -> u64 {
        fs::metadata(&self.paths.wal).map_or(0, |metadata| metadata.len())
    }

    /// How it is doing.
    pub(super) fn health(&self) -> Health {
        Health { tight: !self.ballast.is_held(), log: self.log_length() }
    }

    /// Fails with [`Error::Unusable`] when the files were removed, replaced or emptied. Cheap: a few `stat`s.
    pub(super) async fn check_files(&mut self) -> Result<(), Error> {
        let result = self.watch.check(&self.paths);
        if result.is_err() {
            // If only the log was removed, this saves what was in it.
            let _ = checkpoint(&mut self.writer).await;
        }
        result
    }

    /// Empties the log and lets go of the files.
    pub(super) async fn close(mut self) -> Result<(), Error> {
        self.cut_log().await;
        self.writer.close().await.map_err(|error| Error::from_sqlx(&self.paths.db, &error))
    }
}

/// The settings of every connection. What is not SQLite's default and not obvious:
/// a small cache, because the caller has its rows in memory anyway; functions in the schema are not trusted,
/// and pages are looked at more closely when they are read, because anybody may have had the file.
fn options(paths: &Paths) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&paths.db)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-4096")
        .pragma("trusted_schema", "off")
        .pragma("cell_size_check", "on")
        .disable_statement_logging()
}

async fn run(writer: &mut SqliteConnection, statements: &[Statement]) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *writer).await?;
    for statement in statements {
        changed += sqlx::query(statement.sql)
            .bind(statement.json.as_str())
            .execute(&mut *writer)
            .await?
            .rows_affected();
    }
    sqlx::query("COMMIT").execute(&mut *writer).await?;
    Ok(changed)
}

/// Whether a reader was in the way.
async fn checkpoint(writer: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *writer).await?;
    let result = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *writer).await;
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {}", BUSY.as_millis())))
        .execute(&mut *writer)
        .await?;
    result
}

/// Refuses a file whose structure is damaged, in about a second per 500 MB.
///
/// What is wrong with a single row only (a value of the wrong type, a CHECK that does not hold) is no reason
/// to refuse: that row stops itself when it is read.
async fn check_structure(paths: &Paths, writer: &mut SqliteConnection) -> Result<(), Error> {
    let failed = |error: sqlx::Error| Error::from_sqlx(&paths.db, &error);
    sqlx::query("PRAGMA ignore_check_constraints = on").execute(&mut *writer).await.map_err(failed)?;
    let findings: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check").fetch_all(&mut *writer).await.map_err(failed)?;
    sqlx::query("PRAGMA ignore_check_constraints = off").execute(&mut *writer).await.map_err(failed)?;
    let about_a_row = |finding: &String| finding.contains(" value in ");
    match findings.iter().find(|finding| *finding != "ok" && !about_a_row(finding)) {
        Some(finding) => Err(Error::corrupt(&paths.db, finding)),
        None => Ok(()),
    }
}
