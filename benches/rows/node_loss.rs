//! The cable of a node is cut: until the manager says that it is lost, and until what ran there runs elsewhere.

use std::time::Instant;

use crate::progress;
use crate::report::ratio::median;
use crate::report::row::{Row, Verdict};
use crate::rig::cluster::Cluster;

const ROUNDS: usize = 7;

/// How long each round took, in seconds.
#[derive(Default)]
struct Times {
    lost: Vec<f64>,
    elsewhere: Vec<f64>,
}

/// Both rows; none on a machine that cannot have such a cluster.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    progress!("node loss: starting three engines");
    let cluster = match Cluster::up().await {
        Ok(cluster) => cluster,
        Err(why) => {
            progress!("node loss is left out: {why:#}");
            return Ok(Vec::new());
        }
    };
    let times = rounds(&cluster).await?;
    Ok(vec![
        row("node-loss-seen", "cable of a node cut to its state unreachable", &times.lost, 10.0),
        row("node-loss-moved", "cable of a node cut to its task running elsewhere", &times.elsewhere, 15.0),
    ])
}

fn row(name: &str, what: &'static str, times: &[f64], target: f64) -> Row {
    let most = times.iter().copied().fold(0.0, f64::max);
    Row {
        name: name.to_owned(),
        what,
        figure: format!("{:.1} s, at most {most:.1} s", median(times)),
        target: format!("≤ {target:.0} s"),
        verdict: Verdict::at_most(most, target),
        beside: format!("as GET of the manager says; {ROUNDS} rounds on three engines"),
    }
}

async fn rounds(cluster: &Cluster) -> anyhow::Result<Times> {
    let mut times = Times::default();
    for round in 0..ROUNDS {
        // Another one each time: a task is moved off a lost node once a minute at most.
        let (task, home) = cluster.run(&format!("bench-lost-{round}")).await?;
        let begin = Instant::now();
        cluster.cut(&home).await?;
        let (lost, elsewhere) = tokio::try_join!(
            cluster.until_node(&home, "unreachable"),
            cluster.until_runs(&task, |node| node != home),
        )?;
        times.lost.push((lost - begin).as_secs_f64());
        times.elsewhere.push((elsewhere.0 - begin).as_secs_f64());
        progress!(
            "node loss: round {} of {ROUNDS}, lost after {:.1} s, elsewhere after {:.1} s",
            round + 1,
            times.lost[round],
            times.elsewhere[round]
        );
        cluster.heal(&home).await?;
        cluster.stop(&task).await?;
    }
    Ok(times)
}
