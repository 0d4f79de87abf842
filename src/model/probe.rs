//! Probes: what a worker asks a running container again and again, and what the answers count for.
//!
//! Part of a specification, so its JSON is stored: every later field has a default, and is left out while it has that.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::spec::TaskSpec;

/// A question to a running container, and what its failures mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Probe {
    /// What is asked.
    pub test: Test,
    /// Between the end of one question and the next, milliseconds.
    pub interval_ms: u64,
    /// For the whole answer, milliseconds.
    pub timeout_ms: u64,
    /// So many failures in a row count as one.
    pub retries: u32,
    /// After the start of the container, failures do not count for so long, milliseconds.
    pub start_period_ms: u64,
    /// The interval in that time, until one question was answered well, milliseconds; `None` = the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_interval_ms: Option<u64>,
}

/// What is asked of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    /// An HTTP GET.
    Http(HttpTest),
    /// A TCP connection to this port of the container.
    Tcp(u16),
    /// A program inside it and its arguments: exit code 0 is well.
    Exec(Vec<String>),
    /// The image's own HEALTHCHECK, which the engine runs.
    Image,
    /// Nothing, whatever the image says: always well.
    Off,
}

/// An HTTP GET.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpTest {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The container's port; `None` = the first published one, at its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Over TLS or not.
    #[serde(default)]
    pub scheme: Scheme,
    /// Sent with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The lowest and the highest status that is well.
    pub status: (u16, u16),
}

/// How HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// Over TLS, whatever certificate is shown.
    Https,
}

impl Scheme {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl HttpTest {
    /// Statuses that are well when nobody says otherwise.
    pub const DEFAULT_STATUS: (u16, u16) = (200, 399);
}

/// What was asked, in the words that "answered 500" and "ended with exit code 1" follow on.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(http) => write!(f, "GET {}", http.path),
            Self::Tcp(port) => write!(f, "a connection to port {port}"),
            Self::Exec(command) => {
                let line = command.join(" ");
                let shown: String = line.chars().take(SHOWN).collect();
                let rest = if shown.len() < line.len() { "…" } else { "" };
                write!(f, "`{shown}{rest}`")
            }
            Self::Image => f.write_str("the image's own HEALTHCHECK"),
            Self::Off => f.write_str("nothing"),
        }
    }
}

/// So much of a command is shown, characters.
const SHOWN: usize = 60;

impl Probe {
    /// 10 s.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
    /// 5 s.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
    /// 3.
    pub const DEFAULT_RETRIES: u32 = 3;

    /// Between the end of one question and the next.
    pub const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// The same in the start period, until it was well once.
    pub fn start_interval(&self) -> Duration {
        self.start_interval_ms.map_or(self.interval(), Duration::from_millis)
    }

    /// For the whole answer.
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// After the start of the container, failures do not count for so long.
    pub const fn start_period(&self) -> Duration {
        Duration::from_millis(self.start_period_ms)
    }
}

/// An HTTP GET on the first published port, by the worker: 200–399 is healthy. It decides both whether the task is ready
/// and whether it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Between the end of one check and the start of the next, milliseconds.
    pub interval_ms: u64,
    /// For the whole answer, milliseconds.
    pub timeout_ms: u64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// After the start of the container, failures do not count for so long, milliseconds.
    pub start_period_ms: u64,
}

impl HealthCheck {
    fn probe(&self) -> Probe {
        let Self { path, interval_ms, timeout_ms, retries, start_period_ms } = self.clone();
        let (scheme, headers, status) = (Scheme::Http, BTreeMap::new(), HttpTest::DEFAULT_STATUS);
        let test = Test::Http(HttpTest { path, port: None, scheme, headers, status });
        Probe { test, interval_ms, timeout_ms, retries, start_period_ms, start_interval_ms: None }
    }
}

/// What decides how a running task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    /// Whether it gets traffic, and counts.
    pub readiness: Source,
    /// Whether it goes on, or is restarted.
    pub liveness: Source,
    /// What the worker itself asks: a probe that stands for both once.
    pub asked: Vec<Probe>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It needs none: it is yes.
    Nothing,
    /// From the engine, which runs the image's own HEALTHCHECK.
    Image,
    /// From the probe of this number.
    Asked(usize),
}

impl Probes {
    /// Those of a task: its `HealthCheck` decides both, and so does the image's own HEALTHCHECK where the task says
    /// nothing at all.
    pub fn of(spec: &TaskSpec) -> Self {
        let mut probes = Self { readiness: Source::Nothing, liveness: Source::Nothing, asked: Vec::new() };
        match (&spec.health_check, &spec.readiness, &spec.liveness) {
            (Some(check), _, _) => {
                probes.readiness = probes.source(Some(&check.probe()));
                probes.liveness = probes.readiness;
            }
            (None, None, None) => (probes.readiness, probes.liveness) = (Source::Image, Source::Image),
            (None, readiness, liveness) => {
                probes.readiness = probes.source(readiness.as_ref());
                probes.liveness =
                    if readiness == liveness { probes.readiness } else { probes.source(liveness.as_ref()) };
            }
        }
        probes
    }

    fn source(&mut self, probe: Option<&Probe>) -> Source {
        match probe {
            None | Some(Probe { test: Test::Off, .. }) => Source::Nothing,
            Some(Probe { test: Test::Image, .. }) => Source::Image,
            Some(probe) => {
                self.asked.push(probe.clone());
                Source::Asked(self.asked.len() - 1)
            }
        }
    }

    /// Whether one answer decides both: then it is told once.
    pub fn are_one(&self) -> bool {
        self.readiness == self.liveness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: &str = r#""IntervalMs":1,"TimeoutMs":1,"Retries":1,"StartPeriodMs":0"#;

    fn probe(test: &str) -> String {
        format!(r#"{{"Test":{test},{TIMES}}}"#)
    }

    /// Where the answers of a task with these fields come from: readiness, liveness, and how much is asked.
    fn sources(fields: &str) -> (Source, Source, usize) {
        let json = format!(r#"{{"Name":"web","Image":"i"{fields}}}"#);
        let probes = Probes::of(&serde_json::from_str(&json).unwrap());
        (probes.readiness, probes.liveness, probes.asked.len())
    }

    #[test]
    fn each_decides_what_it_is_for() {
        use Source::{Asked, Image, Nothing};
        let tcp = probe(r#"{"Tcp":80}"#);
        let exec = probe(r#"{"Exec":["true"]}"#);
        let (off, image) = (probe(r#""Off""#), probe(r#""Image""#));
        let check = format!(r#","HealthCheck":{{"Path":"/",{TIMES}}}"#);
        for (fields, expected) in [
            (String::new(), (Image, Image, 0)),
            (check, (Asked(0), Asked(0), 1)),
            (format!(r#","Readiness":{tcp}"#), (Asked(0), Nothing, 1)),
            (format!(r#","Liveness":{tcp}"#), (Nothing, Asked(0), 1)),
            (format!(r#","Readiness":{tcp},"Liveness":{exec}"#), (Asked(0), Asked(1), 2)),
            (format!(r#","Readiness":{tcp},"Liveness":{tcp}"#), (Asked(0), Asked(0), 1)),
            (format!(r#","Readiness":{image},"Liveness":{exec}"#), (Image, Asked(0), 1)),
            (format!(r#","Liveness":{off}"#), (Nothing, Nothing, 0)),
        ] {
            assert_eq!(sources(&fields), expected, "{fields}");
        }
    }

    #[test]
    fn what_was_asked_has_words_of_a_bearable_length() {
        let long = vec!["sh".to_owned(), "-c".to_owned(), "é".repeat(90)];
        let words = Test::Exec(long).to_string();
        assert!(words.starts_with("`sh -c é") && words.ends_with("é…`"), "{words}");
        assert_eq!(words.chars().count(), SHOWN + 3);
        assert_eq!(Test::Exec(vec!["true".to_owned()]).to_string(), "`true`");
        assert_eq!(Test::Tcp(80).to_string(), "a connection to port 80");
    }
}
