//! Tests of orc from outside, in one binary: a real Docker Engine, the fake one, and what lies between.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod client;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod engine_conformance;
#[cfg(test)]
mod engine_lost_answers;
#[cfg(test)]
mod engine_pull;
#[cfg(test)]
mod images;
#[cfg(test)]
mod ingress;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
#[path = "../compose/projects.rs"]
mod projects;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod seed_faults;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod services;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trust;
