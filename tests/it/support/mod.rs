//! What several tests need: engines to test upon, orc itself as a process, and patience with a deadline.

use std::future::Future;

pub(crate) mod cases;
pub(crate) mod clients;
pub(crate) mod decoys;
pub(crate) mod docker;
pub(crate) mod doubling;
pub(crate) mod fake_rig;
pub(crate) mod faketime;
pub(crate) mod history;
pub(crate) mod http;
pub(crate) mod orc;
pub(crate) mod order;
pub(crate) mod patience;
pub(crate) mod ports;
pub(crate) mod private_engine;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod real_rig;
pub(crate) mod registries;
pub(crate) mod rig;
pub(crate) mod stand_ins;

/// Does something asynchronous to its end where nothing can be awaited: in a `drop`. When the test is failing
/// already, a failure of this is let be, and `None` is given.
pub(crate) fn aside<T: Send>(work: impl Future<Output = T> + Send) -> Option<T> {
    let done = std::thread::scope(|scope| {
        let doing = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work)
        });
        doing.join()
    });
    match done {
        Ok(result) => Some(result),
        Err(_) if std::thread::panicking() => None,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
