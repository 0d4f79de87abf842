//! What becomes of every key of a project, in the order of its files: what `orc deploy --check` tells.

use serde::Serialize;

use super::note::{Fate, Note};
use crate::compose::{Finding, Problem, Reading, Support};

/// All that there is to tell of a project's files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// Everything that keeps it from being deployed, each with its place.
    pub errors: Vec<String>,
    /// Everything that people should know, each with its place.
    pub warnings: Vec<String>,
    /// Every key that is there.
    pub keys: Vec<Line>,
}

/// What becomes of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Line {
    /// File, line and column.
    pub at: String,
    /// The way to it, as in `services.web.deploy.replicas`.
    pub key: String,
    /// "honoured", "warned" or "refused".
    pub support: &'static str,
    /// What happens instead, or what would be right; empty when it is honoured.
    pub says: String,
}

impl Report {
    /// What was read, and what came of it.
    pub fn new(reading: &Reading, notes: &[Note]) -> Self {
        let is_known = |finding: &&Finding| notes.iter().all(|note| !is_within(&finding.key, &note.key));
        let findings: Vec<&Finding> = reading.support.iter().filter(is_known).collect();
        let mut keys: Vec<_> = findings.iter().map(|finding| (&finding.at, of_finding(finding))).collect();
        keys.extend(notes.iter().map(|note| (&note.at, of_note(note))));
        keys.sort();
        let refused = notes.iter().filter(|note| note.fate == Fate::Refused);
        let errors = sorted(
            reading
                .errors
                .iter()
                .map(of_problem)
                .chain(refused.map(|note| (Some(&note.at), note.to_string()))),
        );
        let unhonoured = findings.iter().filter(|finding| matches!(finding.support, Support::Warned(_)));
        let warned = notes.iter().filter(|note| note.fate == Fate::Warned);
        let warnings = sorted(
            (reading.warnings.iter().map(of_problem))
                .chain(unhonoured.map(|finding| (Some(&finding.at), finding.to_string())))
                .chain(warned.map(|note| (Some(&note.at), note.to_string()))),
        );
        Self { errors, warnings, keys: keys.into_iter().map(|(_, line)| line).collect() }
    }
}

/// Whether a key is the other one, or within it.
fn is_within(key: &str, outer: &str) -> bool {
    let rest = key.strip_prefix(outer);
    // A note on a whole service, or on a network or volume, replaces nothing of what is in it.
    let is_whole = outer.matches('.').count() < 2;
    rest.is_some_and(|rest| rest.is_empty() || !is_whole && rest.starts_with(['.', '[']))
}

fn of_problem(problem: &Problem) -> (Option<&crate::compose::Place>, String) {
    (problem.at.as_ref(), problem.to_string())
}

fn sorted<'a>(told: impl Iterator<Item = (Option<&'a crate::compose::Place>, String)>) -> Vec<String> {
    let mut told: Vec<_> = told.collect();
    told.sort();
    told.dedup();
    told.into_iter().map(|(_, says)| says).collect()
}

fn of_finding(finding: &Finding) -> Line {
    let (support, says) = match finding.support {
        Support::Honoured => ("honoured", ""),
        Support::Warned(says) => ("warned", says),
        Support::Refused(says) => ("refused", says),
    };
    Line { at: finding.at.to_string(), key: finding.key.clone(), support, says: says.to_owned() }
}

fn of_note(note: &Note) -> Line {
    let support = if note.fate == Fate::Refused { "refused" } else { "warned" };
    Line { at: note.at.to_string(), key: note.key.clone(), support, says: note.says.clone() }
}
