//! `orc node drain`: moves a node's tasks away, and waits until it has none.

use clap::Args;

use super::NodeArgs;
use crate::cli::api::{Api, TaskQuery};
use crate::cli::error::CliError;
use crate::cli::find::state_of;
use crate::cli::progress::Progress;
use crate::cli::run::is_settled;
use crate::cli::target::Environment;
use crate::cli::watch::Watch;
use crate::cli::{output, words};
use crate::client::ClientError;
use crate::model::id::NodeName;
use crate::model::node::Availability;
use crate::model::state::State;
use crate::wire::node::Node;
use crate::wire::node_patch::NodePatchInput;
use crate::wire::task::Task;

/// Flags of `orc node drain`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DrainArgs {
    #[command(flatten)]
    node: NodeArgs,

    /// Return as soon as the manager has noted it
    #[arg(short, long)]
    detach: bool,

    /// Drain it though it is the last node that takes tasks
    #[arg(long)]
    force: bool,
}

/// How a drain stands.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes on.
    Waiting,
    /// The node has no tasks any more.
    Empty,
    /// It will not go on, for this reason.
    Ended(String),
}

/// Drains a node, and waits unless told not to.
pub(super) async fn execute(args: DrainArgs, environment: &Environment) -> Result<(), CliError> {
    let api = args.node.api(environment)?;
    let mut watch = Watch::begin(&api).await;
    let name = &args.node.node;
    let mut former = tasks_on(&api, name).await?;
    let patch = NodePatchInput {
        availability: Some(Availability::Drain),
        force: args.force,
        ..NodePatchInput::default()
    };
    let node = api.set_node(name, &patch).await?;
    if args.detach {
        return args.node.print(&node);
    }
    let progress = Progress::begin();
    let result = tokio::select! {
        // Cancel-safe: nothing is lost with a wait but the wait.
        result = wait(&api, &mut watch, &progress, name, &mut former) => result,
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted(format!(
            "{name} is drained without being waited for: `orc node activate {name}` takes that back"
        ))),
    };
    progress.end();
    let (node, verdict) = result?;
    args.node.print(&node)?;
    match verdict {
        Verdict::Ended(reason) => Err(CliError::Failed(reason)),
        Verdict::Empty | Verdict::Waiting => {
            output::note(&format!("{name} has no tasks any more"));
            Ok(())
        }
    }
}

/// Waits until the node has no tasks, or only such as cannot leave it; the node as it is then.
async fn wait(
    api: &Api,
    watch: &mut Watch,
    progress: &Progress,
    name: &NodeName,
    former: &mut Vec<String>,
) -> Result<(Node, Verdict), CliError> {
    let (mut most, mut told) = (0, String::new());
    loop {
        let node = api.node(name).await?;
        match verdict(&node) {
            Verdict::Waiting => {}
            verdict => return Ok((node, verdict)),
        }
        most = node.task_count.max(most);
        let under_way = under_way(api, name, former).await?;
        let line = line(&node, most, under_way.as_ref());
        if line != told {
            progress.tell(line.clone());
            told = line;
        }
        watch.changed(|_| true).await;
    }
}

/// What the drain of a node has come to.
fn verdict(node: &Node) -> Verdict {
    let name = &node.name;
    if node.task_count == 0 {
        return Verdict::Empty;
    }
    if node.availability != Availability::Drain.word() {
        return Verdict::Ended(format!(
            "{name} is not drained any more: somebody made it {}",
            node.availability
        ));
    }
    if node.leaving > 0 || node.stuck.len() < node.task_count as usize {
        return Verdict::Waiting;
    }
    let reasons = node.stuck.iter().map(|task| format!("\n  {}: {}", task.name, words::plain(&task.why)));
    Verdict::Ended(format!(
        "{name} is not empty, for some tasks cannot leave it:{}",
        reasons.collect::<String>()
    ))
}

/// The IDs of the live tasks on a node.
async fn tasks_on(api: &Api, node: &NodeName) -> Result<Vec<String>, ClientError> {
    let query = TaskQuery { node: Some(node.clone()), ..TaskQuery::live() };
    Ok(api.tasks(&query).await?.into_iter().map(|task| task.id).collect())
}

/// A task that has left the node's list and is not settled elsewhere; those that are, are taken out of `former`.
async fn under_way(
    api: &Api,
    node: &NodeName,
    former: &mut Vec<String>,
) -> Result<Option<Task>, ClientError> {
    let here = tasks_on(api, node).await?;
    let (mut found, mut rest) = (None, Vec::new());
    for id in std::mem::take(former) {
        if !here.contains(&id) {
            match api.task(&id).await {
                Ok(task) if !is_settled(&task) => found = Some(task),
                Ok(_) | Err(ClientError::Refused { status: 404, .. }) => continue,
                Err(error) => return Err(error),
            }
        }
        rest.push(id);
    }
    *former = rest;
    Ok(found)
}

/// How far it is, in words.
fn line(node: &Node, most: u32, under_way: Option<&Task>) -> String {
    let moved = most.saturating_sub(node.task_count);
    let waits = under_way.map(|task| match state_of(task) {
        _ if task.node.is_empty() => format!("; {} waits to leave {}", task.name, node.name),
        State::Running => format!("; {} waits to be healthy on {}", task.name, task.node),
        _ => format!("; {} waits to run on {}", task.name, task.node),
    });
    format!("{moved} of {most} tasks moved{}", waits.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::samples;

    fn node(fields: &Value) -> Node {
        let mut drained = samples::node(fields);
        if fields["Availability"].is_null() {
            "drain".clone_into(&mut drained.availability);
        }
        drained
    }

    #[test]
    fn a_drain_is_over_when_nothing_is_left_or_only_what_cannot_leave() {
        let stuck = |name: &str| json!({ "Task": "", "Name": name, "Why": "it may run on no other" });
        assert_eq!(verdict(&node(&json!({ "TaskCount": 0 }))), Verdict::Empty);
        for waiting in [
            json!({ "TaskCount": 1 }),
            json!({ "TaskCount": 1, "Leaving": 1 }),
            json!({ "TaskCount": 2, "Stuck": [stuck("web")] }),
            json!({ "TaskCount": 1, "Leaving": 1, "Stuck": [stuck("web")] }),
        ] {
            assert_eq!(verdict(&node(&waiting)), Verdict::Waiting, "{waiting}");
        }
        let ended = |fields: &Value| match verdict(&node(fields)) {
            Verdict::Ended(reason) => reason,
            verdict => panic!("{fields}: {verdict:?}"),
        };
        let reasons = ended(&json!({ "TaskCount": 2, "Stuck": [stuck("web"), stuck("db")] }));
        assert!(
            reasons.ends_with("\n  web: it may run on no other\n  db: it may run on no other"),
            "{reasons}"
        );
        let undone = ended(&json!({ "TaskCount": 2, "Availability": "active" }));
        assert!(undone.contains("somebody made it active"), "{undone}");
    }

    #[test]
    fn the_line_tells_how_far_it_is_and_what_is_waited_for() {
        let node = node(&json!({ "TaskCount": 2 }));
        assert_eq!(line(&node, 5, None), "3 of 5 tasks moved");
        for (fields, words) in [
            (json!({ "Node": "box-2", "State": 2 }), "; web waits to be healthy on box-2"),
            (json!({ "Node": "box-2", "State": 1 }), "; web waits to run on box-2"),
            (json!({ "Node": "", "State": 0 }), "; web waits to leave worker-1"),
        ] {
            let line = line(&node, 5, Some(&samples::task(&fields)));
            assert_eq!(line, format!("3 of 5 tasks moved{words}"));
        }
    }
}
