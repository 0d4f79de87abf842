//! Which files a project is read from, when nobody says so.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::variables::Variables;

/// The usual names, the best first.
const NAMES: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// What is merged over one of them when it is beside it.
const OVERRIDES: &[&str] = &[
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The files that `COMPOSE_FILE` names; else those with the usual names, in the directory or the nearest above it.
pub(super) fn locate(
    directory: &Path,
    variables: &Variables,
    files: &dyn Files,
) -> Result<Vec<PathBuf>, String> {
    if let Some(list) = variables.get("COMPOSE_FILE").filter(|list| !list.is_empty()) {
        let separator =
            variables.get("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty()).unwrap_or(":");
        return Ok(list.split(separator).map(|file| directory.join(file)).collect());
    }
    let beside = |directory: &Path, names: &[&str]| {
        names.iter().map(|name| directory.join(name)).find(|file| files.exists(file))
    };
    for directory in directory.ancestors() {
        if let Some(file) = beside(directory, NAMES) {
            return Ok([Some(file), beside(directory, OVERRIDES)].into_iter().flatten().collect());
        }
    }
    Err(format!(
        "there is no Compose file in {} or above it; name one with `-f FILE`, or call it `compose.yaml`",
        directory.display()
    ))
}
