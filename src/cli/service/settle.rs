//! Waiting until a service is what it should be.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::sleep;

use super::WaitArgs;
use crate::cli::api::{Api, LogQuery};
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::watch::Watch;
use crate::cli::{output, words};
use crate::client::ClientError;
use crate::model::service::ServiceName;
use crate::wire::service::Service;

/// So many of the last lines of what failed are shown.
const LAST_LINES: u64 = 10;

/// How a service stands.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Verdict {
    /// It goes on.
    Waiting,
    /// It is what it should be; in words.
    Done(String),
    /// It will not be, for this reason.
    Failed(String),
}

/// Waits for a service unless told not to, and prints the result: its name, or the whole of it.
pub(super) async fn see(api: &Api, service: Service, wait: WaitArgs, json: bool) -> Result<(), CliError> {
    if !json {
        output::line(&service.name)?;
    }
    if wait.detach {
        return if json { output::json(&service) } else { Ok(()) };
    }
    let (service, verdict) = Box::pin(until_settled(api, service, wait.wait_timeout)).await?;
    if json {
        output::json(&service)?;
    }
    match verdict {
        Verdict::Failed(reason) => {
            tell_last_lines(api, &service).await;
            Err(CliError::Failed(reason))
        }
        Verdict::Done(words) => {
            output::note(&words);
            Ok(())
        }
        Verdict::Waiting => Ok(()),
    }
}

/// Waits with everything that may end a wait: the verdict, Ctrl-C, the end of patience.
async fn until_settled(
    api: &Api,
    service: Service,
    patience: Option<Duration>,
) -> Result<(Service, Verdict), CliError> {
    let name = service.name.clone();
    let progress = Progress::begin();
    let patience_ends = async {
        match patience {
            Some(patience) => sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        // Cancel-safe: nothing is lost with a wait but the wait.
        result = follow(api, service, &progress) => result,
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted(format!(
            "{name} goes on without being waited for: `orc service rollout status {name}` tells how far it is, and \
             `orc service rollout pause {name}` holds it"
        ))),
        () = patience_ends => Err(CliError::Failed(format!(
            "{name} is not what it should be after {}, and goes on: `orc service rollout status {name}` tells how far it is",
            humantime::format_duration(patience.unwrap_or_default())
        ))),
    };
    progress.end();
    result
}

async fn follow(api: &Api, first: Service, progress: &Progress) -> Result<(Service, Verdict), CliError> {
    let mut watch = Watch::begin(api).await;
    let name: ServiceName = first.name.parse().map_err(|error| CliError::Failed(format!("{error}")))?;
    let awaited = first.version;
    let (mut service, mut told) = (first, String::new());
    loop {
        let line = line(&service);
        if line != told {
            progress.tell(line.clone());
            told = line;
        }
        match verdict(&service, awaited) {
            Verdict::Waiting => {}
            verdict => return Ok((service, verdict)),
        }
        watch.changed(|_| true).await;
        service = match api.service(&name).await {
            Ok(service) => service,
            Err(ClientError::Refused { status: 404, .. }) => {
                return Ok((service, Verdict::Failed(format!("{name} was removed meanwhile"))));
            }
            Err(error) => return Err(error.into()),
        };
    }
}

/// What the way to the version `awaited` has come to.
pub(in crate::cli) fn verdict(service: &Service, awaited: u64) -> Verdict {
    let Service { name, version, rollout, .. } = service;
    let message = words::plain(&rollout.message);
    let is_another = *version != awaited;
    match rollout.state.as_str() {
        "settled" | "complete" | "scheduled" | "suspended" if is_another => {
            let (by, why) = (words::plain(&service.by), words::plain(&service.why));
            Verdict::Failed(format!("{name} is at version {version} and not at {awaited}, by {by}: {why}"))
        }
        "settled" => Verdict::Done(format!(
            "{name} runs version {version} in {} of {} slots",
            rollout.done.max(rollout.slots),
            rollout.slots
        )),
        "complete" | "scheduled" | "suspended" => Verdict::Done(format!("{name}: {message}")),
        "canary" => Verdict::Done(format!(
            "{name} runs version {version} in {} of {} slots, and goes no further before \
             `orc service rollout promote {name}`",
            rollout.done, rollout.slots
        )),
        "failed" | "paused" => Verdict::Failed(format!("{name}: {message}")),
        "removing" => Verdict::Failed(format!("{name} is being removed: {message}")),
        _ => Verdict::Waiting,
    }
}

/// How far it is, in words.
pub(in crate::cli) fn line(service: &Service) -> String {
    let Service { name, version, rollout, .. } = service;
    let message = words::plain(&rollout.message);
    let comma = if message.is_empty() { "" } else { "; " };
    format!(
        "{name}: {}, {} of {} slots have version {version}{comma}{message}",
        rollout.state, rollout.done, rollout.slots
    )
}

/// What the tasks that failed wrote last, as far as their containers are still there.
async fn tell_last_lines(api: &Api, service: &Service) {
    for task in service.tasks.iter().filter(|task| task.state == "failed") {
        let query = LogQuery { tail: Some(LAST_LINES), ..LogQuery::default() };
        let Ok(mut pieces) = api.logs(&task.id, &query).await else { continue };
        let mut bytes = Vec::new();
        while let Some(Ok(piece)) = pieces.next().await {
            bytes.extend_from_slice(&piece);
        }
        let text = String::from_utf8_lossy(&bytes);
        for line in text.lines() {
            output::note(&format!("{} | {}", task.name, words::plain(line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::samples;

    fn service(version: u64, rollout: &Value) -> Service {
        samples::service(&json!({ "Version": version, "Rollout": rollout }))
    }

    #[test]
    fn a_wait_ends_when_the_version_is_there_or_will_not_come() {
        let is = |version, state: &str| {
            verdict(&service(version, &json!({ "State": state, "Message": "because" })), 3)
        };
        assert!(matches!(is(3, "settled"), Verdict::Done(_)));
        assert!(matches!(is(3, "complete"), Verdict::Done(_)));
        assert!(matches!(is(3, "canary"), Verdict::Done(words) if words.contains("rollout promote web")));
        for state in ["rolling", "running", "rolling-back"] {
            assert_eq!(is(3, state), Verdict::Waiting);
        }
        assert_eq!(is(4, "rolling-back"), Verdict::Waiting);
        for (version, state) in [(4, "settled"), (3, "paused"), (3, "failed"), (3, "removing")] {
            assert!(matches!(is(version, state), Verdict::Failed(why) if why.contains("because")), "{state}");
        }
    }

    #[test]
    fn the_line_tells_how_far_it_is() {
        let rollout =
            json!({ "State": "rolling", "Message": "web.2.v3: waits for worker-1", "Done": 1, "Slots": 3 });
        assert_eq!(
            line(&service(3, &rollout)),
            "web: rolling, 1 of 3 slots have version 3; web.2.v3: waits for worker-1"
        );
    }
}
