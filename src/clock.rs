//! The clock: the one place that asks what time it is.

use chrono::Utc;
use rustix::time::{ClockId, clock_gettime};

use crate::model::time::{Moment, Now, Timestamp};

/// The clocks of this machine. Shells hold one and hand its [`Now`] to whatever decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// Both clocks, read together.
    ///
    /// The moment is from `CLOCK_BOOTTIME`: it is steady when somebody sets the date, and it goes on while the
    /// machine sleeps, so a lease that ran out during a suspend has run out.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(self) -> Now {
        let boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or_default();
        let millis = u64::try_from(boot.tv_nsec).unwrap_or_default() / 1_000_000;
        Now {
            moment: Moment(seconds.saturating_mul(1_000).saturating_add(millis)),
            wall: Timestamp::from_millis(Utc::now().timestamp_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_moment_is_the_time_since_boot_and_never_runs_back() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let first = Clock.now();
        let second = Clock.now();

        assert!(second.moment >= first.moment);
        let boot = Moment(0) + Duration::from_secs_f64(uptime);
        assert!(first.moment.since(boot) < Duration::from_secs(5), "{first:?} is not {uptime} s after boot");
        assert!(boot.since(first.moment) < Duration::from_secs(5), "{first:?} is not {uptime} s after boot");
    }

    #[test]
    fn the_wall_clock_is_that_of_the_kernel() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = file.as_file().metadata().unwrap().modified().unwrap();
        let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let now = Clock.now().wall.millis();
        assert!((now - i64::try_from(written).unwrap()).abs() < 5_000, "{now} is not {written}");
    }
}
