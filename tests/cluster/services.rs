//! Services on three machines: their ports answer every request while versions, nodes and managers come and go.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{self, Clients};
use crate::cluster::{Cluster, NODES};
use crate::fault::Fault;

/// A rollout over three machines, of a few tasks one after the other, takes no longer.
const ROLLOUT: Duration = Duration::from_secs(60);

const WEB: u16 = 8080;
const SINGLE: u16 = 8081;

/// Tasks that say their colour, and count after a second.
fn service(port: u16, replicas: u32, colour: &str, update: &Value) -> Value {
    let mut policy = json!({ "Monitor": "500ms", "Deadline": "20s", "Parallelism": 1 });
    policy.as_object_mut().unwrap().extend(update.as_object().unwrap().clone());
    json!({
        "Replicas": replicas,
        "Ports": [{ "Published": port, "Target": 7777 }],
        "Task": {
            "Image": "orc-test/echo:latest",
            "Env": [format!("COLOUR={colour}")],
            "Readiness": { "Http": { "Path": "/health", "Port": 7777 }, "Interval": "200ms" },
        },
        "Update": policy,
    })
}

/// A version that is never ready.
fn bad(port: u16, replicas: u32) -> Value {
    let mut service = service(port, replicas, "red", &json!({ "Deadline": "2s" }));
    service["Task"]["Env"] = json!(["COLOUR=red", "ECHO_HEALTH_FAIL_AFTER_MS=0"]);
    service
}

impl Cluster {
    async fn until_service(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let look = async || self.get(&format!("/services/{name}")).await;
        Fault::now().within(ROLLOUT, &format!("{name} {what}"), look, is_so).await
    }

    async fn until_settled(&self, name: &str, version: u64) -> Value {
        self.until_service(name, "is settled", |service| {
            service["Stable"] == version && service["Rollout"]["State"] == "settled"
        })
        .await
    }

    /// A port at these nodes.
    fn at(&self, nodes: &[&str], port: u16) -> Vec<SocketAddr> {
        nodes.iter().map(|node| self.port_of(node, port)).collect()
    }

    /// The nodes of a service's tasks.
    async fn nodes_of(&self, name: &str) -> Vec<String> {
        let service = self.get(&format!("/services/{name}")).await;
        let tasks = service["Tasks"].as_array().unwrap().iter().filter(|task| task["State"] == "running");
        let mut nodes: Vec<String> = tasks.map(|task| task["Node"].as_str().unwrap().to_owned()).collect();
        nodes.sort();
        nodes
    }
}

/// Ends the clients, none of whose requests has failed.
async fn none_failed(clients: Clients) {
    let seen = clients.end().await;
    assert!(seen.failures.is_empty(), "{} answers, and {:#?}", seen.answers, seen.failures);
    assert!(seen.answers > 100, "{} answers", seen.answers);
    eprintln!("{} requests were answered, all of them", seen.answers);
}

/// The colours with which a port answers.
async fn colours(addresses: &[SocketAddr]) -> Vec<String> {
    let mut colours = Vec::new();
    for _ in 0..6 {
        for address in addresses {
            let environment = clients::environment(*address).await.unwrap();
            let colour = environment.lines().find_map(|line| line.strip_prefix("COLOUR=")).unwrap();
            colours.push(colour.to_owned());
        }
    }
    colours.sort();
    colours.dedup();
    colours
}

#[tokio::test]
async fn a_change_a_bad_version_and_a_canary_fail_no_request_at_any_node() {
    let cluster = Cluster::start().await;
    for (name, port, replicas) in [("web", WEB, 3), ("single", SINGLE, 1)] {
        cluster.put(name, None, &service(port, replicas, "green", &json!({}))).await;
        cluster.until_settled(name, 1).await;
    }
    assert_eq!(cluster.nodes_of("web").await, NODES);
    let (web, single) = (cluster.at(&NODES, WEB), cluster.at(&NODES, SINGLE));
    let clients = Clients::begin(&[&web[..], &single].concat());

    cluster.put("web", Some(1), &service(WEB, 3, "blue", &json!({}))).await;
    cluster.put("single", Some(1), &service(SINGLE, 1, "blue", &json!({}))).await;
    cluster.until_settled("web", 2).await;
    cluster.until_settled("single", 2).await;
    assert_eq!((colours(&web).await, colours(&single).await), (vec!["blue".into()], vec!["blue".into()]));

    cluster.put("web", Some(2), &bad(WEB, 3)).await;
    let back = cluster.until_service("web", "is back", |service| service["Stable"] == 4).await;
    assert_eq!(back["Task"]["Env"], json!(["COLOUR=blue"]));
    assert_eq!(colours(&web).await, ["blue"]);

    cluster.put("web", Some(4), &service(WEB, 3, "white", &json!({ "Canary": 1 }))).await;
    let is_canary =
        |service: &Value| service["Rollout"]["State"] == "canary" && service["Rollout"]["Done"] == 1;
    cluster.until_service("web", "has its canary", is_canary).await;
    assert_eq!(colours(&web).await, ["blue", "white"]);
    cluster.steer("web", "promote").await;
    cluster.until_settled("web", 5).await;
    assert_eq!(colours(&web).await, ["white"]);
    none_failed(clients).await;
}

#[tokio::test]
async fn a_drain_and_a_loss_of_a_node_during_changes_fail_no_request_at_the_others() {
    let mut cluster = Cluster::start().await;
    cluster.put("web", None, &service(WEB, 6, "green", &json!({}))).await;
    cluster.put("single", None, &service(SINGLE, 1, "green", &json!({}))).await;
    cluster.until_settled("web", 1).await;
    let single = cluster.until_settled("single", 1).await;
    let its = cluster.nodes_of("single").await.remove(0);
    assert_eq!(single["Tasks"].as_array().unwrap().len(), 1);

    // The node of the service with one task is drained while the other changes; no node is cut off, so all are asked.
    let drained = NODES.into_iter().find(|node| *node == its).unwrap();
    let all = [cluster.at(&NODES, WEB), cluster.at(&NODES, SINGLE)].concat();
    let clients = Clients::begin(&all);
    cluster.put("web", Some(1), &service(WEB, 6, "blue", &json!({}))).await;
    cluster.set_availability(drained, "drain").await;
    cluster.until_settled("web", 2).await;
    let count = async || cluster.get(&format!("/nodes/{drained}")).await["TaskCount"].clone();
    Fault::now().within(ROLLOUT, "the drained node is empty", count, |count| *count == 0).await;
    none_failed(clients).await;
    assert_ne!(cluster.nodes_of("single").await, [drained]);

    cluster.set_availability(drained, "active").await;
    let lost = NODES.into_iter().find(|node| *node != drained).unwrap();
    let staying: Vec<&str> = NODES.into_iter().filter(|node| *node != lost).collect();
    cluster.put("web", Some(2), &service(WEB, 6, "white", &json!({}))).await;
    cluster.until_settled("web", 3).await;
    assert!(cluster.nodes_of("web").await.iter().any(|node| node == drained), "it has tasks again");
    let clients = Clients::begin(&cluster.at(&staying, WEB));
    cluster.put("web", Some(3), &service(WEB, 6, "black", &json!({}))).await;
    let begun = |service: &Value| service["Rollout"]["Done"].as_u64().unwrap() >= 1;
    cluster.until_service("web", "has begun to change", begun).await;
    cluster.power_off(lost);
    cluster.until_settled("web", 4).await;
    assert_eq!(colours(&cluster.at(&staying, WEB)).await, ["black"]);
    none_failed(clients).await;
}

#[tokio::test]
async fn a_manager_that_is_killed_again_and_again_during_a_rollout_ends_it_and_no_request_fails() {
    let mut cluster = Cluster::start().await;
    cluster.put("web", None, &service(WEB, 4, "green", &json!({}))).await;
    cluster.until_settled("web", 1).await;
    let clients = Clients::begin(&cluster.at(&NODES, WEB));
    cluster.put("web", Some(1), &service(WEB, 4, "blue", &json!({}))).await;
    // The faults are times, none of which is like another: they come where the rollout happens to be.
    for millis in [150, 900, 400, 1_700, 250, 1_200] {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        cluster.restart_manager().await;
    }
    let service = cluster.until_settled("web", 2).await;
    assert_eq!(service["Tasks"].as_array().unwrap().len(), 4);
    assert_eq!(colours(&cluster.at(&NODES, WEB)).await, ["blue"]);
    none_failed(clients).await;
    let live = cluster.engines.look().await.live.len();
    assert_eq!(live, 4, "no container is one too many");
}
