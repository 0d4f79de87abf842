//! What each step of a schedule does to the world, and how it is undone.

use orc::model::container::ContainerStatus;
use orc::model::id::{ContainerId, TaskId};
use orc::model::node::Availability;
use orc::plan::cluster::change::{Change, Force, NodePatch};
use orc::plan::cluster::rebalance::{MOST_MOVES, propose};

use crate::docker::{Body, Cause, Signal};
use crate::manager::Reply;
use crate::schedule::Op;
use crate::users::Want;
use crate::world::{Checked, Event, World};

impl World {
    pub(crate) fn step(&mut self, op: &Op) -> Checked {
        self.say(|| format!("== {op:?}"));
        let happened = match op {
            Op::Submit { wish, shape } => {
                self.submit(*wish, *shape);
                true
            }
            Op::Stop { wish } => self.ask_to_stop(*wish),
            Op::Repeat { wish } => self.ask_once_more(*wish, Want::RunAgain),
            Op::Reuse { wish } => self.ask_once_more(*wish, Want::Reuse),
            Op::SetService { .. } | Op::ScaleService { .. } | Op::RemoveService { .. } => {
                self.use_service(op)
            }
            Op::RestoreService { .. } | Op::SteerService { .. } => self.use_service(op),
            Op::SetCron { .. } | Op::AskForRun { .. } | Op::PaceRuns { .. } => self.use_service(op),
            Op::HarmTask { service, pick, how } => self.harm_task(*service, *pick, *how),
            Op::Exit { .. } | Op::Sicken { .. } | Op::Vanish { .. } | Op::Kill { .. } | Op::Pause { .. } => {
                self.meddle(op)
            }
            Op::Squeeze { .. } | Op::Revive { .. } | Op::Puzzle { .. } | Op::Sulk { .. } => self.meddle(op),
            _ => self.fail(op)?,
        };
        if happened {
            self.coverage.count("step", op.name());
        }
        Ok(())
    }

    fn ask_to_stop(&mut self, wish: usize) -> bool {
        let Some(wished) = self.users.wishes.get_mut(&wish) else { return false };
        // Whoever was refused has nothing to stop; whoever was not answered does not know what there is.
        if wished.accepted != Some(true) || wished.stop_asked {
            return false;
        }
        wished.stop_asked = true;
        self.after(1, Event::UserAsks(wish, Want::Stop));
        true
    }

    fn ask_once_more(&mut self, wish: usize, want: Want) -> bool {
        let known = self.users.wishes.get(&wish).is_some_and(|wished| wished.accepted == Some(true));
        if known && !self.forgetful {
            self.after(1, Event::UserAsks(wish, want));
        }
        known && !self.forgetful
    }

    /// Something happens to a task's newest container, from inside or by a stranger's hand.
    fn meddle(&mut self, op: &Op) -> bool {
        let (Op::Exit { wish, .. }
        | Op::Sicken { wish }
        | Op::Sulk { wish, .. }
        | Op::Vanish { wish }
        | Op::Kill { wish }
        | Op::Pause { wish }
        | Op::Squeeze { wish }
        | Op::Revive { wish }
        | Op::Puzzle { wish, .. }) = op
        else {
            return false;
        };
        let Some((engine, body)) = self.newest_container(*wish) else { return false };
        self.harm(op, engine, &body)
    }

    pub(crate) fn harm(&mut self, op: &Op, engine: usize, body: &Body) -> bool {
        let (id, life) = (body.id.clone(), body.life);
        let wall = self.wall_of_engine(engine);
        let up = self.engines[engine].up;
        let docker = &mut self.engines[engine];
        let runs = body.status == ContainerStatus::Running;
        match op {
            Op::Exit { code, .. } if runs => docker.end(&id, life, *code, Cause::Own, wall),
            Op::Sicken { .. }
                if runs
                    && body
                        .spec
                        .as_ref()
                        .is_some_and(|spec| spec.health_check.is_some() || spec.liveness.is_some()) =>
            {
                docker.meddle(&id, |body| body.sick = true);
            }
            Op::Sulk { for_ms, .. }
                if runs && body.spec.as_ref().is_some_and(|spec| spec.readiness.is_some()) =>
            {
                let until = self.now + for_ms;
                docker.meddle(&id, |body| body.sulks_until = until);
            }
            Op::Vanish { .. } if up => {
                let _ = docker.begin_removal(&id, Cause::Other, wall);
                docker.gone(&id);
            }
            Op::Kill { .. } if up && runs => {
                let _ = docker.signal(&id, Signal::Kill);
                docker.end(&id, life, 137, Cause::Other, wall);
            }
            Op::Pause { .. } if up && runs => {
                docker.meddle(&id, |body| body.status = ContainerStatus::Paused);
            }
            Op::Squeeze { .. } if up && runs => docker.meddle(&id, |body| body.limits_as_set = false),
            Op::Revive { .. } if up && body.status == ContainerStatus::Exited => {
                if docker.cleans_up(&id, self.now).is_some() {
                    return false;
                }
                docker.meddle(&id, |body| body.revived = true);
                let _ = docker.start(&id, wall, self.now);
            }
            Op::Puzzle { for_ms, .. } if up && runs => {
                docker.meddle(&id, |body| body.status = ContainerStatus::Unknown("suspended".to_owned()));
                self.after(*for_ms, Event::Over(op.clone()));
            }
            _ => return false,
        }
        true
    }

    /// A task's newest container, wherever it is.
    fn newest_container(&self, wish: usize) -> Option<(usize, Body)> {
        self.newest_container_of(self.users.wishes.get(&wish)?.task)
    }

    pub(crate) fn newest_container_of(&self, task: TaskId) -> Option<(usize, Body)> {
        let all = self.engines.iter().enumerate();
        let bodies =
            all.flat_map(|(engine, docker)| docker.containers.values().map(move |body| (engine, body)));
        let of_task = bodies.filter(|(_, body)| {
            body.owned
                .as_ref()
                .is_some_and(|(owner, own)| own.task == task && owner.cluster == self.manager.disk.id)
        });
        let newest = of_task
            .max_by_key(|(_, body)| (body.owned.as_ref().map(|(_, own)| own.attempt), body.id.clone()));
        newest.map(|(engine, body)| (engine, body.clone()))
    }

    /// A part of the world fails; whether that made a difference.
    fn fail(&mut self, op: &Op) -> Checked<bool> {
        if let Some((node, for_ms)) = hampered(op) {
            self.hamper(self.workers[node].engine, for_ms);
        }
        match op {
            Op::EngineRestart { node, for_ms, kills } => {
                let engine = self.workers[*node].engine;
                self.engine_goes_down(engine, *kills)?;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::EngineFreeze { node, for_ms } => {
                self.engine_of(*node).frozen = true;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::ListsFail { node, for_ms } => {
                self.engine_of(*node).lists_fail = true;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::StartsRefused { node, for_ms } => {
                self.engine_of(*node).refuses_starts = true;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::EventsBreak { node } => {
                let (node, life) = (*node, self.workers[*node].life);
                self.events_break(node, life)?;
            }
            Op::RegistryDown { for_ms } => {
                self.registry_up = false;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::Cut { node, for_ms, way } => {
                self.workers[*node].cut = Some(*way);
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::Slow { node, for_ms } => {
                self.workers[*node].slow = true;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            _ => return self.fail_process(op),
        }
        Ok(true)
    }

    fn fail_process(&mut self, op: &Op) -> Checked<bool> {
        match op {
            Op::WorkerDown { node, for_ms } => {
                self.kill_worker(*node);
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::WorkerCrash { node, at, for_ms } => self.workers[*node].crash = Some((*at, *for_ms)),
            Op::WorkerLosesStore { node, for_ms } => {
                self.kill_worker(*node);
                self.workers[*node].disk = crate::worker::Disk::default();
                self.workers[*node].counts_since = self.workers[*node].life;
                self.truth.note_lost_store(*node);
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::WorkerStoreFull { node, for_ms } => {
                self.workers[*node].full = true;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::ManagerDown { for_ms } => {
                self.kill_manager();
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::ManagerCrash { at, for_ms } => self.manager.crash = Some((*at, *for_ms)),
            Op::ManagerStoreFull { for_ms } => {
                self.manager.full = true;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::Reboot { node, for_ms } => {
                let engine = self.workers[*node].engine;
                self.power_fails(engine)?;
                self.after(*for_ms, Event::Over(op.clone()));
            }
            Op::NodeDeath { node } => {
                self.kill_worker(*node);
                self.workers[*node].dead = true;
            }
            Op::SetAvailability { node, to } => return self.set_availability(*node, *to),
            Op::Rebalance {} => return self.rebalance(),
            Op::ManagerFreezes { for_ms } => {
                self.manager.frozen_until = self.manager.frozen_until.max(self.now + for_ms);
                return Ok(self.manager.cluster.is_some());
            }
            Op::WallJump { node, minutes } => self.set_clock(*node, minutes * 60_000),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_availability(&mut self, node: usize, to: Availability) -> Checked<bool> {
        let patch = NodePatch { availability: Some(to), force: Force::Yes, ..NodePatch::default() };
        let change = Change::SetNode { node: self.workers[node].name.clone(), patch };
        Ok(self.manager_hears_user(&change)? == Reply::Accepted)
    }

    /// Whether there was anything to move.
    fn rebalance(&mut self) -> Checked<bool> {
        let now = self.manager.clocks.at(self.now);
        let Some(cluster) = &self.manager.cluster else { return Ok(false) };
        let proposed = propose(cluster, MOST_MOVES, now).moves.len();
        let moves = u32::try_from(proposed).expect("a small number");
        let accepted = self.manager_hears_user(&Change::Rebalance { moves })? == Reply::Accepted;
        Ok(accepted && moves > 0)
    }

    /// The engine's processes go; its containers with them, or not.
    fn engine_goes_down(&mut self, engine: usize, kills: bool) -> Checked {
        self.cut_off(engine)?;
        self.engines[engine].up = false;
        self.engines[engine].frozen = false;
        if kills {
            self.end_all(engine);
        }
        for node in 0..self.workers.len() {
            if self.workers[node].engine == engine {
                let life = self.workers[node].life;
                let transit = self.random.between(1, 50);
                self.after(transit, Event::EventsBreak { node, life });
            }
        }
        Ok(())
    }

    fn end_all(&mut self, engine: usize) {
        let wall = self.wall_of_engine(engine);
        let live = self.engines[engine].containers.values().filter(|body| body.status.is_live());
        let live: Vec<(ContainerId, u32)> = live.map(|body| (body.id.clone(), body.life)).collect();
        for (id, life) in live {
            self.engines[engine].end(&id, life, 137, Cause::Other, wall);
        }
    }

    /// A machine goes down with all that is on it.
    /// Sets the date of a node's machine, which is that of every worker there; past the last node comes the manager.
    fn set_clock(&mut self, node: usize, skew: i64) {
        let Some(engine) = self.workers.get(node).map(|worker| worker.engine) else {
            self.manager.clocks.skew += skew;
            return self.truth.note_wall_jump(node);
        };
        for node in 0..self.workers.len() {
            if self.workers[node].engine == engine {
                self.workers[node].clocks.skew += skew;
                self.truth.note_wall_jump(node);
            }
        }
    }

    fn power_fails(&mut self, engine: usize) -> Checked {
        self.engine_goes_down(engine, true)?;
        for node in 0..self.workers.len() {
            if self.workers[node].engine == engine {
                self.kill_worker(node);
                self.workers[node].rebooted = true;
            }
        }
        Ok(())
    }

    pub(crate) fn over(&mut self, op: &Op) -> Checked {
        self.say(|| format!("== over: {op:?}"));
        match op {
            Op::EngineRestart { node, .. } => self.engine_of(*node).up = true,
            Op::EngineFreeze { node, .. } => {
                let engine = self.workers[*node].engine;
                self.engines[engine].frozen = false;
                self.thaw(engine)?;
            }
            Op::ListsFail { node, .. } => self.engine_of(*node).lists_fail = false,
            Op::StartsRefused { node, .. } => self.engine_of(*node).refuses_starts = false,
            Op::RegistryDown { .. } => self.registry_up = true,
            Op::Cut { node, .. } => self.workers[*node].cut = None,
            Op::Slow { node, .. } => self.workers[*node].slow = false,
            Op::WorkerDown { node, .. } | Op::WorkerLosesStore { node, .. } => self.boot_worker(*node)?,
            Op::WorkerStoreFull { node, .. } => self.workers[*node].full = false,
            Op::ManagerDown { .. } => self.boot_manager(),
            Op::ManagerStoreFull { .. } => self.manager.full = false,
            Op::Reboot { node, .. } => self.power_is_back(self.workers[*node].engine)?,
            Op::Puzzle { wish, .. } => {
                if let Some((engine, body)) = self.newest_container(*wish) {
                    self.solve(engine, &body);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn power_is_back(&mut self, engine: usize) -> Checked {
        self.engines[engine].up = true;
        for node in 0..self.workers.len() {
            if self.workers[node].engine == engine && self.workers[node].rebooted {
                self.workers[node].clocks.booted = self.now;
                self.boot_worker(node)?;
            }
        }
        Ok(())
    }

    fn solve(&mut self, engine: usize, body: &Body) {
        if matches!(body.status, ContainerStatus::Unknown(_)) {
            self.engines[engine].meddle(&body.id, |body| body.status = ContainerStatus::Running);
        }
    }

    fn engine_of(&mut self, node: usize) -> &mut crate::docker::Docker {
        let engine = self.workers[node].engine;
        &mut self.engines[engine]
    }

    /// All faults are over, but for machines that are gone for good and calls that are still on their way.
    pub(crate) fn hush(&mut self) -> Checked {
        self.say(|| "== all is quiet now".to_owned());
        self.quiet = true;
        self.registry_up = true;
        self.manager.full = false;
        self.manager.crash = None;
        self.boot_manager();
        for node in 0..self.workers.len() {
            self.set_availability(node, Availability::Active)?;
        }
        for engine in 0..self.engines.len() {
            let docker = &mut self.engines[engine];
            (docker.up, docker.frozen, docker.lists_fail, docker.refuses_starts) =
                (true, false, false, false);
            self.thaw(engine)?;
            let bodies: Vec<Body> = self.engines[engine].containers.values().cloned().collect();
            for body in &bodies {
                self.solve(engine, body);
            }
            self.power_is_back(engine)?;
        }
        for node in 0..self.workers.len() {
            let worker = &mut self.workers[node];
            (worker.cut, worker.slow, worker.full, worker.crash) = (None, false, false, None);
            self.boot_worker(node)?;
        }
        Ok(())
    }
}

/// The node whose worker cannot do what it should, and for how long.
fn hampered(op: &Op) -> Option<(usize, u64)> {
    match op {
        Op::EngineRestart { node, for_ms, .. }
        | Op::EngineFreeze { node, for_ms }
        | Op::ListsFail { node, for_ms }
        | Op::WorkerDown { node, for_ms }
        | Op::WorkerCrash { node, for_ms, .. }
        | Op::WorkerLosesStore { node, for_ms }
        | Op::WorkerStoreFull { node, for_ms }
        | Op::Reboot { node, for_ms } => Some((*node, *for_ms)),
        Op::NodeDeath { node } => Some((*node, u64::from(u32::MAX))),
        _ => None,
    }
}
