//! Connections to a database: their settings, and what is checked before the first of them may write.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::error::Error;
use super::files::{self, Paths};

/// Connections that read. Each is a thread that sleeps when nobody asks.
const READERS: u32 = 4;

/// After so long without work a reading connection ends.
const READER_IDLE: Duration = Duration::from_mins(1);

/// How long to wait for another program's lock. orc's own connections never wait for each other.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// For every connection. A commit is on the disk before it is answered. The caches are small, because the caller
/// has its rows in memory anyway. The log is copied into the database at 16 MB: the pages that most commits
/// change are then copied once for many of them. Since anybody may have had the file, functions in its schema are
/// not trusted, and pages are looked at more closely when they are read.
const SETTINGS: &str = "
    PRAGMA journal_mode = wal;
    PRAGMA synchronous = full;
    PRAGMA foreign_keys = on;
    PRAGMA temp_store = memory;
    PRAGMA cache_size = -4096;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA trusted_schema = off;
    PRAGMA cell_size_check = on;";

/// The connection that writes. Creates the file if need be, refuses a damaged or newer one, and brings its schema
/// up to date.
pub(super) async fn writer(paths: &Paths, migrator: &Migrator) -> Result<SqliteConnection, Error> {
    files::prepare(paths)?;
    let mut writer = options(paths).connect().await.map_err(|error| Error::from_sqlx(&paths.db, &error))?;
    match make_ready(paths, &mut writer, migrator).await {
        Ok(()) => Ok(writer),
        Err(error) => {
            // Not just dropped: its thread would go on closing it behind the back of whoever moves the file.
            let _ = writer.close().await;
            Err(error)
        }
    }
}

/// Connections that only read, made when they are needed.
pub(super) fn readers(paths: &Paths) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(READER_IDLE)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(|reader, _| {
            Box::pin(async { sqlx::raw_sql(SETTINGS).execute(reader).await.map(drop) })
        })
        .connect_lazy_with(options(paths).read_only(true))
}

fn options(paths: &Paths) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(&paths.db).busy_timeout(BUSY).disable_statement_logging()
}

async fn make_ready(paths: &Paths, writer: &mut SqliteConnection, migrator: &Migrator) -> Result<(), Error> {
    let failed = |error: sqlx::Error| Error::from_sqlx(&paths.db, &error);
    sqlx::raw_sql(SETTINGS).execute(&mut *writer).await.map_err(failed)?;
    check_structure(paths, writer).await?;
    migrator.run(writer).await.map_err(|error| Error::from_migration(&paths.db, &error))
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
