//! Looking: filters, pages, readiness, the description of the API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::orc::{COMPLETED, PENDING, Setup, TestOrc, shell, sleeper, with};
use crate::support::patience::until;

fn names(tasks: &Value) -> Vec<&str> {
    tasks.as_array().unwrap().iter().map(|task| task["Name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tasks_are_listed_oldest_first_and_by_state_name_and_node() {
    let orc = TestOrc::start_with(Setup { workers: 2, ..Setup::default() }).await;
    until("both workers have joined", || orc.get("/nodes"), |nodes| nodes.as_array().unwrap().len() == 2)
        .await;
    let one = orc.run("one", sleeper()).await;
    let two = orc.run("two", sleeper()).await;
    assert_ne!(one["Node"], two["Node"], "in turn");
    let over = orc.submit("over", shell("exit 0")).await;
    let huge = orc.submit("huge", with(sleeper(), json!({ "CPU": 4000 }))).await;
    orc.until_state(&over, COMPLETED).await;
    let waits = orc.until(&huge, "it says why it waits", |task| task["Message"] != "").await;
    assert_eq!(waits["State"], PENDING);
    let why = waits["Message"].as_str().unwrap();
    assert!(why.contains("no node fits: 2 lack CPU") && why.contains("want 4000"), "{why}");

    let all = ["one", "two", "over", "huge"].map(|name| orc.name(name));
    assert_eq!(names(&orc.get("/tasks").await), all);
    assert_eq!(names(&orc.get("/tasks/").await), all, "a trailing slash is optional");
    for (query, wanted) in [
        ("State=2".to_owned(), &all[..2]),
        ("State=running".to_owned(), &all[..2]),
        ("State=3".to_owned(), &all[2..3]),
        ("State=pending".to_owned(), &all[3..]),
        ("State=-1".to_owned(), &[]),
        (format!("Name={}", all[1]), &all[1..2]),
        (format!("Node={}", two["Node"].as_str().unwrap()), &all[1..2]),
        (format!("Node={}&State=2&Name={}", one["Node"].as_str().unwrap(), all[0]), &all[..1]),
    ] {
        let found = orc.get(&format!("/tasks?{query}")).await;
        // The third one has gone to either node.
        let found: Vec<_> =
            names(&found).into_iter().filter(|name| query.contains("State") || *name != all[2]).collect();
        assert_eq!(found, wanted, "{query}");
    }
    for (query, words) in [
        ("State=running-ish", &["State", "running-ish", "pending (0)"][..]),
        ("limit=0", &["limit", "1 to 1000"]),
        ("limit=1001", &["limit", "1 to 1000"]),
        ("Stat=2", &["Stat"]),
    ] {
        orc.ask("GET", &format!("/tasks?{query}"), "").await.assert_refused(400, words);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_though_tasks_are_added_meanwhile() {
    let orc = TestOrc::start().await;
    // Nothing of this ever runs.
    let idle = || with(sleeper(), json!({ "CPU": 4000 }));
    let mut submitted = Vec::new();
    for number in 0..7 {
        submitted.push(orc.submit(format!("page-{number}"), idle()).await);
    }
    let mut seen = Vec::new();
    let mut path = "/tasks?limit=3".to_owned();
    loop {
        let answer = orc.ask("GET", &path, "").await;
        let page = answer.json();
        let ids = page.as_array().unwrap().iter().map(|task| task["ID"].as_str().unwrap().to_owned());
        seen.extend(ids);
        if seen.len() == 3 {
            submitted.push(orc.submit("added", idle()).await);
        }
        let Some(cursor) = answer.headers.get("x-next-cursor") else { break };
        assert_eq!(page.as_array().unwrap().len(), 3);
        path = format!("/tasks?limit=3&cursor={}", cursor.to_str().unwrap());
    }
    assert_eq!(seen, submitted);
}

#[tokio::test]
async fn it_says_whether_it_lives_and_is_ready() {
    let orc = TestOrc::start().await;
    for path in ["/healthz", "/readyz", "/readyz/"] {
        assert_eq!(orc.get(path).await["Status"], "ok", "{path}");
    }
    assert_eq!(orc.ask_worker("GET", "/healthz", "").await.status, 200);
}

#[tokio::test]
async fn the_document_of_the_api_lists_every_route_and_every_route_is_there() {
    let orc = TestOrc::start().await;
    let document = orc.get("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().filter(|key| *key != "parameters");
        documented.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let wanted = [
        "GET /tasks",
        "POST /tasks",
        "GET /tasks/{id}",
        "DELETE /tasks/{id}",
        "GET /tasks/{id}/events",
        "GET /tasks/{id}/logs",
        "GET /tasks/{id}/why",
        "GET /events",
        "GET /nodes",
        "GET /nodes/{name}",
        "PATCH /nodes/{name}",
        "DELETE /nodes/{name}",
        "GET /rebalance",
        "POST /rebalance",
        "GET /services",
        "POST /services",
        "GET /services/{name}",
        "PUT /services/{name}",
        "DELETE /services/{name}",
        "GET /services/{name}/versions",
        "GET /services/{name}/endpoints",
        "POST /services/{name}/scale",
        "POST /services/{name}/rollback",
        "POST /services/{name}/rollout",
        "GET /services/{name}/runs",
        "POST /services/{name}/runs",
        "POST /services/{name}/schedule",
        "GET /secrets",
        "POST /secrets",
        "GET /secrets/{name}",
        "DELETE /secrets/{name}",
        "POST /secrets/{name}/versions",
        "POST /secrets/{name}/compare",
        "GET /configs",
        "POST /configs",
        "GET /configs/{name}",
        "DELETE /configs/{name}",
        "GET /configs/{name}/data",
        "POST /configs/{name}/versions",
        "POST /configs/{name}/compare",
        "GET /images",
        "GET /images/{image}",
        "PUT /images/{image}",
        "POST /nodes/{name}/tasks",
        "POST /nodes/{name}/certificate",
        "POST /join",
        "GET /tokens",
        "POST /tokens",
        "DELETE /tokens/{id}",
        "GET /ca",
        "POST /ca/rotate",
        "GET /state",
        "POST /state/accept",
        "GET /healthz",
        "GET /readyz",
    ];
    assert_eq!(documented, wanted.map(str::to_owned).into());
    for line in &documented {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path
            .replace("{id}", "7")
            .replace("{name}", "worker-1")
            .replace("/events", "/events?follow=false");
        let answer = orc.ask(method, &path, "").await;
        let unknown = answer.status == 404 && answer.message().starts_with("There is nothing");
        assert!(!unknown && answer.status != 405, "{line}: {answer:?}");
    }
    // What the 404 of an unknown path offers is the same, but for what only workers ask.
    let offered = orc.ask("GET", "/nothing", "").await.message();
    let for_machines = ["/join", "/nodes/{name}/certificate"];
    for line in documented {
        let path = line.split_once(' ').unwrap().1;
        if for_machines.contains(&path) {
            continue;
        }
        assert!(offered.contains(path), "{path} is not in {offered:?}");
    }
}

#[tokio::test]
async fn the_document_names_every_field_that_can_be_sent() {
    /// What only orc knows, and ignores when it is sent.
    const READ_ONLY: &str = "ContainerID StartsAt FinishedAt CreatedAt UpdatedAt RestartCount HostPorts Node Attempt \
        ExitCode Health Ready ReadySince NotReady Message Service Slot";
    let orc = TestOrc::start().await;
    let document = orc.get("/openapi.json").await;
    let schemas = &document["components"]["schemas"];
    let fields = |schema: &str| fields(schemas, &schemas[schema]);
    let read_only = READ_ONLY.split_whitespace().map(str::to_owned).collect();
    assert_eq!(fields("TaskInput"), &fields("Task") - &read_only);
    assert_eq!(fields("TaskEventInput"), fields("TaskEvent"));
}

/// The names of a schema's fields, with those of the schemas that it is made of.
fn fields(schemas: &Value, schema: &Value) -> BTreeSet<String> {
    let own = schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys().cloned());
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let part = |part: &Value| match part["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => fields(schemas, &schemas[name]),
        None => fields(schemas, part),
    };
    own.chain(parts.flat_map(part)).collect()
}

#[tokio::test]
async fn a_long_list_is_one_array() {
    const MANY: usize = 350;
    let orc = TestOrc::start().await;
    let submitted = (0..MANY).map(|number| {
        let idle = with(sleeper(), json!({ "CPU": 4000 }));
        orc.submit(format!("many-{number}"), idle)
    });
    let submitted: BTreeSet<String> = futures_util::future::join_all(submitted).await.into_iter().collect();
    let tasks = orc.get("/tasks").await;
    let listed = tasks.as_array().unwrap().iter().map(|task| task["ID"].as_str().unwrap().to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), submitted);
    assert_eq!(tasks.as_array().unwrap().len(), MANY);
}
