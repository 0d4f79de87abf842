//! Crashes and damage at the level of processes: what was acknowledged stays, and what runs goes on running.

mod clocks;
mod database;
mod disk;
mod journal;
mod kills;
