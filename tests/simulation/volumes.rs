//! Named volumes in the simulation: which tasks have one, where their data is, and that no task is sent away from it.

use std::collections::BTreeSet;

use orc::model::id::NodeName;
use orc::model::task::Task;
use orc::plan::cluster::change::Change;

use crate::random::Random;
use crate::schedule::Op;
use crate::worker::Worker;
use crate::world::{Checked, World, broken};

/// Workers look so often which volumes their engine has, milliseconds.
const LOOK_EVERY: u64 = 10_000;

/// What a worker knows of its engine's volumes.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    there: Option<BTreeSet<String>>,
    looked_at: u64,
    /// What the manager has heard of them, in which of its epochs.
    told: Option<(u64, BTreeSet<String>)>,
}

impl Seen {
    /// What to say of them: nothing while the manager knows.
    pub(crate) fn news(&self) -> Option<BTreeSet<String>> {
        let known = self.told.as_ref().map(|(_, known)| known);
        self.there.clone().filter(|there| known != Some(there))
    }

    /// The manager has answered a question that said so.
    pub(crate) fn answered(&mut self, epoch: u64, said: Option<BTreeSet<String>>) {
        match said {
            Some(said) => self.told = Some((epoch, said)),
            // One that has begun anew is told again.
            None => _ = self.told.take_if(|(before, _)| *before != epoch),
        }
    }
}

/// Which of two volumes the tasks of a history have, drawn from numbers of their own: none in most histories.
pub(crate) fn mount(seed: u64, steps: &mut [(u64, Op)]) {
    let mut random = Random::new(seed ^ 0x0765_6c75_6d65);
    if !random.chance(100) {
        return;
    }
    for (_, op) in steps {
        if let Op::Submit { shape, .. } = op {
            shape.volume = random.pick(&[None, Some(0), Some(0), Some(1)]);
            if shape.volume.is_some() {
                // One that is pinned has a volume of its own where it is.
                shape.pinned = None;
            }
        }
    }
}

impl World {
    /// A worker looks at its engine's volumes when it is time to.
    pub(crate) fn look_at_volumes(&mut self, node: usize) {
        let worker = &mut self.workers[node];
        let engine = &self.engines[worker.engine];
        let is_due = worker.volumes.there.is_none() || self.now >= worker.volumes.looked_at + LOOK_EVERY;
        if is_due && engine.up && !engine.frozen {
            (worker.volumes.there, worker.volumes.looked_at) = (Some(engine.volumes.clone()), self.now);
        }
    }

    /// A task goes where its data is, and two that share it go to the same place.
    pub(crate) fn check_data(&mut self, change: &Change) -> Checked {
        let (Change::Place { task, node, .. } | Change::Move { task, to: node, .. }) = change else {
            return Ok(());
        };
        let Some(cluster) = &self.manager.cluster else { return Ok(()) };
        let Some(placed) = cluster.task(*task).filter(|task| task.spec.named_volumes().next().is_some())
        else {
            return Ok(());
        };
        let placed = placed.clone();
        match self.keeper_elsewhere(&placed, node) {
            Some((volume, keeper)) => broken(
                "a task follows its data",
                format!("{task} goes to {node}, and {volume} is on {keeper}"),
            ),
            None => {
                let is_first = self.holders(&placed).is_empty();
                let what = if is_first { "goes anywhere first" } else { "goes where its data is" };
                self.coverage.count("volume", what);
                Ok(())
            }
        }
    }

    /// A volume of a task, and a node other than this one that has it, while this one has not.
    pub(crate) fn keeper_elsewhere(&self, task: &Task, node: &NodeName) -> Option<(String, NodeName)> {
        let mut volumes = task.spec.named_volumes();
        volumes.find_map(|volume| {
            let holders = self.holders_of(volume);
            let elsewhere = holders.iter().find(|holder| *holder != node && !holders.contains(node))?;
            Some((volume.to_owned(), elsewhere.clone()))
        })
    }

    fn holders(&self, task: &Task) -> BTreeSet<NodeName> {
        task.spec.named_volumes().flat_map(|volume| self.holders_of(volume)).collect()
    }

    /// The nodes that have a volume, or may: a task that has it was given to them, whether they are heard of or not.
    fn holders_of(&self, volume: &str) -> BTreeSet<NodeName> {
        let has_it = |worker: &&Worker| self.engines[worker.engine].volumes.contains(volume);
        let there = self.workers.iter().filter(has_it).map(|worker| worker.name.clone());
        let Some(cluster) = &self.manager.cluster else { return there.collect() };
        let live = cluster.tasks().filter(|task| !task.state.is_final());
        let of_it = live.filter(|task| task.spec.named_volumes().any(|its| its == volume));
        there.chain(of_it.filter_map(|task| task.node.clone())).collect()
    }
}
