//! Asking a container how it is. Each question has a deadline of its own, and holds nobody else up.

mod exec;
mod http;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::model::id::ContainerId;
use crate::plan::host::call::{Question, Reply};

/// Programs that are begun in containers at a time: each costs an engine a few short processes.
const PROGRAMS: usize = 8;

/// The longest reason that is told, in characters.
const LONGEST: usize = 200;

/// How questions are asked.
pub struct Probing<E> {
    engine: Arc<E>,
    programs: Arc<Semaphore>,
}

impl<E> Clone for Probing<E> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), programs: self.programs.clone() }
    }
}

impl<E: Engine> Probing<E> {
    /// Programs are run by `engine`.
    pub fn new(engine: Arc<E>) -> Self {
        Self { engine, programs: Arc::new(Semaphore::new(PROGRAMS)) }
    }

    /// What a container answers within `timeout`.
    pub async fn ask(&self, container: &ContainerId, question: &Question, timeout: Duration) -> Reply {
        let answer = match question {
            Question::Http { address, http } => in_time(timeout, http::get(address, http)).await,
            Question::Tcp { address } => in_time(timeout, connect(address)).await,
            Question::Exec { command, left } => {
                return exec::run(self, container, command, left.as_ref(), timeout).await;
            }
        };
        match answer {
            Ok(()) => Reply::Passed,
            Err(why) => failed(&why),
        }
    }
}

/// The answer to a question; an error says what was wrong, to follow "GET /path …".
async fn in_time(
    timeout: Duration,
    question: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    let late = |_| format!("was not answered within {} s", timeout.as_secs_f64());
    tokio::time::timeout(timeout, question).await.map_err(late)?
}

async fn connect(address: &str) -> Result<(), String> {
    TcpStream::connect(address).await.map(drop).map_err(|error| not_accepted(&error))
}

fn not_accepted(error: &std::io::Error) -> String {
    format!("was not accepted: {error}")
}

fn failed(why: &str) -> Reply {
    Reply::Failed { why: on_one_line(why), left: None }
}

/// Of what others wrote, as much as fits into a sentence.
fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_one_line_of_a_bearable_length() {
        assert_eq!(on_one_line("no\tsuch\u{1b}[31m\n\nthing\0 "), "no such [31m thing");
        let long = on_one_line(&"é".repeat(300));
        assert!(long.chars().count() == LONGEST + 1 && long.ends_with('…'), "{long}");
    }

    #[tokio::test]
    async fn a_port_on_which_somebody_listens_is_well_and_another_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(in_time(Duration::from_secs(10), connect(&address)).await, Ok(()));
        drop(listener);
        let refused = in_time(Duration::from_secs(10), connect(&address)).await.unwrap_err();
        assert!(refused.starts_with("was not accepted: "), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_in_time_is_given_up() {
        let never = std::future::pending();
        let late = in_time(Duration::from_millis(1_500), never).await.unwrap_err();
        assert_eq!(late, "was not answered within 1.5 s");
    }
}
