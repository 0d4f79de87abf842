//! What the schedulers choose, worked out by hand and compared with a look at every node.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::standing::{Cost, Standing};
use super::{Candidate, Description, Pass, Placed, Unplaceable, Usage, binpack, epvm, greedy, room, spread};
use crate::model::decision::Reasoning;
use crate::model::id::NodeName;
use crate::model::node::{Availability, NodeLoad, NodeState, SchedulerKind};
use crate::model::placement::{Fact, Placement, Preference, Spread, Weight, Wish};
use crate::model::spec::{HostPort, Port, PublishMode, TaskSpec};

mod reserve;
mod volumes;

const GIB: u64 = 1 << 30;

/// An idle node with 4 cores, 8 GiB of memory and 100 GiB of disk.
fn node(name: &str) -> Candidate {
    Candidate {
        name: name.parse().unwrap(),
        state: NodeState::Ready,
        availability: Availability::Active,
        cores: 4.0,
        memory: 8 * GIB,
        disk: 100 * GIB,
        load: NodeLoad::default(),
        usage: Usage::default(),
        description: Arc::default(),
    }
}

fn idle(names: &[&str]) -> Vec<Candidate> {
    names.iter().map(|name| node(name)).collect()
}

/// A node whose tasks hold so much, and whose measured CPU use is `load`.
fn used(name: &str, tasks: u32, cpu: f64, memory: u64, load: f64) -> Candidate {
    let usage = Usage { tasks, cpu, memory, ..Usage::default() };
    Candidate { usage, load: NodeLoad { cpu: load, ..NodeLoad::default() }, ..node(name) }
}

fn spec(cpu: f64, memory: u64) -> TaskSpec {
    let json = serde_json::json!({ "Name": "web", "Image": "web:1", "CPU": cpu, "Memory": memory });
    serde_json::from_value(json).unwrap()
}

fn unlimited() -> TaskSpec {
    spec(0.0, 0)
}

fn with_host_port(port: u16) -> TaskSpec {
    let container_port: Port = "80/tcp".parse().unwrap();
    TaskSpec {
        port_bindings: Some(BTreeMap::from([(container_port, HostPort(port))])),
        publish_mode: PublishMode::Host,
        ..unlimited()
    }
}

/// The names of the nodes that tasks go to, or why they go nowhere.
fn places(pass: &mut Pass, specs: &[TaskSpec]) -> Vec<String> {
    let place = |spec| pass.place(spec, None).map_or_else(|no| no.to_string(), |placed| placed.node.into());
    specs.iter().map(place).collect()
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

mod choices {
    use super::*;

    #[test]
    fn roundrobin_takes_turns_from_behind_the_last_placement() {
        let mut pass = Pass::new(SchedulerKind::Roundrobin, idle(&["n1", "n2", "n3"]), Some(&name("n1")));
        assert_eq!(places(&mut pass, &vec![unlimited(); 5]), ["n2", "n3", "n1", "n2", "n3"]);
    }

    #[test]
    fn roundrobin_goes_on_in_order_when_the_last_node_is_gone() {
        let mut pass = Pass::new(SchedulerKind::Roundrobin, idle(&["n1", "n3"]), Some(&name("n2")));
        assert_eq!(places(&mut pass, &vec![unlimited(); 3]), ["n3", "n1", "n3"]);
    }

    #[test]
    fn roundrobin_skips_full_nodes() {
        let nodes = vec![node("n1"), used("n2", 1, 4.0, 0, 0.0), node("n3")];
        let mut pass = Pass::new(SchedulerKind::Roundrobin, nodes, None);
        let specs = [spec(1.0, 0), spec(1.0, 0), unlimited(), unlimited(), unlimited()];
        assert_eq!(places(&mut pass, &specs), ["n1", "n3", "n1", "n2", "n3"]);
    }

    #[test]
    fn greedy_takes_the_least_cpu_use_and_counts_what_it_places() {
        // A core is a quarter of each node.
        //   n1 0.50  n2 0.20  n3 0.35
        //   n2: 0.20 + 0.25 = 0.45;  n3: 0.35 + 0.25 = 0.60;  n2: 0.70;  n1: 0.75;  n3: 0.85
        let nodes =
            vec![used("n1", 0, 0.0, 0, 0.50), used("n2", 9, 0.0, 0, 0.20), used("n3", 0, 0.0, 0, 0.35)];
        let mut pass = Pass::new(SchedulerKind::Greedy, nodes, None);
        assert_eq!(places(&mut pass, &vec![spec(1.0, 0); 5]), ["n2", "n3", "n2", "n1", "n3"]);
    }

    #[test]
    fn greedy_does_not_heap_tasks_without_limits_on_one_node() {
        // Each adds 0.01: n1 0.10, 0.11, 0.12, 0.13; n2 0.115, 0.125.
        let nodes = vec![used("n1", 0, 0.0, 0, 0.10), used("n2", 0, 0.0, 0, 0.115)];
        let mut pass = Pass::new(SchedulerKind::Greedy, nodes, None);
        assert_eq!(places(&mut pass, &vec![unlimited(); 5]), ["n1", "n1", "n2", "n1", "n2"]);
    }

    #[test]
    fn epvm_takes_the_least_marginal_cost() {
        // L = 8/(3√3): L^¼ = 1.113915, L^½ = 1.240807, L^¾ = 1.382153, L = 1.539601.
        // One core is ¼ of a node's CPU, 2 GiB are ¼ of its memory.
        //
        //       use of CPU   of memory    tasks   cost
        //   n1  ½ → ¾        ¼ → ½        2 → 3   0.141347 + 0.126892 + 0.141347 = 0.409585
        //   n2  ¼ → ½        ½ → ¾        3 → 4   0.126892 + 0.141347 + 0.157448 = 0.425686
        let nodes = vec![used("n1", 2, 2.0, 2 * GIB, 0.0), used("n2", 3, 1.0, 4 * GIB, 0.0)];
        let task = spec(1.0, 2 * GIB);
        let ask = room::Ask::of(&task);
        let costs: Vec<f64> = nodes.iter().map(|node| epvm::cost(&Standing::of(node), &ask).0).collect();
        assert!((costs[0] - 0.409_585).abs() < 1e-6, "{costs:?}");
        assert!((costs[1] - 0.425_686).abs() < 1e-6, "{costs:?}");
        // Then n1 is dearer: ¾ → 1, ½ → ¾, 3 → 4 cost 0.157448 + 0.141347 + 0.157448 = 0.456242.
        let mut pass = Pass::new(SchedulerKind::Epvm, nodes, None);
        assert_eq!(places(&mut pass, &vec![task; 2]), ["n1", "n2"]);
    }

    #[test]
    fn epvm_counts_cpu_where_the_book_subtracted_it_from_itself() {
        let nodes = vec![used("n1", 1, 3.0, GIB, 0.0), used("n2", 1, 1.0, GIB, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Epvm, nodes, None);
        assert_eq!(places(&mut pass, &[spec(1.0, 0)]), ["n2"]);
    }

    #[test]
    fn epvm_counts_measured_use_above_what_is_reserved() {
        let nodes = vec![used("n1", 1, 1.0, GIB, 0.9), used("n2", 1, 2.0, GIB, 0.1)];
        let mut pass = Pass::new(SchedulerKind::Epvm, nodes, None);
        assert_eq!(places(&mut pass, &[spec(1.0, 0)]), ["n2"]);
    }

    #[test]
    fn spread_takes_the_fewest_tasks() {
        let nodes = vec![used("n1", 2, 0.0, 0, 0.0), used("n2", 0, 3.0, 0, 0.0), used("n3", 1, 0.0, 0, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Spread, nodes, None);
        assert_eq!(places(&mut pass, &vec![spec(1.0, 0); 4]), ["n2", "n3", "n1", "n3"]);
    }

    #[test]
    fn binpack_fills_one_node_before_the_next() {
        let nodes = vec![node("n1"), used("n2", 1, 1.0, 0, 0.0), used("n3", 1, 3.0, 0, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Binpack, nodes, None);
        assert_eq!(places(&mut pass, &vec![spec(2.0, 0); 4])[..3], ["n2", "n1", "n1"]);
        assert_eq!(places(&mut pass, &[spec(1.0, 0), unlimited()]), ["n2", "n2"]);
    }

    #[test]
    fn binpack_goes_by_tasks_where_none_has_limits() {
        let nodes = vec![node("n1"), used("n2", 3, 0.0, 0, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Binpack, nodes, None);
        assert_eq!(places(&mut pass, &vec![unlimited(); 2]), ["n2", "n2"]);
    }

    #[test]
    fn equals_are_taken_in_the_order_of_their_names() {
        for kind in SchedulerKind::ALL {
            let mut pass = Pass::new(kind, idle(&["n3", "n1", "n2"]), None);
            assert_eq!(places(&mut pass, &[spec(1.0, GIB)]), ["n1"], "{}", kind.word());
        }
    }

    #[test]
    fn ten_tenths_of_a_core_fill_one_core() {
        let mut small = node("n1");
        small.cores = 1.0;
        let mut pass = Pass::new(SchedulerKind::Spread, vec![small], None);
        let placed = places(&mut pass, &vec![spec(0.1, 0); 11]);
        assert_eq!(placed[9], "n1");
        assert_eq!(placed[10], "no node fits: 1 lacks CPU (want 0.1 cores, it has 0 cores free)");
    }

    #[test]
    fn two_tasks_that_want_one_host_port_never_share_a_node() {
        for kind in SchedulerKind::ALL {
            let mut pass = Pass::new(kind, idle(&["n1", "n2"]), None);
            assert_eq!(
                places(&mut pass, &vec![with_host_port(8080); 3]),
                ["n1", "n2", "no node fits: 2 have host port 8080 taken by another task"],
                "{}",
                kind.word()
            );
        }
    }
}

mod words {
    use super::*;

    fn refusal(nodes: Vec<Candidate>, spec: &TaskSpec) -> String {
        Pass::new(SchedulerKind::Roundrobin, nodes, None).place(spec, None).unwrap_err().to_string()
    }

    fn pinned_refusal(nodes: Vec<Candidate>, spec: &TaskSpec) -> String {
        let mut pass = Pass::new(SchedulerKind::Roundrobin, nodes, None);
        pass.place(spec, Some(&name("n1"))).unwrap_err().to_string()
    }

    fn in_state(name: &str, state: NodeState, availability: Availability) -> Candidate {
        Candidate { state, availability, ..node(name) }
    }

    #[test]
    fn shortages_are_counted_with_what_is_wanted_and_the_best_there_is() {
        let nodes = vec![
            used("n1", 1, 0.0, 7 * GIB, 0.0),
            used("n2", 1, 0.0, 7 * GIB - GIB / 4, 0.0),
            in_state("n3", NodeState::Ready, Availability::Drain),
        ];
        assert_eq!(
            refusal(nodes, &spec(0.0, 4 * GIB)),
            "no node fits: 2 lack memory (want 4 GiB, best has 1.2 GiB free), 1 is draining"
        );
    }

    #[test]
    fn every_reason_is_told_in_the_singular_and_the_plural() {
        let mut full_disk = node("n2");
        full_disk.usage.disk = 100 * GIB;
        let mut taken = node("n3");
        taken.usage.add(&with_host_port(8080));
        let one = vec![
            used("n1", 1, 3.5, 0, 0.0),
            full_disk,
            taken,
            in_state("n4", NodeState::Ready, Availability::Pause),
            in_state("n5", NodeState::Degraded, Availability::Active),
            in_state("n6", NodeState::Unreachable, Availability::Active),
        ];
        let twice: Vec<Candidate> = one
            .iter()
            .flat_map(|node| {
                let twin = format!("{}-twin", node.name).parse().unwrap();
                [node.clone(), Candidate { name: twin, ..node.clone() }]
            })
            .collect();
        let spec = TaskSpec { disk: GIB, cpu: 1.0, ..with_host_port(8080) };
        assert_eq!(
            refusal(one, &spec),
            "no node fits: 1 lacks CPU (want 1 core, it has 0.5 cores free), \
             1 lacks disk (want 1 GiB, it has 0 B free), 1 has host port 8080 taken by another task, \
             1 is paused, 1 has an engine that does not answer, 1 is unreachable"
        );
        assert_eq!(
            refusal(twice, &spec),
            "no node fits: 2 lack CPU (want 1 core, best has 0.5 cores free), \
             2 lack disk (want 1 GiB, best has 0 B free), 2 have host port 8080 taken by another task, \
             2 are paused, 2 have engines that do not answer, 2 are unreachable"
        );
    }

    #[test]
    fn without_nodes_it_says_so() {
        assert_eq!(refusal(vec![], &unlimited()), "no node fits: no node has joined");
    }

    #[test]
    fn a_pinned_task_says_what_its_node_lacks() {
        let draining = in_state("n1", NodeState::Ready, Availability::Drain);
        assert_eq!(
            pinned_refusal(vec![node("n2")], &unlimited()),
            "it is pinned to n1, which has not joined"
        );
        assert_eq!(
            pinned_refusal(vec![draining, node("n2")], &unlimited()),
            "it is pinned to n1, which is draining"
        );
        assert_eq!(
            pinned_refusal(idle(&["n1", "n2"]), &spec(0.0, 9 * GIB)),
            "it is pinned to n1, which lacks memory (want 9 GiB, it has 8 GiB free)"
        );
    }

    #[test]
    fn a_pinned_task_goes_to_its_node_against_the_scheduler() {
        let nodes =
            vec![in_state("n0", NodeState::Unreachable, Availability::Active), node("n1"), node("n2")];
        let mut pass = Pass::new(SchedulerKind::Spread, nodes, None);
        for _ in 0..2 {
            assert_eq!(pass.place(&unlimited(), Some(&name("n2"))).unwrap().node, name("n2"));
        }
        assert_eq!(places(&mut pass, &[unlimited()]), ["n1"]);
    }

    #[test]
    fn an_explanation_is_of_now() {
        let mut pass = Pass::new(SchedulerKind::Spread, idle(&["n1"]), None);
        let refused = |pass: &mut Pass| pass.place(&spec(0.0, 9 * GIB), None).unwrap_err().to_string();
        assert!(refused(&mut pass).contains("it has 8 GiB free"));
        assert_eq!(places(&mut pass, &[spec(0.0, GIB)]), ["n1"]);
        assert!(refused(&mut pass).contains("it has 7 GiB free"));
    }
}

mod rules {
    use super::*;

    /// An idle node with labels: `n1 zone=a disk=ssd`.
    fn labelled(text: &str) -> Candidate {
        let mut words = text.split(' ');
        let node = node(words.next().unwrap());
        let labels = words.filter_map(|word| word.split_once('='));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Candidate { description: Arc::new(Description { labels, ..Description::default() }), ..node }
    }

    fn zones() -> Vec<Candidate> {
        ["n1 zone=a disk=ssd", "n2 zone=a", "n3 zone=b disk=ssd", "n4 zone=b", "n5"].map(labelled).into()
    }

    /// A task with the label `app`, and such a placement.
    fn task(app: &str, placement: serde_json::Value) -> TaskSpec {
        let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
        TaskSpec { labels, placement: serde_json::from_value(placement).unwrap(), ..unlimited() }
    }

    fn constrained(constraints: &[&str]) -> TaskSpec {
        task("web", serde_json::json!({ "Constraints": constraints }))
    }

    fn preferring(preferences: &serde_json::Value) -> TaskSpec {
        task("web", serde_json::json!({ "Preferences": preferences }))
    }

    fn apart(app: &str) -> TaskSpec {
        task(app, serde_json::json!({ "AntiAffinity": ["app"] }))
    }

    fn placed(nodes: Vec<Candidate>, specs: &[TaskSpec]) -> Vec<String> {
        places(&mut Pass::new(SchedulerKind::Spread, nodes, None), specs)
    }

    #[test]
    fn a_task_goes_only_where_all_its_constraints_match() {
        for (constraints, nodes) in [
            (vec!["node.labels.zone==a"], ["n1", "n2", "n1"]),
            (vec!["node.labels.zone==b", "node.labels.disk"], ["n3", "n3", "n3"]),
            (vec!["!node.labels.zone"], ["n5", "n5", "n5"]),
            (vec!["node.name not in (n1,n2,n5)", "node.cores>=4"], ["n3", "n4", "n3"]),
        ] {
            for kind in [SchedulerKind::Roundrobin, SchedulerKind::Spread] {
                let mut pass = Pass::new(kind, zones(), None);
                assert_eq!(places(&mut pass, &vec![constrained(&constraints); 3]), nodes, "{constraints:?}");
            }
        }
    }

    #[test]
    fn every_fact_of_a_node_can_be_asked_for() {
        let mut node = labelled("n1 zone=a");
        node.description = Arc::new(Description {
            ip: "10.0.0.1".to_owned(),
            engine: "24.0.7".to_owned(),
            version: "0.1.0".to_owned(),
            labels: node.description.labels.clone(),
            ..Description::default()
        });
        for matching in [
            "node.name==n1",
            "node.ip==10.0.0.1",
            "node.engine>=24",
            "node.version<1",
            "node.cores==4",
            "node.memory>=8GiB",
            "node.disk<101GiB",
            "node.labels.zone==a",
        ] {
            assert_eq!(placed(vec![node.clone()], &[constrained(&[matching])]), ["n1"], "{matching}");
        }
        for failing in [
            "node.name!=n1",
            "node.ip==10.0.0.2",
            "node.engine<24",
            "node.version>=1",
            "node.cores<4",
            "node.memory>8GiB",
            "node.disk>=101GiB",
            "node.labels.zone!=a",
        ] {
            let told = format!("no node fits: 1 does not match \"{failing}\"");
            assert_eq!(placed(vec![node.clone()], &[constrained(&[failing])]), [told]);
        }
    }

    #[test]
    fn tasks_that_keep_apart_share_no_node_whichever_came_first() {
        let plain = task("web", serde_json::json!({}));
        let nodes = || idle(&["n1", "n2"]);
        let full = "no node fits: 2 run a task with the same label app=web";
        assert_eq!(placed(nodes(), &vec![apart("web"); 3]), ["n1", "n2", full]);
        assert_eq!(placed(nodes(), &[apart("web"), plain.clone(), plain.clone()]), ["n1", "n2", "n2"]);
        assert_eq!(placed(nodes(), &[plain.clone(), plain.clone(), apart("web")]), ["n1", "n2", full]);
        assert_eq!(placed(nodes(), &[apart("web"), apart("db")]), ["n1", "n2"]);
        assert_eq!(placed(idle(&["n1"]), &[apart("web"), apart("db")]), ["n1", "n1"]);
    }

    #[test]
    fn a_task_that_is_counted_out_keeps_nobody_away() {
        let mut usage = Usage::default();
        usage.add(&apart("web"));
        assert_eq!(
            placed(vec![Candidate { usage: usage.clone(), ..node("n1") }, node("n2")], &[apart("web")]),
            ["n2"]
        );
        usage.remove(&apart("web"));
        assert_eq!(placed(vec![Candidate { usage, ..node("n1") }, node("n2")], &[apart("web")]), ["n1"]);
    }

    #[test]
    fn a_preferred_node_is_taken_as_long_as_it_has_room() {
        let preferences = serde_json::json!([{ "Prefer": "node.labels.disk==ssd", "Weight": 1 }]);
        let large = TaskSpec { memory: 5 * GIB, ..preferring(&preferences) };
        assert_eq!(placed(zones(), &vec![large; 5]), ["n1", "n3", "n2", "n4", "n5"]);
    }

    #[test]
    fn weights_add_up_and_below_zero_they_keep_away() {
        let preferences = serde_json::json!([
            { "Prefer": "node.labels.zone==a", "Weight": 10 },
            { "Prefer": "node.labels.zone==b", "Weight": 6 },
            { "Prefer": "node.labels.disk==ssd", "Weight": -5 },
        ]);
        // n1 10 − 5, n2 10, n3 6 − 5, n4 6, n5 0.
        let large = TaskSpec { memory: 5 * GIB, ..preferring(&preferences) };
        assert_eq!(placed(zones(), &vec![large; 5]), ["n2", "n4", "n1", "n3", "n5"]);
    }

    #[test]
    fn spread_evens_out_tasks_over_the_values_of_a_label() {
        let spread =
            preferring(&serde_json::json!([{ "Spread": { "SpreadDescriptor": "node.labels.zone" } }]));
        // n5 has no zone, which is a zone of its own.
        assert_eq!(placed(zones(), &vec![spread.clone(); 6]), ["n1", "n3", "n5", "n2", "n4", "n5"]);
        let mut busy = zones();
        busy[0].usage.tasks = 4;
        busy[4].usage.tasks = 3;
        assert_eq!(placed(busy, &vec![spread; 5]), ["n3", "n4", "n3", "n4", "n5"]);
    }

    #[test]
    fn spread_of_a_label_counts_the_tasks_with_its_value_alone() {
        let spread = serde_json::json!({ "Spread": { "SpreadDescriptor": "node.labels.zone", "Of": "app" } });
        let web =
            task("web", serde_json::json!({ "Constraints": ["node.labels.zone"], "Preferences": [spread] }));
        let other = task("db", serde_json::json!({ "Constraints": ["node.labels.zone==b"] }));
        let specs = [other.clone(), other, web.clone(), web.clone(), web.clone(), web];
        assert_eq!(placed(zones(), &specs), ["n3", "n4", "n1", "n3", "n2", "n4"]);
    }

    #[test]
    fn weights_of_prefer_and_spread_trade_as_the_documentation_says() {
        let preferences = serde_json::json!([
            { "Prefer": "node.labels.zone==a", "Weight": 10 },
            { "Spread": { "SpreadDescriptor": "node.labels.zone" }, "Weight": 50 },
        ]);
        let nodes = vec![labelled("n1 zone=a"), labelled("n2 zone=b")];
        let placed = placed(nodes, &vec![preferring(&preferences); 100]);
        assert_eq!(placed.iter().filter(|node| *node == "n1").count(), 60);
    }

    #[test]
    fn tasks_on_nodes_that_take_no_more_count_where_they_are() {
        let mut draining = Candidate { availability: Availability::Drain, ..labelled("n0 zone=a") };
        draining.usage.tasks = 2;
        let nodes = vec![draining, labelled("n1 zone=a"), labelled("n2 zone=b")];
        let spread =
            preferring(&serde_json::json!([{ "Spread": { "SpreadDescriptor": "node.labels.zone" } }]));
        assert_eq!(placed(nodes, &vec![spread; 4]), ["n2", "n2", "n1", "n2"]);
    }

    #[test]
    fn a_refusal_says_what_each_group_of_nodes_lacks() {
        let mut nodes = zones();
        nodes[0].usage.memory = 7 * GIB - GIB / 4;
        nodes[1].usage.memory = 7 * GIB;
        nodes.push(labelled("n6 zone=a"));
        nodes[5].usage.add(&apart("web"));
        nodes.push(Candidate { availability: Availability::Drain, ..labelled("n7 zone=a") });
        let rules = serde_json::json!({ "Constraints": ["node.labels.zone==a"], "AntiAffinity": ["app"] });
        let refusal = placed(nodes, &[TaskSpec { memory: 4 * GIB, ..task("web", rules) }]);
        assert_eq!(
            refusal,
            [
                "no node fits: 2 lack memory (want 4 GiB, best has 1.2 GiB free), 3 do not match \"node.labels.zone==a\", \
              1 runs a task with the same label app=web, 1 is draining"
            ]
        );
    }

    #[test]
    fn a_pinned_task_keeps_to_its_rules() {
        let mut pass = Pass::new(SchedulerKind::Spread, zones(), None);
        let n1 = name("n1");
        let refusal = pass.place(&constrained(&["node.labels.zone==b"]), Some(&n1)).unwrap_err().to_string();
        assert_eq!(refusal, "it is pinned to n1, which does not match \"node.labels.zone==b\"");
        assert_eq!(pass.place(&apart("web"), Some(&n1)).unwrap().node, n1);
        let refusal = pass.place(&apart("web"), Some(&n1)).unwrap_err().to_string();
        assert_eq!(refusal, "it is pinned to n1, which runs a task with the same label app=web");
    }
}

mod accounts {
    use super::*;

    fn account(kind: SchedulerKind, nodes: Vec<Candidate>, spec: &TaskSpec) -> Reasoning {
        let placed = Pass::new(kind, nodes, None).place(spec, None);
        placed.map_or_else(|none| (*none.reasoning()).clone(), |placed| (*placed.reasoning).clone())
    }

    fn in_words(reasoning: &Reasoning) -> Vec<String> {
        let fit = reasoning.fit.iter().map(|fit| format!("{}: {}", fit.node, fit.score));
        let names = |nodes: &[NodeName]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let out = reasoning
            .left_out
            .iter()
            .map(|out| format!("{} {}: {}", out.count, out.reason, names(&out.nodes)));
        std::iter::once(reasoning.summary.clone()).chain(fit).chain(out).collect()
    }

    #[test]
    fn every_node_is_accounted_for_as_it_was_before_the_task_came() {
        let nodes = vec![
            used("n1", 2, 1.0, 0, 0.0),
            used("n2", 1, 0.0, 0, 0.0),
            used("n3", 1, 0.0, 7 * GIB, 0.0),
            Candidate { availability: Availability::Drain, ..node("n4") },
        ];
        assert_eq!(
            in_words(&account(SchedulerKind::Spread, nodes, &spec(0.0, 2 * GIB))),
            [
                "n2 is the best of 2 nodes that fit: 1 live task",
                "n2: 1 live task",
                "n1: 2 live tasks",
                "1 lacks memory (want 2 GiB, it has 1 GiB free): n3",
                "1 is draining: n4",
            ]
        );
    }

    #[test]
    fn each_scheduler_says_what_it_goes_by() {
        let nodes = || vec![used("n1", 2, 1.0, 2 * GIB, 0.5), used("n2", 1, 3.0, 4 * GIB, 0.25)];
        let scores = |kind| in_words(&account(kind, nodes(), &unlimited()))[1..].to_vec();
        assert_eq!(scores(SchedulerKind::Roundrobin), ["n1: next in turn", "n2: later in turn"]);
        assert_eq!(
            scores(SchedulerKind::Greedy),
            ["n2: 25 % of its CPU in use", "n1: 50 % of its CPU in use"]
        );
        // L^½ − L^¼ and L^¾ − L^½, as above.
        assert_eq!(
            scores(SchedulerKind::Epvm),
            ["n2: adds 0.1269 to its cost", "n1: adds 0.1413 to its cost"]
        );
        assert_eq!(scores(SchedulerKind::Spread), ["n2: 1 live task", "n1: 2 live tasks"]);
        assert_eq!(
            scores(SchedulerKind::Binpack),
            [
                "n2: 75 % of its CPU and 50 % of its memory reserved, 1 live task",
                "n1: 25 % of its CPU and 25 % of its memory reserved, 2 live tasks",
            ]
        );
    }

    #[test]
    fn a_pinned_task_is_accounted_for_too() {
        let mut pass = Pass::new(SchedulerKind::Spread, idle(&["n1", "n2"]), None);
        let placed = pass.place(&unlimited(), Some(&name("n2"))).unwrap();
        assert_eq!(
            in_words(&placed.reasoning),
            ["it is pinned to n2, which has room", "n2: the node that it is pinned to"]
        );
        let refused = pass.place(&spec(0.0, 9 * GIB), Some(&name("n2"))).unwrap_err();
        assert_eq!(
            in_words(&refused.reasoning())[1..],
            ["1 lacks memory (want 9 GiB, it has 8 GiB free): n2"]
        );
    }

    #[test]
    fn on_a_large_cluster_nodes_are_counted_and_not_named() {
        let mut nodes: Vec<Candidate> = (0..100).map(|at| node(&format!("n{at:02}"))).collect();
        nodes[7].availability = Availability::Drain;
        let rule = serde_json::json!({ "Constraints": ["node.name not in (n00,n01)"] });
        let spec = TaskSpec { placement: serde_json::from_value(rule).unwrap(), ..unlimited() };
        assert_eq!(
            in_words(&account(SchedulerKind::Roundrobin, nodes.clone(), &spec)),
            [
                "n02 is the best of 100 nodes: next in turn",
                "n02: next in turn",
                "2 do not match \"node.name not in (n00,n01)\": ",
                "1 is draining: ",
            ]
        );
        let refusal = account(SchedulerKind::Roundrobin, nodes, &TaskSpec { memory: 9 * GIB, ..spec });
        assert_eq!(refusal.left_out.iter().map(|out| out.count).sum::<usize>(), 100);
        assert!(refusal.left_out.iter().all(|out| out.nodes.is_empty()));
    }
}

mod properties {
    use super::*;

    /// Small numbers, so that nodes fill up, tie, and share ports.
    fn any_node() -> impl Strategy<Value = Candidate> {
        let state = prop_oneof![6 => Just(NodeState::Ready), 1 => Just(NodeState::Degraded), 1 => Just(NodeState::Unreachable)];
        let availability = prop_oneof![6 => Just(Availability::Active), 1 => Just(Availability::Pause), 1 => Just(Availability::Drain)];
        let used = (0..4_u32, 0..8_u32, 0..5_u64, 0..4_u32);
        let labels = (prop::sample::select(vec!["", "a", "b"]), prop::sample::select(vec!["", "ssd"]));
        (state, availability, 1..5_u32, 1..5_u64, used, labels).prop_map(
            |(state, availability, cores, memory, (tasks, cpu, used_memory, load), (zone, disk))| Candidate {
                description: Arc::new(Description {
                    labels: [("zone", zone), ("disk", disk)]
                        .into_iter()
                        .filter(|(_, value)| !value.is_empty())
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .collect(),
                    ..Description::default()
                }),
                state,
                availability,
                cores: f64::from(cores),
                memory: memory * GIB,
                disk: 4 * GIB,
                load: NodeLoad { cpu: f64::from(load) / 4.0, memory: GIB, disk: 0 },
                usage: Usage {
                    tasks,
                    cpu: f64::from(cpu) / 4.0,
                    memory: used_memory * GIB / 2,
                    ..Usage::default()
                },
                ..node("n0")
            },
        )
    }

    fn any_nodes() -> impl Strategy<Value = Vec<Candidate>> {
        prop::collection::vec(any_node(), 0..12).prop_map(|mut nodes| {
            for (at, node) in nodes.iter_mut().enumerate() {
                node.name = name(&format!("n{at:02}"));
            }
            nodes
        })
    }

    fn any_spec() -> impl Strategy<Value = TaskSpec> {
        let port = prop_oneof![4 => Just(None), 1 => (8080..8083_u16).prop_map(Some)];
        (0..8_u32, 0..6_u64, 0..3_u64, port, any_rules()).prop_map(
            |(cpu, memory, disk, port, (app, placement))| TaskSpec {
                cpu: f64::from(cpu) / 5.0,
                memory: memory * GIB / 4,
                disk: disk * GIB / 2,
                labels: BTreeMap::from([("app".to_owned(), app.to_owned())]),
                placement,
                ..port.map_or_else(unlimited, with_host_port)
            },
        )
    }

    /// Rules, and what each means, in other words than the product's.
    type Rule = (&'static str, fn(&Candidate) -> bool);
    const RULES: [Rule; 4] = [
        ("node.labels.zone==a", |node| label(node, "zone") == Some("a")),
        ("node.labels.disk", |node| label(node, "disk").is_some()),
        ("node.cores>=3", |node| node.cores >= 3.0),
        ("node.labels.zone!=b", |node| label(node, "zone") != Some("b")),
    ];

    fn label<'a>(node: &'a Candidate, name: &str) -> Option<&'a str> {
        node.description.labels.get(name).map(String::as_str)
    }

    fn means(rule: &str, node: &Candidate) -> bool {
        RULES.iter().find(|(text, _)| *text == rule).unwrap().1(node)
    }

    fn any_rules() -> impl Strategy<Value = (&'static str, Placement)> {
        let rule = || prop::sample::select(RULES.map(|(text, _)| text).to_vec());
        let prefer = (rule(), 1..4_i64)
            .prop_map(|(rule, weight)| serde_json::json!({ "Prefer": rule, "Weight": weight * 25 - 60 }));
        let of = prop::sample::select(vec![None, Some("app")]);
        let over = prop::sample::select(vec!["node.labels.zone", "node.labels.disk", "node.name"]);
        let spread = (over, of, 1..3_i64).prop_map(
            |(over, of, weight)| serde_json::json!({ "Spread": { "SpreadDescriptor": over, "Of": of }, "Weight": weight * 30 }),
        );
        let constraints = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(rule(), 1..3)];
        let preferences =
            prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(prop_oneof![prefer, spread], 1..3)];
        let apart = prop_oneof![4 => Just(Vec::new()), 1 => Just(vec!["app"])];
        (prop::sample::select(vec!["web", "db"]), constraints, preferences, apart).prop_map(
            |(app, constraints, preferences, apart)| {
                let json = serde_json::json!({ "Constraints": constraints, "Preferences": preferences, "AntiAffinity": apart });
                (app, serde_json::from_value(json).unwrap())
            },
        )
    }

    fn any_kind() -> impl Strategy<Value = SchedulerKind> {
        prop::sample::select(SchedulerKind::ALL.to_vec())
    }

    fn fits(node: &Candidate, spec: &TaskSpec) -> bool {
        let enough = |want: f64, used: f64, total: f64| want == 0.0 || used + want <= total + 1e-9;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let enough_bytes = |want: u64, used: u64, total: u64| enough(want as f64, used as f64, total as f64);
        node.state == NodeState::Ready
            && node.availability == Availability::Active
            && enough(spec.cpu, node.usage.cpu, node.cores)
            && enough_bytes(spec.memory, node.usage.memory, node.memory)
            && enough_bytes(spec.disk, node.usage.disk, node.disk)
            && spec.fixed_host_ports().all(|port| !node.usage.ports.contains(&port))
            && spec.placement.constraints.iter().all(|rule| means(rule.text(), node))
    }

    fn app(spec: &TaskSpec) -> &str {
        &spec.labels["app"]
    }

    /// Whether one of them keeps apart from the other.
    fn rivals(one: &TaskSpec, other: &TaskSpec) -> bool {
        app(one) == app(other) && [one, other].iter().any(|spec| !spec.placement.anti_affinity.is_empty())
    }

    /// The same rules by a look at every node, in the order of their names.
    struct Naive {
        kind: SchedulerKind,
        nodes: Vec<(Candidate, Standing)>,
        placed: Vec<(usize, TaskSpec)>,
        next: usize,
    }

    impl Naive {
        fn place(&mut self, spec: &TaskSpec) -> Option<NodeName> {
            let ask = room::Ask::of(spec);
            let fitting = (0..self.nodes.len())
                .filter(|at| fits(&self.nodes[*at].0, spec) && self.free_of_rivals(*at, spec));
            let chosen = fitting.min_by(|one, other| {
                let ranks = [*one, *other].map(|at| (-self.points(at, spec), self.cost(at, &ask)));
                ranks[0].partial_cmp(&ranks[1]).unwrap()
            })?;
            let (node, standing) = &mut self.nodes[chosen];
            node.place(spec);
            *standing = Standing::of(node);
            self.next = chosen + 1;
            self.placed.push((chosen, spec.clone()));
            Some(node.name.clone())
        }

        fn free_of_rivals(&self, at: usize, spec: &TaskSpec) -> bool {
            self.placed.iter().all(|(there, other)| *there != at || !rivals(spec, other))
        }

        fn counted(&self, at: usize, spec: &TaskSpec, spread: &Spread) -> i64 {
            let kin = |there: usize, other: &TaskSpec| there == at && app(other) == app(spec);
            match &spread.of {
                None => self.nodes[at].0.usage.tasks.into(),
                Some(_) => self.placed.iter().map(|(there, other)| i64::from(kin(*there, other))).sum(),
            }
        }

        /// In millionths of a point.
        fn points(&self, at: usize, spec: &TaskSpec) -> i64 {
            let each = spec.placement.preferences.iter().map(|preference| {
                let weight = i64::from(preference.weight.number()) * 1_000_000;
                match &preference.wish {
                    Wish::Prefer(rule) => weight * i64::from(means(rule.text(), &self.nodes[at].0)),
                    Wish::Spread(spread) => {
                        let tasks = |at: usize| self.counted(at, spec, spread);
                        let place = |at: usize| match &spread.over {
                            Fact::Label(name) => label(&self.nodes[at].0, name).unwrap_or_default(),
                            _ => self.nodes[at].0.name.as_str(),
                        };
                        let total: i64 = (0..self.nodes.len()).map(tasks).sum();
                        let here: i64 =
                            (0..self.nodes.len()).filter(|other| place(*other) == place(at)).map(tasks).sum();
                        if total == 0 { weight } else { weight * (total - here) / total }
                    }
                }
            });
            each.sum()
        }

        fn cost(&self, at: usize, ask: &room::Ask) -> Cost {
            let standing = &self.nodes[at].1;
            match self.kind {
                SchedulerKind::Roundrobin if at < self.next => (1.0, 0.0),
                SchedulerKind::Roundrobin => (0.0, 0.0),
                SchedulerKind::Greedy => greedy::cost(standing),
                SchedulerKind::Epvm => epvm::cost(standing, ask),
                SchedulerKind::Spread => spread::cost(standing),
                SchedulerKind::Binpack => binpack::cost(standing),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_tree_chooses_what_a_look_at_every_node_would(
            kind in any_kind(), nodes in any_nodes(), specs in prop::collection::vec(any_spec(), 0..40)
        ) {
            let standings = nodes.iter().map(|node| (node.clone(), Standing::of(node))).collect();
            let mut naive = Naive { kind, nodes: standings, placed: Vec::new(), next: 0 };
            let mut pass = Pass::new(kind, nodes, None);
            for spec in &specs {
                prop_assert_eq!(pass.place(spec, None).ok().map(|placed| placed.node), naive.place(spec));
            }
        }

        #[test]
        fn the_account_names_every_node_once_and_the_chosen_one_first(
            kind in any_kind(), nodes in any_nodes(), specs in prop::collection::vec(any_spec(), 0..20)
        ) {
            let count = nodes.len();
            let mut pass = Pass::new(kind, nodes, None);
            for spec in &specs {
                let placed = pass.place(spec, None);
                let reasoning = placed.as_ref().map_or_else(Unplaceable::reasoning, |placed| placed.reasoning.clone());
                let out: usize = reasoning.left_out.iter().map(|out| out.nodes.len()).sum();
                prop_assert_eq!(reasoning.fit.len() + out, count);
                prop_assert_eq!(placed.ok().map(|placed| placed.node), reasoning.fit.first().map(|fit| fit.node.clone()));
            }
        }

        #[test]
        fn no_node_is_filled_above_what_it_has(
            kind in any_kind(), nodes in any_nodes(), specs in prop::collection::vec(any_spec(), 0..40)
        ) {
            let mut pass = Pass::new(kind, nodes.clone(), None);
            let mut nodes: BTreeMap<NodeName, Candidate> =
                nodes.into_iter().map(|node| (node.name.clone(), node)).collect();
            let mut placed: Vec<(NodeName, &TaskSpec)> = Vec::new();
            for spec in &specs {
                let rival = |name: &NodeName| placed.iter().any(|(there, other)| there == name && rivals(spec, other));
                if let Ok(Placed { node: name, .. }) = pass.place(spec, None) {
                    let node = nodes.get_mut(&name).unwrap();
                    prop_assert!(fits(node, spec), "{} on {:?}", serde_json::to_string(spec).unwrap(), node);
                    prop_assert!(!rival(&name), "beside a rival on {}", name);
                    node.usage.add(spec);
                    placed.push((name, spec));
                } else {
                    prop_assert!(nodes.iter().all(|(name, node)| !fits(node, spec) || rival(name)));
                }
            }
        }

        #[test]
        fn the_order_in_which_nodes_are_listed_does_not_matter(
            kind in any_kind(), nodes in any_nodes(), specs in prop::collection::vec(any_spec(), 0..20)
        ) {
            let mut reversed = nodes.clone();
            reversed.reverse();
            let mut one = Pass::new(kind, nodes, None);
            let mut other = Pass::new(kind, reversed, None);
            prop_assert_eq!(places(&mut one, &specs), places(&mut other, &specs));
        }

        #[test]
        fn every_refusal_counts_each_node_once(
            kind in any_kind(), nodes in any_nodes(), specs in prop::collection::vec(any_spec(), 0..20)
        ) {
            let count = nodes.len();
            let mut pass = Pass::new(kind, nodes, None);
            for refusal in places(&mut pass, &specs).iter().filter_map(|place| place.strip_prefix("no node fits: ")) {
                let outside_brackets = refusal.split(['(', ')']).step_by(2).collect::<String>();
                let told: usize = outside_brackets
                    .split(", ")
                    .filter_map(|reason| reason.split(' ').next()?.parse::<usize>().ok())
                    .sum();
                prop_assert_eq!(told, count, "{}", refusal);
            }
        }
    }
}

/// Whether a task stands better elsewhere: what is moved, and how much of it.
mod better {
    use super::*;

    /// Moves a task as often as it is clearly better on another node than on `from`; how often, and where to.
    fn moved(pass: &mut Pass, spec: &TaskSpec, from: &str) -> Vec<String> {
        let mut places = Vec::new();
        while let Some(better) = pass.better(spec, &name(from)) {
            assert!(places.len() < 100, "it never ends");
            pass.carry_over(spec, &name(from), &better.node);
            places.push(better.node.to_string());
        }
        places
    }

    #[test]
    fn greedy_moves_a_part_of_what_is_measured_and_not_all_of_it() {
        let nodes = vec![used("n1", 9, 0.0, 0, 0.9), used("n2", 0, 0.0, 0, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Greedy, nodes, None);
        assert_eq!(moved(&mut pass, &unlimited(), "n1"), ["n2"; 4], "each is taken to use a ninth of it");
        assert_eq!(moved(&mut pass, &unlimited(), "n2"), [""; 0], "and none comes back");
        let alone = vec![used("n1", 1, 0.0, 0, 0.9), used("n2", 0, 0.0, 0, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Greedy, alone, None);
        assert_eq!(moved(&mut pass, &unlimited(), "n1"), [""; 0], "its load would only be elsewhere");
    }

    #[test]
    fn epvm_moves_what_costs_a_tenth_less_elsewhere() {
        let nodes = vec![used("n1", 3, 4.0, 0, 0.0), used("n2", 1, 1.0, 0, 0.0)];
        let mut pass = Pass::new(SchedulerKind::Epvm, nodes, None);
        assert_eq!(moved(&mut pass, &spec(1.0, 0), "n1"), ["n2"]);
        assert_eq!(moved(&mut pass, &spec(1.0, 0), "n2"), [""; 0]);
    }

    #[test]
    fn a_look_leaves_all_as_it_was() {
        for kind in SchedulerKind::ALL {
            let nodes = vec![used("n1", 4, 2.0, 4 * GIB, 0.5), used("n2", 1, 0.5, GIB, 0.125)];
            let mut pass = Pass::new(kind, nodes.clone(), None);
            let first = pass.better(&spec(0.5, GIB), &name("n1"));
            for _ in 0..10 {
                assert_eq!(pass.better(&spec(0.5, GIB), &name("n1")), first, "{kind:?}");
            }
            let prices: Vec<u64> = pass.prices().map(|(_, price)| price).collect();
            let before: Vec<u64> = Pass::new(kind, nodes, None).prices().map(|(_, price)| price).collect();
            assert_eq!(prices, before, "{kind:?}");
        }
    }

    #[test]
    fn a_spread_evens_out_once_it_is_worth_a_twentieth_of_its_points() {
        let wish = Wish::Spread(Spread { over: Fact::Name, of: None });
        let placement = Placement {
            preferences: vec![Preference { wish, weight: Weight::default() }],
            ..Placement::default()
        };
        let spec = TaskSpec { placement, ..unlimited() };
        for (here, there, moves) in [(5, 1, 2), (2, 1, 0), (100, 97, 0), (100, 85, 3)] {
            let nodes = vec![used("n1", here, 0.0, 0, 0.0), used("n2", there, 0.0, 0, 0.0)];
            let mut pass = Pass::new(SchedulerKind::Binpack, nodes, None);
            assert_eq!(moved(&mut pass, &spec, "n1").len(), moves, "{here} and {there}");
        }
    }
}
