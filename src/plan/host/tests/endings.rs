//! What follows when a container ends, or a stranger lays hands on it.

use super::*;

#[test]
fn an_exit_with_zero_completes_and_its_container_is_kept_for_its_logs() {
    let mut world = World::running("");
    world.ends("c1", 1, 0);
    world.expect("");
    assert_eq!(world.state(), State::Completed);
    assert_eq!(world.record().observed.exit_code, Some(0));
    assert_eq!(world.record().observed.container, Some(ContainerId("c1".to_owned())));
}

#[test]
fn a_failure_restarts_at_once_then_ever_later_and_ends_after_three() {
    let mut world = World::running("");
    let mut waits = Vec::new();
    for attempt in 1..=3 {
        let id = format!("c{attempt}");
        world.ends(&id, attempt, 1);
        world.decide();
        let begun = world.now.moment;
        if let Some(retry_at) = world.host.slot(task(1)).unwrap().retry_at {
            assert_eq!(
                next_look(&world.host, world.now.moment).min(retry_at),
                next_look(&world.host, world.now.moment)
            );
            world.wait(u64::try_from(retry_at.since(begun).as_millis()).unwrap());
        }
        waits.push(world.now.moment.since(begun).as_millis());
        while world.calls.is_empty() || words(&world.calls[0]) == "list" {
            if world.calls.is_empty() {
                world.decide();
            } else {
                let left = world.exited(&id, attempt, 1);
                world.listed(vec![left]);
                world.decide();
            }
        }
        let next = format!("c{}", attempt + 1);
        if attempt == 1 {
            world.restarts(&id, &next, attempt + 1);
        } else {
            // Time enough for somebody to start it by hand: it goes before anything new begins.
            world.expect(&format!("remove {id}"));
            world.done(Ok(Answer::Done));
            world.starts(&next, attempt + 1, "web");
        }
    }
    assert_eq!(waits[0], 0);
    assert!((750..=1_000).contains(&waits[1]) && (1_500..=2_000).contains(&waits[2]), "{waits:?}");
    world.ends("c4", 4, 7);
    world.expect("");
    assert_eq!(world.state(), State::Failed);
    assert_eq!(world.record().observed.restarts, 3);
    assert_eq!(world.record().message, "exited with code 7; given up after 3 restarts");
}

#[test]
fn a_death_that_is_called_out_is_followed_at_once() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Killed);
    world.dies("c1", 137);
    world.restarts("c1", "c2", 2);
    assert_eq!((world.record().failures, world.record().observed.restarts), (0, 1));
    assert_eq!(world.record().attempt.as_ref().unwrap().name, "web");
    world.dies("c2", 1);
    world.expect("inspect c2");
}

#[test]
fn a_list_that_is_late_does_not_bring_the_dead_back() {
    let mut world = World::running("");
    let ran = world.container("c1", 1, ContainerStatus::Running);
    world.wait(5_000);
    world.expect("list");
    world.dies("c1", 1);
    world.listed(vec![ran.clone()]);
    world.expect("create web.2");
    world.done(unknown());
    world.expect("list");
    world.listed(vec![ran.clone()]);
    world.wait(500);
    world.expect("create web.2");
    // One that still runs a while later was started again.
    world.done(unknown());
    world.wait(10_000);
    world.expect("list");
    world.listed(vec![ran.clone()]);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(ran))));
    world.expect("stop c1");
}

#[test]
fn what_a_called_out_death_does_not_tell_is_looked_at() {
    // Whether the kernel killed it, what it may become of it, or who is about to start it again.
    for (json, hint, code) in [
        (r#","Memory":104857600"#, HintKind::Killed, 137),
        (r#","RestartPolicy":"no""#, HintKind::Killed, 137),
        ("", HintKind::Killed, 0),
        ("", HintKind::AskedToEnd, 143),
    ] {
        let mut world = World::running(json);
        world.hint("c1", hint);
        world.dies("c1", code);
        world.expect("inspect c1");
    }
}

#[test]
fn a_restart_by_hand_is_one_whatever_signals_it_takes() {
    let mut world = World::running("");
    world.hint("c1", HintKind::AskedToEnd);
    world.hint("c1", HintKind::Killed);
    world.dies("c1", 137);
    world.expect("inspect c1");
}

#[test]
fn a_port_of_the_host_is_waited_for_until_the_former_attempt_has_let_go_of_it() {
    let mut world = World::running(
        r#","ExposedPorts":{"80/tcp":{}},"PortBindings":{"80/tcp":"8080"},"PublishMode":"host""#,
    );
    world.dies("c1", 1);
    world.expect("create web.2");
    world.done(Ok(Answer::Created(ContainerId("c2".to_owned()))));
    world.expect("inspect c1");
    let ended = world.exited("c1", 1, 1);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("start c2");
}

#[test]
fn what_may_be_started_by_a_call_that_comes_late_is_gone_before_anything_new_begins() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Ok(Answer::Created(ContainerId("c1".to_owned()))));
    world.expect("start c1");
    world.done(unknown());
    world.expect("list");
    let running = world.container("c1", 1, ContainerStatus::Running);
    world.listed(vec![running.clone()]);
    world.host.recheck.clear();
    world.wait(500);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(running))));
    world.expect("");
    assert_eq!(world.state(), State::Running);
    world.ends("c1", 1, 1);
    world.expect("remove c1");
    world.done(Ok(Answer::Done));
    world.expect("create web");
}

#[test]
fn a_container_keeps_its_suffix_when_its_name_was_taken_meanwhile() {
    let mut world = World::running("");
    world.dies("c1", 1);
    world.starts("c2", 2, "web.2");
    world.expect("remove c1");
    world.done(Ok(Answer::Done));
    world.expect("rename c2 web");
    world.done(Err(Failure::Conflict("in use".to_owned())));
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn a_suffix_that_another_task_has_is_passed_over() {
    let mut world = World::running("");
    let other = Container {
        id: ContainerId("other".to_owned()),
        name: "web.2".to_owned(),
        identity: Identity { task: task(9), attempt: 1, spec: "other".to_owned() },
        ..world.container("c1", 1, ContainerStatus::Running)
    };
    world.host.containers.insert((task(9), other.id.clone()), other);
    world.host.leave_alone.insert(task(9));
    world.dies("c1", 1);
    world.expect("create web.3");
}

#[test]
fn what_a_stranger_removes_comes_back_and_does_not_count() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Destroyed);
    world.expect("list");
    world.listed(Vec::new());
    world.expect("inspect c1");
    world.done(Err(Failure::Missing("no such container".to_owned())));
    world.expect("create web");
    assert_eq!((world.record().failures, world.record().observed.restarts), (0, 1));
    assert_eq!(world.record().observed.attempt, 2);
}

#[test]
fn a_list_that_lies_ends_nothing() {
    let mut world = World::running("");
    world.wait(5_000);
    world.expect("list");
    world.listed(Vec::new());
    world.expect("inspect c1");
    let runs = world.container("c1", 1, ContainerStatus::Running);
    world.done(Ok(Answer::Container(Box::new(runs))));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.attempt), (State::Running, 1));
}

#[test]
fn what_a_stranger_kills_comes_back_even_when_it_exited_with_zero() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Killed);
    world.ends("c1", 1, 0);
    world.expect("create web.2");
    assert_eq!((world.state(), world.record().failures), (State::Scheduled, 0));
}

#[test]
fn what_ended_while_the_engine_was_away_was_not_to_blame() {
    let mut world = World::running("");
    world.host.engine_may_be_gone();
    world.expect("list");
    world.list_ends(Err(Failure::Unreachable("connection refused".to_owned())));
    world.expect("");
    assert!(world.host.engine_trouble().is_some());
    assert_eq!(world.state(), State::Running, "an engine that is away is not a task that failed");
    world.wait(250);
    world.expect("list");
    let ended = world.exited("c1", 1, 137);
    world.listed(vec![ended.clone()]);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("create web.2");
    assert_eq!((world.record().failures, world.record().observed.restarts), (0, 1));
}

#[test]
fn an_engine_that_lists_its_containers_and_does_not_say_how_it_is_is_in_trouble() {
    let mut world = World::running("");
    world.host.described(Some(&Failure::Unknown("no answer within 10 s".to_owned())));
    let words = world.host.engine_trouble().unwrap().to_owned();
    assert!(words.contains("does not say how it is: no answer within 10 s"), "{words}");
    world.host.described(None);
    assert_eq!(world.host.engine_trouble(), None);
    world.host.described(Some(&Failure::Unreachable("connection refused".to_owned())));
    assert_eq!(world.host.engine_trouble(), None, "lists show that");
}

#[test]
fn a_paused_container_is_thawed() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Changed);
    world.expect("inspect c1");
    let paused = world.container("c1", 1, ContainerStatus::Paused);
    world.done(Ok(Answer::Container(Box::new(paused))));
    world.expect("unpause c1");
    world.done(Ok(Answer::Done));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.attempt), (State::Running, 1));
}

#[test]
fn limits_that_a_stranger_changed_are_set_again() {
    let mut world = World::running("");
    world.hint("c1", HintKind::Changed);
    world.expect("inspect c1");
    let mut changed = world.container("c1", 1, ContainerStatus::Running);
    changed.details.as_mut().unwrap().limits_as_set = false;
    world.done(Ok(Answer::Container(Box::new(changed))));
    world.expect("restore c1");
    world.done(Ok(Answer::Done));
    world.expect("inspect c1");
}

#[test]
fn a_host_port_that_is_taken_leaves_nothing_behind_and_is_tried_again_later() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Ok(Answer::Created(ContainerId("c1".to_owned()))));
    world.expect("start c1");
    world.done(Err(Failure::Refused("port is already allocated".to_owned())));
    world.expect("");
    assert_eq!(world.state(), State::Scheduled);
    assert!(
        world.record().message.starts_with("port is already allocated; restart 1 of 3 in "),
        "{}",
        world.record().message
    );
    world.wait(1_000);
    world.expect("remove c1");
    world.done(Ok(Answer::Done));
    world.expect("create web");
}

#[test]
fn an_unhealthy_task_is_stopped_and_restarted() {
    let mut world = World::unhealthy();
    let running = world.published();
    world.done(Ok(Answer::Container(Box::new(running))));
    world.expect("list, stop c1");
    assert_eq!(
        world.record().message,
        "unhealthy: GET /health answered 500, 2 times in a row; is being restarted"
    );
    world.done(Ok(Answer::Done));
    world.decide();
    let ended = world.exited("c1", 1, 143);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.decide();
    assert_eq!((world.state(), world.record().failures), (State::Scheduled, 1));
}

#[test]
fn a_task_that_has_ended_is_not_unhealthy() {
    let mut world = World::unhealthy();
    let ended = world.exited("c1", 1, 0);
    world.done(Ok(Answer::Container(Box::new(ended))));
    world.expect("list");
    assert_eq!((world.state(), world.record().observed.exit_code), (State::Completed, Some(0)));
}

#[test]
fn a_retry_waits_no_longer_after_a_restart_of_the_worker_than_before() {
    let mut world = World::with_task("");
    world.expect("create web");
    world.done(Err(Failure::Refused("no".to_owned())));
    world.expect("");
    let record = world.record().clone();
    let delay = record.retry.unwrap().delay;
    let restored = |clock_step: i64| {
        let wall = Timestamp::from_millis(world.now.wall.millis() + clock_step);
        let now = Now { wall, ..world.now };
        Slot::restore(record.clone(), now).retry_at.unwrap().since(now.moment)
    };
    assert_eq!(restored(0), delay);
    assert_eq!(restored(400), delay.checked_sub(Duration::from_millis(400)).unwrap());
    assert_eq!(restored(-86_400_000), delay, "a clock that was set back makes nobody wait a day");
    assert_eq!(restored(86_400_000), Duration::ZERO);
}
