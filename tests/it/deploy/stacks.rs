//! A stack that is deployed, changed and cut back.

use serde_json::json;

use super::{Place, sleeper};
use crate::support::docker::is_live;
use crate::support::orc::TestOrc;

const POLICY: &str = "update_config: {monitor: 1s}";

fn two(colour: &str) -> String {
    let web = sleeper(&format!(
        ", environment: {{COLOUR: {colour}}}, deploy: {{replicas: 2, {POLICY}}}, depends_on: [cache]"
    ));
    format!("services:\n  cache: {}\n  web: {web}\n", sleeper(&format!(", deploy: {{{POLICY}}}")))
}

#[tokio::test]
async fn a_stack_is_planned_deployed_changed_and_pruned() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let (cache, web) = (place.name("cache"), place.name("web"));
    place.write(&two("green"));
    place.orc(&["plan"]).await.is(2).printed(&format!("create     {cache}")).printed("2 tasks");
    assert_eq!(orc.get("/services").await, json!([]), "a plan changes nothing");

    let deployed = place.orc(&["deploy"]).await;
    deployed.is(0).told(&format!("{web} runs version 1 in 2 of 2 slots"));
    deployed.told("warning: compose.yaml:3:").told("services.web.depends_on is not honoured");
    assert_eq!(deployed.stdout, format!("{cache}\n{web}\n"));
    let live = orc.containers().await.iter().filter(|container| is_live(container)).count();
    assert_eq!(live, 3);

    let again = place.orc(&["deploy", "--plan"]).await;
    again.is(0).printed("2 unchanged");
    let json = place.orc(&["plan", "--json"]).await.is(0).json();
    assert_eq!(json["Services"][1]["Action"], "unchanged");
    assert_eq!(json["Services"][1]["Fields"], json!([]));

    place.write(&two("blue"));
    let plan = place.orc(&["plan"]).await;
    plan.is(2).printed("Task.Env.COLOUR  green → blue").printed(&format!("replaces {web}.1.v1, {web}.2.v1"));
    plan.printed("1 to change, 1 unchanged");
    place.orc(&["deploy"]).await.is(0).told(&format!("{web} runs version 2 in 2 of 2 slots"));
    let of = async |name: &str, field: &str| orc.get(&format!("/services/{name}")).await[field].clone();
    assert_eq!((of(&web, "Version").await, of(&cache, "Version").await), (json!(2), json!(1)));
    assert_eq!(of(&web, "Task").await["Env"], json!(["COLOUR=blue"]));

    let web_alone = two("blue").replace(", depends_on: [cache]", "");
    place.write(&web_alone.lines().filter(|line| !line.contains("cache:")).collect::<Vec<_>>().join("\n"));
    place.orc(&["plan"]).await.is(0).printed(&format!("left over  {cache}"));
    place.orc(&["deploy"]).await.is(0).told(&format!("left alone without --prune: {cache}"));
    assert_eq!(of(&cache, "Name").await, json!(cache));
    place.orc(&["plan", "--prune"]).await.is(2).printed(&format!("remove     {cache}"));
    place.orc(&["deploy", "--prune"]).await.is(0).told(&format!("{cache} is removed"));
    assert_eq!(orc.ask("GET", &format!("/services/{cache}"), "").await.status, 404);
    place.orc(&["plan", "--prune"]).await.is(0);
}

#[tokio::test]
async fn what_fails_is_told_with_its_last_lines_and_nothing_that_needs_it_begins() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let setup =
        sleeper(", restart: 'no'").replace("trap 'exit 0' TERM; sleep 100000 & wait", "echo boom; exit 3");
    let web = sleeper(", depends_on: {setup: {condition: service_completed_successfully}}");
    place.write(&format!("services:\n  setup: {setup}\n  web: {web}\n"));
    let failed = place.orc(&["deploy"]).await;
    failed.is(1).told("| boom").told(&format!(
        "{} was not applied, since it depends on {}",
        place.name("web"),
        place.name("setup")
    ));
    let services = orc.get("/services").await;
    assert_eq!(services.as_array().unwrap().len(), 1, "{services}");
}

#[tokio::test]
async fn a_wait_ends_when_patience_does_and_nothing_is_waited_for_when_told_so() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let web = sleeper(", depends_on: {setup: {condition: service_completed_successfully}}");
    place.write(&format!("services:\n  setup: {}\n  web: {web}\n", sleeper("")));
    let ended = place.orc(&["deploy", "--wait-timeout", "1s"]).await;
    ended.is(1).told("after 1s").told(&format!("not applied: {}", place.name("web")));
    ended.told(&format!("waits for {} (service_completed_successfully)", place.name("setup")));
    let detached = place.orc(&["deploy", "--detach"]).await;
    assert_eq!(detached.is(0).stdout, format!("{}\n{}\n", place.name("setup"), place.name("web")));
}
