//! What a manager says, what is believed of it, and what happens while it says nothing.

use super::*;

#[test]
fn what_nobody_spoke_of_is_left_alone_until_a_manager_has_spoken() {
    let world = World::running("");
    let orphan = Container {
        identity: Identity { task: task(9), attempt: 1, spec: "other".to_owned() },
        ..world.container("orphan", 1, ContainerStatus::Running)
    };
    let known = Some((cluster(), 1, 1));
    let mut world =
        World { host: Host::restore("worker-1".parse().unwrap(), known, Vec::new(), world.now), ..world };
    world.expect("list");
    world.listed(vec![orphan]);
    world.expect("");
    world.host.tell(told(1, 1, Vec::new())).unwrap();
    world.expect("stop orphan");
    world.done(Ok(Answer::Done));
    world.expect("remove orphan");
}

#[test]
fn what_the_manager_cannot_read_is_left_alone() {
    let mut world = World::running("");
    let whole = Told { leave_alone: vec![task(1), task(9)], ..told(1, 2, Vec::new()) };
    world.host.tell(whole.clone()).unwrap();
    world.expect("");
    assert_eq!(world.state(), State::Running, "what this worker knows of it stays");
    // And so does a container of one that it knows nothing of, until the manager can read that again.
    let own = world.container("c1", 1, ContainerStatus::Running);
    let orphan = Container {
        id: ContainerId("orphan".to_owned()),
        identity: Identity { task: task(9), ..own.identity.clone() },
        ..own.clone()
    };
    world.wait(5_000);
    world.expect("list");
    world.listed(vec![own.clone(), orphan]);
    world.expect("inspect c1");
    world.done(Ok(Answer::Container(Box::new(own))));
    world.expect("");
    world.host.tell(Told { leave_alone: vec![task(1)], ..whole }).unwrap();
    world.expect("stop orphan");
}

#[test]
fn a_manager_of_an_older_epoch_an_older_revision_or_another_cluster_is_not_believed() {
    let mut world = World::running("");
    world.host.tell(told(5, 9, vec![assignment(task(1), spec(""))])).unwrap();
    let older = world.host.tell(told(4, 10, Vec::new()));
    assert!(matches!(older, Err(Distrust::OlderHistory { theirs_epoch: 4, ours_epoch: 5, .. })));
    let gone_back = world.host.tell(told(5, 8, Vec::new()));
    assert!(matches!(gone_back, Err(Distrust::OlderHistory { theirs_revision: 8, ours_revision: 9, .. })));
    let other = world.host.tell(Told { cluster: ClusterId::MAX, ..told(6, 99, Vec::new()) });
    assert!(matches!(other, Err(Distrust::OtherCluster { .. })));
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn an_answer_that_another_of_the_same_manager_has_overtaken_is_no_older_history() {
    let mut world = World::running("");
    let start = Some(InstanceId::MAX);
    let newer = told(5, 9, vec![assignment(task(1), spec(""))]);
    world.host.tell(Told { start, ..newer }).unwrap();
    world.host.tell(Told { start, ..told(5, 8, Vec::new()) }).unwrap();
    assert_eq!(world.host.revision, Some(9));
    world.expect("");
    assert_eq!(world.state(), State::Running, "what it says is out of date");
    let copy = world.host.tell(Told { start: Some(InstanceId::MIN), ..told(5, 8, Vec::new()) });
    assert!(matches!(copy, Err(Distrust::OlderHistory { .. })));
}

#[test]
fn an_answer_that_builds_on_something_else_changes_nothing() {
    let mut world = World::running("");
    world.host.tell(Told { whole: false, base: Some(7), ..told(1, 8, Vec::new()) }).unwrap();
    assert_eq!(world.host.revision, Some(1));
    world.host.tell(Told { whole: false, base: Some(1), ..told(1, 8, Vec::new()) }).unwrap();
    assert_eq!(world.host.revision, Some(8));
    assert_eq!(world.state(), State::Running, "a delta without it takes nothing away");
}

#[test]
fn a_worker_that_lost_its_records_takes_over_what_runs() {
    let mut world = World::new();
    world.host.tell(told(1, 1, vec![assignment(task(1), spec(""))])).unwrap();
    world.expect("list");
    let runs = world.container("c3", 3, ContainerStatus::Running);
    world.listed(vec![runs.clone()]);
    world.expect("inspect c3");
    world.done(Ok(Answer::Container(Box::new(runs))));
    world.expect("");
    assert_eq!((world.state(), world.record().observed.attempt), (State::Running, 3));
}

#[test]
fn a_worker_that_lost_its_records_does_not_run_what_is_over() {
    let mut world = World::new();
    let over = Assignment { state: State::Completed, ..assignment(task(1), spec("")) };
    world.host.tell(told(1, 1, vec![over])).unwrap();
    world.expect("list");
    world.listed(Vec::new());
    world.expect("");
    assert_eq!(world.state(), State::Completed);
}

#[test]
fn what_may_run_only_once_is_stopped_when_the_lease_is_over_and_comes_back_with_it() {
    let mut world = World::running(r#","RestartPolicy":"no","Failover":"single""#);
    world.host.lease_until = world.now.moment + Duration::from_secs(4);
    world.wait(3_999);
    world.expect("");
    world.wait(1);
    world.expect("stop c1");
    world.done(Ok(Answer::Done));
    world.expect("");
    assert_eq!(world.state(), State::Running, "nothing is begun, and nothing is over");

    world.host.lease_until = world.now.moment + Duration::from_secs(6);
    world.expect("inspect c1");
    let stopped = world.exited("c1", 1, 143);
    world.done(Ok(Answer::Container(Box::new(stopped))));
    world.expect("create web.2");
    assert_eq!(world.record().failures, 0, "it is not to blame, whatever its policy says");
}

#[test]
fn in_one_life_of_the_manager_a_lease_grows_and_a_later_life_begins_it_anew() {
    let mut world = World::running("");
    let mut tell = |epoch, base, lease_until| {
        let whole = base == 0;
        let base = Some(base).filter(|_| !whole);
        let news = Told { base, whole, lease_until: Moment(lease_until), ..told(epoch, 9, Vec::new()) };
        world.host.tell(news).unwrap();
        world.host.lease_until
    };
    let begun = tell(7, 0, 60_000);
    assert_eq!(begun, Moment(60_000), "another life than before");
    assert_eq!(tell(7, 9, 70_000), Moment(70_000));
    assert_eq!(tell(7, 9, 50_000), Moment(70_000), "an earlier question, answered late");
    assert_eq!(tell(7, 3, 80_000), Moment(80_000), "what it builds on has changed, and it is an answer");
    assert_eq!(tell(8, 9, 40_000), Moment(40_000), "a later life gives shorter ones");
    assert!(
        world.host.tell(Told { lease_until: Moment(90_000), ..told(7, 9, Vec::new()) }).is_err(),
        "an earlier life has nothing to give"
    );
    assert_eq!(world.host.lease_until, Moment(40_000));
}

#[test]
fn what_may_run_twice_goes_on_without_a_lease() {
    let mut world = World::running("");
    world.host.lease_until = world.now.moment;
    world.expect("");
    assert_eq!(world.state(), State::Running);
}

#[test]
fn a_worker_knows_what_is_left_of_tasks_that_it_was_to_let_go_of() {
    let mut world = World::running("");
    assert_eq!(world.host.leftovers(), Some(vec![]));
    world.host.tell(told(1, 2, Vec::new())).unwrap();
    assert_eq!(world.host.leftovers(), Some(vec![task(1)]));
    world.expect("stop c1");
    world.done(Ok(Answer::Done));
    world.expect("remove c1");
    assert_eq!(world.host.leftovers(), Some(vec![task(1)]), "a call is under way");
    world.done(Ok(Answer::Done));
    assert_eq!(world.host.leftovers(), Some(vec![]));
    world.wait(5_000);
    world.expect("list");
    world.list_ends(Err(Failure::Unreachable("gone".to_owned())));
    assert_eq!(world.host.leftovers(), None, "it cannot know");
}
