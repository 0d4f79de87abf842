//! A history that breaks a promise, made as short as it gets and told so that a reader can follow it.

use crate::schedule::Schedule;
use crate::world::{Tracing, Violation, World};

/// Leaves out steps as long as the same promise is broken without them.
fn shortest(schedule: &Schedule, violation: &Violation) -> Schedule {
    let breaks = |shorter: &Schedule| {
        let played = World::play(shorter, None, Tracing::Off);
        played.result.is_err_and(|other| other.promise == violation.promise)
    };
    let mut shortest = schedule.clone();
    let mut chunk = shortest.steps.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < shortest.steps.len() {
            let mut shorter = shortest.clone();
            let end = (at + chunk).min(shorter.steps.len());
            shorter.steps.drain(at..end);
            if breaks(&shorter) {
                shortest = shorter;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    shortest
}

/// What to print of a seed that breaks a promise.
pub(crate) fn report(seed: u64, violation: &Violation) -> String {
    let schedule = shortest(&Schedule::draw(seed), violation);
    let played = World::play(&schedule, None, Tracing::On);
    let violation = played.result.err().unwrap_or_else(|| violation.clone());
    let tail = played.trace.len().saturating_sub(120);
    format!(
        "{} is broken: {}\n\nwhat is left of {schedule}\nhow it went, at last:\n{}\n\n\
         the whole of it: ORC_SIM_SEED={seed} cargo test --test simulation -- --nocapture",
        violation.promise,
        violation.seen,
        played.trace[tail..].join("\n"),
    )
}

/// Plays one history, and tells all of it.
#[expect(clippy::print_stdout, reason = "somebody asked for it")]
pub(crate) fn tell(seed: u64) {
    let schedule = Schedule::draw(seed);
    let played = World::play(&schedule, None, Tracing::On);
    println!("{schedule}\n{}", played.trace.join("\n"));
    if let Err(violation) = played.result {
        panic!("{}", report(seed, &violation));
    }
}
