//! The keys of a service.

use super::Support::{Honoured, Refused, Warned};
use super::table::Row;

const SERVICE: &str = "services.*";

pub(super) const ROWS: &[Row] = &[
    Row {
        under: SERVICE,
        keys: &[
            "build",
            "cap_add",
            "cap_drop",
            "command",
            "configs",
            "container_name",
            "cpus",
            "depends_on",
            "deploy",
            "device_cgroup_rules",
            "devices",
            "dns",
            "dns_opt",
            "dns_search",
            "domainname",
            "entrypoint",
            "env_file",
            "environment",
            "expose",
            "extends",
            "extra_hosts",
            "gpus",
            "group_add",
            "healthcheck",
            "hostname",
            "image",
            "init",
            "ipc",
            "label_file",
            "labels",
            "logging",
            "mem_limit",
            "mem_reservation",
            "network_mode",
            "networks",
            "pid",
            "pids_limit",
            "platform",
            "ports",
            "privileged",
            "profiles",
            "pull_policy",
            "read_only",
            "restart",
            "scale",
            "secrets",
            "security_opt",
            "shm_size",
            "stdin_open",
            "stop_grace_period",
            "stop_signal",
            "sysctls",
            "tmpfs",
            "tty",
            "ulimits",
            "user",
            "volumes",
            "working_dir",
        ],
        support: Honoured,
    },
    Row {
        under: SERVICE,
        keys: &["annotations"],
        support: Warned("no runtime is told; use `labels` for what people and programs should find"),
    },
    Row {
        under: SERVICE,
        keys: &["attach"],
        support: Warned("a deployment attaches to no output; `orc logs` shows it"),
    },
    Row {
        under: SERVICE,
        keys: &["blkio_config", "cpu_count", "cpu_percent", "cpu_rt_period", "cpu_rt_runtime"],
        support: Warned("this limit is not set; of the processor and the disk, `cpus` is what is limited"),
    },
    Row {
        under: SERVICE,
        keys: &["cpu_period", "cpu_quota", "cpu_shares", "cpuset"],
        support: Warned("this is not set; say how many cores the service may use with `cpus`"),
    },
    Row {
        under: SERVICE,
        keys: &["memswap_limit", "mem_swappiness"],
        support: Warned("swap is as Docker has it by default; `mem_limit` is enforced"),
    },
    Row {
        under: SERVICE,
        keys: &["oom_kill_disable", "oom_score_adj"],
        support: Warned("the kernel chooses by its own rules; set `mem_limit` so that it need not"),
    },
    Row {
        under: SERVICE,
        keys: &["cgroup", "cgroup_parent"],
        support: Warned(
            "containers are in a control group of their own, where the engine of the node puts them",
        ),
    },
    Row {
        under: SERVICE,
        keys: &["develop"],
        support: Warned("it is for `docker compose watch`; a deployment follows no source files"),
    },
    Row {
        under: SERVICE,
        keys: &["isolation"],
        support: Warned("it is for Windows; containers are isolated as Linux does"),
    },
    Row {
        under: SERVICE,
        keys: &["links"],
        support: Warned(
            "services on a common network reach each other by name; for another name use `aliases` under \
             `networks`",
        ),
    },
    Row {
        under: SERVICE,
        keys: &["mac_address"],
        support: Warned("the engine of the node chooses the address"),
    },
    Row {
        under: SERVICE,
        keys: &["pull_refresh_after"],
        support: Warned("images are fetched as `pull_policy` says, when a task starts"),
    },
    Row {
        under: SERVICE,
        keys: &["storage_opt"],
        support: Warned(
            "the storage driver of the node is not told; limit what is written with a volume or `tmpfs`",
        ),
    },
    Row {
        under: SERVICE,
        keys: &["credential_spec"],
        support: Refused("it is for Windows containers, which orc does not run"),
    },
    Row {
        under: SERVICE,
        keys: &["external_links"],
        support: Refused(
            "containers outside of the project are reached through an external network; name it under \
             `networks`",
        ),
    },
    Row {
        under: SERVICE,
        keys: &["models", "provider"],
        support: Refused("orc runs containers only; take this service out, or run it as one"),
    },
    Row {
        under: SERVICE,
        keys: &["post_start", "pre_stop"],
        support: Refused(
            "orc runs no hooks in containers; put it into the entrypoint, or a service that others depend on",
        ),
    },
    Row {
        under: SERVICE,
        keys: &["runtime"],
        support: Refused(
            "containers run in the default runtime of the node; ask for devices with `gpus` or under `deploy`",
        ),
    },
    Row {
        under: SERVICE,
        keys: &["use_api_socket"],
        support: Refused("who has the engine's socket owns the node"),
    },
    Row {
        under: SERVICE,
        keys: &["userns_mode", "uts"],
        support: Refused("it would take a namespace from the container that keeps it apart from the node"),
    },
    Row {
        under: SERVICE,
        keys: &["volumes_from"],
        support: Refused(
            "tasks may be on different nodes; name the volumes of both services under `volumes`",
        ),
    },
    Row { under: "services.*.extends", keys: &["file", "service"], support: Honoured },
    Row {
        under: "services.*.configs[]",
        keys: &["gid", "mode", "source", "target", "uid"],
        support: Honoured,
    },
    Row {
        under: "services.*.secrets[]",
        keys: &["gid", "mode", "source", "target", "uid"],
        support: Honoured,
    },
    // Of orc's own: the specification leaves what begins with `x-` to whoever reads it.
    Row { under: SERVICE, keys: &["x-orc"], support: Honoured },
    Row { under: "services.*.x-orc", keys: &["cron"], support: Honoured },
    Row {
        under: "services.*.x-orc.cron",
        keys: &["missed", "overlap", "schedule", "time_zone"],
        support: Honoured,
    },
    Row { under: "services.*.depends_on.*", keys: &["condition", "required", "restart"], support: Honoured },
    Row { under: "services.*.devices[]", keys: &["permissions", "source", "target"], support: Honoured },
    Row { under: "services.*.env_file[]", keys: &["format", "path", "required"], support: Honoured },
    Row {
        under: "services.*.gpus[]",
        keys: &["capabilities", "count", "device_ids", "driver", "options"],
        support: Honoured,
    },
    Row {
        under: "services.*.healthcheck",
        keys: &["disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"],
        support: Honoured,
    },
    Row { under: "services.*.logging", keys: &["driver", "options"], support: Honoured },
    Row { under: "services.*.networks.*", keys: &["aliases"], support: Honoured },
    Row {
        under: "services.*.networks.*",
        keys: &["driver_opts", "gw_priority", "interface_name", "priority"],
        support: Warned("the engine of the node chooses how a container is attached"),
    },
    Row {
        under: "services.*.networks.*",
        keys: &["ipv4_address", "ipv6_address", "link_local_ips", "mac_address"],
        support: Warned("the engine of the node chooses the address; reach the service by its name"),
    },
    Row {
        under: "services.*.ports[]",
        keys: &["host_ip", "mode", "protocol", "published", "target"],
        support: Honoured,
    },
    Row {
        under: "services.*.ports[]",
        keys: &["app_protocol", "name"],
        support: Warned("it says something to people and other programs; orc needs it for nothing"),
    },
    Row { under: "services.*.ulimits.*", keys: &["hard", "soft"], support: Honoured },
    Row {
        under: "services.*.volumes[]",
        keys: &["bind", "read_only", "source", "target", "tmpfs", "type", "volume"],
        support: Honoured,
    },
    Row {
        under: "services.*.volumes[]",
        keys: &["consistency"],
        support: Warned("it is for Docker Desktop on macOS; elsewhere all mounts are consistent"),
    },
    Row {
        under: "services.*.volumes[]",
        keys: &["image"],
        support: Refused("images cannot be mounted; copy what is needed into a volume"),
    },
    Row { under: "services.*.volumes[].bind", keys: &["create_host_path", "propagation"], support: Honoured },
    Row {
        under: "services.*.volumes[].bind",
        keys: &["recursive", "selinux"],
        support: Warned("directories are mounted with what is mounted in them, and relabelled by nobody"),
    },
    Row { under: "services.*.volumes[].volume", keys: &["nocopy", "subpath"], support: Honoured },
    Row {
        under: "services.*.volumes[].volume",
        keys: &["labels"],
        support: Warned("a volume has the labels that it has under the top-level `volumes`"),
    },
    Row { under: "services.*.volumes[].tmpfs", keys: &["mode", "size"], support: Honoured },
];
