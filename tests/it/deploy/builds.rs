//! What `build:` says: built by `docker` on the machine of whoever deploys, and run.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use super::{Ended, Place};
use crate::support::decoys::Decoys;
use crate::support::docker::{BUSYBOX, is_live};
use crate::support::history::History;
use crate::support::orc::{Setup, TestOrc};
use crate::support::patience::until;
use crate::support::private_engine::PrivateEngine;
use crate::support::real_rig::docker_host;
use crate::support::registries::Registries;

/// A project that builds; its images go when this is dropped.
pub(super) struct Builds {
    pub(super) place: Place,
}

/// A container that runs until it is stopped.
const COMMAND: &str = "command: [sh, -c, \"trap 'exit 0' TERM; sleep 100000 & wait\"], stop_grace_period: 1s, \
                       deploy: {update_config: {monitor: 1s}}";

impl Builds {
    pub(super) fn new(orc: &TestOrc) -> Self {
        Self::of(Place::new(orc))
    }

    /// One service, of an image with a word in it.
    fn of(place: Place) -> Self {
        let builds = Self { place };
        builds.place.write(&format!("services: {{web: {{build: ., {COMMAND}}}}}"));
        builds.write("Dockerfile", &format!("FROM {BUSYBOX}\nCOPY word /word\n"));
        builds.write("word", "one");
        builds
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.place.directory.path().join(name), text).unwrap();
    }
}

impl Drop for Builds {
    fn drop(&mut self) {
        let docker = |args: &[&str]| Command::new("docker").args(["-H", &docker_host()]).args(args).output();
        let [filter, pushed] = ["*", "*/*"].map(|host| format!("reference={host}/{}-*", self.place.project));
        let format = "{{.Repository}}:{{.Tag}}";
        let listed =
            docker(&["image", "ls", "--filter", &filter, "--filter", &pushed, "--format", format]).unwrap();
        for image in String::from_utf8(listed.stdout).unwrap().lines() {
            docker(&["image", "rm", "--force", image]).unwrap();
        }
    }
}

/// What the containers that run have in the file, in no order.
pub(super) async fn words(orc: &TestOrc) -> Vec<String> {
    let mut words = Vec::new();
    for container in orc.containers().await.iter().filter(|container| is_live(container)) {
        words.push(orc.docker.exec(container.id.as_deref().unwrap(), &["cat", "/word"]).await);
    }
    words
}

#[tokio::test]
async fn what_is_built_is_planned_deployed_changed_and_replaced() {
    let orc = TestOrc::start().await;
    let builds = Builds::new(&orc);
    let place = &builds.place;
    let web = place.name("web");
    let plan = place.orc(&["plan"]).await;
    plan.is(2).printed(&format!(" orc.local/{web}:")).told("building").told("COPY word /word");
    assert_eq!(orc.get("/services").await, json!([]), "a plan changes nothing");
    place.orc(&["deploy"]).await.is(0);
    assert_eq!(words(&orc).await, ["one"]);
    place.orc(&["plan"]).await.is(0).printed("1 unchanged");

    builds.write("word", "two");
    place.orc(&["plan", "--no-build"]).await.is(0).printed("1 unchanged");
    place.orc(&["plan"]).await.is(2).printed(&format!("replaces {web}.1.v1"));
    place.orc(&["deploy"]).await.is(0).told(&format!("{web} runs version 2"));
    assert_eq!(words(&orc).await, ["two"]);
    place.orc(&["plan"]).await.is(0);
}

#[tokio::test]
async fn what_is_built_once_runs_in_every_service_that_says_the_same() {
    let orc = TestOrc::start().await;
    let builds = Builds::new(&orc);
    let place = &builds.place;
    let inline = "{dockerfile_inline: \"FROM ${BASE}\\nARG WORD\\nRUN echo -n $$WORD > /word\\n\", args: {WORD: three}}";
    let inline = inline.replace("${BASE}", BUSYBOX);
    let name = format!("orc.local/{}-app:mine", place.project);
    place.write(&format!(
        "services:\n  a: {{build: {inline}, image: '{name}', {COMMAND}}}\n  b: {{image: '{name}', {COMMAND}}}\n"
    ));
    place.orc(&["deploy", "--no-build"]).await.is(1).told("has made no image on this machine yet");
    let deployed = place.orc(&["deploy"]).await;
    deployed.is(0).told(&format!("building {} for a, b", place.name("a")));
    assert_eq!(words(&orc).await, ["three", "three"]);
}

#[tokio::test]
async fn a_build_that_fails_changes_nothing_and_names_its_line() {
    let orc = TestOrc::start().await;
    let builds = Builds::new(&orc);
    let place = &builds.place;
    builds.write("Dockerfile", &format!("FROM {BUSYBOX}\nRUN echo because && exit 7\n"));
    for verb in ["plan", "deploy"] {
        let failed = place.orc(&[verb]).await;
        failed
            .is(1)
            .told("compose.yaml:1:18: services.web.build failed: `docker build` ended with exit status: ");
        failed.told("because").told("; nothing was changed");
    }
    assert_eq!(orc.get("/services").await, json!([]));
    place.orc(&["deploy", "--check"]).await.is(0).printed("honoured  compose.yaml:1:18: services.web.build");
    let mut without = place.command(&["deploy"]);
    let output = without.env("PATH", "/nonexistent").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && told.contains("there is no program `docker` in the PATH"),
        "{told}"
    );
    let nowhere = Builds::of(Place::alone());
    let told = nowhere.place.orc(&["plan"]).await;
    assert!(!told.is(1).told("no manager answers").stderr.contains("building"), "{told:?}");
}

#[tokio::test]
async fn what_is_built_is_pushed_where_a_registry_is_named() {
    let orc = TestOrc::start().await;
    let builds = Builds::new(&orc);
    let (place, registries) = (&builds.place, Registries::start());
    let registry = format!("{}/team", registries.open);
    let deploy = ["deploy", "--registry", &registry];
    place.orc(&["plan", "--registry", "https://ghcr.io"]).await.is(2).told("without https://");
    place.orc(&["plan", "--registry", &registry]).await.is(2);
    let tags = async || {
        let port = registries.open.rsplit_once(':').unwrap().1.parse().unwrap();
        let path = format!("/v2/team/{}/tags/list", place.name("web"));
        crate::support::http::ask(port, "GET", &path, &[], "").await.unwrap()
    };
    assert_eq!(tags().await.status, 404, "a plan pushes nothing");
    place.orc(&deploy).await.is(0).told(&format!("pushing {registry}/"));
    let service = orc.get(&format!("/services/{}", place.name("web"))).await;
    let image = service["Task"]["Image"].as_str().unwrap();
    let tag = image.strip_prefix(&format!("{registry}/{}:", place.name("web"))).unwrap();
    assert_eq!(tags().await.json()["tags"], json!([tag]));
    let again = place.orc(&deploy).await;
    assert!(!again.is(0).stderr.contains("pushing"), "{again:?}");
}

#[tokio::test]
async fn what_is_built_here_is_sent_to_the_manager_and_runs_on_an_engine_that_did_not_build_it() {
    let engine = PrivateEngine::start().await;
    let docker = engine.docker();
    let (history, decoys) =
        (History::begin(docker.host.clone()), Arc::new(Decoys::make(docker.clone()).await));
    let orc = TestOrc::start_on(docker, history, decoys, Setup::default()).await;
    let builds = Builds::new(&orc);
    let place = &builds.place;
    place.orc(&["plan"]).await.is(2);
    assert_eq!(orc.get("/images").await, json!([]), "a plan sends nothing");
    place.orc(&["deploy"]).await.is(0).told(&format!("sent {}:", place.name("web")));
    assert_eq!(words(&orc).await, ["one"]);
    let again = place.orc(&["deploy"]).await;
    again.is(0).told(&format!("the manager has {}:", place.name("web")));
    let listed = Ended::of(place.command_as_is(&["image", "ls"])).await;
    listed.is(0).printed("NAME").printed(&format!("{}:", place.name("web")));
    builds.write("word", "two");
    place.orc(&["deploy"]).await.is(0);
    assert_eq!(words(&orc).await, ["two"]);
    place.orc(&["plan"]).await.is(0);
    assert_eq!(
        orc.get("/images").await.as_array().unwrap().len(),
        2,
        "the former version can be brought back"
    );
}

/// A `docker` that stops in the middle of what it saves.
fn docker_that_breaks_off(directory: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|place| place.join("docker")).find(|docker| docker.exists());
    let real = real.unwrap().display().to_string();
    let script = directory.join("docker");
    let save = format!("{real} \"$@\" | head -c 300000; exit 9");
    fs::write(&script, format!("#!/bin/sh\nif [ \"$1\" = save ]; then {save}; fi\nexec {real} \"$@\"\n"))
        .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let places = [directory.to_owned()].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(places).unwrap()
}

#[tokio::test]
async fn an_image_that_is_not_sent_to_its_end_is_not_kept_and_nothing_is_deployed() {
    let orc = TestOrc::start().await;
    let builds = Builds::new(&orc);
    let bin = tempfile::tempdir().unwrap();
    let mut deploy = builds.place.command(&["deploy"]);
    let output = deploy.env("PATH", docker_that_breaks_off(bin.path())).output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let words = "services.web.build was built, and cannot be read from `docker`: `docker save` ended with exit status: 9";
    assert!(output.status.code() == Some(1) && told.contains(words), "{told}");
    assert_eq!((orc.get("/images").await, orc.get("/services").await), (json!([]), json!([])));
    let kept = || async { fs::read_dir(orc.data_dir().join("images")).unwrap().count() };
    until("nothing is left of it", kept, |count| *count == 0).await;
    builds.place.orc(&["deploy"]).await.is(0);
}
