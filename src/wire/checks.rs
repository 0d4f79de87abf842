//! From what a user sent to a specification: every value is checked once, here, and refused in a sentence that
//! names the field, what it is, and what would be right.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::image::is_reference;
use super::policy::Policy;
use super::submission::TaskInput;
use super::task::state_of_number;
use crate::model::id::is_docker_name;
use crate::model::placement::Placement;
use crate::model::spec::{Mount, TaskSpec};

impl TaskInput {
    /// The specification that it asks for, every value checked; the error is a sentence that names the field.
    pub(super) fn spec(&self, policy: &Policy) -> Result<TaskSpec, String> {
        if let Some(state) = self.state.filter(|state| state_of_number(*state).is_none()) {
            return Err(format!(
                "Task.State is {state}: 0 pending, 1 scheduled, 2 running, 3 completed and -1 failed are"
            ));
        }
        let labels = self.checked_labels()?;
        let (readiness, liveness) = self.checked_probes()?;
        let mounts = self.checked_mounts(policy)?;
        let (secrets, configs) = self.checked_files(&mounts)?;
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
            stop_signal: self.checked_signal()?,
            stop_timeout: self.checked_stop_timeout()?,
            pull_policy: self.pull_policy.unwrap_or_default(),
            mounts,
            placement: self
                .placement
                .as_ref()
                .map_or_else(|| Ok(Placement::default()), |given| given.checked(&labels))?,
            labels,
            failover: self.failover.unwrap_or_default(),
            readiness,
            liveness,
            options: self.checked_options(policy)?,
            reserve: self.checked_reserve()?,
            restarts: self.checked_restarts()?,
            secrets,
            configs,
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
        if is_reference(image) {
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
        if dir.is_empty() || is_clean_absolute(Path::new(&dir)) && !is_of_the_kernel(Path::new(&dir)) {
            return Ok(dir);
        }
        Err(format!(
            "Task.WorkingDir is {dir:?}: an absolute path is wanted, such as \"/srv\", without .. and not in /proc or /sys"
        ))
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

    fn checked_mounts(&self, policy: &Policy) -> Result<Vec<Mount>, String> {
        let mounts = self.mounts.iter().flatten().enumerate();
        mounts.map(|(index, mount)| mount.checked(&format!("Task.Mounts[{index}]"), policy)).collect()
    }
}

/// Whether a path is absolute and says what it means: no `.`, no `..`.
pub(super) fn is_clean_absolute(path: &Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    path.is_absolute()
        && !text.contains('\0')
        && !text.contains("//")
        && text.split('/').all(|part| part != "." && part != "..")
        && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// Whether a path is in a file system of the kernel's. Container runtimes were led out of their containers by a start
/// in `/proc/self/fd` (CVE-2024-21626) and by mounts over `/proc` (CVE-2019-16884, CVE-2023-28642).
pub(super) fn is_of_the_kernel(path: &Path) -> bool {
    path.starts_with("/proc") || path.starts_with("/sys")
}

pub(super) fn unsigned(field: &str, value: Option<i64>) -> Result<u64, String> {
    u64::try_from(value.unwrap_or(0)).map_err(|_| {
        format!("{field} is {}: a number of bytes is not negative; 0 means no limit", value.unwrap_or(0))
    })
}

pub(super) fn plain(field: &str, text: &str) -> Result<String, String> {
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
