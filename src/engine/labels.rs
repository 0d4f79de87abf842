//! The labels by which orc knows its own containers, written at create and read back from every answer.

use std::collections::HashMap;

use crate::model::container::{Identity, Owner};
use crate::model::spec::TaskSpec;

/// [`Owner::cluster`].
pub const CLUSTER: &str = "orc.cluster";
/// [`Owner::node`].
pub const NODE: &str = "orc.node";
/// [`Identity::task`].
pub const TASK: &str = "orc.task";
/// [`Identity::attempt`].
pub const ATTEMPT: &str = "orc.attempt";
/// [`Identity::spec`].
pub const SPEC: &str = "orc.spec";
/// Cores that the container was created with; 0 = unlimited.
pub const CPU: &str = "orc.cpu";
/// Bytes of memory that the container was created with; 0 = unlimited.
pub const MEMORY: &str = "orc.memory";

/// Docker's labels of one container.
pub type Labels = HashMap<String, String>;

/// All labels of a new container: the user's, and orc's own, which win.
pub fn of_new(owner: &Owner, identity: &Identity, spec: &TaskSpec) -> Labels {
    let own = [
        (CLUSTER, owner.cluster.to_string()),
        (NODE, owner.node.to_string()),
        (TASK, identity.task.to_string()),
        (ATTEMPT, identity.attempt.to_string()),
        (SPEC, identity.spec.clone()),
        (CPU, spec.cpu.to_string()),
        (MEMORY, spec.memory.to_string()),
    ];
    let users = spec.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
    users.chain(own.map(|(name, value)| (name.to_owned(), value))).collect()
}

/// The labels of a new network.
pub fn of_network(owner: &Owner) -> Labels {
    let own = [(CLUSTER, owner.cluster.to_string()), (NODE, owner.node.to_string())];
    own.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Whose a network with these labels is, in words; `None` = of `owner`'s cluster. Workers that share an engine share the
/// networks of their cluster there.
pub fn stranger(owner: &Owner, labels: &Labels) -> Option<String> {
    let is_ours = labels.get(CLUSTER).is_some_and(|cluster| *cluster == owner.cluster.to_string());
    (!is_ours).then(|| describe_owner(labels))
}

/// What an engine is asked to filter by, so that it shows only `owner`'s.
pub fn filters(owner: &Owner) -> Vec<String> {
    vec![format!("{CLUSTER}={}", owner.cluster), format!("{NODE}={}", owner.node)]
}

/// Whether these are the labels of one of `owner`'s containers.
pub fn belong_to(owner: &Owner, labels: &Labels) -> bool {
    labels.get(CLUSTER).is_some_and(|cluster| *cluster == owner.cluster.to_string())
        && labels.get(NODE).is_some_and(|node| node == owner.node.as_str())
}

/// In words, whose container this is.
pub fn describe_owner(labels: &Labels) -> String {
    match (labels.get(CLUSTER), labels.get(NODE)) {
        (Some(cluster), Some(node)) => format!("node {node} of the orc cluster {cluster}"),
        _ => "somebody else: it has no labels of orc".to_owned(),
    }
}

/// Which attempt of which task this is; else the label that cannot be read.
pub fn identity(labels: &Labels) -> Result<Identity, String> {
    Ok(Identity { task: read(labels, TASK)?, attempt: read(labels, ATTEMPT)?, spec: read(labels, SPEC)? })
}

/// The label `name`, parsed.
pub fn read<T: std::str::FromStr>(labels: &Labels, name: &str) -> Result<T, String> {
    let text = labels.get(name).ok_or_else(|| format!("its label {name} is missing"))?;
    text.parse().map_err(|_| format!("its label {name} reads {text:?}, which orc never writes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{ClusterId, TaskId};

    fn owner() -> Owner {
        Owner { cluster: ClusterId::generate(), node: "worker-1".parse().unwrap() }
    }

    fn identity_of(task: TaskId) -> Identity {
        Identity { task, attempt: 3, spec: "abc".to_owned() }
    }

    fn spec() -> TaskSpec {
        let json =
            r#"{"Name":"web","Image":"i","CPU":1.5,"Memory":1024,"Labels":{"a":"b","orc.task":"mine"}}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_and_the_users_labels_never_win() {
        let (owner, identity_) = (owner(), identity_of(TaskId::generate()));
        let labels = of_new(&owner, &identity_, &spec());
        assert!(belong_to(&owner, &labels));
        assert_eq!(identity(&labels), Ok(identity_));
        assert_eq!(read(&labels, CPU), Ok(1.5));
        assert_eq!(labels.get("a").map(String::as_str), Some("b"));
    }

    #[test]
    fn another_clusters_or_nodes_container_is_not_ours() {
        let (mine, other) = (owner(), owner());
        let labels = of_new(&other, &identity_of(TaskId::generate()), &spec());
        assert!(!belong_to(&mine, &labels));
        let same_cluster = Owner { cluster: other.cluster, node: "worker-2".parse().unwrap() };
        assert!(!belong_to(&same_cluster, &labels));
        assert!(!belong_to(&mine, &Labels::new()));
    }

    #[test]
    fn a_label_that_cannot_be_read_is_named() {
        let mut labels = of_new(&owner(), &identity_of(TaskId::generate()), &spec());
        labels.insert(ATTEMPT.to_owned(), "three".to_owned());
        assert_eq!(
            identity(&labels),
            Err("its label orc.attempt reads \"three\", which orc never writes".to_owned())
        );
        labels.remove(ATTEMPT);
        assert_eq!(identity(&labels), Err("its label orc.attempt is missing".to_owned()));
    }
}
