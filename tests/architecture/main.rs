//! Holds the source to its own plan: which layer may know which, and the habits that every file keeps.
//!
//! It reads text and knows nothing of types, so it is fast and says exactly where; what it cannot see, reviewers do.

mod habits;
mod layers;
mod source;

use std::path::Path;

use source::Source;

/// A rule that a line breaks, as a sentence that says what would be right.
fn breach(file: &str, line: usize, rule: &str) -> String {
    format!("{file}:{line}: {rule}")
}

fn project(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: Vec<Source> = folders.iter().flat_map(|folder| source::read(root, folder)).collect();
    assert!(!sources.is_empty(), "no source was found in {folders:?} under {}", root.display());
    sources
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{} lines break a rule:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn every_layer_knows_only_the_layers_below_it() {
    assert_none(&layers::breaches(&project(&["src"])));
}

#[test]
fn every_file_keeps_the_habits_of_the_house() {
    assert_none(&habits::breaches(&project(&["src", "tests", "benches"])));
}
