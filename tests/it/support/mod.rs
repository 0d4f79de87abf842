//! What several tests need: engines to test upon, and patience with a deadline.

pub(crate) mod cases;
pub(crate) mod fake_rig;
pub(crate) mod patience;
pub(crate) mod proxy;
pub(crate) mod real_rig;
pub(crate) mod registries;
pub(crate) mod rig;
