//! Whether an attempt that ended is followed by another, and after how long.

use std::fmt;
use std::time::Duration;

use crate::model::container::Exit;
use crate::model::id::TaskId;
use crate::model::spec::RestartPolicy;

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

/// What follows `ending` under `policy`, after `failures` earlier ones in a row that counted.
pub fn verdict(policy: RestartPolicy, failures: u32, ending: &Ending) -> Verdict {
    if ending.is_success() {
        return if policy.restarts_after_success() { Verdict::Restart } else { Verdict::Complete };
    }
    let retries = policy.retries();
    let exhausted = retries.is_some_and(|limit| failures >= limit);
    match ending {
        // A name is found by counting attempts on, so that even `no` gets its one attempt; and what orc itself cut short
        // was not over.
        Ending::NameTaken(_) | Ending::Fenced => Verdict::Restart,
        _ if ending.counts() && exhausted => Verdict::Fail,
        _ if policy == RestartPolicy::No => Verdict::Fail,
        _ => Verdict::Restart,
    }
}

/// An attempt that ran for so long clears what was counted before it.
pub const STABLE: Duration = Duration::from_mins(10);

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// How long to wait before restart number `streak` in a row, from 0: at once the first time, then 1 s, 2 s, 4 s …
/// 5 min, each shortened by up to a quarter so that tasks that failed together do not come back together.
pub fn delay(streak: u32, task: TaskId, attempt: u32) -> Duration {
    if streak == 0 {
        return Duration::ZERO;
    }
    let doubled = FIRST_DELAY.saturating_mul(1 << (streak - 1).min(16));
    let capped = doubled.min(LONGEST_DELAY);
    let jittered = capped.mul_f64(1.0 - 0.25 * fraction(task, attempt));
    // Whole milliseconds, as the store keeps them.
    jittered.saturating_sub(Duration::from_nanos(u64::from(jittered.subsec_nanos() % 1_000_000)))
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
            let policy = RestartPolicy::try_from(policy.to_owned()).unwrap();
            assert_eq!(verdict(policy, failures, &ending), expected, "{policy:?} {failures} {ending:?}");
        }
    }

    #[test]
    fn an_oom_kill_is_a_failure_whatever_its_code() {
        let ending = Ending::Exited(Exit { code: 0, oom_killed: true, finished_at: None });
        assert_eq!(verdict(RestartPolicy::No, 0, &ending), Verdict::Fail);
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
