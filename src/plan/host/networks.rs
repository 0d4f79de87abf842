//! Networks on a worker: whether one may be used or has to be made, and which of its own nobody here needs any more.
//!
//! One is made right before the first container that is in it, and removed once no task that may still begin a container
//! names it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::Action;
use super::call::Call;
use super::note::back_off;
use super::{Host, Slot};
use crate::model::container::Failure;
use crate::model::network::{Attachment, Network, NetworkId};
use crate::model::spec::TaskSpec;
use crate::model::state::Desired;
use crate::model::time::Moment;

/// Its own are looked at so often while there are any: one whose removal was not heard of is found.
const LOOK_EVERY: Duration = Duration::from_mins(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What is to be done about a network that a container is to be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is there, and may be used.
    Use,
    /// It has to be made.
    Make,
    /// It cannot be used, in words.
    Refuse(String),
}

/// Whether a container may be in the network of this name that its engine shows, if it shows one.
pub fn judge(wanted: &Attachment, seen: Option<&Network>) -> Verdict {
    let name = &wanted.name;
    match seen {
        Some(_) if wanted.external => Verdict::Use,
        None if wanted.external => Verdict::Refuse(format!(
            "there is no network {name} on this node, and it is external: make it here with `docker network create {name}`, \
             or keep the task on nodes that have it"
        )),
        None => Verdict::Make,
        Some(Network { stranger: Some(whose), .. }) => Verdict::Refuse(format!(
            "the network {name} on this node belongs to {whose}; it is left alone: call the task's network otherwise, or say \
             that it is external to join it"
        )),
        Some(network) if network.internal != wanted.internal => {
            let (is, wanted) = if network.internal { ("is", "is not") } else { ("is not", "is") };
            Verdict::Refuse(format!(
                "the network {name} on this node {is} internal, and the one that is wanted {wanted}: it is made anew once no \
                 task here is in it, or call it otherwise"
            ))
        }
        Some(_) => Verdict::Use,
    }
}

/// What a worker knows of the networks that it made.
#[derive(Debug, Clone, Default)]
pub(super) struct Networks {
    /// As a list showed them last, by name.
    seen: BTreeMap<String, NetworkId>,
    /// Names under which one may have been made since.
    named: BTreeSet<String>,
    /// The call about them that is under way.
    under_way: Option<UnderWay>,
    /// When a list is due; `None` = not before something happens.
    list_at: Option<Moment>,
    /// Nothing is tried before, after something that failed.
    retry_at: Option<Moment>,
    failures: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum UnderWay {
    List,
    Removal(String),
}

impl Networks {
    /// What a worker knows that starts: what it left behind, it has to look for.
    pub(super) fn unseen<'a>(specs: impl Iterator<Item = &'a TaskSpec>, now: Moment) -> Self {
        let named = specs.flat_map(own).map(str::to_owned).collect();
        Self { named, list_at: Some(now), ..Self::default() }
    }

    /// When something is due.
    pub(super) fn next(&self) -> Option<Moment> {
        self.list_at.max(self.retry_at)
    }

    fn failed(&mut self, now: Moment) {
        self.retry_at = Some(now + back_off(FIRST_PAUSE, LONGEST_PAUSE, self.failures));
        self.failures += 1;
    }
}

/// The names of the networks that a worker makes for a task.
fn own(spec: &TaskSpec) -> impl Iterator<Item = &str> {
    let networks = spec.options().networks.iter();
    networks.filter(|network| !network.external).map(|network| network.name.as_str())
}

impl Host {
    /// The next thing to do about networks; only once a manager has spoken (rule R11), and nothing while there are tasks
    /// that it cannot read (rule R7).
    pub(super) fn network_step(&self, now: Moment) -> Option<Action> {
        let networks = &self.networks;
        let told = self.heard_manager && self.revision.is_some() && self.leave_alone.is_empty();
        let waits = networks.retry_at.is_some_and(|at| at > now);
        if !told || waits || networks.under_way.is_some() || self.has_leftovers() {
            return None;
        }
        let needed = self.needed_networks();
        let is_unneeded = |name: &&String| !needed.contains(name.as_str());
        if let Some((name, id)) = networks.seen.iter().find(|(name, _)| is_unneeded(name)) {
            return Some(Action::Call(Call::RemoveNetwork { id: id.clone(), name: name.clone() }));
        }
        let is_due = networks.list_at.is_some_and(|at| at <= now)
            || networks.named.iter().any(|name| is_unneeded(&name));
        is_due.then_some(Action::Call(Call::Networks))
    }

    /// Whether a container that is to be made is in a network that is being removed.
    pub(super) fn waits_for_network(&self, slot: &Slot) -> bool {
        let Some(UnderWay::Removal(leaving)) = &self.networks.under_way else { return false };
        own(&slot.record.assignment.spec).any(|name| name == leaving)
    }

    /// Those that a task names which may still begin a container, or has one here.
    fn needed_networks(&self) -> BTreeSet<&str> {
        let begins = |slot: &&Slot| {
            let wanted = slot.record.assignment.desired == Desired::Run && !slot.record.state.is_final();
            wanted || self.lanes.contains(&slot.id()) || self.has_live(slot)
        };
        self.slots.values().filter(begins).flat_map(|slot| own(&slot.record.assignment.spec)).collect()
    }

    /// Whether there are containers here of tasks that are not: which networks those are in, nothing says.
    fn has_leftovers(&self) -> bool {
        self.containers.keys().any(|(task, _)| !self.slots.contains_key(task))
    }

    fn has_live(&self, slot: &Slot) -> bool {
        self.containers_of(slot.id()).any(|container| container.status.is_live())
    }

    /// A container is being made in these networks.
    pub(super) fn networks_named(&mut self, spec: &TaskSpec) {
        let new = own(spec).filter(|name| !self.networks.seen.contains_key(*name));
        let new: Vec<String> = new.map(str::to_owned).collect();
        self.networks.named.extend(new);
    }

    pub(super) fn networks_asked(&mut self) {
        self.networks.under_way = Some(UnderWay::List);
        self.networks.list_at = None;
    }

    pub(super) fn network_leaves(&mut self, name: &str) {
        self.networks.under_way = Some(UnderWay::Removal(name.to_owned()));
    }

    /// Takes in a list of its own; one that failed says nothing (rule R7).
    pub(super) fn networks_listed(&mut self, result: Result<Vec<Network>, Failure>, now: Moment) {
        self.networks.under_way = None;
        let Ok(networks) = result else {
            self.networks.list_at = Some(now);
            return self.networks.failed(now);
        };
        self.networks.seen = networks.into_iter().map(|network| (network.name, network.id)).collect();
        // What is named and not there yet may be on its way.
        let needed: BTreeSet<String> = self.needed_networks().into_iter().map(str::to_owned).collect();
        let known = &mut self.networks;
        known.named.retain(|name| needed.contains(name) && !known.seen.contains_key(name));
        known.list_at = (!known.seen.is_empty()).then_some(now + LOOK_EVERY);
        known.retry_at = None;
    }

    /// Takes in whether one is gone. One that is still in use, or not gone for another reason, is tried again later.
    pub(super) fn network_left(&mut self, name: &str, is_gone: bool, now: Moment) {
        self.networks.under_way = None;
        if is_gone {
            self.networks.seen.remove(name);
            self.networks.failures = 0;
            self.networks.retry_at = None;
        } else {
            // Maybe it is gone, and another of its name is there.
            self.networks.list_at = Some(now);
            self.networks.failed(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(internal: bool, external: bool) -> Attachment {
        Attachment { name: "shop".to_owned(), internal, external, ..Attachment::default() }
    }

    fn seen(internal: bool, stranger: Option<&str>) -> Network {
        let stranger = stranger.map(str::to_owned);
        Network { id: NetworkId("1".to_owned()), name: "shop".to_owned(), internal, stranger }
    }

    #[test]
    fn a_network_is_made_used_or_refused_in_words() {
        let (own, external) = (wanted(false, false), wanted(false, true));
        assert_eq!(judge(&own, None), Verdict::Make);
        assert_eq!(judge(&own, Some(&seen(false, None))), Verdict::Use);
        assert_eq!(judge(&external, Some(&seen(true, Some("somebody else")))), Verdict::Use);
        for (wanted, seen, says) in [
            (&own, Some(seen(false, Some("somebody else"))), "belongs to somebody else; it is left alone"),
            (&own, Some(seen(true, None)), "is internal, and the one that is wanted is not"),
            (&external, None, "docker network create shop"),
        ] {
            let Verdict::Refuse(why) = judge(wanted, seen.as_ref()) else {
                panic!("{seen:?} is not refused")
            };
            assert!(why.contains(says), "{why}");
        }
    }
}
