//! What orc takes while a hundred tasks run and nothing happens.

use std::time::{Duration, Instant};

use crate::progress;
use crate::report::row::{Row, Verdict};
use crate::rig::Orc;
use crate::rig::bare::Bare;
use crate::rig::machine;

const TASKS: usize = 100;

/// What starting them left behind has settled by then.
const SETTLE: Duration = Duration::from_secs(10);

const LENGTH: Duration = Duration::from_secs(30);

/// Both rows: manager and worker in one process.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let mut orc = Orc::start(bare).await?;
    progress!("idle: starting {TASKS} tasks");
    let (_, tasks) = orc.start_many(TASKS).await?;
    progress!("idle: watching for {} s", LENGTH.as_secs());
    tokio::time::sleep(SETTLE).await;
    let pid = orc.server.pid()?;
    let (begin, before) = (Instant::now(), machine::cpu_seconds(pid)?);
    tokio::time::sleep(LENGTH).await;
    let cpu = (machine::cpu_seconds(pid)? - before) / begin.elapsed().as_secs_f64() * 100.0;
    let (now, most) = (machine::memory(pid, "VmRSS")?, machine::memory(pid, "VmHWM")?);
    orc.stop_many(&tasks).await?;
    Ok(vec![
        Row {
            name: "idle-cpu".to_owned(),
            what: "CPU of manager and worker, 100 tasks running",
            figure: format!("{cpu:.2} % of a core"),
            target: "≤ 1 %".to_owned(),
            verdict: Verdict::at_most(cpu, 1.0),
            beside: format!("over {} s, from /proc/PID/stat", LENGTH.as_secs()),
        },
        Row {
            name: "idle-memory".to_owned(),
            what: "memory of manager and worker, 100 tasks running",
            figure: format!("{now:.1} MB"),
            target: "≤ 40 MB".to_owned(),
            verdict: Verdict::at_most(now, 40.0),
            beside: format!("VmRSS; {most:.1} MB at its most (VmHWM)"),
        },
    ])
}
