//! What happens to tasks on a real engine: strangers, crashes, stops, restarts, and processes that come and go.

mod apart;
mod conflicts;
mod endings;
mod engine_faults;
mod healing;
mod health;
mod probes;
mod restarts;
mod stopping;
