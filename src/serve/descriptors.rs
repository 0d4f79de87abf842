//! File descriptors: connections must never use up those that databases and engines need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as orc has a use for. What the system would give may be a thousand million, and a child process that
/// closes each one at its start would be busy for a long time.
const PLENTY: u64 = 65_536;

/// Raises this process's own limit as far as the system lets it, up to plenty. The usual limit of 1,024 is for
/// programs that still use `select`.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(PLENTY);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit of file descriptors stays as it is");
        }
    }
}

/// How many connections one server may have of the `wanted` ones: no more than a quarter of all descriptors.
pub(super) fn share(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    wanted.min(usize::try_from(limit / 4).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_and_connections_get_a_part_of_it() {
        raise_limit();
        let limit = getrlimit(Resource::Nofile);
        let current = limit.current.unwrap();
        assert!(current >= limit.maximum.unwrap_or(PLENTY).min(PLENTY));
        assert_eq!(share(3), 3);
        assert_eq!(share(usize::MAX), usize::try_from(current / 4).unwrap());
    }
}
