//! A hundred tasks on one engine: until all run, and until all are gone.

use super::{Side, order};
use crate::progress;
use crate::report::ratio::Trials;
use crate::report::row::{Row, by_floor};
use crate::rig::Orc;
use crate::rig::bare::Bare;

const TASKS: usize = 100;
const ROUNDS: usize = 6;

/// How many calls at a time a bare client is tried with.
const CONCURRENCIES: [usize; 3] = [4, 8, 16];

/// How many calls at a time are best.
struct Best {
    starts: usize,
    stops: usize,
}

/// Both rows.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let best = find_best(bare).await?;
    let mut orc = Orc::start(bare).await?;
    let (mut starts, mut stops) = (Trials::default(), Trials::default());
    for round in 0..ROUNDS {
        for side in order(round) {
            let (start, stop) = match side {
                Side::Orc => orc_once(&mut orc).await?,
                _ => bare_once(bare, &best).await?,
            };
            progress!(
                "a hundred tasks: round {} of {ROUNDS}, {side:?} started in {start:.2} s, gone in {stop:.2} s",
                round + 1
            );
            starts.of(side).push(start);
            stops.of(side).push(stop);
        }
    }
    let floors = [best.starts, best.stops].map(|count| format!("{count} at a time"));
    Ok(vec![
        by_floor("start-100", "100 tasks on one engine, POST to all running", 1.05, &starts, &floors[0]),
        by_floor("stop-100", "100 tasks on one engine, DELETE to all gone", 1.1, &stops, &floors[1]),
    ])
}

async fn orc_once(orc: &mut Orc) -> anyhow::Result<(f64, f64)> {
    let (start, tasks) = orc.start_many(TASKS).await?;
    Ok((start, orc.stop_many(&tasks).await?))
}

async fn bare_once(bare: &Bare, best: &Best) -> anyhow::Result<(f64, f64)> {
    let (start, ids) = bare.start_many(TASKS, best.starts).await?;
    Ok((start, bare.stop_many(&ids, best.stops).await?))
}

/// Tries each concurrency, all together twice, and takes the quickest.
async fn find_best(bare: &Bare) -> anyhow::Result<Best> {
    let mut tried = CONCURRENCIES.map(|count| (count, 0.0, 0.0));
    for _ in 0..2 {
        for (count, starts, stops) in &mut tried {
            let (start, stop) = bare_once(bare, &Best { starts: *count, stops: *count }).await?;
            progress!("a hundred tasks: {count} at a time started in {start:.2} s, gone in {stop:.2} s");
            *starts += start;
            *stops += stop;
        }
    }
    let quickest = |time: fn(&(usize, f64, f64)) -> f64| {
        tried.iter().min_by(|one, two| time(one).total_cmp(&time(two))).map_or(1, |tried| tried.0)
    };
    Ok(Best { starts: quickest(|tried| tried.1), stops: quickest(|tried| tried.2) })
}
