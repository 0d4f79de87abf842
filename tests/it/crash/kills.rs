//! F01: orc is killed at random moments under load.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Duration, sleep};

use super::journal::{Dice, Journal};
use crate::support::docker::{is_live, started_at, task_of};
use crate::support::orc::{COMPLETED, PENDING, RUNNING, TestOrc};
use crate::support::patience::until;

const ROUNDS: usize = 20;
const CLIENTS: usize = 4;

#[tokio::test]
async fn twenty_kills_under_load_lose_nothing_that_was_acknowledged_and_restart_no_container() {
    let mut orc = TestOrc::start().await;
    let journal = Journal::default();
    let dice = RefCell::new(Dice::new());
    let mut starts = BTreeMap::new();
    for round in 1..=ROUNDS {
        let moment = Duration::from_millis(20 + dice.borrow_mut().below(700));
        let clients = join_all((0..CLIENTS).map(|_| journal.load(&orc, &dice)));
        tokio::select! {
            _ = clients => panic!("orc gave no answer before it was killed: {}", orc.main.log()),
            () = sleep(moment) => {}
        }
        orc.main.kill9();
        orc.start_main().await;

        let listed = states(&orc).await;
        let lost: Vec<String> =
            journal.accepted().into_iter().filter(|id| !listed.contains_key(id)).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        journal.ask_again(&orc).await;
        for container in orc.containers().await.iter().filter(|container| is_live(container)) {
            let id = container.id.clone().unwrap();
            let start = starts.entry(id.clone()).or_insert_with(|| started_at(container));
            assert_eq!(*start, started_at(container), "{id} was restarted");
        }
    }
    assert!(journal.accepted().len() > 10 * ROUNDS, "there was load: {}", journal.accepted().len());
    everything_is_as_it_was_promised(&orc, &journal).await;
}

async fn states(orc: &TestOrc) -> BTreeMap<String, i64> {
    let tasks: Value = orc.get("/tasks").await;
    let state = |task: &Value| (task["ID"].as_str().unwrap().to_owned(), task["State"].as_i64().unwrap());
    tasks.as_array().unwrap().iter().map(state).collect()
}

/// In the quiet afterwards: actual = desired, nothing is left over, and no attempt was made twice.
async fn everything_is_as_it_was_promised(orc: &TestOrc, journal: &Journal) {
    let (wanted, stopped) = (journal.wanted_running(), journal.stopped());
    let right = |id: &String, state: i64| match state {
        COMPLETED => stopped.contains(id),
        RUNNING => wanted.contains(id),
        PENDING => !wanted.contains(id) && !stopped.contains(id),
        _ => false,
    };
    let settled = |seen: &BTreeMap<String, i64>| seen.iter().all(|(id, state)| right(id, *state));
    let seen = until("all states are as wanted", || states(orc), settled).await;
    assert_eq!(
        seen.keys().cloned().collect::<BTreeSet<_>>(),
        journal.accepted(),
        "and there is nothing else"
    );

    let runs = || async {
        let containers = orc.containers().await;
        containers
            .iter()
            .map(|container| (task_of(container).to_owned(), is_live(container)))
            .collect::<Vec<_>>()
    };
    let only_wanted = |found: &Vec<(String, bool)>| {
        let tasks: BTreeSet<String> = found.iter().map(|(task, _)| task.clone()).collect();
        found.len() == wanted.len() && tasks == wanted && found.iter().all(|(_, live)| *live)
    };
    until("what runs is what is wanted", runs, only_wanted).await;
    let mut starts = BTreeMap::new();
    for happened in orc.happened().into_iter().filter(|happened| happened.action == "start") {
        *starts.entry(happened.task).or_insert(0) += 1;
    }
    starts.retain(|_, count| *count > 1);
    assert!(starts.is_empty(), "started more than once: {starts:?}");
}
