//! What a node keeps for a task apart from what that may use: reservations fill a node, limits do not.

use super::*;
use crate::model::spec::Reserve;

fn reserving(cpu: f64, memory: u64, limits: TaskSpec) -> TaskSpec {
    TaskSpec { reserve: Some(Reserve { cpu: Some(cpu), memory: Some(memory) }), ..limits }
}

#[test]
fn a_node_that_reservations_fill_takes_no_more_though_limits_would_fit() {
    for (cpu, memory) in [(4.0, GIB), (1.0, 8 * GIB)] {
        let mut pass = Pass::new(SchedulerKind::Binpack, idle(&["n1", "n2"]), None);
        let greedy = reserving(cpu, memory, spec(0.25, GIB / 4));
        let first = pass.place(&greedy, None).unwrap().node;
        let second = pass.place(&reserving(1.0, GIB, spec(0.25, GIB / 4)), None).unwrap().node;
        assert_ne!(first, second, "{cpu} cores and {memory} bytes are kept, however little may be used");
    }
}

#[test]
fn a_node_takes_as_many_as_it_has_reservations_for_though_their_limits_do_not_fit() {
    let mut pass = Pass::new(SchedulerKind::Binpack, idle(&["n1", "n2"]), None);
    let modest = reserving(0.5, GIB, spec(4.0, 8 * GIB));
    let nodes: Vec<NodeName> = (0..9).map(|_| pass.place(&modest, None).unwrap().node).collect();
    assert!(nodes[..8].iter().all(|node| *node == nodes[0]), "{nodes:?}");
    assert_ne!(nodes[8], nodes[0], "the ninth finds all reserved");
}
