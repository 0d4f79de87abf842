//! `orc rebalance`: moves tasks to nodes on which they stand clearly better, and waits until they are there.

use clap::Args;

use super::api::Api;
use super::error::CliError;
use super::progress::Progress;
use super::target::{Environment, Target};
use super::watch::Watch;
use super::{output, table, words};
use crate::wire::rebalance::{Move, Rebalance};

/// Flags of `orc rebalance`.
#[derive(Debug, Args)]
pub(super) struct RebalanceArgs {
    /// Only show what it would move
    #[arg(long, conflicts_with = "detach")]
    plan: bool,

    /// Return as soon as the manager has noted it
    #[arg(short, long)]
    detach: bool,

    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// How a rebalance stands.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes on.
    Waiting,
    /// All tasks stand well.
    Balanced,
    /// It is over, and these would still stand better elsewhere.
    Ended(String),
}

/// Shows what it would move, or has it moved and waits unless told not to.
pub(super) async fn execute(args: RebalanceArgs, environment: &Environment) -> Result<(), CliError> {
    let json = args.json;
    let api = args.target.api(environment)?;
    if args.plan {
        return print(&api.proposed_rebalance().await?, json);
    }
    let mut watch = Watch::begin(&api).await;
    let begun = api.rebalance().await?;
    print(&begun, json)?;
    if begun.moves.is_empty() || args.detach {
        return Ok(());
    }
    let progress = Progress::begin();
    let result = tokio::select! {
        // Cancel-safe: nothing is lost with a wait but the wait.
        result = wait(&api, &mut watch, &progress, &begun) => result,
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted(
            "the rebalance goes on without being waited for: `orc events` tells how".to_owned(),
        )),
    };
    progress.end();
    match result? {
        Verdict::Ended(reason) => Err(CliError::Failed(reason)),
        Verdict::Balanced | Verdict::Waiting => {
            output::note("all tasks stand well now");
            Ok(())
        }
    }
}

/// The moves below each other, and beside them in words what else there is to say.
fn print(rebalance: &Rebalance, json: bool) -> Result<(), CliError> {
    if json {
        return output::json(rebalance);
    }
    if !rebalance.moves.is_empty() {
        let row = |one: &Move| [one.name.clone(), one.from.clone(), one.to.clone(), words::plain(&one.why)];
        let rows = rebalance.moves.iter().map(row);
        output::line(&table::render(["TASK", "FROM", "TO", "WHY"], rows, table::terminal_width()))?;
    }
    output::note(&format!("{}{}", rebalance.message, staying(rebalance)));
    Ok(())
}

/// Why tasks stay, a line for each.
fn staying(rebalance: &Rebalance) -> String {
    let line =
        |why: &str, name: &str, node: &str| format!("\n  {name} stays on {node}: {}", words::plain(why));
    rebalance.stays.iter().map(|task| line(&task.why, &task.name, &task.node)).collect()
}

/// Waits until nothing of it is under way or wanted any more.
async fn wait(
    api: &Api,
    watch: &mut Watch,
    progress: &Progress,
    begun: &Rebalance,
) -> Result<Verdict, CliError> {
    let mut told = String::new();
    loop {
        let now = api.proposed_rebalance().await?;
        match verdict(&now) {
            Verdict::Waiting => {}
            verdict => return Ok(verdict),
        }
        let line = line(&now, begun.moves.len());
        if line != told {
            progress.tell(line.clone());
            told = line;
        }
        watch.changed(|_| true).await;
    }
}

/// What a rebalance has come to.
fn verdict(now: &Rebalance) -> Verdict {
    if now.wanted > 0 || now.under_way > 0 {
        return Verdict::Waiting;
    }
    if now.moves.is_empty() {
        return Verdict::Balanced;
    }
    let names: Vec<String> = now
        .moves
        .iter()
        .map(|one| format!("\n  {} on {}: {}", one.name, one.from, words::plain(&one.why)))
        .collect();
    Verdict::Ended(format!(
        "the rebalance is over, and some tasks would still stand better elsewhere; `orc events` tells why they \
         stayed:{}",
        names.concat()
    ))
}

/// How far it is, in words.
fn line(now: &Rebalance, most: usize) -> String {
    let not_there = now.wanted as usize + now.under_way;
    format!("{} of {most} tasks moved; {} on their way", most.saturating_sub(not_there), now.under_way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebalance(moves: usize, wanted: u32, under_way: usize) -> Rebalance {
        let one = |number| Move {
            task: String::new(),
            name: format!("web-{number}"),
            from: "n1".to_owned(),
            to: "n3".to_owned(),
            why: "n3: 0 live tasks; n1 without it: 2 live tasks".to_owned(),
        };
        let message = String::new();
        Rebalance { moves: (1..=moves).map(one).collect(), stays: Vec::new(), wanted, under_way, message }
    }

    #[test]
    fn it_is_over_when_nothing_is_wanted_or_under_way_and_says_what_would_still_move() {
        assert_eq!(verdict(&rebalance(2, 1, 0)), Verdict::Waiting);
        assert_eq!(verdict(&rebalance(0, 0, 1)), Verdict::Waiting);
        assert_eq!(verdict(&rebalance(0, 0, 0)), Verdict::Balanced);
        let Verdict::Ended(reason) = verdict(&rebalance(1, 0, 0)) else { panic!("it is over") };
        assert!(
            reason.ends_with("\n  web-1 on n1: n3: 0 live tasks; n1 without it: 2 live tasks"),
            "{reason}"
        );
    }

    #[test]
    fn the_line_tells_how_far_it_is() {
        assert_eq!(line(&rebalance(0, 2, 1), 5), "2 of 5 tasks moved; 1 on their way");
        assert_eq!(line(&rebalance(0, 9, 1), 5), "0 of 5 tasks moved; 1 on their way");
    }
}
