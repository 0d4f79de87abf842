//! What an operator does with nodes, and what people see of them.

use std::collections::BTreeMap;

use super::keeper::Keeper;
use super::message::{Answer, Message, Refused};
use super::{Manager, Trouble};
use crate::model::id::NodeName;
use crate::model::node::NodeState;
use crate::model::time::Now;
use crate::plan::cluster::Member;
use crate::plan::cluster::change::{Change, Force, NodePatch, Refusal};
use crate::wire::node::{Allocated, Node as NodeView, Standing, Stuck};

impl Manager {
    /// The nodes, by name.
    pub async fn nodes(&self) -> Result<Vec<NodeView>, Trouble> {
        match self.ask(Message::Nodes).await? {
            Answer::Nodes(nodes) => Ok(nodes),
            _ => Err(Trouble::Stopping),
        }
    }

    /// One node.
    pub async fn node(&self, node: NodeName) -> Result<NodeView, Trouble> {
        match self.ask(Message::Node { node }).await? {
            Answer::Node(node) => Ok(*node),
            _ => Err(Trouble::Stopping),
        }
    }

    /// Writes down what an operator says of a node.
    pub async fn set_node(&self, node: NodeName, patch: NodePatch) -> Result<(), Trouble> {
        self.ask(Message::SetNode { node, patch }).await.map(drop)
    }

    /// Takes a node out of the cluster. The certificate of its worker is void by the same write.
    pub async fn remove_node(&self, node: NodeName, force: Force) -> Result<(), Trouble> {
        self.ask(Message::RemoveNode { node, force }).await.map(drop)
    }
}

impl Keeper {
    pub(super) fn set_node(&mut self, node: &NodeName, patch: &NodePatch, now: Now) -> Answer {
        let change = Change::SetNode { node: node.clone(), patch: patch.clone() };
        done(self.decide(&change, now))
    }

    pub(super) fn remove_node(&mut self, node: &NodeName, force: Force, now: Now) -> Answer {
        let removed = self.decide(&Change::RemoveNode { node: node.clone(), force }, now);
        if removed.is_ok() {
            self.put_out(node, now.wall);
            self.stats.remove(node);
            self.streams.remove(node);
        }
        done(removed)
    }

    pub(super) fn node(&self, name: &NodeName, now: Now) -> Answer {
        let Some(member) = self.cluster.node(name) else {
            return Answer::Refused(Refused::Rule(Refusal::UnknownNode(name.clone())));
        };
        let stuck = self.stuck_by_node().remove(name).unwrap_or_default();
        Answer::Node(Box::new(self.node_view(member, stuck, now)))
    }

    pub(super) fn nodes(&self, now: Now) -> Vec<NodeView> {
        let mut stuck = self.stuck_by_node();
        let mut stuck_on = |name: &NodeName| stuck.remove(name).unwrap_or_default();
        let members = self.cluster.nodes();
        members.map(|member| self.node_view(member, stuck_on(&member.node.name), now)).collect()
    }

    fn node_view(&self, member: &Member, stuck: Vec<Stuck>, now: Now) -> NodeView {
        let usage = &member.usage;
        let standing = Standing {
            allocated: Allocated {
                tasks: usage.tasks,
                cpu: usage.cpu,
                memory: usage.memory,
                disk: usage.disk,
            },
            stats: self.stats.get(&member.node.name).cloned(),
            message: message(member, self.skews.get(&member.node.name), now),
            leaving: member.leaving(),
            stuck,
        };
        NodeView::new(&member.node, standing)
    }

    /// The tasks that should leave their nodes and cannot.
    fn stuck_by_node(&self) -> BTreeMap<NodeName, Vec<Stuck>> {
        let mut by_node: BTreeMap<NodeName, Vec<Stuck>> = BTreeMap::new();
        for (id, why) in self.cluster.stuck() {
            let Some(task) = self.cluster.task(*id) else { continue };
            let Some(node) = &task.node else { continue };
            let stuck = Stuck { task: id.to_string(), name: task.spec.name.clone(), why: why.clone() };
            by_node.entry(node.clone()).or_default().push(stuck);
        }
        by_node
    }
}

/// Why a node is as it is, and how long ago it was heard of: measured on the clock by which it is judged.
fn message(member: &Member, skew: Option<&String>, now: Now) -> String {
    let silent = now.moment.since(member.heard).as_secs();
    let node = &member.node;
    let clock = skew.map_or_else(String::new, |skew| {
        format!("; its clock is {skew} the manager's: set the one that is wrong")
    });
    match node.state {
        // No life of its worker has spoken since this manager began, and its lease began with that.
        _ if member.life.is_none() => {
            format!("not heard of since this manager began {silent} s ago; what runs there is unknown")
        }
        NodeState::Unreachable => format!("not heard of for {silent} s; what runs there is unknown"),
        NodeState::Ready => format!("heard of {silent} s ago{clock}"),
        NodeState::Degraded => format!("{}; heard of {silent} s ago{clock}", node.message),
    }
}

fn done(result: Result<bool, Refusal>) -> Answer {
    result.map_or_else(|refusal| Answer::Refused(Refused::Rule(refusal)), |_| Answer::Done)
}
