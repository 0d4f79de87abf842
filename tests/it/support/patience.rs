//! Waiting for what shall become true, with a deadline and a sentence for when it does not.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Looks again and again until `look` shows what `is_met` wants, and gives that; panics at the deadline.
pub(crate) async fn until<T: Debug, F: Future<Output = T>>(
    what: &str,
    mut look: impl FnMut() -> F,
    is_met: impl Fn(&T) -> bool,
) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let seen = look().await;
        if is_met(&seen) {
            return seen;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within {DEADLINE:?}: {what}; last seen: {seen:#?}"
        );
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
