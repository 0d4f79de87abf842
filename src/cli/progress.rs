//! What one sees while one waits: a line that moves on a terminal, plain lines elsewhere. All on stderr.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output;

/// How often the wheel turns.
const TURN: Duration = Duration::from_millis(120);

/// A wait that people look at.
#[derive(Clone)]
pub(super) enum Progress {
    /// The newest line, behind a turning wheel.
    Terminal(ProgressBar),
    /// Each line below the one before.
    Plain,
}

impl Progress {
    /// Begins to show.
    pub(super) fn begin() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Plain;
        }
        let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
        let bar =
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(TURN);
        Self::Terminal(bar)
    }

    /// Tells what is going on.
    pub(super) fn tell(&self, line: String) {
        match self {
            Self::Terminal(bar) => bar.set_message(line),
            Self::Plain => output::note(&line),
        }
    }

    /// Takes the moving line away.
    pub(super) fn end(self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}
