//! The users of services: one of each, who says one word of it at a time, and says it until it is answered.

use std::collections::{BTreeMap, VecDeque};

use orc::model::id::{ContainerId, RequestId, TaskId};
use orc::model::service::{ServiceName, Slot};
use orc::model::state::Desired;
use orc::model::task::Task;
use orc::plan::cluster::change::{Change, Expected, Pace, ServiceChange, Steer, Word};

use uuid::Uuid;

use super::wishes::{Harm, ServiceShape, ends_by_itself, name};
use crate::cron::wishes::CronShape;
use crate::docker::{Body, Cause};
use crate::manager::Reply;
use crate::schedule::Op;
use crate::world::{Checked, Event, World};

/// What a user wants done with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Set {
        shape: ServiceShape,
        /// Only if it is as it was when the user made up his mind.
        careful: bool,
    },
    Scale(u32),
    Remove,
    /// The version that was so many versions before; `None` = the one that was good.
    Restore(Option<u64>),
    Steer(Steer),
    /// One that runs by the clock.
    SetCron {
        shape: CronShape,
        careful: bool,
    },
    /// A run now, by a request of this number.
    Run(u32),
    Pace(Pace),
}

/// The user of one service.
#[derive(Debug, Default)]
pub(crate) struct Customer {
    /// What was not answered yet, and what is to be said after that.
    pub(super) words: VecDeque<Want>,
    /// What he took the service to be when he said the first of them for the first time.
    expected: Option<Expected>,
}

/// All of them, by the number of their service.
#[derive(Debug, Default)]
pub(crate) struct Customers {
    pub(super) all: BTreeMap<u8, Customer>,
    /// The service of which a user's word is being taken in at this moment.
    pub(super) saying: Option<ServiceName>,
}

impl Customers {
    /// Whether the user of a service has been answered all that he said.
    pub(crate) fn is_silent(&self, service: u8) -> bool {
        self.all.get(&service).is_none_or(|customer| customer.words.is_empty())
    }

    /// The service of which a user's word is being taken in at this moment.
    pub(crate) const fn saying(&self) -> Option<&ServiceName> {
        self.saying.as_ref()
    }
}

impl World {
    /// A user makes up his mind.
    pub(crate) fn use_service(&mut self, op: &Op) -> bool {
        let (service, want) = match *op {
            Op::SetService { service, shape, careful } => (service, Want::Set { shape, careful }),
            Op::ScaleService { service, replicas } => (service, Want::Scale(replicas)),
            Op::RemoveService { service } => (service, Want::Remove),
            Op::RestoreService { service, back } => (service, Want::Restore(back)),
            Op::SteerService { service, how } => (service, Want::Steer(how)),
            Op::SetCron { service, shape, careful } => (service, Want::SetCron { shape, careful }),
            Op::AskForRun { service, request } => (service, Want::Run(request)),
            Op::PaceRuns { service, how } => (service, Want::Pace(how)),
            _ => return false,
        };
        let customer = self.customers.all.entry(service).or_default();
        let is_silent = customer.words.is_empty();
        customer.words.push_back(want);
        if is_silent {
            self.after(1, Event::CustomerSays(service));
        }
        true
    }

    /// A user's word reaches the manager, or gets lost on the way; so may the answer.
    pub(crate) fn customer_says(&mut self, service: u8) -> Checked {
        let Some(customer) = self.customers.all.get(&service) else { return Ok(()) };
        let Some(want) = customer.words.front().copied() else { return Ok(()) };
        let expected = customer.expected.unwrap_or_else(|| self.expected(service, want));
        if let Some(customer) = self.customers.all.get_mut(&service) {
            customer.expected = Some(expected);
        }
        if self.quiet || !self.random.chance(self.profile.message_loss) {
            let change = self.word(service, want, expected);
            let before = self.manager.disk.newest_version(&name(service)).map(|version| version.number);
            self.customers.saying = Some(name(service));
            let reply = self.manager_hears_user(&Change::Service(change.clone()))?;
            self.customers.saying = None;
            self.say(|| format!("user {want:?} {} -> {reply:?}", name(service)));
            self.judge_answer(&change, before, &reply)?;
            let heard = self.quiet || !self.random.chance(self.profile.message_loss);
            if heard && !matches!(reply, Reply::Nothing | Reply::Full) {
                self.coverage.count("reply", reply.name());
                self.customer_hears(service);
                return Ok(());
            }
        }
        let patience = self.random.between(200, 1500);
        self.after(patience, Event::CustomerSays(service));
        Ok(())
    }

    fn customer_hears(&mut self, service: u8) {
        let Some(customer) = self.customers.all.get_mut(&service) else { return };
        customer.words.pop_front();
        customer.expected = None;
        if !customer.words.is_empty() {
            self.after(1, Event::CustomerSays(service));
        }
    }

    fn expected(&self, service: u8, want: Want) -> Expected {
        let newest = self.manager.disk.newest_version(&name(service));
        match (want, newest) {
            (Want::Set { careful: true, .. } | Want::SetCron { careful: true, .. }, newest) => {
                newest.map_or(Expected::Absent, |version| Expected::Version(version.number))
            }
            _ => Expected::Anything,
        }
    }

    fn word(&self, service: u8, want: Want, expected: Expected) -> ServiceChange {
        let at = self.manager.clocks.at(self.now).wall;
        let word = Word { service: name(service), expected, by: "somebody".to_owned(), at };
        match want {
            Want::Set { shape, .. } => {
                ServiceChange::Set { word, spec: Box::new(shape.spec(&name(service))) }
            }
            Want::Scale(replicas) => ServiceChange::Scale { word, replicas },
            Want::Remove => ServiceChange::Remove { word },
            Want::Restore(back) => {
                let newest =
                    self.manager.disk.newest_version(&name(service)).map_or(0, |newest| newest.number);
                ServiceChange::Restore { word, version: back.map(|back| newest.saturating_sub(back)) }
            }
            Want::Steer(how) => ServiceChange::Steer { word, how },
            Want::SetCron { shape, .. } => {
                ServiceChange::Set { word, spec: Box::new(shape.spec(&name(service))) }
            }
            Want::Run(number) => {
                let request = RequestId::from_uuid(Uuid::from_u128(0xc104_0000_0000 + u128::from(number)));
                ServiceChange::Ask { word, request }
            }
            Want::Pace(how) => ServiceChange::Pace { word, how },
        }
    }

    /// Something happens to a task of a service, from inside or by a stranger's hand.
    pub(crate) fn harm_task(&mut self, service: u8, pick: usize, how: Harm) -> bool {
        let Some((engine, body)) = self.task_of_service(service, pick) else { return false };
        let wish = usize::MAX;
        let op = match how {
            Harm::Exit(code) => Op::Exit { wish, code },
            Harm::Sicken => Op::Sicken { wish },
            Harm::Sulk(for_ms) => Op::Sulk { wish, for_ms },
            Harm::Vanish => Op::Vanish { wish },
            Harm::Kill => Op::Kill { wish },
        };
        self.harm(&op, engine, &body)
    }

    fn task_of_service(&self, service: u8, pick: usize) -> Option<(usize, Body)> {
        let service = name(service);
        let of_service = |task: &&Task| {
            let its = task.membership.as_ref();
            its.is_some_and(|its| its.service == service)
                && task.desired == Desired::Run
                && !task.state.is_final()
        };
        let tasks: Vec<TaskId> = self
            .manager
            .disk
            .tasks
            .values()
            .map(|task| &**task)
            .filter(of_service)
            .map(|task| task.id)
            .collect();
        let task = tasks.get(pick % tasks.len().max(1))?;
        self.newest_container_of(*task)
    }

    /// What a container's image does by itself, once it was started.
    pub(crate) fn lives_out(&mut self, engine: usize, body: &Body) {
        let Some(image) = body.spec.as_ref().map(|spec| spec.image.clone()) else { return };
        if let Some((ms, code)) = ends_by_itself(&image, self.quiet, &mut self.random) {
            let (id, life): (ContainerId, u64) = (body.id.clone(), body.life.into());
            self.after(ms, Event::Ends { engine, id, life, code, cause: Cause::Own });
        }
    }
}

/// The words of a slot, for messages.
pub(super) fn place(service: &ServiceName, slot: &Slot) -> String {
    format!("slot {slot} of {service}")
}
