//! What is refused, in which words, and that nothing changes by it.

use std::fs;

use serde_json::{Value, json};

use super::{Ended, Place, sleeper};
use crate::support::orc::{RUNNING, TestOrc};
use crate::support::patience::until;

#[tokio::test]
async fn bad_files_are_refused_with_line_and_column_and_nothing_changes() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    place.orc(&["deploy"]).await.is(1).told("there is no Compose file in");
    let good = sleeper("");
    for (file, words) in [
        (format!("services:\n  a: {good}\n\tb: 1\n"), "compose.yaml:3:1: "),
        (
            format!("services:\n  a: {good}\n  b: {{imag: x}}\n"),
            "compose.yaml:3:7: `imag` is no key here; did you mean `image`?",
        ),
        (format!("services:\n  a: {good}\n  b: {{image: 'x:${{TAG?say}}'}}\n"), "compose.yaml:3:14: "),
        (
            format!("services:\n  a: {good}\n  b: {{build: {{ssh: [default]}}}}\n"),
            "compose.yaml:3:15: `ssh` is refused: an image that needs it is built with `docker buildx build`",
        ),
        (
            format!("services:\n  a: {good}\n  b: {{image: 'a b'}}\n"),
            "compose.yaml:3:7: services.b.image is refused: Task.Image is \"a b\"",
        ),
        (
            format!(
                "services:\n  a: {good}\n  b: {{image: x, secrets: [{{source: s, uid: root}}]}}\nsecrets: {{s: {{environment: HOME}}}}\n"
            ),
            "services.b.secrets[0] is refused: `uid` is a number there",
        ),
        (
            format!("services:\n  a: {good}\n  b: {{image: x, privileged: true, network_mode: host}}\n"),
            "2 things keep it from being deployed, nothing was changed:\n  compose.yaml:3:17: ",
        ),
    ] {
        place.write(&file);
        for command in ["plan", "deploy"] {
            place.orc(&[command]).await.is(1).told(words);
        }
        place.orc(&["deploy", "--check"]).await.is(1).told(words);
    }
    assert_eq!(orc.get("/services").await, json!([]));
    place.write(&format!("services:\n  a: {good}\n"));
    let checked = place.orc(&["deploy", "--check"]).await;
    checked.is(0).printed("honoured  compose.yaml:2:7: services.a.image").told("it can be deployed");
}

#[tokio::test]
async fn files_variables_and_profiles_are_those_that_flags_name() {
    let place = Place::alone();
    let write = |name: &str, text: &str| fs::write(place.directory.path().join(name), text).unwrap();
    write(
        "a.yaml",
        "services: {web: {image: 'web:${TAG:-1}'}, debug: {image: debug, profiles: [tools], privileged: true}}",
    );
    write("b.yaml", "services: {web: {init: true}}");
    write("tags.env", "TAG=not a tag");
    let check = ["deploy", "--check", "--json", "-f", "a.yaml", "-f", "b.yaml"];
    place.orc(&check).await.is(0).printed("b.yaml:1:18");
    let named = place.orc(&[&check[..], &["--env-file", "tags.env"]].concat()).await;
    named.is(1).told("a.yaml:1:18: services.web.image is refused: Task.Image is \"web:not a tag\"");
    place
        .orc(&[&check[..], &["--profile", "tools"]].concat())
        .await
        .is(1)
        .told("debug.privileged is refused");
}

#[tokio::test]
async fn the_services_of_others_are_left_alone() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let name = place.name("web");
    let task = crate::support::orc::sleeper();
    let made = orc.ask("POST", "/services", &json!({ "Name": name, "Task": task }).to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    place.write(&format!("services:\n  web: {}\n", sleeper("")));
    place.orc(&["deploy"]).await.is(1).told(&format!("{name} is there already and belongs to no project"));
    assert_eq!(orc.get(&format!("/services/{name}")).await["Version"], 1);
}

#[tokio::test]
async fn what_the_manager_refuses_keeps_the_rest_from_being_applied() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    place.write(&format!(
        "services:\n  a: {}\n  b: {}\n",
        sleeper(", volumes: ['/etc:/etc/of-host']"),
        sleeper("")
    ));
    let refused = place.orc(&["deploy"]).await;
    refused.is(1).told("ORC_BIND_MOUNTS").told(&format!("{} was not applied, since", place.name("b")));
    assert_eq!(orc.get("/services").await, json!([]));
}

#[tokio::test]
async fn a_service_that_somebody_changed_meanwhile_is_not_overwritten() {
    let orc = TestOrc::start().await;
    let place = Place::new(&orc);
    let (setup, web) = (place.name("setup"), place.name("web"));
    let job = |line: &str| sleeper("").replace("trap 'exit 0' TERM; sleep 100000 & wait", line);
    let web_of = |lines: &str| {
        let needs = "depends_on: {setup: {condition: service_completed_successfully}}";
        sleeper(&format!(", deploy: {{update_config: {{monitor: 1s}}}}, {needs}{lines}"))
    };
    place.write(&format!("services:\n  setup: {}\n  web: {}\n", job("exit 0"), web_of("")));
    place.orc(&["deploy"]).await.is(0);

    // While the changed job before it runs, the service is changed by somebody else.
    let gate = job("until [ -e /go ]; do sleep 0.1; done");
    place.write(&format!("services:\n  setup: {gate}\n  web: {}\n", web_of(", environment: {BY: file}")));
    let deploying = place.start(&["deploy"]);
    let look = || async { orc.ask("GET", &format!("/services/{setup}"), "").await };
    let running = |answer: &crate::support::http::Answer| {
        let tasks = answer.json()["Tasks"].clone();
        tasks.as_array().and_then(|tasks| tasks.iter().find(|task| task["State"] == "running").cloned())
    };
    let job = until("the job runs", look, |answer| running(answer).is_some()).await;
    let scaled =
        orc.ask("POST", &format!("/services/{web}/scale"), &json!({ "Replicas": 2 }).to_string()).await;
    assert_eq!(scaled.status, 200, "{scaled:?}");
    let id = running(&job).unwrap()["ID"].as_str().unwrap().to_owned();
    let container = orc.until_state(&id, RUNNING).await["ContainerID"].clone();
    orc.docker.exec(container.as_str().unwrap(), &["touch", "/go"]).await;

    let output = deploying.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended =
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    ended
        .is(1)
        .told(&format!("{web} is not as it was planned on: it was at version 1, and version 2 was made by"));
    let service: Value = orc.get(&format!("/services/{web}")).await;
    assert_eq!(
        (&service["Version"], &service["Replicas"], &service["Task"]["Env"]),
        (&json!(2), &json!(2), &Value::Null)
    );
    place.orc(&["plan"]).await.is(2).printed("Task.Env.BY").printed("Replicas");
}
