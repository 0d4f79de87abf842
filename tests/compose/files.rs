//! Projects whose files are in memory, and what was read of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use orc::compose::{Problem, Project, Reading, Request, load};

/// Where all files of a test are.
pub(crate) const DIRECTORY: &str = "/srv/app";

/// Files by their names in [`DIRECTORY`].
pub(crate) fn files(files: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
    files.iter().map(|(name, text)| (PathBuf::from(DIRECTORY).join(name), (*text).to_owned())).collect()
}

/// A request for what is in [`DIRECTORY`], in an environment of these variables.
pub(crate) fn request(environment: &[(&str, &str)]) -> Request {
    Request {
        directory: DIRECTORY.into(),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Request::default()
    }
}

/// What is read of a project of these files, the first of which is `compose.yaml`.
pub(crate) fn read(text: &[(&str, &str)]) -> Reading {
    load(&request(&[]), &files(text))
}

/// The project of a single file in which nothing is wrong.
#[track_caller]
pub(crate) fn project(text: &str) -> Project {
    whole(read(&[("compose.yaml", text)]))
}

/// The project, when nothing is wrong.
#[track_caller]
pub(crate) fn whole(reading: Reading) -> Project {
    assert_eq!(said(&reading.errors), Vec::<String>::new());
    reading.project.expect("what has no errors is a project")
}

/// Problems as people see them.
pub(crate) fn said(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
