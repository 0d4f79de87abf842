//! Ports: which of a service's are reachable from outside, and how.

use std::net::IpAddr;

use crate::compose::canonical::not_understood;
use crate::compose::place::Located;
use crate::compose::problem::Problems;
use crate::compose::read::{self, Fields};
use crate::compose::units;
use crate::compose::value::{Node, quote};

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// In the container.
    pub target: u16,
    /// On the host: any of these, one where start and end are the same; `None` when Docker may choose.
    pub published: Option<PortRange>,
    /// Address of the host; `None` for all.
    pub host_ip: Option<IpAddr>,
    /// The transport.
    pub protocol: PortProtocol,
    /// Where it is published.
    pub mode: PortMode,
}

/// Host ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first.
    pub start: u16,
    /// The last.
    pub end: u16,
}

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Where a port is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortMode {
    /// Once for the whole service, which shares what comes in among its tasks.
    #[default]
    Ingress,
    /// On the node of each task, for that task alone.
    Host,
}

const FORMS: &str =
    "`80`, `8080:80`, `127.0.0.1:8080:80/udp`, or with ranges as long as each other, `8000-8005:80-85`";

/// What `ports` lists, in the long form.
pub(super) fn ports(node: &Node, problems: &mut Problems) -> Option<Vec<Located<PublishedPort>>> {
    read::list(node, problems, port)
}

fn port(node: &Node, problems: &mut Problems) -> Option<Located<PublishedPort>> {
    let mut fields = Fields::of(node, problems)?;
    let port = PublishedPort {
        target: fields.required("target", read::port)?,
        published: fields.optional("published", range),
        host_ip: fields.optional("host_ip", read::parsed("an IP address like `127.0.0.1` or `::1`")),
        protocol: fields.optional("protocol", read::word(PROTOCOLS)).unwrap_or_default(),
        mode: fields
            .optional("mode", read::word(&[("ingress", PortMode::Ingress), ("host", PortMode::Host)]))
            .unwrap_or_default(),
    };
    Some(Located { value: port, at: node.at.clone() })
}

const PROTOCOLS: &[(&str, PortProtocol)] =
    &[("tcp", PortProtocol::Tcp), ("udp", PortProtocol::Udp), ("sctp", PortProtocol::Sctp)];

fn range(node: &Node, problems: &mut Problems) -> Option<PortRange> {
    let text = read::text(node, problems)?;
    let range = parse_range(&text);
    if let Err(says) = &range {
        problems.error(&node.at, says);
    }
    let (start, end) = range.ok()?;
    Some(PortRange { start, end })
}

fn parse_range(text: &str) -> Result<(u16, u16), String> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (units::port_number(start)?, units::port_number(end)?);
    if start > end {
        return Err(format!("the range {} ends before it begins", quote(text)));
    }
    Ok((start, end))
}

/// A short form as the long ones that it stands for: a range of ports is as many.
pub(in crate::compose) fn long_form(node: Node, problems: &mut Problems) -> Vec<Node> {
    let Some(text) = node.as_text() else { return vec![node] };
    match short(text) {
        Ok(ports) => ports.iter().map(|port| port.node(&node)).collect(),
        Err(Some(says)) => {
            problems.error(&node.at, says);
            Vec::new()
        }
        Err(None) => {
            problems.error(&node.at, not_understood(&node, FORMS));
            Vec::new()
        }
    }
}

struct Short<'t> {
    target: u16,
    published: Option<(u16, u16)>,
    host_ip: Option<&'t str>,
    protocol: Option<&'t str>,
}

impl Short<'_> {
    fn node(&self, written: &Node) -> Node {
        let published = self
            .published
            .map(|(start, end)| if start == end { start.to_string() } else { format!("{start}-{end}") });
        let fields = [
            ("target", Some(self.target.to_string())),
            ("published", published),
            ("host_ip", self.host_ip.map(str::to_owned)),
            // Merging compares ports by all of these: what is usual is said as well.
            ("protocol", Some(self.protocol.unwrap_or("tcp").to_owned())),
        ];
        let fields =
            fields.into_iter().filter_map(|(key, text)| Some((key, Node::scalar(text?, &written.at))));
        Node::map(fields, &written.at)
    }
}

/// The ports of a short form; no sentence means that it is none at all.
fn short(text: &str) -> Result<Vec<Short<'_>>, Option<String>> {
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, protocol)) => (ports, Some(protocol)),
        None => (text, None),
    };
    let (host, target) = match ports.rsplit_once(':') {
        Some((host, target)) => (Some(host), target),
        None => (None, ports),
    };
    let (host_ip, published) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
        Some((ip, published)) => {
            (Some(ip.trim_matches(['[', ']'])).filter(|ip| !ip.is_empty()), Some(published))
        }
        None => (None, None),
    };
    let looks_numeric = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    let published = published.filter(|published| !published.is_empty());
    if !looks_numeric(target) || published.is_some_and(|published| !looks_numeric(published)) {
        return Err(None);
    }
    let (first, last) = parse_range(target)?;
    let published = published.map(parse_range).transpose()?;
    let count = last - first;
    let host_port = |offset: u16| match published {
        // One container port may have its pick of several host ports.
        Some(range) if count == 0 => Ok(Some(range)),
        Some((start, end)) if end - start == count => Ok(Some((start + offset, start + offset))),
        Some((start, end)) => Err(format!(
            "{} publishes {} ports on {}; both ranges must be as long as each other",
            quote(text),
            u32::from(count) + 1,
            u32::from(end - start) + 1,
        )),
        None => Ok(None),
    };
    let port =
        |offset| Ok(Short { target: first + offset, published: host_port(offset)?, host_ip, protocol });
    (0..=count).map(port).collect::<Result<_, String>>().map_err(Some)
}
