//! `/stats` of a worker in JSON: the keys are those of the Go library goprocinfo, which the seed's users know.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// How loaded a worker's machine is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Stats {
    /// kB, from /proc/meminfo.
    #[schema(value_type = Object)]
    pub mem_stats: MemStats,
    /// Bytes, of `/`.
    pub disk_stats: DiskStats,
    /// Jiffies, from the first line of /proc/stat.
    #[serde(rename = "CPUStats")]
    pub cpu_stats: CpuStats,
    /// From /proc/loadavg.
    pub load_stats: LoadStats,
    /// Live tasks of this worker.
    pub task_count: usize,
}

/// Memory in kB by key, in goprocinfo's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemStats(pub Vec<(Cow<'static, str>, u64)>);

impl MemStats {
    /// The value of a key; 0 when there is none.
    pub fn get(&self, key: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == key).map_or(0, |(_, value)| *value)
    }
}

impl Serialize for MemStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for MemStats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Keeps the keys as they came.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = MemStats;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MemStats, A::Error> {
        let mut values = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, u64>()? {
            values.push((Cow::Owned(key), value));
        }
        Ok(MemStats(values))
    }
}

/// The file system at `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskStats {
    /// Bytes in all.
    pub all: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes free.
    pub free: u64,
    /// Inodes free.
    pub free_inodes: u64,
}

/// Time spent by all processors since boot, in jiffies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct CpuStats {
    /// `cpu`
    pub id: String,
    /// In user mode.
    pub user: u64,
    /// In user mode at low priority.
    pub nice: u64,
    /// In kernel mode.
    pub system: u64,
    /// Idle.
    pub idle: u64,
    /// Idle, waiting for I/O.
    pub iowait: u64,
    /// Serving interrupts.
    pub irq: u64,
    /// Serving soft interrupts.
    pub softirq: u64,
    /// Taken by other guests of the same host.
    pub steal: u64,
    /// Running guests.
    pub guest: u64,
    /// Running guests at low priority.
    pub guest_nice: u64,
}

/// The queue for the processors.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct LoadStats {
    /// Average over a minute.
    pub last1min: f64,
    /// Over five.
    pub last5min: f64,
    /// Over fifteen.
    pub last15min: f64,
    /// Runnable now.
    pub process_running: u64,
    /// There are in all.
    pub process_total: u64,
    /// Given last.
    pub last_pid: u64,
}
