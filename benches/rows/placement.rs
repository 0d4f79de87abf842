//! How long each scheduler takes for many tasks on many nodes, in one pass.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use orc::model::node::{Availability, NodeLoad, NodeState, SchedulerKind};
use orc::model::spec::TaskSpec;
use orc::plan::schedule::{Candidate, Pass, Usage};

use crate::progress;
use crate::report::row::{Row, Verdict};

const GIB: u64 = 1 << 30;

/// How much is placed on how much.
struct Size {
    tasks: u64,
    nodes: u64,
}

/// What the tasks ask for.
#[derive(Debug, Clone, Copy)]
enum Shapes {
    /// All the same.
    Equal,
    /// No two alike.
    Distinct,
    /// No two alike, and more in all than there is room for.
    TooMany,
}

/// A row for each scheduler: the slowest of the kinds of tasks.
pub(crate) fn run() -> Vec<Row> {
    SchedulerKind::ALL.iter().map(|kind| row(*kind)).collect()
}

fn row(kind: SchedulerKind) -> Row {
    let size = Size { tasks: 100_000, nodes: 1_000 };
    let times = [Shapes::Equal, Shapes::Distinct, Shapes::TooMany].map(|shapes| seconds(kind, shapes, &size));
    let most = times.into_iter().fold(0.0, f64::max);
    let large = seconds(kind, Shapes::Distinct, &Size { tasks: 1_000_000, nodes: 5_000 });
    Row {
        name: format!("place-{}", kind.word()),
        what: "placement in memory, 100,000 tasks on 1,000 nodes",
        figure: format!("{most:.2} s"),
        target: "≤ 2 s".to_owned(),
        verdict: Verdict::at_most(most, 2.0),
        beside: format!(
            "equal tasks {:.2} s, distinct {:.2} s, more than fit {:.2} s; 1,000,000 distinct on 5,000 nodes {large:.1} s",
            times[0], times[1], times[2],
        ),
    }
}

fn seconds(kind: SchedulerKind, shapes: Shapes, size: &Size) -> f64 {
    let mut random = 7;
    let mut pass = Pass::new(kind, (0..size.nodes).map(|at| node(at, &mut random)).collect(), None);
    let specs: Vec<TaskSpec> =
        (0..size.tasks).map(|_| spec(shapes, size.tasks / size.nodes, &mut random)).collect();
    let start = Instant::now();
    let placed = specs.iter().filter(|spec| black_box(pass.place(spec, None)).is_ok()).count();
    let took = start.elapsed().as_secs_f64();
    progress!(
        "placement: {} {shapes:?}, {placed} of {} tasks placed in {took:.2} s",
        kind.word(),
        size.tasks
    );
    took
}

/// 64 cores, 256 GiB, more or less.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn node(at: u64, random: &mut u64) -> Candidate {
    Candidate {
        name: format!("node-{at:04}").parse().expect("a node's name"),
        state: NodeState::Ready,
        availability: Availability::Active,
        cores: (32 + next(random) % 64) as f64,
        memory: 256 * GIB + next(random) % GIB,
        disk: 10_000 * GIB,
        load: NodeLoad {
            cpu: (next(random) % 1000) as f64 / 2000.0,
            memory: 8 * GIB + next(random) % (32 * GIB),
            disk: 100 * GIB,
        },
        usage: Usage::default(),
        description: Arc::default(),
    }
}

/// A task that `per_node` of would fit on a node.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn spec(shapes: Shapes, per_node: u64, random: &mut u64) -> TaskSpec {
    let (thousandths, memory) = match shapes {
        Shapes::Equal => (24_000 / per_node, 192 * GIB / per_node),
        Shapes::Distinct => distinct(32_000 / per_node, 256 * GIB / per_node, random),
        Shapes::TooMany => distinct(128_000 / per_node, 512 * GIB / per_node, random),
    };
    let json = serde_json::json!({ "Name": "bench", "Image": "none", "CPU": thousandths as f64 / 1000.0,
        "Memory": memory, "Disk": GIB });
    serde_json::from_value(json).expect("a specification")
}

fn distinct(thousandths: u64, memory: u64, random: &mut u64) -> (u64, u64) {
    (1 + next(random) % (2 * thousandths), next(random) % (2 * memory))
}

/// xorshift64: repeats from run to run.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
