//! The simulation: the manager's and the workers' decisions, with everything around them made up, so that thousands of
//! histories with thousands of faults are played in a minute, each the same again when it is asked for.
//!
//! ```text
//! ORC_SIM_SEED=4711 cargo test --test simulation          one history, told line by line
//! ORC_SIM_HISTORIES=1000000 cargo test --test simulation  more of them
//! ```

mod calls;
mod coverage;
mod cron;
mod docker;
mod faults;
mod manager;
mod operations;
mod random;
mod schedule;
mod services;
mod settled;
mod shrink;
mod sync;
mod truth;
mod users;
mod volumes;
mod worker;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use coverage::Coverage;
use faults::Planted;
use schedule::{Op, Schedule};
use world::{Tracing, Violation, World};

/// Histories in an ordinary test run.
const HISTORIES: u64 = 10_000;

#[expect(clippy::disallowed_methods, reason = "how much to test is said from outside")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Plays histories on every core until one breaks a promise; the first seed that does, or what all have met.
fn play(seeds: std::ops::Range<u64>, planted: Option<Planted>) -> Result<Coverage, (u64, Violation)> {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new((Coverage::default(), None::<(u64, Violation)>));
    let worker = || {
        let mut coverage = Coverage::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let played = World::play(&Schedule::draw(seed), planted, Tracing::Off);
            coverage.add(&played.coverage);
            if let Err(violation) = played.result {
                next.store(seeds.end, Ordering::Relaxed);
                let mut found = found.lock().expect("no history panics with this lock");
                if found.1.as_ref().is_none_or(|(first, _)| seed < *first) {
                    found.1 = Some((seed, violation));
                }
            }
        }
        found.lock().expect("no history panics with this lock").0.add(&coverage);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(worker);
        }
    });
    let (coverage, violation) = found.into_inner().expect("no history panics with this lock");
    violation.map_or(Ok(coverage), Err)
}

#[test]
fn every_history_keeps_every_promise() {
    if let Some(seed) = setting("ORC_SIM_SEED") {
        return shrink::tell(seed);
    }
    let first = setting("ORC_SIM_FIRST").unwrap_or(0);
    let histories = setting("ORC_SIM_HISTORIES").unwrap_or(HISTORIES);
    match play(first..first + histories, None) {
        Err((seed, violation)) => panic!("{}", shrink::report(seed, &violation)),
        Ok(coverage) => {
            let mut missing = coverage.missing("step", Op::NAMES);
            missing.extend(coverage.missing("rollout", services::STEPS));
            missing.extend(coverage.missing("run", cron::MET));
            missing.extend(coverage.missing("volume", &["goes anywhere first", "goes where its data is"]));
            assert!(missing.is_empty(), "never happened: {missing:?}\n{coverage}");
        }
    }
}

#[test]
fn a_history_is_the_same_when_it_is_played_again() {
    for seed in 0..50 {
        let schedule = Schedule::draw(seed);
        let [one, other] = [(); 2].map(|()| World::play(&schedule, None, Tracing::On));
        assert_eq!(one.trace, other.trace, "seed {seed}");
    }
}

#[test]
fn a_planted_fault_in_a_shell_is_found() {
    for planted in Planted::ALL {
        // Most are found within hundreds, the rarest within some tens of thousands.
        let found = play(0..8 * HISTORIES, Some(planted));
        assert!(found.is_err(), "{planted:?} was not found in {} histories", 8 * HISTORIES);
    }
}
