//! Which named volumes an engine keeps.

use std::collections::BTreeSet;

use bollard::models::{Volume, VolumeScopeEnum};
use bollard::query_parameters::ListVolumesOptions;

use super::{Docker, within};

/// Docker names a volume so that nobody named: by so many hexadecimal digits.
const ANONYMOUS: usize = 64;

impl Docker {
    /// The named volumes whose data is on the engine's host; `None` = it does not say, for it asks its volume plugins, too,
    /// and one that hangs must not make the engine look dead. `GET /volumes`.
    pub(super) async fn volumes(&self) -> Option<BTreeSet<String>> {
        let call = self.calls.list_volumes(None::<ListVolumesOptions>);
        let answer = within(self.deadlines.call, "listing volumes", call).await;
        let listed =
            answer.inspect_err(|failure| tracing::debug!("its volumes are not known: {failure}")).ok()?;
        let here = listed
            .volumes
            .unwrap_or_default()
            .into_iter()
            .filter(|volume| is_named(volume) && is_here(volume));
        Some(here.map(|volume| volume.name).collect())
    }
}

fn is_named(volume: &Volume) -> bool {
    !(volume.name.len() == ANONYMOUS && volume.name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Others are those of plugins that bring the same data to every host.
fn is_here(volume: &Volume) -> bool {
    volume.scope != Some(VolumeScopeEnum::GLOBAL)
}
