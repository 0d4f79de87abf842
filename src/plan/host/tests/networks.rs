//! When a network of a task goes, and what waits for that.

use super::*;

const IN_SHOP: &str = r#","Options":{"Networks":[{"Name":"shop"}]}"#;

fn network(name: &str) -> Network {
    Network { id: NetworkId(format!("id of {name}")), name: name.to_owned(), internal: false, stranger: None }
}

impl World {
    /// The removal of a network that is under way ends so.
    #[track_caller]
    fn network_left(&mut self, result: Result<(), Failure>) {
        let is_removal = |call: &Call| matches!(call, Call::RemoveNetwork { .. });
        let index = self.calls.iter().position(is_removal).expect("a network is being removed");
        let Some(Call::RemoveNetwork { name, .. }) = self.calls.remove(index) else { unreachable!() };
        self.host.note(Outcome::NetworkRemoved { name, result }, self.now);
    }

    /// The task in the container `c1` is not wanted any more, and it goes.
    fn is_dropped(&mut self) {
        self.host.tell(told(1, 2, Vec::new())).unwrap();
        self.expect("stop c1");
        self.done(Ok(Answer::Done));
        self.expect("remove c1");
        self.networks = vec![network("shop")];
        self.done(Ok(Answer::Done));
    }
}

#[test]
fn a_network_goes_with_the_last_task_that_names_it_and_no_sooner() {
    let mut world = World::running(IN_SHOP);
    world.networks = vec![network("shop")];
    world.wait(400_000);
    world.decide();
    assert!(!world.calls.iter().any(|call| matches!(call, Call::RemoveNetwork { .. })), "{:?}", world.calls);
    let mut world = World::running(IN_SHOP);
    world.is_dropped();
    world.expect("remove network shop");
    world.network_left(Ok(()));
    world.networks.clear();
    world.expect("");
}

#[test]
fn one_that_is_still_in_use_is_tried_again_after_a_while() {
    let mut world = World::running(IN_SHOP);
    world.is_dropped();
    world.expect("remove network shop");
    world.network_left(Err(Failure::Refused("it has active endpoints".to_owned())));
    world.expect("");
    world.wait(1_000);
    world.expect("remove network shop");
    world.network_left(Err(Failure::Unknown("no answer".to_owned())));
    world.wait(1_000);
    world.expect("");
    world.wait(1_000);
    world.expect("remove network shop");
}

#[test]
fn nothing_is_created_in_a_network_that_is_on_its_way_out() {
    let mut world = World::running(IN_SHOP);
    world.is_dropped();
    world.expect("remove network shop");
    world.host.tell(told(1, 3, vec![assignment(task(2), spec(IN_SHOP))])).unwrap();
    world.expect("remove network shop");
    world.network_left(Ok(()));
    world.networks.clear();
    world.expect("create web");
}

#[test]
fn what_was_left_behind_goes_once_a_manager_has_spoken() {
    let mut world = World::new();
    let known = Some((cluster(), 1, 1));
    world.host = Host::restore("worker-1".parse().unwrap(), known, Vec::new(), world.now);
    world.networks = vec![network("shop")];
    world.expect("list");
    world.listed(Vec::new());
    world.expect("");
    let unreadable = Told { leave_alone: vec![task(9)], ..told(1, 1, Vec::new()) };
    world.host.tell(unreadable).unwrap();
    world.expect("");
    world.host.tell(told(1, 2, Vec::new())).unwrap();
    world.expect("remove network shop");
}

#[test]
fn one_of_several_networks_may_be_missing_where_the_end_of_a_creation_was_not_heard() {
    let json = r#","Options":{"Networks":[{"Name":"shop"},{"Name":"back"}]}"#;
    let mut world = World::with_task(json);
    world.expect("create web");
    world.done(Err(Failure::Unknown("no answer".to_owned())));
    world.expect("list");
    let created = world.container("c1", 1, ContainerStatus::Created);
    world.listed(vec![created]);
    world.wait(500);
    world.expect("remove c1");
}

#[test]
fn the_node_stands_in_what_a_container_is_made_by_and_not_in_what_is_kept() {
    let json = r#","Env":["ON={{.Node.Hostname}}"],"Labels":{"orc.service":"web"}"#;
    let mut world = World::with_task(json);
    world.expect("create web");
    let Some(Call::Lane { verb: Verb::Create { spec, identity, .. }, .. }) = world.calls.front() else {
        panic!("{:?}", world.calls);
    };
    assert_eq!(spec.env, ["ON=worker-1"]);
    let kept = &world.host.slot(task(1)).unwrap().record.assignment.spec;
    assert_eq!((kept.env[0].as_str(), &kept.fingerprint()), ("ON={{.Node.Hostname}}", &identity.spec));
    let mut plain = World::with_task(r#","Env":["ON={{.Node}}"]"#);
    plain.expect("create web");
    let Some(Call::Lane { verb: Verb::Create { spec, .. }, .. }) = plain.calls.front() else { panic!() };
    assert_eq!(spec.env, ["ON={{.Node}}"], "a task of its own has no templates");
}
