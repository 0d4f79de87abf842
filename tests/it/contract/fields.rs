//! Names and order of the fields in every answer.

use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::orc::{TestOrc, echo, with};
use crate::support::order::Ordered;
use crate::support::patience::until;

const EVENT: &str = "ID State RequestedAt Task";

/// Those of the former orchestrator, then what orc adds.
const TASK: &str = "ID ContainerID Name State Image CPU Memory Disk ExposedPorts PortBindings RestartPolicy StartsAt \
    FinishedAt CreatedAt UpdatedAt HealthCheck RestartCount HostPorts \
    Cmd Entrypoint Env WorkingDir User Labels StopSignal StopTimeout PublishMode PullPolicy Mounts \
    Interval Timeout Retries StartPeriod Placement Failover Readiness Liveness Node Attempt ExitCode Health Ready \
    ReadySince NotReady Message";

const STATS: &str = "MemStats DiskStats CPUStats LoadStats TaskCount";

/// Those of the Go library goprocinfo, in its order.
const MEMORY: &str = "mem_total mem_free mem_available buffers cached swap_cached active inactive active_anon \
    inactive_anon active_file inactive_file unevictable mlocked swap_total swap_free dirty write_back anon_pages mapped \
    shmem slab s_reclaimable s_unclaim kernel_stack page_tables nfs_unstable bounce writeback_tmp commit_limit \
    committed_as vmalloc_total vmalloc_used vmalloc_chunk hardware_corrupted anon_huge_pages huge_pages_total \
    huge_pages_free huge_pages_rsvd huge_pages_surp hugepagesize direct_map_4k direct_map_2M direct_map_1G";
const DISK: &str = "all used free freeInodes";
const PROCESSORS: &str = "id user nice system idle iowait irq softirq steal guest guest_nice";
const QUEUE: &str = "last1min last5min last15min process_running process_total last_pid";

const NODE: &str = "Name Ip Api Memory MemoryAllocated Disk DiskAllocated Stats Role TaskCount";
/// What orc adds to a node, in any order.
const OF_NODE: &str = "Cores State Availability LastSeen Labels Message";

#[track_caller]
fn assert_keys(object: &Ordered, wanted: &str) {
    assert_eq!(object.keys(), wanted.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_and_a_task_have_their_fields_in_order() {
    let orc = TestOrc::start().await;
    let labels = json!({ "Labels": { "b": "2", "a": "1", "c": "3" } });
    let body = json!({ "Task": with(echo(&[]), labels) });
    let mut body = body;
    body["Task"]["Name"] = orc.name("fields").into();
    let answer = orc.ask("POST", "/tasks", &body.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let event = answer.ordered();
    assert_keys(&event, EVENT);
    assert_keys(event.at("Task"), TASK);
    assert_keys(event.at("Task").at("Labels"), "a b c");
    assert_eq!(answer.json()["State"], 2, "an event that says nothing wants the task to run");

    let id = answer.json()["Task"]["ID"].as_str().unwrap().to_owned();
    orc.until_state(&id, 2).await;
    for answer in [orc.ask("GET", "/tasks", "").await, orc.ask_worker("GET", "/tasks", "").await] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/json");
        let tasks = answer.ordered();
        assert_keys(tasks.first(), TASK);
        assert_keys(tasks.first().at("HostPorts").at("7777/tcp").first(), "HostIp HostPort");
        assert_times_are_rfc_3339_with_nanoseconds(&answer.json()[0]);
    }
    let one = orc.ask("GET", &format!("/tasks/{id}"), "").await;
    assert_keys(&one.ordered(), TASK);
}

fn assert_times_are_rfc_3339_with_nanoseconds(task: &Value) {
    for field in ["StartsAt", "CreatedAt", "UpdatedAt"] {
        let text = task[field].as_str().unwrap();
        let (_, fraction) = text.split_once('.').unwrap();
        assert!(fraction.len() >= 10 && fraction[..9].bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        assert!(chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{text}");
    }
    assert_eq!(task["FinishedAt"], Value::Null);
}

#[tokio::test]
async fn stats_have_the_keys_of_goprocinfo_in_its_order_and_live_values() {
    let orc = TestOrc::start().await;
    let answer = orc.ask_worker("GET", "/stats", "").await;
    assert_eq!(answer.status, 200);
    assert_stats(&answer.ordered());
    let stats = answer.json();
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().next().unwrap().split_whitespace().nth(1).unwrap();
    assert_eq!(stats["MemStats"]["mem_total"].to_string(), total);
    assert_eq!(stats["CPUStats"]["id"], "cpu");
    assert_eq!(stats["TaskCount"], 0);

    let busy = |stats: &Value| stats["CPUStats"]["user"].as_u64().unwrap();
    let before = busy(&stats);
    let look = || async { orc.ask_worker("GET", "/stats", "").await.json() };
    until("the values live", look, |stats| busy(stats) > before).await;
}

#[tokio::test]
async fn a_node_has_the_fields_of_the_book_first_and_the_stats_of_its_worker() {
    let orc = TestOrc::start().await;
    let look = || orc.ask("GET", "/nodes", "");
    let described = |answer: &Answer| {
        let node = &answer.json()[0];
        node["Stats"].is_object() && node["Cores"].as_u64().is_some_and(|cores| cores > 0)
    };
    let answer = until("the node is described", look, described).await;
    let ordered = answer.ordered();
    let keys = ordered.first().keys();
    assert_eq!(keys[..10], NODE.split_whitespace().collect::<Vec<_>>());
    for wanted in OF_NODE.split_whitespace() {
        assert!(keys.contains(&wanted), "{wanted} is not in {keys:?}");
    }
    assert_stats(ordered.first().at("Stats"));
    let node = &answer.json()[0];
    assert_eq!(node["Role"], "worker");
    assert_eq!(node["State"], "ready");
    assert_eq!(node["Availability"], "active");
    assert_eq!(node["Api"], format!("http://localhost:{}", orc.worker_port));
}

#[track_caller]
fn assert_stats(stats: &Ordered) {
    assert_keys(stats, STATS);
    assert_keys(stats.at("MemStats"), MEMORY);
    assert_keys(stats.at("DiskStats"), DISK);
    assert_keys(stats.at("CPUStats"), PROCESSORS);
    assert_keys(stats.at("LoadStats"), QUEUE);
}
