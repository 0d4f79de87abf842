//! The projects that people run, deployed on a real engine with images that stand in for theirs under the same names.
//!
//! Each is deployed as its file has it, with what its operator has to give it, but for what a
//! further file says: its ports are free ones of this machine, its health checks run twice a second, it stops within
//! two, and it does without what this machine lacks. `tests/compose/permitted` takes out what orc refuses.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use bollard::query_parameters as query;
use futures_util::{FutureExt, StreamExt, stream};
use orc::compose::service::health::HealthTest;
use orc::compose::service::mount::{Mount, MountSource};
use orc::compose::service::port::{PortMode, PortProtocol};
use orc::compose::{Disk, Project, Request, Service, load};
use orc::engine::labels;
use serde_json::{Value, json};

use super::{Ended, Place};
use crate::projects::{PROJECTS, Variables};
use crate::support::docker::name;
use crate::support::http::ask;
use crate::support::orc::{Setup, TestOrc};
use crate::support::patience::until;
use crate::support::ports::free_ports;
use crate::support::stand_ins::{StandIns, ports};

/// Projects that are deployed beside each other: they mostly wait, and the engine has networks for so many.
const AT_ONCE: usize = 9;

#[tokio::test]
async fn every_project_is_deployed_is_then_as_it_should_be_and_goes_without_a_trace() {
    // The images are removed after the containers.
    let _stand_ins;
    let envs = vec![("ORC_BIND_MOUNTS", "/".to_owned()), ("ORC_NODE_LABELS", "disk=ssd,zone=a".to_owned())];
    let orc = TestOrc::start_with(Setup { workers: 1, envs, ..Setup::default() }).await;
    let db_password = json!({ "Name": "db_password", "Data": "aHVudGVyMg==" }).to_string();
    assert_eq!(orc.ask("POST", "/secrets", &db_password).await.status, 201);
    let projects: Vec<Deployed> = PROJECTS
        .iter()
        .map(|(stack, variables, files)| Deployed::new(&orc, stack, variables, files))
        .collect();
    let images = projects.iter().flat_map(|project| project.project.services.values().map(image)).collect();
    _stand_ins = StandIns::make(&orc.docker, &images).await;
    let lives = async |project: &Deployed| {
        (project.stack, AssertUnwindSafe(project.lives(&orc)).catch_unwind().await)
    };
    let ended: Vec<_> = stream::iter(&projects).map(lives).buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<_> = ended.iter().filter(|(_, result)| result.is_err()).map(|(stack, _)| stack).collect();
    assert!(failed.is_empty(), "{failed:?} are not as they should be: see above");
    let label = format!("{}={}", labels::CLUSTER, orc.cluster);
    until("no network is left", || orc.docker.networks(&label), Vec::is_empty).await;
    until("no container is left", || orc.containers(), Vec::is_empty).await;
}

/// A project in a directory of its own.
struct Deployed {
    stack: &'static str,
    place: Place,
    /// Flags that name its files.
    files: Vec<String>,
    /// What all its files say together.
    project: Project,
}

impl Deployed {
    fn new(orc: &TestOrc, stack: &'static str, variables: Variables, env_files: &[&str]) -> Self {
        let place = Place {
            directory: tempfile::tempdir().unwrap(),
            project: orc.name(stack),
            port: orc.manager_port,
        };
        let directory = place.directory.path();
        copy_all(&of_projects("stacks").join(stack), directory);
        if !variables.is_empty() {
            let lines: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            fs::write(directory.join(".env"), lines.join("\n")).unwrap();
        }
        let mut names = vec!["compose.yaml"];
        if fs::copy(permitted(stack), directory.join("permitted.yaml")).is_ok() {
            names.push("permitted.yaml");
        }
        let of_author = read(&place, &names, env_files);
        make_what_is_mounted(directory, &of_author);
        fs::write(directory.join("here.yaml"), of_this_machine(directory, &of_author)).unwrap();
        names.push("here.yaml");
        let project = read(&place, &names, env_files);
        let flag = |flag: &str, name: &str| [flag.to_owned(), name.to_owned()];
        let files = names.iter().flat_map(|name| flag("-f", name));
        let files = files.chain(env_files.iter().flat_map(|name| flag("--env-file", name))).collect();
        Self { stack, place, files, project }
    }

    /// From nothing to nothing.
    async fn lives(&self, orc: &TestOrc) {
        let planned = fs::read_to_string(of_projects("planned").join(format!("{}.txt", self.stack))).unwrap();
        if permitted(self.stack).exists() {
            self.is_refused(&planned).await;
        }
        let deployed = self.orc(&["deploy"]).await;
        deployed.is(0);
        assert_eq!(warnings(&deployed.stderr), warnings(&planned), "{}", self.stack);
        self.is_as_it_should_be(orc).await;
        self.orc(&["plan"]).await.is(0).printed(&format!("{} unchanged", self.project.services.len()));
        self.goes(orc).await;
    }

    /// What orc refuses of the files of its author, it says before anything changes.
    async fn is_refused(&self, planned: &str) {
        let flags: Vec<&str> = self.files.iter().map(String::as_str).collect();
        let env_files = flags.chunks(2).filter(|flag| flag[0] == "--env-file").flatten().copied();
        let words: Vec<&str> = ["deploy"].into_iter().chain(env_files).collect();
        let refused = self.place.orc(&words).await;
        refused.is(1);
        for error in planned.lines().filter_map(|line| line.strip_prefix("error: ")) {
            refused.told(error);
        }
    }

    async fn is_as_it_should_be(&self, orc: &TestOrc) {
        for (key, service) in &self.project.services {
            let shown = orc.get(&format!("/services/{}", self.place.name(key))).await;
            let tasks = shown["Tasks"].as_array().unwrap();
            assert!(!tasks.is_empty(), "{shown}");
            for task in tasks {
                assert_eq!((&task["State"], &task["Ready"]), (&json!("running"), &json!(true)), "{shown}");
            }
            self.reaches_what_it_depends_on(orc, service, &tasks[0]).await;
            for port in published(service) {
                let answer = ask(port, "GET", "/", &[], "").await.unwrap();
                assert_eq!((answer.status, answer.text()), (200, "OK\n"), "{key} on {port}");
            }
        }
    }

    /// By its name, from inside.
    async fn reaches_what_it_depends_on(&self, orc: &TestOrc, service: &Service, task: &Value) {
        let container = orc.task(task["ID"].as_str().unwrap()).await["ContainerID"].clone();
        for other in service.depends_on.keys() {
            for port in ports(&image(&self.project.services[other])) {
                orc.docker.exec(container.as_str().unwrap(), &["answers", other, &port.to_string()]).await;
            }
        }
    }

    async fn goes(&self, orc: &TestOrc) {
        let names: Vec<String> = self.project.services.keys().map(|key| self.place.name(key)).collect();
        let words: Vec<&str> =
            ["service", "rm"].into_iter().chain(names.iter().map(String::as_str)).collect();
        Ended::of(self.place.command_as_is(&words)).await.is(0);
        let prefix = format!("{}-", self.place.project);
        let of_project = async || {
            let all = orc.containers().await;
            all.iter().map(|found| name(found).to_owned()).filter(|name| name.starts_with(&prefix)).collect()
        };
        until("its containers are gone", of_project, Vec::<String>::is_empty).await;
        for port in self.project.services.values().flat_map(published) {
            let listened = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
            until("its port is closed", listened, |listened| !listened).await;
        }
        for volume in self.project.volumes.values() {
            // What is in a named volume is its user's, and stays until that says otherwise.
            orc.docker.api.remove_volume(&volume.name, None::<query::RemoveVolumeOptions>).await.unwrap();
        }
    }

    async fn orc(&self, words: &[&str]) -> Ended {
        let files = self.files.iter().map(String::as_str);
        self.place.orc(&words.iter().copied().chain(files).collect::<Vec<_>>()).await
    }
}

fn of_projects(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose").join(folder)
}

/// What takes out of a project what orc refuses, if it does.
fn permitted(stack: &str) -> PathBuf {
    of_projects("permitted").join(format!("{stack}.yaml"))
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn read(place: &Place, names: &[&str], env_files: &[&str]) -> Project {
    let request = Request {
        directory: place.directory.path().to_owned(),
        files: names.iter().map(PathBuf::from).collect(),
        project_name: Some(place.project.clone()),
        env_files: env_files.iter().map(PathBuf::from).collect(),
        ..Request::default()
    };
    let reading = load(&request, &Disk);
    reading.project.unwrap_or_else(|| panic!("{}: {:?}", place.project, reading.errors))
}

fn image(service: &Service) -> String {
    service.image.as_ref().unwrap().value.clone()
}

/// The ports of this machine that it has, TCP.
fn published(service: &Service) -> impl Iterator<Item = u16> {
    let ports = service.ports.iter().map(|port| &port.value);
    let tcp = ports.filter(|port| port.protocol == PortProtocol::Tcp);
    tcp.filter_map(|port| port.published.map(|range| range.start))
}

/// Files and directories of the machine that it mounts.
fn binds(service: &Service) -> impl Iterator<Item = (&Mount, &Path)> {
    service.mounts.iter().filter_map(|mount| match &mount.value.source {
        MountSource::Bind { path, .. } => Some((&mount.value, path.as_path())),
        _ => None,
    })
}

/// What is to be beside the files: what cannot be written is a file there, as of a configuration.
fn make_what_is_mounted(directory: &Path, project: &Project) {
    let all = project.services.values().flat_map(binds);
    for (mount, path) in all.filter(|(_, path)| path.starts_with(directory)) {
        let folder = if mount.read_only { path.parent().unwrap() } else { path };
        fs::create_dir_all(folder).unwrap();
        if mount.read_only {
            fs::write(path, "").unwrap();
        }
    }
}

/// The Compose file of what is otherwise here.
fn of_this_machine(directory: &Path, project: &Project) -> String {
    let mut text = "services:\n".to_owned();
    for (key, service) in &project.services {
        let _ = writeln!(text, "  {key}:\n    stop_grace_period: 2s");
        if service
            .healthcheck
            .as_ref()
            .is_some_and(|check| matches!(check.test, HealthTest::Exec(_) | HealthTest::Shell(_)))
        {
            text += "    healthcheck: {interval: 500ms, start_period: 1m}\n";
        }
        if let Some(files) = service.isolation.ulimits.get("nofile") {
            let [soft, hard] = [files.soft, files.hard].map(|limit| limit.min(most_files()));
            let _ = writeln!(text, "    ulimits: {{nofile: {{soft: {soft}, hard: {hard}}}}}");
        }
        if !service.ports.is_empty() {
            text += "    ports: !override\n";
        }
        for port in service.ports.iter().map(|port| &port.value) {
            let protocol = if port.protocol == PortProtocol::Udp { "udp" } else { "tcp" };
            let mode = if port.mode == PortMode::Host { "host" } else { "ingress" };
            let (target, published) = (port.target, free_ports(1));
            let _ = writeln!(
                text,
                "      - {{target: {target}, published: '{published}', protocol: {protocol}, mode: {mode}}}"
            );
        }
        let lacking: Vec<_> = binds(service).filter(|(_, path)| !path.exists()).collect();
        if !lacking.is_empty() {
            text += "    volumes:\n";
        }
        for (mount, path) in lacking {
            let instead = directory.join("lacking").join(path.strip_prefix("/").unwrap());
            fs::create_dir_all(&instead).unwrap();
            let _ = writeln!(
                text,
                "      - {{type: bind, source: '{}', target: '{}', read_only: {}}}",
                instead.display(),
                mount.target,
                mount.read_only
            );
        }
    }
    text
}

/// How many files a process of this machine may have open: where the engine has no right to raise that, containers may
/// not have more.
fn most_files() -> i64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(4).unwrap().parse().unwrap_or(i64::MAX)
}

/// What orc warns of, without the places, which further files may move.
fn warnings(told: &str) -> BTreeSet<&str> {
    let warnings = told.lines().filter_map(|line| line.strip_prefix("warning: "));
    warnings.map(|warning| warning.split_once(": ").unwrap().1).collect()
}
