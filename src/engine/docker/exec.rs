//! Programs inside containers: begun, waited for, and given up when they take too long.

use std::time::Duration;

use bollard::Docker;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::{failure, within};
use crate::engine::{EXEC_OUTPUT, Executed};
use crate::model::container::Failure;
use crate::model::id::{ContainerId, ExecId};

/// An engine tells the end of a program's output a little before its end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Runs a program to its end, or for so long; `deadline` is for what the engine itself does.
pub(super) async fn exec(
    client: &Docker,
    deadline: Duration,
    id: &ContainerId,
    command: &[String],
    limit: Duration,
) -> Result<Executed, Failure> {
    let config = ExecConfig {
        cmd: Some(command.to_vec()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let call = client.create_exec(&id.0, config);
    let exec = ExecId(within(deadline, "preparing a program", call).await?.id);
    let to_its_end = async {
        let output = output(client, &exec).await?;
        loop {
            if let Look::Ended(code) = look(client, deadline, &exec).await? {
                return Ok(Executed::Ended { code, output });
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let lost = match tokio::time::timeout(limit, to_its_end).await {
        Ok(Ok(executed)) => return Ok(executed),
        // It may have been begun all the same, or have written more than is read of an answer.
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Unknown(format!(
            "the Docker Engine has not begun a program within {} s",
            limit.as_secs_f64()
        )),
    };
    match look(client, deadline, &exec).await? {
        Look::Runs => Ok(Executed::Runs(exec)),
        Look::Waits => Ok(Executed::Waits(exec)),
        Look::Ended(code) => Ok(Executed::Ended { code, output: String::new() }),
        Look::Untouched => Err(lost),
    }
}

/// Whether a program still runs.
pub(super) async fn runs(client: &Docker, deadline: Duration, id: &ExecId) -> Result<bool, Failure> {
    Ok(matches!(look(client, deadline, id).await?, Look::Runs | Look::Waits))
}

/// What an engine says of a program.
enum Look {
    /// Nobody has asked for it to begin.
    Untouched,
    /// It was asked for, and has no process yet.
    Waits,
    Runs,
    Ended(i64),
}

async fn look(client: &Docker, deadline: Duration, id: &ExecId) -> Result<Look, Failure> {
    let answer = within(deadline, "looking at a program", client.inspect_exec(&id.0)).await?;
    Ok(match (answer.running, answer.exit_code) {
        // To the engine it runs from when it was asked for.
        (Some(true), _) if answer.pid.unwrap_or_default() == 0 => Look::Waits,
        (Some(true), _) => Look::Runs,
        (_, Some(code)) => Look::Ended(code),
        (_, None) => Look::Untouched,
    })
}

/// Starts a program and reads what it writes, to the end; keeps the beginning.
async fn output(client: &Docker, id: &ExecId) -> Result<String, Failure> {
    let started = client.start_exec(&id.0, None).await.map_err(|error| failure::from_bollard(&error))?;
    let StartExecResults::Attached { mut output, .. } = started else { return Ok(String::new()) };
    let mut kept = Vec::new();
    while let Some(piece) = output.next().await {
        let piece = piece.map_err(|error| failure::from_bollard(&error))?.into_bytes();
        let room = EXEC_OUTPUT - kept.len();
        kept.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    Ok(String::from_utf8_lossy(&kept).into_owned())
}
