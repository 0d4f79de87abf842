//! When what a service depends on is there.

use crate::compose::service::dependency::Condition;
use crate::wire::service::Service;

/// Whether a service is so far that those may begin that wait for this of it.
pub fn is_met(condition: Condition, service: &Service) -> bool {
    let rollout = &service.rollout;
    let is_there =
        matches!(rollout.state.as_str(), "settled" | "complete" | "canary" | "scheduled" | "suspended");
    match condition {
        Condition::Started => {
            let running = service.tasks.iter().filter(|task| task.state == "running").count();
            is_there || rollout.slots > 0 && running >= rollout.slots
        }
        // Of a service that changes, the ready tasks may be the former ones.
        Condition::Healthy => {
            let is_first = service.version == 1;
            is_there || is_first && rollout.slots > 0 && rollout.ready >= rollout.slots
        }
        Condition::CompletedSuccessfully => rollout.state == "complete",
    }
}
