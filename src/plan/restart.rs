//! Whether an attempt that ended is followed by another, and after how long.

use std::fmt;
use std::time::Duration;

use crate::model::container::Exit;
use crate::model::id::TaskId;
use crate::model::spec::{RestartPace, RestartPolicy, TaskSpec};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Exited(Exit),
    /// Somebody else stopped or killed it, or its engine was restarted: not its own fault.
    Interrupted(Exit),
    /// Its container is gone: somebody else removed it.
    Vanished,
    /// This worker ended it because of its health checks, in words.
    Unhealthy(String),
    /// This worker ended it because it had not heard of its manager for its lease.
    Fenced,
    /// The engine refused to create or start it, in words.
    CannotStart(String),
    /// Its name belongs to a container that is not orc's.
    NameTaken(String),
}

impl Ending {
    /// The exit code, when there was one.
    pub fn exit_code(&self) -> Option<i64> {
        match self {
            Self::Exited(exit) | Self::Interrupted(exit) => Some(exit.code),
            _ => None,
        }
    }

    /// Whether the restart policy counts it: what strangers and engines do to a task is not held against it.
    pub const fn counts(&self) -> bool {
        matches!(self, Self::Exited(_) | Self::Unhealthy(_) | Self::CannotStart(_))
    }

    fn is_success(&self) -> bool {
        matches!(self, Self::Exited(exit) if exit.code == 0 && !exit.oom_killed)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(exit) if exit.oom_killed => {
                write!(f, "killed by the kernel for its memory limit (exit code {})", exit.code)
            }
            Self::Exited(exit) => write!(f, "exited with code {}", exit.code),
            Self::Interrupted(exit) => {
                write!(f, "was stopped from outside, or its engine was restarted (exit code {})", exit.code)
            }
            Self::Vanished => f.write_str("its container was removed from outside"),
            Self::Unhealthy(why) => write!(f, "unhealthy: {why}"),
            Self::Fenced => {
                f.write_str("was stopped while the manager was not heard of, for it may run only once")
            }
            Self::CannotStart(why) | Self::NameTaken(why) => f.write_str(why),
        }
    }
}

/// What follows an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Complete,
    /// Another attempt.
    Restart,
    /// Given up.
    Fail,
}

/// What a task says of its restarts.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    policy: RestartPolicy,
    pace: RestartPace,
}

/// An attempt that ran for so long clears what was counted before it, where its task does not say how long.
const STABLE: Duration = Duration::from_mins(10);

impl Rules {
    /// Those of a task of this specification.
    pub fn of(spec: &TaskSpec) -> Self {
        Self { policy: spec.restart_policy, pace: spec.restarts }
    }

    /// What follows `ending`, after `failures` earlier ones in a row that counted.
    pub fn verdict(self, failures: u32, ending: &Ending) -> Verdict {
        let exhausted = self.limit().is_some_and(|limit| failures >= limit);
        if ending.is_success() {
            let goes_on = self.policy.restarts_after_success() && !exhausted;
            return if goes_on { Verdict::Restart } else { Verdict::Complete };
        }
        match ending {
            // A name is found by counting attempts on, so that even `no` gets its one attempt; and what orc itself cut short
            // was not over.
            Ending::NameTaken(_) | Ending::Fenced => Verdict::Restart,
            _ if ending.counts() && exhausted => Verdict::Fail,
            _ if self.policy == RestartPolicy::No => Verdict::Fail,
            _ => Verdict::Restart,
        }
    }

    /// Restarts in a row that are allowed; `None` = all.
    pub fn limit(self) -> Option<u32> {
        self.pace.max_attempts.or(self.policy.retries())
    }

    /// An attempt that ran for so long clears what was counted before it.
    pub fn stable(self) -> Duration {
        self.pace.window().unwrap_or(STABLE)
    }

    /// How long to wait before restart number `streak` in a row, from 0: as `delay` says, and never less than the task
    /// does, which is lengthened by up to a quarter.
    pub fn delay(self, streak: u32, task: TaskId, attempt: u32) -> Duration {
        let usual = delay(streak, task, attempt);
        let least = self.pace.delay().unwrap_or_default();
        usual.max(whole_millis(least.mul_f64(1.0 + 0.25 * fraction(task, attempt))))
    }

    /// Whether the first restart in a row waits for nothing.
    pub fn begins_at_once(self) -> bool {
        self.pace.delay().is_none_or(|delay| delay.is_zero())
    }
}

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// How long to wait before restart number `streak` in a row, from 0: at once the first time, then 1 s, 2 s, 4 s …
/// 5 min, each shortened by up to a quarter so that tasks that failed together do not come back together.
fn delay(streak: u32, task: TaskId, attempt: u32) -> Duration {
    if streak == 0 {
        return Duration::ZERO;
    }
    let doubled = FIRST_DELAY.saturating_mul(1 << (streak - 1).min(16));
    let capped = doubled.min(LONGEST_DELAY);
    let jittered = capped.mul_f64(1.0 - 0.25 * fraction(task, attempt));
    whole_millis(jittered)
}

/// As the store keeps them.
fn whole_millis(duration: Duration) -> Duration {
    duration.saturating_sub(Duration::from_nanos(u64::from(duration.subsec_nanos() % 1_000_000)))
}

/// A number from 0 to 1 that looks random and is the same for the same attempt: the restart of a worker does
/// not throw the dice again. FNV-1a, and the finaliser of `MurmurHash3`, which lets the last letter count too.
pub(super) fn fraction(task: TaskId, attempt: u32) -> f64 {
    let text = format!("{task}/{attempt}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    f64::from(u16::try_from(hash >> 48).unwrap_or(0)) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i64) -> Ending {
        Ending::Exited(Exit { code, oom_killed: false, finished_at: None })
    }

    fn rules(policy: &str, restarts: &str) -> Rules {
        let json =
            format!(r#"{{"Name":"web","Image":"i","RestartPolicy":"{policy}","Restarts":{restarts}}}"#);
        Rules::of(&serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn each_policy_answers_each_ending() {
        use Verdict::{Complete, Fail, Restart};
        let cases = [
            ("", 0, exited(0), Complete),
            ("", 2, exited(1), Restart),
            ("", 3, exited(1), Fail),
            ("", 9, Ending::Vanished, Restart),
            ("no", 0, exited(0), Complete),
            ("no", 0, exited(1), Fail),
            ("no", 0, Ending::Vanished, Fail),
            ("no", 0, Ending::NameTaken(String::new()), Restart),
            ("on-failure", 1000, exited(1), Restart),
            ("on-failure:1", 1, Ending::Unhealthy(String::new()), Fail),
            ("always", 1000, exited(1), Restart),
            ("always", 0, exited(0), Restart),
            ("unless-stopped", 0, exited(0), Restart),
        ];
        for (policy, failures, ending, expected) in cases {
            let rules = rules(policy, "{}");
            assert_eq!(rules.verdict(failures, &ending), expected, "{policy:?} {failures} {ending:?}");
        }
    }

    #[test]
    fn an_oom_kill_is_a_failure_whatever_its_code() {
        let ending = Ending::Exited(Exit { code: 0, oom_killed: true, finished_at: None });
        assert_eq!(rules("no", "{}").verdict(0, &ending), Verdict::Fail);
    }

    #[test]
    fn a_number_of_restarts_counts_whatever_they_follow() {
        let always = rules("always", r#"{"MaxAttempts":2}"#);
        assert_eq!(always.verdict(1, &exited(0)), Verdict::Restart);
        assert_eq!(always.verdict(2, &exited(0)), Verdict::Complete);
        assert_eq!(always.verdict(1, &exited(1)), Verdict::Restart);
        assert_eq!(always.verdict(2, &exited(1)), Verdict::Fail);
        assert_eq!(always.verdict(9, &Ending::Vanished), Verdict::Restart, "it is not its own fault");
    }

    #[test]
    fn a_task_that_says_so_waits_longer_and_is_stable_sooner() {
        let (task, said) = (TaskId::MIN, rules("always", r#"{"DelayMs":5000,"WindowMs":60000}"#));
        let (least, most) = (Duration::from_secs(5), Duration::from_millis(6250));
        for streak in 0..3 {
            let delay = said.delay(streak, task, streak + 1);
            assert!(delay >= least && delay <= most, "{streak}: {delay:?}");
        }
        assert_ne!(
            said.delay(0, task, 1),
            said.delay(0, task, 2),
            "those that failed together come back apart"
        );
        assert_eq!(said.delay(10, task, 1), delay(10, task, 1), "it goes on growing beyond");
        assert!(!said.begins_at_once() && rules("", "{}").begins_at_once());
        assert_eq!((said.stable(), rules("", "{}").stable()), (Duration::from_mins(1), STABLE));
    }

    #[test]
    fn delays_double_are_jittered_and_end_at_five_minutes() {
        let task = TaskId::MIN;
        assert_eq!(delay(0, task, 1), Duration::ZERO);
        for (streak, longest) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (1000, 300)] {
            let longest = Duration::from_secs(longest);
            let delay = delay(streak, task, streak);
            assert!(delay <= longest && delay >= longest.mul_f64(0.75), "{streak}: {delay:?}");
        }
        assert_ne!(delay(5, task, 1), delay(5, task, 2));
        assert_eq!(delay(5, task, 1), delay(5, task, 1));
    }
}
