//! The next step for the health of one task: its HTTP check, or else the image's own HEALTHCHECK.

use super::action::Action;
use super::call::Call;
use super::reconcile::wants_to_run;
use super::{Host, Slot};
use crate::model::container::{Container, ContainerStatus};
use crate::model::state::{Health, State};
use crate::model::time::Moment;

/// The next step for the health of a task that runs.
pub(super) fn health_step(host: &Host, slot: &Slot, now: Moment) -> Option<Action> {
    let task = slot.id();
    let record = &slot.record;
    let attempt = record.attempt.as_ref()?;
    if record.state != State::Running || !wants_to_run(slot) || attempt.ending.is_some() {
        return None;
    }
    let container = host.current(slot).filter(|container| container.status == ContainerStatus::Running)?;
    let (health, why) = match &record.assignment.spec.health_check {
        Some(check) => {
            let address = first_address(container)?;
            if slot.probe.since.is_none() {
                return Some(Action::Watch { task });
            }
            if !slot.probe.asking && slot.probe.next.is_some_and(|next| next <= now) {
                let (container, path, timeout) = (container.id.clone(), check.path.clone(), check.timeout());
                return Some(Action::Call(Call::Probe { task, container, address, path, timeout }));
            }
            let failure = slot.probe.last_failure.as_deref().unwrap_or("failed");
            (slot.probe.health, format!("GET {} {failure}, {} times in a row", check.path, check.retries))
        }
        None => (container.health, "the image's own HEALTHCHECK says so".to_owned()),
    };
    match health {
        Health::Unhealthy if host.is_being_looked_at(container) => None,
        Health::Unhealthy => Some(Action::Condemn { task, why }),
        health if health != record.observed.health => Some(Action::SetHealth { task, health }),
        _ => None,
    }
}

/// Where the first published port of a container is reached from its host.
fn first_address(container: &Container) -> Option<String> {
    let (_, binding) =
        container.host_ports.iter().find_map(|(port, bindings)| Some((port, bindings.first()?)))?;
    let ip = match binding.host_ip.as_str() {
        "" | "0.0.0.0" | "::" => "127.0.0.1",
        ip => ip,
    };
    Some(format!("{ip}:{}", binding.host_port))
}
