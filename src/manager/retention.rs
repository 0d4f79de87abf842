//! History that is old is deleted, now and then and a piece at a time.

use super::keeper::Keeper;
use crate::store::Error;

impl Keeper {
    /// Deletes some of what is old; whether there may be more of it.
    pub(super) async fn prune(&mut self) -> Result<bool, Error> {
        let lived = self.cluster.lived(self.clock.now().moment);
        match self.store.prune(lived, self.patience.retention).await {
            Ok(pruned) => Ok(pruned > 0),
            Err(error) if error.must_exit() => Err(error),
            Err(error) => {
                tracing::warn!("old events could not be pruned: {error}");
                Ok(false)
            }
        }
    }
}
