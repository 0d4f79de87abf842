//! Workers whose clocks are wrong: what they are told, what people see of it, and that it passes once they are set.

use serde_json::Value;

use super::house::{House, Worker};
use crate::support::faketime::WallClock;
use crate::support::patience::until;

pub(super) fn go_by(worker: &mut Worker, clock: &WallClock) {
    for (name, value) in clock.envs() {
        worker.process.set(name, &value);
    }
}

pub(super) async fn until_said(worker: &Worker, words: &[&str]) {
    let log = || std::future::ready(worker.process.log());
    until(&format!("the worker says {words:?}"), log, |log| words.iter().all(|word| log.contains(word)))
        .await;
}

/// What the manager says of box-1.
async fn until_shown(house: &House, what: &str, is_met: impl Fn(&str) -> bool) {
    let node = || async { house.ask("GET", "/nodes/box-1", &Value::Null).await.json() };
    until(what, node, |node| node["State"] == "degraded" && is_met(node["Message"].as_str().unwrap())).await;
}

#[tokio::test]
async fn a_worker_whose_clock_is_a_year_off_cannot_join_and_is_told_to_set_it() {
    let house = House::open().await;
    let clock = WallClock::new();
    for (step, words) in [("+1y", "ended 11months"), ("-1y", "begins only in")] {
        clock.set(step);
        let mut worker = Worker::joining("box-1", &house.join_line().await);
        go_by(&mut worker, &clock);
        let words = [words, "this machine's clock says", "the manager's", "timedatectl set-ntp true"];
        worker.assert_refused(&words).await;
    }
    assert_eq!(house.nodes().await, [""; 0]);
}

#[tokio::test]
async fn a_clock_that_is_set_wrong_is_told_of_on_both_sides_and_hinders_nobody_once_it_is_right() {
    let house = House::open().await;
    let clock = WallClock::new();
    let mut worker = Worker::joining("box-1", &house.join_line().await);
    go_by(&mut worker, &clock);
    worker.process.spawn();
    worker.process.printed(1).await;
    house.until_ready("box-1").await;

    // Within what certificates allow: the worker is heard of, and says nothing wrong but its times.
    clock.set("+3d");
    until_shown(&house, "people see it", |message| {
        message.contains("its clock is 3days ahead of the manager's")
    })
    .await;
    until_said(&worker, &["this machine's clock says", "the manager's", "timedatectl", "may not count"])
        .await;
    clock.set("+0");
    until_shown(&house, "that is over", |message| !message.contains("its clock")).await;
    until_said(&worker, &["agree again"]).await;

    // Beyond that: on a new connection the worker does not believe the manager's certificate, and says why.
    assert!(worker.process.terminate().await.success());
    clock.set("+1y");
    let mut again = worker.again(&["worker"]);
    go_by(&mut again, &clock);
    again.process.spawn();
    until_said(&again, &["goes on by itself", "ended 11months", "set the one that is wrong"]).await;
    clock.set("+0");
    until_said(&again, &["the manager answers again"]).await;
    until_shown(&house, "it is heard of", |message| message.contains("heard of 0 s ago")).await;
}

#[tokio::test]
async fn a_worker_goes_on_without_a_manager_whose_clock_is_a_year_ahead_and_needs_no_new_token_afterwards() {
    let clock = WallClock::new();
    let mut house = House::open().await;
    let worker = house.joined("box-1").await;
    house.manager.kill9();
    for (name, value) in clock.envs() {
        house.manager.set(name, &value);
    }
    clock.set("+1y");
    house.start().await;
    until_said(&worker, &["goes on by itself", "begins only in 11months", "the manager's 20"]).await;
    house.manager.kill9();
    clock.set("+0");
    house.start().await;
    until_said(&worker, &["the manager answers again"]).await;
    until_shown(&house, "it is heard of", |message| message.contains("heard of 0 s ago")).await;
}
