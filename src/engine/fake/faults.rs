//! What can be made to go wrong between a caller and the fake engine.

use std::time::Duration;

use crate::model::container::Failure;
use crate::model::id::TaskId;

/// The methods of [`Engine`](crate::engine::Engine).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// `info`
    Info,
    /// `list`
    List,
    /// `inspect`
    Inspect,
    /// `create`
    Create,
    /// `start`
    Start,
    /// `unpause`
    Unpause,
    /// `stop`
    Stop,
    /// `remove`
    Remove,
    /// `rename`
    Rename,
    /// `restore_limits`
    RestoreLimits,
    /// `exec`
    Exec,
    /// `exec_runs`
    ExecRuns,
    /// `network`
    Network,
    /// `networks`
    Networks,
    /// `create_network`
    CreateNetwork,
    /// `remove_network`
    RemoveNetwork,
    /// `pull`
    Pull,
    /// `load`
    Load,
    /// `events`
    Events,
    /// `logs`
    Logs,
}

impl Verb {
    /// Whether it changes something on the engine.
    pub const fn is_mutation(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Start
                | Self::Unpause
                | Self::Stop
                | Self::Remove
                | Self::Rename
                | Self::RestoreLimits
                | Self::CreateNetwork
                | Self::RemoveNetwork
                | Self::Pull
                | Self::Load
        )
    }
}

/// One thing that goes wrong. "Unknown" is [`Failure::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Done and answered only after this time; Unknown when the call's deadline is shorter.
    Delay(Duration),
    /// Never done; Unknown at the call's deadline.
    Hang,
    /// Never done; Unknown at once.
    DropRequest,
    /// Done; Unknown at once.
    DropReply,
    /// Unknown at once; done after this time.
    Late(Duration),
    /// Not done; answered so.
    Fail(Failure),
    /// Done; the answer cannot be understood.
    Garbage,
    /// A list shows only the first half of the containers.
    PartialList,
}

/// Which calls a fault meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Calls of this method …
    pub verb: Verb,
    /// … about this task; `None` = all.
    pub task: Option<TaskId>,
    /// What goes wrong.
    pub fault: Fault,
    /// With how many calls; `u32::MAX` = until [`Fake::heal`](super::Fake::heal).
    pub times: u32,
}

/// The rules in force, oldest first.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// The fault for this call: of the oldest rule that meets it.
    pub(super) fn take(&mut self, verb: Verb, task: Option<TaskId>) -> Option<Fault> {
        let met = |rule: &Rule| rule.verb == verb && (rule.task.is_none() || rule.task == task);
        let index = self.0.iter().position(met)?;
        let rule = &mut self.0[index];
        let fault = rule.fault.clone();
        if rule.times != u32::MAX {
            rule.times = rule.times.saturating_sub(1);
        }
        if rule.times == 0 {
            self.0.remove(index);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_meets_its_verb_and_task_as_often_as_it_says() {
        let task = TaskId::generate();
        let mut rules = Rules::default();
        rules.add(Rule { verb: Verb::Start, task: Some(task), fault: Fault::Hang, times: 2 });
        rules.add(Rule { verb: Verb::Start, task: None, fault: Fault::Garbage, times: u32::MAX });
        let mut met = |verb, task| rules.take(verb, task);
        assert_eq!(met(Verb::Create, Some(task)), None);
        assert_eq!(met(Verb::Start, None), Some(Fault::Garbage));
        assert_eq!(met(Verb::Start, Some(task)), Some(Fault::Hang));
        assert_eq!(met(Verb::Start, Some(task)), Some(Fault::Hang));
        assert_eq!(met(Verb::Start, Some(task)), Some(Fault::Garbage));
    }
}
