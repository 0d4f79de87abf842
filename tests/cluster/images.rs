//! What is built on one machine runs on three, of which none has built it and none asks a registry.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::cluster::{Cluster, NODES};

const COMPOSE: &str = "\
name: orc-cluster-built
services:
  web:
    build:
      dockerfile_inline: |
        FROM orc-test/busybox:latest
        RUN echo here > /built
    command: [sh, -c, \"cat /built; trap 'exit 0' TERM; sleep 100000 & wait\"]
    deploy: {mode: global, update_config: {monitor: 1s}}
";

/// Takes what was built off this machine's engine again.
struct Built;

impl Drop for Built {
    fn drop(&mut self) {
        let docker = |args: &[&str]| Command::new("docker").args(args).output().unwrap();
        let filter = "reference=orc.local/orc-cluster-built-*";
        let listed = docker(&["image", "ls", "--filter", filter, "--format", "{{.Repository}}:{{.Tag}}"]);
        for image in String::from_utf8_lossy(&listed.stdout).lines() {
            docker(&["image", "rm", "--force", image]);
        }
    }
}

#[tokio::test]
async fn what_is_built_on_one_machine_runs_on_all_three() {
    let cluster = Cluster::start().await;
    let (directory, _built) = (tempfile::tempdir().unwrap(), Built);
    let file = directory.path().join("compose.yaml");
    fs::write(&file, COMPOSE).unwrap();
    let deployed = cluster.command(&["deploy", "-f", file.to_str().unwrap()]).await;
    let told = String::from_utf8_lossy(&deployed.stderr);
    assert!(deployed.status.success() && told.contains("sent orc-cluster-built-web:"), "{told}");
    let live = cluster.engines.look().await.live;
    let places: BTreeSet<&str> = live.iter().map(|container| container.node).collect();
    assert_eq!(places, BTreeSet::from(NODES));
    let images = cluster.get("/images").await;
    let service = cluster.get("/services/orc-cluster-built-web").await;
    assert_eq!(json!([images[0]["Reference"]]), json!([service["Task"]["Image"]]));
}
