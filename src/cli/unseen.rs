//! What is typed on a terminal without being shown.

use std::io::{self, BufRead as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;

/// A line from the terminal on stdin. However the wait for it ends, the terminal shows again what is typed afterwards.
pub(super) async fn read_line(interrupted: &str) -> Result<String, CliError> {
    // Caught before anything is hidden: a signal that ended the process here would leave the terminal as it is.
    let [mut interrupt, mut terminate, mut hangup, mut quit] = caught()?;
    let hidden = Hidden::begin()?;
    // A read of a terminal cannot be called off. It has a thread of its own, which ends with the process.
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = tokio::select! {
        // Cancel-safe: nothing is lost with the wait but what was typed.
        line = typed => line.map_err(io::Error::from)?.map_err(CliError::from),
        _ = interrupt.recv() => Err(CliError::Interrupted(interrupted.to_owned())),
        _ = terminate.recv() => Err(CliError::Interrupted(interrupted.to_owned())),
        _ = hangup.recv() => Err(CliError::Interrupted(interrupted.to_owned())),
        _ = quit.recv() => Err(CliError::Interrupted(interrupted.to_owned())),
    };
    drop(hidden);
    line
}

/// The signals by which a wait at a terminal ends.
fn caught() -> io::Result<[Signal; 4]> {
    Ok([
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::quit())?,
    ])
}

/// A terminal on stdin that does not show what is typed, until this is dropped.
struct Hidden {
    shown: Termios,
}

impl Hidden {
    fn begin() -> io::Result<Self> {
        let shown = tcgetattr(io::stdin())?;
        let mut unseen = shown.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &unseen)?;
        Ok(Self { shown })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.shown);
    }
}
