//! Taking turns: so many at a time, and whoever hangs loses the turn.

use std::time::Duration;

use tokio::sync::Semaphore;

/// Makes a call when its turn has come; the turn ends with it, or after `length`.
pub(super) async fn in_turn<T>(turns: &Semaphore, length: Duration, call: impl Future<Output = T>) -> T {
    let turn = turns.acquire().await;
    tokio::pin!(call);
    tokio::select! {
        result = &mut call => return result,
        () = tokio::time::sleep(length) => drop(turn),
    }
    call.await
}
