//! A service and its versions as their tables hold them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use sqlx::FromRow;

use crate::model::service::{Run, Schedule, Service, ServiceName, Version};
use crate::store::column::{checksum, json, optional, text, time, to_json, verify, word};
use crate::store::insert::Insert;
use crate::store::scan::{Stored, Unreadable};

/// One row of `services`, columns as in its migrations. Later ones are left out of the checksum while they are as in old
/// rows.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct ServiceRow {
    name: String,
    desired: String,
    stable: Option<u64>,
    stage: String,
    paused: bool,
    failures: u32,
    started: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<u32>,
    message: String,
    created_at: String,
    updated_at: String,
    checksum: Option<i64>,
}

pub(super) const UPSERT: Insert = Insert {
    table: "services",
    columns: "\
        name, desired, stable, stage, paused, failures, started, next_run, suspended, last_run, message, created_at, \
        updated_at, checksum",
    on_conflict: "\
        ON CONFLICT (name) DO UPDATE SET desired = excluded.desired, stable = excluded.stable, stage = \
        excluded.stage, paused = excluded.paused, failures = excluded.failures, started = \
        excluded.started, next_run = excluded.next_run, suspended = excluded.suspended, last_run = \
        excluded.last_run, message = excluded.message, updated_at = excluded.updated_at, checksum = \
        excluded.checksum",
};

impl From<&Service> for ServiceRow {
    fn from(service: &Service) -> Self {
        let mut row = Self {
            name: service.name.to_string(),
            desired: service.desired.word().to_owned(),
            stable: service.stable,
            stage: service.stage.word().to_owned(),
            paused: service.is_paused,
            failures: service.failures,
            started: service.started,
            next_run: text(service.schedule.next.as_ref()),
            suspended: service.schedule.is_suspended.then_some(true),
            last_run: Some(service.schedule.numbered).filter(|number| *number > 0),
            message: service.message.clone(),
            created_at: service.created_at.to_string(),
            updated_at: service.updated_at.to_string(),
            checksum: None,
        };
        row.checksum = Some(checksum(&row));
        row
    }
}

impl Stored for ServiceRow {
    /// Without its versions and runs.
    type Item = Service;

    fn decode(mut self) -> Result<Service, String> {
        verify(self.checksum.take(), &self)?;
        let schedule = Schedule {
            next: optional("next_run", self.next_run.as_ref(), time)?,
            is_suspended: self.suspended == Some(true),
            numbered: self.last_run.unwrap_or_default(),
            runs: BTreeMap::new(),
        };
        Ok(Service {
            name: word("name", &self.name)?,
            desired: word("desired", &self.desired)?,
            versions: BTreeMap::new(),
            stable: self.stable,
            stage: word("stage", &self.stage)?,
            is_paused: self.paused,
            failures: self.failures,
            started: self.started,
            schedule,
            message: self.message,
            created_at: time("created_at", &self.created_at)?,
            updated_at: time("updated_at", &self.updated_at)?,
        })
    }
}

/// One row of `service_versions`, columns as in its migration.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct VersionRow {
    service: String,
    version: u64,
    template: u64,
    spec: String,
    restores: Option<u64>,
    made_by: String,
    why: String,
    made_at: String,
    checksum: Option<i64>,
}

/// What never changes is written once.
pub(super) const INSERT_VERSION: Insert = Insert {
    table: "service_versions",
    columns: "service, version, template, spec, restores, made_by, why, made_at, checksum",
    on_conflict: "ON CONFLICT (service, version) DO NOTHING",
};

impl VersionRow {
    pub(super) fn new(service: &ServiceName, version: &Version) -> Self {
        let mut row = Self {
            service: service.to_string(),
            version: version.number,
            template: version.template,
            spec: to_json(&version.spec),
            restores: version.restores,
            made_by: version.by.clone(),
            why: version.why.clone(),
            made_at: version.at.to_string(),
            checksum: None,
        };
        row.checksum = Some(checksum(&row));
        row
    }
}

impl Stored for VersionRow {
    type Item = (ServiceName, Version);

    fn decode(mut self) -> Result<(ServiceName, Version), String> {
        verify(self.checksum.take(), &self)?;
        let spec: crate::model::service::ServiceSpec = json("spec", &self.spec)?;
        let version = Version {
            number: self.version,
            template: self.template,
            digest: spec.digest(),
            spec,
            restores: self.restores,
            by: self.made_by,
            why: self.why,
            at: time("made_at", &self.made_at)?,
        };
        Ok((word("service", &self.service)?, version))
    }
}

/// Puts versions and runs to their services. One of which any cannot be read, or that has no version, must be left alone
/// whole: what is wanted of it, and which of its tasks is which run, is not known.
pub(super) fn assemble(
    services: Vec<Service>,
    versions: Vec<(ServiceName, Version)>,
    runs: Vec<(ServiceName, Run)>,
    damaged: &[Unreadable],
) -> (Vec<Service>, Vec<Unreadable>) {
    let mut by_name: BTreeMap<ServiceName, Service> =
        services.into_iter().map(|service| (service.name.clone(), service)).collect();
    for (name, version) in versions {
        if let Some(service) = by_name.get_mut(&name) {
            service.versions.insert(version.number, Arc::new(version));
        }
    }
    for (name, run) in runs {
        if let Some(service) = by_name.get_mut(&name) {
            service.schedule.runs.insert(run.number, run);
        }
    }
    let (whole, broken): (Vec<Service>, Vec<Service>) = by_name.into_values().partition(|service| {
        let is_damaged = damaged.iter().any(|row| row.name == service.name.as_str());
        let has_stable = service.stable.is_none_or(|stable| service.versions.contains_key(&stable));
        !is_damaged && has_stable && !service.versions.is_empty()
    });
    let unreadable = broken.into_iter().map(|service| Unreadable {
        id: String::new(),
        name: service.name.to_string(),
        reason: "one of the versions or runs of the service cannot be read".to_owned(),
    });
    (whole, unreadable.collect())
}
