//! Services that run by the clock in the simulation: what users want of them, and what is promised of their runs, counted by
//! a calendar and a ledger of the simulation's own.

pub(crate) mod answers;
mod calendar;
mod finished;
mod ledger;
mod policy;
mod rows;
pub(crate) mod wishes;

pub(crate) use ledger::{Ledgers, MET};
