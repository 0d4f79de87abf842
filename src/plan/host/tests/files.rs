//! Files of attempts: kept while their containers may be there, and no longer.

use super::*;
use crate::model::managed_file::{FileKey, FileKind};

const NAMES_ONE: &str = r#","Secrets":[{"Name":"db","Version":3,"Target":"/run/secrets/db"}]"#;

fn key() -> FileKey {
    FileKey { kind: FileKind::Secret, name: "db".parse().unwrap() }
}

#[test]
fn files_go_when_their_container_is_gone_and_not_before() {
    let mut world = World::with_task(NAMES_ONE);
    world.expect("create web");
    assert!(world.host.may_need_files(task(1), 1), "it is being created");
    world.done(Ok(Answer::Created(ContainerId("c1".to_owned()))));
    assert!(world.host.may_need_files(task(1), 1), "it is there");
    assert!(!world.host.may_need_files(task(1), 2), "there is no such attempt");
    assert!(world.host.may_need_version(&key(), 3) && !world.host.may_need_version(&key(), 2));
    world.expect("start c1");
    world.done(Ok(Answer::Done));
    world.host.tell(told(1, 2, Vec::new())).unwrap();
    assert!(!world.host.may_need_version(&key(), 3), "no task here names it any more");
    world.expect("stop c1");
    world.done(Ok(Answer::Done));
    world.expect("remove c1");
    assert!(world.host.may_need_files(task(1), 1), "it is being removed");
    world.done(Ok(Answer::Done));
    assert!(!world.host.may_need_files(task(1), 1));
}

#[test]
fn nothing_is_let_go_of_before_the_manager_and_the_engine_have_spoken() {
    let known = Some((cluster(), 1, 1));
    let world = World::new();
    let mut world =
        World { host: Host::restore("worker-1".parse().unwrap(), known, Vec::new(), world.now), ..world };
    world.expect("list");
    assert!(world.host.may_need_files(task(1), 1) && world.host.may_need_version(&key(), 3));
    world.listed(Vec::new());
    assert!(world.host.may_need_files(task(1), 1), "no manager has spoken (rule R11)");
    world.host.tell(told(1, 1, Vec::new())).unwrap();
    assert!(!world.host.may_need_files(task(1), 1) && !world.host.may_need_version(&key(), 3));
}
