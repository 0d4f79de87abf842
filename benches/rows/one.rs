//! One task: from POST to running, and from DELETE to its container being gone.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Side, order};
use crate::progress;
use crate::report::ratio::Trials;
use crate::report::row::{Row, by_floor};
use crate::rig::Orc;
use crate::rig::bare::Bare;

const ROUNDS: usize = 30;

/// Both rows.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let mut orc = Orc::start(bare).await?;
    let (mut starts, mut stops) = (Trials::default(), Trials::default());
    bare_once(bare).await?;
    for round in 0..ROUNDS {
        progress!("one task: round {} of {ROUNDS}", round + 1);
        for side in order(round) {
            let (start, stop) = match side {
                Side::Orc => orc_once(&mut orc).await?,
                _ => bare_once(bare).await?,
            };
            starts.of(side).push(start);
            stops.of(side).push(stop);
        }
    }
    Ok(vec![
        by_floor("start", "POST to running, one task, image present", 1.05, &starts, "create + start"),
        by_floor("stop", "DELETE to container gone, one task", 1.2, &stops, "stop + remove"),
    ])
}

async fn orc_once(orc: &mut Orc) -> anyhow::Result<(f64, f64)> {
    let mut connection = orc.connect().await?;
    let begin = Instant::now();
    let task = orc.submit(&mut connection, "one").await?;
    let tasks = BTreeSet::from([task]);
    let start = orc.follower.all("started", &tasks).await? - begin;
    let begin = Instant::now();
    orc.stop(&mut connection, task).await?;
    let stop = orc.follower.all("completed", &tasks).await? - begin;
    Ok((start.as_secs_f64(), stop.as_secs_f64()))
}

async fn bare_once(bare: &Bare) -> anyhow::Result<(f64, f64)> {
    let begin = Instant::now();
    let id = bare.start().await?;
    let start = begin.elapsed();
    let begin = Instant::now();
    bare.stop(&id).await?;
    Ok((start.as_secs_f64(), begin.elapsed().as_secs_f64()))
}
