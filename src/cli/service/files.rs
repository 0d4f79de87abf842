//! Which secrets and configs a change of a service adds, and which it takes away.

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::values;
use crate::model::managed_file::{FileKind, FileName};
use crate::wire::file_ref::FileRefInput;
use crate::wire::submission::TaskInput;

/// Flags of `orc service update` on secrets and configs, as Swarm has them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Secrets and configs")]
pub(super) struct FileArgs {
    /// Give it a secret, or the newest version of one that it has: NAME, or NAME:TARGET
    #[arg(long, value_name = "NAME[:TARGET]", value_parser = values::file)]
    secret_add: Vec<FileRefInput>,

    /// Take a secret away
    #[arg(long, value_name = "NAME")]
    secret_rm: Vec<FileName>,

    /// Give it a config, or the newest version of one that it has: NAME, or NAME:TARGET
    #[arg(long, value_name = "NAME[:TARGET]", value_parser = values::file)]
    config_add: Vec<FileRefInput>,

    /// Take a config away
    #[arg(long, value_name = "NAME")]
    config_rm: Vec<FileName>,
}

impl FileArgs {
    /// What is said, over what a task has.
    pub(super) fn over(&self, task: &mut TaskInput) -> Result<(), CliError> {
        change(FileKind::Secret, &mut task.secrets, &self.secret_rm, &self.secret_add)?;
        change(FileKind::Config, &mut task.configs, &self.config_rm, &self.config_add)
    }
}

/// Those that go are gone before others come, so that one may come in the place of another. What is at one path of the
/// container is exchanged: else the newest version of a file could not be had.
fn change(
    kind: FileKind,
    files: &mut Option<Vec<FileRefInput>>,
    gone: &[FileName],
    added: &[FileRefInput],
) -> Result<(), CliError> {
    let mut all = files.take().unwrap_or_default();
    if let Some(name) = gone.iter().find(|name| !all.iter().any(|file| file.name == **name)) {
        return Err(CliError::Failed(format!("the service has no {kind} {name}, and nothing was changed")));
    }
    all.retain(|file| !gone.contains(&file.name));
    for file in added {
        let target = file.target_as(kind);
        all.retain(|known| known.target_as(kind) != target);
        all.push(file.clone());
    }
    *files = Some(all).filter(|all| !all.is_empty());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: &str, args: &[&str]) -> Result<String, String> {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            files: FileArgs,
        }
        let words = std::iter::once("update").chain(args.iter().copied());
        let files =
            <Command as clap::Parser>::try_parse_from(words).map_err(|error| error.to_string())?.files;
        let mut task: TaskInput = serde_json::from_str(before).unwrap();
        files.over(&mut task).map_err(|error| error.to_string())?;
        Ok(serde_json::to_string(&(task.secrets, task.configs)).unwrap())
    }

    #[test]
    fn what_is_added_takes_the_place_of_what_is_there_and_the_rest_stays() {
        let before = r#"{"Secrets":[{"Name":"db","Version":1,"Target":"/run/secrets/db"},{"Name":"key","Version":3}]}"#;
        for (args, after) in [
            (
                &[][..],
                r#"[[{"Name":"db","Version":1,"Target":"/run/secrets/db"},{"Name":"key","Version":3}],null]"#,
            ),
            (&["--secret-add", "db"], r#"[[{"Name":"key","Version":3},{"Name":"db"}],null]"#),
            (
                &["--secret-rm", "db", "--secret-add", "db2:db", "--config-add", "site:/etc/site"],
                r#"[[{"Name":"key","Version":3},{"Name":"db2","Target":"db"}],[{"Name":"site","Target":"/etc/site"}]]"#,
            ),
            (&["--secret-rm", "db", "--secret-rm", "key"], "[null,null]"),
        ] {
            assert_eq!(changed(before, args).unwrap(), after, "{args:?}");
        }
        let sentence = changed(before, &["--config-rm", "db"]).unwrap_err();
        assert_eq!(sentence, "the service has no config db, and nothing was changed");
    }
}
