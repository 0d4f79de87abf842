//! `orc node ls`, and `orc nodes`: the workers, and what they have left.

use super::error::CliError;
use super::list::ListArgs;
use super::target::Environment;
use super::{table, words};
use crate::model::time::Timestamp;
use crate::wire::node::Node;

const HEADINGS: [&str; 10] =
    ["NAME", "STATE", "AVAILABILITY", "TASKS", "CPU", "MEMORY", "DISK", "ENGINE", "SEEN", "MESSAGE"];

/// Lists nodes.
pub(super) async fn execute(args: ListArgs, environment: &Environment) -> Result<(), CliError> {
    let nodes = args.api(environment)?.nodes().await?;
    args.print(&nodes, render)
}

/// CPU, memory and disk show what live tasks hold of what there is.
fn render(nodes: &[Node], now: Timestamp, width: Option<u16>) -> String {
    let rows = nodes.iter().map(|node| {
        [
            node.name.clone(),
            node.state.clone(),
            node.availability.clone(),
            node.task_count.to_string(),
            format!("{}/{}", node.cpu_allocated, node.cores),
            format!("{}/{}", words::size(node.memory_allocated << 10), words::size(node.memory << 10)),
            format!("{}/{}", words::size(node.disk_allocated), words::size(node.disk)),
            if node.engine.is_empty() { "-".to_owned() } else { words::plain(&node.engine) },
            words::age(&node.last_seen, now),
            words::plain(&node.message),
        ]
    });
    table::render(HEADINGS, rows, width)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::cli::samples::{node, now};

    #[test]
    fn nodes_show_what_is_held_of_what_there_is() {
        let lost = json!({
            "Name": "worker-2", "State": "unreachable", "Engine": "", "LastSeen": "2026-11-22T07:20:00Z",
            "Message": "not heard of for 10m",
        });
        expect![[r"
            NAME       STATE         AVAILABILITY   TASKS   CPU     MEMORY            DISK         ENGINE     SEEN   MESSAGE
            worker-1   ready         active         3       0.5/2   256 MiB/3.8 GiB   0 B/50 GiB   20.10.24   1s
            worker-2   unreachable   active         3       0.5/2   256 MiB/3.8 GiB   0 B/50 GiB   -          10m    not heard of for 10m"]].assert_eq(&render(&[node(&json!({})), node(&lost)], now(), None));
    }
}
