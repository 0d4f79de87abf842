//! What is typed at a terminal.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::{Ended, Orc, end_of};
use crate::support::patience::until;

/// A terminal: the end where a person sits, and the program's.
fn terminal() -> (OwnedFd, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (person, program)
}

fn shows_what_is_typed(terminal: &File) -> bool {
    tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ECHO)
}

/// `orc login` that asks for a token at this terminal, then what `act` does to it; what it came to.
async fn asked_for_a_token(terminal: &File, act: impl FnOnce(Pid)) -> Ended {
    let orc = Orc::alone();
    let mut command = orc.command(&["login", "http://127.0.0.1:1"]);
    command.env("HOME", orc.directory.path());
    let child = command.stdin(terminal.try_clone().unwrap()).spawn().unwrap();
    let shown = || std::future::ready(shows_what_is_typed(terminal));
    until("the terminal does not show what is typed", shown, |shown| !shown).await;
    act(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap());
    end_of(child).await
}

#[tokio::test]
async fn an_interrupted_login_leaves_the_terminal_as_it_was() {
    let (_person, terminal) = terminal();
    for signal in [Signal::INT, Signal::TERM, Signal::QUIT, Signal::HUP] {
        let ended = asked_for_a_token(&terminal, |orc| kill_process(orc, signal).unwrap()).await;
        assert_eq!(ended.code, Some(130), "{signal:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("not logged in"), "{signal:?}: {}", ended.stderr);
        assert!(shows_what_is_typed(&terminal), "{signal:?}");
    }
}

#[tokio::test]
async fn a_token_is_read_unseen_and_what_is_none_is_said_to_be() {
    let (person, terminal) = terminal();
    let mut person = File::from(person);
    let ended = asked_for_a_token(&terminal, |_| person.write_all(b"secret-of-mine\n").unwrap()).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("token") && !ended.stderr.contains("secret-of-mine"), "{}", ended.stderr);
    assert!(shows_what_is_typed(&terminal));
}
