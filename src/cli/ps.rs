//! `orc ps`: which tasks there are, and how they are.

use clap::Args;

use super::api::TaskQuery;
use super::error::CliError;
use super::find::state_of;
use super::target::{Environment, Target};
use super::{output, table, values, words};
use crate::clock::Clock;
use crate::model::id::NodeName;
use crate::model::service::ServiceName;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::wire::task::Task;

const HEADINGS: [&str; 10] =
    ["ID", "NAME", "IMAGE", "STATE", "HEALTH", "RESTARTS", "AGE", "NODE", "PORTS", "MESSAGE"];

/// Flags of `orc ps`.
#[derive(Debug, Args)]
pub(super) struct PsArgs {
    /// Also those that are over: completed and failed
    #[arg(short, long)]
    all: bool,

    /// Only in this state: pending, scheduled, running, completed or failed; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,

    /// Only of this name
    #[arg(long, value_parser = values::task_name)]
    name: Option<String>,

    /// Only on this node
    #[arg(long)]
    node: Option<NodeName>,

    /// Only of this service
    #[arg(long)]
    service: Option<ServiceName>,

    /// Whole IDs and messages
    #[arg(long)]
    no_trunc: bool,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

impl PsArgs {
    fn query(&self) -> TaskQuery {
        let states = match &*self.state {
            [] if self.all => Vec::new(),
            [] => TaskQuery::live().states,
            states => states.to_vec(),
        };
        TaskQuery { states, name: self.name.clone(), node: self.node.clone(), service: self.service.clone() }
    }
}

/// Lists tasks.
pub(super) async fn execute(args: PsArgs, environment: &Environment) -> Result<(), CliError> {
    let query = args.query();
    let tasks = args.target.api(environment)?.tasks(&query).await?;
    if args.json {
        return output::json(&tasks);
    }
    let width = if args.no_trunc { Layout::Whole } else { Layout::Cut(table::terminal_width()) };
    output::line(&render(&tasks, Clock.now().wall, width))
}

/// How much of a table is shown.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// All.
    Whole,
    /// Short IDs, and messages up to the terminal's width, if it is one.
    Cut(Option<u16>),
}

fn render(tasks: &[Task], now: Timestamp, layout: Layout) -> String {
    let ids: Vec<_> = tasks.iter().map(|task| &*task.id).collect();
    let (ids, width) = match layout {
        Layout::Whole => (ids.into_iter().map(ToOwned::to_owned).collect(), None),
        Layout::Cut(width) => (words::short_ids(&ids), width),
    };
    let rows = tasks.iter().zip(ids).map(|(task, id)| {
        [
            id,
            task.name.clone(),
            task.image.clone(),
            state_of(task).to_string(),
            health(task).to_owned(),
            task.restart_count.to_string(),
            words::age(&task.created_at, now),
            if task.node.is_empty() { "-".to_owned() } else { task.node.clone() },
            // What a task that is over had published is somebody else's by now.
            words::ports(task.host_ports.as_ref().filter(|_| !state_of(task).is_final())),
            words::plain(&task.message),
        ]
    });
    table::render(HEADINGS, rows, width)
}

/// Its health, or where nothing is to be said against that, whether it is ready.
fn health(task: &Task) -> &str {
    let of_its_own = task.readiness.is_some() && state_of(task) == State::Running;
    match &*task.health {
        "none" | "healthy" if of_its_own && !task.ready => "not ready",
        "none" if of_its_own => "ready",
        "none" => "-",
        health => health,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::cli::samples::{now, task};

    fn tasks() -> [Task; 4] {
        [
            task(&json!({
                "Health": "healthy",
                "HostPorts": { "80/tcp": [
                    { "HostIp": "0.0.0.0", "HostPort": "32789" }, { "HostIp": "::", "HostPort": "32789" }
                ] },
                "RestartCount": 2,
                "Message": "healthy since attempt 3",
            })),
            task(&json!({
                "ID": "019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b", "Name": "db", "State": 0, "Node": "", "Attempt": 0,
                "CreatedAt": "2026-11-22T07:29:15Z",
                "Message": "no node fits: 2 lack memory (want 4 GiB, best has 1.2 GiB free), 1 is draining",
            })),
            task(&json!({
                "ID": "019a2b3c-4d61-7a9e-b2c3-0d1e2f3a4b5c", "Name": "db-2", "State": -1,
                "Message": "exit code 1\n\u{1b}[31mred",
            })),
            task(&json!({
                "ID": "019a2b3d-0001-7b2c-9d4e-6f7a8b9c0d1e", "Name": "job", "State": 3,
                "HostPorts": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "32789" }] },
            })),
        ]
    }

    fn check(layout: Layout, expected: &Expect) {
        expected.assert_eq(&render(&tasks(), now(), layout));
    }

    #[test]
    fn tasks_are_columns_without_lines_between() {
        check(
            Layout::Cut(None),
            &expect![[r"
                ID             NAME   IMAGE        STATE       HEALTH    RESTARTS   AGE   NODE       PORTS                   MESSAGE
                bb1d59ef       web    nginx:1.29   running     healthy   2          3m    worker-1   0.0.0.0:32789->80/tcp   healthy since attempt 3
                019a2b3c-4d5   db     nginx:1.29   pending     -         0          45s   -                                  no node fits: 2 lack memory (want 4 GiB, best has 1.2 GiB free), 1 is draining
                019a2b3c-4d6   db-2   nginx:1.29   failed      -         0          3m    worker-1                           exit code 1 \u{1b}[31mred
                019a2b3d       job    nginx:1.29   completed   -         0          3m    worker-1"]],
        );
    }

    #[test]
    fn only_messages_are_cut_to_the_width_of_the_terminal() {
        check(
            Layout::Cut(Some(180)),
            &expect![[r"
                ID             NAME   IMAGE        STATE       HEALTH    RESTARTS   AGE   NODE       PORTS                   MESSAGE
                bb1d59ef       web    nginx:1.29   running     healthy   2          3m    worker-1   0.0.0.0:32789->80/tcp   healthy since attempt 3
                019a2b3c-4d5   db     nginx:1.29   pending     -         0          45s   -                                  no node fits: 2 lack memory (want 4 GiB, best has 1.2 GiB free), 1…
                019a2b3c-4d6   db-2   nginx:1.29   failed      -         0          3m    worker-1                           exit code 1 \u{1b}[31mred
                019a2b3d       job    nginx:1.29   completed   -         0          3m    worker-1"]],
        );
    }

    #[test]
    fn a_terminal_too_narrow_for_the_columns_still_shows_them_whole() {
        check(
            Layout::Cut(Some(40)),
            &expect![[r"
                ID             NAME   IMAGE        STATE       HEALTH    RESTARTS   AGE   NODE       PORTS                   MESSAGE
                bb1d59ef       web    nginx:1.29   running     healthy   2          3m    worker-1   0.0.0.0:32789->80/tcp   healthy since…
                019a2b3c-4d5   db     nginx:1.29   pending     -         0          45s   -                                  no node fits: 2…
                019a2b3c-4d6   db-2   nginx:1.29   failed      -         0          3m    worker-1                           exit code 1…
                019a2b3d       job    nginx:1.29   completed   -         0          3m    worker-1"]],
        );
    }

    #[test]
    fn nothing_is_cut_when_told_so() {
        check(
            Layout::Whole,
            &expect![[r"
            ID                                     NAME   IMAGE        STATE       HEALTH    RESTARTS   AGE   NODE       PORTS                   MESSAGE
            bb1d59ef-9fc1-4e4b-a44d-db571eeed203   web    nginx:1.29   running     healthy   2          3m    worker-1   0.0.0.0:32789->80/tcp   healthy since attempt 3
            019a2b3c-4d5e-7f3a-8b1c-5d6e7f809a1b   db     nginx:1.29   pending     -         0          45s   -                                  no node fits: 2 lack memory (want 4 GiB, best has 1.2 GiB free), 1 is draining
            019a2b3c-4d61-7a9e-b2c3-0d1e2f3a4b5c   db-2   nginx:1.29   failed      -         0          3m    worker-1                           exit code 1 \u{1b}[31mred
            019a2b3d-0001-7b2c-9d4e-6f7a8b9c0d1e   job    nginx:1.29   completed   -         0          3m    worker-1"]],
        );
    }

    #[test]
    fn a_task_that_lives_and_is_not_ready_shows_that() {
        let probe = json!({ "Tcp": { "Port": 80 } });
        for (fields, expected) in [
            (json!({}), "-"),
            (json!({ "Ready": true }), "-"),
            (json!({ "Readiness": probe }), "not ready"),
            (json!({ "Readiness": probe, "Ready": true }), "ready"),
            (json!({ "Readiness": probe, "Ready": true, "Health": "healthy" }), "healthy"),
            (json!({ "Readiness": probe, "Health": "healthy" }), "not ready"),
            (json!({ "Readiness": probe, "Health": "unhealthy" }), "unhealthy"),
            (json!({ "Readiness": probe, "State": 1 }), "-"),
        ] {
            assert_eq!(health(&task(&fields)), expected, "{fields}");
        }
    }

    #[test]
    fn without_a_task_there_are_the_headings() {
        expect!["ID   NAME   IMAGE   STATE   HEALTH   RESTARTS   AGE   NODE   PORTS   MESSAGE"]
            .assert_eq(&render(&[], now(), Layout::Cut(None)));
    }
}
