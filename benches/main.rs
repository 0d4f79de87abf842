//! The benchmarks: what orc promises of speed and size, each beside its floor in the same run where it has one.

mod report;
mod rig;
mod rows;

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use clap::Parser;
use futures_util::FutureExt;
use orc::settings::Settings;
use orc::settings::flags::ServerFlags;
use tikv_jemallocator::Jemalloc;
use tokio::signal::unix::{SignalKind, signal};

use crate::report::row::Row;
use crate::report::table::{self, Style};
use crate::rig::forward::Play;
use crate::rig::{bare::Bare, machine};
use crate::rows::{
    hundred, idle, idle_workers, million, node_loss, one, placement, port, recover, restart, submit,
};

/// orc's own: what asks must not be what is slow.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A line on stderr about what is being done.
#[macro_export]
macro_rules! progress {
    ($($text:tt)*) => { eprintln!($($text)*) };
}

/// Measures what orc promises: cargo bench -- [ROW]…
#[derive(Parser)]
struct Args {
    /// Only these rows, or those whose names begin so
    rows: Vec<String>,
    /// Write the table as Markdown
    #[arg(long)]
    markdown: bool,
    /// Be a part of a measurement
    #[arg(long, hide = true)]
    play: Option<Play>,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured together.
#[derive(Debug, Clone, Copy)]
enum Group {
    One,
    Hundred,
    Restart,
    Submit,
    Placement,
    Idle,
    Recover,
    IdleWorkers,
    NodeLoss,
    Million,
    Port,
}

/// Each group with the names of its rows.
const GROUPS: [(Group, &[&str]); 11] = [
    (Group::One, &["start", "stop"]),
    (Group::Hundred, &["start-100", "stop-100"]),
    (Group::Restart, &["restart"]),
    (Group::Submit, &["submit-1", "submit-64"]),
    (Group::Placement, &["place-roundrobin", "place-greedy", "place-epvm", "place-spread", "place-binpack"]),
    (Group::Idle, &["idle-cpu", "idle-memory"]),
    (Group::Recover, &["recover"]),
    (Group::IdleWorkers, &["idle-workers-cpu", "idle-workers-return"]),
    (Group::NodeLoss, &["node-loss-seen", "node-loss-moved"]),
    (Group::Million, &["placement-1m-time", "placement-1m-memory"]),
    (
        Group::Port,
        &[
            "port-connections-docker-proxy",
            "port-connections-haproxy",
            "port-stream-docker-proxy",
            "port-stream-haproxy",
        ],
    ),
];

impl Args {
    /// A row by its name, several by what their names begin with.
    fn selects(&self, name: &str) -> bool {
        let begins = |part: &String| name.starts_with(part) && names().all(|other| other != part);
        self.rows.is_empty() || self.rows.iter().any(|part| part == name || begins(part))
    }

    fn style(&self) -> Style {
        if self.markdown { Style::Markdown } else { Style::Terminal }
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(_, names)| names.iter().copied())
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(part) = args.play {
        return part.run();
    }
    // One thread: the load leaves the other cores to what it measures.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&args))
}

async fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(
        names().any(|name| args.selects(name)),
        "the rows are {}",
        names().collect::<Vec<_>>().join(", ")
    );
    let settings = Settings::load(&ServerFlags::default(), std::env::vars_os(), Path::new(".env"))?;
    let bare = Bare::connect(&settings).await?;
    let machine = machine::describe(&bare.version().await?)?;
    let measured = tokio::select! {
        measured = AssertUnwindSafe(measure(args, &bare)).catch_unwind() => measured,
        interrupted = interruption() => Ok(Err(interrupted)),
    };
    bare.clean().await?;
    let rows = measured.unwrap_or_else(|_| Err(anyhow!("a benchmark panicked")))?;
    let text = table::render(&machine, &rows, args.style());
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// SIGINT or SIGTERM: what runs is removed first.
async fn interruption() -> anyhow::Error {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    anyhow!("interrupted")
}

async fn measure(args: &Args, bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (group, _) in GROUPS.iter().filter(|(_, names)| names.iter().any(|name| args.selects(name))) {
        let measured = match group {
            Group::One => one::run(bare).await,
            Group::Hundred => hundred::run(bare).await,
            Group::Restart => restart::run(bare).await,
            Group::Submit => submit::run(bare).await,
            Group::Placement => Ok(placement::run()),
            Group::Idle => idle::run(bare).await,
            Group::Recover => recover::run(bare).await,
            Group::IdleWorkers => idle_workers::run(bare).await,
            Group::NodeLoss => node_loss::run().await,
            Group::Million => million::run(bare).await,
            Group::Port => port::run().await,
        };
        rows.extend(measured.with_context(|| format!("{group:?} could not be measured"))?);
        // An orc that was killed at the end of its group may have left something.
        bare.clean().await?;
    }
    rows.retain(|row| args.selects(&row.name));
    Ok(rows)
}
