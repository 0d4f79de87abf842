//! The account of a choice, for people: who fits how well, and who does not fit for what reason.

use std::cmp::Ordering;

use super::Candidate;
use super::amount::{percent, points};
use super::explain::{self, Lack};
use super::nodes::Nodes;
use super::points::{Finding, Points, Tallies};
use super::room::Ask;
use super::standing::{Cost, Standing, reserved_cpu, reserved_memory};
use super::{binpack, epvm, greedy, spread};
use crate::model::decision::{Fit, LeftOut, Reasoning};
use crate::model::node::SchedulerKind;
use crate::model::placement::Wish;
use crate::model::spec::TaskSpec;

/// What a choice goes by.
pub(super) struct View<'a> {
    pub(super) kind: SchedulerKind,
    pub(super) nodes: &'a Nodes,
    pub(super) tallies: &'a Tallies,
    /// The turn of `roundrobin`.
    pub(super) next: usize,
}

impl View<'_> {
    /// Why `chosen` of the open nodes, before the task is counted in there. `left_out` is who is known to be out of
    /// the question, which is all that a large cluster is told.
    pub(super) fn account(
        &self,
        chosen: usize,
        spec: &TaskSpec,
        ask: &Ask,
        left_out: impl FnOnce() -> Vec<LeftOut>,
    ) -> Reasoning {
        let node = &self.nodes.open[chosen];
        let score = self.score(chosen, spec, ask, "next in turn");
        if self.nodes.are_many() {
            let summary = format!("{} is the best of {} nodes: {score}", node.name, self.nodes.count());
            let fit = vec![Fit { node: node.name.clone(), score }];
            return Reasoning { summary, fit, left_out: left_out() };
        }
        let fit = self.fit(spec, ask);
        let summary = match fit.len() {
            0 | 1 => format!("{} is the only node that fits: {score}", node.name),
            count => format!("{} is the best of {count} nodes that fit: {score}", node.name),
        };
        Reasoning { summary, fit, left_out: explain::left_out(self.nodes, spec, ask) }
    }

    /// Every open node that fits, best first.
    fn fit(&self, spec: &TaskSpec, ask: &Ask) -> Vec<Fit> {
        let fits = |at: &usize| Lack::of(&self.nodes.open[*at], self.nodes.free[*at], spec, ask).is_none();
        let rank = |at: usize| (-self.points(&self.nodes.open[at], spec), self.cost(at, ask), at);
        let mut ranked: Vec<(Points, Cost, usize)> =
            (0..self.nodes.open.len()).filter(fits).map(rank).collect();
        ranked.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
        let turns = std::iter::once("next in turn").chain(std::iter::repeat("later in turn"));
        let fit = ranked.into_iter().zip(turns).map(|((_, _, at), turn)| Fit {
            node: self.nodes.open[at].name.clone(),
            score: self.score(at, spec, ask, turn),
        });
        fit.collect()
    }

    pub(super) fn cost(&self, at: usize, ask: &Ask) -> Cost {
        let standing = Standing::of(&self.nodes.open[at]);
        match self.kind {
            SchedulerKind::Roundrobin => (f64::from(u8::from(at < self.next)), 0.0),
            SchedulerKind::Greedy => greedy::cost(&standing),
            SchedulerKind::Epvm => epvm::cost(&standing, ask),
            SchedulerKind::Spread => spread::cost(&standing),
            SchedulerKind::Binpack => binpack::cost(&standing),
        }
    }

    pub(super) fn points(&self, node: &Candidate, spec: &TaskSpec) -> Points {
        self.points_each(node, spec).map(|(_, points)| points).sum()
    }

    /// What each preference gives to `node`.
    fn points_each<'a>(
        &'a self,
        node: &'a Candidate,
        spec: &'a TaskSpec,
    ) -> impl Iterator<Item = (&'a Wish, Points)> {
        spec.placement.preferences.iter().map(move |preference| {
            let finding = Finding::of(node, preference);
            (&preference.wish, self.tallies.points_of(spec, preference, &finding))
        })
    }

    /// How preferences and the scheduler see an open node. `turn` is what `roundrobin` says of it.
    pub(super) fn score(&self, at: usize, spec: &TaskSpec, ask: &Ask, turn: &str) -> String {
        let rule = self.rule(at, ask, turn);
        if spec.placement.preferences.is_empty() {
            return rule;
        }
        let node = &self.nodes.open[at];
        let each: Vec<String> =
            self.points_each(node, spec).map(|(wish, given)| given_by(wish, given)).collect();
        format!("{} points ({}); {rule}", points(self.points(node, spec)), each.join(", "))
    }

    fn rule(&self, at: usize, ask: &Ask, turn: &str) -> String {
        let node = &self.nodes.open[at];
        let tasks = match node.usage.tasks {
            1 => "1 live task".to_owned(),
            count => format!("{count} live tasks"),
        };
        match self.kind {
            SchedulerKind::Roundrobin => turn.to_owned(),
            SchedulerKind::Greedy => format!("{} of its CPU in use", percent(node.load.cpu)),
            SchedulerKind::Epvm => format!("adds {:.4} to its cost", self.cost(at, ask).0),
            SchedulerKind::Spread => tasks,
            SchedulerKind::Binpack => {
                let (cpu, memory) = (percent(reserved_cpu(node)), percent(reserved_memory(node)));
                format!("{cpu} of its CPU and {memory} of its memory reserved, {tasks}")
            }
        }
    }
}

fn given_by(wish: &Wish, given: Points) -> String {
    let given = points(given);
    match wish {
        Wish::Prefer(constraint) => format!("{given} for {constraint}"),
        Wish::Spread(spread) => match &spread.of {
            None => format!("{given} to spread over {}", spread.over),
            Some(label) => format!("{given} to spread over {} of {label}", spread.over),
        },
    }
}
