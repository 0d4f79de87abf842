//! What a worker keeps: `worker-1.db`, `worker-2.db` … one for each worker of a process.

mod batch;
mod event_row;
mod record_row;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::{FromRow, SqlitePool};

use crate::model::record::Record;
use crate::model::time::Timestamp;

use super::column::{optional, time, word};
use super::database::{Database, Health};
use super::error::Error;
use super::files::{self, Lock, Paths};
use super::insert::Statement;
use super::scan::{Page, Unreadable, number, page, scan};

pub use batch::{WorkerBatch, WorkerMeta};
pub use event_row::WorkerEvent;
use event_row::WorkerEventRow;
use record_row::RecordRow;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/worker");

/// The one writer of a worker's state.
#[derive(Debug)]
pub struct WorkerStore {
    database: Database,
    readers: SqlitePool,
    /// Given up last.
    _lock: Lock,
}

/// All that a worker begins with.
#[derive(Debug)]
pub struct WorkerState {
    /// When the file was made.
    pub created_at: Timestamp,
    /// How often a worker was started on this file, this time included.
    pub starts: u64,
    /// As it was written last; empty in a new file.
    pub meta: WorkerMeta,
    /// For the next [`WorkerEvent::seq`].
    pub next_event_seq: u64,
    /// In the order in which they came.
    pub records: Vec<Record>,
    /// Records that must be left alone until the manager has sent their tasks again.
    pub unreadable: Vec<Unreadable>,
}

impl WorkerStore {
    /// Opens or creates the store of worker `number` in `dir`.
    ///
    /// A damaged file is moved aside and begun anew: the manager and the labels of the containers know all that
    /// matters. A newer one is refused, because it is not damaged.
    pub async fn open(dir: &Path, number: u32, now: Timestamp) -> Result<Self, Error> {
        let paths = Paths::new(dir, &format!("worker-{number}"));
        let lock = Lock::acquire(&paths)?;
        let database = match open_whole(&paths, now).await {
            Err(Error::Corrupt(reason)) => {
                let aside = files::set_aside(&paths, &now.to_string())?;
                tracing::error!("{reason}. It is now {}, and this worker begins anew", aside.display());
                open_whole(&paths, now).await
            }
            other => other,
        }?;
        let readers = database.readers();
        Ok(Self { database, readers, _lock: lock })
    }

    /// Reads everything but the events.
    pub async fn load(&mut self) -> Result<WorkerState, Error> {
        read_state(&mut self.database).await
    }

    /// Writes a batch in one durable transaction: all of it when this returns `Ok`, else nothing.
    ///
    /// [`Error::Full`]: after it, a batch that makes nothing larger is likely to find room in the reserve that
    /// was given up.
    pub async fn commit(&mut self, batch: &WorkerBatch) -> Result<(), Error> {
        self.database.write(&batch.statements()).await
    }

    /// Deletes the events up to `acknowledged`, which the manager has; how many there were.
    pub async fn prune_events(&mut self, acknowledged: u64) -> Result<u64, Error> {
        self.database.write(&[Statement::of_json(PRUNE, json!([acknowledged]).to_string())]).await?;
        self.database.changes().await
    }

    /// A handle for those who only read.
    pub fn reader(&self) -> WorkerReader {
        WorkerReader { pool: self.readers.clone(), file: self.database.paths().db.clone() }
    }

    /// How it is doing.
    pub fn health(&self) -> Health {
        self.database.health()
    }

    /// To be called every few seconds: takes up the reserve again once the disk has room for it, and fails with
    /// [`Error::Unusable`] when another hand has removed, replaced or emptied the files.
    pub async fn tend(&mut self) -> Result<(), Error> {
        self.database.tend().await
    }

    /// Lets go of the files in good order. Being killed instead loses nothing.
    pub async fn close(self) -> Result<(), Error> {
        self.readers.close().await;
        self.database.close().await
    }
}

/// Reads what is committed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WorkerReader {
    pool: SqlitePool,
    file: PathBuf,
}

impl WorkerReader {
    /// Up to `limit` events whose `seq` is above `after`.
    pub async fn events_after(&self, after: u64, limit: u32) -> Result<Page<WorkerEvent>, Error> {
        let query = sqlx::query("SELECT seq AS row, * FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .bind(number(after))
            .bind(limit);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| Error::from_sqlx(&self.file, &error))?;
        Ok(page::<WorkerEventRow>(&rows, limit))
    }
}

const BEGIN: &str = "
    INSERT INTO meta (one, epoch, revision, last_event, created_at, opened_at, starts)
    SELECT 1, 0, 0, 0, value, value, 1 FROM json_each(?) WHERE true
    ON CONFLICT (one) DO UPDATE SET opened_at = excluded.opened_at, starts = starts + 1";

const PRUNE: &str = "DELETE FROM events WHERE seq <= (SELECT value FROM json_each(?))";

/// Opens the database and makes sure that all of it can be read.
async fn open_whole(paths: &Paths, now: Timestamp) -> Result<Database, Error> {
    let mut database = Database::open(paths.clone(), &MIGRATIONS).await?;
    let json = json!([now.to_string()]).to_string();
    let mut result = database.write(&[Statement::of_json(BEGIN, json)]).await;
    if result.is_ok() {
        result = read_state(&mut database).await.map(drop);
    }
    if let Err(error) = result {
        let _ = database.close().await;
        return Err(error);
    }
    Ok(database)
}

#[derive(FromRow)]
struct MetaRow {
    node: Option<String>,
    cluster: Option<String>,
    epoch: u64,
    start: Option<String>,
    revision: u64,
    boot_id: Option<String>,
    last_event: u64,
    starts: u64,
    created_at: String,
}

impl MetaRow {
    fn decode(self) -> Result<WorkerMeta, String> {
        Ok(WorkerMeta {
            node: optional("meta.node", self.node.as_ref(), word)?,
            cluster: optional("meta.cluster", self.cluster.as_ref(), word)?,
            epoch: self.epoch,
            start: optional("meta.start", self.start.as_ref(), word)?,
            revision: self.revision,
            boot_id: self.boot_id,
        })
    }
}

async fn read_state(database: &mut Database) -> Result<WorkerState, Error> {
    let file = database.paths().db.clone();
    let failed = |error: sqlx::Error| Error::from_sqlx(&file, &error);
    let connection = database.connection();
    let meta: MetaRow =
        sqlx::query_as("SELECT * FROM meta").fetch_one(&mut *connection).await.map_err(failed)?;
    let records = "SELECT rowid AS row, * FROM records WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let records = scan::<RecordRow>(connection, records).await.map_err(failed)?;
    Ok(WorkerState {
        next_event_seq: meta.last_event + 1,
        starts: meta.starts,
        created_at: time("meta.created_at", &meta.created_at)
            .map_err(|problem| Error::corrupt(&file, &problem))?,
        meta: meta.decode().map_err(|problem| Error::corrupt(&file, &problem))?,
        records: records.items,
        unreadable: records.unreadable,
    })
}
