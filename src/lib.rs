//! orc keeps containers running on one or many Docker hosts.
//!
//! `ARCHITECTURE.md` is the map. In short: `model` holds the words, `plan` decides, `store` keeps,
//! `engine` speaks with Docker, `wire` is the JSON, `compose` reads Compose files, `deploy` makes services of them,
//! `trust` says who may speak with whom; `manager` and `worker` are the two roles made of them, `serve` is the careful
//! HTTP server under both, over `tcp` that notices silence, `ingress` hands the connections of services' ports to tasks,
//! `cli` is what people type.

pub mod cli;
pub mod client;
pub mod clock;
pub mod compose;
pub mod deploy;
pub mod engine;
pub mod ingress;
pub mod manager;
pub mod model;
pub mod plan;
pub mod roles;
pub mod serve;
pub mod settings;
pub mod spelling;
pub mod store;
pub mod tcp;
pub mod trust;
pub mod wire;
pub mod worker;
