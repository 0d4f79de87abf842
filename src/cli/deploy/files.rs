//! The files of a project: which, what is wrong in them, and what orc does with each key.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::target::Environment;
use crate::cli::{output, words};
use crate::compose::{Disk, Request, load};
use crate::deploy::{Report, Stack, translate};

/// Which files, and how they are read: as Docker Compose has these flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Project")]
pub(super) struct FileArgs {
    /// A Compose file; several are laid over each other [default: compose.yaml, here or in a directory above]
    #[arg(short, long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The project's name [default: `name:` of the files, or else the name of the directory]
    #[arg(short, long, value_name = "NAME")]
    project: Option<String>,

    /// A file of variables for the files [default: .env beside the first of them]
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,

    /// Deploy services of this profile, too; * is all
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
}

/// What was read.
pub(super) struct Read {
    report: Report,
    stack: Option<Stack>,
}

/// Reads the files of a project, and makes services of it.
pub(super) fn read(args: &FileArgs, environment: &Environment) -> Result<Read, CliError> {
    let directory = std::env::current_dir()
        .map_err(|error| CliError::Failed(format!("the working directory cannot be told: {error}")))?;
    let request = Request {
        directory,
        files: args.files.clone(),
        project_name: args.project.clone(),
        profiles: args.profile.clone(),
        env_files: args.env_file.clone(),
        environment: environment.texts(),
    };
    let reading = load(&request, &Disk);
    let translation = reading.project.as_ref().map(|project| translate(project, &reading.support));
    let notes = translation.as_ref().map_or(&[][..], |translation| &translation.notes);
    let report = Report::new(&reading, notes);
    Ok(Read { report, stack: translation.and_then(|translation| translation.stack) })
}

impl Read {
    /// The services, once people were told what they should know.
    pub(super) fn stack(self) -> Result<Stack, CliError> {
        for warning in &self.report.warnings {
            output::note(&format!("warning: {}", words::plain(warning)));
        }
        match self.stack {
            Some(stack) => Ok(stack),
            None => Err(refusal(&self.report)),
        }
    }

    /// Prints what orc does with each key.
    pub(super) fn tell(self, json: bool) -> Result<(), CliError> {
        if json {
            output::json(&self.report)?;
        } else {
            for line in &self.report.keys {
                let colon = if line.says.is_empty() { "" } else { ": " };
                let support = line.support;
                let text = format!("{support:<8}  {}: {}{colon}{}", line.at, line.key, line.says);
                output::line(&words::plain(&text))?;
            }
        }
        if self.stack.is_none() {
            return Err(refusal(&self.report));
        }
        let [honoured, warned] = ["honoured", "warned"]
            .map(|support| self.report.keys.iter().filter(|line| line.support == support).count());
        output::note(&format!(
            "it can be deployed: {honoured} keys are honoured, {warned} otherwise than written"
        ));
        Ok(())
    }
}

/// Everything that is wrong, each on a line of its own.
fn refusal(report: &Report) -> CliError {
    let errors: Vec<String> = report.errors.iter().map(|error| words::plain(error)).collect();
    let nothing = "nothing was changed";
    CliError::Failed(match &errors[..] {
        [error] => format!("{error}; {nothing}"),
        errors => format!(
            "{} things keep it from being deployed, {nothing}:\n  {}",
            errors.len(),
            errors.join("\n  ")
        ),
    })
}
