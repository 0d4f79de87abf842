//! How a pass goes on from an earlier one: it learns what became of the nodes meanwhile, and keeps its trees over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::explain::Closed;
use super::nodes::Nodes;
use super::room::Free;
use super::{Candidate, Pass};
use crate::model::id::NodeName;
use crate::model::node::SchedulerKind;

/// So many changes are remembered for the trees that do not know them yet.
const MOST_CHANGES: usize = 1 << 16;

impl Pass {
    /// Whether it goes by this rule.
    pub fn is_by(&self, kind: SchedulerKind) -> bool {
        self.kind == kind
    }

    /// Whether it takes the nodes for the same as `other` does.
    pub fn sees_as(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }

    /// The nodes on which it counted tasks in or out since it was asked last: perhaps that was never done.
    pub fn take_counted(&mut self) -> BTreeSet<NodeName> {
        let counted = std::mem::take(&mut self.counted);
        counted.into_iter().map(|at| self.nodes.open[at].name.clone()).collect()
    }

    /// Learns how a node is now; `false` = it takes a new pass: the node is new, or takes tasks as it did not before, or
    /// constraints find another in it.
    pub fn learn(&mut self, candidate: Candidate) -> bool {
        let Nodes { open, free, closed } = &mut self.nodes;
        let place_in =
            |nodes: &[Candidate]| nodes.binary_search_by(|node| node.name.cmp(&candidate.name)).ok();
        let (at, known) = match place_in(open) {
            Some(at) => (Some(at), &mut open[at]),
            None => match place_in(closed) {
                Some(at) => (None, &mut closed[at]),
                None => return false,
            },
        };
        if *known == candidate {
            return true;
        }
        if Closed::of(known) != Closed::of(&candidate) || !is_described_alike(known, &candidate) {
            return false;
        }
        if known.usage != candidate.usage {
            self.tallies.clear();
        }
        if let Some(at) = at {
            free[at] = Free::of(&candidate);
            self.placements.push(at);
        }
        *known = candidate;
        self.refused.clear();
        if self.placements.len() > MOST_CHANGES {
            self.fields.forget_changes(&self.nodes.open, &self.placements);
            self.placements.clear();
        }
        true
    }
}

/// Whether constraints find the same in both.
fn is_described_alike(one: &Candidate, other: &Candidate) -> bool {
    let alike = Arc::ptr_eq(&one.description, &other.description) || one.description == other.description;
    alike && one.cores.total_cmp(&other.cores).is_eq() && (one.memory, one.disk) == (other.memory, other.disk)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::node::{Availability, NodeLoad, NodeState};
    use crate::model::spec::TaskSpec;
    use crate::plan::schedule::{Description, Usage};

    fn node(number: usize) -> Candidate {
        Candidate {
            name: format!("n{number}").parse().unwrap(),
            state: NodeState::Ready,
            availability: Availability::Active,
            cores: 4.0,
            memory: 8 << 30,
            disk: 0,
            load: NodeLoad::default(),
            usage: Usage::default(),
            description: Arc::default(),
        }
    }

    fn spec(cpu: f64, app: u8) -> TaskSpec {
        let json = serde_json::json!({ "Name": "web", "Image": "web:1", "CPU": cpu, "Labels": { "app": app.to_string() },
            "Placement": { "Preferences": [{ "Spread": { "SpreadDescriptor": "node.name", "Of": "app" } }] } });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_a_kept_pass_cannot_learn_takes_a_new_one() {
        let mut pass = Pass::new(SchedulerKind::Spread, vec![node(1), node(2)], None);
        assert!(pass.learn(Candidate { load: NodeLoad { cpu: 0.5, ..NodeLoad::default() }, ..node(1) }));
        assert!(!pass.learn(node(3)), "nobody knows it");
        assert!(!pass.learn(Candidate { availability: Availability::Drain, ..node(1) }), "it takes no tasks");
        let described = Description { ip: "10.0.0.1".to_owned(), ..Description::default() };
        assert!(!pass.learn(Candidate { description: Arc::new(described), ..node(2) }), "constraints differ");
    }

    #[test]
    fn what_was_counted_and_not_done_is_asked_for_once() {
        let mut pass = Pass::new(SchedulerKind::Spread, vec![node(1), node(2)], None);
        pass.place(&spec(1.0, 0), None).unwrap();
        assert_eq!(pass.take_counted(), BTreeSet::from([node(1).name]));
        assert_eq!(pass.take_counted(), BTreeSet::new());
        assert!(pass.learn(node(1)), "it was not placed there after all");
        assert_eq!(pass.place(&spec(1.0, 0), None).unwrap().node, node(1).name);
    }

    proptest! {
        /// However nodes change between passes, and whatever was counted and not done.
        #[test]
        fn a_kept_pass_chooses_as_a_new_one(
            kind in prop::sample::select(SchedulerKind::ALL.to_vec()),
            rounds in prop::collection::vec((0..8_usize, 0.0..1.0_f64, 0..4_u8, 0..3_u8, any::<bool>()), 1..40),
        ) {
            let mut nodes: Vec<Candidate> = (0..8).map(node).collect();
            let mut kept = Pass::new(kind, nodes.clone(), None);
            let mut last = None;
            for (at, load, cpu, app, done) in rounds {
                nodes[at].load.cpu = load;
                prop_assert!(kept.learn(nodes[at].clone()));
                for name in kept.take_counted() {
                    let node = nodes.iter().find(|node| node.name == name).unwrap();
                    prop_assert!(kept.learn(node.clone()));
                }
                kept.turn_behind(last.as_ref());
                let spec = spec(f64::from(cpu) / 2.0, app);
                let mut new = Pass::new(kind, nodes.clone(), last.as_ref());
                prop_assert!(kept.sees_as(&new));
                let (chosen, expected) = (kept.place(&spec, None), new.place(&spec, None));
                prop_assert_eq!(&chosen, &expected);
                if let (Ok(chosen), true) = (chosen, done) {
                    let node = nodes.iter_mut().find(|node| node.name == chosen.node).unwrap();
                    node.usage.add(&spec);
                    last = Some(chosen.node);
                }
            }
        }
    }
}
