//! What the Go programs got wrong: one test for each, numbered as in the contract and named after it.

use std::collections::BTreeSet;

use bollard::query_parameters::{RemoveImageOptions, TagImageOptionsBuilder};
use futures_util::future::join_all;
use orc::wire::stats::CpuStats;
use orc::worker::machine::cpu_use;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use crate::support::docker::ECHO;
use crate::support::http::ask;
use crate::support::orc::{COMPLETED, FAILED, PENDING, RUNNING, Setup, TestOrc, echo, shell, sleeper, with};
use crate::support::patience::until;
use crate::support::ports::free_ports;

fn id(task: &Value) -> &str {
    task["ID"].as_str().unwrap()
}

fn container(task: &Value) -> &str {
    task["ContainerID"].as_str().unwrap()
}

fn message(task: &Value) -> &str {
    task["Message"].as_str().unwrap()
}

#[tokio::test]
async fn seed_01_delete_of_an_unknown_id_answers_instead_of_dropping_the_connection() {
    let orc = TestOrc::start().await;
    let unknown = "/tasks/00000000-0000-4000-8000-000000000000";
    for port in [orc.manager_port, orc.worker_port] {
        ask(port, "DELETE", "/tasks/nonsense", &[], "").await.unwrap().assert_refused(400, &["UUID"]);
        ask(port, "DELETE", unknown, &[], "").await.unwrap().assert_refused(404, &["ID"]);
    }
}

#[tokio::test]
async fn seed_02_a_container_that_is_removed_behind_its_back_crashes_nothing() {
    let orc = TestOrc::start().await;
    let task = orc.run("victim", sleeper()).await;
    let other = orc.run("other", sleeper()).await;
    orc.docker.remove(container(&task)).await;
    orc.until_replaced(&task).await;
    assert_eq!(orc.task(id(&other)).await["ContainerID"], other["ContainerID"]);
}

#[tokio::test]
async fn seed_03_an_unreachable_worker_does_not_crash_the_manager() {
    let mut orc = TestOrc::start_split().await;
    let task = orc.run("there", sleeper()).await;
    orc.worker.as_mut().unwrap().kill9();
    let look = || orc.get("/nodes");
    until("the worker is missed", look, |nodes| nodes[0]["State"] == "unreachable").await;
    let accepted = orc.submit("waits", sleeper()).await;
    assert_eq!(orc.task(&accepted).await["State"], PENDING);
    orc.delete(id(&task)).await;
    orc.start_worker().await;
    orc.until_state(&accepted, RUNNING).await;
    orc.until_state(id(&task), COMPLETED).await;
}

#[tokio::test]
async fn seed_04_counts_never_go_back_and_states_never_flap() {
    let mut orc = TestOrc::start().await;
    let steady = orc.run("steady", sleeper()).await;
    let failing =
        orc.submit("failing", with(shell("exit 1"), json!({ "RestartPolicy": "on-failure:3" }))).await;
    let mut last = (0, 0);
    let mut restarted = false;
    loop {
        let task = orc.task(&failing).await;
        let seen = (task["RestartCount"].as_u64().unwrap(), task["Attempt"].as_u64().unwrap());
        assert!(seen >= last && seen.1 >= last.1, "{seen:?} after {last:?}");
        last = seen;
        assert_eq!(orc.task(id(&steady)).await["State"], RUNNING);
        if task["State"] == FAILED {
            break;
        }
        if seen.0 == 2 && !restarted {
            restarted = true;
            orc.restart().await;
        }
    }
    assert_eq!(last, (3, 4));
    assert_eq!(orc.task(id(&steady)).await["RestartCount"], 0);
}

#[tokio::test]
async fn seed_05_a_task_that_is_unknown_to_the_manager_blocks_nobody_elses_updates() {
    let mut orc = TestOrc::start().await;
    let forgotten = orc.run("forgotten", sleeper()).await;
    let known = orc.run("known", sleeper()).await;
    orc.main.kill9();
    // The worker goes on reporting it: the manager's row of it is gone.
    orc.change_database("DELETE FROM tasks WHERE id = ?", id(&forgotten)).await;
    orc.start_main().await;
    orc.docker.remove(container(&forgotten)).await;
    orc.docker.remove(container(&known)).await;
    orc.until_replaced(&known).await;
    let next = orc.run("next", sleeper()).await;
    orc.delete(id(&next)).await;
    orc.until_state(id(&next), COMPLETED).await;
}

#[tokio::test]
async fn seed_06_health_waits_for_ports_and_a_task_without_ports_is_not_restarted() {
    let orc = TestOrc::start().await;
    let checked = json!({ "HealthCheck": "/health", "Interval": "50ms", "Retries": 1, "StartPeriod": "20s" });
    let portless = orc.run("portless", with(sleeper(), checked.clone())).await;
    let slow = orc.run("slow", with(echo(&["ECHO_LISTEN_AFTER_MS=1500"]), checked)).await;
    let well = orc.until(id(&slow), "it is healthy", |task| task["Health"] == "healthy").await;
    for (before, now) in [(&slow, well), (&portless, orc.task(id(&portless)).await)] {
        assert_eq!(now["ContainerID"], before["ContainerID"]);
        assert_eq!(now["RestartCount"], 0);
    }
}

#[tokio::test]
async fn seed_07_a_restart_happens() {
    let orc = TestOrc::start().await;
    let crashes = orc.run("crashes", echo(&["ECHO_EXIT_AFTER_MS=1000", "ECHO_EXIT_CODE=1"])).await;
    let again = orc.until_replaced(&crashes).await;
    assert_eq!(again["RestartCount"], 1);
    assert_eq!(again["ExitCode"], 1, "of the attempt before");
}

#[tokio::test]
async fn seed_08_delete_of_a_finished_task_starts_no_phantom_elsewhere() {
    let orc = TestOrc::start_with(Setup { workers: 2, ..Setup::default() }).await;
    let id = orc.submit("over", shell("exit 0")).await;
    let over = orc.until_state(&id, COMPLETED).await;
    orc.delete(&id).await;
    orc.until_gone(&id).await;
    // Had a phantom been begun, it would have been before the next task.
    let next = orc.run("next", sleeper()).await;
    let after = orc.task(&id).await;
    for field in ["State", "Node", "Attempt", "RestartCount", "ExitCode"] {
        assert_eq!(after[field], over[field], "{field}");
    }
    let starts = orc.happened().into_iter().filter(|happened| happened.action == "start");
    let started: Vec<String> = starts.map(|happened| happened.task).collect();
    assert_eq!(started, [id.as_str(), next["ID"].as_str().unwrap()]);
}

#[tokio::test]
async fn seed_09_a_repeated_post_leaves_no_container_behind() {
    let orc = TestOrc::start().await;
    let new_id = || orc::model::id::TaskId::generate().to_string();
    let task = with(sleeper(), json!({ "ID": new_id(), "Name": orc.name("twice") }));
    let event = json!({ "ID": new_id(), "State": 2, "Task": task }).to_string();
    for _ in 0..3 {
        assert_eq!(orc.ask("POST", "/tasks", &event).await.status, 201);
    }
    let task = orc.until_state(task["ID"].as_str().unwrap(), RUNNING).await;
    assert_eq!(orc.ask("POST", "/tasks", &event).await.status, 201);
    orc.run("next", sleeper()).await;
    let containers = orc.containers_of(id(&task)).await;
    assert_eq!(containers.len(), 1);
    assert_eq!(containers[0].id.as_deref(), Some(container(&task)));
    let created = orc.happened().into_iter().filter(|happened| happened.action == "create").count();
    assert_eq!(created, 2, "one for each task");
}

#[tokio::test]
async fn seed_10_cpu_memory_port_bindings_and_restart_policy_are_obeyed() {
    let orc = TestOrc::start().await;
    let port = free_ports(1);
    let asked = json!({
        "CPU": 0.5, "Memory": 32 << 20, "PublishMode": "host", "PortBindings": { "7777/tcp": port.to_string() },
        "RestartPolicy": "no",
    });
    let task = orc.run("asks", with(echo(&["ECHO_EXIT_AFTER_MS=2000", "ECHO_EXIT_CODE=9"]), asked)).await;
    assert_eq!(ask(port, "GET", "/health", &[], "").await.unwrap().status, 200);
    let host = orc.docker.inspect(container(&task)).await.host_config.unwrap();
    assert_eq!((host.nano_cpus, host.memory), (Some(500_000_000), Some(32 << 20)));
    let failed = orc.until_state(id(&task), FAILED).await;
    assert_eq!((&failed["ExitCode"], &failed["RestartCount"]), (&json!(9), &json!(0)));
    // And they count when tasks are placed: nothing is promised twice.
    let whole = orc.get("/nodes").await[0]["Cores"].clone();
    let big = orc.run("big", with(sleeper(), json!({ "CPU": whole }))).await;
    let more = orc.submit("more", with(sleeper(), json!({ "CPU": 0.1 }))).await;
    orc.until(&more, "it waits for CPU", |task| message(task).contains("CPU")).await;
    orc.delete(id(&big)).await;
    orc.until_state(&more, RUNNING).await;
}

#[tokio::test]
async fn seed_11_stats_are_not_null() {
    let orc = TestOrc::start().await;
    let stats = orc.ask_worker("GET", "/stats", "").await.json();
    for (outer, inner) in [("MemStats", "mem_total"), ("DiskStats", "all"), ("CPUStats", "idle")] {
        assert!(stats[outer][inner].as_u64().unwrap() > 0, "{outer}.{inner}");
    }
    assert!(stats["LoadStats"]["process_total"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn seed_12_many_clients_at_once_see_one_truth() {
    let orc = TestOrc::start().await;
    let client = async |number: usize| {
        let mut live = Vec::new();
        for turn in 0..12 {
            let idle = with(sleeper(), json!({ "CPU": 4000 }));
            let id = orc.submit(format!("{number}-{turn}"), idle).await;
            assert_eq!(orc.task(&id).await["ID"], id.as_str(), "what was written can be read");
            if turn % 3 == 0 {
                orc.delete(&id).await;
            } else {
                live.push(id);
            }
            orc.get("/tasks").await;
            orc.get("/nodes").await;
        }
        live
    };
    let live: BTreeSet<String> = join_all((0..8).map(client)).await.into_iter().flatten().collect();
    let look = || orc.get("/tasks?State=pending");
    let listed = |tasks: &Value| -> BTreeSet<String> {
        tasks.as_array().unwrap().iter().map(|task| id(task).to_owned()).collect()
    };
    until("what was deleted is over, and the rest is there", look, |tasks| listed(tasks) == live).await;
}

#[tokio::test]
async fn seed_13_a_hung_peer_stalls_nothing() {
    let orc = TestOrc::start().await;
    // A server that accepts and never answers, under the eyes of a health check that would wait for long.
    let mute = json!({
        "ExposedPorts": { "7777/tcp": {} }, "HealthCheck": "/", "Interval": "100ms", "Timeout": "60s", "Retries": 1,
    });
    let mute = orc.run("mute", with(shell("nc -ll -p 7777 -e sleep 100000"), mute)).await;
    // Clients that begin a request and do not end it.
    let mut hanging = Vec::new();
    for port in [orc.manager_port, orc.worker_port].repeat(20) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-le").await.unwrap();
        hanging.push(stream);
    }
    let begun = Instant::now();
    let task = orc.run("quick", sleeper()).await;
    orc.docker.remove(container(&task)).await;
    orc.until_replaced(&task).await;
    orc.delete(id(&task)).await;
    orc.until_state(id(&task), COMPLETED).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(orc.task(id(&mute)).await["Health"], "starting", "its check still waits");
}

#[tokio::test]
async fn seed_14_shares_are_computed_right() {
    let orc = TestOrc::start().await;
    let processors = async || {
        let stats = orc.ask_worker("GET", "/stats", "").await.json();
        serde_json::from_value::<CpuStats>(stats["CPUStats"].clone()).unwrap()
    };
    let before = processors().await;
    let after =
        until("time passes", &processors, |after| after.user + after.idle > before.user + before.idle).await;
    let total = |stats: &CpuStats| {
        let idle = stats.idle + stats.iowait;
        (idle, idle + stats.user + stats.nice + stats.system + stats.irq + stats.softirq + stats.steal)
    };
    let ((idle_0, total_0), (idle_1, total_1)) = (total(&before), total(&after));
    let [passed, idle] =
        [total_1 - total_0, idle_1 - idle_0].map(|jiffies| f64::from(u32::try_from(jiffies).unwrap()));
    let share = cpu_use(&before, &after);
    assert!((share - (passed - idle) / passed).abs() < 1e-9, "{share}");
    assert!((0.0..=1.0).contains(&share), "{share}");
    let stats = orc.ask_worker("GET", "/stats", "").await.json();
    let disk = |key: &str| stats["DiskStats"][key].as_u64().unwrap();
    assert_eq!(disk("used") + disk("free"), disk("all"));
    let memory = |key: &str| stats["MemStats"][key].as_u64().unwrap();
    assert!(memory("mem_available") < memory("mem_total"));
}

#[tokio::test]
async fn seed_15_a_registry_that_is_away_does_not_block_an_image_that_is_present() {
    let orc = TestOrc::start().await;
    // Nobody listens on port 1.
    let repository = format!("localhost:1/{}", orc.name("present"));
    let options = TagImageOptionsBuilder::new().repo(&repository).tag("latest").build();
    orc.docker.api.tag_image(ECHO, Some(options)).await.unwrap();
    let image = format!("{repository}:latest");
    let task = orc.run("present", json!({ "Image": image })).await;
    let always = orc.submit("always", json!({ "Image": image, "PullPolicy": "always" })).await;
    orc.until(&always, "who wants it fetched waits", |task| message(task).contains("cannot pull")).await;
    orc.delete(&always).await;
    orc.delete(id(&task)).await;
    orc.until_gone(id(&task)).await;
    let options = None::<RemoveImageOptions>;
    orc.docker.api.remove_image(&image, options, None).await.unwrap();
}

#[tokio::test]
async fn seed_16_an_accepted_task_survives_a_crash_at_once() {
    let mut orc = TestOrc::start().await;
    let id = orc.submit("accepted", sleeper()).await;
    orc.restart().await;
    orc.until_state(&id, RUNNING).await;
    assert_eq!(orc.containers_of(&id).await.len(), 1);
}

#[tokio::test]
async fn seed_17_an_unreachable_node_is_not_preferred() {
    let mut orc = TestOrc::start_with(Setup { workers: 2, ..Setup::default() }).await;
    until("both have joined", || orc.get("/nodes"), |nodes| nodes.as_array().unwrap().len() == 2).await;
    orc.main.set("ORC_WORKERS", "1");
    orc.restart().await;
    let look = || orc.get("/nodes");
    until("the second is missed", look, |nodes| nodes[1]["State"] == "unreachable").await;
    for scheduler in ["roundrobin", "greedy", "epvm", "spread", "binpack"] {
        orc.main.set("ORC_SCHEDULER", scheduler);
        orc.restart().await;
        let task = orc.run(scheduler, sleeper()).await;
        assert_eq!(task["Node"], "worker-1", "{scheduler}");
    }
}

#[tokio::test]
async fn seed_18_a_clean_exit_is_no_failure() {
    let orc = TestOrc::start().await;
    let id = orc.submit("clean", shell("exit 0")).await;
    let task = orc.until_state(&id, COMPLETED).await;
    assert_eq!((&task["ExitCode"], &task["RestartCount"]), (&json!(0), &json!(0)));
    assert!(message(&task).contains("exited with code 0"), "{task}");
}

#[tokio::test]
async fn seed_19_tasks_do_not_queue_for_ten_seconds_each() {
    let orc = TestOrc::start().await;
    let begun = Instant::now();
    let ids = join_all((0..8).map(|number| orc.submit(format!("one-of-many-{number}"), sleeper()))).await;
    for id in &ids {
        orc.until_state(id, RUNNING).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn seed_20_everything_survives_a_restart() {
    let mut orc = TestOrc::start().await;
    let runs = orc.run("runs", sleeper()).await;
    let failed =
        orc.submit("failed", with(shell("exit 2"), json!({ "RestartPolicy": "on-failure:1" }))).await;
    orc.until_state(&failed, FAILED).await;
    let waits = orc.submit("waits", with(sleeper(), json!({ "CPU": 4000 }))).await;
    orc.until(&waits, "it says why it waits", |task| message(task).contains("no node fits")).await;
    let told = || orc.kinds(&failed);
    until("the last word has come", told, |kinds| kinds.last().is_some_and(|last| last == "failed")).await;
    let see = async |orc: &TestOrc| {
        let mut seen = vec![orc.get("/tasks").await];
        for id in [id(&runs), &failed, &waits] {
            seen.push(orc.events(id).await.into());
        }
        seen
    };
    let before = see(&orc).await;
    orc.restart().await;
    assert_eq!(see(&orc).await, before);
}
