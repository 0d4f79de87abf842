//! One SQLite file with one connection that writes: opened with care, written in durable transactions, its log
//! kept short, and carried over a full disk.

#[cfg(test)]
mod tests;

use std::fs;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, SqlitePool};

use super::ballast::Ballast;
use super::connect::{self, BUSY};
use super::error::Error;
use super::files::{Paths, Watch};
use super::insert::{Parameter, Statement};

/// Bytes of log above which it is cut at the next chance. SQLite itself begins it anew at 16 MB unless a reader
/// is in the way.
const LOG_LIMIT: u64 = 32 << 20;

/// Bytes by which the log grows between two attempts to cut it while a reader is in the way.
const LOG_STEP: u64 = 8 << 20;

/// Bytes of log that somebody should hear of.
const LOG_ALARM: u64 = 64 << 20;

/// Bytes of rows after which the log's length is looked at again, and what a commit counts for at least: the pages that
/// even a small one changes.
const LOOK_EVERY: usize = 1 << 20;
const LEAST_COMMIT: usize = 64 << 10;

/// What becomes of an emptied log's room on the disk.
#[derive(Debug, Clone, Copy)]
enum Afterwards {
    /// The next commits write over it.
    KeepRoom,
    /// The file is cut.
    GiveBack,
}

/// How a store is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether the disk is so full that the reserve was given up, or never found room: take nothing new.
    pub tight: bool,
    /// Bytes of SQLite's write-ahead log. It stays far below 64 MB unless another program reads for very long.
    pub log: u64,
}

/// An open database.
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
    /// Bytes written since its length was looked at.
    unlooked: usize,
}

impl Database {
    /// Opens or creates the file, refuses a damaged or newer one, and brings its schema up to date.
    pub(super) async fn open(paths: Paths, migrator: &Migrator) -> Result<Self, Error> {
        let writer = connect::writer(&paths, migrator).await?;
        let watch = Watch::new(&paths);
        let ballast = Ballast::new(paths.ballast.clone());
        Ok(Self { paths, writer, watch, ballast, in_transaction: false, cut_at: LOG_LIMIT, unlooked: 0 })
    }

    /// Connections that only read, made when they are needed.
    pub(super) fn readers(&self) -> SqlitePool {
        connect::readers(&self.paths)
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
    pub(super) async fn write(&mut self, statements: &[Statement]) -> Result<(), Error> {
        let mut result = self.transaction(statements).await;
        if matches!(result, Err(Error::Full(_))) {
            self.make_room().await?;
            if self.ballast.is_held() {
                result = self.transaction(statements).await;
            }
        }
        let written: usize = statements.iter().map(Statement::bytes).sum();
        self.unlooked += written.max(LEAST_COMMIT);
        if self.unlooked < LOOK_EVERY && self.ballast.is_held() {
            return result;
        }
        result.and(self.keep_log_short().await)
    }

    /// Cuts the log when it is long. While there is no reserve it must not grow at all.
    async fn keep_log_short(&mut self) -> Result<(), Error> {
        self.unlooked = 0;
        if !self.ballast.is_held() {
            return self.empty_log(Afterwards::KeepRoom).await.map(drop);
        }
        if self.log_length() < self.cut_at {
            return Ok(());
        }
        self.cut_log().await
    }

    /// How many rows the last statement changed.
    pub(super) async fn changes(&mut self) -> Result<u64, Error> {
        let changes = sqlx::query_scalar("SELECT changes()").fetch_one(&mut self.writer).await;
        changes.map_err(|error| Error::from_sqlx(&self.paths.db, &error))
    }

    /// Runs `statements` between BEGIN and COMMIT.
    ///
    /// Not by sqlx's own transactions: SQLite ends a transaction by itself when the disk is full, and sqlx
    /// would then go on counting it as open.
    async fn transaction(&mut self, statements: &[Statement]) -> Result<(), Error> {
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

    /// Gives the reserve up, unless the room that the log takes on the disk is enough to go on.
    ///
    /// If it is not, the log keeps its room: even deleting needs some there, and this much is sure.
    async fn make_room(&mut self) -> Result<(), Error> {
        let had_reserve = self.ballast.is_held();
        self.ballast.release();
        self.empty_log(Afterwards::KeepRoom).await?;
        if self.ballast.fits_beside(self.log_length()) {
            self.empty_log(Afterwards::GiveBack).await?;
            self.ballast.restore();
        }
        if had_reserve && !self.ballast.is_held() {
            tracing::error!(
                "the disk of {} is full: orc takes no new tasks until there is room",
                self.paths.db.display()
            );
        }
        Ok(())
    }

    /// Cuts the log. While a reader is in the way it stays, and is tried again when it has grown some more.
    async fn cut_log(&mut self) -> Result<(), Error> {
        let emptied = self.empty_log(Afterwards::GiveBack).await?;
        let length = self.log_length();
        if !emptied && length >= LOG_ALARM {
            tracing::warn!(
                "{} has grown to {} MiB because another program has been reading the database for long: end it",
                self.paths.wal.display(),
                length >> 20
            );
        }
        self.cut_at = if emptied { LOG_LIMIT } else { length.max(LOG_LIMIT) + LOG_STEP };
        Ok(())
    }

    /// Copies the log into the database, so that it can begin anew, without waiting for anybody. Whether that
    /// was possible: a reader that began long ago still needs it, and a full disk may not take the copy.
    async fn empty_log(&mut self, afterwards: Afterwards) -> Result<bool, Error> {
        let result = checkpoint(&mut self.writer, afterwards).await;
        match result.map_err(|error| Error::from_sqlx(&self.paths.db, &error)) {
            Err(Error::Full(_) | Error::Locked(_)) => Ok(false),
            other => other,
        }
    }

    fn log_length(&self) -> u64 {
        fs::metadata(&self.paths.wal).map_or(0, |metadata| metadata.len())
    }

    /// Whether the disk is so full that the reserve was given up, or never found room.
    pub(super) const fn is_tight(&self) -> bool {
        !self.ballast.is_held()
    }

    /// How it is doing.
    pub(super) fn health(&self) -> Health {
        Health { tight: self.is_tight(), log: self.log_length() }
    }

    /// Fails with [`Error::Unusable`] when the files were removed, replaced or emptied; sets the reserve aside
    /// again if there is room. Cheap when all is well: a few `stat`s.
    pub(super) async fn tend(&mut self) -> Result<(), Error> {
        if let Err(error) = self.watch.check(&self.paths) {
            // If only the log was removed, this saves what was in it.
            let _ = checkpoint(&mut self.writer, Afterwards::KeepRoom).await;
            return Err(error);
        }
        if !self.ballast.is_held() {
            self.ballast.restore();
        }
        self.keep_log_short().await
    }

    /// Empties the log and lets go of the files.
    pub(super) async fn close(mut self) -> Result<(), Error> {
        let cut = self.cut_log().await;
        let closed = self.writer.close().await;
        cut.and(closed.map_err(|error| Error::from_sqlx(&self.paths.db, &error)))
    }
}

/// One trip to SQLite's thread for a whole transaction. There are few texts and few mixtures of them, so that each mixture
/// is prepared only once too.
async fn run(writer: &mut SqliteConnection, statements: &[Statement]) -> Result<(), sqlx::Error> {
    let mut sql = "BEGIN IMMEDIATE;".to_owned();
    for statement in statements {
        sql.push_str(&statement.sql);
        sql.push(';');
    }
    sql.push_str("COMMIT");
    let query = sqlx::query(AssertSqlSafe(sql));
    let parameters = statements.iter().flat_map(|statement| &statement.parameters);
    let query = parameters.fold(query, |query, parameter| match parameter {
        Parameter::Null => query.bind(None::<i64>),
        Parameter::Integer(number) => query.bind(number),
        Parameter::Real(number) => query.bind(number),
        Parameter::Text(text) => query.bind(text.as_str()),
        Parameter::Blob(bytes) => query.bind(bytes.as_slice()),
    });
    query.execute(writer).await.map(drop)
}

/// Whether the log could be emptied.
async fn checkpoint(writer: &mut SqliteConnection, afterwards: Afterwards) -> Result<bool, sqlx::Error> {
    let sql = match afterwards {
        Afterwards::KeepRoom => "PRAGMA wal_checkpoint(RESTART)",
        Afterwards::GiveBack => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *writer).await?;
    let blocked: Result<bool, _> = sqlx::query_scalar(sql).fetch_one(&mut *writer).await;
    sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {}", BUSY.as_millis())))
        .execute(&mut *writer)
        .await?;
    Ok(!blocked?)
}
