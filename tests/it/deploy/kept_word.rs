//! What `orc plan` prints is what `orc deploy` does: random projects, each deployed over the one before.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{Place, sleeper};
use crate::support::orc::TestOrc;

/// Projects, one after the other.
const PROJECTS: usize = 8;

/// What a project says of one service.
#[derive(Debug, Clone)]
struct Said {
    replicas: u32,
    colour: &'static str,
    order: &'static str,
}

/// Services by name, and whether those that are not among them are removed.
type Project = (BTreeMap<&'static str, Said>, bool);

fn project() -> impl Strategy<Value = Project> {
    let colours = prop_oneof![Just("green"), Just("blue")];
    let orders = prop_oneof![Just("start-first"), Just("stop-first")];
    let said = (1..4_u32, colours, orders);
    let said = said.prop_map(|(replicas, colour, order)| Said { replicas, colour, order });
    let names = prop_oneof![Just("api"), Just("cache"), Just("web")];
    (prop::collection::btree_map(names, said, 1..4), any::<bool>())
}

fn compose(services: &BTreeMap<&'static str, Said>) -> String {
    let service = |(name, Said { replicas, colour, order }): (&&str, &Said)| {
        let update = format!("{{monitor: 200ms, parallelism: 0, order: {order}}}");
        let deploy = format!("{{replicas: {replicas}, update_config: {update}}}");
        let lines = format!(", environment: {{COLOUR: {colour}}}, deploy: {deploy}");
        format!("  {name}: {}\n", sleeper(&lines))
    };
    format!("services:\n{}", services.iter().map(service).collect::<String>())
}

/// Live tasks by name, each with its ID.
type Tasks = BTreeMap<String, String>;

/// The version of each service, and its live tasks.
async fn services(orc: &TestOrc) -> BTreeMap<String, (u64, Tasks)> {
    let mut services = BTreeMap::new();
    for service in orc.get("/services").await.as_array().unwrap() {
        let name = text(&service["Name"]);
        let whole = orc.get(&format!("/services/{name}")).await;
        let live = |task: &&Value| task["State"] == "running";
        let tasks = whole["Tasks"].as_array().unwrap().iter().filter(live);
        let tasks = tasks.map(|task| (text(&task["Name"]), text(&task["ID"]))).collect();
        services.insert(name, (whole["Version"].as_u64().unwrap(), tasks));
    }
    services
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn names(step: &Value, what: &str) -> BTreeSet<String> {
    step["Tasks"][what].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn the_plan_that_is_printed_is_what_is_done() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let mut runner = TestRunner::default();
    let mut told = Vec::new();
    for _ in 0..PROJECTS {
        let (project, prunes) = project().new_tree(&mut runner).unwrap().current();
        told.push(format!("{project:?}, prune: {prunes}"));
        place.write(&compose(&project));
        let prune: &[&str] = if prunes { &["--prune"] } else { &[] };
        let plan = place.orc(&[&["plan", "--json"], prune].concat()).await;
        let steps = plan.json()["Services"].as_array().unwrap().clone();
        let does = |step: &Value| matches!(step["Action"].as_str(), Some("create" | "change" | "remove"));
        plan.is(if steps.iter().any(does) { 2 } else { 0 });
        let before = services(&orc).await;
        place.orc(&[&["deploy"], prune].concat()).await.is(0);
        let after = services(&orc).await;
        let planned: BTreeSet<String> = steps.iter().map(|step| text(&step["Name"])).collect();
        let known: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
        assert_eq!(planned, known, "{told:#?}");
        for step in &steps {
            let name = text(&step["Name"]);
            judge(step, before.get(&name), after.get(&name))
                .unwrap_or_else(|why| panic!("{name}: {why}: {step:#} of {told:#?}"));
        }
        place.orc(&[&["plan"], prune].concat()).await.is(0);
    }
}

/// Why what was done with a service is not what was planned.
fn judge(step: &Value, before: Option<&(u64, Tasks)>, after: Option<&(u64, Tasks)>) -> Result<(), String> {
    let wrong = || Err(format!("{before:?} became {after:?}"));
    if step["Version"] != json!(before.map(|(version, _)| version)) {
        return Err("it was planned on another version".to_owned());
    }
    let none = (0, Tasks::new());
    let (version, tasks) = before.unwrap_or(&none);
    let Some((new_version, new_tasks)) = after else {
        return if step["Action"] == "remove" { Ok(()) } else { wrong() };
    };
    let made = match step["Action"].as_str() {
        Some("create") if before.is_none() => 1,
        Some("change") if before.is_some() => 1,
        Some("unchanged" | "left-over") => 0,
        _ => return wrong(),
    };
    let [replaced, kept, stopped] = ["Replaced", "Kept", "Stopped"].map(|what| names(step, what));
    let all: BTreeSet<String> = [&replaced, &kept, &stopped].into_iter().flatten().cloned().collect();
    let is_same = |name: &String| new_tasks.get(name).is_some_and(|id| tasks.get(name) == Some(id));
    let added = usize::try_from(step["Tasks"]["Added"].as_u64().unwrap()).unwrap();
    let is_done = *new_version == version + made
        && all == tasks.keys().cloned().collect()
        && kept.iter().all(is_same)
        && !replaced.iter().chain(&stopped).any(is_same)
        && new_tasks.len() == kept.len() + replaced.len() + added;
    if is_done { Ok(()) } else { wrong() }
}
