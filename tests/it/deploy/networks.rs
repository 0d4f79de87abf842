//! Networks of a project on a real engine: services find each other by name, and what is not theirs is left alone.

use std::collections::HashMap;

use orc::engine::labels;
use serde_json::Value;

use super::Place;
use crate::support::docker::BUSYBOX;
use crate::support::orc::TestOrc;
use crate::support::patience::until;

/// A service that serves its own name, and one that asks it by name until it hears that.
fn talking(more: &str) -> String {
    format!(
        "services:
  web:
    image: '{BUSYBOX}'
    command: [sh, -c, 'mkdir /www; echo I am the web > /www/index.html; exec httpd -f -p 80 -h /www']
    {more}
  asks:
    image: '{BUSYBOX}'
    command: [sh, -c, 'until wget -q -O - http://web/; do sleep 0.2; done; exec sleep 100000']
    {more}
"
    )
}

async fn logs_of(orc: &TestOrc, service: &str) -> String {
    let service = orc.get(&format!("/services/{service}")).await;
    let Some(id) = service["Tasks"][0]["ID"].as_str() else { return String::new() };
    orc.ask("GET", &format!("/tasks/{id}/logs"), "").await.text().to_owned()
}

fn label(orc: &TestOrc) -> String {
    format!("{}={}", labels::CLUSTER, orc.cluster)
}

#[tokio::test]
async fn services_find_each_other_by_name_and_their_network_goes_with_them() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    place.write(&talking("stop_signal: SIGKILL"));
    place.orc(&["deploy"]).await.is(0);
    let heard = |logs: &String| logs.contains("I am the web");
    until("one hears the other", async || logs_of(&orc, &place.name("asks")).await, heard).await;
    assert_eq!(orc.docker.networks(&label(&orc)).await.len(), 1);
    place.orc(&["plan"]).await.is(0);

    for service in ["web", "asks"] {
        let path = format!("/services/{}", place.name(service));
        assert_eq!(orc.ask("DELETE", &path, "").await.status, 204);
    }
    until("its network is gone", async || orc.docker.networks(&label(&orc)).await, Vec::is_empty).await;
}

#[tokio::test]
async fn further_networks_lead_where_their_aliases_say() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let text = talking("stop_signal: SIGKILL\n    networks: {front: {}, back: {aliases: [PLACE]}}");
    let text = text
        .replacen("PLACE", "inner", 1)
        .replacen("PLACE", "other", 1)
        .replace("http://web/", "http://inner/");
    place.write(&format!("{text}networks: {{front: {{}}, back: {{internal: true}}}}\n"));
    place.orc(&["deploy"]).await.is(0);
    let heard = |logs: &String| logs.contains("I am the web");
    until("one hears the other", async || logs_of(&orc, &place.name("asks")).await, heard).await;
    assert_eq!(orc.docker.networks(&label(&orc)).await.len(), 2);
}

#[tokio::test]
async fn a_foreign_network_of_the_same_name_is_refused_in_words_and_left_alone() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let name = format!("{}_default", place.project);
    let id = orc.docker.create_network(&name, HashMap::new()).await;
    place.write(&talking("restart: 'no'"));
    let ended = place.orc(&["deploy"]).await;
    let left =
        orc.docker.api.inspect_network(&id, None::<bollard::query_parameters::InspectNetworkOptions>).await;
    orc.docker.api.remove_network(&id).await.unwrap();
    ended.is(1).told(&format!("the network {name} on this node belongs to somebody else"));
    let left = left.unwrap();
    assert!(left.labels.unwrap_or_default().is_empty() && left.containers.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn an_external_network_is_joined_and_not_removed() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let name = orc.name("outer");
    let id = orc.docker.create_network(&name, HashMap::new()).await;
    let text = talking("stop_signal: SIGKILL\n    networks: [outer]");
    place.write(&format!("{text}networks: {{outer: {{external: true, name: {name}}}}}\n"));
    place.orc(&["deploy"]).await.is(0);
    let heard = |logs: &String| logs.contains("I am the web");
    until("one hears the other", async || logs_of(&orc, &place.name("asks")).await, heard).await;
    for service in ["web", "asks"] {
        orc.ask("DELETE", &format!("/services/{}", place.name(service)), "").await;
    }
    let listed = || async { orc.get("/services").await };
    until("the services are gone", listed, |services: &Value| services.as_array().is_some_and(Vec::is_empty))
        .await;
    until("their containers are gone", || orc.containers(), Vec::is_empty).await;
    orc.docker.api.remove_network(&id).await.expect("it is still there, and nothing is in it");
}
