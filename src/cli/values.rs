//! What may be typed as the value of a flag, and the sentence for what may not.

use std::time::Duration;

use crate::model::cron::{Missed, Overlap};
use crate::model::id::is_docker_name;
use crate::model::placement::Weight;
use crate::model::port::{HostPort, Port};
use crate::model::service::{OnFailure, Order, ServiceName};
use crate::model::spec::{Failover, MountKind, PullPolicy, RestartPolicy};
use crate::wire::file_ref::FileRefInput;
use crate::wire::placement::{Preference, Spread};
use crate::wire::submission::MountInput;

/// A port to publish: `-p 8080:80` on this host port, `-p 80` on any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Publish {
    /// The container's port.
    pub(super) container: Port,
    /// The host's; `None` = any.
    pub(super) host: Option<HostPort>,
}

/// `8080:80`, `53:53/udp`, `80`.
pub(super) fn publish(text: &str) -> Result<Publish, String> {
    let wanted = "a port is published as 8080:80 (host:container), 53:53/udp, or 80 for any free host port";
    let (host, container) = match text.split_once(':') {
        Some((host, container)) => (Some(host), container),
        None => (None, text),
    };
    if container.contains(':') {
        return Err(format!("ports are published on all addresses of the node; {wanted}"));
    }
    let host = host.map(|host| HostPort::try_from(host.to_owned())).transpose().map_err(|_| wanted)?;
    Ok(Publish { container: container.parse().map_err(|_| wanted)?, host })
}

/// `A=1`, or `A` for the variable of that name here.
pub(super) fn env(text: &str) -> Result<String, String> {
    let name = text.split('=').next().unwrap_or_default();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err("NAME=value belongs there, or NAME alone for the value that it has here".to_owned());
    }
    Ok(text.to_owned())
}

/// `key=value`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("key=value belongs there".to_owned()),
    }
}

/// `db-password`, `site:/etc/nginx/nginx.conf`.
pub(super) fn file(text: &str) -> Result<FileRefInput, String> {
    let (name, target) = text.split_once(':').map_or((text, None), |(name, target)| (name, Some(target)));
    let name = name.parse().map_err(|error| format!("NAME or NAME:TARGET belongs there: {error}"))?;
    Ok(FileRefInput { target: target.map(str::to_owned), ..FileRefInput::named(name) })
}

/// `data:/var/lib/data`, `/srv/www:/www:ro`.
pub(super) fn volume(text: &str) -> Result<MountInput, String> {
    let wanted =
        "volume:/path or /host/path:/path belongs there, with :ro behind it when it may only be read";
    let mut parts = text.split(':');
    let (source, target, mode) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let read_only = match mode {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(_) => return Err(wanted.to_owned()),
    };
    let kind = if source.starts_with('/') { MountKind::Bind } else { MountKind::Volume };
    let lawful = kind == MountKind::Bind || is_docker_name(source);
    match target.filter(|target| lawful && target.starts_with('/') && parts.next().is_none()) {
        Some(target) => Ok(MountInput {
            kind: Some(kind),
            source: source.to_owned(),
            target: target.to_owned(),
            read_only,
            ..MountInput::default()
        }),
        None => Err(wanted.to_owned()),
    }
}

/// Bytes: `256m`, `1.5g`, `4096`. Units are powers of 1024, as Docker's are.
pub(super) fn bytes(text: &str) -> Result<i64, String> {
    let wanted = "a number of bytes belongs there, such as 268435456, 256m or 1.5g";
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match lower[digits.len()..].trim_end_matches('b').trim_end_matches('i') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return Err(wanted.to_owned()),
    };
    let thousandths = thousandths(digits).ok_or(wanted)?;
    let bytes = u128::from(thousandths) * u128::from(factor) / 1_000;
    i64::try_from(bytes).map_err(|_| wanted.to_owned())
}

/// A decimal number with up to three places, in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(places) || places.len() > 3 {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(format!("{places:0<3}").parse().ok()?)
}

/// Cores: `0.5`.
pub(super) fn cores(text: &str) -> Result<f64, String> {
    let cores = text.parse().ok().filter(|cores: &f64| cores.is_finite() && *cores >= 0.0);
    cores.ok_or_else(|| "a number of cores belongs there, such as 0.5 or 2".to_owned())
}

/// `10s`, `1m 30s`; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wanted = "a length of time belongs there, such as 10s, 5m or 1h";
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(u64::from(seconds))),
        Err(_) => humantime::parse_duration(text).map_err(|_| wanted.to_owned()),
    }
}

/// Whole seconds: `10`, `1m`.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    u32::try_from(duration(text)?.as_secs()).map_err(|_| "that is longer than orc can wait".to_owned())
}

/// `node.labels.disk==ssd`, `10:node.labels.disk==ssd`.
pub(super) fn prefer(text: &str) -> Result<Preference, String> {
    let (weight, rule) = weighted(text)?;
    Ok(Preference { prefer: Some(rule.parse()?), spread: None, weight })
}

/// `node.labels.zone`, `10:node.name`, `node.labels.zone of app`.
pub(super) fn spread(text: &str) -> Result<Preference, String> {
    let (weight, rule) = weighted(text)?;
    let (over, of) =
        rule.split_once(" of ").map_or((rule, None), |(over, of)| (over, Some(of.trim().to_owned())));
    let spread = Spread { spread_descriptor: over.trim().parse()?, of };
    Ok(Preference { prefer: None, spread: Some(spread), weight })
}

/// A weight, if there is one, and what stands behind it. No rule begins with a number.
fn weighted(text: &str) -> Result<(Option<Weight>, &str), String> {
    match text.split_once(':').and_then(|(weight, rule)| Some((weight.parse::<i64>().ok()?, rule))) {
        Some((weight, rule)) => Ok((Some(Weight::try_from(weight)?), rule)),
        None => Ok((None, text)),
    }
}

/// `no`, `on-failure:3`, `always`.
pub(super) fn restart_policy(text: &str) -> Result<RestartPolicy, String> {
    RestartPolicy::try_from(text.to_owned())
}

/// `missing`, `always`, `never`.
pub(super) fn pull_policy(text: &str) -> Result<PullPolicy, String> {
    [PullPolicy::Missing, PullPolicy::Always, PullPolicy::Never]
        .into_iter()
        .find(|policy| policy.word() == text)
        .ok_or_else(|| "missing, always or never belongs there".to_owned())
}

/// `available`, `single`.
pub(super) fn failover(text: &str) -> Result<Failover, String> {
    [Failover::Available, Failover::Single]
        .into_iter()
        .find(|known| known.word() == text)
        .ok_or_else(|| "available or single belongs there".to_owned())
}

/// `start-first`, `stop-first`.
pub(super) fn order(text: &str) -> Result<Order, String> {
    [Order::StartFirst, Order::StopFirst]
        .into_iter()
        .find(|known| known.word() == text)
        .ok_or_else(|| "start-first or stop-first belongs there".to_owned())
}

/// `rollback`, `pause`, `continue`.
pub(super) fn on_failure(text: &str) -> Result<OnFailure, String> {
    [OnFailure::Rollback, OnFailure::Pause, OnFailure::Continue]
        .into_iter()
        .find(|known| known.word() == text)
        .ok_or_else(|| "rollback, pause or continue belongs there".to_owned())
}

/// `forbid`, `allow`, `replace`.
pub(super) fn overlap(text: &str) -> Result<Overlap, String> {
    [Overlap::Forbid, Overlap::Allow, Overlap::Replace]
        .into_iter()
        .find(|known| known.word() == text)
        .ok_or_else(|| "forbid, allow or replace belongs there".to_owned())
}

/// `once`, `skip`, `all`.
pub(super) fn missed(text: &str) -> Result<Missed, String> {
    [Missed::Once, Missed::Skip, Missed::All]
        .into_iter()
        .find(|known| known.word() == text)
        .ok_or_else(|| "once, skip or all belongs there".to_owned())
}

/// `web=5`
pub(super) fn scale(text: &str) -> Result<(ServiceName, u32), String> {
    let wanted = || "a service and its number of tasks belong there, such as web=5".to_owned();
    let (name, replicas) = text.split_once('=').ok_or_else(wanted)?;
    let name = name.parse().map_err(|error| format!("{error}"))?;
    Ok((name, replicas.parse().map_err(|_| wanted())?))
}

/// The name of a task.
pub(super) fn task_name(text: &str) -> Result<String, String> {
    if is_docker_name(text) {
        return Ok(text.to_owned());
    }
    Err("a name is two or more of the characters a-z A-Z 0-9 _ . - and begins with a letter or digit"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_published_on_a_host_port_or_on_any() {
        let read =
            |text: &str| publish(text).map(|port| (port.container.to_string(), port.host.map(|host| host.0)));
        assert_eq!(read("8080:80"), Ok(("80/tcp".to_owned(), Some(8080))));
        assert_eq!(read("53:5353/udp"), Ok(("5353/udp".to_owned(), Some(53))));
        assert_eq!(read("80"), Ok(("80/tcp".to_owned(), None)));
        assert_eq!(read("53/udp"), Ok(("53/udp".to_owned(), None)));
        for text in
            ["", ":", "8080:", ":80", "0:80", "80:0", "70000:80", "80/icmp", "8000-8010:80", "1.2.3.4:80:80"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("127.0.0.1:80:80").unwrap_err().contains("all addresses"));
    }

    #[test]
    fn bytes_have_dockers_units() {
        for (text, number) in [
            ("0", 0),
            ("4096", 4096),
            ("4096b", 4096),
            ("1k", 1024),
            ("256m", 268_435_456),
            ("256M", 268_435_456),
            ("256MB", 268_435_456),
            ("256MiB", 268_435_456),
            ("1.5g", 1_610_612_736),
            ("2t", 2_199_023_255_552),
        ] {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        for text in ["", "m", "-1", "1.m5", "1e3", "1x", "1.2345g", "99999999999t", "½"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_volume_is_named_or_a_path_of_the_host() {
        let read = |text: &str| {
            volume(text)
                .map(|mount| (mount.kind.map(MountKind::word), mount.source, mount.target, mount.read_only))
        };
        let is = |kind, source: &str, target: &str, read_only| {
            Ok((Some(kind), source.to_owned(), target.to_owned(), read_only))
        };
        assert_eq!(read("data:/var/lib"), is("volume", "data", "/var/lib", false));
        assert_eq!(read("data:/var/lib:ro"), is("volume", "data", "/var/lib", true));
        assert_eq!(read("/srv:/www:rw"), is("bind", "/srv", "/www", false));
        for text in ["", "data", "data:", "data:var", ":/x", "../x:/x", "data:/x:z", "data:/x:ro:ro"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units_or_seconds() {
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(seconds("1m 30s"), Ok(90));
        for text in ["", "soon", "-1", "1.5"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_preference_may_begin_with_its_weight() {
        let read = |preference: Result<Preference, String>| {
            preference.map(|read| serde_json::to_string(&read).unwrap())
        };
        assert_eq!(
            read(prefer("-10:node.labels.disk in (a:b, c)")),
            Ok(r#"{"Prefer":"node.labels.disk in (a:b, c)","Weight":-10}"#.to_owned())
        );
        assert_eq!(read(prefer("node.labels.a==1:2")), Ok(r#"{"Prefer":"node.labels.a==1:2"}"#.to_owned()));
        assert_eq!(
            read(spread("5:node.labels.zone of app")),
            Ok(r#"{"Spread":{"SpreadDescriptor":"node.labels.zone","Of":"app"},"Weight":5}"#.to_owned())
        );
        assert!(prefer("0:node.labels.a").unwrap_err().contains("0 is no weight"));
        assert!(prefer("zone==a").unwrap_err().contains("node.labels.zone"));
        assert!(spread("zone").unwrap_err().contains("node.labels.zone"));
    }

    #[test]
    fn variables_labels_cores_and_policies_are_read_or_refused() {
        assert_eq!(env("A=b=c"), Ok("A=b=c".to_owned()));
        assert!(env("=1").is_err() && env("").is_err() && env("A B=1").is_err());
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("a").is_err() && label("=b").is_err());
        assert_eq!(cores("0.5"), Ok(0.5));
        assert!(cores("-1").is_err() && cores("NaN").is_err() && cores("half").is_err());
        assert_eq!(restart_policy("on-failure:3"), Ok(RestartPolicy::OnFailure(Some(3))));
        assert!(restart_policy("sometimes").is_err());
        assert_eq!(pull_policy("always"), Ok(PullPolicy::Always));
        assert!(pull_policy("Always").is_err());
        assert_eq!(failover("single"), Ok(Failover::Single));
        assert!(failover("never").is_err());
        assert!(task_name("web-1").is_ok() && task_name("a b").is_err());
    }
}
