//! The flags of `orc run` about the container itself, as Docker has them, and what they become.

use std::collections::BTreeMap;

use clap::Args;

use super::submission::some_of;
use crate::cli::values;
use crate::model::spec::MountKind;
use crate::wire::network::Network;
use crate::wire::options::{LogConfig, Ulimit};
use crate::wire::submission::{MountInput, TaskInput, TmpfsOptions};

/// What the container is beside its image and its process.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints these comments as they are")]
#[command(next_help_heading = "Container")]
pub(super) struct ContainerArgs {
    /// Run a small init as process 1, which passes on signals and takes in orphans
    #[arg(long)]
    init: bool,

    /// Let nobody write to its root file system
    #[arg(long)]
    read_only: bool,

    /// Mount memory: /run, or /run:size=64m,mode=1777
    #[arg(long, value_name = "PATH", value_parser = tmpfs)]
    tmpfs: Vec<MountInput>,

    /// Its own name for itself [default: made of its ID]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,

    /// A network to be in, made on its node where it is not there [default: the engine's own bridge]
    #[arg(long, value_name = "NAME")]
    network: Vec<String>,

    /// A name under which others in its networks find it, on the same node
    #[arg(long, value_name = "NAME", requires = "network")]
    network_alias: Vec<String>,

    /// A name that it knows without asking: db:192.0.2.1, or node:host-gateway for its node
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<String>,

    /// Give it a capability that the operator allowed, such as NET_ADMIN
    #[arg(long, value_name = "NAME")]
    cap_add: Vec<String>,

    /// Take a capability away; ALL takes all
    #[arg(long, value_name = "NAME")]
    cap_drop: Vec<String>,

    /// A group of its process beside the user's own, a name or a number
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,

    /// A limit of each process: nofile=1024, or nofile=1024:4096 (soft:hard), -1 for none
    #[arg(long, value_name = "LIMIT", value_parser = ulimit)]
    ulimit: Vec<Ulimit>,

    /// Processes and threads that it may have at once [default: 512]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,

    /// Size of /dev/shm, such as 256m [default: 64m]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    shm_size: Option<i64>,

    /// A kernel parameter of its own: net.core.somaxconn=1024
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::label)]
    sysctl: Vec<(String, String)>,

    /// Where its output is kept: json-file, local, journald or none [default: the engine's own]
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,

    /// An option of that: max-size=10m
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::label)]
    log_opt: Vec<(String, String)>,
}

impl ContainerArgs {
    /// Writes into a task what was typed.
    pub(super) fn describe(self, task: &mut TaskInput) {
        let (sysctls, log_options) = (by_name(self.sysctl), by_name(self.log_opt));
        if !self.tmpfs.is_empty() {
            task.mounts.get_or_insert_default().extend(self.tmpfs);
        }
        task.init = self.init.then_some(true);
        task.readonly_rootfs = self.read_only.then_some(true);
        task.hostname = self.hostname;
        let aliases = self.network_alias;
        let network = |name| Network { name, aliases: aliases.clone(), ..Network::default() };
        task.networks = some_of(self.network.into_iter().map(network).collect());
        task.extra_hosts = some_of(self.add_host);
        task.cap_add = some_of(self.cap_add);
        task.cap_drop = some_of(self.cap_drop);
        task.group_add = some_of(self.group_add);
        task.ulimits = some_of(self.ulimit);
        task.pids_limit = self.pids_limit;
        task.shm_size = self.shm_size;
        task.sysctls = Some(sysctls).filter(|sysctls| !sysctls.is_empty());
        let log = LogConfig { driver: self.log_driver, options: log_options };
        task.log_config = Some(log).filter(|log| *log != LogConfig::default());
    }
}

fn by_name(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().collect()
}

/// `/run`, `/run:size=64m,mode=1777,ro`.
fn tmpfs(text: &str) -> Result<MountInput, String> {
    let wanted = "a path in the container belongs there, such as /run, or /run:size=64m,mode=1777,ro";
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    if !target.starts_with('/') {
        return Err(wanted.to_owned());
    }
    let (mut made, mut read_only) = (TmpfsOptions::default(), false);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", size)) => made.size_bytes = Some(values::bytes(size)?),
            Some(("mode", digits)) => {
                made.mode = Some(u32::from_str_radix(digits, 8).map_err(|_| wanted.to_owned())?);
            }
            None if option == "ro" => read_only = true,
            _ => return Err(wanted.to_owned()),
        }
    }
    Ok(MountInput {
        kind: Some(MountKind::Tmpfs),
        target: target.to_owned(),
        read_only,
        tmpfs_options: Some(made).filter(|made| *made != TmpfsOptions::default()),
        ..MountInput::default()
    })
}

/// `nofile=1024`, `nofile=1024:4096`.
fn ulimit(text: &str) -> Result<Ulimit, String> {
    let wanted = || "a limit belongs there, such as nofile=1024 or nofile=1024:4096".to_owned();
    let (name, limits) = text.split_once('=').ok_or_else(wanted)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse().map_err(|_| wanted());
    Ok(Ulimit { name: name.to_owned(), soft: number(soft)?, hard: number(hard)? })
}
