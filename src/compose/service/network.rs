//! Whom a service can reach, and under which names it is reached.

use std::collections::BTreeMap;

use crate::compose::place::{Located, Place};
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::value::{Node, quote};

/// The network side of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networking {
    /// Whose network it is in.
    pub mode: NetworkMode,
    /// Networks of the project by their keys; only with [`NetworkMode::Networks`].
    pub networks: BTreeMap<String, Attachment>,
    /// Its own name for itself.
    pub hostname: Option<String>,
    /// The domain of that name.
    pub domainname: Option<String>,
    /// Servers that are asked for names.
    pub dns: Vec<String>,
    /// Domains in which short names are looked up.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Names that it knows without asking.
    pub extra_hosts: BTreeMap<String, Vec<HostAddress>>,
}

/// Whose network a container is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NetworkMode {
    /// Those under `networks`, or the project's `default`.
    #[default]
    Networks,
    /// Docker's own bridge, without names.
    Bridge,
    /// None at all.
    None,
    /// The node's.
    Host(Place),
    /// That of a container of this service.
    Service(Located<String>),
}

/// A service in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Names beside the service's own.
    pub aliases: Vec<String>,
    /// Where it is written.
    pub at: Place,
}

/// An address in `extra_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostAddress {
    /// An IP address.
    Ip(std::net::IpAddr),
    /// `host-gateway`: the node itself.
    HostGateway,
}

pub(super) fn networking(fields: &mut Fields<'_, '_>) -> Networking {
    let mode = fields.located("network_mode", mode);
    let networks = fields.located("networks", attachments);
    if let (Some(mode), Some(_)) = (&mode, &networks) {
        fields.error(&mode.at, "`network_mode` and `networks` are both here; keep one of them");
    }
    Networking {
        mode: mode.map(|mode| mode.value).unwrap_or_default(),
        networks: networks.map(|networks| networks.value).unwrap_or_default(),
        hostname: fields.optional("hostname", read::text),
        domainname: fields.optional("domainname", read::text),
        dns: fields.optional("dns", read::texts).unwrap_or_default(),
        dns_search: fields.optional("dns_search", read::texts).unwrap_or_default(),
        dns_opt: fields.optional("dns_opt", read::texts).unwrap_or_default(),
        extra_hosts: fields.optional("extra_hosts", hosts).unwrap_or_default(),
    }
}

fn mode(node: &Node, problems: &mut Problems) -> Option<NetworkMode> {
    let text = read::text(node, problems)?;
    match text.as_str() {
        "bridge" | "default" => Some(NetworkMode::Bridge),
        "none" => Some(NetworkMode::None),
        "host" => Some(NetworkMode::Host(node.at.clone())),
        _ => {
            let service = text.strip_prefix("service:");
            if service.is_none() {
                let says = "is no network mode; there are `none`, `host`, `bridge` and `service:NAME`, and \
                            networks of the project go under `networks`";
                problems.error(&node.at, format!("{} {says}", quote(&text)));
            }
            service.map(|name| NetworkMode::Service(Located { value: name.to_owned(), at: node.at.clone() }))
        }
    }
}

fn attachments(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, Attachment>> {
    read::map(node, problems, |node, problems| {
        let aliases = if node.is_null() {
            Vec::new()
        } else {
            Fields::of(node, problems)?.optional("aliases", read::texts).unwrap_or_default()
        };
        Some(Attachment { aliases, at: node.at.clone() })
    })
}

/// `extra_hosts` in the long form.
pub(super) fn hosts(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, Vec<HostAddress>>> {
    read::map(node, problems, |node, problems| {
        read::list(node, problems, |node, problems| {
            if node.as_text() == Some("host-gateway") {
                return Some(HostAddress::HostGateway);
            }
            let wanted = "an IP address or `host-gateway`, as in `name=192.0.2.1`,";
            read::parsed(wanted)(node, problems).map(HostAddress::Ip)
        })
    })
}
