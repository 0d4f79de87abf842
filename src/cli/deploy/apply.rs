//! Applying a plan: each service once what it needs is there, on top of the version that was planned on; and waiting until
//! everything is as it should be.

use std::time::Duration;

use tokio::time::sleep;

use super::WaitArgs;
use super::board::Board;
use super::removal;
use super::rollout::{Deployment, State};
use crate::cli::api::Api;
use crate::cli::error::CliError;
use crate::cli::{output, words};
use crate::deploy::{Action, Plan, Stack};

/// How a wait ended.
enum End {
    /// There is nothing more to wait for.
    Over,
    /// Ctrl-C.
    Interrupted,
    /// The time is up.
    Impatient(Duration),
}

/// Applies a plan, and waits for it unless told not to.
pub(super) async fn apply(
    api: &Api,
    stack: &Stack,
    plan: &Plan,
    wait: WaitArgs,
    json: bool,
) -> Result<(), CliError> {
    let mut deployment = Deployment::new(stack, plan, wait.detach);
    let mut board = Board::begin();
    let end = tokio::select! {
        // Cancel-safe: what was begun goes on, and what was not is told below.
        result = deployment.run(api, &mut board) => { result?; End::Over }
        _ = tokio::signal::ctrl_c() => End::Interrupted,
        () = sleep(wait.wait_timeout.unwrap_or_default()), if wait.wait_timeout.is_some() => {
            End::Impatient(wait.wait_timeout.unwrap_or_default())
        }
    };
    board.end();
    match end {
        End::Over => finish(api, plan, &deployment, wait, json).await,
        End::Interrupted => Err(CliError::Interrupted(format!(
            "what was begun goes on without being waited for: `orc service ls` tells how far it is{}",
            not_begun(&deployment)
        ))),
        End::Impatient(patience) => Err(CliError::Failed(format!(
            "after {} {} not as it should be, and what was begun goes on: `orc service ls` tells how far it is{}",
            humantime::format_duration(patience),
            unfinished(&deployment),
            not_begun(&deployment)
        ))),
    }
}

fn unfinished(deployment: &Deployment<'_>) -> String {
    let names = deployment.names(|state| !matches!(state, State::Done));
    let is = if names.len() == 1 { "is" } else { "are" };
    format!("{} {is}", names.join(", "))
}

/// Services that nobody has sent: a further deployment does.
fn not_begun(deployment: &Deployment<'_>) -> String {
    match &deployment.names(|state| matches!(state, State::Waiting))[..] {
        [] => String::new(),
        names => format!("; not applied: {}", names.join(", ")),
    }
}

async fn finish(
    api: &Api,
    plan: &Plan,
    deployment: &Deployment<'_>,
    wait: WaitArgs,
    json: bool,
) -> Result<(), CliError> {
    let failures = deployment.failures();
    if failures.is_empty() {
        removal::prune(api, plan, !wait.detach).await?;
    }
    let left: Vec<&str> = (plan.services.iter())
        .filter(|step| step.action == Action::LeftOver)
        .map(|step| step.name.as_str())
        .collect();
    if !left.is_empty() {
        output::note(&format!(
            "not in the files of {}, and left alone without --prune: {}",
            plan.project,
            left.join(", ")
        ));
    }
    if json {
        output::json(&deployment.services())?;
    } else {
        for name in deployment.names(|state| matches!(state, State::Done | State::Applied(_))) {
            output::line(&name)?;
        }
    }
    for (task, lines) in deployment.remains() {
        for line in lines {
            output::note(&format!("{task} | {}", words::plain(line)));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(CliError::Failed(failures.join("; "))) }
}
