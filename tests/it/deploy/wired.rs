//! What services do with what Compose files say of health and of ports.

use serde_json::json;

use super::{Place, sleeper};
use crate::support::docker::ECHO;
use crate::support::http::ask;
use crate::support::orc::{RUNNING, TestOrc};
use crate::support::patience::until;
use crate::support::ports::free_ports;

#[tokio::test]
async fn a_service_waits_until_what_it_depends_on_is_healthy() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let (db, web) = (place.name("db"), place.name("web"));
    let check = ", healthcheck: {test: [CMD, test, -e, /go], interval: 200ms, start_period: 1m}";
    let wanting = ", depends_on: {db: {condition: service_healthy}}";
    place.write(&format!("services:\n  db: {}\n  web: {}\n", sleeper(check), sleeper(wanting)));
    let deploying = place.start(&["deploy"]);
    let look = || async { orc.ask("GET", &format!("/services/{db}"), "").await };
    let runs = |answer: &crate::support::http::Answer| {
        answer.status == 200 && answer.json()["Tasks"][0]["State"] == "running"
    };
    let service = until("the first runs", look, runs).await.json();
    assert_eq!(service["Tasks"][0]["Ready"], false, "{service}");
    assert_eq!(orc.ask("GET", &format!("/services/{web}"), "").await.status, 404, "it waits");
    let id = service["Tasks"][0]["ID"].as_str().unwrap();
    let container = orc.until_state(id, RUNNING).await["ContainerID"].clone();
    orc.docker.exec(container.as_str().unwrap(), &["touch", "/go"]).await;
    let output = deploying.wait_with_output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains(&format!("{web}: waits for {db} (service_healthy)")), "{told}");
    place.orc(&["plan"]).await.is(0);
}

#[tokio::test]
async fn a_port_is_the_services_however_many_tasks_it_has() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let port = free_ports(1);
    let file = |port: u16| {
        format!(
            "services:\n  web: {{image: '{ECHO}', ports: ['{port}:7777'], deploy: {{replicas: 2, update_config: \
             {{monitor: 1s}}}}}}\n"
        )
    };
    place.write(&file(port));
    place.orc(&["deploy"]).await.is(0);
    let health = || ask(port, "GET", "/health", &[], "");
    until("the port answers", health, |answer| answer.as_ref().is_ok_and(|answer| answer.status == 200))
        .await
        .unwrap();
    place.orc(&["plan"]).await.is(0);

    let other = free_ports(1);
    place.write(&file(other));
    let plan = place.orc(&["plan", "--json"]).await.is(2).json();
    let tasks = &plan["Services"][0]["Tasks"];
    assert_eq!(
        (tasks["Replaced"].clone(), tasks["Kept"].as_array().unwrap().len()),
        (json!([]), 2),
        "{plan}"
    );
}
