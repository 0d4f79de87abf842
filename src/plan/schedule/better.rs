//! Whether a task would stand clearly better on another node, by the measure by which tasks are placed.
//!
//! A move costs a start and a stop, so a little better is not enough. It takes a twentieth of the points that the task's
//! preferences can give; or, among nodes that they like alike, by the scheduler's own rule: a whole task fewer, a tenth
//! of a CPU less in use, a tenth less cost. Whatever moves by these is not moved back by them.

use super::account::View;
use super::points::{POINT, Points};
use super::room::{Ask, Free, nano_cores};
use super::standing::{Cost, share};
use super::volumes::Tied;
use super::{Candidate, Pass, UNLIMITED_STEP};
use crate::model::decision::Reasoning;
use crate::model::id::NodeName;
use crate::model::node::SchedulerKind;
use crate::model::spec::TaskSpec;

/// A node on which a task would stand clearly better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Better {
    /// The node.
    pub node: NodeName,
    /// Why that one, of all.
    pub reasoning: Reasoning,
    /// Both nodes side by side, in words.
    pub gain: String,
}

/// Part of the points that preferences can give which is worth a move: one in so many.
const CLEAR_PART: Points = 20;

/// Tasks fewer, for `roundrobin` and `spread`.
const CLEAR_TASKS: f64 = 1.0;

/// Share of a node's CPU less in use, for `greedy`.
const CLEAR_CPU: f64 = 0.1;

/// Times the cost elsewhere, for `epvm`.
const CLEAR_COST: f64 = 1.1;

/// What a task is taken to hold of its node: cores that it uses.
#[derive(Debug, Clone, Copy)]
struct Load(f64);

impl Pass {
    /// How dear the next small task would be on each node that takes tasks, by the scheduler's rule: the larger, the dearer.
    /// The dearest nodes are those that have something to give away.
    pub fn prices(&self) -> impl Iterator<Item = (&NodeName, u64)> {
        self.nodes.open.iter().enumerate().map(|(at, node)| (&node.name, self.price_at(at)))
    }

    /// How dear it would be on this node; `None` = it takes none.
    pub fn price(&self, node: &NodeName) -> Option<u64> {
        self.open(node).map(|at| self.price_at(at))
    }

    fn price_at(&self, at: usize) -> u64 {
        // Something of all that has a price: a tenth of a core, 64 MiB.
        let small = Ask { cpu: nano_cores(0.1), memory: 64 << 20, disk: 0, ports: Vec::new() };
        // Bits of numbers that are not below zero are in the order of the numbers.
        self.view().cost(at, &small).0.max(0.0).to_bits()
    }

    /// The node on which a task that wants `spec` and is counted in on `from` would stand clearly better, if there is one.
    pub fn better(&mut self, spec: &TaskSpec, from: &NodeName) -> Option<Better> {
        let here = self.open(from)?;
        // It stays where its data is, and what it has put there itself may be known of nowhere else.
        let tied = Tied::of(spec, &self.nodes);
        let wanted = tied.as_ref().map_or(spec, |tied| &tied.spec);
        let ask = Ask::of(spec);
        let load = self.count_out(here, spec);
        let found = self.choose(wanted, &ask).filter(|there| *there != here);
        let found = found.filter(|there| self.view().is_clearly_better(*there, here, spec, &ask));
        let better = found.map(|there| Better {
            node: self.nodes.open[there].name.clone(),
            reasoning: self.account(there, wanted, &ask),
            gain: self.view().side_by_side(there, here, spec, &ask),
        });
        self.count_in(here, spec, load);
        better
    }

    /// Counts a task over from one node to another.
    pub fn carry_over(&mut self, spec: &TaskSpec, from: &NodeName, to: &NodeName) {
        if let (Some(here), Some(there)) = (self.open(from), self.open(to)) {
            let load = self.count_out(here, spec);
            self.count_in(there, spec, load);
        }
    }

    /// Where a node that takes tasks is in their list.
    fn open(&self, node: &NodeName) -> Option<usize> {
        self.nodes.open.binary_search_by(|known| known.name.cmp(node)).ok()
    }

    fn view(&self) -> View<'_> {
        View { kind: self.kind, nodes: &self.nodes, tallies: &self.tallies, next: self.next }
    }

    fn count_out(&mut self, at: usize, spec: &TaskSpec) -> Load {
        let node = &mut self.nodes.open[at];
        let load = node.take_away(spec);
        self.tallies.left(node, spec);
        self.has_changed(at);
        load
    }

    fn count_in(&mut self, at: usize, spec: &TaskSpec, load: Load) {
        let node = &mut self.nodes.open[at];
        node.take_over(spec, load);
        self.tallies.placed(node, spec);
        self.has_changed(at);
    }

    fn has_changed(&mut self, at: usize) {
        self.nodes.free[at] = Free::of(&self.nodes.open[at]);
        self.placements.push(at);
        self.counted.insert(at);
        self.refused.clear();
    }
}

impl Candidate {
    /// Counts a task out, and gives what it is taken to use: of what is measured, an equal part. What it may use at most
    /// tells little.
    fn take_away(&mut self, spec: &TaskSpec) -> Load {
        let part = share(self.load.cpu, f64::from(self.usage.tasks)).max(UNLIMITED_STEP);
        self.usage.remove(spec);
        self.load.cpu = (self.load.cpu - part).max(0.0);
        self.load.memory = self.load.memory.saturating_sub(spec.reserved_memory());
        Load(part * self.cores)
    }

    /// Counts a task in that is taken to use so much.
    fn take_over(&mut self, spec: &TaskSpec, load: Load) {
        self.usage.add(spec);
        self.load.cpu += share(load.0, self.cores);
        self.load.memory += spec.reserved_memory();
    }
}

impl View<'_> {
    /// Whether a task is worth the move from `here`, where it is not counted in, to `there`.
    fn is_clearly_better(&self, there: usize, here: usize, spec: &TaskSpec, ask: &Ask) -> bool {
        let points = |at: usize| self.points(&self.nodes.open[at], spec);
        let gained = points(there) - points(here);
        let weights = spec.placement.preferences.iter().map(|one| Points::from(one.weight.number()).abs());
        let clear = weights.sum::<Points>() * POINT / CLEAR_PART;
        if gained > 0 && gained >= clear {
            return true;
        }
        gained >= 0 && is_clearly_cheaper(self.kind, self.cost(there, ask), self.cost(here, ask))
    }

    fn side_by_side(&self, there: usize, here: usize, spec: &TaskSpec, ask: &Ask) -> String {
        let [better, worse] =
            [there, here].map(|at| (&self.nodes.open[at].name, self.score(at, spec, ask, "later in turn")));
        format!("{}: {}; {} without it: {}", better.0, better.1, worse.0, worse.1)
    }
}

fn is_clearly_cheaper(kind: SchedulerKind, (there, _): Cost, (here, _): Cost) -> bool {
    match kind {
        SchedulerKind::Roundrobin | SchedulerKind::Spread => here - there >= CLEAR_TASKS,
        SchedulerKind::Greedy => here - there >= CLEAR_CPU,
        SchedulerKind::Epvm => here > there * CLEAR_COST,
        // It fills one node after the other: what is uneven is so on purpose.
        SchedulerKind::Binpack => false,
    }
}
