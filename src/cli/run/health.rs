//! The flags of `orc run` about health, and the probes that come of them.

use std::time::Duration as Time;

use clap::{ArgGroup, Args};

use crate::cli::values;
use crate::model::probe::Scheme;
use crate::wire::probe::{HttpProbe, Probe, TcpProbe};
use crate::wire::submission::{Duration, TaskInput};

/// How it is known to be well.
#[derive(Debug, Args)]
#[command(next_help_heading = "Health and restarts", group = ArgGroup::new("probe").multiple(true))]
pub(super) struct HealthArgs {
    /// Check its health by an HTTP GET of this path on its first published port
    #[arg(long, value_name = "PATH", group = "probe", conflicts_with_all = ["health_cmd", "ready", "live"])]
    health: Option<String>,

    /// Check its health by this line, run by /bin/sh in the container: exit code 0 is healthy
    #[arg(long, value_name = "LINE", group = "probe", conflicts_with_all = ["ready", "live"])]
    health_cmd: Option<String>,

    /// It gets traffic while this is well: http://:8080/ready, https://:8443/ready, tcp://:5432 (ports of the container),
    /// or a line for /bin/sh in it
    #[arg(long, value_name = "PROBE", group = "probe", value_parser = probe)]
    ready: Option<Probe>,

    /// It is restarted when this is not well; written likewise
    #[arg(long, value_name = "PROBE", group = "probe", value_parser = probe)]
    live: Option<Probe>,

    /// Check nothing, whatever the image says
    #[arg(long, conflicts_with = "probe")]
    no_healthcheck: bool,

    /// Time between two checks [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, requires = "probe")]
    health_interval: Option<Time>,

    /// Time for the answer to a check [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, requires = "probe")]
    health_timeout: Option<Time>,

    /// Failed checks in a row that make it unhealthy [default: 3]
    #[arg(long, value_name = "N", requires = "probe")]
    health_retries: Option<u32>,

    /// After a start, failed checks do not count for so long [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, requires = "probe")]
    health_start_period: Option<Time>,

    /// Time between two checks in that time, until one was well [default: as ever]
    #[arg(
        long, value_name = "DURATION", value_parser = values::duration, requires = "probe", conflicts_with = "health"
    )]
    health_start_interval: Option<Time>,
}

impl HealthArgs {
    /// Writes into a task what was typed.
    pub(super) fn describe(self, task: &mut TaskInput) {
        let (interval, timeout) = (self.health_interval.map(Duration), self.health_timeout.map(Duration));
        let (retries, start_period) = (self.health_retries, self.health_start_period.map(Duration));
        if self.health.is_some() {
            task.health_check = self.health;
            (task.interval, task.timeout, task.retries, task.start_period) =
                (interval, timeout, retries, start_period);
            return;
        }
        let start_interval = self.health_start_interval.map(Duration);
        let timed = |probe| Probe { interval, timeout, retries, start_period, start_interval, ..probe };
        (task.readiness, task.liveness) = (self.ready.map(timed), self.live.map(timed));
        if let Some(line) = self.health_cmd {
            task.readiness = Some(timed(shell(&line)));
            task.liveness = task.readiness.clone();
        }
        if self.no_healthcheck {
            task.liveness = Some(of_test(&["NONE"]));
        }
    }
}

/// `http://:8080/ready`, `tcp://:5432`, or a line for the container's shell.
fn probe(text: &str) -> Result<Probe, String> {
    let url = text.split_once("://").filter(|(scheme, _)| !scheme.contains(' '));
    let Some((scheme, rest)) = url else {
        return if text.trim().is_empty() { Err(WANTED.to_owned()) } else { Ok(shell(text)) };
    };
    let (authority, path) = rest.find('/').map_or((rest, None), |at| (&rest[..at], Some(&rest[at..])));
    let port = authority.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or(WANTED)?;
    let (port, path) = (Some(port), path.map(str::to_owned));
    Ok(match scheme {
        "http" => Probe { http: Some(HttpProbe { path, port, ..HttpProbe::default() }), ..Probe::default() },
        "https" => {
            let scheme = Some(Scheme::Https);
            Probe { http: Some(HttpProbe { path, port, scheme, ..HttpProbe::default() }), ..Probe::default() }
        }
        "tcp" if path.is_none() => Probe { tcp: Some(TcpProbe { port }), ..Probe::default() },
        _ => return Err(WANTED.to_owned()),
    })
}

const WANTED: &str = "http://:8080/ready, https://:8443/ready, tcp://:5432 (a port of the container, after a colon), or a line \
                      for the shell in it belongs there";

fn shell(line: &str) -> Probe {
    of_test(&["CMD-SHELL", line])
}

fn of_test(words: &[&str]) -> Probe {
    Probe { test: Some(words.iter().map(|word| (*word).to_owned()).collect()), ..Probe::default() }
}
