//! `orc why`: how a task came to be where and as it is.

use std::fmt::Write as _;

use clap::Args;

use super::error::CliError;
use super::find::find;
use super::output;
use super::target::{Environment, Target};
use super::words::{age, plain};
use crate::clock::Clock;
use crate::model::state::State;
use crate::model::time::Timestamp;
use crate::wire::task::state_of_number;
use crate::wire::why::{Decision, LeftOut, Restart, Why};

/// Flags of `orc why`.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// Which task: its ID, the beginning of it, or its name
    task: String,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// Tells how a task is, the last decision about its node with all that was weighed, those before, and its restarts.
pub(super) async fn execute(args: WhyArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.target.api(environment)?;
    let task = find(&api, &args.task).await?;
    let why = api.why(&task.id).await?;
    if args.json {
        return output::json(&why);
    }
    output::line(render(&why, Clock.now().wall).trim_end())
}

fn render(why: &Why, now: Timestamp) -> String {
    let mut text = format!("{}\n", standing(why));
    if let Some((last, earlier)) = why.decisions.split_last() {
        let _ = write!(text, "\n{}", decision(last, now));
        if !earlier.is_empty() {
            text.push_str("\nBefore that:\n");
        }
        for decision in earlier.iter().rev() {
            let _ = writeln!(text, "  {}", outcome(decision, now));
        }
    }
    if !why.restarts.is_empty() {
        text.push_str("\nRestarts, newest first:\n");
    }
    for restart in why.restarts.iter().rev() {
        let _ = writeln!(text, "  {}", line_of(restart, now));
    }
    text
}

/// How it is.
fn standing(why: &Why) -> String {
    let state = state_of_number(i64::from(why.state)).unwrap_or(State::Pending);
    let place = if why.node.is_empty() { String::new() } else { format!(" on {}", why.node) };
    let attempt = if why.attempt > 1 { format!(", attempt {}", why.attempt) } else { String::new() };
    let message = if why.message.is_empty() { String::new() } else { format!(": {}", plain(&why.message)) };
    format!("{} is {state}{place}{attempt}{message}", plain(&why.name))
}

/// Where it went, and all that was weighed.
fn decision(decision: &Decision, now: Timestamp) -> String {
    let mut text = format!("{}\n", outcome(decision, now));
    let width = decision.fit.iter().map(|fit| fit.node.len()).max().unwrap_or_default();
    for fit in &decision.fit {
        let mark = if fit.node == decision.node { '*' } else { ' ' };
        let _ = writeln!(text, "  {mark} {:<width$}  {}", fit.node, plain(&fit.score));
    }
    if !decision.left_out.is_empty() {
        text.push_str("  left out:\n");
    }
    for out in &decision.left_out {
        let _ = writeln!(text, "    {}", left_out(out));
    }
    text
}

fn left_out(out: &LeftOut) -> String {
    let names = if out.nodes.is_empty() { String::new() } else { format!(": {}", out.nodes.join(", ")) };
    format!("{} {}{names}", out.count, plain(&out.reason))
}

fn outcome(decision: &Decision, now: Timestamp) -> String {
    let verdict = if decision.node.is_empty() {
        "not placed".to_owned()
    } else {
        format!("placed on {}", decision.node)
    };
    format!("{verdict} {} ago: {}", age(&decision.at, now), plain(&decision.summary))
}

fn line_of(restart: &Restart, now: Timestamp) -> String {
    let code = restart.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let age = age(&restart.at, now);
    format!("{age} ago, attempt {} on {}{code}: {}", restart.attempt, restart.node, plain(&restart.cause))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::cli::samples::now;

    #[test]
    fn a_placed_task_tells_who_was_weighed_and_why_it_was_restarted() {
        let why = json!({
            "Task": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Name": "web", "State": 2, "Message": "runs",
            "Node": "box-10", "Attempt": 2,
            "Decisions": [
                { "At": "2026-11-22T07:20:00Z", "Placement": 0, "Node": "", "Fit": [], "LeftOut": [
                    { "Reason": "is draining", "Count": 1, "Nodes": ["box-3"] } ],
                    "Summary": "no node fits: 1 is draining" },
                { "At": "2026-11-22T07:27:00Z", "Placement": 1, "Node": "box-10",
                    "Summary": "box-10 is the best of 2 nodes that fit: next in turn",
                    "Fit": [ { "Node": "box-10", "Score": "next in turn" }, { "Node": "box-2", "Score": "later in turn" } ],
                    "LeftOut": [
                        { "Reason": "lack memory (want 4 GiB, best has 1.2 GiB free)", "Count": 2, "Nodes": ["box-4", "box-5"] },
                        { "Reason": "is draining", "Count": 1, "Nodes": ["box-3"] } ] } ],
            "Restarts": [ { "At": "2026-11-22T07:29:00Z", "Attempt": 1, "Node": "box-10", "ExitCode": 1,
                "Cause": "exited with code 1; restart 1 of 3 at once" } ],
        });
        expect![[r"
            web is running on box-10, attempt 2: runs

            placed on box-10 3m ago: box-10 is the best of 2 nodes that fit: next in turn
              * box-10  next in turn
                box-2   later in turn
              left out:
                2 lack memory (want 4 GiB, best has 1.2 GiB free): box-4, box-5
                1 is draining: box-3

            Before that:
              not placed 10m ago: no node fits: 1 is draining

            Restarts, newest first:
              1m ago, attempt 1 on box-10, exit code 1: exited with code 1; restart 1 of 3 at once
        "]]
        .assert_eq(&render(&serde_json::from_value(why).unwrap(), now()));
    }

    #[test]
    fn a_task_that_nothing_is_known_of_still_says_how_it_is() {
        let why = json!({
            "Task": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Name": "web", "State": 0, "Message": "", "Node": "",
            "Attempt": 0, "Decisions": [], "Restarts": [],
        });
        assert_eq!(render(&serde_json::from_value(why).unwrap(), now()), "web is pending\n");
    }
}
