//! How well a task's preferences like a node.
//!
//! Each preference gives points, and their sum goes before the scheduler's own rule, which decides among nodes
//! of equal points. `Prefer` gives its weight where it matches. `Spread` gives its weight times the share of the
//! counted tasks that are on *other* values: where 3 of 4 tasks are in zone `a` and 1 in `b`, a weight of 50
//! gives 12.5 to `a` and 37.5 to `b`. So weights trade: `Prefer` 10 for `a` against that `Spread` moves the balance
//! from 50:50 to 60:40.

use std::collections::BTreeMap;

use super::Candidate;
use super::matching::{matches, text};
use super::nodes::Nodes;
use crate::model::placement::{Fact, Preference, Spread, Wish};
use crate::model::spec::TaskSpec;

/// Millionths of a point: whole numbers, so that nodes alike are exactly equal.
pub(super) type Points = i64;

/// Of one point.
pub(super) const POINT: Points = 1_000_000;

/// A value of a fact, as a text; `None` where there is none.
pub(super) type Place = Option<String>;

/// What one preference finds at a node. It holds for all of a pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    /// Whether it matches.
    Matches(bool),
    /// Among which tasks those on it are counted.
    At(Place),
}

impl Finding {
    /// What `preference` finds at `node`.
    pub(super) fn of(node: &Candidate, preference: &Preference) -> Self {
        match &preference.wish {
            Wish::Prefer(constraint) => Self::Matches(matches(node, constraint)),
            Wish::Spread(spread) => Self::At(text(node, &spread.over)),
        }
    }
}

/// The live tasks on each value of a fact.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    counts: BTreeMap<Place, u64>,
    total: u64,
}

impl Tally {
    fn add(&mut self, place: Place, tasks: u64) {
        *self.counts.entry(place).or_default() += tasks;
        self.total += tasks;
    }

    fn take_away(&mut self, place: &Place) {
        if let Some(tasks) = self.counts.get_mut(place).filter(|tasks| **tasks > 0) {
            *tasks -= 1;
            self.total -= 1;
        }
    }

    /// What a spread of `weight` gives to a node at `place`.
    fn points(&self, place: &Place, weight: Points) -> Points {
        let here = self.counts.get(place).copied().unwrap_or_default();
        if self.total == 0 {
            return weight * POINT;
        }
        let elsewhere = i128::from(weight * POINT) * i128::from(self.total - here);
        // No more than 100 points.
        Points::try_from(elsewhere / i128::from(self.total)).unwrap_or_default()
    }
}

/// The tallies that a pass was asked for, kept up to date.
#[derive(Debug, Clone, Default)]
pub(super) struct Tallies(BTreeMap<Counted, Tally>);

/// The values of which fact are counted, and which tasks: those with a label, or all.
type Counted = (Fact, Option<(String, String)>);

/// So many are kept: each is looked at whenever a task is placed.
const MOST_TALLIES: usize = 32;

impl Tallies {
    /// Counts what the preferences of `spec` ask for and was not counted yet; nodes that take no tasks have some, too.
    pub(super) fn prepare(&mut self, spec: &TaskSpec, nodes: &Nodes) {
        let wanted: Vec<Counted> = spread_of(spec).map(|spread| counted(spec, spread)).collect();
        let missing = wanted.iter().filter(|counted| !self.0.contains_key(counted)).count();
        if missing > 0 && self.0.len() + missing > MOST_TALLIES {
            self.0.clear();
        }
        for counted in wanted {
            self.0.entry(counted).or_insert_with_key(|counted| tally(counted, nodes));
        }
    }

    /// What `findings` are worth to a task that wants `spec`, for whom these are prepared.
    pub(super) fn points(&self, spec: &TaskSpec, findings: &[Finding]) -> Points {
        let each = spec.placement.preferences.iter().zip(findings);
        each.map(|(preference, finding)| self.points_of(spec, preference, finding)).sum()
    }

    /// What one of them is worth.
    pub(super) fn points_of(&self, spec: &TaskSpec, preference: &Preference, finding: &Finding) -> Points {
        let weight = Points::from(preference.weight.number());
        match (finding, &preference.wish) {
            (Finding::Matches(true), _) => weight * POINT,
            (Finding::At(place), Wish::Spread(spread)) => {
                self.0.get(&counted(spec, spread)).map_or(0, |tally| tally.points(place, weight))
            }
            _ => 0,
        }
    }

    /// Forgets all: it is counted anew when it is asked for.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts in a task that was placed on `node`.
    pub(super) fn placed(&mut self, node: &Candidate, spec: &TaskSpec) {
        for (fact, tally) in self.counting(spec) {
            tally.add(text(node, fact), 1);
        }
    }

    /// Counts out a task that was on `node`.
    pub(super) fn left(&mut self, node: &Candidate, spec: &TaskSpec) {
        for (fact, tally) in self.counting(spec) {
            tally.take_away(&text(node, fact));
        }
    }

    /// Those in which a task that wants `spec` counts.
    fn counting(&mut self, spec: &TaskSpec) -> impl Iterator<Item = (&Fact, &mut Tally)> {
        let counts = |label: &Option<(String, String)>| {
            label.as_ref().is_none_or(|(name, value)| spec.labels.get(name) == Some(value))
        };
        self.0.iter_mut().filter(move |((_, label), _)| counts(label)).map(|((fact, _), tally)| (fact, tally))
    }
}

fn spread_of(spec: &TaskSpec) -> impl Iterator<Item = &Spread> {
    spec.placement.preferences.iter().filter_map(|preference| match &preference.wish {
        Wish::Spread(spread) => Some(spread),
        Wish::Prefer(_) => None,
    })
}

/// What a spread of `spec` counts. A task without the label counts all: it is refused when it is submitted.
fn counted(spec: &TaskSpec, spread: &Spread) -> Counted {
    let label = spread.of.as_ref().and_then(|name| spec.labels.get_key_value(name));
    (spread.over.clone(), label.map(|(name, value)| (name.clone(), value.clone())))
}

fn tally((fact, label): &Counted, nodes: &Nodes) -> Tally {
    let mut tally = Tally::default();
    for node in nodes.all() {
        let tasks = match label {
            Some((name, value)) => node.usage.kin.tasks_with((name, value)),
            None => node.usage.tasks,
        };
        tally.add(text(node, fact), tasks.into());
    }
    tally
}
