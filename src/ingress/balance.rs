//! Who has how many connections, and who gets the next one: the one place that counts them.
//!
//! Each choice reads the table as it is now and counts under one lock. So once a table without a task has been sent, and
//! its count was looked at, nothing new comes to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::choice::{Standing, choose};
use crate::model::id::TaskId;
use crate::model::ingress::Table;
use crate::model::port::Port;
use crate::model::service::ServiceName;

/// The tasks of all routes. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Balance {
    tables: watch::Receiver<Arc<Table>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    tally: Mutex<Tally>,
    /// Somebody's last connection has ended.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Tally {
    standings: BTreeMap<TaskId, Standing>,
    /// Choices so far.
    choices: u64,
}

/// A task that was chosen for a connection.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Whether it is to be told who its client is.
    pub(super) proxy_protocol: bool,
    /// Counts as one of its connections.
    pub(super) lease: Lease,
}

/// One connection of a task, from the choice until this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    /// Whose.
    pub(super) task: TaskId,
    shared: Arc<Shared>,
}

impl Balance {
    /// Nobody has a connection yet.
    pub(super) fn new(tables: watch::Receiver<Arc<Table>>) -> Self {
        Self { tables, shared: Arc::default() }
    }

    /// Changes whenever there is another table.
    pub(super) fn tables(&self) -> watch::Receiver<Arc<Table>> {
        self.tables.clone()
    }

    /// Whose port it is; `None` when it is not published any more.
    pub(super) fn service(&self, port: Port) -> Option<ServiceName> {
        self.tables.borrow().get(&port).map(|route| route.service.clone())
    }

    /// The tasks that may be chosen for a port.
    pub(super) fn listed(&self, port: Port) -> Vec<TaskId> {
        let table = self.tables.borrow();
        table.get(&port).into_iter().flat_map(|route| &route.backends).map(|backend| backend.task).collect()
    }

    /// The task that the next connection to `port` goes to; `None` when no other than the `tried` ones is ready.
    pub(super) fn choose(&self, port: Port, tried: &[TaskId]) -> Option<Chosen> {
        let mut tally = self.shared.tally();
        let table = self.tables.borrow();
        let route = table.get(&port)?;
        let backend = choose(&route.backends, &tally.standings, tried, Instant::now())?;
        tally.choices += 1;
        let number = tally.choices;
        let standing = tally.standings.entry(backend.task).or_default();
        standing.chosen = number;
        standing.connections += 1;
        Some(Chosen {
            address: backend.address,
            proxy_protocol: route.proxy_protocol,
            lease: Lease { task: backend.task, shared: Arc::clone(&self.shared) },
        })
    }

    /// Connections of a task.
    pub(super) fn connections(&self, task: TaskId) -> usize {
        self.shared.tally().standings.get(&task).map_or(0, |standing| standing.connections)
    }

    /// Returns once a task has no connections, which may be at once. Cancel-safe.
    pub(super) async fn emptied(&self, task: TaskId) {
        loop {
            // Made before the look, so that no end is missed between the two.
            let emptied = self.shared.emptied.notified();
            if self.connections(task) == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Forgets those that are in no route and have no connections.
    pub(super) fn tidy(&self) {
        let mut tally = self.shared.tally();
        let table = self.tables.borrow();
        let listed =
            |task| table.values().any(|route| route.backends.iter().any(|backend| backend.task == task));
        tally.standings.retain(|task, standing| standing.connections > 0 || listed(*task));
    }
}

impl Lease {
    /// The task took the connection.
    pub(super) fn reached(&self) {
        self.shared.standing(self.task, Standing::reached);
    }

    /// The task could not be reached: others go first for a while.
    pub(super) fn failed(&self) {
        let now = Instant::now();
        self.shared.standing(self.task, |standing| standing.failed(now));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut left = 0;
        self.shared.standing(self.task, |standing| {
            standing.connections -= 1;
            left = standing.connections;
        });
        if left == 0 {
            self.shared.emptied.notify_waiters();
        }
    }
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Each change to it is whole before anything can panic.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a task that has a connection.
    fn standing(&self, task: TaskId, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.tally().standings.get_mut(&task) {
            change(standing);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::model::ingress::{Backend, Route};
    use crate::model::port::Protocol;

    const PORT: Port = Port { number: 8_080, protocol: Protocol::Tcp };

    fn table(tasks: &[TaskId]) -> Arc<Table> {
        let backend =
            |task: &TaskId| Backend { task: *task, address: ([127, 0, 0, 1], 80).into(), local: true };
        let backends = tasks.iter().map(backend).collect();
        Arc::new(Table::from([(
            PORT,
            Route { service: "web".parse().unwrap(), proxy_protocol: false, backends },
        )]))
    }

    #[tokio::test]
    async fn a_task_that_has_left_the_table_keeps_its_connections_and_gets_none() {
        let [old, new] = [TaskId::generate(), TaskId::generate()];
        let (send, tables) = watch::channel(table(&[old]));
        let balance = Balance::new(tables);
        let kept = balance.choose(PORT, &[]).unwrap();
        send.send_replace(table(&[new]));
        balance.tidy();
        assert_eq!(balance.connections(old), 1);
        let next = balance.choose(PORT, &[]).unwrap();
        assert_eq!((next.lease.task, balance.connections(new)), (new, 1));
        assert!(balance.choose(PORT, &[new]).is_none());

        assert!(balance.emptied(old).now_or_never().is_none());
        tokio::join!(balance.emptied(old), async { drop(kept) });
        balance.tidy();
        assert_eq!(balance.shared.tally().standings.len(), 1);
    }

    #[tokio::test]
    async fn connections_are_dealt_out_evenly() {
        let tasks = [TaskId::generate(), TaskId::generate(), TaskId::generate()];
        let (_send, tables) = watch::channel(table(&tasks));
        let balance = Balance::new(tables);
        let leases: Vec<Chosen> = (0..9).map(|_| balance.choose(PORT, &[]).unwrap()).collect();
        assert_eq!(tasks.map(|task| balance.connections(task)), [3; 3]);
        drop(leases);
        let one_by_one = |_| balance.choose(PORT, &[]).unwrap().lease.task;
        assert_eq!((0..6).map(one_by_one).collect::<Vec<_>>(), [tasks, tasks].concat());
    }
}
