//! What is in a secret or a config, as the manager's database keeps it.

use std::fmt;

/// The contents of one version at rest: those of a config as they are, those of a secret encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct AtRest {
    /// Which key a secret is encrypted with; of a config `None`.
    pub sealed_by: Option<String>,
    /// What is written down.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for AtRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AtRest({} bytes)", self.bytes.len())
    }
}
