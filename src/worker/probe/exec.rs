//! Asking by a program inside the container.

use std::time::Duration;

use super::{Probing, failed, on_one_line};
use crate::engine::{Engine, Executed};
use crate::model::container::Failure;
use crate::model::id::{ContainerId, ExecId};
use crate::plan::host::call::Reply;
use crate::worker::turn::in_turn;

/// A program that takes longer gives up its turn, not its answer: it may hang.
const TURN: Duration = Duration::from_secs(3);

/// Runs a program. One that was given up is not followed by another while it runs: there would be ever more of them.
pub(super) async fn run<E: Engine>(
    probing: &Probing<E>,
    container: &ContainerId,
    command: &[String],
    left: Option<&ExecId>,
    timeout: Duration,
) -> Reply {
    if let Some(left) = left {
        match probing.engine.exec_runs(left).await {
            Ok(false) | Err(Failure::Missing(_)) => {}
            Ok(true) => {
                let why = "still runs since an earlier time, and is not begun once more".to_owned();
                return Reply::Failed { why, left: Some(left.clone()) };
            }
            Err(_) => return Reply::Unasked { left: Some(left.clone()) },
        }
    }
    let program = probing.engine.exec(container, command, timeout);
    match in_turn(&probing.programs, TURN, program).await {
        Ok(Executed::Ended { code: 0, .. }) => Reply::Passed,
        Ok(Executed::Ended { code, output }) => {
            let output = on_one_line(&output);
            let colon = if output.is_empty() { "" } else { ": " };
            failed(&format!("ended with exit code {code}{colon}{output}"))
        }
        Ok(Executed::Runs(id)) => {
            let why = format!("did not end within {} s", timeout.as_secs_f64());
            Reply::Failed { why, left: Some(id) }
        }
        // Late is the engine, not the container; but what it begins later is not begun twice.
        Ok(Executed::Waits(id)) => Reply::Unasked { left: Some(id) },
        // Its end, or the engine's trouble, shows elsewhere.
        Err(failure) => {
            tracing::debug!(container.id = %container, "a program could not be run: {failure}");
            Reply::Unasked { left: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::join_all;

    use super::*;
    use crate::engine::Deadlines;
    use crate::engine::fake::{Command, Fake, Fault, Program, Verb};
    use crate::model::container::{Identity, Owner};
    use crate::model::id::{ClusterId, TaskId};

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    /// A container in which `ok` is well, `bad` is not, and `hang` hangs.
    async fn container() -> (Fake, Probing<Fake>, ContainerId) {
        let fake = Fake::new(Deadlines::default());
        let ends = |line: &str, code, output: &str| (words(line), Command::Ends(code, output.to_owned()));
        let commands =
            [ends("ok", 0, "fine"), ends("bad now", 3, "no\nroom\n"), (words("hang"), Command::Hangs)].into();
        fake.add_image("i", Program { commands, ..Program::default() });
        let spec = serde_json::from_str(r#"{"Name":"web","Image":"i"}"#).unwrap();
        let owner = Owner { cluster: ClusterId::generate(), node: "worker-1".parse().unwrap() };
        let identity = Identity { task: TaskId::generate(), attempt: 1, spec: String::new() };
        let id = fake.create(&owner, "web", &identity, &spec).await.unwrap();
        fake.start(&id).await.unwrap();
        (fake.clone(), Probing::new(Arc::new(fake)), id)
    }

    fn why(reply: &Reply) -> &str {
        match reply {
            Reply::Failed { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_exit_code_decides_and_the_output_says_why() {
        let (_, probing, id) = container().await;
        let ask = async |line: &str| run(&probing, &id, &words(line), None, TIMEOUT).await;
        assert_eq!(ask("ok").await, Reply::Passed);
        assert_eq!(why(&ask("bad now").await), "ended with exit code 3: no room");
        assert!(why(&ask("absent").await).starts_with("ended with exit code 127: "));
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_given_up_and_not_begun_again_while_it_runs() {
        let (fake, probing, id) = container().await;
        let first = run(&probing, &id, &words("hang"), None, TIMEOUT).await;
        assert_eq!(why(&first), "did not end within 2 s");
        let Reply::Failed { left: Some(left), .. } = first else { panic!("it still runs") };
        let second = run(&probing, &id, &words("hang"), Some(&left), TIMEOUT).await;
        assert_eq!(why(&second), "still runs since an earlier time, and is not begun once more");
        assert_eq!(fake.count(Verb::Exec), 1);
        fake.exit(&id.0, 0);
        fake.start(&id).await.unwrap();
        assert_eq!(run(&probing, &id, &words("ok"), Some(&left), TIMEOUT).await, Reply::Passed);
    }

    #[tokio::test(start_paused = true)]
    async fn programs_that_hang_hold_up_nobody_else_for_long() {
        let (_, probing, id) = container().await;
        let long = Duration::from_hours(1);
        let (hang, ok) = (words("hang"), words("ok"));
        let hanging = join_all((0..40).map(|_| run(&probing, &id, &hang, None, long)));
        let begun = tokio::time::Instant::now();
        let well = async {
            // Behind all of them.
            tokio::task::yield_now().await;
            let reply = run(&probing, &id, &ok, None, TIMEOUT).await;
            (reply, begun.elapsed())
        };
        let (reply, took) = tokio::select! {
            biased;
            _ = hanging => panic!("they hang"),
            well = well => well,
        };
        assert_eq!(reply, Reply::Passed);
        assert!(took <= TURN * 5, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_answer_says_nothing_of_a_container() {
        let (fake, probing, id) = container().await;
        fake.fault_once(Verb::Exec, Fault::Hang);
        assert_eq!(run(&probing, &id, &words("ok"), None, TIMEOUT).await, Reply::Unasked { left: None });
        fake.pause(&id.0);
        assert_eq!(run(&probing, &id, &words("ok"), None, TIMEOUT).await, Reply::Unasked { left: None });
    }
}
