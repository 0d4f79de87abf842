//! Tables of what is typed behind `orc run`, and the `TaskEvent` that comes of it.

use clap::FromArgMatches as _;
use expect_test::{Expect, expect};
use serde_json::Value;

use super::submission;
use crate::cli::args::{self, Cli, Command};
use crate::cli::target::Environment;
use crate::wire::policy::{BindRoots, Policy};
use crate::wire::submission::{TaskEventInput, Wanted};

/// The event that `orc run` and these words make; the error as its exit code and text.
fn event(words: &[&str]) -> Result<Value, (i32, String)> {
    let matches = args::command().try_get_matches_from(["orc", "run"].iter().chain(words));
    let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = cli.map_err(|error| (error.exit_code(), error.to_string()))?;
    let Some(Command::Run(args)) = cli.command else { panic!("{cli:?} is no run") };
    let environment = Environment::new([("HOME".into(), "/root".into())]);
    submission::from_flags(args.spec, &environment).map_err(|error| (2, error.to_string()))
}

fn check(words: &[&str], expected: &Expect) {
    let event = event(words).unwrap();
    let known: TaskEventInput = serde_json::from_value(event.clone()).unwrap();
    let policy = Policy { bind_roots: BindRoots(vec!["/srv".into()]), ..Policy::default() };
    let wanted = known.wanted(&policy);
    assert!(matches!(wanted, Ok(Wanted::Run(_))), "a manager would say: {wanted:?}");

    let mut task = event["Task"].clone();
    task.as_object_mut().unwrap().remove("ID");
    expected.assert_eq(&serde_json::to_string_pretty(&task).unwrap());
}

#[test]
fn an_image_is_enough() {
    let event = event(&["registry:5000/team/web-app:1.2@sha256:abc"]).unwrap();
    let id = event["Task"]["ID"].as_str().unwrap();
    assert_eq!(event["Task"]["Name"], format!("web-app-{}", &id[30..]));
    assert_eq!(event["State"], 2);
    assert_eq!(event["ID"].as_str().map(str::len), Some(36), "so that it can be sent again");
    assert_eq!(event["Task"].as_object().map(serde_json::Map::len), Some(3), "{event}");
}

#[test]
fn every_flag_has_its_field() {
    let words = "nginx:1.29 --name web --cpu 0.5 -m 256m --disk 1g -e A=1 -e HOME -v data:/data -v /srv/www:/www:ro \
                 -l tier=front -l x= --restart on-failure:3 --pull always --health /up --health-interval 30s \
                 --health-timeout 2s --health-retries 5 --health-start-period 1m --stop-timeout 20 --stop-signal SIGINT \
                 --user 1000:1000 --workdir /srv --entrypoint /bin/sh --entrypoint -c -- -x --y=z";
    check(
        &words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>(),
        &expect![[r#"
        {
          "CPU": 0.5,
          "Cmd": [
            "-x",
            "--y=z"
          ],
          "Disk": 1073741824,
          "Entrypoint": [
            "/bin/sh",
            "-c"
          ],
          "Env": [
            "A=1",
            "HOME=/root"
          ],
          "HealthCheck": "/up",
          "Image": "nginx:1.29",
          "Interval": 30000000000,
          "Labels": {
            "tier": "front",
            "x": ""
          },
          "Memory": 268435456,
          "Mounts": [
            {
              "ReadOnly": false,
              "Source": "data",
              "Target": "/data",
              "Type": "volume"
            },
            {
              "ReadOnly": true,
              "Source": "/srv/www",
              "Target": "/www",
              "Type": "bind"
            }
          ],
          "Name": "web",
          "PullPolicy": "always",
          "RestartPolicy": "on-failure:3",
          "Retries": 5,
          "StartPeriod": 60000000000,
          "StopSignal": "SIGINT",
          "StopTimeout": 20,
          "Timeout": 2000000000,
          "User": "1000:1000",
          "WorkingDir": "/srv"
        }"#]],
    );
}

#[test]
fn the_container_has_dockers_flags() {
    let words = "nginx --name web --init --read-only --tmpfs /run --tmpfs /tmp:size=64m,mode=1770,ro --hostname web-1 \
                 --add-host db:192.0.2.1 --cap-add KILL --cap-drop ALL --group-add 44 --ulimit nofile=1024:4096 \
                 --ulimit core=0 --pids-limit 64 --shm-size 256m --sysctl net.core.somaxconn=9 --log-driver local \
                 --log-opt max-size=1m --cpu 2 --reserve-cpu 0.5 --reserve-memory 64m --restart always --restart-delay 5s \
                 --restart-max-attempts 3 --restart-window 2m --network shop --network-alias www";
    check(
        &words.split_whitespace().collect::<Vec<_>>(),
        &expect![[r#"
        {
          "CPU": 2.0,
          "CapAdd": [
            "KILL"
          ],
          "CapDrop": [
            "ALL"
          ],
          "ExtraHosts": [
            "db:192.0.2.1"
          ],
          "GroupAdd": [
            "44"
          ],
          "Hostname": "web-1",
          "Image": "nginx",
          "Init": true,
          "LogConfig": {
            "Config": {
              "max-size": "1m"
            },
            "Type": "local"
          },
          "Mounts": [
            {
              "ReadOnly": false,
              "Source": "",
              "Target": "/run",
              "Type": "tmpfs"
            },
            {
              "ReadOnly": true,
              "Source": "",
              "Target": "/tmp",
              "TmpfsOptions": {
                "Mode": 1016,
                "SizeBytes": 67108864
              },
              "Type": "tmpfs"
            }
          ],
          "Name": "web",
          "Networks": [
            {
              "Aliases": [
                "www"
              ],
              "Name": "shop"
            }
          ],
          "PidsLimit": 64,
          "ReadonlyRootfs": true,
          "Reserve": {
            "CPU": 0.5,
            "Memory": 67108864
          },
          "RestartPolicy": "always",
          "Restarts": {
            "Delay": 5000000000,
            "MaxAttempts": 3,
            "Window": 120000000000
          },
          "ShmSize": 268435456,
          "Sysctls": {
            "net.core.somaxconn": "9"
          },
          "Ulimits": [
            {
              "Hard": 4096,
              "Name": "nofile",
              "Soft": 1024
            },
            {
              "Hard": 0,
              "Name": "core",
              "Soft": 0
            }
          ]
        }"#]],
    );
}

#[test]
fn a_host_port_is_bound_exactly_and_any_other_is_random() {
    check(
        &["nginx", "--name", "web", "-p", "8080:80", "-p", "53:53/udp", "-p", "443"],
        &expect![[r#"
        {
          "ExposedPorts": {
            "443/tcp": {}
          },
          "Image": "nginx",
          "Name": "web",
          "PortBindings": {
            "53/udp": "53",
            "80/tcp": "8080"
          },
          "PublishMode": "host"
        }"#]],
    );
    check(
        &["nginx", "--name", "web", "-p", "80"],
        &expect![[r#"
        {
          "ExposedPorts": {
            "80/tcp": {}
          },
          "Image": "nginx",
          "Name": "web"
        }"#]],
    );
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_says_what_would() {
    for (words, remedy) in [
        (&[][..], "IMAGE"),
        (&["x", "-f", "task.json"], "cannot be used with"),
        (&["-f", "task.json", "--memory", "1g"], "cannot be used with"),
        (&["x", "sleep", "10"], "[-- CMD…]"),
        (&["x", "-p", "http"], "8080:80"),
        (&["x", "-p", "80:80", "-p", "81:80"], "published twice"),
        (&["x", "-p", "80:80", "-p", "80"], "published twice"),
        (&["x", "-e", "NOT_SET_HERE"], "NOT_SET_HERE=VALUE"),
        (&["x", "--memory", "lots"], "256m"),
        (&["x", "--restart", "maybe"], "on-failure"),
        (&["x", "--pull", "often"], "missing, always or never"),
        (&["x", "--health-interval", "5s"], "--health"),
        (&["x", "--ready", "tcp://web:80"], "tcp://:5432"),
        (&["x", "--live", "ftp://:21"], "http://:8080/ready"),
        (&["x", "--ready", " "], "a line for the shell"),
        (&["x", "--ready", "true", "--health", "/"], "cannot be used with"),
        (&["x", "--health-cmd", "true", "--live", "true"], "cannot be used with"),
        (&["x", "--health", "/", "--health-start-interval", "1s"], "cannot be used with"),
        (&["x", "--no-healthcheck", "--ready", "true"], "cannot be used with"),
        (&["x", "--tmpfs", "run"], "/run:size=64m"),
        (&["x", "--tmpfs", "/run:mode=9"], "mode=1777"),
        (&["x", "--ulimit", "nofile"], "nofile=1024:4096"),
        (&["x", "--ulimit", "nofile=many"], "nofile=1024:4096"),
        (&["x", "--wait", "--detach"], "cannot be used with"),
        (&["x", "--wait-timeout", "5s", "-d"], "cannot be used with"),
        (&["x", "--node", "../a"], "node name"),
    ] {
        let (code, text) = event(words).expect_err(&format!("{words:?} makes sense"));
        assert!(code == 2 && text.contains(remedy), "{words:?} ends with {code} and {text}");
    }
}

/// The probes that these words make of a task, each as JSON.
fn probes(words: &[&str]) -> [String; 2] {
    let event = event(&[&["nginx", "--name", "web"], words].concat()).unwrap();
    let known: TaskEventInput = serde_json::from_value(event.clone()).unwrap();
    let wanted = known.wanted(&Policy::default());
    assert!(matches!(wanted, Ok(Wanted::Run(_))), "a manager would say: {wanted:?}");
    ["Readiness", "Liveness"].map(|field| event["Task"][field].to_string())
}

#[test]
fn probes_have_dockers_flags_and_two_more() {
    let shell = r#"{"Test":["CMD-SHELL","test -e /up"]}"#;
    assert_eq!(probes(&["--health-cmd", "test -e /up"]), [shell, shell]);
    assert_eq!(probes(&["--no-healthcheck"]), ["null", r#"{"Test":["NONE"]}"#]);
    assert_eq!(
        probes(&["--ready", "http://:80/ready?x=1", "--live", "test -e /up"]),
        [r#"{"Http":{"Path":"/ready?x=1","Port":80}}"#, shell]
    );
    assert_eq!(
        probes(&["--ready", "https://:8443", "--live", "tcp://:80"]),
        [r#"{"Http":{"Port":8443,"Scheme":"https"}}"#, r#"{"Tcp":{"Port":80}}"#]
    );
    let times = "--live tcp://:80 --health-interval 2s --health-timeout 1s --health-retries 2 --health-start-period 1m \
                 --health-start-interval 500ms";
    let [_, liveness] = probes(&times.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        liveness,
        r#"{"Interval":2000000000,"Retries":2,"StartInterval":500000000,"StartPeriod":60000000000,"Tcp":{"Port":80},"Timeout":1000000000}"#
    );
}

#[test]
fn a_file_holds_a_task_or_an_event_around_one() {
    let task = r#"{ "Name": "web", "Image": "nginx" }"#;
    let event = submission::from_text(task).unwrap();
    assert_eq!((&event["State"], &event["Task"]["Name"]), (&2.into(), &"web".into()));

    let id = "a7aa1d44-08f6-443e-9378-f5884311019e";
    let whole = submission::from_text(&format!(r#"{{ "ID": "{id}", "State": 1, "Task": {task} }}"#)).unwrap();
    assert_eq!((&whole["ID"], &whole["State"]), (&id.into(), &1.into()), "what is said stays");

    let without = submission::from_text(&format!(r#"{{ "Task": {task} }}"#)).unwrap();
    assert_eq!(without["ID"].as_str().map(str::len), Some(36), "so that it can be sent again");
}

#[test]
fn a_file_of_something_else_is_refused_in_a_sentence() {
    for (text, reason) in [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("{\"Name\": ", "line 1"),
        (r#"{ "State": 3, "Task": {} }"#, "orc stop"),
    ] {
        let problem = submission::from_text(text).unwrap_err();
        assert!(problem.contains(reason), "{text}: {problem}");
    }
}

#[test]
fn placement_has_its_flags() {
    let words = [
        "nginx",
        "--name",
        "web",
        "-l",
        "app=web",
        "--constraint",
        "node.labels.zone in (a,b)",
        "--constraint",
        "!node.labels.gpu",
        "--prefer",
        "-10:node.labels.disk==hdd",
        "--spread",
        "node.labels.zone of app",
        "--anti-affinity",
        "app",
    ];
    check(
        &words,
        &expect![[r#"
        {
          "Image": "nginx",
          "Labels": {
            "app": "web"
          },
          "Name": "web",
          "Placement": {
            "AntiAffinity": [
              "app"
            ],
            "Constraints": [
              "node.labels.zone in (a,b)",
              "!node.labels.gpu"
            ],
            "Preferences": [
              {
                "Prefer": "node.labels.disk==hdd",
                "Weight": -10
              },
              {
                "Spread": {
                  "Of": "app",
                  "SpreadDescriptor": "node.labels.zone"
                }
              }
            ]
          }
        }"#]],
    );
    let (code, text) = event(&["nginx", "--constraint", "zone==a"]).unwrap_err();
    assert!(code == 2 && text.contains("node.labels.zone if that is a label"), "{code}: {text}");
}
