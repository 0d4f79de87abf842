//! The flags of the server roles: each has a setting of the same meaning in the environment.

use clap::Args;

use super::source::Setting;
use super::{
    ADVERTISE, BIND_MOUNTS, CAPABILITIES, DATA_DIR, DOCKER_HOST, IMAGE_LIMIT, LEASE, LOCAL_ACCESS,
    MANAGER_HOST, MANAGER_PORT, NODE_LABELS, NODE_NAME, RETENTION, SCHEDULER, SECRETS_DIR, WORKER_HOST,
    WORKER_PORT, WORKERS,
};

/// What the command line says of the settings. Values are read by [`super::Settings::load`], which says where a
/// bad one comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
#[command(next_help_heading = "Settings (a flag wins over the environment, and that over .env)")]
pub struct ServerFlags {
    /// Address that workers listen on: localhost, 127.x.x.x or ::1 [ORC_WORKER_HOST, default: localhost]
    #[arg(long, value_name = "HOST")]
    pub worker_host: Option<String>,

    /// Port of the first worker, the next one has the next port; 0 takes free ones [ORC_WORKER_PORT, default:
    /// 8888]
    #[arg(long, value_name = "PORT")]
    pub worker_port: Option<String>,

    /// Address that the manager listens on, 0.0.0.0 for all. Other machines need TLS and a certificate or token, which
    /// orc makes by itself [ORC_MANAGER_HOST, default: localhost]
    #[arg(long, value_name = "HOST")]
    pub manager_host: Option<String>,

    /// Port of the manager; 0 takes a free one [ORC_MANAGER_PORT, default: 8000]
    #[arg(long, value_name = "PORT")]
    pub manager_port: Option<String>,

    /// Names and addresses under which other machines reach the manager, separated by commas [ORC_ADVERTISE, default:
    /// those of this machine]
    #[arg(long, value_name = "NAMES")]
    pub advertise: Option<String>,

    /// What processes of this machine need to be obeyed by the manager: nothing (open), or a token as others do
    /// [ORC_LOCAL_ACCESS, default: open]
    #[arg(long, value_name = "open|token")]
    pub local_access: Option<String>,

    /// Number of workers in this process [ORC_WORKERS, default: 1]
    #[arg(long, value_name = "N")]
    pub workers: Option<String>,

    /// Directory of the databases, made when it is not there [ORC_DATA_DIR, default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,

    /// How nodes are chosen: roundrobin, greedy, epvm, spread or binpack [ORC_SCHEDULER, default: roundrobin]
    #[arg(long, value_name = "NAME")]
    pub scheduler: Option<String>,

    /// Docker Engine of the workers, as every Docker client reads it [DOCKER_HOST, default:
    /// unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL")]
    pub docker_host: Option<String>,

    /// How long finished tasks and their events are kept, such as 12h or 30d [ORC_RETENTION, default: 30d]
    #[arg(long, value_name = "DURATION")]
    pub retention: Option<String>,

    /// How long a node that is not heard of is waited for before its tasks run elsewhere, 2s to 5m [ORC_LEASE, default: 6s]
    #[arg(long, value_name = "DURATION")]
    pub lease: Option<String>,

    /// Name of this worker's node, unique in its cluster [ORC_NODE_NAME, default: chosen by orc]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Labels of this worker's node, which constraints ask for, such as zone=a,disk=ssd; those that an operator sets win
    /// [ORC_NODE_LABELS, default: none]
    #[arg(long, value_name = "LABELS")]
    pub label: Option<String>,

    /// Host directories that bind mounts of tasks may use, separated by colons [ORC_BIND_MOUNTS, default: none]
    #[arg(long, value_name = "DIRS")]
    pub bind_mounts: Option<String>,

    /// Capabilities that tasks may be given beyond the usual nine, such as NET_ADMIN,SYS_NICE [ORC_CAPABILITIES, default:
    /// none]
    #[arg(long, value_name = "NAMES")]
    pub capabilities: Option<String>,

    /// Directory in memory for secrets and configs of tasks while they run [ORC_SECRETS_DIR, default: /run/orc, else one
    /// under /dev/shm]
    #[arg(long, value_name = "DIR")]
    pub secrets_dir: Option<String>,

    /// How large the archive of an image may be that the manager hands out, such as 512m or 8g [ORC_IMAGE_LIMIT, default: 4g]
    #[arg(long, value_name = "SIZE")]
    pub image_limit: Option<String>,
}

impl ServerFlags {
    /// What the command line says of a setting, if anything.
    pub(super) fn value(&self, setting: Setting) -> Option<&str> {
        let flags = [
            (WORKER_HOST, &self.worker_host),
            (WORKER_PORT, &self.worker_port),
            (MANAGER_HOST, &self.manager_host),
            (MANAGER_PORT, &self.manager_port),
            (ADVERTISE, &self.advertise),
            (LOCAL_ACCESS, &self.local_access),
            (WORKERS, &self.workers),
            (DATA_DIR, &self.data_dir),
            (SCHEDULER, &self.scheduler),
            (DOCKER_HOST, &self.docker_host),
            (RETENTION, &self.retention),
            (LEASE, &self.lease),
            (NODE_NAME, &self.name),
            (NODE_LABELS, &self.label),
            (BIND_MOUNTS, &self.bind_mounts),
            (CAPABILITIES, &self.capabilities),
            (SECRETS_DIR, &self.secrets_dir),
            (IMAGE_LIMIT, &self.image_limit),
        ];
        flags.into_iter().find(|(known, _)| *known == setting).and_then(|(_, value)| value.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;
    use crate::settings::ALL;

    #[test]
    fn every_flag_has_the_setting_that_its_help_names() {
        let command = ServerFlags::augment_args(Command::new("orc"));
        let flags: Vec<_> = command.get_arguments().collect();
        let settings: Vec<_> =
            ALL.iter().filter_map(|known| known.flag.map(|flag| (flag, known.env))).collect();

        assert_eq!(flags.len(), settings.len());
        for (flag, env) in settings {
            let argument = flags.iter().find(|arg| arg.get_long() == flag.strip_prefix("--"));
            let help = argument.and_then(|arg| arg.get_help()).map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("[{env}, default:")), "{flag} says {help:?}");
        }
    }

    #[test]
    fn every_flag_is_read() {
        let command = ServerFlags::augment_args(Command::new("orc"));
        for setting in ALL.iter().filter(|known| known.flag.is_some()) {
            let matches =
                command.clone().try_get_matches_from(["orc", setting.flag.unwrap(), "value"]).unwrap();
            let flags = <ServerFlags as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
            assert_eq!(flags.value(*setting), Some("value"), "{setting}");
        }
    }
}
