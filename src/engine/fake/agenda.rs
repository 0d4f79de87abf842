//! What will happen on the fake engine later, in the order of time.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::host::Host;

/// Something that happens to a host.
pub(super) type Effect = Box<dyn FnOnce(&mut Host) + Send>;

/// Effects by when they are due; of two that are due together, the one that was put down first comes first.
#[derive(Default)]
pub(super) struct Agenda {
    effects: BTreeMap<(Instant, u64), Effect>,
    next: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, due: Instant, effect: Effect) {
        self.effects.insert((due, self.next), effect);
        self.next += 1;
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.effects.keys().next().map(|(due, _)| *due)
    }

    /// Takes the next one that is due by `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Instant, Effect)> {
        let entry = self.effects.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((due, _), effect) = entry.remove_entry();
        Some((due, effect))
    }
}

impl std::fmt::Debug for Agenda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.effects.keys()).finish()
    }
}
