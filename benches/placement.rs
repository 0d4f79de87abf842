//! How long each scheduler takes for many tasks on many nodes, in one pass.

use std::hint::black_box;
use std::time::Instant;

use orc::model::node::{Availability, NodeLoad, NodeState, SchedulerKind};
use orc::model::spec::TaskSpec;
use orc::plan::schedule::{Candidate, Pass, Usage};

const GIB: u64 = 1 << 30;

/// How much is placed on how much.
struct Size {
    tasks: u64,
    nodes: u64,
}

/// What the tasks ask for.
#[derive(Clone, Copy)]
enum Shapes {
    /// All the same.
    Equal,
    /// No two alike.
    Distinct,
    /// No two alike, and more in all than there is room for.
    TooMany,
}

/// Prints a row for each scheduler, size, and kind of tasks.
pub(crate) fn run() {
    let usual = Size { tasks: 100_000, nodes: 1_000 };
    let large = Size { tasks: 1_000_000, nodes: 5_000 };
    for kind in SchedulerKind::ALL {
        for shapes in [Shapes::Equal, Shapes::Distinct, Shapes::TooMany] {
            row(kind, shapes, &usual);
        }
        row(kind, Shapes::Distinct, &large);
    }
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark prints its figures")]
fn row(kind: SchedulerKind, shapes: Shapes, size: &Size) {
    let mut random = 7;
    let mut pass = Pass::new(kind, (0..size.nodes).map(|at| node(at, &mut random)).collect(), None);
    let specs: Vec<TaskSpec> =
        (0..size.tasks).map(|_| spec(shapes, size.tasks / size.nodes, &mut random)).collect();
    let start = Instant::now();
    let placed = specs.iter().filter(|spec| black_box(pass.place(spec, None)).is_ok()).count();
    let took = start.elapsed();
    let shapes = match shapes {
        Shapes::Equal => "equal",
        Shapes::Distinct => "distinct",
        Shapes::TooMany => "too many",
    };
    println!(
        "placement {:<10} {shapes:<8} {:>7} tasks on {:>4} nodes: {:>6.2} s, {:>6.2} µs a task, {placed} placed",
        kind.word(),
        size.tasks,
        size.nodes,
        took.as_secs_f64(),
        took.as_secs_f64() * 1e6 / size.tasks as f64,
    );
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
