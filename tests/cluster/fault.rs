//! A moment from which is counted how long orc takes.

use std::fmt::Debug;
use std::time::{Duration, Instant};

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// When something happened that orc must answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault(Instant);

impl Fault {
    /// It happens now.
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Looks again and again until `look` shows what `is_met` wants, and gives that; panics when that is not so within
    /// `limit` of the fault. How long it took is told to whoever watches.
    pub(crate) async fn within<T: Debug>(
        self,
        limit: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> T,
        is_met: impl Fn(&T) -> bool,
    ) -> T {
        loop {
            let seen = look().await;
            let took = self.0.elapsed();
            if is_met(&seen) {
                assert!(took <= limit, "only after {took:?}, not within {limit:?}: {what}");
                eprintln!("{what}: after {:.1} s", took.as_secs_f64());
                return seen;
            }
            assert!(took <= limit, "not within {limit:?}: {what}; last seen: {seen:#?}");
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}
