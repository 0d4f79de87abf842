//! `orc token`: who may speak with the manager from elsewhere.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::list::ListArgs;
use super::target::{Environment, Target};
use super::{output, table, values, words};
use crate::model::access::Role;
use crate::model::time::Timestamp;
use crate::wire::access::{Token, TokenInput};

const HEADINGS: [&str; 6] = ["ID", "ROLE", "CREATED", "EXPIRES", "STATE", "NAME"];

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token for a person or a program, and print it: it is shown this once
    Create(CreateArgs),
    /// List tokens, without their secrets
    Ls(ListArgs),
    /// Make tokens void at once
    Revoke(RevokeArgs),
}

/// Flags of `orc token create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What it lets its bearer do: read, operate (run and stop tasks, too) or admin
    #[arg(long, value_parser = person)]
    role: Role,

    /// How long it lives [default: until it is revoked]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    ttl: Option<Duration>,

    /// What it is for, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,

    /// Make all earlier ones of this role void at once
    #[arg(long)]
    rotate: bool,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Flags of `orc token revoke`.
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// Which: their IDs, as `orc token ls` prints them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    target: Target,
}

/// A role of a person.
fn person(word: &str) -> Result<Role, String> {
    let role = word.parse().ok().filter(|role| *role != Role::Join);
    role.ok_or_else(|| "read, operate or admin belongs there; `orc node token` lets a worker join".to_owned())
}

/// Does it.
pub(super) async fn execute(command: TokenCommand, environment: &Environment) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => create(args, environment).await,
        TokenCommand::Ls(args) => list(args, environment).await,
        TokenCommand::Revoke(args) => revoke(args, environment).await,
    }
}

async fn create(args: CreateArgs, environment: &Environment) -> Result<(), CliError> {
    let wanted = TokenInput {
        role: args.role,
        name: args.note,
        ttl: args.ttl.map(|ttl| ttl.as_secs()),
        uses: None,
        rotate: args.rotate,
    };
    let made = args.target.api(environment)?.make_token(&wanted).await?;
    if args.json {
        return output::json(&made);
    }
    if let Some(command) = &made.command {
        output::note(&format!("On another machine it is asked for by: {command}"));
    }
    output::line(&made.secret)
}

async fn list(args: ListArgs, environment: &Environment) -> Result<(), CliError> {
    let tokens = args.api(environment)?.tokens().await?;
    args.print(&tokens, render)
}

async fn revoke(args: RevokeArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    for id in &args.ids {
        api.revoke_token(id).await?;
        output::line(id)?;
    }
    Ok(())
}

fn render(tokens: &[Token], now: Timestamp, width: Option<u16>) -> String {
    let rows = tokens.iter().map(|token| {
        [
            words::plain(&token.id),
            token.role.to_string(),
            words::age(&token.created_at, now),
            expiry(token, now),
            state(token, now).to_owned(),
            words::plain(&token.name),
        ]
    });
    table::render(HEADINGS, rows, width)
}

fn expiry(token: &Token, now: Timestamp) -> String {
    match token.expires_at.as_deref().map(Timestamp::parse) {
        None => "never".to_owned(),
        Some(Some(at)) if at > now => format!("in {}", words::rough(now.until(at))),
        Some(Some(at)) => format!("{} ago", words::rough(at.until(now))),
        Some(None) => "-".to_owned(),
    }
}

fn state(token: &Token, now: Timestamp) -> &'static str {
    let end = token.expires_at.as_deref().and_then(Timestamp::parse);
    if token.revoked_at.is_some() {
        "void"
    } else if end.is_some_and(|end| end <= now) {
        "expired"
    } else if token.uses_left == Some(0) {
        "used up"
    } else {
        "good"
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::cli::samples::now;

    #[test]
    fn tokens_show_what_they_are_still_good_for() {
        let at = |duration: u64| Some(now().after(Duration::from_secs(duration)).to_rfc3339_nanos());
        let good = Token {
            id: "0a1b2c3d".to_owned(),
            role: Role::Read,
            name: "dashboards".to_owned(),
            created_at: now().before(Duration::from_mins(5)).to_rfc3339_nanos(),
            expires_at: at(7_200),
            uses_left: None,
            revoked_at: None,
        };
        let forever = Token { expires_at: None, role: Role::Admin, ..good.clone() };
        let void = Token { revoked_at: at(0), ..good.clone() };
        let used_up = Token { uses_left: Some(0), role: Role::Join, ..good.clone() };
        let past = now().before(Duration::from_secs(90)).to_rfc3339_nanos();
        let expired = Token { expires_at: Some(past), ..good.clone() };
        expect![[r"
            ID         ROLE    CREATED   EXPIRES   STATE     NAME
            0a1b2c3d   read    5m        in 2h     good      dashboards
            0a1b2c3d   admin   5m        never     good      dashboards
            0a1b2c3d   read    5m        in 2h     void      dashboards
            0a1b2c3d   join    5m        in 2h     used up   dashboards
            0a1b2c3d   read    5m        1m ago    expired   dashboards"]]
        .assert_eq(&render(&[good, forever, void, used_up, expired], now(), None));
    }

    #[test]
    fn a_person_has_one_of_three_roles() {
        assert_eq!(person("operate"), Ok(Role::Operate));
        for word in ["join", "root", ""] {
            assert!(person(word).unwrap_err().contains("read, operate or admin"), "{word}");
        }
    }
}
