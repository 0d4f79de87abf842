//! The way of several services to what was planned: who is sent when, and what became of each.

use std::collections::BTreeMap;

use super::board::{Board, Mark};
use super::remains::Remains;
use crate::cli::api::Api;
use crate::cli::error::CliError;
use crate::cli::service::{Verdict, line, verdict, without_nulls};
use crate::cli::watch::Watch;
use crate::client::ClientError;
use crate::deploy::{Action, Declared, Need, Plan, Stack, Step, is_met};
use crate::wire::service::Service;

/// All that is deployed.
pub(super) struct Deployment<'a> {
    /// In the order in which they may begin.
    ways: Vec<Way<'a>>,
    /// All services as they were seen last, by name.
    seen: BTreeMap<String, Service>,
    remains: Remains,
    /// Nothing is waited for.
    is_detached: bool,
}

/// One service on its way.
struct Way<'a> {
    declared: &'a Declared,
    step: &'a Step,
    state: State,
}

/// How far a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was sent yet.
    Waiting,
    /// This version is wanted of it.
    Applied(u64),
    /// It is as it should be.
    Done,
    /// It will not be, for this reason.
    Failed(String),
    /// The manager did not take it, for this reason.
    Refused(String),
    /// It was not begun, for this reason.
    Skipped(String),
}

/// Whether a service may begin.
enum Turn {
    Now,
    /// It waits, for what the words say.
    Later(String),
    /// It never will.
    Never(String),
}

impl<'a> Deployment<'a> {
    pub(super) fn new(stack: &'a Stack, plan: &'a Plan, is_detached: bool) -> Self {
        let way = |declared: &'a Declared| {
            let step = plan.services.iter().find(|step| step.name == declared.name.as_str())?;
            Some(Way { declared, step, state: State::Waiting })
        };
        let ways = stack.services.iter().filter_map(way).collect();
        Self { ways, seen: BTreeMap::new(), remains: Remains::default(), is_detached }
    }

    /// Sends and waits until there is nothing more to do. The error is about the manager, not about a service.
    pub(super) async fn run(&mut self, api: &Api, board: &mut Board) -> Result<(), CliError> {
        let mut watch = Watch::begin(api).await;
        loop {
            let services = api.services().await?;
            self.seen = services.into_iter().map(|service| (service.name.clone(), service)).collect();
            self.judge(api, board).await;
            while self.begin(api, board).await? {}
            let moves = |way: &Way<'_>| match way.state {
                State::Waiting => true,
                State::Applied(_) => !self.is_detached,
                _ => false,
            };
            if !self.ways.iter().any(moves) {
                return Ok(());
            }
            watch.changed(|_| true).await;
        }
    }

    /// What has become of those that were sent.
    async fn judge(&mut self, api: &Api, board: &mut Board) {
        for way in &mut self.ways {
            let State::Applied(awaited) = way.state else { continue };
            let name = way.declared.name.as_str();
            let Some(service) = self.seen.get(name) else {
                way.state = State::Failed(format!("{name} was removed meanwhile"));
                continue;
            };
            self.remains.look(api, service, awaited).await;
            let far = (service.rollout.done, service.rollout.slots);
            match verdict(service, awaited) {
                Verdict::Waiting => board.tell(name, Mark::Moving, far, &line(service)),
                Verdict::Done(words) => {
                    way.state = State::Done;
                    board.tell(name, Mark::Done, far, &words);
                }
                Verdict::Failed(why) => {
                    board.tell(name, Mark::Failed, far, &why);
                    way.state = State::Failed(why);
                }
            }
        }
    }

    /// Sends the first service whose turn it is; whether there was one.
    async fn begin(&mut self, api: &Api, board: &mut Board) -> Result<bool, CliError> {
        for index in 0..self.ways.len() {
            let Some(way) = self.ways.get(index).filter(|way| way.state == State::Waiting) else { continue };
            let name = way.declared.name.as_str();
            let state = match self.turn(way) {
                Turn::Now => match send(api, way).await? {
                    Ok(service) => {
                        let version = service.version;
                        // Those that depend on it wait for what it is from now on.
                        self.seen.insert(name.to_owned(), service);
                        State::Applied(version)
                    }
                    Err(why) => State::Refused(why),
                },
                Turn::Later(words) => {
                    board.tell(name, Mark::Moving, (0, 0), &format!("{name}: {words}"));
                    continue;
                }
                Turn::Never(why) => State::Skipped(why),
            };
            if let State::Refused(why) | State::Skipped(why) = &state {
                board.tell(name, Mark::Failed, (0, 0), why);
            }
            if let Some(way) = self.ways.get_mut(index) {
                way.state = state;
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn turn(&self, way: &Way<'_>) -> Turn {
        let name = &way.declared.name;
        // What was refused says that this is not what was planned: nothing further is begun.
        let refused = self.ways.iter().find(|other| matches!(other.state, State::Refused(_)));
        if let Some(other) = refused {
            return Turn::Never(format!("{name} was not applied, since {} was refused", other.declared.name));
        }
        let is_removing = |service: &Service| service.rollout.state == "removing";
        if self.seen.get(name.as_str()).is_some_and(is_removing) {
            return Turn::Later("waits until the former service of this name is gone".to_owned());
        }
        if self.is_detached || way.step.action == Action::Unchanged {
            return Turn::Now;
        }
        let turns = way.declared.needs.iter().filter_map(|need| self.waits_for(way, need));
        turns
            .reduce(|one, other| if matches!(one, Turn::Never(_)) { one } else { other })
            .unwrap_or(Turn::Now)
    }

    /// What a service waits for of another; `None` = nothing.
    fn waits_for(&self, way: &Way<'_>, need: &Need) -> Option<Turn> {
        let other = self.ways.iter().find(|other| other.declared.name == need.service)?;
        let name = &need.service;
        match &other.state {
            State::Waiting => Some(Turn::Later(format!("waits for {name}, which has not begun"))),
            State::Failed(_) | State::Refused(_) | State::Skipped(_) if need.required => Some(Turn::Never(
                format!("{} was not applied, since it depends on {name}", way.declared.name),
            )),
            State::Failed(_) | State::Refused(_) | State::Skipped(_) => None,
            State::Applied(_) | State::Done => {
                let is_met =
                    self.seen.get(name.as_str()).is_some_and(|service| is_met(need.condition, service));
                (!is_met).then(|| Turn::Later(format!("waits for {name} ({})", need.condition.word())))
            }
        }
    }

    /// Why something failed, one sentence for each service.
    pub(super) fn failures(&self) -> Vec<String> {
        let reason = |way: &Way<'_>| match &way.state {
            State::Failed(why) | State::Refused(why) | State::Skipped(why) => Some(why.clone()),
            _ => None,
        };
        self.ways.iter().filter_map(reason).collect()
    }

    /// The names of services that are so far.
    pub(super) fn names(&self, is_meant: impl Fn(&State) -> bool) -> Vec<String> {
        let meant = self.ways.iter().filter(|way| is_meant(&way.state));
        meant.map(|way| way.declared.name.to_string()).collect()
    }

    /// The services as they were seen last.
    pub(super) fn services(&self) -> Vec<&Service> {
        self.ways.iter().filter_map(|way| self.seen.get(way.declared.name.as_str())).collect()
    }

    /// What tasks of failed services wrote last.
    pub(super) fn remains(&self) -> impl Iterator<Item = (&str, &[String])> {
        let failed = self.ways.iter().filter(|way| matches!(way.state, State::Failed(_)));
        failed.filter_map(|way| self.remains.of(way.declared.name.as_str()))
    }
}

/// Sends a service as it should be, on top of the version that was planned on. The inner error is why it was not taken.
async fn send(api: &Api, way: &Way<'_>) -> Result<Result<Service, String>, CliError> {
    let Way { declared, step, .. } = way;
    if step.action == Action::Unchanged {
        return match api.service(&declared.name).await {
            Ok(service) if Some(service.version) == step.version => Ok(Ok(service)),
            Ok(_) => Ok(Err(stale(api, step, "").await)),
            Err(ClientError::Refused { message, .. }) => Ok(Err(stale(api, step, &message).await)),
            Err(error) => Err(error.into()),
        };
    }
    match api.set_service(&declared.name, step.version, &without_nulls(&declared.input)?).await {
        Ok(service) => Ok(Ok(service)),
        Err(ClientError::Refused { status: 404 | 409 | 412 | 428, message }) => {
            Ok(Err(stale(api, step, &message).await))
        }
        Err(ClientError::Refused { message, .. }) => {
            Ok(Err(format!("{} was refused: {message}", declared.name)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What to say when a service is not any more what was planned on.
async fn stale(api: &Api, step: &Step, message: &str) -> String {
    let Step { name, version, .. } = step;
    let last = match name.parse() {
        Ok(service) => api.versions(&service).await.ok().and_then(|mut versions| versions.pop()),
        Err(_) => None,
    };
    let planned =
        version.map_or_else(|| "there was none".to_owned(), |version| format!("it was at version {version}"));
    let now = match last {
        Some(last) => {
            let why = if last.why.is_empty() { String::new() } else { format!(" ({})", last.why) };
            format!("version {} was made by {}{why} at {}", last.version, last.by, last.at)
        }
        None => message.trim_end_matches('.').to_owned(),
    };
    format!(
        "{name} is not as it was planned on: {planned}, and {now}; it was left alone, and `orc plan` shows what is to do now"
    )
}
