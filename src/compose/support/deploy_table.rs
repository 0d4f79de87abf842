//! The keys under `deploy` and `build` of a service.

use super::Support::{Honoured, Refused, Warned};
use super::table::Row;

const UPDATE: &[&str] = &["delay", "failure_action", "max_failure_ratio", "monitor", "order", "parallelism"];

pub(super) const ROWS: &[Row] = &[
    Row {
        under: "services.*.deploy",
        keys: &[
            "labels",
            "mode",
            "placement",
            "replicas",
            "resources",
            "restart_policy",
            "rollback_config",
            "update_config",
        ],
        support: Honoured,
    },
    Row {
        under: "services.*.deploy",
        keys: &["endpoint_mode"],
        support: Warned("the name of a service always leads to the addresses of its tasks"),
    },
    Row {
        under: "services.*.deploy.placement",
        keys: &["constraints", "max_replicas_per_node", "preferences"],
        support: Honoured,
    },
    Row { under: "services.*.deploy.placement.preferences[]", keys: &["spread"], support: Honoured },
    Row { under: "services.*.deploy.resources", keys: &["limits", "reservations"], support: Honoured },
    Row { under: "services.*.deploy.resources.limits", keys: &["cpus", "memory", "pids"], support: Honoured },
    Row {
        under: "services.*.deploy.resources.reservations",
        keys: &["cpus", "devices", "memory"],
        support: Honoured,
    },
    Row {
        under: "services.*.deploy.resources.reservations",
        keys: &["generic_resources"],
        support: Refused(
            "nodes offer no generic resources; label the nodes that have it, and constrain the placement",
        ),
    },
    Row {
        under: "services.*.deploy.resources.reservations.generic_resources[]",
        keys: &["discrete_resource_spec"],
        support: Refused("nodes offer no generic resources"),
    },
    Row {
        under: "services.*.deploy.resources.reservations.generic_resources[].discrete_resource_spec",
        keys: &["kind", "value"],
        support: Refused("nodes offer no generic resources"),
    },
    Row {
        under: "services.*.deploy.resources.reservations.devices[]",
        keys: &["capabilities", "count", "device_ids", "driver", "options"],
        support: Honoured,
    },
    Row {
        under: "services.*.deploy.restart_policy",
        keys: &["condition", "delay", "max_attempts", "window"],
        support: Honoured,
    },
    Row { under: "services.*.deploy.rollback_config", keys: UPDATE, support: Honoured },
    Row { under: "services.*.deploy.update_config", keys: UPDATE, support: Honoured },
    Row {
        under: "services.*.build",
        keys: &[
            "args",
            "cache_from",
            "context",
            "dockerfile",
            "dockerfile_inline",
            "extra_hosts",
            "labels",
            "network",
            "no_cache",
            "platforms",
            "pull",
            "shm_size",
            "tags",
            "target",
        ],
        support: Honoured,
    },
    Row {
        under: "services.*.build",
        keys: &["cache_to"],
        support: Warned("the build fills the cache of the engine that builds, and no other"),
    },
    Row {
        under: "services.*.build",
        keys: &["provenance", "sbom"],
        support: Warned("no attestation is made; make it where images are published"),
    },
    Row {
        under: "services.*.build",
        keys: &["isolation", "ulimits"],
        support: Warned("the engine that builds has its own limits"),
    },
    Row {
        under: "services.*.build",
        keys: &["additional_contexts", "entitlements", "privileged", "secrets", "ssh"],
        support: Refused(
            "an image that needs it is built with `docker buildx build` and named under `image`",
        ),
    },
];
