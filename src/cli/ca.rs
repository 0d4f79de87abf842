//! `orc ca`: the authority that signs the cluster's certificates, and having another follow it.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::target::{Environment, Target};
use super::{output, words};
use crate::wire::authority::{Authority, RotationInput};

/// Flags of `orc ca`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CaArgs {
    #[command(subcommand)]
    command: Option<CaCommand>,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// What can be done about it.
#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Have another authority follow it, with a new key. Workers renew their certificates by themselves; people log in
    /// again
    Rotate(RotateArgs),
}

/// Flags of `orc ca rotate`.
#[derive(Debug, Args)]
struct RotateArgs {
    /// End a rotation at once: whoever has not renewed joins or logs in again
    #[arg(long)]
    finish: bool,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Shows or replaces it.
pub(super) async fn execute(args: CaArgs, environment: &Environment) -> Result<(), CliError> {
    let (authority, json) = match args.command {
        None => (args.target.api(environment)?.authority().await?, args.json),
        Some(CaCommand::Rotate(RotateArgs { finish, json, target })) => {
            (target.api(environment)?.rotate_authority(&RotationInput { finish }).await?, json)
        }
    };
    if json { output::json(&authority) } else { output::line(&render(&authority)) }
}

fn render(authority: &Authority) -> String {
    let since = authority.since.as_deref().unwrap_or("before orc wrote that down");
    let mut text = format!("digest  {}\nsince   {}\n", words::plain(&authority.digest), words::plain(since));
    if let Some(rotation) = &authority.rotation {
        let all = rotation.renewed + rotation.waiting.len();
        let _ = writeln!(text, "nodes   {} of {all} have renewed", rotation.renewed);
        for node in &rotation.waiting {
            let _ = writeln!(text, "        waiting for {}", words::plain(node));
        }
    }
    let _ = write!(text, "login   {}\n{}", words::plain(&authority.login), words::plain(&authority.message));
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::wire::authority::Rotation;

    #[test]
    fn an_authority_shows_since_when_it_is_and_who_is_waited_for() {
        let quiet = Authority {
            digest: "ab".repeat(4),
            since: Some("2026-11-22T20:00:00Z".to_owned()),
            rotation: None,
            login: "orc login https://10.0.0.1:8000 --pin abababab".to_owned(),
            message: "It alone signs".to_owned(),
        };
        let rotation = Rotation {
            former: "cd".repeat(4),
            not_before: "2026-11-23T20:00:00Z".to_owned(),
            renewed: 1,
            waiting: vec!["box-2".to_owned(), "box-3".to_owned()],
        };
        let rotating = Authority { since: None, rotation: Some(rotation), ..quiet.clone() };
        expect![[r"
            digest  abababab
            since   2026-11-22T20:00:00Z
            login   orc login https://10.0.0.1:8000 --pin abababab
            It alone signs
            digest  abababab
            since   before orc wrote that down
            nodes   1 of 3 have renewed
                    waiting for box-2
                    waiting for box-3
            login   orc login https://10.0.0.1:8000 --pin abababab
            It alone signs"]]
        .assert_eq(&format!("{}\n{}", render(&quiet), render(&rotating)));
    }
}
