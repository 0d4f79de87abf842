//! What one sees of several services while one waits: a line for each that moves on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::output;

/// How often the wheels turn.
const TURN: Duration = Duration::from_millis(120);

/// Lines of services. All on stderr.
pub(super) struct Board {
    /// `None` where nobody looks at a terminal.
    screen: Option<MultiProgress>,
    bars: BTreeMap<String, ProgressBar>,
    told: BTreeMap<String, String>,
}

/// How far a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It moves.
    Moving,
    /// It is as it should be.
    Done,
    /// It will not be.
    Failed,
}

impl Board {
    /// Begins to show.
    pub(super) fn begin() -> Self {
        let screen = io::stderr().is_terminal().then(MultiProgress::new);
        Self { screen, bars: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// Tells how far a service is: `done` of `slots`, and in words.
    pub(super) fn tell(&mut self, service: &str, mark: Mark, (done, slots): (usize, usize), words: &str) {
        if self.told.get(service).is_some_and(|told| told == words) {
            return;
        }
        self.told.insert(service.to_owned(), words.to_owned());
        let Some(screen) = &self.screen else {
            return output::note(words);
        };
        let bar = self.bars.entry(service.to_owned()).or_insert_with(|| {
            let bar = screen.add(ProgressBar::new(0));
            bar.set_style(style("{spinner} [{bar:12}] {wide_msg} {elapsed}"));
            bar.enable_steady_tick(TURN);
            bar
        });
        bar.set_length(u64::try_from(slots).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        match mark {
            Mark::Moving => bar.set_message(words.to_owned()),
            Mark::Done | Mark::Failed => {
                let sign = if mark == Mark::Done { "✓" } else { "✗" };
                bar.set_style(style(&format!("{sign} [{{bar:12}}] {{wide_msg}} {{elapsed}}")));
                bar.finish_with_message(words.to_owned());
            }
        }
    }

    /// Leaves the lines as they are.
    pub(super) fn end(&self) {
        for bar in self.bars.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}
