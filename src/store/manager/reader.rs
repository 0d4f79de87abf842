//! Reading a manager's state beside its writer: pages and single rows, never a long transaction.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::stream::{self, Stream, TryStreamExt};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, SqlitePool};

use crate::model::decision::Decision;
use crate::model::event::EventKind;
use crate::model::id::{NodeName, RequestId, TaskId};
use crate::model::managed_file::{AtRest, FileKey};
use crate::model::request::Request;
use crate::model::service::ServiceName;
use crate::model::state::State;
use crate::model::task::Task;
use crate::store::column::word;
use crate::store::error::Error;
use crate::store::scan::{Page, Stored, decode, number, page};

use super::decision_row::DecisionRow;
use super::event_row::{ManagerEventRow, StoredEvent};
use super::file_row::ContentsRow;
use super::request_row::RequestRow;
use super::task_row::TaskRow;

/// Tasks that [`ManagerReader::stream`] reads at a time.
const STREAMED: u32 = 500;

/// Reads what is committed. Cheap to clone; each call is a transaction of its own, so nothing that a caller
/// does slowly keeps the write-ahead log from being cut.
#[derive(Debug, Clone)]
pub struct ManagerReader {
    pool: SqlitePool,
    file: PathBuf,
}

/// Which tasks are wanted; by default all.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// In one of these states; empty = in any.
    pub states: Vec<State>,
    /// Of this name.
    pub name: Option<String>,
    /// On this node.
    pub node: Option<NodeName>,
    /// Of this service.
    pub service: Option<ServiceName>,
}

impl ManagerReader {
    pub(super) const fn new(pool: SqlitePool, file: PathBuf) -> Self {
        Self { pool, file }
    }

    /// One task.
    pub async fn task(&self, id: TaskId) -> Result<Option<Task>, Error> {
        let query = sqlx::query("SELECT * FROM tasks WHERE id = ?1").bind(id.to_string());
        self.one::<TaskRow>(query.fetch_optional(&self.pool).await)
    }

    /// The request of this identifier, if it was answered.
    pub async fn request(&self, id: RequestId) -> Result<Option<Request>, Error> {
        let query = sqlx::query("SELECT * FROM requests WHERE id = ?1").bind(id.to_string());
        self.one::<RequestRow>(query.fetch_optional(&self.pool).await)
    }

    /// What is in a version of a secret or a config, as it is kept.
    pub async fn contents(&self, key: &FileKey, version: u64) -> Result<Option<AtRest>, Error> {
        let query = sqlx::query(
            "SELECT sealed_by, contents FROM file_versions WHERE kind = ?1 AND name = ?2 AND version = ?3",
        );
        let query = query.bind(key.kind.word()).bind(key.name.as_str()).bind(number(version));
        self.one::<ContentsRow>(query.fetch_optional(&self.pool).await)
    }

    /// Up to `limit` tasks whose `seq` is above `after`.
    pub async fn tasks(&self, filter: &TaskFilter, after: u64, limit: u32) -> Result<Page<Task>, Error> {
        let mut query = QueryBuilder::new("SELECT seq AS row, * FROM tasks WHERE seq > ");
        query.push_bind(number(after));
        if !filter.states.is_empty() {
            query.push(" AND state IN (");
            let mut states = query.separated(", ");
            for state in &filter.states {
                states.push_bind(state.word());
            }
            query.push(")");
        }
        if let Some(name) = &filter.name {
            query.push(" AND name = ").push_bind(name.clone());
        }
        if let Some(node) = &filter.node {
            query.push(" AND node = ").push_bind(node.as_str().to_owned());
        }
        if let Some(service) = &filter.service {
            query.push(" AND service = ").push_bind(service.as_str().to_owned());
        }
        query.push(" ORDER BY seq LIMIT ").push_bind(limit);
        self.page::<TaskRow>(query.build().fetch_all(&self.pool).await, limit)
    }

    /// All tasks, a page at a time. What cannot be read is left out.
    pub fn stream(&self, filter: TaskFilter) -> impl Stream<Item = Result<Task, Error>> + Send + use<> {
        let reader = self.clone();
        let pages = stream::try_unfold(Some(0), move |after| {
            let (reader, filter) = (reader.clone(), filter.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                let page = reader.tasks(&filter, after, STREAMED).await?;
                Ok(Some((stream::iter(page.items.into_iter().map(Ok)), page.next)))
            }
        });
        pages.try_flatten()
    }

    /// Up to `limit` events of a task whose `seq` is above `after`.
    pub async fn events_of(&self, task: TaskId, after: u64, limit: u32) -> Result<Page<StoredEvent>, Error> {
        let query = sqlx::query(
            "SELECT seq AS row, * FROM events WHERE task = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        );
        let query = query.bind(task.to_string()).bind(number(after)).bind(limit);
        self.page::<ManagerEventRow>(query.fetch_all(&self.pool).await, limit)
    }

    /// The last decisions about a task's node, oldest first. What cannot be read is left out.
    pub async fn decisions_of(&self, task: TaskId) -> Result<Vec<Decision>, Error> {
        let query = sqlx::query("SELECT seq AS row, * FROM decisions WHERE task = ?1 ORDER BY seq");
        let rows = query.bind(task.to_string()).fetch_all(&self.pool).await;
        self.page::<DecisionRow>(rows, u32::MAX).map(|page| page.items)
    }

    /// The `newest` events of one kind of a task, oldest first.
    pub async fn events_of_kind(
        &self,
        task: TaskId,
        kind: EventKind,
        newest: u32,
    ) -> Result<Vec<StoredEvent>, Error> {
        let query = sqlx::query(
            "SELECT seq AS row, * FROM (
                SELECT * FROM events WHERE task = ?1 AND kind = ?2 ORDER BY seq DESC LIMIT ?3
            ) ORDER BY seq",
        );
        let rows = query.bind(task.to_string()).bind(kind.word()).bind(newest).fetch_all(&self.pool).await;
        self.page::<ManagerEventRow>(rows, u32::MAX).map(|page| page.items)
    }

    /// Up to `limit` events whose `seq` is above `after`.
    pub async fn events_after(&self, after: u64, limit: u32) -> Result<Page<StoredEvent>, Error> {
        let query = sqlx::query("SELECT seq AS row, * FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let query = query.bind(number(after)).bind(limit);
        self.page::<ManagerEventRow>(query.fetch_all(&self.pool).await, limit)
    }

    /// The number of the event that `newest` events follow; 0 = there are no more than that.
    pub async fn events_before_newest(&self, newest: u32) -> Result<u64, Error> {
        let query = sqlx::query_scalar("SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?1");
        let before = query.bind(newest).fetch_optional(&self.pool).await;
        before.map(Option::unwrap_or_default).map_err(|error| Error::from_sqlx(&self.file, &error))
    }

    /// How many tasks there are in each state that any is in.
    pub async fn count_by_state(&self) -> Result<BTreeMap<State, u64>, Error> {
        let counts: Vec<(String, u64)> = sqlx::query_as("SELECT state, count(*) FROM tasks GROUP BY state")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| Error::from_sqlx(&self.file, &error))?;
        Ok(counts
            .into_iter()
            .filter_map(|(state, count)| Some((word("state", &state).ok()?, count)))
            .collect())
    }

    fn one<R: Stored>(&self, row: sqlx::Result<Option<SqliteRow>>) -> Result<Option<R::Item>, Error> {
        let row = row.map_err(|error| Error::from_sqlx(&self.file, &error))?;
        row.map(|row| decode::<R>(&row).map_err(|unreadable| unreadable.into_error(&self.file))).transpose()
    }

    fn page<R: Stored>(
        &self,
        rows: sqlx::Result<Vec<SqliteRow>>,
        limit: u32,
    ) -> Result<Page<R::Item>, Error> {
        let rows = rows.map_err(|error| Error::from_sqlx(&self.file, &error))?;
        Ok(page::<R>(&rows, limit))
    }
}
