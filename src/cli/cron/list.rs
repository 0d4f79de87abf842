//! `orc cron ls` and `history`: when services run next, and what became of their runs.

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::list::ListArgs;
use crate::cli::target::{Environment, Target};
use crate::cli::{output, table, words};
use crate::model::service::ServiceName;
use crate::model::time::Timestamp;
use crate::wire::service::{CronState, Run, Service};

/// Flags of `orc cron history`.
#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryArgs {
    /// Which service: its name, as `orc cron ls` shows it
    service: ServiceName,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Lists services that run by the clock.
pub(super) async fn services(args: ListArgs, environment: &Environment) -> Result<(), CliError> {
    let mut services = args.api(environment)?.services().await?;
    services.retain(|service| service.cron.is_some());
    args.print(&services, render_services)
}

fn render_services(services: &[Service], now: Timestamp, width: Option<u16>) -> String {
    let rows = services.iter().filter_map(|service| {
        let cron = service.cron.as_ref()?;
        Some([
            service.name.clone(),
            words::plain(service.wanted.schedule.as_deref().unwrap_or_default()),
            words::plain(service.wanted.time_zone.as_deref().unwrap_or_default()),
            next(cron, now),
            cron.running.to_string(),
            cron.last.as_ref().map_or_else(|| "-".to_owned(), |run| last(run, now)),
        ])
    });
    table::render(["NAME", "SCHEDULE", "TIME ZONE", "NEXT", "RUNNING", "LAST"], rows, width)
}

fn next(cron: &CronState, now: Timestamp) -> String {
    match cron.next.as_deref().and_then(Timestamp::parse) {
        _ if cron.suspended => "suspended".to_owned(),
        Some(next) => format!("in {}", words::rough(now.until(next))),
        None => "never".to_owned(),
    }
}

/// The last run in a few words: `failed 3m ago: exited with 1`.
fn last(run: &Run, now: Timestamp) -> String {
    let since = run.ended.as_ref().or(run.begun.as_ref()).unwrap_or(&run.due);
    let colon = if run.why.is_empty() { "" } else { ": " };
    format!("{} {} ago{colon}{}", run.state, words::age(since, now), words::plain(&run.why))
}

/// Lists the runs of a service.
pub(super) async fn history(args: HistoryArgs, environment: &Environment) -> Result<(), CliError> {
    let runs = args.target.api(environment)?.runs(&args.service).await?;
    if args.json {
        return output::json(&runs);
    }
    output::line(&render_runs(&runs, table::terminal_width()))
}

/// TASK is as much of its ID as tells it apart: `orc logs` takes that.
fn render_runs(runs: &[Run], width: Option<u16>) -> String {
    let ids: Vec<&str> = runs.iter().filter_map(|run| run.task_id.as_deref()).collect();
    let mut short = words::short_ids(&ids).into_iter();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut rows: Vec<_> = runs
        .iter()
        .map(|run| {
            let due = Timestamp::parse(&run.due).map(|due| due.to_string());
            [
                run.number.to_string(),
                run.state.clone(),
                or_none(due),
                or_none(took(run)),
                or_none(run.exit_code.map(|code| code.to_string())),
                or_none(run.task_id.as_ref().and_then(|_| short.next())),
                words::plain(&run.by),
                words::plain(&run.why),
            ]
        })
        .collect();
    rows.reverse();
    table::render(["RUN", "STATE", "DUE", "TOOK", "EXIT", "TASK", "BY", "WHY"], rows, width)
}

fn took(run: &Run) -> Option<String> {
    let (begun, ended) = (run.begun.as_deref()?, run.ended.as_deref()?);
    Some(words::rough(Timestamp::parse(begun)?.until(Timestamp::parse(ended)?)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::samples;

    fn run(fields: &Value) -> Value {
        let mut run = json!({
            "Number": 7, "Version": 3, "Due": "2026-11-22T03:00:00Z", "By": "the clock", "State": "succeeded",
            "TaskID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Begun": "2026-11-22T03:00:00Z",
            "Ended": "2026-11-22T03:01:40Z", "ExitCode": 0, "Why": "",
        });
        for (name, value) in fields.as_object().unwrap() {
            run[name] = value.clone();
        }
        run
    }

    fn service(cron: Value) -> Service {
        let fields = json!({ "Name": "backup", "Mode": "cron" });
        let mut service = serde_json::to_value(samples::service(&fields)).unwrap();
        (service["Schedule"], service["TimeZone"]) = (json!("0 3 * * *"), json!("Europe/Berlin"));
        service["Cron"] = cron;
        serde_json::from_value(service).unwrap()
    }

    #[test]
    fn services_show_when_they_run_next_and_how_that_went_last() {
        let failed = run(&json!({ "State": "failed", "ExitCode": 2, "Why": "exited with 2" }));
        let services = [
            service(
                json!({ "Next": "2026-11-23T02:00:00Z", "Suspended": false, "Running": 0, "Last": failed }),
            ),
            service(json!({ "Next": "2026-11-23T02:00:00Z", "Suspended": true, "Running": 1, "Last": null })),
        ];
        expect![[r"
            NAME     SCHEDULE    TIME ZONE       NEXT        RUNNING   LAST
            backup   0 3 * * *   Europe/Berlin   in 18h      0         failed 4h ago: exited with 2
            backup   0 3 * * *   Europe/Berlin   suspended   1         -"]]
        .assert_eq(&render_services(&services, samples::now(), None));
    }

    #[test]
    fn runs_show_the_newest_first_with_what_became_of_them() {
        let skipped = json!({
            "Number": 8, "State": "skipped", "TaskID": null, "Begun": null, "ExitCode": null,
            "Why": "the run before it has not ended",
        });
        let runs = [run(&json!({})), run(&skipped)].map(|run| serde_json::from_value(run).unwrap());
        expect![[r"
            RUN   STATE       DUE                        TOOK   EXIT   TASK       BY          WHY
            8     skipped     2026-11-22T03:00:00.000Z   -      -      -          the clock   the run before it has not ended
            7     succeeded   2026-11-22T03:00:00.000Z   1m     0      bb1d59ef   the clock"]]
        .assert_eq(&render_runs(&runs, None));
    }
}
