//! How a service stands, for people to see.

use super::rollouts::Look;
use super::{Cluster, Managed};
use crate::model::service::{Progress, Service, ServiceName};
use crate::model::task::Task;
use crate::model::time::Moment;

/// A service, how far it is, and its tasks.
#[derive(Debug, Clone)]
pub struct ServiceStanding<'a> {
    /// What the store keeps of it.
    pub service: &'a Service,
    /// How far it is on the way to its wanted version.
    pub progress: Progress,
    /// Those that live, and those that hold their slots although they have ended; in the order of their identifiers.
    pub tasks: Vec<&'a Task>,
}

impl Cluster {
    /// One service.
    pub fn service(&self, name: &ServiceName, now: Moment) -> Option<ServiceStanding<'_>> {
        let look = Look::at(self, name)?;
        let managed = self.services.get(name)?;
        let tasks = managed.tasks.keys().filter_map(|id| self.tasks.get(id)).collect();
        Some(ServiceStanding { service: &managed.service, progress: look.progress(now), tasks })
    }

    /// What the store keeps of one service.
    pub fn service_of(&self, name: &ServiceName) -> Option<&Service> {
        self.services.get(name).map(|managed| &managed.service)
    }

    /// Every service, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values().map(|managed: &Managed| &managed.service)
    }
}
