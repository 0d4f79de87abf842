//! orc as a process: what it prints first, what it reads, and how it refuses to begin.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::http::ask;
use crate::support::orc::{Setup, TestOrc};
use crate::support::patience::until;
use crate::support::ports::free_ports;
use crate::support::process::{ORC, Process};

/// An orc that need not live long.
fn brief(dir: &TempDir, envs: &[(&str, &str)]) -> Process {
    Process::new("orc", dir.path(), &[], envs)
}

/// Asserts that orc ends with exit code 1 and one sentence on stderr that has these words in it, and prints nothing
/// else.
async fn assert_does_not_begin(mut process: Process, words: &[&str]) {
    let (code, stderr) = process.run().await;
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(process.stdout(), "");
    let sentences: Vec<&str> = stderr.lines().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!(sentences.len(), 1, "{stderr}");
    for word in words {
        assert!(sentences[0].contains(word), "{word:?} is not in {stderr}");
    }
}

#[tokio::test]
async fn without_arguments_it_is_one_worker_at_8888_and_one_manager_at_8000() {
    let dir = tempfile::tempdir().unwrap();
    // In a network of its own, where these ports are free.
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up; exec \"$0\"", ORC]);
    let mut child = command.current_dir(&dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        for _ in 0..2 {
            std::io::BufRead::read_line(&mut stdout, &mut text).unwrap();
        }
        text
    });
    let text = reading.await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        text, "Starting Orc worker at localhost:8888\nStarting Orc manager at localhost:8000\n",
        "the banner, exactly"
    );
    assert!(dir.path().join("data/manager.db").exists(), "ORC_DATA_DIR is ./data by default");
}

#[tokio::test]
async fn the_banner_is_all_that_it_prints_on_stdout() {
    let mut orc = TestOrc::start().await;
    let banner = format!(
        "Starting Orc worker at localhost:{}\nStarting Orc manager at localhost:{}\n",
        orc.worker_port, orc.manager_port
    );
    assert_eq!(orc.main.stdout(), banner);
    assert_eq!(orc.main.terminate().await.code(), Some(0));
    assert_eq!(orc.main.stdout(), banner);
}

#[tokio::test]
async fn several_workers_are_numbered_and_have_ports_in_a_row() {
    let orc = TestOrc::start_with(Setup { workers: 3, ..Setup::default() }).await;
    let port = orc.worker_port;
    assert_eq!(
        orc.main.stdout(),
        format!(
            "Starting Orc worker-1 at localhost:{port}\nStarting Orc worker-2 at localhost:{}\n\
             Starting Orc worker-3 at localhost:{}\nStarting Orc manager at localhost:{}\n",
            port + 1,
            port + 2,
            orc.manager_port
        )
    );
    for port in port..port + 3 {
        assert_eq!(ask(port, "GET", "/stats", &[], "").await.unwrap().status, 200);
    }
    let nodes = until(
        "three workers have joined",
        || orc.get("/nodes"),
        |nodes| nodes.as_array().unwrap().len() == 3,
    )
    .await;
    let names: Vec<&Value> = nodes.as_array().unwrap().iter().map(|node| &node["Name"]).collect();
    assert_eq!(names, ["worker-1", "worker-2", "worker-3"]);
}

#[tokio::test]
async fn dot_env_is_read_and_the_environment_wins_over_it() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_ports(3);
    let file = format!("ORC_MANAGER_PORT={port}\nORC_WORKER_PORT={}\nORC_DATA_DIR=elsewhere\n", port + 1);
    fs::write(dir.path().join(".env"), file).unwrap();
    let mut orc = brief(&dir, &[("ORC_WORKER_PORT", &(port + 2).to_string())]);
    orc.spawn();
    let banner = orc.printed(2).await;
    assert_eq!(banner[0], format!("Starting Orc worker at localhost:{}", port + 2));
    assert_eq!(banner[1], format!("Starting Orc manager at localhost:{port}"));
    assert!(dir.path().join("elsewhere/manager.db").exists());
}

#[tokio::test]
async fn a_busy_port_is_refused_by_the_name_of_its_setting() {
    let orc = TestOrc::start().await;
    let (manager, worker) = (orc.manager_port.to_string(), orc.worker_port.to_string());
    let free = free_ports(1).to_string();
    let dir = tempfile::tempdir().unwrap();
    let of_manager = brief(&dir, &[("ORC_MANAGER_PORT", &manager), ("ORC_WORKER_PORT", &free)]);
    assert_does_not_begin(of_manager, &[&format!("localhost:{manager}"), "ORC_MANAGER_PORT", "free port"])
        .await;
    let dir = tempfile::tempdir().unwrap();
    let of_worker = brief(&dir, &[("ORC_MANAGER_PORT", &free), ("ORC_WORKER_PORT", &worker)]);
    assert_does_not_begin(of_worker, &[&format!("localhost:{worker}"), "ORC_WORKER_PORT", "free port"]).await;
}

#[tokio::test]
async fn a_data_directory_that_is_none_is_refused_by_the_name_of_its_setting() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for path in ["file", "file/below"] {
        let process =
            brief(&dir, &[("ORC_DATA_DIR", path), ("ORC_MANAGER_PORT", "0"), ("ORC_WORKER_PORT", "0")]);
        assert_does_not_begin(process, &[path, "ORC_DATA_DIR"]).await;
        fs::remove_file(dir.path().join("orc.stderr")).unwrap();
    }
}

#[tokio::test]
async fn a_bad_setting_is_refused_by_its_name_and_with_what_would_be_right() {
    for (name, value, words) in [
        ("ORC_MANAGER_PORT", "80000", ["80000", "1 to 65535"]),
        ("ORC_WORKERS", "none", ["none", "1 to 100"]),
        ("ORC_SCHEDULER", "fifo", ["fifo", "roundrobin"]),
        ("ORC_MANAGER_HOST", "here", ["here", "localhost"]),
        ("ORC_WORKER_HOST", "0.0.0.0", ["0.0.0.0", "this machine only"]),
        ("DOCKER_HOST", "/var/run/docker.sock", ["here perhaps", "unix:///var/run/docker.sock"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        assert_does_not_begin(brief(&dir, &[(name, value)]), &[name, words[0], words[1]]).await;
    }
}

#[tokio::test]
async fn a_usage_error_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stderr) = Process::new("orc", dir.path(), &["--mannager-port", "1"], &[]).run().await;
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("--mannager-port"), "{stderr}");
}

#[tokio::test]
async fn a_second_orc_on_one_data_directory_is_refused_and_the_first_goes_on() {
    let orc = TestOrc::start().await;
    let dir = tempfile::tempdir().unwrap();
    let data = orc.data_dir();
    let data = data.to_str().unwrap();
    let second = brief(&dir, &[("ORC_DATA_DIR", data), ("ORC_MANAGER_PORT", "0"), ("ORC_WORKER_PORT", "0")]);
    assert_does_not_begin(second, &[data, "in use by process", "ORC_DATA_DIR"]).await;
    assert_eq!(orc.get("/tasks").await, serde_json::json!([]));
}

#[tokio::test]
async fn what_it_writes_is_readable_for_its_user_alone_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" --manager-port 0 --worker-port 0", ORC]);
    let mut child = command.current_dir(&dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let data = dir.path().join("data");
    let look = || std::future::ready(fs::read_dir(&data).map_or(0, Iterator::count));
    // Of manager and worker: database, its log and index, lock and ballast.
    until("all files are there", look, |files| *files == 10).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn an_engine_that_is_away_is_no_reason_not_to_begin() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_ports(2);
    let (manager, worker) = (port.to_string(), (port + 1).to_string());
    let mut orc = brief(
        &dir,
        &[
            ("ORC_MANAGER_PORT", &manager),
            ("ORC_WORKER_PORT", &worker),
            ("DOCKER_HOST", "unix:///nowhere/docker.sock"),
        ],
    );
    orc.spawn();
    orc.printed(2).await;
    let look = || async { ask(port, "GET", "/nodes", &[], "").await.unwrap().json() };
    let nodes = until("the node says what is wrong", look, |nodes| nodes[0]["State"] == "degraded").await;
    let message = nodes[0]["Message"].as_str().unwrap();
    assert!(message.contains("Docker Engine cannot be reached"), "{message}");
    orc.signal(Signal::INT);
    assert_eq!(orc.ended().await.code(), Some(0), "SIGINT stops as SIGTERM does");
}
