//! Which of its engine's volumes a worker has told its manager: they can be many, change seldom, and are said once.

use std::collections::BTreeSet;

use crate::model::id::InstanceId;
use crate::model::node::NodeFacts;
use crate::wire::sync::Known;

/// What the manager was told, and has kept.
#[derive(Debug, Default)]
pub(super) struct ToldVolumes(Option<(Start, BTreeSet<String>)>);

/// Which start of the manager.
type Start = (u64, Option<InstanceId>);

impl ToldVolumes {
    /// Leaves out of `facts` what the manager knows.
    pub(super) fn shorten(&self, facts: &mut NodeFacts) {
        facts.volumes.take_if(|volumes| self.0.as_ref().is_some_and(|(_, known)| known == volumes));
    }

    /// Takes note that the manager has answered a question that told these. One that has begun anew since may have gone
    /// back in time: it is told again.
    pub(super) fn answered(&mut self, by: &Known, volumes: Option<BTreeSet<String>>) {
        let start = (by.epoch, by.start);
        match volumes {
            Some(volumes) => self.0 = Some((start, volumes)),
            None => _ = self.0.take_if(|(before, _)| *before != start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::ClusterId;

    fn facts() -> NodeFacts {
        NodeFacts { volumes: Some(BTreeSet::from(["pgdata".to_owned()])), ..NodeFacts::default() }
    }

    fn said(told: &ToldVolumes) -> Option<BTreeSet<String>> {
        let mut facts = facts();
        told.shorten(&mut facts);
        facts.volumes
    }

    #[test]
    fn volumes_are_told_once_and_again_to_a_manager_that_has_begun_anew() {
        let cluster = ClusterId::from_uuid(uuid::Uuid::from_u128(1));
        let known = |epoch| Known { cluster, epoch, revision: 7, start: None };
        let mut told = ToldVolumes::default();
        assert_eq!(said(&told), facts().volumes);
        told.answered(&known(1), facts().volumes);
        assert_eq!(said(&told), None);
        told.answered(&known(1), None);
        assert_eq!(said(&told), None);
        told.answered(&known(2), None);
        assert_eq!(said(&told), facts().volumes);
    }
}
