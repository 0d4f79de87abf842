//! `orc service ls`, `ps`, `versions` and `rollout status`: what there is, and how far.

use super::{ServiceArgs, settle};
use crate::cli::error::CliError;
use crate::cli::list::ListArgs;
use crate::cli::target::Environment;
use crate::cli::{output, table, words};
use crate::clock::Clock;
use crate::model::time::Timestamp;
use crate::wire::service::{Service, Version};

/// Lists services.
pub(super) async fn services(args: ListArgs, environment: &Environment) -> Result<(), CliError> {
    let services = args.api(environment)?.services().await?;
    args.print(&services, render_services)
}

/// READY counts slots with a task that gets traffic, of those that there should be.
fn render_services(services: &[Service], now: Timestamp, width: Option<u16>) -> String {
    let rows = services.iter().map(|service| {
        let image = service.wanted.task.image.as_deref().unwrap_or_default();
        [
            service.name.clone(),
            service.wanted.mode.clone(),
            ready(service),
            words::plain(image),
            service.version.to_string(),
            service.rollout.state.clone(),
            words::age(&service.updated_at, now),
            words::plain(&service.rollout.message),
        ]
    });
    let headings = ["NAME", "MODE", "READY", "IMAGE", "VERSION", "ROLLOUT", "CHANGED", "MESSAGE"];
    table::render(headings, rows, width)
}

fn ready(service: &Service) -> String {
    let rollout = &service.rollout;
    let counted = if service.wanted.mode == "job" { rollout.done } else { rollout.ready };
    format!("{counted}/{}", rollout.slots)
}

/// Lists the tasks of a service.
pub(super) async fn tasks(args: &ServiceArgs, environment: &Environment) -> Result<(), CliError> {
    let service = args.look(&args.api(environment)?).await?;
    if args.json {
        return output::json(&service.tasks);
    }
    output::line(&render_tasks(&service, table::terminal_width()))
}

fn render_tasks(service: &Service, width: Option<u16>) -> String {
    let rows = service.tasks.iter().map(|task| {
        [
            task.name.clone(),
            task.slot.clone(),
            task.version.to_string(),
            task.state.clone(),
            if task.ready { "yes" } else { "no" }.to_owned(),
            if task.node.is_empty() { "-".to_owned() } else { task.node.clone() },
            words::plain(&task.message),
        ]
    });
    table::render(["NAME", "SLOT", "VERSION", "STATE", "READY", "NODE", "MESSAGE"], rows, width)
}

/// Lists the versions of a service, newest first.
pub(super) async fn versions(args: &ServiceArgs, environment: &Environment) -> Result<(), CliError> {
    let versions = args.api(environment)?.versions(&args.service).await?;
    if args.json {
        return output::json(&versions);
    }
    output::line(&render_versions(&versions, Clock.now().wall, table::terminal_width()))
}

fn render_versions(versions: &[Version], now: Timestamp, width: Option<u16>) -> String {
    let rows = versions.iter().rev().map(|version| {
        [
            version.version.to_string(),
            if version.stable { "yes" } else { "-" }.to_owned(),
            words::plain(version.wanted.task.image.as_deref().unwrap_or_default()),
            words::age(&version.at, now),
            words::plain(&version.by),
            words::plain(&version.why),
        ]
    });
    table::render(["VERSION", "STABLE", "IMAGE", "MADE", "BY", "WHY"], rows, width)
}

/// Tells how far a rollout is: a line, and the tasks below it.
pub(super) async fn status(args: &ServiceArgs, environment: &Environment) -> Result<(), CliError> {
    let service = args.look(&args.api(environment)?).await?;
    if args.json {
        return output::json(&service.rollout);
    }
    output::line(&settle::line(&service))?;
    output::line(&render_tasks(&service, table::terminal_width()))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::cli::samples::{now, service};

    #[test]
    fn services_show_how_many_get_traffic_of_those_that_should() {
        let job = json!({
            "Name": "backup", "Mode": "job",
            "Rollout": { "State": "running", "Done": 1, "Slots": 4, "Message": "backup.2.v1: waits" },
        });
        expect![[r"
            NAME     MODE         READY   IMAGE        VERSION   ROLLOUT   CHANGED   MESSAGE
            web      replicated   3/3     nginx:1.29   3         settled   3m        version 3 runs in every slot
            backup   job          1/4     nginx:1.29   3         running   3m        backup.2.v1: waits"]].assert_eq(&render_services(&[service(&json!({})), service(&job)], now(), None));
    }

    #[test]
    fn tasks_stand_by_slot_with_what_they_wait_for() {
        expect![[r"
            NAME       SLOT   VERSION   STATE     READY   NODE       MESSAGE
            web.1.v1   1      1         running   yes     worker-1
            web.2.v1   2      1         pending   no      -          no node has 2 GiB left"]]
        .assert_eq(&render_tasks(&service(&json!({})), None));
    }
}
