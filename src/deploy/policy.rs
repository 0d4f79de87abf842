//! `update_config` and `rollback_config`: how tasks of one version make room for those of the next.

use crate::compose::Service;
use crate::compose::service::deploy::{FailureAction, Order, Rollout};
use crate::model::service::{OnFailure, Order as ServiceOrder};
use crate::wire::service::PolicyInput;
use crate::wire::submission::Duration;

/// The way to a new version.
pub(super) fn update(service: &Service) -> Option<PolicyInput> {
    with_order(service, service.deploy.update.as_ref())
}

/// The way back to an earlier one.
pub(super) fn rollback(service: &Service) -> Option<PolicyInput> {
    with_order(service, service.deploy.rollback.as_ref())
}

/// Where two tasks share no node, the new one waits for the place of the old one.
fn with_order(service: &Service, said: Option<&Rollout>) -> Option<PolicyInput> {
    let policy = said.map(policy);
    if service.deploy.placement.max_replicas_per_node != Some(1) {
        return policy;
    }
    let mut policy = policy.unwrap_or_default();
    policy.order = policy.order.or(Some(ServiceOrder::StopFirst));
    Some(policy)
}

fn policy(said: &Rollout) -> PolicyInput {
    PolicyInput {
        parallelism: said.parallelism,
        delay: said.delay.map(Duration),
        order: said.order.map(|order| match order {
            Order::StopFirst => ServiceOrder::StopFirst,
            Order::StartFirst => ServiceOrder::StartFirst,
        }),
        monitor: said.monitor.map(Duration),
        max_failure_ratio: said.max_failure_ratio,
        on_failure: said.failure_action.map(|action| match action {
            FailureAction::Continue => OnFailure::Continue,
            FailureAction::Pause => OnFailure::Pause,
            FailureAction::Rollback => OnFailure::Rollback,
        }),
        ..PolicyInput::default()
    }
}
