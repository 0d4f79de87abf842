//! What is known of the named volumes of nodes, beside what their workers say.

use super::*;

impl World {
    /// A worker says which volumes its engine keeps.
    fn says_volumes(&mut self, number: u8, volumes: &[&str]) {
        let heard = Change::Heard(Box::new(Heard {
            node: worker(number),
            life: Life { instance: InstanceId::MIN, database: Timestamp::from_millis(0), starts: 1 },
            hanging: None,
            facts: NodeFacts {
                cores: 4,
                memory: 8 * GIB,
                disk: 100 * GIB,
                volumes: Some(volumes.iter().map(|&volume| volume.to_owned()).collect()),
                ..NodeFacts::default()
            },
            load: NodeLoad::default(),
            engine_trouble: None,
            known: None,
            start: None,
            leftovers: Some(Vec::new()),
            routed: Some(0),
            open: Vec::new(),
            lease: Patience::default().lease,
        }));
        self.apply(&heard).unwrap();
    }

    /// A task with the volume `data` comes, and gets its node.
    fn place_with_data(&mut self, number: u8) -> String {
        let mount = serde_json::json!({ "Type": "volume", "Source": "data", "Target": "/data" });
        let mounts = vec![serde_json::from_value(mount).unwrap()];
        let name = format!("task-{number}");
        let submission = Submission {
            request: request(number),
            digest: name.clone(),
            task: task(number),
            spec: Arc::new(TaskSpec { mounts, ..(*spec(&name, 0)).clone() }),
            pinned: None,
            at: self.now.wall,
        };
        self.apply(&Change::Submit(submission)).unwrap();
        self.plan();
        self.node_of(number)
    }

    fn ends_with(&mut self, number: u8, state: State, exit_code: Option<i64>) {
        let known = self.cluster.task(task(number)).unwrap();
        let (node, placement) = (known.node.clone().unwrap(), known.placement);
        let observed = Observed { attempt: 1, seq: 1, exit_code, ..Observed::default() };
        let (task, message) = (task(number), "m".to_owned());
        let report = Report { ready_for_ms: None, task, placement, state, observed, message };
        self.apply(&Change::Report { node, report }).unwrap();
    }
}

#[test]
fn what_a_worker_saw_before_a_task_left_its_data_there_does_not_take_it_away() {
    let mut world = World::new();
    world.says_volumes(1, &[]);
    world.says_volumes(2, &[]);
    assert_eq!(world.place_with_data(1), "worker-1");
    world.ends_with(1, State::Failed, Some(1));
    world.says_volumes(1, &[]);
    assert_eq!(world.place_with_data(2), "worker-1", "it looked before");
    world.ends_with(2, State::Failed, None);
    world.wait(31);
    world.says_volumes(1, &[]);
    world.says_volumes(2, &[]);
    assert_eq!(world.place_with_data(3), "worker-2", "somebody has removed it");
}

#[test]
fn a_task_whose_container_could_never_be_made_ties_no_other_to_its_node() {
    let mut world = World::new();
    world.says_volumes(1, &[]);
    world.says_volumes(2, &[]);
    assert_eq!(world.place_with_data(1), "worker-1");
    world.ends_with(1, State::Failed, None);
    assert_eq!(world.place_with_data(2), "worker-2");
}
