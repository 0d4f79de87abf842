//! Compose files, whole: what is read of them, what is said of them, and where.

mod errors;
mod files;
mod joining;
mod long_and_short;
mod planned;
mod projects;
mod stacks;
mod table;
