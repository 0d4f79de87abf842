//! What really happened, and the promises that must hold at every step. S is what must never be, L what must be so in
//! the end; the sentence beside each number says what it promises.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use orc::model::container::{Container, ContainerStatus, Owner};
use orc::model::id::{ContainerId, TaskId};
use orc::model::probe::{Probes, Source};
use orc::model::record::{Reason, Record};
use orc::model::spec::{Failover, RestartPolicy};
use orc::model::state::{Desired, State, TRANSITIONS};
use orc::model::task::Task;
use orc::plan::cluster::Dirty;
use orc::plan::cluster::change::Change;
use orc::plan::host::call::{Call, Outcome, Reply, Verb};

use crate::docker::{Body, Cause, Deed, Docker, What};
use crate::manager;
use crate::services::check_member;
use crate::users::Wish;
use crate::worker;
use crate::world::{Checked, World, broken};

/// What nobody in the world knows completely.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    attempts: BTreeMap<(TaskId, u32), Attempt>,
    /// Failed answers that reached a worker, by the number of the task's probe.
    failed_probes: BTreeMap<(TaskId, usize), u32>,
    /// Workers that lost their database.
    lost_stores: BTreeSet<usize>,
    /// Machines whose date was set; the number of nodes is the manager's.
    wall_jumps: BTreeSet<usize>,
    /// Engines whose workers could not do what they should, and until when.
    hampered: BTreeMap<usize, u64>,
    decoys: BTreeMap<(usize, ContainerId), Body>,
    /// Changes that workers made to engines.
    pub(crate) mutations: u64,
}

/// One attempt, as the engines had it.
#[derive(Debug, Default)]
struct Attempt {
    endings: Vec<Ending>,
    /// A stranger removed or restarted its container: what it had come to may never have been seen.
    spoilt: bool,
    /// It was told to end: that it then ended by itself is no success.
    signalled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Ending {
    at: u64,
    code: i64,
    cause: Cause,
}

/// A worker calls a loss of its engine an excuse for what ended up to a minute before it, milliseconds by the slowest clock.
const EXCUSED: u64 = 63_000;

/// A worker that can do what it should has stopped what it must so long after it could not, milliseconds: a lease, the
/// grace of a container, and calls that were under way.
const FENCE_TAKES: u64 = 90_000;

/// A pass of the planner comes at most so long after a lease has run out, milliseconds.
const SLACK: u64 = 1_000;

impl Truth {
    pub(crate) fn note_decoys(&mut self, engines: &[Docker]) {
        for (engine, docker) in engines.iter().enumerate() {
            let decoys = docker.containers.values().map(|body| ((engine, body.id.clone()), body.clone()));
            self.decoys.extend(decoys);
        }
    }

    pub(crate) fn note_lost_store(&mut self, node: usize) {
        self.lost_stores.insert(node);
    }

    pub(crate) fn note_wall_jump(&mut self, node: usize) {
        self.wall_jumps.insert(node);
    }

    pub(crate) fn note_outcome(&mut self, outcome: &Outcome) {
        if let Outcome::Probed { task, number, reply: Reply::Failed { .. }, .. } = outcome {
            *self.failed_probes.entry((*task, *number)).or_default() += 1;
        }
    }

    /// Whether one of these attempts of a task ended with `code`.
    fn exited_with(&self, task: TaskId, attempts: RangeInclusive<u32>, code: i64) -> bool {
        let attempts = self.attempts.range((task, *attempts.start())..=(task, *attempts.end()));
        attempts.flat_map(|(_, attempt)| &attempt.endings).any(|ending| ending.code == code)
    }
}

impl World {
    /// Takes in what happened on the engines, and judges it.
    pub(crate) fn judge_deeds(&mut self) -> Checked {
        for engine in 0..self.engines.len() {
            for deed in std::mem::take(&mut self.engines[engine].deeds) {
                self.say(|| {
                    let owned = deed.body.owned.as_ref();
                    let own =
                        owned.map(|(_, own)| format!("{}/{}", &own.task.to_string()[30..], own.attempt));
                    format!("engine-{} {:?} {} {own:?}", engine + 1, deed.what, &deed.body.id.0[60..])
                });
                self.judge(&deed)?;
                if deed.what == What::Started {
                    self.lives_out(engine, &deed.body);
                }
                if matches!(deed.what, What::Ended(_)) {
                    let until = self.now + self.random.pick(&[0, 20, 80, 1_000]);
                    self.engines[engine].cleaning.insert(deed.body.id.clone(), until);
                }
                self.call_out(engine, &deed);
            }
        }
        Ok(())
    }

    fn judge(&mut self, deed: &Deed) -> Checked {
        let ours = deed.body.owned.as_ref().filter(|(owner, _)| owner.cluster == self.manager.disk.id);
        let Some((owner, identity)) = ours else { return Ok(()) };
        let key = (identity.task, identity.attempt);
        match deed.what {
            What::Created => {
                self.judge_created(&deed.body, owner)?;
                self.truth.attempts.entry(key).or_default();
            }
            What::Started => {
                self.truth.attempts.entry(key).or_default().spoilt |= deed.body.life > 1;
                self.judge_started(&deed.body)?;
            }
            What::Ended(cause) => {
                self.hang_up(identity.task);
                let code = deed.body.exit.as_ref().map_or(0, |exit| exit.code);
                self.truth.attempts.entry(key).or_default().endings.push(Ending {
                    at: self.now,
                    code,
                    cause,
                });
            }
            What::Removing(Cause::Other) => {
                let attempt = self.truth.attempts.entry(key).or_default();
                attempt.spoilt = true;
                if attempt.endings.is_empty() {
                    attempt.endings.push(Ending { at: self.now, code: 137, cause: Cause::Other });
                }
            }
            What::Signalled(_) => self.truth.attempts.entry(key).or_default().signalled = true,
            What::Removing(_) | What::Gone | What::Changed => {}
        }
        Ok(())
    }

    fn judge_created(&self, body: &Body, owner: &Owner) -> Checked {
        let Some((_, identity)) = &body.owned else { return Ok(()) };
        let Some(wish) = self.users.wish(identity.task) else {
            return broken(
                "S7",
                format!("a container was created for {}, which nobody wants", identity.task),
            );
        };
        if body.spec.as_ref() != Some(&wish.spec) || identity.spec != wish.spec.fingerprint() {
            return broken("S7", format!("the container of {} is not what was asked for", wish.task));
        }
        let first = !self.truth.attempts.contains_key(&(identity.task, identity.attempt));
        // A task that has moved begins anew on its next node: its budget and its back-off are the worker's.
        let moved = self.manager.disk.tasks.get(&identity.task).is_some_and(|task| task.placement > 1);
        let first = first && !moved;
        let node = self.workers.iter().position(|worker| worker.name == owner.node);
        match node.filter(|node| first && !self.truth.lost_stores.contains(node)) {
            Some(node) => self.judge_attempt(node, wish, identity.attempt),
            None => Ok(()),
        }
    }

    /// A new attempt: the policy must allow it, and its back-off must be over.
    fn judge_attempt(&self, node: usize, wish: &Wish, number: u32) -> Checked {
        if wish.spec.failover == Failover::Single {
            // What its worker cut short because the lease was over does not count.
            return Ok(());
        }
        let policy = wish.spec.restart_policy;
        let earlier: Vec<(u32, &Attempt)> = self.attempts_before(wish.task, number).collect();
        let to_blame = earlier.iter().filter(|(_, attempt)| self.is_to_blame(node, attempt));
        let failures = to_blame.filter(|(_, attempt)| !attempt.succeeded()).count();
        // Whether an attempt ran for long, and failures before it are forgotten, is told by the engine's wall clock.
        let steady = !self.truth.wall_jumps.contains(&node);
        if steady && policy.retries().is_some_and(|retries| failures > retries as usize) {
            return broken(
                "S14",
                format!("attempt {number} of {} follows {failures} failures under {policy:?}", wish.task),
            );
        }
        let over = earlier.iter().find(|(_, attempt)| self.is_to_blame(node, attempt) && attempt.succeeded());
        if let Some((done, _)) = over.filter(|_| !policy.restarts_after_success()) {
            return broken(
                "S14",
                format!("attempt {number} of {} follows attempt {done}, which succeeded", wish.task),
            );
        }
        let last = earlier.iter().rfind(|(earlier, _)| *earlier + 1 == number);
        let ended = last
            .filter(|(_, attempt)| !attempt.spoilt)
            .and_then(|(_, attempt)| attempt.endings.last())
            .map(|ending| ending.at);
        let pause_due = if number < 3 { 0 } else { 750 << (number - 3).min(8) };
        let pause_due = self.workers[node].clocks.shortest(pause_due).saturating_sub(1);
        if let Some(ended) = ended.filter(|ended| steady && self.now < ended + pause_due) {
            let pause = self.now - ended;
            return broken(
                "S14",
                format!("attempt {number} of {} came after {pause} ms, not {pause_due}", wish.task),
            );
        }
        Ok(())
    }

    fn attempts_before(&self, task: TaskId, number: u32) -> impl Iterator<Item = (u32, &Attempt)> {
        self.truth.attempts.range((task, 0)..(task, number)).map(|((_, number), attempt)| (*number, attempt))
    }

    /// Whether an attempt's ending counts against its task: it ended, and neither a stranger nor the engine, as far as
    /// its worker could know, had a hand in it.
    fn is_to_blame(&self, node: usize, attempt: &Attempt) -> bool {
        let gone = &self.workers[node].gone_at;
        let by_itself = attempt.endings.iter().all(|ending| ending.cause != Cause::Other);
        let excused = attempt.endings.iter().any(|end| gone.iter().any(|gone| gone + EXCUSED >= end.at));
        !attempt.endings.is_empty() && by_itself && !excused && !attempt.spoilt
    }

    fn judge_started(&self, body: &Body) -> Checked {
        let Some((_, identity)) = &body.owned else { return Ok(()) };
        let live = self.live_containers(identity.task);
        if live.len() < 2 {
            return Ok(());
        }
        let twice = |one: &(usize, ContainerId)| {
            live.iter().any(|other| {
                let (one_body, other_body) =
                    (&self.engines[one.0].containers[&one.1], &self.engines[other.0].containers[&other.1]);
                one != other && Self::is_one_of_two(one_body, other_body)
            })
        };
        if live.iter().any(twice) {
            return broken("S3", format!("{} has {} live containers: {live:?}", identity.task, live.len()));
        }
        let single = body.spec.as_ref().is_some_and(|spec| spec.failover == Failover::Single);
        let others = live.iter().filter(|(_, id)| *id != body.id);
        let fenced = |(engine, _): &&(usize, ContainerId)| self.could_fence(*engine);
        if single && let Some(other) = others.into_iter().find(fenced) {
            return broken("S4", format!("{} may run only once, and runs on {other:?} too", identity.task));
        }
        Ok(())
    }

    /// Whether two live containers of a task are more than there may be: a worker that is not heard of goes on with its
    /// attempts by itself, so only those of one worker are.
    fn is_one_of_two(one: &Body, other: &Body) -> bool {
        if one.revived || other.revived {
            // By a stranger's hand: it is ended as soon as it is seen.
            return false;
        }
        match (&one.owned, &other.owned) {
            (Some((owner, _)), Some((other, _))) => owner.node == other.node,
            _ => false,
        }
    }

    /// Whether the workers of an engine could stop what they had to: they lived, could write, and their engine did what
    /// it was told, for as long as that takes.
    fn could_fence(&self, engine: usize) -> bool {
        let reliable = self.profile.call_faults == 0;
        reliable && self.truth.hampered.get(&engine).is_none_or(|until| self.now > until + FENCE_TAKES)
    }

    /// Notes that the workers of an engine cannot do what they should for so long.
    pub(crate) fn hamper(&mut self, engine: usize, for_ms: u64) {
        let until = self.truth.hampered.entry(engine).or_default();
        *until = (*until).max(self.now + for_ms);
    }

    pub(crate) fn live_containers(&self, task: TaskId) -> Vec<(usize, ContainerId)> {
        let all = self.engines.iter().enumerate();
        let bodies =
            all.flat_map(|(engine, docker)| docker.containers.values().map(move |body| (engine, body)));
        let live = bodies.filter(|(_, body)| {
            let ours = body.owned.as_ref().filter(|(owner, _)| owner.cluster == self.manager.disk.id);
            body.status.is_live() && ours.is_some_and(|(_, own)| own.task == task)
        });
        live.map(|(engine, body)| (engine, body.id.clone())).collect()
    }

    /// S5: only what is its own is touched.
    pub(crate) fn check_ownership(
        &mut self,
        node: usize,
        engine: usize,
        id: &ContainerId,
        caller: &Owner,
    ) -> Checked {
        self.truth.mutations += 1;
        let Some(body) = self.engines[engine].containers.get(id) else { return Ok(()) };
        match &body.owned {
            Some((owner, _)) if owner == caller => Ok(()),
            _ => broken("S5", format!("worker-{} touched {}, which is not its own", node + 1, body.name)),
        }
    }

    /// S5 at the end: strangers' containers are still there.
    pub(crate) fn check_decoys(&self) -> Checked {
        for ((engine, id), before) in &self.truth.decoys {
            match self.engines[*engine].containers.get(id) {
                Some(now) if now.name == before.name => {}
                _ => return broken("S5", format!("the container {} of a stranger is gone", before.name)),
            }
        }
        Ok(())
    }

    /// What a worker asks of its engine must be backed by what it has written down, and must harm nothing that is
    /// wanted.
    pub(crate) fn check_call(&self, node: usize, call: &Call) -> Checked {
        let Call::Lane { task, verb } = call else { return Ok(()) };
        let worker = &self.workers[node];
        let record = worker.disk.records.get(task);
        let seen =
            |id: &ContainerId| worker.host.as_ref()?.containers().find(|container| container.id == *id);
        match verb {
            Verb::Create { name, identity, .. } => {
                let backed =
                    record.filter(|record| wants_to_run(record)).and_then(|record| record.attempt.as_ref());
                match backed {
                    Some(attempt) if attempt.number == identity.attempt && attempt.name == *name => Ok(()),
                    _ => broken(
                        "R1",
                        format!("worker-{} creates {name} before it has written that down", node + 1),
                    ),
                }
            }
            Verb::Start(_) if !record.is_some_and(wants_to_run) => {
                broken("S2", format!("worker-{} starts a container of {task}, which is not wanted", node + 1))
            }
            Verb::Stop(id, _) => match seen(id) {
                Some(container) => self.check_harmless(node, *task, container),
                None => Ok(()),
            },
            Verb::Remove(id) => match seen(id) {
                Some(container) if container.status.is_live() => self.check_harmless(node, *task, container),
                Some(container) => check_exit_is_known(record, container),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// S13: nothing that is wanted is stopped or removed.
    fn check_harmless(&self, node: usize, task: TaskId, container: &Container) -> Checked {
        let worker = &self.workers[node];
        let harm = match worker.host.as_ref().and_then(|host| host.slot(task)) {
            Some(slot) if !wants_to_run(&slot.record) => false,
            Some(slot) => slot.record.attempt.as_ref().is_some_and(|attempt| {
                let current = attempt.number == container.identity.attempt;
                let failed = match Probes::of(&slot.record.assignment.spec).liveness {
                    Source::Asked(number) => self.truth.failed_probes.get(&(task, number)).copied(),
                    Source::Nothing | Source::Image => None,
                };
                let sick = attempt.ending.is_some() && failed.is_some_and(|many| many > 1);
                let fenced = attempt.ending == Some(Reason::LeaseOver)
                    && slot.record.assignment.spec.failover == Failover::Single;
                current && !sick && !fenced
            }),
            None => self.manager.disk.tasks.get(&task).is_some_and(|wanted| {
                let here = wanted.node.as_ref() == Some(&worker.name);
                // It may have been taken off it and given to it again since it was told.
                let told = worker.disk.knowledge.is_some_and(|(_, _, revision)| revision >= wanted.revision);
                here && told && wanted.desired == Desired::Run && !wanted.state.is_final()
            }),
        };
        if harm {
            return broken(
                "S13",
                format!("worker-{} harms {task}, which is wanted: {container:?}", node + 1),
            );
        }
        Ok(())
    }

    /// What a worker writes down of its tasks.
    pub(crate) fn check_records(&self, node: usize, after: &worker::Disk) -> Checked {
        let before = &self.workers[node].disk;
        for (task, new) in &after.records {
            let Some(old) = before.records.get(task) else { continue };
            if old.assignment.placement != new.assignment.placement {
                continue;
            }
            let revived = old.state.is_final() && new.state != old.state;
            let wanted_again =
                old.assignment.desired == Desired::Stop && new.assignment.desired == Desired::Run;
            if revived || wanted_again {
                return broken(
                    "S6",
                    format!("worker-{}: {task} went back from {old:?} to {new:?}", node + 1),
                );
            }
            // One that runs and was taken over may be older than what was known of it last.
            let taken_over =
                new.attempt.as_ref().is_some_and(|attempt| attempt.ran) || new.assignment.placement > 1;
            if (new.observed.attempt < old.observed.attempt && !taken_over)
                || new.observed.seq < old.observed.seq
            {
                return broken("S6", format!("worker-{}: {task} counts backwards", node + 1));
            }
        }
        Ok(())
    }

    /// What the manager writes down.
    pub(crate) fn check_commit(&self, after: &manager::Disk, dirty: &Dirty) -> Checked {
        let before = &self.manager.disk;
        if after.revision < before.revision || after.next_seq < before.next_seq {
            return broken("S8", "the manager's counts went backwards");
        }
        for id in &dirty.forgotten {
            let finished = before.tasks.get(id).is_some_and(|task| task.state.is_final());
            if !finished && before.tasks.contains_key(id) {
                return broken("S1", format!("{id} was forgotten before it was finished"));
            }
        }
        for id in &dirty.tasks {
            if let Some(new) = after.tasks.get(id) {
                self.check_task(after, before.tasks.get(id).map(|task| &**task), new)?;
            }
        }
        self.check_services(after, dirty)
    }

    fn check_task(&self, after: &manager::Disk, old: Option<&Task>, new: &Task) -> Checked {
        if let (None, Some(its)) = (old, &new.membership) {
            return check_member(after, new, its);
        }
        let Some(wish) = self.users.wish(new.id) else {
            return broken("S9", format!("{} came out of nothing", new.id));
        };
        if new.desired == Desired::Stop && !wish.stop_asked && !self.is_resumed(new) {
            return broken("S13", format!("{} is to stop, and nobody asked for that", new.id));
        }
        if new.spec != wish.spec {
            return broken("S7", format!("the specification of {} has changed", new.id));
        }
        let Some(old) = old else { return Ok(()) };
        let step = (old.state, new.state);
        let lawful = step.0 == step.1 || TRANSITIONS.iter().any(|(from, to, _)| (*from, *to) == step);
        if !lawful {
            return broken("S6", format!("{} went from {} to {}", new.id, old.state, new.state));
        }
        // A container that runs and was taken over may be of an older attempt than was known last.
        let taken_over = new.state == State::Running || new.placement > 1;
        let backwards = (new.observed.attempt < old.observed.attempt && !taken_over)
            || new.observed.seq < old.observed.seq
            || new.placement < old.placement
            || new.revision < old.revision
            || (old.desired == Desired::Stop && new.desired == Desired::Run);
        if backwards {
            return broken("S6", format!("{} counts backwards: {old:?} to {new:?}", new.id));
        }
        if new.state.is_final() && !old.state.is_final() { self.check_end(wish, new) } else { Ok(()) }
    }

    /// A task has ended: as it says, and as its policy allows.
    fn check_end(&self, wish: &Wish, task: &Task) -> Checked {
        let attempt = task.observed.attempt;
        // What was stopped before it ended still says how the attempt before it did.
        let first = if task.desired == Desired::Stop { 1 } else { attempt };
        if let Some(code) = task.observed.exit_code
            && !self.truth.exited_with(task.id, first..=attempt, code)
        {
            return broken("S11", format!("{} says that attempt {attempt} exited with {code}", task.id));
        }
        if task.desired == Desired::Stop {
            return Ok(());
        }
        match (task.state, wish.spec.restart_policy) {
            (State::Completed, _) if task.observed.exit_code != Some(0) => broken(
                "S11",
                format!("{} is completed, and nothing of it exited with 0: {}", task.id, task.message),
            ),
            (State::Completed, policy) if policy.restarts_after_success() => {
                broken("S14", format!("{} is completed, although its policy is {policy:?}", task.id))
            }
            (State::Failed, RestartPolicy::No) => Ok(()),
            (State::Failed, policy) if policy.retries().is_none_or(|retries| attempt <= retries) => {
                let why = &task.message;
                broken(
                    "S14",
                    format!("{} was given up after attempt {attempt} under {policy:?}: {why}", task.id),
                )
            }
            _ => Ok(()),
        }
    }

    /// A placement: on a node that is heard of, and with room for it.
    pub(crate) fn check_placement(&self, change: &Change) -> Checked {
        let Change::Place { task, node, .. } = change else { return Ok(()) };
        let Some(cluster) = &self.manager.cluster else { return Ok(()) };
        let lease = u64::try_from(self.manager.patience.lease.as_millis()).expect("a short time");
        let heard = self.manager.heard.get(node).copied().unwrap_or(0);
        let lease = self.manager.clocks.shortest(lease) + 1;
        if self.now > heard + lease + SLACK {
            return broken(
                "S4",
                format!("{task} was placed on {node}, not heard of for {} ms", self.now - heard),
            );
        }
        let placed = cluster.task(*task).into_iter();
        let held = cluster.tasks().filter(|held| held.node.as_ref() == Some(node) && !held.state.is_final());
        let all: Vec<&Task> = held.chain(placed).collect();
        let cpu: f64 = all.iter().map(|task| task.spec.cpu).sum();
        let memory: u64 = all.iter().map(|task| task.spec.memory).sum();
        let ports: Vec<_> = all.iter().flat_map(|task| task.spec.fixed_host_ports()).collect();
        let distinct: BTreeSet<_> = ports.iter().collect();
        if cpu > 4.0 || memory > 8 << 30 || distinct.len() < ports.len() {
            return broken(
                "S12",
                format!("{node} was overfilled with {task}: {cpu} cores, {memory} bytes, {ports:?}"),
            );
        }
        Ok(())
    }
}

impl Attempt {
    fn succeeded(&self) -> bool {
        !self.signalled
            && self.endings.last().is_some_and(|ending| ending.code == 0 && ending.cause == Cause::Own)
    }
}

fn wants_to_run(record: &Record) -> bool {
    record.assignment.desired == Desired::Run && !record.state.is_final()
}

/// S11: a container is not removed before it was read how it ended.
fn check_exit_is_known(record: Option<&Record>, container: &Container) -> Checked {
    let Some(record) = record.filter(|record| wants_to_run(record)) else { return Ok(()) };
    let current = record.attempt.as_ref().is_some_and(|attempt| attempt.number == container.identity.attempt);
    if current && container.status == ContainerStatus::Exited && container.details.is_none() {
        return broken("S11", format!("{} is removed before anybody knows how it ended", container.name));
    }
    Ok(())
}
