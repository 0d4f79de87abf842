//! What is wrong with Compose files: sentences, each with its place, all of them together.

use std::fmt;

use super::place::Place;

/// One thing that is wrong, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is written; `None` when it is in no file, as with a project name on the command line.
    pub at: Option<Place>,
    /// What is wrong, and what would be right.
    pub says: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.says),
            None => f.write_str(&self.says),
        }
    }
}

/// Where everything that is found wrong is gathered, so that one reading tells it all.
#[derive(Debug, Default)]
pub(super) struct Problems {
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Problems {
    /// Something that keeps the project from being deployed.
    pub(super) fn error(&mut self, at: &Place, says: impl Into<String>) {
        self.errors.push(Problem { at: Some(at.clone()), says: says.into() });
    }

    /// The same, of what is in no file.
    pub(super) fn error_outside(&mut self, says: impl Into<String>) {
        self.errors.push(Problem { at: None, says: says.into() });
    }

    /// Something that people should know.
    pub(super) fn warning(&mut self, at: &Place, says: impl Into<String>) {
        self.warnings.push(Problem { at: Some(at.clone()), says: says.into() });
    }

    /// Errors and warnings, each in the order of their places and told once: one anchor may be used many times.
    pub(super) fn into_sorted(mut self) -> (Vec<Problem>, Vec<Problem>) {
        for problems in [&mut self.errors, &mut self.warnings] {
            problems.sort();
            problems.dedup();
        }
        (self.errors, self.warnings)
    }
}
