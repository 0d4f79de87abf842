//! `orc login`: makes a manager elsewhere known to this user's commands, with a token.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::contexts::{Context, Contexts, LOCAL, no_place};
use super::error::CliError;
use super::target::Environment;
use super::{output, unseen};
use crate::client::Client;
use crate::trust::client::first_look;
use crate::trust::{ApiToken, Digest};

/// An answer takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Flags of `orc login`.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
pub(super) struct LoginArgs {
    /// URL of the manager, such as https://10.0.0.1:8000
    #[arg(value_parser = Client::new)]
    url: Client,

    /// What it is called from now on [default: its host]
    #[arg(long)]
    name: Option<String>,

    /// Digest of its authority; `orc token create` prints it on the manager's host. Without it the digest is shown, and
    /// asked about
    #[arg(long, value_name = "DIGEST", value_parser = str::parse::<Digest>)]
    pin: Option<Digest>,

    /// File with the token [default: it is asked for, or read from stdin where that is no terminal]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Asks for what is not said, tries it, and keeps it.
pub(super) async fn execute(args: LoginArgs, environment: &Environment) -> Result<(), CliError> {
    let path = environment.contexts_path().ok_or_else(no_place)?;
    let mut contexts = Contexts::read(&path)?;
    let base = args.url.base().to_owned();
    let name = args.name.unwrap_or_else(|| host_of(&base));
    if name == LOCAL || name.is_empty() {
        return Err(CliError::Usage(format!(
            "{LOCAL:?} is the manager of the settings: choose another --name"
        )));
    }
    let pin = match (base.starts_with("https://"), args.pin) {
        (false, _) => None,
        (true, Some(pin)) => Some(pin),
        (true, None) => {
            Some(confirmed(&args.url, contexts.at(&base).and_then(|known| known.pin.as_deref())).await?)
        }
    };
    let token = match &args.token_file {
        Some(file) => fs::read_to_string(file)
            .map_err(|error| CliError::Failed(format!("{} cannot be read: {error}", file.display())))?,
        None => ask_for_token().await?,
    };
    let token: ApiToken = token.trim().parse().map_err(CliError::Failed)?;
    let context =
        Context { manager: base.clone(), pin: pin.map(|pin| pin.to_string()), token: token.to_string() };
    context.client()?.get::<Value>("/tasks?limit=1", PATIENCE).await?;
    contexts.contexts.insert(name.clone(), context);
    contexts.current = Some(name.clone());
    contexts.write(&path)?;
    output::note(&format!(
        "Logged in to {base}; all commands speak with it from now on, as context {name:?}."
    ));
    Ok(())
}

fn host_of(base: &str) -> String {
    let uri = base.parse::<hyper::Uri>().ok();
    uri.as_ref().and_then(hyper::Uri::host).unwrap_or_default().trim_matches(['[', ']']).to_owned()
}

/// The authority that answers there, once a person has said that it is the right one.
async fn confirmed(manager: &Client, known: Option<&str>) -> Result<Digest, CliError> {
    let (tls, found) = first_look().map_err(|error| CliError::Failed(error.to_string()))?;
    // It fails in any case: nothing is said before it is known to whom.
    let result = manager.clone().believing(tls).get::<Value>("/healthz", PATIENCE).await;
    let Some(found) = found.borrow().last().map(Digest::of) else {
        return Err(result
            .err()
            .map_or_else(|| CliError::Failed("there is no manager there".to_owned()), Into::into));
    };
    let (base, text) = (manager.base(), found.to_string());
    if known == Some(&*text) {
        return Ok(found);
    }
    if let Some(known) = known {
        return Err(CliError::Failed(format!(
            "the authority of {base} has changed since the last login, from {known} to {text}: somebody may be \
             listening in. If it was rotated (`orc ca` on the manager's host shows its digest), or the cluster was made \
             anew, say so with --pin {text}"
        )));
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::Failed(format!(
            "the authority of {base} is not known yet. If its digest on the manager's host is {text} too, say so with \
             --pin {text}"
        )));
    }
    output::note(&format!(
        "The authority of {base} is not known yet. Its digest is\n  {text}\n`orc token create` prints it on the \
         manager's host. Is it the same there? Type yes or no."
    ));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(found),
        _ => Err(CliError::Failed("not logged in: nothing was sent to that manager".to_owned())),
    }
}

/// The token from stdin: typed unseen on a terminal.
async fn ask_for_token() -> Result<String, CliError> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output::note("Token (it is not shown):");
        return unseen::read_line("not logged in: nothing has changed").await;
    }
    let mut token = String::new();
    stdin.lock().read_line(&mut token)?;
    Ok(token)
}
