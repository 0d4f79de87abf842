//! The words of orc: tasks, nodes, events and the table of transitions. Plain data, no I/O, no clock.

pub mod access;
pub mod capability;
pub mod container;
pub mod cron;
pub mod decision;
pub mod epoch;
pub mod event;
pub mod fingerprint;
pub mod id;
pub mod ingress;
pub mod label;
pub mod node;
pub mod options;
pub mod placement;
pub mod port;
pub mod probe;
pub mod record;
pub mod request;
pub mod restart;
pub mod routes;
pub mod service;
pub mod skew;
pub mod spec;
pub mod state;
pub mod task;
pub mod time;
