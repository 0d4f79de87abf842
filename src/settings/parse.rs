//! What the values of settings mean, and what belongs in the place of one that means nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::Listen;
use crate::model::capability::Capability;
use crate::model::id::NodeName;
use crate::model::label;
use crate::model::node::SchedulerKind;

/// An address to listen on for this machine alone.
pub(super) fn loopback_host(text: &str) -> Result<String, String> {
    match host(text) {
        Ok(host) if Listen::is_local(&host) => Ok(host),
        _ => Err("a worker's own API is for this machine only; localhost, 127.0.0.1 or ::1 belongs there"
            .to_owned()),
    }
}

/// An address to listen on.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if text.eq_ignore_ascii_case("localhost") {
        return Ok("localhost".to_owned());
    }
    bare.parse::<IpAddr>().map(|address| address.to_string()).map_err(|_| {
        "an address of this machine belongs there, such as 10.0.0.1, or 0.0.0.0 for all that it has; or localhost for \
         this machine only"
            .to_owned()
    })
}

/// Names and addresses under which others reach this machine, separated by commas.
pub(super) fn names(text: &str) -> Result<Vec<String>, String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(reachable_name).collect()
}

fn reachable_name(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_name = || {
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        text.len() <= 253 && text.split('.').all(label)
    };
    match bare.parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() => Ok(address.to_string()),
        Err(_) if is_name() => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is neither a host name nor an address under which this machine can be reached; names such as \
             orc.example.org,10.0.0.1 belong there, without a port"
        )),
    }
}

/// A TCP port, or 0.
pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| {
        "a port from 1 to 65535 belongs there, or 0 for any that is free, such as 8000".to_owned()
    })
}

/// How many workers one process may have.
pub(super) fn workers(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=100).contains(number));
    number.ok_or_else(|| "a number from 1 to 100 belongs there".to_owned())
}

/// A path, as it is.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("a directory belongs there, such as ./data".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// The URL of a Docker Engine. Which schemes can be dialled is the engine's business.
pub(super) fn docker_host(text: &str) -> Result<String, String> {
    let problem = "a URL belongs there, such as unix:///var/run/docker.sock".to_owned();
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => Ok(text.to_owned()),
        _ if text.starts_with('/') => Err(format!("{problem}; here perhaps unix://{text}")),
        _ => Err(problem),
    }
}

/// A version of the Docker Engine's API.
pub(super) fn api_version(text: &str) -> Result<String, String> {
    let numbers = text.split_once('.').map(|(major, minor)| [major, minor].map(str::parse::<u16>));
    match numbers {
        Some([Ok(_), Ok(_)]) => Ok(text.to_owned()),
        _ => {
            Err("a version such as 1.41 belongs there, or nothing for whatever the engine speaks".to_owned())
        }
    }
}

/// One of the schedulers.
pub(super) fn scheduler(text: &str) -> Result<SchedulerKind, String> {
    text.parse().map_err(|_| {
        format!("one of {} belongs there", SchedulerKind::ALL.map(SchedulerKind::word).join(", "))
    })
}

/// A node's name.
pub(super) fn node_name(text: &str) -> Result<NodeName, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// A length of time, at least a minute.
pub(super) fn retention(text: &str) -> Result<Duration, String> {
    let duration =
        humantime::parse_duration(text).ok().filter(|duration| *duration >= Duration::from_mins(1));
    duration.ok_or_else(|| "a duration of a minute or more belongs there, such as 12h, 30d or 1y".to_owned())
}

/// How long a node that is not heard of is waited for. A worker speaks six times in it, and the planner looks twice a
/// second: shorter than 2 s, a node would be lost by chance.
pub(super) fn lease(text: &str) -> Result<Duration, String> {
    let range = Duration::from_secs(2)..=Duration::from_mins(5);
    let lease = humantime::parse_duration(text).ok().filter(|lease| range.contains(lease));
    lease.ok_or_else(|| "a duration from 2s to 5m belongs there, such as 6s".to_owned())
}

/// Labels of a node, separated by commas.
pub(super) fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("{pair:?} has no value; labels such as zone=a,disk=ssd belong there"))?;
        label::check_key(key)?;
        label::check_value(key, value)?;
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("the label {key} is there twice; once is all that can be"));
        }
    }
    Ok(labels)
}

/// Absolute directories separated by colons.
pub(super) fn directories(text: &str) -> Result<Vec<PathBuf>, String> {
    text.split(':').filter(|part| !part.is_empty()).map(directory).collect()
}

/// An absolute directory.
pub(super) fn directory(text: &str) -> Result<PathBuf, String> {
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let path = Path::new(text);
    if path.is_absolute() && path.components().all(plain) {
        return Ok(path.components().collect());
    }
    Err(format!(
        "{text:?} is not an absolute path without \"..\"; directories such as /srv/data:/mnt/media belong there"
    ))
}

/// A number of bytes, as in `512m`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("" | "b") => Some(0),
        Some("k" | "kb") => Some(10),
        Some("m" | "mb") => Some(20),
        Some("g" | "gb") => Some(30),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(1 << unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "a size belongs there, such as 512m or 8g".to_owned())
}

/// Capabilities of Linux, separated by commas.
pub(super) fn capabilities(text: &str) -> Result<Vec<Capability>, String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(capability).collect()
}

fn capability(name: &str) -> Result<Capability, String> {
    match name.parse()? {
        Capability::ALL => Err("ALL would make root in a container root on its node; capabilities such as \
                                NET_ADMIN,SYS_NICE belong there, each by its name"
            .to_owned()),
        capability => Ok(capability),
    }
}

/// A filter of log lines.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let problem =
        "a level belongs there (error, warn, info, debug, trace), or directives such as info,orc::plan=debug";
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|_| problem.to_owned())
}
