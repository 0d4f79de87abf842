//! Tokens for people, logins, and a machine whose own processes need a token too.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::house::{House, PATIENCE, refusal};
use crate::support::http::ask;
use crate::support::patience::until;
use crate::support::ports::free_ports;
use crate::support::process::{ORC, Process};

/// What a command came to.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    stderr: String,
}

/// A person at another machine: a home of their own, and nobody at the terminal.
pub(super) struct Person {
    home: TempDir,
}

impl Person {
    pub(super) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Runs a command that reads this.
    pub(super) async fn run(&self, args: &[&str], stdin: &str) -> Ended {
        let mut command = Command::new(ORC);
        command.args(args).env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        // Whoever reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await;
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    pub(super) fn assert_failed(ended: &Ended, words: &[&str]) {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{word:?} is not in {ended:?}");
        }
    }
}

/// The URL on loopback, where the administrator sits.
pub(super) fn here(house: &House) -> String {
    format!("http://localhost:{}", house.port)
}

/// The digest of a manager's authority, as the token that it makes says.
pub(super) async fn pin(house: &House) -> String {
    let made = house.token(json!({ "Role": "read" })).await;
    made["Command"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_logs_in_once_and_all_commands_speak_with_that_manager() {
    let (house, person) = (House::open().await, Person::new());
    let made = person.run(&["token", "create", "--role", "read", "--manager", &here(&house)], "").await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let (secret, pin) = (made.stdout.trim().to_owned(), pin(&house).await);
    assert!(made.stderr.contains(&format!("--pin {pin}")), "{made:?}");

    let unknown = person.run(&["login", &house.url()], &secret).await;
    Person::assert_failed(&unknown, &["is not known yet", &pin, "--pin"]);
    let wrong_pin = "0".repeat(64);
    let wrong = person.run(&["login", &house.url(), "--pin", &wrong_pin], &secret).await;
    Person::assert_failed(&wrong, &["another authority", &pin]);
    let cut = person.run(&["login", &house.url(), "--pin", &pin], &secret[..secret.len() - 1]).await;
    Person::assert_failed(&cut, &["mistyped"]);
    let config = person.home.path().join(".config").join("orc").join("config.json");
    assert!(!config.exists());

    let login =
        person.run(&["login", &house.url(), "--pin", &pin, "--name", "prod"], &format!("{secret}\n")).await;
    assert_eq!(login.code, Some(0), "{login:?}");
    assert_eq!(std::fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);
    let tasks = person.run(&["ps", "--json"], "").await;
    assert_eq!((tasks.code, tasks.stdout.trim()), (Some(0), "[]"), "{tasks:?}");
    let refused = person.run(&["stop", "web", "--context", "prod"], "").await;
    Person::assert_failed(&refused, &["web"]);
    let refused = person.run(&["token", "ls"], "").await;
    Person::assert_failed(&refused, &["role admin", "role read"]);

    let listed = person.run(&["context", "ls"], "").await;
    assert!(listed.stdout.contains("*   prod") && listed.stdout.contains(&house.url()), "{listed:?}");
    assert_eq!(person.run(&["context", "use", "local"], "").await.code, Some(0));
    Person::assert_failed(&person.run(&["context", "use", "test"], "").await, &["local, prod"]);
    let by_url = person.run(&["ps", "--manager", &house.url()], "").await;
    assert_eq!(by_url.code, Some(0), "whoever has logged in there is known there: {by_url:?}");
    assert_eq!(person.run(&["context", "rm", "prod"], "").await.code, Some(0));
    let forgotten = person.run(&["ps", "--manager", &house.url()], "").await;
    Person::assert_failed(&forgotten, &["`orc login`"]);
}

#[tokio::test]
async fn a_manager_whose_authority_has_changed_is_not_believed_again() {
    let (house, other, person) = (House::open().await, House::open().await, Person::new());
    let made = house.token(json!({ "Role": "read" })).await;
    let secret = made["Secret"].as_str().unwrap();
    let login = person.run(&["login", &house.url(), "--pin", &pin(&house).await], secret).await;
    assert_eq!(login.code, Some(0), "{login:?}");
    // Another manager answers where this person knows that one.
    let config = person.home.path().join(".config").join("orc").join("config.json");
    let text = std::fs::read_to_string(&config).unwrap().replace(&house.url(), &other.url());
    std::fs::write(&config, text).unwrap();
    Person::assert_failed(&person.run(&["ps"], "").await, &["another authority"]);
    Person::assert_failed(
        &person.run(&["login", &other.url()], secret).await,
        &["has changed since the last login"],
    );
}

#[tokio::test]
async fn tokens_are_listed_without_secrets_and_revoked_at_once() {
    let (house, person) = (House::open().await, Person::new());
    let url = here(&house);
    let made = person
        .run(
            &[
                "token",
                "create",
                "--role",
                "operate",
                "--ttl",
                "2h",
                "--note",
                "deploys",
                "--json",
                "--manager",
                &url,
            ],
            "",
        )
        .await;
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let (id, secret) = (made["ID"].as_str().unwrap(), made["Secret"].as_str().unwrap());
    let listed = person.run(&["token", "ls", "--manager", &url], "").await;
    assert!(listed.stdout.contains(id) && listed.stdout.contains("deploys"), "{listed:?}");
    for text in [&listed.stdout, &house.manager.log()] {
        assert!(!text.contains(&secret[12..40]), "a secret is in {text}");
    }
    for file in std::fs::read_dir(house.data_dir()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(28).any(|part| part == &secret.as_bytes()[12..40]), "a secret is on the disk");
    }
    let client = house.client(None).bearing(&secret.parse().unwrap());
    let _: Value = client.get("/tasks", PATIENCE).await.unwrap();
    assert_eq!(person.run(&["token", "revoke", id, "--manager", &url], "").await.stdout.trim(), id);
    assert_eq!(refusal(client.get("/tasks", PATIENCE).await).0, 401);
    let unknown = person.run(&["token", "revoke", "nothing", "--manager", &url], "").await;
    Person::assert_failed(&unknown, &["orc token ls"]);
}

#[tokio::test]
async fn a_machine_can_be_shut_to_its_own_processes_and_its_own_worker_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_ports(2);
    let (manager, worker) = (port.to_string(), (port + 1).to_string());
    let no_engine = format!("unix://{}", dir.path().join("no-engine.sock").display());
    let envs = [
        ("ORC_MANAGER_PORT", manager.as_str()),
        ("ORC_WORKER_PORT", &worker),
        ("ORC_LOCAL_ACCESS", "token"),
        ("DOCKER_HOST", &no_engine),
    ];
    let mut orc = Process::new("orc", dir.path(), &[], &envs);
    orc.spawn();
    orc.printed(2).await;
    let answer = ask(port, "GET", "/tasks", &[], "").await.unwrap();
    answer.assert_refused(401, &["Authorization: Bearer"]);
    let token = std::fs::read_to_string(dir.path().join("data").join("trust").join("admin-token")).unwrap();
    let header = format!("Bearer {}", token.trim());
    let look = || async {
        ask(port, "GET", "/nodes", &[("authorization", header.as_str())], "").await.unwrap().json()
    };
    until("its own worker is heard of", look, |nodes| nodes[0]["Name"] == "worker-1").await;
    let own_process =
        ask(port, "POST", "/nodes/worker-1/sync", &[("content-type", "application/json")], "{}").await;
    own_process.unwrap().assert_refused(401, &["Authorization: Bearer"]);
}
