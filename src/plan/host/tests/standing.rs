//! What a worker does before a manager has spoken to it, and once it hears that another has its name.

use super::*;

/// A worker that starts anew, as its store knew it, and has looked at what runs.
fn restarted(world: &World, containers: Vec<Container>) -> World {
    let records = world.host.slots().map(|slot| slot.record.clone()).collect();
    let host = Host::restore("worker-1".parse().unwrap(), Some((cluster(), 1, 1)), records, world.now);
    let mut world = World { host, calls: VecDeque::new(), now: world.now, networks: Vec::new() };
    world.expect("list");
    world.listed(containers.clone());
    for container in containers {
        world.expect(&format!("inspect {}", container.id));
        world.done(Ok(Answer::Container(Box::new(container))));
    }
    world
}

/// One whose only container is gone.
fn bereft() -> World {
    let mut world = restarted(&World::running(""), Vec::new());
    world.expect("inspect c1");
    world.done(Err(Failure::Missing("no such container".to_owned())));
    world
}

#[test]
fn a_worker_that_starts_begins_nothing_before_its_manager_has_answered() {
    let mut world = bereft();
    world.expect("");
    world.host.tell(told(1, 1, vec![assignment(task(1), spec(""))])).unwrap();
    world.expect("create web");
}

#[test]
fn a_worker_whose_manager_is_away_heals_by_itself_after_five_seconds() {
    let mut world = bereft();
    world.expect("");
    assert_eq!(next_look(&world.host, world.now.moment), world.now.moment + Duration::from_secs(2));
    world.wait(4_999);
    world.expect("");
    assert_eq!(next_look(&world.host, world.now.moment), world.now.moment + Duration::from_millis(1));
    world.wait(1);
    world.expect("list, create web");
}

#[test]
fn a_worker_that_is_refused_begins_and_stops_nothing_until_it_is_admitted() {
    let mut world = bereft();
    world.host.another_speaks(world.now.moment);
    world.wait(60_000);
    world.expect("list");
    world.listed(Vec::new());
    world.expect("");
    world.host.tell(told(1, 1, vec![assignment(task(1), spec(""))])).unwrap();
    world.expect("create web");

    // On the engine of another, a later attempt than it knows of runs: that is not its own to stop.
    let world = World::running("");
    let later = world.container("c2", 2, ContainerStatus::Running);
    let mut world = restarted(&world, vec![later]);
    world.host.another_speaks(world.now.moment);
    world.expect("");
    world.host.tell(told(1, 1, vec![assignment(task(1), spec(""))])).unwrap();
    world.expect("stop c2");
}

#[test]
fn what_may_run_only_once_is_let_go_by_whoever_was_admitted_and_left_alone_by_whoever_was_not() {
    let single = || World::running(r#","Failover":"single""#);
    let refused_since = |world: &mut World, millis: u64| {
        world.wait(millis);
        world.host.another_speaks(world.now.moment);
    };
    let mut admitted = single();
    admitted.host.lease_until = admitted.now.moment + Duration::from_secs(3);
    refused_since(&mut admitted, 1_000);
    admitted.expect("");
    refused_since(&mut admitted, 2_000);
    admitted.expect("stop c1");

    let world = single();
    let runs = world.container("c1", 1, ContainerStatus::Running);
    let mut copy = restarted(&world, vec![runs.clone()]);
    for _ in 0..4 {
        refused_since(&mut copy, 1_000);
        copy.expect("");
    }
    // Who refused it is silent now, and gives whoever lives no lease either.
    copy.wait(2_000);
    copy.expect("list, stop c1");

    let world = single();
    let mut unheard = restarted(&world, vec![runs]);
    unheard.wait(1_999);
    unheard.expect("");
    unheard.wait(1);
    unheard.expect("stop c1");
}
