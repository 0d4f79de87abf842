//! What the changes mean by which the runs of services begin and end.

use super::Cluster;
use super::apply_services::of_service;
use super::change::{Applied, Refusal};
use super::service_change::{Pace, Word};
use crate::model::cron::Overlap;
use crate::model::event::{Event, EventKind};
use crate::model::id::{RequestId, TaskId};
use crate::model::service::{Outcome, Run, Service, ServiceName, Slot};
use crate::model::state::{Desired, State};
use crate::model::task::Task;
use crate::model::time::{Now, Timestamp};
use crate::plan::cron::{self, Decision};

impl Cluster {
    pub(super) fn ask_for_run(
        &mut self,
        word: &Word,
        request: RequestId,
        now: Now,
    ) -> Result<Applied, Refusal> {
        let service = self.by_clock(word)?;
        if service.schedule.of_request(request).is_some() {
            return Ok(Applied::Ignored);
        }
        let overlap = service.wanted().spec.mode.cron().map(|cron| cron.overlap).unwrap_or_default();
        if let Some(run) = service.schedule.open().next().filter(|_| overlap == Overlap::Forbid) {
            return Err(Refusal::RunGoesOn { service: word.service.clone(), run: run.number });
        }
        let asked = Some((word.by.clone(), request));
        let replaces = overlap == Overlap::Replace;
        let events = self.begin_run(&word.service, word.at, asked, replaces, now);
        self.prune_runs(&word.service);
        Ok(Applied::Changed(events))
    }

    pub(super) fn pace(&mut self, word: &Word, how: Pace) -> Result<Applied, Refusal> {
        let is_suspended = self.by_clock(word)?.schedule.is_suspended;
        let name = &word.service;
        let (suspend, message) = match how {
            Pace::Suspend => (true, format!("the runs of {name} are suspended by {}", word.by)),
            Pace::Resume => (false, format!("the runs of {name} go on by the clock, by {}", word.by)),
        };
        let Some(managed) = self.services.get_mut(name).filter(|_| suspend != is_suspended) else {
            return Ok(Applied::Ignored);
        };
        managed.service.schedule.is_suspended = suspend;
        managed.service.updated_at = word.at;
        self.dirty.services.insert(name.clone());
        Ok(Applied::Changed(vec![of_service(word.at, EventKind::Run, message)]))
    }

    /// The service that a word is about, if it runs by the clock.
    fn by_clock(&self, word: &Word) -> Result<&Service, Refusal> {
        let service = self.expect(word)?;
        let mode = &service.wanted().spec.mode;
        if mode.cron().is_none() {
            return Err(Refusal::NotByClock { service: word.service.clone(), mode: mode.word() });
        }
        Ok(service)
    }

    /// Begins what is due, notes what is left out, and when the next run is: in one change, so that it is in one
    /// transaction, and no crash repeats or loses a run.
    pub(super) fn tick(
        &mut self,
        name: &ServiceName,
        seen: Option<Timestamp>,
        decision: &Decision,
        now: Now,
    ) -> Applied {
        let is_as_seen = |service: &Service| service.schedule.next == seen && service.desired == Desired::Run;
        if !self.services.get(name).is_some_and(|managed| is_as_seen(&managed.service)) {
            return Applied::Ignored;
        }
        self.services.set_next(name, decision.next);
        self.dirty.services.insert(name.clone());
        let mut events = Vec::new();
        for run in &decision.runs {
            match run {
                cron::Run::Begin { due, replaces } => {
                    events.extend(self.begin_run(name, *due, None, *replaces, now));
                }
                cron::Run::Skip { due, why } => self.skip_run(name, *due, why, now),
            }
        }
        let left_out = left_out(name, decision);
        events.extend(left_out.map(|message| of_service(now.wall, EventKind::Run, message)));
        self.prune_runs(name);
        Applied::Changed(events)
    }

    fn skip_run(&mut self, name: &ServiceName, due: Timestamp, why: &str, now: Now) {
        let Some(managed) = self.services.get_mut(name) else { return };
        let version = managed.service.wanted().number;
        let run = managed.service.schedule.add(version, due);
        (run.outcome, run.ended) = (Some(Outcome::Skipped), Some(now.wall));
        why.clone_into(&mut run.why);
        self.dirty.runs.insert((name.clone(), run.number));
    }

    /// Adds a run, and starts its task unless it has to wait for those that it replaces.
    fn begin_run(
        &mut self,
        name: &ServiceName,
        due: Timestamp,
        asked: Option<(String, RequestId)>,
        replaces: bool,
        now: Now,
    ) -> Vec<Event> {
        let Some(managed) = self.services.get_mut(name) else { return Vec::new() };
        let service = &mut managed.service;
        let overlap = service.wanted().spec.mode.cron().map(|cron| cron.overlap).unwrap_or_default();
        let waits = overlap == Overlap::Replace && service.schedule.open().next().is_some();
        let version = service.wanted().number;
        let run = service.schedule.add(version, due);
        (run.by, run.request) = asked.unzip();
        if waits {
            "waits for the run before it to end".clone_into(&mut run.why);
        }
        let number = run.number;
        self.dirty.services.insert(name.clone());
        self.dirty.runs.insert((name.clone(), number));
        let mut events = if replaces { self.replace_runs(name, number, now) } else { Vec::new() };
        if !waits && let Applied::Changed(started) = self.launch(name, number, now) {
            events.extend(started);
        }
        events
    }

    /// Stops what runs of a service before this run.
    fn replace_runs(&mut self, name: &ServiceName, by: u32, now: Now) -> Vec<Event> {
        let Some(managed) = self.services.get_mut(name) else { return Vec::new() };
        let runs = managed.service.schedule.runs.range_mut(..by).map(|(_, run)| run);
        let mut tasks = Vec::new();
        for run in runs.filter(|run| run.outcome.is_none()) {
            run.outcome = Some(Outcome::Replaced);
            run.why = format!("run {by} takes its place");
            match run.task {
                Some(task) => tasks.push((task, run.why.clone())),
                None => run.ended = Some(now.wall),
            }
            self.dirty.runs.insert((name.clone(), run.number));
        }
        let stop = |(task, why): (TaskId, String)| match self.retire(task, &why, now) {
            Applied::Changed(events) => events,
            Applied::Ignored | Applied::Repeated => Vec::new(),
        };
        tasks.into_iter().flat_map(stop).collect()
    }

    /// Starts the task of a run, as the version says that is wanted now.
    pub(super) fn launch(&mut self, name: &ServiceName, number: u32, now: Now) -> Applied {
        let is_waiting = |run: &Run| run.task.is_none() && run.outcome.is_none();
        let Some(managed) = self.services.get(name) else { return Applied::Ignored };
        let wanted = managed.service.wanted();
        let (version, template) = (wanted.number, wanted.template);
        if !managed.service.schedule.runs.get(&number).is_some_and(is_waiting) {
            return Applied::Ignored;
        }
        let started = self.start_task(name, &Slot::Number(number), template, now);
        let Applied::Changed(events) = &started else { return started };
        let task = events.first().and_then(|event| event.task);
        let managed = self.services.get_mut(name);
        if let Some(run) = managed.and_then(|managed| managed.service.schedule.runs.get_mut(&number)) {
            (run.task, run.begun, run.version) = (task, Some(now.wall), version);
            run.why.clear();
            self.dirty.runs.insert((name.clone(), number));
        }
        started
    }

    pub(super) fn end_run(&mut self, name: &ServiceName, number: u32, now: Now) -> Applied {
        let Some(managed) = self.services.get_mut(name) else { return Applied::Ignored };
        let runs = &mut managed.service.schedule.runs;
        let Some(run) = runs.get_mut(&number).filter(|run| !run.is_over()) else { return Applied::Ignored };
        let task = run.task.and_then(|id| self.tasks.get(&id));
        let (outcome, why) = end_of(run, task);
        if run.outcome.is_none() {
            run.why = why;
        }
        run.outcome = Some(run.outcome.unwrap_or(outcome));
        run.exit_code = task.and_then(|task| task.observed.exit_code);
        run.ended = Some(task.and_then(|task| task.observed.finished_at).unwrap_or(now.wall));
        let colon = if run.why.is_empty() { "" } else { ": " };
        let message = format!("run {number} of {name} {}{colon}{}", run.state(), run.why);
        let event = Event {
            task: run.task,
            exit_code: run.exit_code,
            ..of_service(now.wall, EventKind::Run, message)
        };
        self.dirty.runs.insert((name.clone(), number));
        Applied::Changed(vec![event])
    }

    /// Forgets the runs of a service that are not kept, with their tasks.
    fn prune_runs(&mut self, name: &ServiceName) {
        let Some(managed) = self.services.get_mut(name) else { return };
        for run in managed.service.schedule.prune() {
            let key = (name.clone(), run.number);
            self.dirty.runs.remove(&key);
            self.dirty.pruned_runs.insert(key);
            // One that has not ended is forgotten when any other would be.
            if let Some(task) = run.task {
                self.forget(task);
            }
        }
    }
}

/// What became of a run whose task has ended, and why.
fn end_of(run: &Run, task: Option<&Task>) -> (Outcome, String) {
    let Some(task) = task else {
        return match run.task {
            None => (Outcome::Stopped, "the service does not run by the clock any more".to_owned()),
            Some(_) => (Outcome::Failed, "its task is not there any more".to_owned()),
        };
    };
    match (task.desired, task.state) {
        (Desired::Stop, _) => (Outcome::Stopped, task.message.clone()),
        (Desired::Run, State::Completed) => (Outcome::Succeeded, String::new()),
        (Desired::Run, _) => (Outcome::Failed, task.message.clone()),
    }
}

/// What a decision leaves out, in words; `None` = nothing.
fn left_out(name: &ServiceName, decision: &Decision) -> Option<String> {
    let skip = |run: &cron::Run| match run {
        cron::Run::Skip { due, why } => Some((*due, *why)),
        cron::Run::Begin { .. } => None,
    };
    let skips: Vec<_> = decision.runs.iter().filter_map(skip).collect();
    let (Some(first), Some(last)) = (skips.first(), skips.last()) else {
        let (forgotten, most) = (decision.forgotten, cron::MOST_MISSED);
        return (forgotten > 0).then(|| {
            format!("{name} leaves out {forgotten} runs at least: of those missed, the last {most} are made up for")
        });
    };
    let earlier = match decision.forgotten {
        0 => String::new(),
        forgotten => format!("; before these, {forgotten} more were missed at least"),
    };
    Some(match skips.len() {
        1 => format!("{name} leaves out the run of {}: {}{earlier}", first.0, first.1),
        count => {
            format!("{name} leaves out {count} runs from {} to {}: {}{earlier}", first.0, last.0, last.1)
        }
    })
}
