//! From a command line to a project: which files, which variables, which name, which profiles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::Context;
use super::dotenv::EnvFormat;
use super::files::Files;
use super::include::{Model, assemble};
use super::locate::locate;
use super::name::{self, Said};
use super::place::normal;
use super::problem::Problem;
use super::project::{self, Project};
use super::support::{self, Finding};
use super::variables::Variables;

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The working directory, absolute: where files are looked for, and what they are named relative to.
    pub directory: PathBuf,
    /// Files to merge, later ones over earlier ones; when there are none, those with the usual names.
    pub files: Vec<PathBuf>,
    /// The project's name, which wins over all others.
    pub project_name: Option<String>,
    /// Profiles that are active, beside those of `COMPOSE_PROFILES`; `*` is all of them.
    pub profiles: Vec<String>,
    /// Files of variables, later ones over earlier ones; when there are none, `.env` beside the first file.
    pub env_files: Vec<PathBuf>,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
}

/// All that there is to tell of a project.
#[derive(Debug)]
pub struct Reading {
    /// The project; `None` when there is an error.
    pub project: Option<Project>,
    /// Everything that is wrong, by place.
    pub errors: Vec<Problem>,
    /// What people should know, by place; what orc does not do is in `support` alone.
    pub warnings: Vec<Problem>,
    /// What orc does with each key, by place.
    pub support: Vec<Finding>,
}

/// Reads a project, and goes on after errors so as to tell all of them.
pub fn load(request: &Request, files: &dyn Files) -> Reading {
    let mut context = Context::new(files, &request.directory);
    let mut support = Vec::new();
    let project = read(request, files, &mut context, &mut support);
    let (errors, warnings) = context.into_problems().into_sorted();
    let project = project.filter(|_| errors.is_empty());
    Reading { project, errors, warnings, support }
}

fn read(
    request: &Request,
    files: &dyn Files,
    context: &mut Context<'_>,
    support: &mut Vec<Finding>,
) -> Option<Project> {
    let mut variables = Variables::new(request.environment.clone());
    let env_files: Vec<PathBuf> = request.env_files.iter().map(|file| request.directory.join(file)).collect();
    // Files of variables that are named may say which Compose files there are; `.env` beside those may not.
    read_variables(&env_files, &mut variables, context);
    if env_files.is_empty() {
        read_usual_variables(&request.directory, &mut variables, context);
    }
    let found = if request.files.is_empty() {
        locate(&request.directory, &variables, files)
    } else {
        Ok(request.files.iter().map(|file| request.directory.join(file)).collect())
    };
    let found = found.map_err(|says| context.problems.error_outside(says)).ok()?;
    let base = normal(found.first().and_then(|file| file.parent()).unwrap_or(&request.directory));
    if env_files.is_empty() && base != normal(&request.directory) {
        read_usual_variables(&base, &mut variables, context);
    }
    let said = Said {
        on_the_command_line: request.project_name.as_deref(),
        in_a_file: declared_name(&found, &base, &variables, files),
        directory: &base,
    };
    let name = name::of_project(&said, &variables, context);
    if let Some(name) = &name {
        variables.set("COMPOSE_PROJECT_NAME", name);
    }
    let model = Model { files: found, base: base.clone(), from: None };
    let root = assemble(&model, &variables, &mut Vec::new(), context)?;
    *support = support::findings(&root, &mut context.problems);
    let header = project::Header {
        name: name.unwrap_or_default(),
        directory: base,
        profiles: profiles(request, &variables),
    };
    Some(project::read(header, &root, &variables, context))
}

fn read_usual_variables(directory: &Path, variables: &mut Variables, context: &mut Context<'_>) {
    let file = directory.join(".env");
    if context.exists(&file) {
        read_variables(&[file], variables, context);
    }
}

fn read_variables(files: &[PathBuf], variables: &mut Variables, context: &mut Context<'_>) {
    for file in files {
        if let Some(read) = context.read_env(file, EnvFormat::Compose, variables, None) {
            variables.add_file(read);
        }
    }
}

/// `name:` of the last file that has it. What is wrong with the files is told when they are read for good.
fn declared_name(paths: &[PathBuf], base: &Path, variables: &Variables, files: &dyn Files) -> Option<String> {
    let mut unheard = Context::new(files, base);
    let documents = paths.iter().rev().filter_map(|path| unheard.document(path, base, variables, None));
    documents.into_iter().find_map(|document| document.text("name").map(str::to_owned))
}

fn profiles(request: &Request, variables: &Variables) -> Vec<String> {
    let in_the_environment = variables.get("COMPOSE_PROFILES").unwrap_or_default().split(',');
    let in_the_environment = in_the_environment.map(str::trim).filter(|profile| !profile.is_empty());
    request.profiles.iter().cloned().chain(in_the_environment.map(str::to_owned)).collect()
}
