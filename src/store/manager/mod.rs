//! What a manager keeps: `manager.db`.

mod access_row;
mod age;
mod batch;
mod decision_row;
mod event_row;
#[cfg(test)]
mod faults;
mod file_row;
mod image_row;
mod node_row;
mod reader;
mod request_row;
mod run_row;
mod service_row;
mod task_row;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::{FromRow, SqlitePool};

use crate::model::access::{Admission, Token};
use crate::model::epoch::Epoch;
use crate::model::id::{ClusterId, InstanceId, RequestId, TaskId};
use crate::model::image::StoredImage;
use crate::model::managed_file::ManagedFile;
use crate::model::node::Node;
use crate::model::service::Service;
use crate::model::task::Task;
use crate::model::time::Timestamp;

use super::column::word;
use super::database::{Database, Health};
use super::error::Error;
use super::files::{Lock, Paths};
use super::insert::Statement;
use super::scan::{Unreadable, scan};

use access_row::{AdmissionRow, TokenRow};
pub use batch::Batch;
pub use event_row::StoredEvent;
use file_row::FileRow;
use image_row::ImageRow;
use node_row::NodeRow;
pub use reader::{ManagerReader, TaskFilter};
use run_row::RunRow;
use service_row::{ServiceRow, VersionRow, assemble};
use task_row::TaskRow;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/manager");

/// The one writer of a cluster's state. Whoever owns it is the manager: it holds what [`Self::load`] gave in
/// memory, and hands over each change.
#[derive(Debug)]
pub struct ManagerStore {
    database: Database,
    readers: SqlitePool,
    /// Given up last.
    _lock: Lock,
}

/// All that a manager begins with.
#[derive(Debug)]
pub struct ManagerState {
    /// Made with the file.
    pub cluster: ClusterId,
    /// How often a manager was started on this file, this time included.
    pub epoch: u64,
    /// Where this and former epochs began.
    pub epochs: Vec<Epoch>,
    /// How long managers have run on this file.
    pub lived: Duration,
    /// The last one that was written.
    pub revision: u64,
    /// For the next [`Task::seq`]. No number is given twice, even if its task was forgotten.
    pub next_task_seq: u64,
    /// For the next [`StoredEvent::seq`].
    pub next_event_seq: u64,
    /// Moves that an operator's rebalance may still begin.
    pub rebalance: u32,
    /// In order of [`Task::seq`].
    pub tasks: Vec<Task>,
    /// Tasks and nodes that must be left alone. Their names are still taken.
    pub unreadable: Vec<Unreadable>,
    /// In the order in which they joined.
    pub nodes: Vec<Node>,
    /// Every service with its versions, by name.
    pub services: Vec<Service>,
    /// Services that must be left alone. Their names are still taken.
    pub unreadable_services: Vec<Unreadable>,
    /// Every secret and config with its versions, by kind and name.
    pub files: Vec<ManagedFile>,
    /// The keys that secrets are sealed by, as far as there are secrets.
    pub seals: Vec<String>,
    /// Secrets and configs, or versions of them, that cannot be read: as good as not there.
    pub unreadable_files: Vec<Unreadable>,
    /// Every image that the manager hands out and that can be read, by name.
    pub images: Vec<StoredImage>,
    /// Every request that was answered, its task, and the digest of what it asked.
    pub requests: Vec<(RequestId, TaskId, String)>,
    /// Every token that was given out and can be read; one that cannot is as good as none.
    pub tokens: Vec<Token>,
    /// Every worker that was let in.
    pub admissions: Vec<Admission>,
}

impl ManagerStore {
    /// Opens or creates the store in `dir`, and durably counts one more epoch.
    ///
    /// `dir` is made with mode 0700 and the file with 0600 where there is none. [`Error::Locked`] when another
    /// process has it.
    pub async fn open(dir: &Path, now: Timestamp) -> Result<Self, Error> {
        let paths = Paths::new(dir, "manager");
        let lock = Lock::acquire(&paths)?;
        let mut database = Database::open(paths, &MIGRATIONS).await?;
        let epoch = json!([{ "cluster": ClusterId::generate(), "now": now.to_string() }]);
        let start = json!([InstanceId::generate()]);
        let begin = [(COUNT_EPOCH, epoch), (KEEP_EPOCH, start)];
        database.write(&begin.map(|(sql, json)| Statement::of_json(sql, json.to_string()))).await?;
        let readers = database.readers();
        Ok(Self { database, readers, _lock: lock })
    }

    /// Reads everything. A row that cannot be read is among [`ManagerState::unreadable`] and stops only itself.
    pub async fn load(&mut self) -> Result<ManagerState, Error> {
        read_state(&mut self.database).await
    }

    /// Writes a batch in one durable transaction: all of it when this returns `Ok`, else nothing.
    ///
    /// [`Error::Full`]: after it, a batch that makes nothing larger (a changed task, a forgotten one) is likely
    /// to find room in the reserve that was given up; leave new tasks out of it until [`Self::health`] is no
    /// longer tight.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        self.database.write(&batch.statements()).await
    }

    /// Deletes up to 10,000 events since which managers have run for `retention` on this store, oldest first; how many
    /// there were. `lived` is how long managers have run on it by now. To be called now and then: what is of one call is
    /// of one age.
    pub async fn prune(&mut self, lived: Duration, retention: Duration) -> Result<u64, Error> {
        self.database.write(&age::statements(lived, retention)).await?;
        self.database.changes().await
    }

    /// A handle for those who only read.
    pub fn reader(&self) -> ManagerReader {
        ManagerReader::new(self.readers.clone(), self.database.paths().db.clone())
    }

    /// How it is doing.
    pub fn health(&self) -> Health {
        self.database.health()
    }

    /// Whether nothing new should be taken, because the disk is full.
    pub const fn is_tight(&self) -> bool {
        self.database.is_tight()
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

const COUNT_EPOCH: &str = "
    INSERT INTO meta (one, cluster, epoch, revision, last_task, last_event, created_at, opened_at)
    SELECT 1, value ->> 'cluster', 1, 0, 0, 0, value ->> 'now', value ->> 'now' FROM json_each(?) WHERE true
    ON CONFLICT (one) DO UPDATE SET epoch = epoch + 1, opened_at = excluded.opened_at";

/// Where the epoch begins that was just counted.
const KEEP_EPOCH: &str = "
    INSERT INTO epochs (epoch, start, revision)
    SELECT meta.epoch, value, meta.revision FROM meta, json_each(?)";

/// A worker that was away for so many starts of its manager is judged by numbers alone.
const EPOCHS: &str = "SELECT epoch, start, revision FROM epochs ORDER BY epoch DESC LIMIT 1000";

#[derive(FromRow)]
struct MetaRow {
    cluster: String,
    epoch: u64,
    revision: u64,
    last_task: u64,
    last_event: u64,
    rebalance: u32,
    lived_ms: u64,
}

async fn read_state(database: &mut Database) -> Result<ManagerState, Error> {
    let file = database.paths().db.clone();
    let failed = |error: sqlx::Error| Error::from_sqlx(&file, &error);
    let connection = database.connection();
    let meta: MetaRow =
        sqlx::query_as("SELECT * FROM meta").fetch_one(&mut *connection).await.map_err(failed)?;
    let tasks = "SELECT seq AS row, * FROM tasks WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let tasks = scan::<TaskRow>(connection, tasks).await.map_err(failed)?;
    let nodes = "SELECT rowid AS row, * FROM nodes WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let nodes = scan::<NodeRow>(connection, nodes).await.map_err(failed)?;
    let services = "SELECT rowid AS row, * FROM services WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let services = scan::<ServiceRow>(connection, services).await.map_err(failed)?;
    let versions = "
        SELECT rowid AS row, service AS name, * FROM service_versions WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let versions = scan::<VersionRow>(connection, versions).await.map_err(failed)?;
    let runs =
        "SELECT rowid AS row, service AS name, * FROM service_runs WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let runs = scan::<RunRow>(connection, runs).await.map_err(failed)?;
    let damaged = services.unreadable;
    let parts = [versions.unreadable, runs.unreadable].concat();
    let (services, broken) = assemble(services.items, versions.items, runs.items, &parts);
    let services_unreadable = damaged.into_iter().chain(broken).collect();
    let files = "SELECT rowid AS row, * FROM files WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let files = scan::<FileRow>(connection, files).await.map_err(failed)?;
    let versions = scan::<file_row::VersionRow>(connection, file_row::VERSIONS).await.map_err(failed)?;
    let unreadable_files = files.unreadable.into_iter().chain(versions.unreadable).collect();
    let (files, seals) = file_row::assemble(files.items, versions.items);
    let images = "SELECT rowid AS row, * FROM images WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let images = scan::<ImageRow>(connection, images).await.map_err(failed)?;
    let requests: Vec<(String, String, String)> = sqlx::query_as("SELECT id, task, digest FROM requests")
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let tokens = "SELECT rowid AS row, * FROM tokens WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let tokens = scan::<TokenRow>(connection, tokens).await.map_err(failed)?;
    let admissions = "SELECT rowid AS row, * FROM admissions WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    let admissions = scan::<AdmissionRow>(connection, admissions).await.map_err(failed)?;
    let epochs: Vec<(u64, String, u64)> =
        sqlx::query_as(EPOCHS).fetch_all(&mut *connection).await.map_err(failed)?;
    let epoch = |(number, start, revision): (u64, String, u64)| {
        Some(Epoch { number, start: word("start", &start).ok()?, revision })
    };
    Ok(ManagerState {
        cluster: word("meta.cluster", &meta.cluster).map_err(|problem| Error::corrupt(&file, &problem))?,
        epoch: meta.epoch,
        // Of one that cannot be read, the numbers alone are judged.
        epochs: epochs.into_iter().filter_map(epoch).collect(),
        lived: Duration::from_millis(meta.lived_ms),
        revision: meta.revision,
        next_task_seq: meta.last_task + 1,
        next_event_seq: meta.last_event + 1,
        rebalance: meta.rebalance,
        tasks: tasks.items,
        unreadable: tasks.unreadable.into_iter().chain(nodes.unreadable).collect(),
        nodes: nodes.items,
        unreadable_services: services_unreadable,
        services,
        files,
        seals,
        unreadable_files,
        images: images.items,
        // One that cannot be read can only be asked for by an identifier that nobody has.
        requests: requests
            .into_iter()
            .filter_map(|(id, task, digest)| Some((word("id", &id).ok()?, word("task", &task).ok()?, digest)))
            .collect(),
        tokens: tokens.items,
        admissions: admissions.items,
    })
}
