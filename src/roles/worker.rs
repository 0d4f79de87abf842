//! The process's workers: their stores, their addresses, and whom they work for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Process, RoleError, addresses};
use crate::client::{Client, InvalidBase};
use crate::clock::Clock;
use crate::engine::Deadlines;
use crate::engine::docker::{Docker, DockerEnv};
use crate::ingress::{self, Ingress};
use crate::model::id::NodeName;
use crate::model::node::NodeFacts;
use crate::serve::{self, Bound};
use crate::settings::{Settings, WORKER_PORT};
use crate::store::worker::WorkerStore;
use crate::trust::{ApiToken, Identity, JoinToken};
use crate::worker::files::{EngineIs, Files};
use crate::worker::keeper::{Keeper, Start};
use crate::worker::membership::{self, Membership};
use crate::worker::ports::Ports;
use crate::worker::sync::Sync;
use crate::worker::{self, describe, hints, machine};

/// Whom a worker works for.
#[derive(Debug, Clone)]
pub enum Employer {
    /// The manager in the same process.
    Own {
        /// Its URL.
        url: String,
        /// What it knows this worker by, when that is needed.
        token: Option<ApiToken>,
    },
    /// The manager at this URL.
    Url(String),
    /// The manager that is to be joined, unless that was done before.
    Join(JoinLine),
    /// The manager that was joined before, else the one at this URL.
    JoinedOrUrl(String),
}

/// What lets a worker join: `TOKEN@HOST:PORT`.
#[derive(Debug, Clone)]
pub struct JoinLine {
    /// The token.
    pub token: JoinToken,
    /// URL of the manager; several, separated by commas, where it may be at one of them.
    pub manager: String,
}

impl FromStr for JoinLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((token, address)) = text.split_once('@') else {
            return Err("TOKEN@HOST:PORT belongs there, as `orc node token` prints it on the manager's host"
                .to_owned());
        };
        let secured = |place: &str| {
            if place.contains("://") { place.to_owned() } else { format!("https://{}", place.trim()) }
        };
        let urls: Vec<String> = address.split(',').map(secured).collect();
        let manager = Client::new(&urls.join(",")).map_err(|error: InvalidBase| error.to_string())?;
        if !manager.base().starts_with("https://") {
            return Err(
                "a worker joins by TLS alone: HOST:PORT belongs there, or https://HOST:PORT".to_owned()
            );
        }
        Ok(Self { token: token.parse()?, manager: manager.places() })
    }
}

/// Where the ports of services are listened on: as Docker does it for those of containers.
const INGRESS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

/// A worker whose store and address are taken.
pub(super) struct PreparedWorker {
    number: u16,
    node: NodeName,
    store: WorkerStore,
    bound: Bound,
}

pub(super) async fn prepare(settings: &Settings, count: u16) -> Result<Vec<PreparedWorker>, RoleError> {
    let mut prepared = Vec::new();
    for index in 0..count {
        let number = index + 1;
        let store = WorkerStore::open(&settings.data_dir, u32::from(number), Clock.now().wall).await?;
        let bound = serve::bind(&settings.worker_at(index), WORKER_PORT)?;
        let own_name = settings.node_name.clone().filter(|_| count == 1);
        let node = own_name.unwrap_or_else(|| default_name(number));
        prepared.push(PreparedWorker { number, node, store, bound });
    }
    Ok(prepared)
}

fn default_name(number: u16) -> NodeName {
    format!("worker-{number}").parse().expect("\"worker-\" and a number is a node name")
}

/// The name of a worker that joins from elsewhere: its machine's, as far as that is lawful.
fn machine_name() -> Option<NodeName> {
    lawful(&addresses::host_name())
}

fn lawful(name: &str) -> Option<NodeName> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    name.get(..name.len().min(63))?.parse().ok()
}

impl PreparedWorker {
    pub(super) fn banner(&self, workers: u16) -> String {
        match workers {
            1 => format!("Starting Orc worker at {}", self.bound),
            _ => format!("Starting Orc worker-{} at {}", self.number, self.bound),
        }
    }

    /// Starts it; it joins first if it is to.
    pub(super) async fn start(
        self,
        process: &Process,
        settings: &Settings,
        employer: Employer,
    ) -> Result<(), RoleError> {
        let known = match &employer {
            Employer::Own { .. } => None,
            Employer::Url(url) if !url.starts_with("https://") => None,
            _ => Identity::open(&settings.data_dir)?,
        };
        let docker = docker_env(settings);
        let engine = Docker::connect(&docker, Deadlines::default())?;
        let engine = Arc::new(engine.with_bind_roots(settings.bind_mounts.clone()));
        let engine_is = if docker.is_here() { EngineIs::Here } else { EngineIs::Elsewhere };
        let files = Arc::new(Files::new(settings.secrets_dir.clone(), engine_is));
        let (described, facts) = watch::channel(NodeFacts {
            ip: "127.0.0.1".to_owned(),
            api: format!("http://{}", self.bound),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: settings.node_labels.clone(),
            ..machine::facts()
        });
        let joins = matches!(employer, Employer::Join(_));
        let by_machine = machine_name().filter(|_| joins && settings.node_name.is_none());
        let node = known.as_ref().map(|known| known.node.node.clone()).or(by_machine).unwrap_or(self.node);
        let start = Start {
            node,
            store: self.store,
            engine: engine.clone(),
            boot: machine::boot_id(),
            facts,
            files: files.clone(),
            tracker: process.tracker.clone(),
        };
        let (keeper, worker) = Keeper::open(start).await?;
        let node = keeper.node().clone();
        let ports = keeper.ports();
        if self.number == 1 {
            // One of several workers of a machine listens for all of them.
            listen(&ports, process);
        }
        let employment = employ(employer, known, &settings.data_dir, &node).await?;
        if let Some(ip) = employment.own_address {
            described.send_modify(|facts| facts.ip = ip);
        }
        if let Some(membership) = employment.membership {
            process.spawn(membership.keep_renewed());
        }
        let client = employment.client;
        files.ask_at(client.clone());
        process.keep(keeper.run(process.stop.clone()));
        process.spawn(describe::describe(engine.clone(), worker.clone(), described));
        process.tracker.spawn(hints::listen(engine.clone(), worker.clone(), process.stop.clone()));
        let tracker = process.tracker.clone();
        let sync = Sync {
            node: node.clone(),
            worker: worker.clone(),
            engine,
            manager: client.clone(),
            tracker,
            ports,
        };
        process.tracker.spawn(sync.run(process.stop.clone()));
        let options = serve::Options { routes: worker::http::ROUTES, ..serve::Options::default() };
        let api = worker::http::Api { worker, node, manager: client };
        serve::start(self.bound, worker::http::router(api), options, &process.stop, &process.tracker);
        Ok(())
    }
}

/// Begins to listen on the ports of services, and says which of them cannot be listened on.
fn listen(ports: &Ports, process: &Process) {
    let options = ingress::Options { addresses: INGRESS.to_vec(), limits: ingress::Limits::default() };
    let ingress = Ingress::start(ports.tables(), options, &process.stop, &process.tracker);
    let mut troubles = ingress.troubles();
    ports.open(ingress);
    process.tracker.spawn(async move {
        while troubles.changed().await.is_ok() {
            for why in troubles.borrow_and_update().values() {
                tracing::warn!("a port of a service is not listened on here: {why}");
            }
        }
    });
}

/// A worker's way to its manager.
struct Employment {
    client: Client,
    /// What has to be renewed; `None` = it speaks plain HTTP on one machine.
    membership: Option<Membership>,
    /// From which address it speaks.
    own_address: Option<String>,
}

/// Makes a way to the manager: with the certificate that is kept here, or by joining.
async fn employ(
    employer: Employer,
    known: Option<Identity>,
    data_dir: &Path,
    node: &NodeName,
) -> Result<Employment, RoleError> {
    if let Some(known) = &known {
        check_identity(known, &employer, data_dir, node).await?;
    }
    let (manager, identity) = match (employer, known) {
        (Employer::Join(line), Some(known))
            if known.node.not_after > Clock.now().wall && known.knows(line.token.pin) =>
        {
            (line.manager, known)
        }
        (Employer::Join(line), known) => {
            let joined = membership::join(&line.manager, &line.token, data_dir, node, known.as_ref()).await?;
            (line.manager, joined)
        }
        (Employer::Url(url), Some(known)) => (url, known),
        (Employer::JoinedOrUrl(_), Some(known)) => (known.manager.clone(), known),
        (Employer::Own { url, token }, _) => {
            let client = Client::new(&url)?;
            let client = token.iter().fold(client, Client::bearing);
            return Ok(Employment { client, membership: None, own_address: None });
        }
        (Employer::Url(url) | Employer::JoinedOrUrl(url), None) => {
            return Ok(Employment { client: Client::new(&url)?, membership: None, own_address: None });
        }
    };
    let membership = Membership::new(&manager, identity)?;
    let first = manager.split(',').next().unwrap_or_default();
    let own_address = first.split_once("://").and_then(|(_, peer)| addresses::towards(peer));
    let own_address = own_address.map(|ip| ip.to_string());
    Ok(Employment { client: membership.client().clone(), membership: Some(membership), own_address })
}

/// Refuses a worker that would forget who it is. A line that names an authority it has never believed may be of its own
/// cluster all the same, whose authority was rotated while it was away: the manager there shows that.
async fn check_identity(
    known: &Identity,
    employer: &Employer,
    data_dir: &Path,
    node: &NodeName,
) -> Result<(), RoleError> {
    let path = Identity::path(data_dir);
    if known.node.node != *node {
        return Err(RoleError::Elsewhere(format!(
            "{} is the certificate of {}, and the database beside it is of {node}: give this worker a data directory of \
             its own (ORC_DATA_DIR)",
            path.display(),
            known.node.node
        )));
    }
    let Employer::Join(line) = employer else { return Ok(()) };
    if known.knows(line.token.pin) {
        return Ok(());
    }
    match membership::cluster_behind(&line.manager, line.token.pin).await? {
        Some(cluster) if cluster != known.node.cluster => Err(RoleError::Elsewhere(format!(
            "this worker has joined another cluster, {}: to leave that for good, remove {}, or give it a data directory \
             of its own (ORC_DATA_DIR)",
            known.node.cluster,
            path.display()
        ))),
        _ => Ok(()),
    }
}

fn docker_env(settings: &Settings) -> DockerEnv {
    let docker = &settings.docker;
    let in_home = || std::env::home_dir().map(|home| home.join(".docker"));
    DockerEnv {
        host: docker.host.clone(),
        config_dir: docker.config_dir.clone().or_else(in_home),
        context: docker.context.clone(),
        tls_verify: docker.tls_verify,
        api_version: docker.api_version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Digest;

    #[test]
    fn a_line_to_join_with_is_a_token_and_an_address() {
        let token = JoinToken::generate(Digest::of("authority"));
        for (address, url) in [
            ("10.0.0.1:8000", "https://10.0.0.1:8000"),
            ("https://orc.example.org:8000/", "https://orc.example.org:8000"),
            ("10.0.0.1:8000,10.0.0.2:8000", "https://10.0.0.1:8000,https://10.0.0.2:8000"),
        ] {
            let line: JoinLine = format!("{token}@{address}").parse().unwrap();
            assert_eq!((line.token, line.manager.as_str()), (token.clone(), url));
        }
        let refused = |text: &str| text.parse::<JoinLine>().unwrap_err();
        assert!(refused(&token.to_string()).contains("TOKEN@HOST:PORT"));
        assert!(refused(&format!("{token}@")).contains("not the URL"));
        assert!(refused(&format!("{token}x@10.0.0.1:8000")).contains("mistyped"));
        assert!(refused(&format!("{token}@http://10.0.0.1:8000")).contains("by TLS alone"));
    }

    #[test]
    fn a_machines_name_is_made_lawful() {
        for (name, lawful_name) in [
            ("box-1", Some("box-1")),
            ("box.example.org", Some("box.example.org")),
            ("-müller's box", Some("m-ller-s-box")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(lawful(name).map(|name| name.to_string()).as_deref(), lawful_name, "{name}");
        }
        assert_eq!(lawful(&"a".repeat(100)).unwrap().as_str().len(), 63);
    }
}
