//! `orc secret` and `orc config`: files that containers are given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::error::CliError;
use super::list::ListArgs;
use super::target::{Environment, Target};
use super::{output, table, values, words};
use crate::model::managed_file::{Contents, FileKey, FileKind, FileName};
use crate::model::time::Timestamp;
use crate::wire::file::{FileData, FileInput, FileUse, FileVersionInput, ManagedFile, check_size};

const HEADINGS: [&str; 6] = ["NAME", "VERSION", "SIZE", "CREATED", "UPDATED", "LABELS"];

/// What can be done with both.
#[derive(Debug, Subcommand)]
pub(super) enum FileCommand {
    /// Make one from a file, or from stdin
    Create(ContentsArgs),
    /// Make a new version of one; the same contents make none
    Update(ContentsArgs),
    /// List them
    Ls(ListArgs),
    /// Print its versions and who uses it, as JSON
    Inspect(NameArgs),
    /// Remove some that nobody uses
    Rm(RemoveArgs),
}

/// What can be done with configs.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    #[command(flatten)]
    Both(FileCommand),
    /// Print what is in it
    Cat(CatArgs),
}

/// Flags of `create` and `update`.
#[derive(Debug, Args)]
pub(super) struct ContentsArgs {
    /// Its name
    name: FileName,

    /// What is in it: a file, or - for stdin
    #[arg(value_name = "FILE|-")]
    file: PathBuf,

    /// Set a label, for people and tools
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = values::label)]
    label: Vec<(String, String)>,

    /// Print it as JSON in the end, in place of its name
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// Its name
    name: FileName,

    #[command(flatten)]
    target: Target,
}

/// Flags of `cat`.
#[derive(Debug, Args)]
pub(super) struct CatArgs {
    /// Its name
    name: FileName,

    /// Which version [default: the newest]
    #[arg(long, value_name = "N")]
    version: Option<u64>,

    #[command(flatten)]
    target: Target,
}

/// Flags of `rm`.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which
    #[arg(value_name = "NAME", required = true)]
    names: Vec<FileName>,

    #[command(flatten)]
    target: Target,
}

/// Does it with configs.
pub(super) async fn config(command: ConfigCommand, environment: &Environment) -> Result<(), CliError> {
    match command {
        ConfigCommand::Both(command) => execute(FileKind::Config, command, environment).await,
        ConfigCommand::Cat(args) => {
            let key = FileKey { kind: FileKind::Config, name: args.name };
            output::bytes(&args.target.api(environment)?.config_data(&key, args.version).await?)
        }
    }
}

/// Does it.
pub(super) async fn execute(
    kind: FileKind,
    command: FileCommand,
    environment: &Environment,
) -> Result<(), CliError> {
    match command {
        FileCommand::Create(args) => create(kind, args, environment).await,
        FileCommand::Update(args) => update(kind, args, environment).await,
        FileCommand::Ls(args) => {
            let files = args.api(environment)?.files(kind).await?;
            args.print(&files, render)
        }
        FileCommand::Inspect(args) => {
            let key = FileKey { kind, name: args.name };
            output::json(&args.target.api(environment)?.file(&key).await?)
        }
        FileCommand::Rm(args) => {
            let api = args.target.api(environment)?;
            for name in args.names {
                let key = FileKey { kind, name };
                api.remove_file(&key).await?;
                output::line(key.name.as_str())?;
            }
            Ok(())
        }
    }
}

async fn create(kind: FileKind, args: ContentsArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.clone().api(environment)?;
    let key = FileKey { kind, name: args.name.clone() };
    let data = read(&key, &args.file)?;
    let input = FileInput { name: args.name.clone(), data, labels: args.labels() };
    args.print(&api.make_file(kind, &input).await?)
}

async fn update(kind: FileKind, args: ContentsArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.clone().api(environment)?;
    let key = FileKey { kind, name: args.name.clone() };
    let before = api.file(&key).await?;
    let input = FileVersionInput { data: read(&key, &args.file)?, labels: args.labels() };
    let after = api.update_file(&key, &input).await?;
    output::note(&told(&key, &before, &after));
    args.print(&after)
}

/// What came of an update, and who goes on with what was before it.
fn told(key: &FileKey, before: &ManagedFile, after: &ManagedFile) -> String {
    if before.version == after.version {
        return format!("{key} has that already: it stays at version {}", after.version);
    }
    let users = after.used_by.iter().flatten().filter(|user| user.version != after.version);
    let named = |user: &FileUse| user.service.clone();
    let services: Vec<String> = users.filter_map(named).collect();
    let made = format!("version {} of {key} was made", after.version);
    if services.is_empty() {
        return made;
    }
    format!("{made}; {} goes on with an earlier one until it is changed", services.join(", "))
}

impl ContentsArgs {
    fn labels(&self) -> Option<BTreeMap<String, String>> {
        Some(self.label.iter().cloned().collect()).filter(|labels: &BTreeMap<_, _>| !labels.is_empty())
    }

    fn print(&self, file: &ManagedFile) -> Result<(), CliError> {
        if self.json { output::json(file) } else { output::line(&file.name) }
    }
}

/// What is in a file, or on stdin when it is called `-`.
fn read(key: &FileKey, path: &Path) -> Result<FileData, CliError> {
    let most = u64::try_from(key.kind.most_bytes()).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let mut read = |source: &mut dyn io::Read| source.take(most + 1).read_to_end(&mut bytes);
    let (name, result) = if path == Path::new("-") {
        ("stdin".to_owned(), read(&mut io::stdin()))
    } else {
        (path.display().to_string(), File::open(path).and_then(|mut file| read(&mut file)))
    };
    result.map_err(|error| CliError::Failed(format!("{name} cannot be read: {error}")))?;
    let contents = Contents::from(bytes);
    check_size(key, contents.size()).map_err(CliError::Failed)?;
    Ok(FileData(contents))
}

fn render(files: &[ManagedFile], now: Timestamp, width: Option<u16>) -> String {
    let rows = files.iter().map(|file| {
        let labels: Vec<String> = file.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        [
            file.name.clone(),
            file.version.to_string(),
            file.size.to_string(),
            words::age(&file.created_at, now),
            words::age(&file.updated_at, now),
            words::plain(&labels.join(",")),
        ]
    });
    table::render(HEADINGS, rows, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u64, used_by: &[(&str, u64)]) -> ManagedFile {
        let users = used_by.iter().map(|(service, version)| FileUse {
            service: Some((*service).to_owned()),
            task: None,
            task_id: None,
            version: *version,
        });
        ManagedFile {
            name: "db".to_owned(),
            version,
            size: 7,
            labels: BTreeMap::new(),
            versions: Vec::new(),
            used_by: Some(users.collect()),
            created_at: String::new(),
            updated_at: String::new(),
        }
    }

    #[test]
    fn an_update_tells_who_goes_on_with_what_was_before() {
        let key = FileKey { kind: FileKind::Secret, name: "db".parse().unwrap() };
        let told = |before, after: &ManagedFile| told(&key, &file(before, &[]), after);
        assert_eq!(told(2, &file(2, &[])), "the secret db has that already: it stays at version 2");
        assert_eq!(
            told(1, &file(2, &[("web", 1), ("new", 2)])),
            "version 2 of the secret db was made; web goes on with an earlier one until it is changed"
        );
    }
}
