//! Which task is meant: by its ID, by a name, or by the beginning of an ID.

use super::api::{Api, TaskQuery};
use super::error::CliError;
use super::words::short_ids;
use crate::client::ClientError;
use crate::model::id::{TaskId, is_docker_name};
use crate::model::state::State;
use crate::wire::task::{Task, state_of_number};

/// So many of the tasks that may be meant are named.
const NAMED: usize = 5;

/// The state of a task; what this program does not know is not over.
pub(super) fn state_of(task: &Task) -> State {
    state_of_number(i64::from(task.state)).unwrap_or(State::Pending)
}

/// The one task that `word` means. A live one goes before those that are over; of several that are over under
/// one name, it is the newest.
pub(super) async fn find(api: &Api, word: &str) -> Result<Task, CliError> {
    if let Ok(id) = word.parse::<TaskId>() {
        return match api.task(&id.to_string()).await {
            Err(ClientError::Refused { status: 404, .. }) => Err(unknown(word)),
            found => Ok(found?),
        };
    }
    if is_docker_name(word) {
        let named = api.tasks(&TaskQuery { name: Some(word.to_owned()), ..TaskQuery::default() }).await?;
        if let Some(task) = of_name(named, word) {
            return Ok(task);
        }
    }
    for query in [TaskQuery::live(), TaskQuery::default()] {
        if !is_beginning_of_id(word) {
            break;
        }
        if let Some(task) = of_beginning(api.tasks(&query).await?, word)? {
            return Ok(task);
        }
    }
    Err(unknown(word))
}

fn of_name(tasks: Vec<Task>, name: &str) -> Option<Task> {
    let newest_live = |task: &Task| (!state_of(task).is_final(), task.created_at.clone());
    tasks.into_iter().filter(|task| task.name == name).max_by_key(newest_live)
}

fn of_beginning(tasks: Vec<Task>, word: &str) -> Result<Option<Task>, CliError> {
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    let beginning = plain(word);
    let mut meant: Vec<_> =
        tasks.into_iter().filter(|task| plain(&task.id).starts_with(&beginning)).collect();
    if meant.len() < 2 {
        return Ok(meant.pop());
    }
    let ids: Vec<_> = meant.iter().map(|task| &*task.id).collect();
    let shown = short_ids(&ids).into_iter().zip(&meant).take(NAMED);
    let mut shown: Vec<_> = shown.map(|(id, task)| format!("{id} ({})", task.name)).collect();
    if meant.len() > NAMED {
        shown.push(format!("{} more", meant.len() - NAMED));
    }
    Err(CliError::Failed(format!(
        "{word:?} begins the IDs of {} tasks, {}: give more of the ID, or the name",
        meant.len(),
        shown.join(", ")
    )))
}

fn is_beginning_of_id(word: &str) -> bool {
    !word.is_empty() && word.len() <= 36 && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn unknown(word: &str) -> CliError {
    CliError::Failed(format!("no task has the ID or the name {word:?}: `orc ps -a` lists all there are"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::samples::task;

    fn named(name: &str, number: u8, state: i8) -> Task {
        let id = format!("019a2b3c-4d5e-7000-8000-00000000000{number}");
        task(
            &json!({ "ID": id, "Name": name, "State": state, "CreatedAt": format!("2026-11-22T07:0{number}:00Z") }),
        )
    }

    fn number(task: &Task) -> Option<char> {
        task.id.chars().last()
    }

    #[test]
    fn a_name_means_the_live_task_before_the_newest_that_is_over() {
        let found = |tasks| of_name(tasks, "web").as_ref().and_then(number);
        assert_eq!(found(vec![named("web", 1, 2), named("web", 2, 3), named("other", 3, 2)]), Some('1'));
        assert_eq!(found(vec![named("web", 2, -1), named("web", 1, 3)]), Some('2'));
        assert_eq!(found(vec![named("other", 1, 2)]), None);
    }

    #[test]
    fn the_beginning_of_an_id_means_one_task_or_says_which_it_may_mean() {
        let tasks = || vec![named("a", 1, 2), named("b", 2, 2)];
        let found = |word: &str| of_beginning(tasks(), word).map(|task| task.as_ref().and_then(number));
        assert_eq!(found("019A2B3C4D5E7000800000000000 0002").unwrap(), None);
        assert_eq!(found("019A2B3C4D5E70008000000000000002").unwrap(), Some('2'));
        assert_eq!(found("019a2b3c-4d5e-7000-8000-000000000001").unwrap(), Some('1'));
        let error = found("019a2b3c").unwrap_err().to_string();
        assert!(error.contains("2 tasks") && error.contains("0000001 (a), "), "{error}");
    }

    #[test]
    fn of_many_tasks_that_may_be_meant_only_some_are_named() {
        let tasks = (1..=9).map(|number| named("web", number, 2)).collect();
        let error = of_beginning(tasks, "0").unwrap_err().to_string();
        assert!(error.contains("9 tasks") && error.contains("4 more") && !error.contains("0006"), "{error}");
    }
}
