//! The machine that a worker is on: what it has, and how loaded it is, from /proc and the file system at `/`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use rustix::fs::statvfs;

use crate::model::node::{NodeFacts, NodeLoad};
use crate::wire::stats::{CpuStats, DiskStats, LoadStats, MemStats, Stats};

/// The keys of goprocinfo, in its order, and the lines of /proc/meminfo that they come from.
#[rustfmt::skip]
const MEMORY_KEYS: &[(&str, &str)] = &[
    ("mem_total", "MemTotal"), ("mem_free", "MemFree"), ("mem_available", "MemAvailable"), ("buffers", "Buffers"),
    ("cached", "Cached"), ("swap_cached", "SwapCached"), ("active", "Active"), ("inactive", "Inactive"),
    ("active_anon", "Active(anon)"), ("inactive_anon", "Inactive(anon)"), ("active_file", "Active(file)"),
    ("inactive_file", "Inactive(file)"), ("unevictable", "Unevictable"), ("mlocked", "Mlocked"),
    ("swap_total", "SwapTotal"), ("swap_free", "SwapFree"), ("dirty", "Dirty"), ("write_back", "Writeback"),
    ("anon_pages", "AnonPages"), ("mapped", "Mapped"), ("shmem", "Shmem"), ("slab", "Slab"),
    ("s_reclaimable", "SReclaimable"), ("s_unclaim", "SUnreclaim"), ("kernel_stack", "KernelStack"),
    ("page_tables", "PageTables"), ("nfs_unstable", "NFS_Unstable"), ("bounce", "Bounce"),
    ("writeback_tmp", "WritebackTmp"), ("commit_limit", "CommitLimit"), ("committed_as", "Committed_AS"),
    ("vmalloc_total", "VmallocTotal"), ("vmalloc_used", "VmallocUsed"), ("vmalloc_chunk", "VmallocChunk"),
    ("hardware_corrupted", "HardwareCorrupted"), ("anon_huge_pages", "AnonHugePages"),
    ("huge_pages_total", "HugePages_Total"), ("huge_pages_free", "HugePages_Free"),
    ("huge_pages_rsvd", "HugePages_Rsvd"), ("huge_pages_surp", "HugePages_Surp"), ("hugepagesize", "Hugepagesize"),
    ("direct_map_4k", "DirectMap4k"), ("direct_map_2M", "DirectMap2M"), ("direct_map_1G", "DirectMap1G"),
];

/// Reads how loaded the machine is, and remembers the processors' last counts to tell their use since.
#[derive(Debug, Default)]
pub struct Gauge {
    last: Mutex<Option<CpuStats>>,
}

impl Gauge {
    /// How loaded the machine is; the processors' share is over the time since the last call.
    pub fn load(&self, stats: &Stats) -> NodeLoad {
        let memory = |key: &str| stats.mem_stats.get(key) * 1024;
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cpu = last.as_ref().map_or(0.0, |last| cpu_use(last, &stats.cpu_stats));
        *last = Some(stats.cpu_stats.clone());
        NodeLoad {
            cpu,
            memory: memory("mem_total").saturating_sub(memory("mem_available")),
            disk: stats.disk_stats.used,
        }
    }
}

/// (Δtotal − Δidle)/Δtotal, idle being idle and waiting for I/O; 0 when no time has passed.
pub fn cpu_use(before: &CpuStats, after: &CpuStats) -> f64 {
    let idle = |stats: &CpuStats| stats.idle + stats.iowait;
    let busy = |stats: &CpuStats| {
        // Guests are counted in user and nice already.
        stats.user + stats.nice + stats.system + stats.irq + stats.softirq + stats.steal
    };
    let idle = idle(after).saturating_sub(idle(before));
    let busy = busy(after).saturating_sub(busy(before));
    let total = u32::try_from(idle + busy).unwrap_or(u32::MAX);
    if total == 0 {
        return 0.0;
    }
    f64::from(u32::try_from(busy).unwrap_or(u32::MAX)) / f64::from(total)
}

/// What `/stats` shows, of a worker with `task_count` live tasks.
pub fn stats(task_count: usize) -> Stats {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Stats {
        mem_stats: memory(&read("/proc/meminfo")),
        disk_stats: disk(),
        cpu_stats: processors(&read("/proc/stat")),
        load_stats: queue(&read("/proc/loadavg")),
        task_count,
    }
}

/// What the machine has, as far as it can be known without its engine.
pub fn facts() -> NodeFacts {
    let stats = stats(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = stats.mem_stats.get("mem_total") * 1024;
    NodeFacts {
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        memory,
        disk: stats.disk_stats.all,
        ..NodeFacts::default()
    }
}

/// Which boot of the machine this is.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn memory(meminfo: &str) -> MemStats {
    let lines = meminfo.lines().filter_map(|line| line.split_once(':'));
    let values: BTreeMap<&str, u64> = lines
        .filter_map(|(key, value)| Some((key, value.split_whitespace().next()?.parse().ok()?)))
        .collect();
    let value = |line: &str| values.get(line).copied().unwrap_or(0);
    MemStats(MEMORY_KEYS.iter().map(|(key, line)| (Cow::Borrowed(*key), value(line))).collect())
}

fn disk() -> DiskStats {
    let Ok(stat) = statvfs("/") else { return DiskStats::default() };
    let all = stat.f_blocks * stat.f_frsize;
    let free = stat.f_bfree * stat.f_frsize;
    DiskStats { all, used: all.saturating_sub(free), free, free_inodes: stat.f_ffree }
}

fn processors(stat: &str) -> CpuStats {
    let mut words = stat.lines().next().unwrap_or_default().split_whitespace();
    let id = words.next().unwrap_or_default().to_owned();
    let mut next = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    CpuStats {
        id,
        user: next(),
        nice: next(),
        system: next(),
        idle: next(),
        iowait: next(),
        irq: next(),
        softirq: next(),
        steal: next(),
        guest: next(),
        guest_nice: next(),
    }
}

fn queue(loadavg: &str) -> LoadStats {
    let words: Vec<&str> = loadavg.split_whitespace().collect();
    let average = |index: usize| words.get(index).and_then(|word| word.parse().ok()).unwrap_or(0.0);
    let (running, total) = words.get(3).and_then(|word| word.split_once('/')).unwrap_or(("0", "0"));
    LoadStats {
        last1min: average(0),
        last5min: average(1),
        last15min: average(2),
        process_running: running.parse().unwrap_or(0),
        process_total: total.parse().unwrap_or(0),
        last_pid: words.get(4).and_then(|word| word.parse().ok()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_the_share_of_time_that_was_not_idle() {
        let before = processors("cpu  100 10 50 1000 40 3 2 1 5 0\ncpu0 …");
        let after = processors("cpu  160 10 70 1200 60 3 2 1 9 0\n");
        assert_eq!((before.user, before.iowait, before.guest), (100, 40, 5));
        // Busy: (160+10+70+3+2+1) − (100+10+50+3+2+1) = 80; idle: (1200+60) − (1000+40) = 220.
        assert!((cpu_use(&before, &after) - 80.0 / 300.0).abs() < 1e-12);
        assert!(cpu_use(&before, &before).abs() < 1e-12);
    }

    #[test]
    fn memory_has_every_key_of_goprocinfo() {
        let memory = memory("MemTotal:       24000000 kB\nActive(anon):  7 kB\nHugePages_Total:   3\n");
        assert_eq!(memory.0.len(), 44);
        assert_eq!(memory.get("mem_total"), 24_000_000);
        assert_eq!(memory.get("active_anon"), 7);
        assert_eq!(memory.get("huge_pages_total"), 3);
        assert_eq!(memory.get("swap_free"), 0);
        let json = serde_json::to_string(&memory).unwrap();
        assert!(
            json.starts_with(r#"{"mem_total":24000000,"mem_free":0,"mem_available":0,"buffers":0"#),
            "{json}"
        );
    }

    #[test]
    fn this_machine_shows_live_values() {
        let stats = stats(3);
        assert!(stats.mem_stats.get("mem_total") > 0);
        assert!(stats.disk_stats.all > stats.disk_stats.free);
        assert_eq!(stats.cpu_stats.id, "cpu");
        assert!(stats.load_stats.process_total > 0 && stats.load_stats.last_pid > 0);
        assert_eq!(stats.task_count, 3);
        assert_eq!(boot_id().len(), 36);
    }

    #[test]
    fn the_load_average_is_read_whole() {
        let load = queue("0.50 1.25 2.00 3/456 7890\n");
        assert_eq!((load.last1min, load.last5min, load.last15min), (0.5, 1.25, 2.0));
        assert_eq!((load.process_running, load.process_total, load.last_pid), (3, 456, 7890));
    }
}
