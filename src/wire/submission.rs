//! What a user sends to `POST /tasks`, and how it becomes a specification: parsed once, and checked here.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::task::state_of_number;
use crate::model::id::{RequestId, TaskId, is_docker_name};
use crate::model::spec::{
    Empty, HealthCheck, HostPort, Mount, MountKind, Port, PublishMode, PullPolicy, RestartPolicy, TaskSpec,
};

/// A `TaskEvent` as a user sends it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TaskEventInput {
    /// UUID; made by orc when absent. The same event sent twice is one task.
    #[serde(rename = "ID", default)]
    #[schema(value_type = Option<String>)]
    pub id: Option<RequestId>,
    /// What is wanted: 1 or 2 (or nothing) run it, 3 stop it.
    #[serde(default)]
    pub state: Option<i64>,
    /// RFC 3339; now when absent.
    #[serde(default)]
    pub requested_at: Option<String>,
    /// The task.
    #[serde(default)]
    pub task: TaskInput,
}

/// A task as a user sends it. What only orc knows is ignored, so that what GET gave can be sent to POST.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct TaskInput {
    /// UUID; made by orc when absent.
    #[serde(rename = "ID")]
    #[schema(value_type = Option<String>)]
    pub id: Option<TaskId>,
    /// Unique among live tasks; also the container's name.
    pub name: Option<String>,
    /// Ignored: orc finds it out.
    pub state: Option<i64>,
    /// Image reference.
    pub image: Option<String>,
    /// Cores; 0 = unlimited.
    #[serde(rename = "CPU")]
    pub cpu: Option<f64>,
    /// Bytes; 0 = unlimited.
    pub memory: Option<i64>,
    /// Bytes, for placement; 0 = unlimited.
    pub disk: Option<i64>,
    /// `{"7777/tcp": {}}`
    #[schema(value_type = Option<BTreeMap<String, Object>>)]
    pub exposed_ports: Option<BTreeMap<Port, Empty>>,
    /// `{"7777/tcp": "7777"}`
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub port_bindings: Option<BTreeMap<Port, HostPort>>,
    /// "", "no", "on-failure[:n]", "always", "unless-stopped"
    #[schema(value_type = Option<String>)]
    pub restart_policy: Option<RestartPolicy>,
    /// Path of an HTTP GET on the first published port.
    pub health_check: Option<String>,
    /// Between two health checks: nanoseconds, or a text such as "10s".
    pub interval: Option<Duration>,
    /// For the answer of a health check: nanoseconds, or a text such as "5s".
    pub timeout: Option<Duration>,
    /// Failed health checks in a row that make it unhealthy; 0 or absent = 3.
    pub retries: Option<u32>,
    /// Grace after its start: nanoseconds, or a text such as "30s".
    pub start_period: Option<Duration>,
    /// Arguments.
    pub cmd: Option<Vec<String>>,
    /// Program.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value` lines.
    pub env: Option<Vec<String>>,
    /// Directory to start in.
    pub working_dir: Option<String>,
    /// User to run as.
    pub user: Option<String>,
    /// Labels of the container.
    pub labels: Option<BTreeMap<String, String>>,
    /// Signal that asks it to stop.
    pub stop_signal: Option<String>,
    /// Seconds between that signal and SIGKILL.
    pub stop_timeout: Option<u32>,
    /// "random" or "host"
    #[schema(value_type = Option<String>)]
    pub publish_mode: Option<PublishMode>,
    /// "missing", "always" or "never"
    #[schema(value_type = Option<String>)]
    pub pull_policy: Option<PullPolicy>,
    /// File systems to mount.
    pub mounts: Option<Vec<MountInput>>,
    /// Ignored.
    #[serde(rename = "ContainerID", skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub container_id: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub starts_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub finished_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub created_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub updated_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<u32>)]
    pub restart_count: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<Object>)]
    pub host_ports: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub node: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<u32>)]
    pub attempt: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<i64>)]
    pub exit_code: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub health: Option<IgnoredAny>,
    /// Ignored.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>)]
    pub message: Option<IgnoredAny>,
}

/// A mount as a user sends it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MountInput {
    /// "volume" (when absent), "bind" or "tmpfs".
    #[serde(rename = "Type", default)]
    #[schema(value_type = Option<String>)]
    pub kind: Option<MountKind>,
    /// Volume name or host path.
    #[serde(default)]
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may only read.
    #[serde(default)]
    pub read_only: bool,
}

/// A length of time: nanoseconds as in the Docker Engine API, or a text such as "10s".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "DurationText", into = "u64")]
#[schema(value_type = u64)]
pub struct Duration(pub std::time::Duration);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a length of time: whole nanoseconds, or a text such as \"10s\"")]
enum DurationText {
    Nanos(u64),
    Text(String),
}

impl TryFrom<DurationText> for Duration {
    type Error = String;

    fn try_from(text: DurationText) -> Result<Self, String> {
        match text {
            DurationText::Nanos(nanos) => Ok(Self(std::time::Duration::from_nanos(nanos))),
            DurationText::Text(text) => humantime::parse_duration(&text).map(Self).map_err(|error| {
                format!("{text:?} is no length of time, such as \"10s\" or \"1m 30s\": {error}")
            }),
        }
    }
}

impl From<Duration> for u64 {
    fn from(duration: Duration) -> Self {
        Self::try_from(duration.0.as_nanos()).unwrap_or(Self::MAX)
    }
}

/// What a `TaskEvent` asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Run this.
    Run(Box<TaskSpec>),
    /// Stop this one.
    Stop(TaskId),
}

/// Where bind mounts may come from: the setting `ORC_BIND_MOUNTS`.
#[derive(Debug, Clone, Default)]
pub struct BindRoots(pub Vec<PathBuf>);

impl TaskEventInput {
    /// SHA-256 of what is asked, in hexadecimal: the same for any spelling of the same JSON.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What is asked, checked. The error is a sentence.
    pub fn wanted(&self, roots: &BindRoots) -> Result<Wanted, String> {
        match self.state.unwrap_or(2) {
            0..=2 => self.task.spec(roots).map(|spec| Wanted::Run(Box::new(spec))),
            3 => self.task.id.map(Wanted::Stop).ok_or_else(|| {
                "Task.ID is missing: State 3 stops a task, and says by its ID which one".to_owned()
            }),
            state => Err(format!("State is {state}: 1 or 2 ask for the task to run, 3 asks for it to stop")),
        }
    }
}

impl TaskInput {
    fn spec(&self, roots: &BindRoots) -> Result<TaskSpec, String> {
        if let Some(state) = self.state.filter(|state| state_of_number(*state).is_none()) {
            return Err(format!(
                "Task.State is {state}: 0 pending, 1 scheduled, 2 running, 3 completed and -1 failed are"
            ));
        }
        Ok(TaskSpec {
            name: self.checked_name()?,
            image: self.checked_image()?,
            cpu: self.checked_cpu()?,
            memory: self.checked_memory()?,
            disk: unsigned("Task.Disk", self.disk)?,
            exposed_ports: self.exposed_ports.clone(),
            port_bindings: self.port_bindings.clone(),
            publish_mode: self.publish_mode.unwrap_or_default(),
            restart_policy: self.restart_policy.unwrap_or_default(),
            health_check: self.checked_health()?,
            cmd: plain_list("Task.Cmd", self.cmd.as_ref())?,
            entrypoint: plain_list("Task.Entrypoint", self.entrypoint.as_ref())?,
            env: self.checked_env()?,
            working_dir: self.checked_working_dir()?,
            user: plain("Task.User", self.user.as_deref().unwrap_or_default())?,
            labels: self.checked_labels()?,
            stop_signal: self.checked_signal()?,
            stop_timeout: self.checked_stop_timeout()?,
            pull_policy: self.pull_policy.unwrap_or_default(),
            mounts: self.checked_mounts(roots)?,
        })
    }

    fn checked_name(&self) -> Result<String, String> {
        let name = self.name.as_deref().unwrap_or_default();
        if is_docker_name(name) && name.len() <= 128 {
            return Ok(name.to_owned());
        }
        let shown: String = name.chars().take(64).collect();
        Err(match name {
            "" => "Task.Name is missing: it is the container's name, such as \"web\"".to_owned(),
            _ => format!(
                "Task.Name is {shown:?}: a container's name is 2 to 128 of the characters a-z A-Z 0-9 _ . - and begins \
                 with a letter or digit"
            ),
        })
    }

    fn checked_image(&self) -> Result<String, String> {
        let image = self.image.as_deref().unwrap_or_default();
        let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
        if !image.is_empty()
            && image.len() <= 512
            && image.bytes().all(lawful)
            && image.as_bytes()[0].is_ascii_alphanumeric()
        {
            return Ok(image.to_owned());
        }
        let shown: String = image.chars().take(64).collect();
        Err(match image {
            "" => "Task.Image is missing: it names what to run, such as \"nginx:1.29\"".to_owned(),
            _ => format!(
                "Task.Image is {shown:?}: an image reference is such as \"nginx:1.29\" or \"registry:5000/team/app@sha256:…\""
            ),
        })
    }

    fn checked_cpu(&self) -> Result<f64, String> {
        let cpu = self.cpu.unwrap_or(0.0);
        if cpu == 0.0 || (0.001..=4096.0).contains(&cpu) {
            return Ok(cpu);
        }
        Err(format!("Task.CPU is {cpu}: a number of cores from 0.001 to 4096 is wanted, or 0 for no limit"))
    }

    fn checked_memory(&self) -> Result<u64, String> {
        const LEAST: u64 = 6 * 1024 * 1024;
        let memory = unsigned("Task.Memory", self.memory)?;
        if memory == 0 || memory >= LEAST {
            return Ok(memory);
        }
        Err(format!("Task.Memory is {memory} bytes: Docker's least is {LEAST} (6 MiB); 0 means no limit"))
    }

    fn checked_health(&self) -> Result<Option<HealthCheck>, String> {
        let path = self.health_check.as_deref().unwrap_or_default();
        if path.is_empty() {
            return Ok(None);
        }
        let lawful = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if !path.starts_with('/') || path.len() > 2048 || !path.bytes().all(lawful) {
            let shown: String = path.chars().take(64).collect();
            return Err(format!(
                "Task.HealthCheck is {shown:?}: it is the path of an HTTP GET and begins with /, such as \"/health\""
            ));
        }
        let duration = |given: Option<Duration>, default| {
            given.map(|given| given.0).filter(|given| !given.is_zero()).unwrap_or(default)
        };
        let interval = duration(self.interval, HealthCheck::DEFAULT_INTERVAL);
        let timeout = duration(self.timeout, HealthCheck::DEFAULT_TIMEOUT);
        let start_period = duration(self.start_period, std::time::Duration::ZERO);
        let least = std::time::Duration::from_millis(1);
        let most = std::time::Duration::from_hours(24);
        for (name, value) in [("Interval", interval), ("Timeout", timeout)] {
            if value < least || value > most {
                return Err(format!(
                    "Task.{name} is {value:?}: from 1ms to 24h is possible (whole nanoseconds, or a text such as \"10s\")"
                ));
            }
        }
        if start_period > most {
            return Err(format!("Task.StartPeriod is {start_period:?}: 24h is the most"));
        }
        Ok(Some(HealthCheck {
            path: path.to_owned(),
            interval_ms: millis(interval),
            timeout_ms: millis(timeout),
            retries: self.retries.filter(|retries| *retries > 0).unwrap_or(HealthCheck::DEFAULT_RETRIES),
            start_period_ms: millis(start_period),
        }))
    }

    fn checked_env(&self) -> Result<Vec<String>, String> {
        let lines = self.env.clone().unwrap_or_default();
        for (index, line) in lines.iter().enumerate() {
            let name = line.split('=').next().unwrap_or_default();
            if name.is_empty() || line.contains('\0') || name.chars().any(char::is_control) {
                let shown: String = name.chars().take(64).collect();
                return Err(format!("Task.Env[{index}] begins {shown:?}: each line is NAME=value"));
            }
        }
        Ok(lines)
    }

    fn checked_working_dir(&self) -> Result<String, String> {
        let dir = plain("Task.WorkingDir", self.working_dir.as_deref().unwrap_or_default())?;
        if dir.is_empty() || dir.starts_with('/') {
            return Ok(dir);
        }
        Err(format!("Task.WorkingDir is {dir:?}: an absolute path is wanted, such as \"/srv\""))
    }

    fn checked_labels(&self) -> Result<BTreeMap<String, String>, String> {
        let labels = self.labels.clone().unwrap_or_default();
        for (key, value) in &labels {
            plain("Task.Labels", key)?;
            if key.is_empty() || value.contains('\0') {
                return Err(format!("Task.Labels[{key:?}]: a label has a name, and no NUL in its value"));
            }
            if key.starts_with("orc.") {
                return Err(format!(
                    "Task.Labels[{key:?}]: names that begin with \"orc.\" are orc's own; choose another"
                ));
            }
        }
        Ok(labels)
    }

    fn checked_signal(&self) -> Result<String, String> {
        let signal = self.stop_signal.as_deref().unwrap_or_default();
        if signal.len() <= 16
            && signal.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-".contains(&byte))
        {
            return Ok(signal.to_owned());
        }
        let shown: String = signal.chars().take(32).collect();
        Err(format!("Task.StopSignal is {shown:?}: a signal is such as \"SIGTERM\" or \"15\""))
    }

    fn checked_stop_timeout(&self) -> Result<Option<u32>, String> {
        match self.stop_timeout {
            Some(seconds) if seconds > 86_400 => {
                Err(format!("Task.StopTimeout is {seconds}: it is in seconds, and 86400 (a day) is the most"))
            }
            timeout => Ok(timeout),
        }
    }

    fn checked_mounts(&self, roots: &BindRoots) -> Result<Vec<Mount>, String> {
        let mounts = self.mounts.iter().flatten().enumerate();
        mounts.map(|(index, mount)| mount.checked(&format!("Task.Mounts[{index}]"), roots)).collect()
    }
}

impl MountInput {
    fn checked(&self, place: &str, roots: &BindRoots) -> Result<Mount, String> {
        let kind = self.kind.unwrap_or(MountKind::Volume);
        let target = plain(&format!("{place}.Target"), &self.target)?;
        if !is_clean_absolute(Path::new(&target)) || target == "/" {
            return Err(format!(
                "{place}.Target is {target:?}: an absolute path in the container is wanted, without .. and not / itself"
            ));
        }
        match kind {
            MountKind::Volume if !is_docker_name(&self.source) => {
                return Err(format!(
                    "{place}.Source is {:?}: a volume's name is wanted, such as \"data\"",
                    self.source
                ));
            }
            MountKind::Tmpfs if !self.source.is_empty() => {
                return Err(format!(
                    "{place}.Source is {:?}: a tmpfs is memory and has no source",
                    self.source
                ));
            }
            MountKind::Bind if !roots.allow(Path::new(&self.source)) => {
                return Err(format!(
                    "{place}.Source is {:?}: a bind mount may come only from under a directory that the operator \
                     allowed with ORC_BIND_MOUNTS ({}); a volume needs no such leave",
                    self.source,
                    roots.in_words()
                ));
            }
            _ => {}
        }
        Ok(Mount { kind, source: self.source.clone(), target, read_only: self.read_only })
    }
}

impl BindRoots {
    /// Whether a bind mount may come from `path`.
    pub fn allow(&self, path: &Path) -> bool {
        is_clean_absolute(path) && self.0.iter().any(|root| path.starts_with(root))
    }

    fn in_words(&self) -> String {
        let roots: Vec<String> = self.0.iter().map(|root| root.display().to_string()).collect();
        if roots.is_empty() { "none is".to_owned() } else { roots.join(", ") }
    }
}

/// Whether a path is absolute and says what it means: no `.`, no `..`.
fn is_clean_absolute(path: &Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    path.is_absolute()
        && !text.contains('\0')
        && !text.contains("//")
        && text.split('/').all(|part| part != "." && part != "..")
        && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

fn unsigned(field: &str, value: Option<i64>) -> Result<u64, String> {
    u64::try_from(value.unwrap_or(0)).map_err(|_| {
        format!("{field} is {}: a number of bytes is not negative; 0 means no limit", value.unwrap_or(0))
    })
}

fn plain(field: &str, text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{field} is {text:?}: no control characters are possible in it"));
    }
    Ok(text.to_owned())
}

fn plain_list(field: &str, list: Option<&Vec<String>>) -> Result<Option<Vec<String>>, String> {
    match list {
        Some(words) if words.iter().any(|word| word.contains('\0')) => {
            Err(format!("{field} has a NUL in it, which no argument can have"))
        }
        list => Ok(list.filter(|words| !words.is_empty()).cloned()),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
