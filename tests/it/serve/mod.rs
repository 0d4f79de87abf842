//! The HTTP server over real sockets: hostile, slow and stopping.

mod hostile;
mod site;
mod slow;
mod stopping;
