//! Memory through which bytes pass on their way from one socket to another: one piece for each thread, whatever the number
//! of connections, since nothing stays there between two polls.

use std::cell::RefCell;

/// Bytes that pass at a time: more than any datagram has.
pub(super) const SIZE: usize = 64 * 1_024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into());
}

/// Lends this thread's memory. What is in it is left over from others.
pub(super) fn with<R>(use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| use_it(scratch))
}
