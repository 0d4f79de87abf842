//! What a node keeps for a task, in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::unsigned;
use super::submission::TaskInput;
use crate::model::spec::Reserve as ReserveRow;

/// What placement counts with, where that is not the limits. They are what is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Reserve {
    /// Cores; 0 = none, absent = `CPU`.
    #[serde(rename = "CPU", skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Bytes; 0 = none, absent = `Memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
}

impl TaskInput {
    /// What is kept for it beside limits that are checked; `None` = those.
    pub(super) fn checked_reserve(&self) -> Result<Option<ReserveRow>, String> {
        let Some(Reserve { cpu, memory }) = self.reserve else { return Ok(None) };
        let (most_cpu, most_memory) = (self.cpu.unwrap_or_default(), self.memory.unwrap_or_default());
        if let Some(cpu) = cpu.filter(|cpu| !(0.0..=4096.0).contains(cpu)) {
            return Err(format!("Task.Reserve.CPU is {cpu}: a number of cores from 0 to 4096 is wanted"));
        }
        if let Some(cpu) = cpu.filter(|cpu| most_cpu > 0.0 && *cpu > most_cpu) {
            return Err(above("Task.Reserve.CPU", cpu, "Task.CPU", most_cpu));
        }
        if let Some(memory) = memory.filter(|memory| most_memory > 0 && *memory > most_memory) {
            return Err(above("Task.Reserve.Memory", memory, "Task.Memory", most_memory));
        }
        let memory = memory.map(|bytes| unsigned("Task.Reserve.Memory", Some(bytes))).transpose()?;
        Ok(Some(ReserveRow { cpu, memory }).filter(|reserve| *reserve != ReserveRow::default()))
    }
}

fn above<T: std::fmt::Display>(field: &str, value: T, limit: &str, most: T) -> String {
    format!("{field} is {value} and above {limit}, {most}: what a task may not use need not be kept for it")
}

impl From<&ReserveRow> for Reserve {
    fn from(reserve: &ReserveRow) -> Self {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        Self { cpu: reserve.cpu, memory: reserve.memory.map(signed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::strict::decode;

    fn reserve(fields: &str) -> Result<Option<ReserveRow>, String> {
        let task: TaskInput =
            decode(format!("{{{fields}}}").as_bytes()).map_err(|error| error.to_string())?;
        task.checked_reserve()
    }

    #[test]
    fn less_than_the_limit_is_reserved_or_anything_where_there_is_none() {
        let row = |cpu, memory| Ok(Some(ReserveRow { cpu, memory }));
        assert_eq!(reserve(r#""CPU":2,"Reserve":{"CPU":0.5}"#), row(Some(0.5), None));
        assert_eq!(reserve(r#""Reserve":{"CPU":2,"Memory":9}"#), row(Some(2.0), Some(9)));
        assert_eq!(reserve(r#""Memory":9000000,"Reserve":{"Memory":0}"#), row(None, Some(0)));
        assert_eq!(reserve(r#""Reserve":{}"#), Ok(None));
        for (fields, says) in [
            (r#""CPU":1,"Reserve":{"CPU":2}"#, "Task.Reserve.CPU is 2 and above Task.CPU, 1"),
            (r#""Memory":8,"Reserve":{"Memory":9}"#, "Task.Reserve.Memory is 9 and above Task.Memory, 8"),
            (r#""Reserve":{"CPU":-1}"#, "Task.Reserve.CPU is -1"),
            (r#""Reserve":{"Memory":-1}"#, "Task.Reserve.Memory is -1"),
        ] {
            let problem = reserve(fields).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
