//! What users do with the runs of services, and what they see of them.

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::id::RequestId;
use crate::model::service::ServiceName;
use crate::model::time::Now;
use crate::plan::cluster::change::{Refusal, ServiceChange, Word};
use crate::wire::service::Run;

impl Manager {
    /// Begins a run of a service now; the same one however often this request is sent.
    pub async fn run_service(&self, word: Word, request: RequestId) -> Result<Run, Trouble> {
        match self.ask(Message::Run { word, request }).await? {
            Answer::Run(run) => Ok(*run),
            _ => Err(Trouble::Stopping),
        }
    }

    /// The runs of a service that are remembered, oldest first.
    pub async fn runs(&self, service: ServiceName) -> Result<Vec<Run>, Trouble> {
        match self.ask(Message::Runs { service }).await? {
            Answer::Runs(runs) => Ok(runs),
            _ => Err(Trouble::Stopping),
        }
    }
}

impl Keeper {
    pub(super) fn run_service(&mut self, word: &Word, request: RequestId, now: Now) -> Answer {
        match self.change_service(&ServiceChange::Ask { word: word.clone(), request }, now) {
            Answer::Done => {
                let service = self.cluster.service_of(&word.service);
                let run = service.and_then(|service| service.schedule.of_request(request));
                run.map_or(Answer::Done, |run| Answer::Run(Box::new(Run::from(run))))
            }
            answer => answer,
        }
    }

    pub(super) fn runs(&self, name: &ServiceName) -> Answer {
        self.cluster.service_of(name).map_or_else(
            || Answer::Refused(Refused::Rule(Refusal::UnknownService(name.clone()))),
            |service| Answer::Runs(service.schedule.runs.values().map(Run::from).collect()),
        )
    }
}
