//! Moving tasks to where they stand better, when an operator asks for it.

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::id::TaskId;
use crate::model::time::Now;
use crate::plan::cluster::change::Change;
use crate::plan::cluster::rebalance::{MOST_MOVES, Proposal, propose, under_way};
use crate::wire::rebalance::{Move, Rebalance, Stays};

impl Manager {
    /// What a rebalance would move now.
    pub async fn proposed_rebalance(&self) -> Result<Rebalance, Trouble> {
        self.ask_for_rebalance(Message::ProposeRebalance).await
    }

    /// Writes down that a rebalance is wanted; what it moves.
    pub async fn rebalance(&self) -> Result<Rebalance, Trouble> {
        self.ask_for_rebalance(Message::Rebalance).await
    }

    async fn ask_for_rebalance(&self, message: Message) -> Result<Rebalance, Trouble> {
        match self.ask(message).await? {
            Answer::Rebalance(rebalance) => Ok(*rebalance),
            _ => Err(Trouble::Stopping),
        }
    }
}

impl Keeper {
    pub(super) fn propose_rebalance(&self, now: Now) -> Answer {
        self.tell_rebalance(propose(&self.cluster, MOST_MOVES, now))
    }

    pub(super) fn rebalance(&mut self, now: Now) -> Answer {
        let proposal = propose(&self.cluster, MOST_MOVES, now);
        let moves = u32::try_from(proposal.moves.len()).unwrap_or(u32::MAX);
        match self.decide(&Change::Rebalance { moves }, now) {
            Ok(_) => self.tell_rebalance(proposal),
            Err(refusal) => Answer::Refused(Refused::Rule(refusal)),
        }
    }

    fn tell_rebalance(&self, proposal: Proposal) -> Answer {
        let name =
            |id: &TaskId| self.cluster.task(*id).map(|task| task.spec.name.clone()).unwrap_or_default();
        let moves = proposal.moves.into_iter().map(|proposed| Move {
            task: proposed.task.to_string(),
            name: name(&proposed.task),
            from: proposed.from.to_string(),
            to: proposed.better.node.to_string(),
            why: proposed.better.gain,
        });
        let stays = proposal.stays.into_iter().map(|staying| Stays {
            task: staying.task.to_string(),
            name: name(&staying.task),
            node: staying.node.to_string(),
            why: staying.why,
        });
        Answer::Rebalance(Box::new(Rebalance {
            moves: moves.collect(),
            stays: stays.collect(),
            wanted: self.cluster.rebalance().left,
            under_way: under_way(&self.cluster),
            message: proposal.summary,
        }))
    }
}
