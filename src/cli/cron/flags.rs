//! Flags of `orc service create` and `update` that say when a service runs.

use clap::Args;

use crate::cli::values;
use crate::model::cron::{Missed, Overlap};
use crate::wire::service::ServiceInput;

/// When a service runs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Clock")]
pub(in crate::cli) struct CronFlags {
    /// Run a task to its end each time that this says, as in crontab(5): "0 3 * * *", @daily
    #[arg(long, value_name = "LINE")]
    cron: Option<String>,

    /// The time zone of that, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,

    /// While a run goes on, forbid the next, allow both, or replace the former [default: forbid]
    #[arg(long, value_name = "POLICY", value_parser = values::overlap)]
    overlap: Option<Overlap>,

    /// Of runs that were due while there was no manager, make up for the last (once), none (skip) or all [default: once]
    #[arg(long, value_name = "POLICY", value_parser = values::missed)]
    missed: Option<Missed>,
}

impl CronFlags {
    /// Sets what is said. A service that gets a schedule is one that runs by the clock.
    pub(in crate::cli) fn over(self, input: &mut ServiceInput) {
        if self.cron.is_some() {
            input.mode = Some("cron".to_owned());
        }
        input.schedule = self.cron.or(input.schedule.take());
        input.time_zone = self.time_zone.or(input.time_zone.take());
        input.overlap = self.overlap.or(input.overlap);
        input.missed = self.missed.or(input.missed);
    }

    /// Whether a schedule is said.
    pub(in crate::cli) const fn has_schedule(&self) -> bool {
        self.cron.is_some()
    }
}
