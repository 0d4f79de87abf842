//! The name of a project: who may say it, and what it may be.

use std::path::Path;

use super::document::Context;
use super::value::quote;
use super::variables::Variables;

/// Where a name was said, by rank.
pub(super) struct Said<'a> {
    pub(super) on_the_command_line: Option<&'a str>,
    /// In the last file that has `name:`.
    pub(super) in_a_file: Option<String>,
    pub(super) directory: &'a Path,
}

/// The name of a project. The directory's is made to fit; all others must.
pub(super) fn of_project(
    said: &Said<'_>,
    variables: &Variables,
    context: &mut Context<'_>,
) -> Option<String> {
    let in_the_environment = variables.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
    let said_by = [
        (said.on_the_command_line, "on the command line"),
        (in_the_environment, "in COMPOSE_PROJECT_NAME"),
        (said.in_a_file.as_deref(), "in `name:`"),
    ];
    for (name, by) in said_by {
        let Some(name) = name else { continue };
        if !fits(name) {
            context.problems.error_outside(format!(
                "the project name {} {by} does not fit: it must consist of lower-case letters, digits, `-` \
                 and `_`, and begin with a letter or digit",
                quote(name)
            ));
            return None;
        }
        return Some(name.to_owned());
    }
    let directory = said.directory.file_name().unwrap_or_default().to_string_lossy();
    let name = made_to_fit(&directory);
    if name.is_empty() {
        context.problems.error_outside(
            "the directory has no name that a project could have; say one with `-p NAME` or `name:`",
        );
        return None;
    }
    Some(name)
}

fn fits(name: &str) -> bool {
    !name.is_empty() && made_to_fit(name) == name
}

fn made_to_fit(name: &str) -> String {
    let lower = name.to_lowercase();
    let kept: String =
        lower.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c)).collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_to_fit_as_docker_compose_does() {
        for (directory, name) in [
            ("My App", "myapp"),
            ("web_1-b", "web_1-b"),
            ("_hidden.d", "hiddend"),
            ("Über", "ber"),
            ("..", ""),
        ] {
            assert_eq!(made_to_fit(directory), name);
        }
    }
}
