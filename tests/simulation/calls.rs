//! Calls to an engine on their way: each may get lost before or after it is done, be done long after the caller gave up,
//! or fail.

use std::sync::Arc;

use orc::model::container::{Failure, Owner};
use orc::model::id::ContainerId;
use orc::model::probe::{Probes, Source};
use orc::plan::host::call::{Answer, Call, Outcome, Reply, Verb};
use orc::plan::host::hint::{Hint, HintKind};

use crate::docker::{Body, Cause, Deed, Signal, What};
use crate::faults::Planted;
use crate::world::{Checked, Event, World};

/// A call that its worker waits for.
#[derive(Debug, Clone)]
pub(crate) struct OpenCall {
    pub(crate) node: usize,
    life: u64,
    pub(crate) owner: Owner,
    call: Arc<Call>,
    fate: Fate,
    /// When the worker gives up.
    deadline: u64,
    /// Nobody waits any more: what it does, it does unheard.
    abandoned: bool,
    /// It waits in a frozen engine.
    pub(crate) stuck: bool,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Prompt,
    RequestLost,
    ReplyLost,
    /// Done after the caller gave up.
    Late,
    /// The engine says 500.
    Error,
}

impl OpenCall {
    /// Whether it, or what its worker does about it, may still do something after its worker has given it up.
    pub(crate) fn comes_late(&self) -> bool {
        let is_lost = matches!(self.fate, Fate::Late | Fate::RequestLost | Fate::ReplyLost);
        self.abandoned || self.stuck || is_lost
    }
}

impl World {
    /// A worker makes a call.
    pub(crate) fn make_call(&mut self, node: usize, call: Call) {
        let Some(owner) = self.workers[node].host.as_ref().and_then(orc::plan::host::Host::owner) else {
            return;
        };
        let fate = self.fate();
        self.coverage.count("call", kind(&call));
        self.coverage.count("fate", fate.word());
        let serial = self.fresh();
        let (deadline, life) = (self.now + deadline(&call), self.workers[node].life);
        let open = OpenCall {
            node,
            life,
            owner,
            call: Arc::new(call),
            fate,
            deadline,
            abandoned: false,
            stuck: false,
        };
        self.calls.insert(serial, open);
        match fate {
            Fate::Prompt | Fate::ReplyLost | Fate::Error => {
                let transit = self.random.between(0, 15);
                self.after(transit, Event::CallArrives { serial });
            }
            Fate::Late => {
                let late = deadline + self.random.between(0, 25_000);
                self.at(late, Event::CallArrives { serial });
            }
            Fate::RequestLost => {}
        }
        if fate != Fate::Prompt && fate != Fate::Error {
            self.at(deadline, Event::CallExpires { serial });
        }
    }

    fn fate(&mut self) -> Fate {
        if self.quiet || !self.random.chance(self.profile.call_faults) {
            return Fate::Prompt;
        }
        self.random.pick(&[Fate::RequestLost, Fate::ReplyLost, Fate::Late, Fate::Late, Fate::Error])
    }

    /// Nothing came back in time: the outcome is unknown.
    pub(crate) fn call_expires(&mut self, serial: u64) -> Checked {
        let Some(open) = self.calls.get_mut(&serial).filter(|open| !open.abandoned) else { return Ok(()) };
        open.abandoned = true;
        let open = open.clone();
        if open.fate == Fate::RequestLost || open.fate == Fate::ReplyLost {
            self.calls.remove(&serial);
        }
        let unknown = Failure::Unknown("no answer within its deadline".to_owned());
        self.tell_worker(&open, failed(&open.call, unknown))
    }

    pub(crate) fn call_arrives(&mut self, serial: u64) -> Checked {
        let Some(open) = self.calls.get(&serial).cloned() else { return Ok(()) };
        let engine = self.workers[open.node].engine;
        if matches!(*open.call, Call::Probe { .. }) {
            return self.perform(serial, &open);
        }
        if !self.engines[engine].up {
            let away = Failure::Unreachable("connection refused".to_owned());
            return self.returns(serial, failed(&open.call, away));
        }
        if self.engines[engine].frozen {
            self.coverage.count("fate", "frozen");
            if let Some(open) = self.calls.get_mut(&serial) {
                open.stuck = true;
            }
            self.at(open.deadline, Event::CallExpires { serial });
            return Ok(());
        }
        let cleaned_up = about(&open.call).and_then(|id| self.engines[engine].cleans_up(id, self.now));
        if let Some(cleaned_up) = cleaned_up {
            self.coverage.count("fate", "waits for a cleanup");
            self.at(cleaned_up, Event::CallArrives { serial });
            return Ok(());
        }
        if open.fate == Fate::Error {
            let refused = Failure::Refused("500: something is wrong".to_owned());
            return self.returns(serial, failed(&open.call, refused));
        }
        self.perform(serial, &open)
    }

    /// The engine wakes: what waited in it is done now, whether anybody still waits or not.
    pub(crate) fn thaw(&mut self, engine: usize) -> Checked {
        let stuck =
            self.calls.iter().filter(|(_, open)| open.stuck && self.workers[open.node].engine == engine);
        let stuck: Vec<u64> = stuck.map(|(serial, _)| *serial).collect();
        for serial in stuck {
            if let Some(open) = self.calls.get_mut(&serial) {
                open.stuck = false;
                let open = open.clone();
                self.perform(serial, &open)?;
            }
        }
        Ok(())
    }

    /// The engine goes down: whoever waits for it loses the connection.
    pub(crate) fn cut_off(&mut self, engine: usize) -> Checked {
        let waiting = self.calls.iter().filter(|(_, open)| self.workers[open.node].engine == engine);
        let waiting: Vec<u64> = waiting
            .filter(|(_, open)| open.stuck || is_stop(&open.call))
            .map(|(serial, _)| *serial)
            .collect();
        for serial in waiting {
            self.call_expires(serial)?;
            self.calls.remove(&serial);
        }
        Ok(())
    }

    fn perform(&mut self, serial: u64, open: &OpenCall) -> Checked {
        let (node, engine) = (open.node, self.workers[open.node].engine);
        let wall = self.wall_of_engine(engine);
        let outcome = match &*open.call {
            Call::List { number } => {
                let result = self.engines[engine].list(&open.owner, self.now);
                self.coverage.count("list", if result.is_ok() { "good" } else { "failed" });
                Outcome::Listed { number: *number, result }
            }
            Call::Pull { image } => {
                self.pull(serial, image.clone());
                return Ok(());
            }
            Call::Networks => Outcome::Networks { result: Ok(Vec::new()) },
            Call::RemoveNetwork { name, .. } => {
                Outcome::NetworkRemoved { name: name.clone(), result: Ok(()) }
            }
            Call::Probe { task, container, number, .. } => {
                let body = self.engines[engine].containers.get(container);
                let sulks = |body: &Body| {
                    let probes = body.spec.as_ref().map(|spec| Probes::of(spec));
                    let of_readiness =
                        |probes: Probes| !probes.are_one() && probes.readiness == Source::Asked(*number);
                    body.sulks_until > self.now && probes.is_some_and(of_readiness)
                };
                let healthy = body.is_some_and(|body| body.status.is_live() && !body.sick && !sulks(body));
                let reply = if healthy { Reply::Passed } else { failing("answered 500") };
                Outcome::Probed { task: *task, container: container.clone(), number: *number, reply }
            }
            Call::Lane { task, verb } => {
                if let Some(id) = changed_by(verb) {
                    self.check_ownership(node, engine, id, &open.owner)?;
                }
                let docker = &mut self.engines[engine];
                let result = match verb {
                    Verb::Inspect(id) => {
                        docker.inspect(&open.owner, &id.0).map(Box::new).map(Answer::Container)
                    }
                    Verb::Find(name) => {
                        docker.inspect(&open.owner, name).map(Box::new).map(Answer::Container)
                    }
                    Verb::Create { name, identity, spec } => {
                        docker.create(&open.owner, name, identity, spec).map(Answer::Created)
                    }
                    Verb::Start(id) => docker.start(id, wall, self.now).map(|()| Answer::Done),
                    Verb::Unpause(id) => docker.unpause(id).map(|()| Answer::Done),
                    Verb::Stop(id, _) => {
                        self.stop(serial, engine, id.clone());
                        return Ok(());
                    }
                    Verb::Remove(id) => {
                        self.remove(serial, engine, id.clone());
                        return Ok(());
                    }
                    Verb::Rename(id, name) => docker.rename(id, name).map(|()| Answer::Done),
                    Verb::RestoreLimits(id, _) => docker.restore_limits(id).map(|()| Answer::Done),
                };
                Outcome::Done { task: *task, verb: verb.clone(), result }
            }
        };
        let transit = self.random.between(0, 15);
        self.after(transit, Event::Returns { serial, outcome });
        Ok(())
    }

    /// Most containers end when they are asked to; some after a while; some are killed when their time is over.
    fn stop(&mut self, serial: u64, engine: usize, id: ContainerId) {
        let Some(open) = self.calls.get(&serial).cloned() else { return };
        let result = self.engines[engine].signal(&id, Signal::Term);
        let mut takes = 0;
        if let Ok(Some(life)) = result {
            let (ms, code) = self.random.pick(&[(5, 0), (5, 143), (400, 143), (3_000, 143), (10_000, 137)]);
            takes = ms;
            self.after(ms, Event::Ends { engine, id, life: life.into(), code, cause: Cause::Asked });
        }
        let outcome = done(&open.call, result.map(|_| Answer::Done));
        self.after(takes + 1, Event::Returns { serial, outcome });
    }

    /// Most removals are done at once; some take a while, in which the container is on its way out.
    fn remove(&mut self, serial: u64, engine: usize, id: ContainerId) {
        let Some(open) = self.calls.get(&serial).cloned() else { return };
        let wall = self.wall_of_engine(engine);
        let result = self.engines[engine].begin_removal(&id, Cause::Asked, wall);
        let takes = if result.is_ok() { self.random.pick(&[2, 2, 2, 30, 3_000]) } else { 1 };
        self.after(takes, Event::Gone { engine, id });
        let outcome = done(&open.call, result.map(|()| Answer::Done));
        self.after(takes + 1, Event::Returns { serial, outcome });
    }

    fn pull(&mut self, serial: u64, image: String) {
        let engine = self.calls.get(&serial).map_or(0, |open| self.workers[open.node].engine);
        let result = if !self.registry_up {
            Err(Failure::Unknown("the registry does not answer".to_owned()))
        } else if image.starts_with("nowhere") {
            Err(Failure::Missing(format!("no such image: {image}")))
        } else {
            self.engines[engine].images.insert(image.clone());
            Ok(())
        };
        self.coverage.count("pull", if result.is_ok() { "good" } else { "failed" });
        let takes = self.random.between(50, 4_000);
        self.after(takes, Event::Returns { serial, outcome: Outcome::Pulled { image, result } });
    }

    /// What came of a call reaches its worker, when that still waits for it.
    pub(crate) fn returns(&mut self, serial: u64, outcome: Outcome) -> Checked {
        let Some(open) = self.calls.get(&serial).cloned() else { return Ok(()) };
        if open.fate == Fate::ReplyLost {
            return Ok(());
        }
        self.calls.remove(&serial);
        if open.abandoned {
            return Ok(());
        }
        self.tell_worker(&open, outcome)
    }

    fn tell_worker(&mut self, open: &OpenCall, outcome: Outcome) -> Checked {
        let now = self.workers[open.node].clocks.at(self.now);
        if self.workers[open.node].host_of(open.life).is_none() {
            return Ok(());
        }
        let outcome =
            if self.planted == Some(Planted::UnseenIsGone) { unseen_is_gone(outcome) } else { outcome };
        self.truth.note_outcome(&outcome);
        if matches!(failure(&outcome), Some(Failure::Unreachable(_))) {
            self.workers[open.node].gone_at.push(self.now);
        }
        self.coverage.count("outcome", word(&outcome));
        self.say(|| format!("worker-{} learns {}", open.node + 1, brief(&outcome)));
        if let Some(host) = &mut self.workers[open.node].host {
            host.note(outcome, now);
        }
        self.decide(open.node)
    }

    /// What the engine calls out about a deed reaches the workers that listen to it, mostly.
    pub(crate) fn call_out(&mut self, engine: usize, deed: &Deed) {
        let Some((owner, identity)) = deed.body.owned.clone() else { return };
        let kind = match deed.what {
            What::Created | What::Started | What::Removing(_) => return,
            What::Signalled(Signal::Kill) => HintKind::Killed,
            What::Signalled(Signal::Term) => HintKind::AskedToEnd,
            What::Ended(_) => deed.body.exit.clone().map_or(HintKind::Changed, HintKind::Died),
            What::Gone => HintKind::Destroyed,
            What::Changed => HintKind::Changed,
        };
        let listening =
            self.workers.iter().position(|worker| worker.engine == engine && worker.name == owner.node);
        let Some(node) = listening.filter(|_| self.engines[engine].up) else { return };
        if !self.quiet && self.random.chance(self.profile.hint_loss) {
            return;
        }
        let (life, transit) = (self.workers[node].life, self.random.between(0, 20));
        let hint = Hint { task: identity.task, container: deed.body.id.clone(), kind };
        self.after(transit, Event::HintArrives { node, life, hint });
    }
}

/// How long a worker waits, milliseconds: the deadlines of the engine's seam.
fn deadline(call: &Call) -> u64 {
    match call {
        Call::Pull { .. } => 60_000,
        Call::Probe { timeout, .. } => u64::try_from(timeout.as_millis()).expect("a short time"),
        Call::RemoveNetwork { .. }
        | Call::Lane { verb: Verb::Create { .. } | Verb::Start(_) | Verb::Remove(_), .. } => 30_000,
        Call::Lane { verb: Verb::Stop(..), .. } => 40_000,
        Call::List { .. } | Call::Networks | Call::Lane { .. } => 10_000,
    }
}

/// The container that a verb changes.
fn changed_by(verb: &Verb) -> Option<&ContainerId> {
    match verb {
        Verb::Start(id)
        | Verb::Unpause(id)
        | Verb::Stop(id, _)
        | Verb::Remove(id)
        | Verb::Rename(id, _)
        | Verb::RestoreLimits(id, _) => Some(id),
        Verb::Inspect(_) | Verb::Find(_) | Verb::Create { .. } => None,
    }
}

/// The container that a call is about, when it takes that container's lock.
fn about(call: &Call) -> Option<&ContainerId> {
    match call {
        Call::Lane { verb: Verb::Inspect(id), .. } => Some(id),
        Call::Lane { verb, .. } => changed_by(verb),
        _ => None,
    }
}

fn is_stop(call: &Call) -> bool {
    matches!(call, Call::Lane { verb: Verb::Stop(..), .. })
}

fn done(call: &Call, result: Result<Answer, Failure>) -> Outcome {
    match call {
        Call::Lane { task, verb } => Outcome::Done { task: *task, verb: verb.clone(), result },
        other => unreachable!("{other:?} is in no lane"),
    }
}

fn failing(why: &str) -> Reply {
    Reply::Failed { why: why.to_owned(), left: None }
}

/// The outcome of a call that came to nothing.
fn failed(call: &Call, failure: Failure) -> Outcome {
    match call {
        Call::List { number } => Outcome::Listed { number: *number, result: Err(failure) },
        Call::Pull { image } => Outcome::Pulled { image: image.clone(), result: Err(failure) },
        Call::Networks => Outcome::Networks { result: Err(failure) },
        Call::RemoveNetwork { name, .. } => {
            Outcome::NetworkRemoved { name: name.clone(), result: Err(failure) }
        }
        Call::Probe { task, container, number, .. } => {
            let (task, container, reply) = (*task, container.clone(), failing(&failure.to_string()));
            Outcome::Probed { task, container, number: *number, reply }
        }
        Call::Lane { task, verb } => Outcome::Done { task: *task, verb: verb.clone(), result: Err(failure) },
    }
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::RequestLost => "request lost",
            Self::ReplyLost => "reply lost",
            Self::Late => "late",
            Self::Error => "error",
        }
    }
}

fn kind(call: &Call) -> &'static str {
    match call {
        Call::List { .. } => "list",
        Call::Pull { .. } => "pull",
        Call::Networks => "networks",
        Call::RemoveNetwork { .. } => "remove network",
        Call::Probe { .. } => "probe",
        Call::Lane { verb, .. } => match verb {
            Verb::Inspect(_) => "inspect",
            Verb::Find(_) => "find",
            Verb::Create { .. } => "create",
            Verb::Start(_) => "start",
            Verb::Unpause(_) => "unpause",
            Verb::Stop(..) => "stop",
            Verb::Remove(_) => "remove",
            Verb::Rename(..) => "rename",
            Verb::RestoreLimits(..) => "restore limits",
        },
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match failure(outcome) {
        None => "good",
        Some(Failure::Missing(_)) => "missing",
        Some(Failure::Conflict(_)) => "conflict",
        Some(Failure::Refused(_)) => "refused",
        Some(Failure::Unreachable(_)) => "unreachable",
        Some(Failure::Unknown(_)) => "unknown",
    }
}

/// A fault to plant: see [`Planted::UnseenIsGone`].
fn unseen_is_gone(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Listed { number, result: Err(_) } => Outcome::Listed { number, result: Ok(Vec::new()) },
        Outcome::Done { task, verb: verb @ Verb::Inspect(_), result: Err(failure) } => {
            let missing = Failure::Missing(failure.to_string());
            Outcome::Done { task, verb, result: Err(missing) }
        }
        outcome => outcome,
    }
}

/// Why it did not succeed.
fn failure(outcome: &Outcome) -> Option<&Failure> {
    match outcome {
        Outcome::Listed { result, .. } => result.as_ref().err(),
        Outcome::Pulled { result, .. } | Outcome::NetworkRemoved { result, .. } => result.as_ref().err(),
        Outcome::Done { result, .. } => result.as_ref().err(),
        Outcome::Networks { result } => result.as_ref().err(),
        Outcome::Pulling { .. } | Outcome::Probed { .. } => None,
    }
}

/// An outcome in a line.
fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Listed { number, result: Ok(containers) } => {
            let seen = containers.iter().map(|one| {
                let (task, attempt) = (one.identity.task.to_string(), one.identity.attempt);
                format!("{}/{attempt} {:?} {}", &task[30..], one.status, &one.id.0[60..])
            });
            format!("list {number}: {}", seen.collect::<Vec<_>>().join(", "))
        }
        Outcome::Done { task, verb, result } => {
            let (task, verb) = (task.to_string(), verb.word());
            let result = match result {
                Ok(Answer::Container(seen)) => {
                    format!("{:?} {:?}", seen.status, seen.details.as_ref().map(|details| &details.exit))
                }
                other => format!("{other:?}"),
            };
            format!("{} {verb}: {result}", &task[30..])
        }
        other => format!("{other:?}"),
    }
}
