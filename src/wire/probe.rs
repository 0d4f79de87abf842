//! Probes in JSON: how they come in, what is refused in which sentence, and how they go out.
//!
//! A probe says one of `Http`, `Tcp` and `Test`. `Test` has the form of the Docker Engine API's `Healthcheck`: a program in
//! the container, `["NONE"]`, or `[]` for the image's own.

use std::collections::BTreeMap;
use std::time::Duration as Time;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::submission::{Duration, TaskInput};
use crate::model::probe::{HealthCheck, HttpTest, Probe as ProbeRow, Scheme, Test};

/// What a worker asks a container again and again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Probe {
    /// An HTTP GET to the container's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// A TCP connection to the container's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpProbe>,
    /// `["CMD", "program", "argument"]` or `["CMD-SHELL", "line"]`, run in the container; `["NONE"]` = always well,
    /// whatever the image says; `[]` = the image's own HEALTHCHECK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<String>>,
    /// Between two questions: nanoseconds, or a text such as "10s"; absent = 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// For the answer: nanoseconds, or a text such as "5s"; absent = 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// So many failures in a row count as one; absent = 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// After the start, failures do not count for so long: nanoseconds, or a text such as "30s"; absent = 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Duration>,
    /// The interval in that time, until it was well once: nanoseconds, or a text such as "1s"; absent = the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_interval: Option<Duration>,
}

/// An HTTP GET.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct HttpProbe {
    /// Path and query; absent = "/".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The container's port, published or not.
    pub port: Option<u16>,
    /// "http" (when absent), or "https", which takes any certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub scheme: Option<Scheme>,
    /// Sent with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Which statuses are well: "204" or "200-299"; absent = "200-399".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A TCP connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct TcpProbe {
    /// The container's port, published or not.
    pub port: Option<u16>,
}

const LEAST: Time = Time::from_millis(1);
const MOST: Time = Time::from_hours(24);
/// Headers of one probe, and the bytes of one value.
const HEADERS: usize = 16;
const LONGEST_VALUE: usize = 1024;
/// Words of one command, and the bytes of all of them.
const WORDS: usize = 64;
const LONGEST_COMMAND: usize = 8192;

impl TaskInput {
    /// The probe of readiness and liveness in one.
    pub(super) fn checked_health(&self) -> Result<Option<HealthCheck>, String> {
        let path = self.health_check.as_deref().unwrap_or_default();
        if path.is_empty() {
            return Ok(None);
        }
        if !is_path(path) {
            return Err(format!(
                "Task.HealthCheck is {:?}: it is the path of an HTTP GET and begins with /, such as \"/health\"",
                shown(path)
            ));
        }
        // Here 0 means "not said".
        let said = |given: Option<Duration>| given.filter(|given| !given.0.is_zero());
        Ok(Some(HealthCheck {
            path: path.to_owned(),
            interval_ms: time("Task.Interval", said(self.interval), ProbeRow::DEFAULT_INTERVAL)?,
            timeout_ms: time("Task.Timeout", said(self.timeout), ProbeRow::DEFAULT_TIMEOUT)?,
            retries: self.retries.filter(|retries| *retries > 0).unwrap_or(ProbeRow::DEFAULT_RETRIES),
            start_period_ms: start_period("Task.StartPeriod", said(self.start_period))?,
        }))
    }

    /// The probes of readiness and liveness apart.
    pub(super) fn checked_probes(&self) -> Result<(Option<ProbeRow>, Option<ProbeRow>), String> {
        let both = self.health_check.as_ref().is_some_and(|path| !path.is_empty());
        let checked = |place: &str, probe: Option<&Probe>| match probe {
            Some(_) if both => Err(format!(
                "{place} stands beside Task.HealthCheck, which is readiness and liveness in one: say either that, or \
                 Readiness and Liveness"
            )),
            probe => probe.map(|probe| probe.checked(place)).transpose(),
        };
        let readiness = checked("Task.Readiness", self.readiness.as_ref())?;
        let liveness = checked("Task.Liveness", self.liveness.as_ref())?;
        if let (Some(one), Some(other)) = (&readiness, &liveness)
            && one.test == Test::Image
            && other.test == Test::Image
            && one != other
        {
            return Err("Task.Readiness and Task.Liveness are both the image's own HEALTHCHECK, at different times: an \
                        engine runs it once; give both the same times"
                .to_owned());
        }
        Ok((readiness, liveness))
    }
}

impl Probe {
    /// The probe that this describes; the error is a sentence that names the field under `place`.
    pub fn checked(&self, place: &str) -> Result<ProbeRow, String> {
        let test = match (&self.http, &self.tcp, &self.test) {
            (Some(http), None, None) => Test::Http(http.checked(&format!("{place}.Http"))?),
            (None, Some(tcp), None) => Test::Tcp(port(&format!("{place}.Tcp"), tcp.port)?),
            (None, None, Some(words)) => command(&format!("{place}.Test"), words)?,
            (None, None, None) => {
                return Err(format!(
                    "{place} does not say what to ask: one of Http, such as {{\"Port\": 80, \"Path\": \"/health\"}}, Tcp, \
                     such as {{\"Port\": 5432}}, and Test, such as [\"CMD\", \"pg_isready\"], is wanted"
                ));
            }
            _ => {
                return Err(format!(
                    "{place} says more than one of Http, Tcp and Test: a probe asks one thing"
                ));
            }
        };
        if self.retries == Some(0) {
            return Err(format!(
                "{place}.Retries is 0: at least one failure is needed to make one; absent means 3"
            ));
        }
        let start_interval = self
            .start_interval
            .map(|given| time(&format!("{place}.StartInterval"), Some(given), ProbeRow::DEFAULT_INTERVAL));
        Ok(ProbeRow {
            test,
            interval_ms: time(&format!("{place}.Interval"), self.interval, ProbeRow::DEFAULT_INTERVAL)?,
            timeout_ms: time(&format!("{place}.Timeout"), self.timeout, ProbeRow::DEFAULT_TIMEOUT)?,
            retries: self.retries.unwrap_or(ProbeRow::DEFAULT_RETRIES),
            start_period_ms: start_period(&format!("{place}.StartPeriod"), self.start_period)?,
            start_interval_ms: start_interval.transpose()?,
        })
    }
}

impl HttpProbe {
    fn checked(&self, place: &str) -> Result<HttpTest, String> {
        let path = self.path.as_deref().unwrap_or("/");
        if !is_path(path) {
            return Err(format!(
                "{place}.Path is {:?}: the path of an HTTP GET begins with /, such as \"/health\"",
                shown(path)
            ));
        }
        let headers = self.headers.clone().unwrap_or_default();
        if headers.len() > HEADERS {
            return Err(format!("{place}.Headers has {} of them: {HEADERS} is the most", headers.len()));
        }
        if let Some((name, _)) = headers.iter().find(|(name, value)| !is_header(name, value)) {
            return Err(format!(
                "{place}.Headers[{:?}] is no header: a name such as \"X-Probe\" and a value of printable ASCII are wanted",
                shown(name)
            ));
        }
        Ok(HttpTest {
            path: path.to_owned(),
            port: Some(port(place, self.port)?),
            scheme: self.scheme.unwrap_or_default(),
            headers,
            status: statuses(place, self.status.as_deref())?,
        })
    }
}

/// Whether this is a path that can stand in a request as it is.
fn is_path(path: &str) -> bool {
    let lawful = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    path.starts_with('/') && path.len() <= 2048 && path.bytes().all(lawful)
}

/// Whether this is a header that can stand in a request as it is, and leaves the request what it is.
fn is_header(name: &str, value: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let of_framing = ["content-length", "transfer-encoding", "connection", "upgrade"];
    (1..=64).contains(&name.len())
        && name.bytes().all(of_name)
        && !of_framing.iter().any(|framing| name.eq_ignore_ascii_case(framing))
        && value.len() <= LONGEST_VALUE
        && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn port(place: &str, port: Option<u16>) -> Result<u16, String> {
    match port {
        Some(port @ 1..) => Ok(port),
        Some(0) => Err(format!("{place}.Port is 0: a port of the container is wanted, from 1 to 65535")),
        None => {
            Err(format!("{place}.Port is missing: it is the container's port, published or not, such as 80"))
        }
    }
}

/// `204`, `200-299`.
fn statuses(place: &str, text: Option<&str>) -> Result<(u16, u16), String> {
    let Some(text) = text else { return Ok(HttpTest::DEFAULT_STATUS) };
    let (lowest, highest) = text.split_once('-').unwrap_or((text, text));
    match (lowest.trim().parse(), highest.trim().parse()) {
        (Ok(lowest @ 100..=599), Ok(highest @ 100..=599)) if lowest <= highest => Ok((lowest, highest)),
        _ => Err(format!(
            "{place}.Status is {:?}: a status such as \"204\", or a range of them such as \"200-299\", is wanted, from 100 to \
             599",
            shown(text)
        )),
    }
}

fn command(place: &str, words: &[String]) -> Result<Test, String> {
    if words.len() > WORDS || words.iter().map(String::len).sum::<usize>() > LONGEST_COMMAND {
        return Err(format!(
            "{place} is too long: {WORDS} words of {LONGEST_COMMAND} bytes in all are the most"
        ));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(format!("{place} has a NUL in it, which no argument can have"));
    }
    let (kind, rest) = words.split_first().map_or(("", words), |(kind, rest)| (kind.as_str(), rest));
    match (kind, rest) {
        ("", []) if words.is_empty() => Ok(Test::Image),
        ("NONE", []) => Ok(Test::Off),
        ("CMD", [program, ..]) if !program.is_empty() => Ok(Test::Exec(rest.to_vec())),
        ("CMD-SHELL", [line]) if !line.is_empty() => {
            Ok(Test::Exec(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]))
        }
        _ => Err(format!(
            "{place} begins with {:?}: [\"CMD\", \"program\", \"argument\"], [\"CMD-SHELL\", \"line\"], [\"NONE\"], or [] for \
             the image's own HEALTHCHECK is wanted",
            shown(kind)
        )),
    }
}

/// Milliseconds between two questions, or for an answer.
fn time(place: &str, given: Option<Duration>, default: Time) -> Result<u64, String> {
    let time = given.map_or(default, |given| given.0);
    if (LEAST..=MOST).contains(&time) {
        return Ok(millis(time));
    }
    Err(format!(
        "{place} is {time:?}: from 1ms to 24h is possible (whole nanoseconds, or a text such as \"10s\")"
    ))
}

fn start_period(place: &str, given: Option<Duration>) -> Result<u64, String> {
    match given.map_or(Time::ZERO, |given| given.0) {
        period if period > MOST => Err(format!("{place} is {period:?}: 24h is the most")),
        period => Ok(millis(period)),
    }
}

fn millis(time: Time) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

impl From<&ProbeRow> for Probe {
    fn from(probe: &ProbeRow) -> Self {
        let length = |millis| Some(Duration(Time::from_millis(millis)));
        let mut shown = Self {
            interval: length(probe.interval_ms),
            timeout: length(probe.timeout_ms),
            retries: Some(probe.retries),
            start_period: length(probe.start_period_ms),
            start_interval: probe.start_interval_ms.and_then(length),
            ..Self::default()
        };
        match &probe.test {
            Test::Http(http) => shown.http = Some(HttpProbe::from(http)),
            Test::Tcp(port) => shown.tcp = Some(TcpProbe { port: Some(*port) }),
            Test::Exec(command) => {
                shown.test = Some([&["CMD".to_owned()], command.as_slice()].concat());
            }
            Test::Image => shown.test = Some(Vec::new()),
            Test::Off => shown.test = Some(vec!["NONE".to_owned()]),
        }
        shown
    }
}

impl From<&HttpTest> for HttpProbe {
    fn from(http: &HttpTest) -> Self {
        let (lowest, highest) = http.status;
        Self {
            path: Some(http.path.clone()),
            port: http.port,
            scheme: Some(http.scheme),
            headers: Some(http.headers.clone()).filter(|headers| !headers.is_empty()),
            status: Some(format!("{lowest}-{highest}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::strict::decode;

    /// The task's probe of readiness, as it goes out again; or why there is none.
    fn readiness(json: &str) -> Result<Probe, String> {
        let task = format!(r#"{{"Name":"web","Image":"i","Readiness":{json}}}"#);
        let task: TaskInput = decode(task.as_bytes()).map_err(|error| error.to_string())?;
        let (readiness, _) = task.checked_probes()?;
        Ok(Probe::from(&readiness.expect("it has one")))
    }

    #[test]
    fn what_goes_out_can_come_in_again() {
        for json in [
            r#"{"Http":{"Port":80}}"#,
            r#"{"Http":{"Port":8443,"Scheme":"https","Path":"/up?x=1","Headers":{"Host":"a"},"Status":"204"}}"#,
            r#"{"Tcp":{"Port":5432},"Interval":"1s","Timeout":500000000,"Retries":1,"StartPeriod":"1m","StartInterval":"1s"}"#,
            r#"{"Test":["CMD","pg_isready","-q"]}"#,
            r#"{"Test":["CMD-SHELL","test -e /up || exit 1"]}"#,
            r#"{"Test":["NONE"]}"#,
            r#"{"Test":[]}"#,
        ] {
            let out = readiness(json).unwrap();
            let again = readiness(&serde_json::to_string(&out).unwrap());
            assert_eq!(again, Ok(out), "{json}");
        }
    }

    #[test]
    fn what_makes_no_probe_is_refused_in_a_sentence() {
        for (json, says) in [
            ("{}", "Task.Readiness does not say what to ask: one of Http"),
            (r#"{"Tcp":{"Port":80},"Test":["NONE"]}"#, "more than one of Http, Tcp and Test"),
            (r#"{"Grpc":{"Port":80}}"#, "Grpc"),
            (r#"{"http":{"Port":80}}"#, "Http"),
            (r#"{"Http":{}}"#, "Task.Readiness.Http.Port is missing"),
            (r#"{"Http":{"Port":0}}"#, "Task.Readiness.Http.Port is 0"),
            (r#"{"Http":{"Port":70000}}"#, "70000"),
            (r#"{"Http":{"Port":80,"Path":"health"}}"#, "Task.Readiness.Http.Path is \"health\""),
            (r#"{"Http":{"Port":80,"Scheme":"ftp"}}"#, "ftp"),
            (r#"{"Http":{"Port":80,"Status":"2xx"}}"#, "Task.Readiness.Http.Status is \"2xx\""),
            (r#"{"Http":{"Port":80,"Status":"300-200"}}"#, "Status is \"300-200\""),
            (r#"{"Http":{"Port":80,"Headers":{"A: b\r\nC":"d"}}}"#, "is no header"),
            (r#"{"Http":{"Port":80,"Headers":{"A":"b\r\nC: d"}}}"#, "is no header"),
            (r#"{"Http":{"Port":80,"Headers":{"Content-Length":"9"}}}"#, "is no header"),
            (r#"{"Tcp":{}}"#, "Task.Readiness.Tcp.Port is missing"),
            (r#"{"Test":["pg_isready"]}"#, "Task.Readiness.Test begins with \"pg_isready\""),
            (r#"{"Test":["CMD"]}"#, "Task.Readiness.Test begins with \"CMD\""),
            (r#"{"Test":["CMD-SHELL","a","b"]}"#, "begins with \"CMD-SHELL\""),
            (r#"{"Test":["CMD","a\u0000"]}"#, "has a NUL in it"),
            (r#"{"Tcp":{"Port":80},"Interval":0}"#, "Task.Readiness.Interval is 0ns: from 1ms to 24h"),
            (r#"{"Tcp":{"Port":80},"Interval":"2d"}"#, "Task.Readiness.Interval is"),
            (r#"{"Tcp":{"Port":80},"Timeout":"0s"}"#, "Task.Readiness.Timeout is"),
            (r#"{"Tcp":{"Port":80},"StartInterval":"0s"}"#, "Task.Readiness.StartInterval is"),
            (r#"{"Tcp":{"Port":80},"StartPeriod":"25h"}"#, "24h is the most"),
            (r#"{"Tcp":{"Port":80},"Retries":0}"#, "Task.Readiness.Retries is 0"),
        ] {
            let problem = readiness(json).expect_err(json);
            assert!(problem.contains(says), "{json}: {problem}");
        }
    }

    #[test]
    fn a_check_of_both_and_one_of_each_are_not_said_together() {
        let task = r#"{"Name":"web","Image":"i","HealthCheck":"/","Liveness":{"Tcp":{"Port":80}}}"#;
        let task: TaskInput = decode(task.as_bytes()).unwrap();
        let problem = task.checked_probes().unwrap_err();
        assert!(problem.starts_with("Task.Liveness stands beside Task.HealthCheck"), "{problem}");

        let task = r#"{"Name":"web","Image":"i","Readiness":{"Test":[]},"Liveness":{"Test":[],"Retries":9}}"#;
        let task: TaskInput = decode(task.as_bytes()).unwrap();
        assert!(task.checked_probes().unwrap_err().contains("give both the same times"));
    }
}
