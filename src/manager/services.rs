//! What users do with services, and what they see of them.

use std::time::Duration;

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::routes::Endpoint;
use crate::model::service::ServiceName;
use crate::model::time::Now;
use crate::plan::cluster::ServiceStanding;
use crate::plan::cluster::change::{Change, Refusal, ServiceChange};
use crate::wire::service::{Endpoints, Service as ServiceView, Version as VersionView};

impl Manager {
    /// Writes down what a user says of a service, and tells how it is then.
    pub async fn change_service(&self, change: ServiceChange) -> Result<(), Trouble> {
        self.ask(Message::Service { change }).await.map(drop)
    }

    /// The services, by name.
    pub async fn services(&self) -> Result<Vec<ServiceView>, Trouble> {
        match self.ask(Message::Services).await? {
            Answer::Services(services) => Ok(services),
            _ => Err(Trouble::Stopping),
        }
    }

    /// One service.
    pub async fn service(&self, service: ServiceName) -> Result<ServiceView, Trouble> {
        match self.ask(Message::ServiceOf { service }).await? {
            Answer::Service(service) => Ok(*service),
            _ => Err(Trouble::Stopping),
        }
    }

    /// Who is behind the ports of a service: at once, or when that is of another revision than `after`, or when `wait` is
    /// over.
    pub async fn endpoints(
        &self,
        service: ServiceName,
        after: Option<u64>,
        wait: Duration,
    ) -> Result<Endpoints, Trouble> {
        let mut routed = self.routed.clone();
        let changed = routed.wait_for(|revision| Some(*revision) != after);
        tokio::select! {
            // Neither how long it took nor that the manager is stopping makes a difference to what is answered.
            _ = tokio::time::timeout(wait, changed) => {}
            () = self.stop.cancelled() => {}
        }
        match self.ask(Message::Endpoints { service }).await? {
            Answer::Endpoints(endpoints) => Ok(endpoints),
            _ => Err(Trouble::Stopping),
        }
    }

    /// The versions of a service that are kept, oldest first.
    pub async fn versions(&self, service: ServiceName) -> Result<Vec<VersionView>, Trouble> {
        match self.ask(Message::Versions { service }).await? {
            Answer::Versions(versions) => Ok(versions),
            _ => Err(Trouble::Stopping),
        }
    }
}

impl Keeper {
    pub(super) fn change_service(&mut self, change: &ServiceChange, now: Now) -> Answer {
        if self.store.is_tight() && !matches!(change, ServiceChange::Remove { .. }) {
            return Answer::Refused(Refused::OutOfSpace(
                "the disk of the manager's database is full: no service is changed until there is room; removing \
                 goes on"
                    .to_owned(),
            ));
        }
        match self.decide(&Change::Service(change.clone()), now) {
            Ok(_) => Answer::Done,
            Err(refusal) => Answer::Refused(Refused::Rule(refusal)),
        }
    }

    pub(super) fn services(&self, now: Now) -> Vec<ServiceView> {
        let names = self.cluster.services().map(|service| &service.name);
        names
            .filter_map(|name| self.cluster.service(name, now.moment))
            .map(|standing| view(&standing))
            .collect()
    }

    pub(super) fn service(&self, name: &ServiceName, now: Now) -> Answer {
        let standing = self.cluster.service(name, now.moment);
        standing.map_or_else(
            || Answer::Refused(Refused::Rule(Refusal::UnknownService(name.clone()))),
            |standing| Answer::Service(Box::new(view(&standing))),
        )
    }

    pub(super) fn endpoints(&self, name: &ServiceName) -> Answer {
        if self.cluster.service_of(name).is_none() {
            return Answer::Refused(Refused::Rule(Refusal::UnknownService(name.clone())));
        }
        let name_of = |endpoint: &Endpoint| {
            self.cluster.task(endpoint.task).map(|task| task.spec.name.clone()).unwrap_or_default()
        };
        Answer::Endpoints(Endpoints::new(self.cluster.routes(), name, name_of))
    }

    pub(super) fn versions(&self, name: &ServiceName) -> Answer {
        self.cluster.service_of(name).map_or_else(
            || Answer::Refused(Refused::Rule(Refusal::UnknownService(name.clone()))),
            |service| {
                let version = |version| VersionView::new(service, version);
                Answer::Versions(service.versions.values().map(|one| version(one)).collect())
            },
        )
    }
}

fn view(standing: &ServiceStanding<'_>) -> ServiceView {
    ServiceView::new(standing.service, &standing.progress, &standing.tasks)
}
