//! The same probes against the real engine and the fake one: what is tested upon the fake holds for Docker.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use orc::engine::{EXEC_OUTPUT, Engine, EngineEvent, Executed, LogOptions};
use orc::model::container::{Container, ContainerStatus, Failure, Owner};
use orc::model::id::{ContainerId, ExecId};
use orc::model::network::{Attachment, Network};
use orc::model::spec::{ContainerOptions, Empty, TaskSpec};
use orc::model::state::Health;
use orc::model::task::HostPorts;

use crate::support::cases::{new_identity, new_name, on_host_port, port, spec_of};
use crate::support::patience::until;
use crate::support::rig::{Kind, Rig, assert_fails, first_event, kind, programs};

/// Declares each probe as one test upon each engine.
macro_rules! probes {
    ($($name:ident)*) => {
        mod real {
            $(#[tokio::test]
            async fn $name() {
                crate::support::real_rig::RealRig::with(|rig| async move { super::$name(&rig).await }).await;
            })*
        }

        mod fake {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                super::$name(&crate::support::fake_rig::FakeRig::new()).await;
            })*
        }
    };
}

probes! {
    it_says_its_version_and_size
    a_created_container_is_listed_with_its_labels
    a_created_container_has_neither_start_nor_exit
    a_container_is_found_by_id_and_by_name
    the_same_name_twice_is_a_conflict
    of_eight_creates_of_one_name_at_once_one_succeeds
    an_absent_image_is_missing
    a_name_that_docker_does_not_take_is_refused
    less_memory_than_docker_allows_is_refused
    more_cores_than_there_are_are_refused
    what_is_not_there_is_missing
    removing_what_is_not_there_succeeds
    a_started_container_runs_since_its_start
    starting_what_runs_succeeds
    starting_what_has_ended_runs_it_again
    starting_a_paused_container_is_a_conflict
    a_program_that_is_not_there_is_refused_and_its_container_stays_created
    ports_of_task_and_image_are_published_on_random_ports
    a_binding_in_random_mode_is_random
    a_binding_in_host_mode_is_exact_and_other_ports_are_random
    a_host_port_that_is_taken_refuses_the_start_and_leaves_code_128
    a_host_port_is_free_again_after_the_end
    list_and_inspection_agree
    a_paused_container_lives
    unpausing_thaws
    unpausing_what_is_not_paused_succeeds
    a_stopped_container_ends_with_its_programs_code
    stopping_what_has_ended_or_never_ran_succeeds
    a_deaf_container_is_killed_after_its_grace
    a_paused_container_can_be_stopped
    an_exit_code_is_told
    a_killed_container_has_exited_with_137
    a_container_that_wants_too_much_memory_is_killed
    a_running_container_is_removed
    a_removed_containers_name_is_free
    of_six_removals_at_once_none_is_refused_and_the_container_is_gone
    a_container_that_vanished_is_missing
    another_nodes_containers_are_not_shown
    a_strangers_container_is_a_conflict
    a_renamed_container_is_known_by_its_labels
    a_container_is_given_another_name_twice
    a_name_that_another_container_has_is_a_conflict
    a_changed_limit_is_seen_and_restored
    a_limit_put_on_an_unlimited_container_is_let_be
    the_images_own_health_is_told
    a_running_container_has_an_address_of_its_own
    a_program_in_a_container_ends_with_its_code_and_the_beginning_of_what_it_wrote
    a_program_that_is_not_there_ends_with_a_code_of_its_own
    a_program_that_takes_too_long_goes_on_until_its_container_ends
    a_program_in_what_does_not_run_is_a_conflict
    an_archive_brings_its_image_or_is_refused
    a_network_is_made_shown_and_removed
    a_strangers_network_says_so_and_is_not_listed
    a_network_in_which_a_container_runs_is_not_removed
    a_container_runs_in_several_networks
    a_container_of_a_network_that_is_not_there_does_not_run
    events_tell_what_happens_to_ones_own_containers_only
    output_is_given_in_order
    only_the_last_lines_are_given
    followed_output_ends_with_the_container
    output_of_what_is_not_there_is_missing
}

fn statuses(containers: &[Container]) -> BTreeMap<ContainerId, ContainerStatus> {
    containers.iter().map(|container| (container.id.clone(), container.status.clone())).collect()
}

/// The host ports of each published port, without the addresses.
fn numbers(ports: &HostPorts) -> BTreeMap<String, u16> {
    ports.iter().map(|(port, bindings)| (port.to_string(), bindings[0].host_port.parse().unwrap())).collect()
}

fn exit_code(container: &Container) -> Option<i64> {
    container.details.as_ref()?.exit.as_ref().map(|exit| exit.code)
}

async fn it_says_its_version_and_size(rig: &impl Rig) {
    let info = rig.engine().info().await.unwrap();
    assert!(info.version.starts_with(|first: char| first.is_ascii_digit()), "{info:?}");
    assert!(info.cores >= 1 && info.memory > 1 << 28, "{info:?}");
    assert!(info.volumes.is_some(), "{info:?}");
}

async fn a_created_container_is_listed_with_its_labels(rig: &impl Rig) {
    let (name, identity) = (new_name(), new_identity());
    let id = rig.engine().create(rig.owner(), &name, &identity, &rig.spec(Kind::Server)).await.unwrap();
    let list = rig.engine().list(rig.owner()).await.unwrap();
    let [container] = list.as_slice() else { panic!("{list:?}") };
    assert_eq!((&container.id, &container.name, &container.identity), (&id, &name, &identity));
    assert_eq!(container.status, ContainerStatus::Created);
    assert_eq!((container.health, &container.host_ports), (Health::None, &HostPorts::new()));
    assert_eq!(container.details, None);
}

async fn a_created_container_has_neither_start_nor_exit(rig: &impl Rig) {
    let (id, _) = rig.created(Kind::Server).await;
    let details = rig.inspected(&id).await.details.unwrap();
    assert_eq!((details.started_at, details.exit), (None, None));
    assert_eq!((details.error.as_str(), details.limits_as_set), ("", true));
}

async fn a_container_is_found_by_id_and_by_name(rig: &impl Rig) {
    let (id, _) = rig.created(Kind::Server).await;
    let by_id = rig.inspected(&id).await;
    let by_name = rig.engine().inspect(rig.owner(), &by_id.name).await.unwrap();
    assert_eq!(by_id, by_name);
    assert_eq!(by_id.id, id);
}

async fn the_same_name_twice_is_a_conflict(rig: &impl Rig) {
    let (name, spec) = (new_name(), rig.spec(Kind::Server));
    rig.engine().create(rig.owner(), &name, &new_identity(), &spec).await.unwrap();
    assert_fails(rig.engine().create(rig.owner(), &name, &new_identity(), &spec).await, "conflict");
}

async fn of_eight_creates_of_one_name_at_once_one_succeeds(rig: &impl Rig) {
    let (name, identity, spec) = (new_name(), new_identity(), rig.spec(Kind::Server));
    let create = || rig.engine().create(rig.owner(), &name, &identity, &spec);
    let results = join_all((0..8).map(|_| create())).await;
    let conflicts = results.iter().filter_map(|result| result.as_ref().err()).map(kind).collect::<Vec<_>>();
    assert_eq!(conflicts, ["conflict"; 7]);
    assert_eq!(rig.engine().list(rig.owner()).await.unwrap().len(), 1);
}

async fn an_absent_image_is_missing(rig: &impl Rig) {
    let spec = spec_of("orc-test/there-is-no-such-image:7");
    assert_fails(rig.engine().create(rig.owner(), &new_name(), &new_identity(), &spec).await, "missing");
}

async fn a_name_that_docker_does_not_take_is_refused(rig: &impl Rig) {
    let spec = rig.spec(Kind::Server);
    for name in ["a", "-ab", "a/b", "a b"] {
        assert_fails(rig.engine().create(rig.owner(), name, &new_identity(), &spec).await, "refused");
    }
}

async fn less_memory_than_docker_allows_is_refused(rig: &impl Rig) {
    let spec = TaskSpec { memory: 1 << 20, ..rig.spec(Kind::Server) };
    assert_fails(rig.engine().create(rig.owner(), &new_name(), &new_identity(), &spec).await, "refused");
}

async fn more_cores_than_there_are_are_refused(rig: &impl Rig) {
    let spec = TaskSpec { cpu: 100_000.0, ..rig.spec(Kind::Server) };
    assert_fails(rig.engine().create(rig.owner(), &new_name(), &new_identity(), &spec).await, "refused");
}

async fn what_is_not_there_is_missing(rig: &impl Rig) {
    let (engine, spec) = (rig.engine(), rig.spec(Kind::Server));
    let id = ContainerId("0".repeat(64));
    assert_fails(engine.inspect(rig.owner(), &id.0).await, "missing");
    assert_fails(engine.start(&id).await, "missing");
    assert_fails(engine.unpause(&id).await, "missing");
    assert_fails(engine.stop(&id, None).await, "missing");
    assert_fails(
        engine.stop(&id, Some(&TaskSpec { stop_timeout: Some(1), ..spec.clone() })).await,
        "missing",
    );
    assert_fails(engine.restore_limits(&id, &spec).await, "missing");
}

async fn removing_what_is_not_there_succeeds(rig: &impl Rig) {
    rig.engine().remove(&ContainerId("0".repeat(64))).await.unwrap();
}

async fn a_started_container_runs_since_its_start(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    let container = rig.inspected(&id).await;
    assert_eq!(container.status, ContainerStatus::Running);
    let details = container.details.unwrap();
    assert!(details.started_at.is_some());
    assert_eq!(details.exit, None);
}

async fn starting_what_runs_succeeds(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    let before = rig.inspected(&id).await;
    rig.engine().start(&id).await.unwrap();
    assert_eq!(rig.inspected(&id).await, before);
}

async fn starting_what_has_ended_runs_it_again(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.kill(&id).await;
    rig.ended(&id).await;
    rig.engine().start(&id).await.unwrap();
    let container = rig.inspected(&id).await;
    assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Running, None));
}

async fn starting_a_paused_container_is_a_conflict(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.pause(&id).await;
    assert_fails(rig.engine().start(&id).await, "conflict");
}

async fn a_program_that_is_not_there_is_refused_and_its_container_stays_created(rig: &impl Rig) {
    let (id, _) = rig.created(Kind::Absent).await;
    assert_fails(rig.engine().start(&id).await, "refused");
    let container = rig.inspected(&id).await;
    assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Created, Some(127)));
    assert!(container.details.unwrap().error.contains("/absent"));
}

async fn ports_of_task_and_image_are_published_on_random_ports(rig: &impl Rig) {
    let exposed = Some([(port("9999/udp"), Empty {})].into());
    let id = rig.started_of(&TaskSpec { exposed_ports: exposed, ..rig.spec(Kind::Server) }).await;
    let ports = numbers(&rig.inspected(&id).await.host_ports);
    assert_eq!(ports.keys().collect::<Vec<_>>(), ["7777/tcp", "9999/udp"]);
    assert!(ports.values().all(|number| *number >= 1024), "{ports:?}");
    let other = numbers(&rig.inspected(&rig.started(Kind::Server).await).await.host_ports);
    assert_ne!(ports["7777/tcp"], other["7777/tcp"]);
}

async fn a_binding_in_random_mode_is_random(rig: &impl Rig) {
    let wish = rig.free_port();
    let mut spec = on_host_port(rig.spec(Kind::Server), wish);
    spec.publish_mode = orc::model::spec::PublishMode::Random;
    let first = numbers(&rig.inspected(&rig.started_of(&spec).await).await.host_ports);
    let second = numbers(&rig.inspected(&rig.started_of(&spec).await).await.host_ports);
    assert_ne!(first["7777/tcp"], second["7777/tcp"]);
    assert_ne!(first["7777/tcp"], wish);
}

async fn a_binding_in_host_mode_is_exact_and_other_ports_are_random(rig: &impl Rig) {
    let wish = rig.free_port();
    let mut spec = on_host_port(rig.spec(Kind::Server), wish);
    spec.exposed_ports = Some([(port("8888/tcp"), Empty {})].into());
    let ports = numbers(&rig.inspected(&rig.started_of(&spec).await).await.host_ports);
    assert_eq!(ports["7777/tcp"], wish);
    assert_ne!(ports["8888/tcp"], wish);
}

async fn a_host_port_that_is_taken_refuses_the_start_and_leaves_code_128(rig: &impl Rig) {
    let spec = on_host_port(rig.spec(Kind::Server), rig.free_port());
    rig.started_of(&spec).await;
    let (second, _) = rig.created_of(&spec).await;
    let failure = rig.engine().start(&second).await.unwrap_err();
    assert_eq!(kind(&failure), "refused");
    assert!(failure.to_string().contains("port is already allocated"), "{failure}");
    let container = rig.inspected(&second).await;
    assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Created, Some(128)));
    assert_eq!(container.host_ports, HostPorts::new());
    assert!(container.details.unwrap().error.contains("port is already allocated"));
}

async fn a_host_port_is_free_again_after_the_end(rig: &impl Rig) {
    let spec = on_host_port(rig.spec(Kind::Server), rig.free_port());
    let first = rig.started_of(&spec).await;
    rig.engine().stop(&first, Some(&spec)).await.unwrap();
    assert_eq!(rig.inspected(&first).await.host_ports, HostPorts::new());
    rig.started_of(&spec).await;
}

async fn list_and_inspection_agree(rig: &impl Rig) {
    rig.created(Kind::Server).await;
    rig.started(Kind::Server).await;
    let paused = rig.started(Kind::Server).await;
    rig.pause(&paused).await;
    let ended = rig.started(Kind::Ends(3)).await;
    rig.ended(&ended).await;
    let list = rig.engine().list(rig.owner()).await.unwrap();
    assert_eq!(list.len(), 4);
    for listed in list {
        let inspected = rig.inspected(&listed.id).await;
        assert_eq!(listed, Container { details: None, ..inspected });
    }
}

async fn a_paused_container_lives(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.pause(&id).await;
    let container = rig.inspected(&id).await;
    assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Paused, None));
    assert!(container.status.is_live());
    assert!(!container.host_ports.is_empty());
}

async fn unpausing_thaws(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.pause(&id).await;
    rig.engine().unpause(&id).await.unwrap();
    assert_eq!(rig.inspected(&id).await.status, ContainerStatus::Running);
}

async fn unpausing_what_is_not_paused_succeeds(rig: &impl Rig) {
    let running = rig.started(Kind::Server).await;
    let (created, _) = rig.created(Kind::Server).await;
    rig.engine().unpause(&running).await.unwrap();
    rig.engine().unpause(&created).await.unwrap();
    assert_eq!(rig.inspected(&running).await.status, ContainerStatus::Running);
}

async fn a_stopped_container_ends_with_its_programs_code(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    until_it_listens(rig, &id).await;
    rig.engine().stop(&id, Some(&rig.spec(Kind::Server))).await.unwrap();
    let container = rig.inspected(&id).await;
    assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Exited, Some(0)));
    assert!(container.details.unwrap().exit.unwrap().finished_at.is_some());
}

/// The program says so on its standard output, once it hears signals; a fake one hears them from the beginning.
async fn until_it_listens(rig: &impl Rig, id: &ContainerId) {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut output = rig.engine().logs(id, &options);
    // A fake program writes nothing.
    let _ = tokio::time::timeout(Duration::from_secs(3), output.next()).await;
}

async fn stopping_what_has_ended_or_never_ran_succeeds(rig: &impl Rig) {
    let ended = rig.started(Kind::Ends(3)).await;
    rig.ended(&ended).await;
    let (created, _) = rig.created(Kind::Server).await;
    rig.engine().stop(&ended, None).await.unwrap();
    rig.engine().stop(&created, None).await.unwrap();
    let list = statuses(&rig.engine().list(rig.owner()).await.unwrap());
    assert_eq!(list, [(ended, ContainerStatus::Exited), (created, ContainerStatus::Created)].into());
}

async fn a_deaf_container_is_killed_after_its_grace(rig: &impl Rig) {
    let spec = TaskSpec { stop_timeout: Some(2), ..rig.spec(Kind::Deaf) };
    let id = rig.started_of(&spec).await;
    let before = tokio::time::Instant::now();
    // The container itself knows its grace.
    rig.engine().stop(&id, None).await.unwrap();
    let took = before.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(8)).contains(&took), "{took:?}");
    assert_eq!(exit_code(&rig.inspected(&id).await), Some(137));
}

async fn a_paused_container_can_be_stopped(rig: &impl Rig) {
    for (kind, code) in [(Kind::Server, 0), (Kind::Deaf, 137)] {
        let spec = TaskSpec { stop_timeout: Some(1), ..rig.spec(kind) };
        let id = rig.started_of(&spec).await;
        until_it_listens(rig, &id).await;
        rig.pause(&id).await;
        rig.engine().stop(&id, Some(&spec)).await.unwrap();
        let container = rig.inspected(&id).await;
        assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Exited, Some(code)));
    }
}

async fn an_exit_code_is_told(rig: &impl Rig) {
    for code in [0, 7] {
        let id = rig.started(Kind::Ends(code)).await;
        let container = rig.ended(&id).await;
        let details = container.details.unwrap();
        let exit = details.exit.unwrap();
        assert_eq!((container.status, exit.code), (ContainerStatus::Exited, i64::from(code)));
        assert!(!exit.oom_killed && details.error.is_empty());
        // Docker may note the start of a short life after its end.
        assert!(exit.finished_at.is_some() && details.started_at.is_some());
    }
}

async fn a_killed_container_has_exited_with_137(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.kill(&id).await;
    let container = rig.ended(&id).await;
    assert_eq!((container.status.clone(), exit_code(&container)), (ContainerStatus::Exited, Some(137)));
}

async fn a_container_that_wants_too_much_memory_is_killed(rig: &impl Rig) {
    let id = rig.killed_for_memory().await;
    // Whether the engine learns why depends on its kernel.
    assert_eq!(exit_code(&rig.inspected(&id).await), Some(137));
}

async fn a_running_container_is_removed(rig: &impl Rig) {
    let id = rig.started(Kind::Deaf).await;
    rig.engine().remove(&id).await.unwrap();
    assert_eq!(rig.listed(&id).await, None);
    rig.engine().remove(&id).await.unwrap();
}

async fn a_removed_containers_name_is_free(rig: &impl Rig) {
    let (name, spec) = (new_name(), rig.spec(Kind::Server));
    let first = rig.engine().create(rig.owner(), &name, &new_identity(), &spec).await.unwrap();
    rig.engine().remove(&first).await.unwrap();
    let second = rig.engine().create(rig.owner(), &name, &new_identity(), &spec).await.unwrap();
    assert_ne!(first, second);
}

async fn of_six_removals_at_once_none_is_refused_and_the_container_is_gone(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    let results = join_all((0..6).map(|_| rig.engine().remove(&id))).await;
    assert!(results.iter().any(Result::is_ok), "{results:?}");
    let failures = results.iter().filter_map(|result| result.as_ref().err());
    assert!(failures.clone().all(|failure| matches!(failure, Failure::Conflict(_))), "{results:?}");
    until("the container is gone", || rig.listed(&id), Option::is_none).await;
}

async fn a_container_that_vanished_is_missing(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.vanish(&id).await;
    assert_eq!(rig.listed(&id).await, None);
    assert_fails(rig.engine().inspect(rig.owner(), &id.0).await, "missing");
}

async fn another_nodes_containers_are_not_shown(rig: &impl Rig) {
    let (id, _) = rig.created(Kind::Server).await;
    let neighbour = Owner { node: "worker-2".parse().unwrap(), ..rig.owner().clone() };
    assert_eq!(rig.engine().list(&neighbour).await, Ok(Vec::new()));
    assert_fails(rig.engine().inspect(&neighbour, &id.0).await, "conflict");
}

async fn a_strangers_container_is_a_conflict(rig: &impl Rig) {
    let name = new_name();
    rig.add_foreign(&name).await;
    assert_fails(rig.engine().inspect(rig.owner(), &name).await, "conflict");
    assert_eq!(rig.engine().list(rig.owner()).await, Ok(Vec::new()));
    let create = rig.engine().create(rig.owner(), &name, &new_identity(), &rig.spec(Kind::Server)).await;
    assert_fails(create, "conflict");
}

async fn a_renamed_container_is_known_by_its_labels(rig: &impl Rig) {
    let (id, identity) = rig.created(Kind::Server).await;
    let name = new_name();
    rig.rename(&id, &name).await;
    let container = rig.listed(&id).await.unwrap();
    assert_eq!((container.name, container.identity), (name, identity));
}

async fn a_container_is_given_another_name_twice(rig: &impl Rig) {
    let (id, _) = rig.created(Kind::Server).await;
    rig.engine().start(&id).await.unwrap();
    let name = new_name();
    for _ in 0..2 {
        rig.engine().rename(&id, &name).await.unwrap();
        assert_eq!(rig.listed(&id).await.unwrap().name, name);
    }
    assert_eq!(rig.inspected(&id).await.status, ContainerStatus::Running);
}

async fn a_name_that_another_container_has_is_a_conflict(rig: &impl Rig) {
    let [(id, _), (other, _)] = [rig.created(Kind::Server).await, rig.created(Kind::Server).await];
    let before = rig.listed(&id).await.unwrap().name;
    let taken = rig.listed(&other).await.unwrap().name;
    assert_fails(rig.engine().rename(&id, &taken).await, "conflict");
    assert_eq!(rig.listed(&id).await.unwrap().name, before);
}

async fn a_changed_limit_is_seen_and_restored(rig: &impl Rig) {
    for megabytes in [32, 256] {
        let spec = TaskSpec { memory: megabytes << 20, cpu: 0.5, ..rig.spec(Kind::Server) };
        let id = rig.started_of(&spec).await;
        let as_set = async || rig.inspected(&id).await.details.unwrap().limits_as_set;
        assert!(as_set().await);
        rig.change_limits(&id).await;
        assert!(!as_set().await);
        rig.engine().restore_limits(&id, &spec).await.unwrap();
        assert!(as_set().await);
    }
}

async fn a_limit_put_on_an_unlimited_container_is_let_be(rig: &impl Rig) {
    let id = rig.started(Kind::Server).await;
    rig.change_limits(&id).await;
    assert!(rig.inspected(&id).await.details.unwrap().limits_as_set);
}

async fn the_images_own_health_is_told(rig: &impl Rig) {
    let id = rig.started(Kind::Checked).await;
    let healthy = |container: &Option<Container>| {
        container.as_ref().is_some_and(|container| container.health == Health::Healthy)
    };
    until("its check passes", || rig.listed(&id), healthy).await;
    assert_eq!(rig.inspected(&id).await.health, Health::Healthy);
    rig.kill(&id).await;
    assert_eq!(rig.ended(&id).await.health, Health::None);
}

async fn a_running_container_has_an_address_of_its_own(rig: &impl Rig) {
    let (id, _) = rig.created(Kind::Server).await;
    assert_eq!(rig.inspected(&id).await.address, None);
    rig.engine().start(&id).await.unwrap();
    let address = rig.inspected(&id).await.address;
    assert!(address.is_some());
    assert_eq!(rig.listed(&id).await.unwrap().address, address);
    let other = rig.started(Kind::Server).await;
    assert_ne!(rig.inspected(&other).await.address, address);
    rig.kill(&id).await;
    assert_eq!(rig.ended(&id).await.address, None);
}

const LONG: Duration = Duration::from_mins(1);

async fn a_program_in_a_container_ends_with_its_code_and_the_beginning_of_what_it_wrote(rig: &impl Rig) {
    let id = rig.started(Kind::Shell).await;
    for (command, ends) in programs() {
        let Some((code, mut output)) = ends else { continue };
        output.truncate(EXEC_OUTPUT);
        let executed = rig.engine().exec(&id, &command, LONG).await;
        assert_eq!(executed, Ok(Executed::Ended { code, output }), "{command:?}");
    }
}

async fn a_program_that_is_not_there_ends_with_a_code_of_its_own(rig: &impl Rig) {
    let id = rig.started(Kind::Shell).await;
    let executed = rig.engine().exec(&id, &["/absent".to_owned()], LONG).await.unwrap();
    let Executed::Ended { code: 126 | 127, .. } = executed else { panic!("{executed:?}") };
}

async fn a_program_that_takes_too_long_goes_on_until_its_container_ends(rig: &impl Rig) {
    let id = rig.started(Kind::Shell).await;
    let (endless, _) = programs().pop().unwrap();
    let executed = rig.engine().exec(&id, &endless, Duration::from_millis(500)).await.unwrap();
    let Executed::Runs(exec) = executed else { panic!("{executed:?}") };
    assert_eq!(rig.engine().exec_runs(&exec).await, Ok(true));
    rig.kill(&id).await;
    rig.ended(&id).await;
    let is_over = |runs: &Result<bool, Failure>| matches!(runs, Ok(false) | Err(Failure::Missing(_)));
    let _ = until("the program is over", || rig.engine().exec_runs(&exec), is_over).await;
    assert_fails(rig.engine().exec_runs(&ExecId("0".repeat(64))).await, "missing");
}

async fn a_program_in_what_does_not_run_is_a_conflict(rig: &impl Rig) {
    let (command, _) = programs().swap_remove(0);
    let (created, _) = rig.created(Kind::Shell).await;
    assert_fails(rig.engine().exec(&created, &command, LONG).await, "conflict");
    let paused = rig.started(Kind::Shell).await;
    rig.pause(&paused).await;
    assert_fails(rig.engine().exec(&paused, &command, LONG).await, "conflict");
    let ended = rig.started(Kind::Shell).await;
    rig.kill(&ended).await;
    rig.ended(&ended).await;
    assert_fails(rig.engine().exec(&ended, &command, LONG).await, "conflict");
    assert_fails(rig.engine().exec(&ContainerId("0".repeat(64)), &command, LONG).await, "missing");
}

/// A network of this name, with an alias.
fn network(name: &str) -> Attachment {
    Attachment { name: name.to_owned(), aliases: vec!["alias".to_owned()], ..Attachment::default() }
}

/// What runs, in these networks.
fn in_networks(rig: &impl Rig, networks: &[Attachment]) -> TaskSpec {
    let options = ContainerOptions { networks: networks.to_vec(), ..ContainerOptions::default() };
    TaskSpec { options: Some(Box::new(options)), ..rig.spec(Kind::Server) }
}

async fn a_network_is_made_shown_and_removed(rig: &impl Rig) {
    let (engine, owner, name) = (rig.engine(), rig.owner(), new_name());
    assert_fails(engine.network(owner, &name).await, "missing");
    let wanted = Attachment { internal: true, ..network(&name) };
    let id = engine.create_network(owner, &wanted).await.unwrap();
    let shown = engine.network(owner, &name).await.unwrap();
    let expected = Network { id: id.clone(), name: name.clone(), internal: true, stranger: None };
    assert_eq!(shown, expected);
    assert_eq!(engine.networks(owner).await, Ok(vec![expected]));
    let neighbour = Owner { node: "worker-2".parse().unwrap(), ..owner.clone() };
    assert_eq!(engine.networks(&neighbour).await, Ok(Vec::new()), "it is not the neighbour's to remove");
    assert_eq!(engine.network(&neighbour, &name).await.unwrap().stranger, None, "but it may use it");
    for _ in 0..2 {
        engine.remove_network(&id).await.unwrap();
    }
    assert_fails(engine.network(owner, &name).await, "missing");
}

async fn a_strangers_network_says_so_and_is_not_listed(rig: &impl Rig) {
    let name = new_name();
    rig.add_foreign_network(&name).await;
    let shown = rig.engine().network(rig.owner(), &name).await;
    let listed = rig.engine().networks(rig.owner()).await;
    rig.remove_foreign_network(&name).await;
    assert!(shown.unwrap().stranger.unwrap().contains("somebody else"));
    assert_eq!(listed, Ok(Vec::new()));
}

async fn a_network_in_which_a_container_runs_is_not_removed(rig: &impl Rig) {
    let name = new_name();
    let id = rig.engine().create_network(rig.owner(), &network(&name)).await.unwrap();
    let container = rig.started_of(&in_networks(rig, &[network(&name)])).await;
    assert_fails(rig.engine().remove_network(&id).await, "refused");
    assert!(rig.inspected(&container).await.address.is_some());
    rig.engine().remove(&container).await.unwrap();
    rig.engine().remove_network(&id).await.unwrap();
}

async fn a_container_runs_in_several_networks(rig: &impl Rig) {
    let networks = [network(&new_name()), network(&new_name())];
    for wanted in &networks {
        rig.engine().create_network(rig.owner(), wanted).await.unwrap();
    }
    let container = rig.started_of(&in_networks(rig, &networks)).await;
    for made in rig.engine().networks(rig.owner()).await.unwrap() {
        assert_fails(rig.engine().remove_network(&made.id).await, "refused");
    }
    rig.engine().remove(&container).await.unwrap();
}

async fn a_container_of_a_network_that_is_not_there_does_not_run(rig: &impl Rig) {
    let spec = in_networks(rig, &[network(&new_name())]);
    let created = rig.engine().create(rig.owner(), &new_name(), &new_identity(), &spec).await;
    match created {
        // Newer engines say so at once.
        Err(failure) => assert_eq!(kind(&failure), "refused", "{failure:?}"),
        Ok(id) => assert_fails(rig.engine().start(&id).await, "refused"),
    }
}

async fn events_tell_what_happens_to_ones_own_containers_only(rig: &impl Rig) {
    let neighbour = Owner { node: "worker-2".parse().unwrap(), ..rig.owner().clone() };
    let mut events = rig.engine().events(rig.owner());
    let first = first_event(rig, &mut events).await.unwrap().unwrap();
    assert_eq!(first.action, "create");

    let theirs = new_identity();
    rig.engine().create(&neighbour, &new_name(), &theirs, &rig.spec(Kind::Server)).await.unwrap();
    let (id, identity) = rig.created(Kind::Ends(7)).await;
    rig.engine().start(&id).await.unwrap();
    let ended = rig.ended(&id).await;
    rig.engine().remove(&id).await.unwrap();
    let mut heard = Vec::new();
    while heard.last().is_none_or(|event: &EngineEvent| event.action != "destroy") {
        heard.push(
            tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap().unwrap(),
        );
    }
    assert!(heard.iter().all(|event| event.task != theirs.task), "{heard:?}");
    heard.retain(|event| event.container == id);
    let actions: Vec<_> = heard.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["create", "start", "die", "destroy"]);
    assert!(heard.iter().all(|event| event.task == identity.task));
    let told = heard.iter().filter_map(|event| event.exit.as_ref()).map(|exit| (exit.code, exit.oom_killed));
    assert_eq!(told.collect::<Vec<_>>(), [(7, false)]);
    assert_eq!(exit_code(&ended), Some(7), "as a look shows it");
}

/// Everything that a container has written, as text.
async fn output(rig: &impl Rig, id: &ContainerId, options: &LogOptions) -> String {
    let chunks: Vec<_> = rig.engine().logs(id, options).collect().await;
    let bytes = chunks.into_iter().flat_map(|chunk| chunk.unwrap().bytes);
    String::from_utf8(bytes.collect()).unwrap()
}

async fn output_is_given_in_order(rig: &impl Rig) {
    let id = rig.started(Kind::Talks).await;
    rig.ended(&id).await;
    assert_eq!(output(rig, &id, &LogOptions::default()).await, "one\ntwo\nthree\n");
    let stamped = output(rig, &id, &LogOptions { timestamps: true, ..LogOptions::default() }).await;
    let first = stamped.lines().next().unwrap();
    assert!(first.starts_with("20") && first.ends_with("Z one"), "{first}");
}

async fn only_the_last_lines_are_given(rig: &impl Rig) {
    let id = rig.started(Kind::Talks).await;
    rig.ended(&id).await;
    assert_eq!(
        output(rig, &id, &LogOptions { tail: Some(2), ..LogOptions::default() }).await,
        "two\nthree\n"
    );
}

async fn followed_output_ends_with_the_container(rig: &impl Rig) {
    let id = rig.started(Kind::Talks).await;
    let options = LogOptions { follow: true, ..LogOptions::default() };
    assert_eq!(output(rig, &id, &options).await, "one\ntwo\nthree\n");
    assert!(!rig.ended(&id).await.status.is_live());
}

async fn output_of_what_is_not_there_is_missing(rig: &impl Rig) {
    let mut output = rig.engine().logs(&ContainerId("0".repeat(64)), &LogOptions::default());
    assert_fails(output.next().await.unwrap(), "missing");
}

async fn an_archive_brings_its_image_or_is_refused(rig: &impl Rig) {
    let image = format!("orc.local/orc-test/{}:1a2b3c4d5e6f", rig.owner().cluster);
    let archive = rig.archive_of(&image).await;
    let create =
        async || rig.engine().create(rig.owner(), &new_name(), &new_identity(), &spec_of(&image)).await;
    assert_fails(create().await, "missing");
    let load = async |image: &str, bytes: &[u8]| {
        let pieces: Vec<_> =
            bytes.chunks(100_000).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece))).collect();
        let (progress, told) = tokio::sync::watch::channel(String::new());
        let result = rig.engine().load(image, futures_util::stream::iter(pieces).boxed(), progress).await;
        let told = told.borrow().clone();
        (result, told)
    };
    let half = load(&image, &archive[..archive.len() / 2]).await.0;
    assert!(half.is_err(), "a half is no image");
    assert_fails(create().await, "missing");
    let (result, told) = load(&image, &archive).await;
    assert!(result.is_ok() && !told.is_empty(), "{result:?} {told}");
    create().await.unwrap();
    let other = image.replace("1a2b3c4d5e6f", "aaaaaaaaaaaa");
    assert_fails(load(&other, &archive).await.0, "refused");
}
