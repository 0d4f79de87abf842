//! A container is killed: until its replacement runs.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Side, order};
use crate::progress;
use crate::report::ratio::Trials;
use crate::report::row::{Row, by_floor};
use crate::rig::Orc;
use crate::rig::bare::Bare;
use crate::rig::deaths::Deaths;

const ROUNDS: usize = 30;

/// The row.
pub(crate) async fn run(bare: &Bare) -> anyhow::Result<Vec<Row>> {
    let mut orc = Orc::start(bare).await?;
    let mut deaths = Deaths::listen(bare).await?;
    let mut trials = Trials::default();
    for round in 0..ROUNDS {
        progress!("killed: round {} of {ROUNDS}", round + 1);
        for side in order(round) {
            let took = match side {
                Side::Orc => orc_once(bare, &mut orc).await?,
                _ => bare_once(bare, &mut deaths).await?,
            };
            trials.of(side).push(took);
        }
    }
    let what = "container killed to replacement running, first restart";
    Ok(vec![by_floor("restart", what, 1.15, &trials, "hears of the death, then create + start")])
}

async fn orc_once(bare: &Bare, orc: &mut Orc) -> anyhow::Result<f64> {
    let mut connection = orc.connect().await?;
    let task = orc.submit(&mut connection, "killed").await?;
    let tasks = BTreeSet::from([task]);
    orc.follower.all("started", &tasks).await?;
    let container = orc.container_of(task).await?;
    let begin = Instant::now();
    let (killed, restarted) = tokio::join!(bare.kill(&container), orc.follower.all("started", &tasks));
    killed?;
    let took = restarted? - begin;
    orc.stop(&mut connection, task).await?;
    orc.follower.all("completed", &tasks).await?;
    Ok(took.as_secs_f64())
}

async fn bare_once(bare: &Bare, deaths: &mut Deaths) -> anyhow::Result<f64> {
    let id = bare.start().await?;
    let begin = Instant::now();
    let (killed, replaced) = tokio::join!(bare.kill(&id), async {
        deaths.of(&id).await?;
        bare.start().await
    });
    killed?;
    let replacement = replaced?;
    let took = begin.elapsed().as_secs_f64();
    bare.remove(&id).await?;
    bare.stop(&replacement).await?;
    Ok(took)
}
