//! Programs that are run inside the fake engine's containers.

use super::host::Host;
use super::image::Command;
use crate::engine::{EXEC_OUTPUT, Executed};
use crate::model::container::{ContainerStatus, Failure};
use crate::model::id::{ContainerId, ExecId};

/// A program that was begun and has not ended.
#[derive(Debug, Clone)]
pub(super) struct Exec {
    container: ContainerId,
    /// In which of its lives.
    life: u32,
}

impl Host {
    /// `POST /containers/{id}/exec`, `POST /exec/{id}/start`: what comes of it, at once or not at all.
    pub(super) fn exec(&mut self, id: &ContainerId, command: &[String]) -> Result<Executed, Failure> {
        let container = self.find(&id.0)?;
        match container.status {
            ContainerStatus::Running => {}
            ContainerStatus::Paused => {
                return Err(Failure::Conflict(format!(
                    "Container {id} is paused, unpause the container before exec"
                )));
            }
            _ => return Err(Failure::Conflict(format!("Container {id} is not running"))),
        }
        match container.program.commands.get(command).cloned() {
            Some(Command::Ends(code, mut output)) => {
                output.truncate(EXEC_OUTPUT);
                Ok(Executed::Ended { code, output })
            }
            Some(Command::Hangs) => {
                let (container, life) = (id.clone(), container.body.lives);
                let exec = ExecId(format!("{:064x}", self.execs.len() + 1));
                self.execs.insert(exec.clone(), Exec { container, life });
                Ok(Executed::Runs(exec))
            }
            None => {
                let program = command.first().map(String::as_str).unwrap_or_default();
                let output = format!("OCI runtime exec failed: exec: {program:?}: no such file or directory");
                Ok(Executed::Ended { code: 127, output })
            }
        }
    }

    /// `GET /exec/{id}/json`.
    pub(super) fn exec_runs(&self, id: &ExecId) -> Result<bool, Failure> {
        let missing = || Failure::Missing(format!("No such exec instance: {}", id.0));
        let exec = self.execs.get(id).ok_or_else(missing)?;
        let container = self.find(&exec.container.0).map_err(|_| missing())?;
        Ok(container.status.is_live() && container.body.lives == exec.life)
    }
}
