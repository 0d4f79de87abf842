//! The same projects as services of orc: what each becomes, and everything that is told of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use orc::compose::{Disk, Request, load};
use orc::deploy::{Report, Stack, plan, translate};

use crate::projects::{PROJECTS, Variables};

fn stacks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/stacks")
}

#[test]
fn every_stack_is_planned_and_what_orc_does_not_do_of_it_is_told() {
    let mut folders: Vec<String> = std::fs::read_dir(stacks())
        .expect("they are there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    assert_eq!(folders, PROJECTS.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
    for (name, variables, env_files) in PROJECTS {
        let text = outcome(name, variables, env_files);
        expect_file![format!("planned/{name}.txt")].assert_eq(&text);
    }
}

/// The services, then everything that is told.
fn outcome(name: &str, variables: Variables, env_files: &[&str]) -> String {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let request = Request {
        directory: stacks().join(name),
        environment: variables.iter().map(own).collect(),
        env_files: env_files.iter().map(PathBuf::from).collect(),
        ..Request::default()
    };
    let reading = load(&request, &Disk);
    let project = reading.project.as_ref().unwrap_or_else(|| panic!("{name}: {:?}", reading.errors));
    let translation = translate(project, &reading.support);
    let report = Report::new(&reading, &translation.notes);
    assert_eq!(translation.stack.is_none(), !report.errors.is_empty(), "{name}");
    let mut text = translation.stack.as_ref().map(services).unwrap_or_default();
    for (word, told) in [("error", &report.errors), ("warning", &report.warnings)] {
        for line in told {
            let _ = writeln!(text, "{word}: {line}");
        }
    }
    text
}

fn services(stack: &Stack) -> String {
    let plan = plan(stack, &[], false).expect("there is nobody whose services these could be");
    assert!(plan.changes() && plan.services.len() == stack.services.len());
    let mut text = String::new();
    for (step, declared) in plan.services.iter().zip(&stack.services) {
        let number = step.tasks.added.map_or_else(|| "every node".to_owned(), |tasks| tasks.to_string());
        let image = declared.input.task.image.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{} {} × {image}", declared.name, number);
    }
    text
}
