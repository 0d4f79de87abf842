//! What the figures were measured on, and what a process takes of it.

use std::fs;

use anyhow::Context;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which is 100 wherever Linux runs Docker.
const TICKS: f64 = 100.0;

/// The machine in a line.
pub(crate) fn describe(engine: &str) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cpu = cpu.trim_start_matches([' ', '\t', ':']);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{cores} cores ({cpu}), Linux {}, Docker Engine {engine}, orc {}, load {load} at the start",
        kernel.trim(),
        env!("CARGO_PKG_VERSION"),
    ))
}

/// Seconds of CPU that a process has had, all its threads together.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before may hold anything, even a parenthesis. utime and stime are fields 14 and 15 of all.
    let (_, after) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks = after.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

/// Resident memory of a process in MB, now (`VmRSS`) or at its most (`VmHWM`).
pub(crate) fn memory(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib =
        line.and_then(|line| line.trim().strip_suffix(" kB")).context("/proc/PID/status has no such line")?;
    Ok(kib.trim().parse::<f64>()? * 1024.0 / 1e6)
}
