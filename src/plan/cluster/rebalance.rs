//! Which tasks would stand clearly better on other nodes, and in which order they go there.
//!
//! [`propose`] finds all of them on a copy of what is, the dearest node first, and each as it would be after those
//! before it. `next_moves` takes a few of them at a time, and asks anew once these have arrived: what is wanted of a
//! rebalance is written down as no more than a number of moves.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::change::Change;
use super::moves::MOVE_EVERY;
use super::rollouts::{may_be_handed_over, why_not_handed_over};
use super::{Cluster, Member};
use crate::model::decision::Reasoning;
use crate::model::id::{NodeName, TaskId};
use crate::model::node::SchedulerKind;
use crate::model::placement::Placement;
use crate::model::spec::{Failover, Protocol, TaskSpec};
use crate::model::state::{Desired, State};
use crate::model::task::{Move, Task};
use crate::model::time::{Moment, Now};
use crate::plan::schedule::{Better, Candidate, Pass};

/// The most moves that are proposed at a time.
pub const MOST_MOVES: usize = 1000;

/// The most tasks of which it is said why they stay.
pub const MOST_STAYS: usize = 100;

/// The most tasks that are looked at for one proposal, from the dearest node on: a heartbeat must not wait for it.
const LOOKS: usize = 20_000;

/// Tasks that are on their way at a time: no more than one from each node, and one to each.
const AT_A_TIME: usize = 8;

/// What an operator's rebalance may still do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebalance {
    /// Moves that it may still begin. Written down.
    pub left: u32,
    /// Tasks that it has moved, or tried to: each once.
    pub(super) moved: BTreeSet<TaskId>,
}

impl Rebalance {
    /// Whether one was asked for and is not over.
    pub(super) fn goes_on(&self) -> bool {
        self.left > 0 || !self.moved.is_empty()
    }
}

/// What a rebalance would do now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposal {
    /// Moves, each after those before it.
    pub moves: Vec<Proposed>,
    /// Tasks that would stand clearly better elsewhere, and stay.
    pub stays: Vec<Staying>,
    /// The outcome in a sentence.
    pub summary: String,
}

/// A move.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposed {
    /// Which task.
    pub task: TaskId,
    /// Where it is.
    pub from: NodeName,
    /// Where to, and why.
    pub better: Better,
}

/// A task that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staying {
    /// Which one.
    pub task: TaskId,
    /// Where it is.
    pub node: NodeName,
    /// Why, in words.
    pub why: String,
}

/// What a rebalance would do now, up to so many moves. The same for the same cluster.
pub fn propose(cluster: &Cluster, most: usize, now: Now) -> Proposal {
    let mut search = Search::new(cluster, now.moment);
    while search.proposal.moves.len() < most && search.looks < LOOKS && search.look() {}
    let summary = search.summary();
    Proposal { summary, ..search.proposal }
}

/// How many tasks a rebalance has on their way, or others in their places.
pub fn under_way(cluster: &Cluster) -> usize {
    let leaving = cluster.leaving.iter().filter_map(|id| cluster.tasks.get(id)?.predecessor.as_ref());
    let moving = leaving.filter(|former| former.why == Move::Rebalance).count();
    moving + cluster.services.displaced().len()
}

/// What a rebalance that an operator asked for does next: nothing while some are on their way.
pub(super) fn next_moves(cluster: &Cluster, now: Now) -> Vec<Change> {
    let stuck = stuck(cluster);
    if !stuck.is_empty() || !cluster.rebalance.goes_on() || under_way(cluster) > 0 {
        return stuck;
    }
    let most = usize::try_from(cluster.rebalance.left).unwrap_or(usize::MAX);
    let (mut from, mut to) = (BTreeSet::new(), BTreeSet::new());
    let apart = |proposed: &Proposed| {
        !from.contains(&proposed.from)
            && to.insert(proposed.better.node.clone())
            && from.insert(proposed.from.clone())
    };
    let proposed = propose(cluster, most.min(AT_A_TIME * AT_A_TIME), now).moves.into_iter();
    let begin = |Proposed { task, better: Better { node: to, gain, reasoning, .. }, .. }| {
        if cluster.tasks.get(&task).is_some_and(|task| may_be_handed_over(cluster, task)) {
            return Change::GiveWay { task, to };
        }
        let chosen = Arc::new(Reasoning { summary: gain, ..reasoning });
        Change::Move { task, to, why: Move::Rebalance, chosen }
    };
    let moves: Vec<Change> = proposed.filter(apart).take(most.min(AT_A_TIME)).map(begin).collect();
    if moves.is_empty() { vec![Change::Balanced] } else { moves }
}

/// Where a rebalance wants a task of a service, because another in its slot gives way to it there.
pub(super) fn wanted_at<'a>(cluster: &'a Cluster, task: &Task) -> Option<&'a NodeName> {
    let membership = task.membership.as_ref()?;
    let gives_way = |id: &TaskId| {
        let other = cluster.tasks.get(id).and_then(|other| other.membership.as_ref());
        *id != task.id
            && other.is_some_and(|its| its.service == membership.service && its.slot == membership.slot)
    };
    cluster.services.displaced().iter().find(|(id, _)| gives_way(id)).map(|(_, to)| to)
}

/// Tasks that were to give way to others, and stay: none can come now.
fn stuck(cluster: &Cluster) -> Vec<Change> {
    let displaced = cluster.services.displaced().keys().filter_map(|id| cluster.tasks.get(id));
    let stays = |task: &Task| {
        let why = if may_be_handed_over(cluster, task) {
            why_not_handed_over(cluster, task)?
        } else {
            "its service takes no new tasks now".to_owned()
        };
        Some(Change::Immovable { task: task.id, why: format!("stays where it is: {why}") })
    };
    displaced.filter_map(stays).collect()
}

/// The search for moves.
struct Search<'a> {
    cluster: &'a Cluster,
    now: Moment,
    pass: Pass,
    /// Nodes that may have tasks to give away, by how dear the next task would be there.
    dear: BTreeSet<(u64, NodeName)>,
    prices: BTreeMap<NodeName, u64>,
    /// The tasks of each node that were not looked at yet, the one that changed last at the end.
    tasks: BTreeMap<NodeName, Vec<TaskId>>,
    /// What was looked at in vain, where: others that want the same stay, too.
    vain: BTreeSet<(NodeName, Want)>,
    looks: usize,
    proposal: Proposal,
}

/// All of a specification that says how a task stands where.
type Want = ((u64, u64, u64), Vec<(Protocol, u16)>, Vec<String>, Placement, BTreeMap<String, String>);

impl<'a> Search<'a> {
    fn new(cluster: &'a Cluster, now: Moment) -> Self {
        // Whose turn it is says nothing of how things stand; turns lead to as many tasks on each node.
        let kind = match cluster.scheduler {
            SchedulerKind::Roundrobin => SchedulerKind::Spread,
            kind => kind,
        };
        let candidates = cluster.nodes.values().map(|member| after_moves(cluster, member)).collect();
        let pass = Pass::new(kind, candidates, None);
        let prices: BTreeMap<NodeName, u64> =
            pass.prices().map(|(node, price)| (node.clone(), price)).collect();
        let dear = prices.iter().map(|(node, price)| (*price, node.clone())).collect();
        let tasks = BTreeMap::new();
        let proposal = Proposal::default();
        Self { cluster, now, pass, dear, prices, tasks, vain: BTreeSet::new(), looks: 0, proposal }
    }

    /// Looks at one task of the dearest node; `false` = there is none left.
    fn look(&mut self) -> bool {
        let Some((price, node)) = self.dear.pop_last() else { return false };
        let Some(task) = self.next_task(&node) else { return true };
        self.looks += 1;
        let want = want(&task.spec);
        if !self.vain.contains(&(node.clone(), want.clone())) {
            match self.pass.better(&task.spec, &node) {
                None => _ = self.vain.insert((node.clone(), want)),
                Some(better) => self.found(task, &node, better),
            }
        }
        let price = self.pass.price(&node).unwrap_or(price);
        self.prices.insert(node.clone(), price);
        self.dear.insert((price, node));
        true
    }

    fn next_task(&mut self, node: &NodeName) -> Option<&'a Task> {
        let cluster = self.cluster;
        let settled = |id: &TaskId| {
            let task = cluster.tasks.get(id);
            task.is_some_and(|task| {
                task.desired == Desired::Run
                    && !task.state.is_final()
                    && task.predecessor.is_none()
                    && !cluster.services.displaced().contains_key(&task.id)
            })
        };
        let member = cluster.nodes.get(node)?;
        let all = || member.assigned.values().copied().filter(settled).collect();
        let id = self.tasks.entry(node.clone()).or_insert_with(all).pop()?;
        cluster.tasks.get(&id)
    }

    fn found(&mut self, task: &Task, node: &NodeName, better: Better) {
        if let Some(why) = self.stays(task) {
            if self.proposal.stays.len() < MOST_STAYS {
                let why = format!("{} would be better, but {why}", better.node);
                self.proposal.stays.push(Staying { task: task.id, node: node.clone(), why });
            }
            return;
        }
        self.pass.carry_over(&task.spec, node, &better.node);
        let to = better.node.clone();
        if let (Some(before), Some(after)) = (self.prices.get(&to).copied(), self.pass.price(&to)) {
            if self.dear.remove(&(before, to.clone())) {
                self.dear.insert((after, to.clone()));
            }
            self.prices.insert(to, after);
        }
        self.proposal.moves.push(Proposed { task: task.id, from: node.clone(), better });
    }

    /// Why a task stays though it would stand better elsewhere.
    fn stays(&self, task: &Task) -> Option<&'static str> {
        let recently = |at: &Moment| self.now.since(*at) < MOVE_EVERY;
        if task.pinned.is_some() {
            return Some("it was posted to its node and may run on no other");
        }
        if task.spec.failover == Failover::Single {
            return Some("it may run only once, and would have to stop before it begins elsewhere");
        }
        if self.cluster.rebalance.moved.contains(&task.id) {
            return Some("this rebalance has moved it once");
        }
        if self.cluster.moved.get(&task.id).is_some_and(recently) {
            return Some("it came from a lost node within the last minute");
        }
        (task.state != State::Running).then_some("it does not run yet")
    }

    fn summary(&self) -> String {
        let Self { cluster, proposal, .. } = self;
        let moves = match proposal.moves.len() {
            0 => self.why_none(),
            1 => "1 task would stand clearly better on another node".to_owned(),
            many => format!("{many} tasks would stand clearly better on other nodes"),
        };
        let stays = match proposal.stays.len() {
            0 => String::new(),
            1 => "; 1 more would, and stays".to_owned(),
            many => format!("; {many} more would, and stay"),
        };
        let live = cluster.nodes.values().map(|member| member.usage.tasks as usize).sum::<usize>();
        let seen = if self.looks < LOOKS {
            String::new()
        } else {
            format!("; {LOOKS} of {live} live tasks were looked at, those of the dearest nodes")
        };
        format!("{moves}{stays}{seen}")
    }

    fn why_none(&self) -> String {
        match (self.prices.len(), self.cluster.scheduler) {
            (0, _) => "no node takes tasks".to_owned(),
            (1, _) => "one node alone takes tasks".to_owned(),
            (_, SchedulerKind::Binpack) => {
                "binpack fills one node after the other, and no preference of a task is better served elsewhere"
                    .to_owned()
            }
            (many, _) => format!("the tasks stand well: no move among {many} nodes that take tasks gains enough"),
        }
    }
}

fn want(spec: &TaskSpec) -> Want {
    let resources = (spec.reserved_cpu().to_bits(), spec.reserved_memory(), spec.disk);
    let volumes = spec.named_volumes().map(ToOwned::to_owned).collect();
    (resources, spec.fixed_host_ports().collect(), volumes, spec.placement.clone(), spec.labels.clone())
}

/// A node as it will be once what is leaving it has left.
fn after_moves(cluster: &Cluster, member: &Member) -> Candidate {
    let mut candidate = member.candidate();
    for task in member.leaving.iter().filter_map(|id| cluster.tasks.get(id)) {
        candidate.usage.remove(&task.spec);
    }
    candidate
}
