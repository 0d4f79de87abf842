//! Which ready task gets the next connection, and what is known of each for that. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::id::TaskId;
use crate::model::ingress::Backend;

/// How long a task that could not be reached stays behind the others, and the most after several failures in a row.
const BEHIND: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// What is known of a task.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Connections that it has, those that are being made included.
    pub(super) connections: usize,
    /// The number of the choice that was it last; 0 = none was.
    pub(super) chosen: u64,
    /// Failures since it was reached last.
    failures: u32,
    /// Others go first until then.
    behind_until: Option<Instant>,
}

impl Standing {
    /// It could not be reached.
    pub(super) fn failed(&mut self, now: Instant) {
        let pause = BEHIND.0.saturating_mul(1 << self.failures.min(16)).min(BEHIND.1);
        self.failures += 1;
        self.behind_until = Some(now + pause);
    }

    /// It was reached.
    pub(super) fn reached(&mut self) {
        self.failures = 0;
        self.behind_until = None;
    }

    fn is_behind(&self, now: Instant) -> bool {
        self.behind_until.is_some_and(|until| now < until)
    }
}

/// The task that the next connection goes to: one that could be reached before one that could not, then this node's
/// own, then the one with the fewest connections, then the one that was chosen least recently. `None` when all have
/// been `tried`.
pub(super) fn choose<'a>(
    backends: &'a [Backend],
    standings: &BTreeMap<TaskId, Standing>,
    tried: &[TaskId],
    now: Instant,
) -> Option<&'a Backend> {
    let unknown = Standing::default();
    let untried = backends.iter().filter(|backend| !tried.contains(&backend.task));
    untried.min_by_key(|backend| {
        let standing = standings.get(&backend.task).unwrap_or(&unknown);
        (standing.is_behind(now), !backend.local, standing.connections, standing.chosen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tasks of this node and two of others, with as many connections as given.
    struct Case {
        backends: Vec<Backend>,
        standings: BTreeMap<TaskId, Standing>,
        now: Instant,
    }

    impl Case {
        fn new(connections: [usize; 4]) -> Self {
            let backend =
                |local| Backend { task: TaskId::generate(), address: ([127, 0, 0, 1], 80).into(), local };
            let backends: Vec<Backend> = [false, true, true, false].map(backend).into();
            let standing = |connections| Standing { connections, ..Standing::default() };
            let tasks = backends.iter().map(|backend| backend.task);
            let standings = tasks.zip(connections.map(standing)).collect();
            Self { backends, standings, now: Instant::now() }
        }

        fn standing(&mut self, index: usize) -> &mut Standing {
            self.standings.get_mut(&self.backends[index].task).unwrap()
        }

        /// The index of the task that is chosen when those at `tried` were tried.
        fn choose(&self, tried: &[usize]) -> Option<usize> {
            let tried: Vec<TaskId> = tried.iter().map(|index| self.backends[*index].task).collect();
            let chosen = choose(&self.backends, &self.standings, &tried, self.now)?.task;
            self.backends.iter().position(|backend| backend.task == chosen)
        }
    }

    #[test]
    fn the_nodes_own_task_with_the_fewest_connections_goes_first() {
        assert_eq!(Case::new([0, 3, 2, 0]).choose(&[]), Some(2));
        assert_eq!(Case::new([0, 2, 3, 0]).choose(&[]), Some(1));
    }

    #[test]
    fn among_equals_the_one_that_was_chosen_least_recently_goes_first() {
        let mut case = Case::new([0; 4]);
        case.standing(1).chosen = 8;
        case.standing(2).chosen = 7;
        assert_eq!(case.choose(&[]), Some(2));
        case.standing(2).chosen = 9;
        assert_eq!(case.choose(&[]), Some(1));
    }

    #[test]
    fn those_of_other_nodes_get_what_the_nodes_own_cannot_take() {
        let case = Case::new([5, 0, 0, 4]);
        assert_eq!(case.choose(&[1, 2]), Some(3));
        assert_eq!(case.choose(&[1, 2, 3]), Some(0));
        assert_eq!(case.choose(&[0, 1, 2, 3]), None);
    }

    #[test]
    fn one_that_failed_is_behind_for_a_while_that_grows_and_first_again_once_it_was_reached() {
        let mut case = Case::new([0, 0, 9, 0]);
        let begin = case.now;
        case.standing(1).failed(begin);
        assert_eq!(case.choose(&[]), Some(2));
        assert_eq!(case.choose(&[0, 2, 3]), Some(1), "better than none");
        case.now = begin + BEHIND.0;
        assert_eq!(case.choose(&[]), Some(1));
        case.standing(1).failed(begin);
        assert_eq!(case.choose(&[]), Some(2), "twice as long after the second failure");
        for _ in 0..100 {
            case.standing(1).failed(begin);
        }
        case.now = begin + BEHIND.1;
        assert_eq!(case.choose(&[]), Some(1), "never longer than that");
        case.now = begin;
        case.standing(1).reached();
        assert_eq!(case.choose(&[]), Some(1));
    }
}
