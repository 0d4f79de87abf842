//! The keys of networks, volumes, configs and secrets.

use super::Support::{Honoured, Refused, Warned};
use super::table::Row;

pub(super) const ROWS: &[Row] = &[
    Row {
        under: "networks.*",
        keys: &[
            "attachable",
            "driver",
            "driver_opts",
            "enable_ipv6",
            "external",
            "internal",
            "labels",
            "name",
        ],
        support: Honoured,
    },
    Row {
        under: "networks.*",
        keys: &["enable_ipv4"],
        support: Warned("a network always has IPv4 addresses"),
    },
    Row {
        under: "networks.*",
        keys: &["ipam"],
        support: Warned("addresses come from the pool of each engine; reach services by their names"),
    },
    Row {
        under: "volumes.*",
        keys: &["driver", "driver_opts", "external", "labels", "name"],
        support: Honoured,
    },
    Row {
        under: "configs.*",
        keys: &["content", "environment", "external", "file", "labels", "name"],
        support: Honoured,
    },
    Row {
        under: "configs.*",
        keys: &["template_driver"],
        support: Refused(
            "nothing is filled in; write the config as it should be, with `${VARIABLES}` in `content`",
        ),
    },
    Row {
        under: "secrets.*",
        keys: &["environment", "external", "file", "labels", "name"],
        support: Honoured,
    },
    Row {
        under: "secrets.*",
        keys: &["driver", "driver_opts", "template_driver"],
        support: Refused("orc keeps secrets itself; give it the secret with `file` or `environment`"),
    },
];
