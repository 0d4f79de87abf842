//! The benchmarks: each row a ratio to its floor in the same run.

mod placement;

fn main() {
    placement::run();
}
