//! Tasks with named volumes: where they go, and what they wait for.

use super::*;

/// A task with a named volume.
fn with_volume(name: &str) -> TaskSpec {
    let mount = serde_json::json!({ "Type": "volume", "Source": name, "Target": "/data" });
    TaskSpec { mounts: vec![serde_json::from_value(mount).unwrap()], ..unlimited() }
}

fn with_data(name: &str, volumes: &[&str]) -> Candidate {
    let volumes = volumes.iter().map(|&volume| volume.to_owned()).collect();
    Candidate { description: Arc::new(Description { volumes, ..Description::default() }), ..node(name) }
}

#[test]
fn a_task_goes_where_its_volume_is() {
    let nodes = vec![with_data("n1", &[]), with_data("n2", &["pgdata"]), with_data("n3", &["cache"])];
    let mut pass = Pass::new(SchedulerKind::Spread, nodes, None);
    for _ in 0..3 {
        let placed = pass.place(&with_volume("pgdata"), None).unwrap();
        assert_eq!(placed.node.as_str(), "n2");
        assert!(placed.reasoning.summary.starts_with("its volume pgdata is on n2; "), "{placed:?}");
    }
    let pinned = pass.place(&with_volume("pgdata"), Some(&"n1".parse().unwrap())).unwrap();
    assert_eq!(pinned.node.as_str(), "n1", "one of a global service has a volume of its own on each node");
}

#[test]
fn tasks_with_a_new_volume_follow_the_first_of_them() {
    let mut pass = Pass::new(SchedulerKind::Roundrobin, idle(&["n1", "n2", "n3"]), None);
    let first = pass.place(&with_volume("new"), None).unwrap().node;
    assert_eq!(pass.place(&with_volume("new"), None).unwrap().node, first);
    assert_ne!(pass.place(&with_volume("other"), None).unwrap().node, first);
}

#[test]
fn a_task_waits_for_the_node_of_its_volume_and_says_so() {
    let gone = Candidate { state: NodeState::Unreachable, ..with_data("n1", &["pgdata"]) };
    let mut pass = Pass::new(SchedulerKind::Spread, vec![gone, node("n2")], None);
    let none = pass.place(&with_volume("pgdata"), None).unwrap_err();
    assert_eq!(
        none.to_string(),
        "its volume pgdata is on n1; no node fits: 1 does not match \"node.name==n1\", 1 is unreachable"
    );
}

#[test]
fn a_task_stays_with_its_data_however_much_better_it_would_stand_elsewhere() {
    let mut pass = Pass::new(SchedulerKind::Spread, idle(&["n1", "n2"]), None);
    let first = pass.place(&with_volume("new"), None).unwrap().node;
    for _ in 0..3 {
        assert_eq!(pass.place(&with_volume("new"), None).unwrap().node, first);
    }
    assert_eq!(pass.better(&with_volume("new"), &first), None);
    assert!(pass.better(&unlimited(), &first).is_some(), "one without data may go");
}
