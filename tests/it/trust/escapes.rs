//! Specifications that would lead a task out of its container: each is refused in a sentence, and nothing happens.

use serde_json::json;

use crate::support::orc::{Setup, TestOrc};

/// A part of a `Task` beside its name and image, or its name or image, as JSON text; and words of the refusal.
type Case = (&'static str, &'static str);

/// What Docker has a field for, and orc has none: it cannot be asked for at all.
const DOCKERS_FIELDS: &[Case] = &[
    (r#""Privileged": true"#, "Task.Privileged is no known field"),
    (r#""HostConfig": {"Privileged": true}"#, "Task.HostConfig is no known field"),
    (r#""HostConfig": {"Binds": ["/:/host"]}"#, "Task.HostConfig is no known field"),
    (r#""NetworkMode": "host""#, "Task.NetworkMode is no known field"),
    (r#""NetworkingConfig": {"EndpointsConfig": {"host": {}}}"#, "Task.NetworkingConfig is no known field"),
    (r#""PidMode": "host""#, "Task.PidMode is no known field"),
    (r#""IpcMode": "host""#, "Task.IpcMode is no known field"),
    (r#""UTSMode": "host""#, "Task.UTSMode is no known field"),
    (r#""UsernsMode": "host""#, "Task.UsernsMode is no known field"),
    (r#""CgroupnsMode": "host""#, "Task.CgroupnsMode is no known field"),
    (r#""Capabilities": ["ALL"]"#, "Task.Capabilities is no known field"),
    (r#""Devices": [{"PathOnHost": "/dev/sda"}]"#, "Task.Devices is no known field"),
    (r#""DeviceRequests": [{"Count": -1}]"#, "Task.DeviceRequests is no known field"),
    (r#""DeviceCgroupRules": ["b *:* rwm"]"#, "Task.DeviceCgroupRules is no known field"),
    (r#""Binds": ["/:/host"]"#, "Task.Binds is no known field"),
    (r#""Volumes": {"/": {}}"#, "Task.Volumes is no known field"),
    (r#""VolumesFrom": ["another"]"#, "Task.VolumesFrom is no known field"),
    (r#""VolumeDriver": "evil""#, "Task.VolumeDriver is no known field"),
    (r#""Tmpfs": {"/t": "exec,suid,dev"}"#, "Task.Tmpfs is no known field"),
    (r#""SecurityOpt": ["seccomp=unconfined"]"#, "Task.SecurityOpt is no known field"),
    (r#""MaskedPaths": []"#, "Task.MaskedPaths is no known field"),
    (r#""ReadonlyPaths": []"#, "Task.ReadonlyPaths is no known field"),
    (r#""Runtime": "io.evil""#, "Task.Runtime is no known field"),
    (r#""CgroupParent": "/""#, "Task.CgroupParent is no known field"),
    (r#""OomKillDisable": true"#, "Task.OomKillDisable is no known field"),
    (r#""OomScoreAdj": -1000"#, "Task.OomScoreAdj is no known field"),
    (r#""Links": ["another"]"#, "Task.Links is no known field"),
    (r#""AutoRemove": true"#, "Task.AutoRemove is no known field"),
    (r#""Healthcheck": {"Test": ["CMD-SHELL", "id"]}"#, "Task.HealthCheck is"),
    (r#""Annotations": {"a": "b"}"#, "Task.Annotations is no known field"),
    // The same in other letters, and in letters that only look the same.
    (r#""privileged": true"#, "Task.privileged is no known field"),
    (r#""PRIVILEGED": true"#, "Task.PRIVILEGED is no known field"),
    (r#""\u0050rivileged": true"#, "Task.Privileged is no known field"),
    (r#""Рrivileged": true"#, "is no known field"),
    (r#""Privileged\u0000": true"#, "is no known field"),
    (r#""mounts": [{"Type": "bind", "Source": "/", "Target": "/h"}]"#, "Task.Mounts is"),
    (r#""Mоunts": [{"Type": "bind", "Source": "/", "Target": "/h"}]"#, "is no known field"),
    // What comes twice is read by nobody in two ways.
    (r#""Image": "evil""#, "Task.Image appears twice"),
    (r#""\u0049mage": "evil""#, "Task.Image appears twice"),
    (
        r#""Mounts": [], "Mounts": [{"Type": "bind", "Source": "/", "Target": "/h"}]"#,
        "Task.Mounts appears twice",
    ),
    (r#""Labels": {"a": "b", "a": "c"}"#, "Task.Labels.a appears twice"),
    // One level deeper.
    (
        r#""Mounts": [{"Source": "v", "Target": "/v", "VolumeOptions": {"DriverConfig": {"Name": "local",
            "Options": {"type": "none", "o": "bind", "device": "/"}}}}]"#,
        "Task.Mounts[0].VolumeOptions is no known field",
    ),
    (
        r#""Mounts": [{"Type": "bind", "Source": "/", "Target": "/v", "BindOptions": {"Propagation": "rshared"}}]"#,
        "Task.Mounts[0].BindOptions is no known field",
    ),
    (
        r#""Mounts": [{"Type": "tmpfs", "Target": "/v", "TmpfsOptions": {"Options": [["exec"]]}}]"#,
        "Task.Mounts[0].TmpfsOptions.Options is no known field",
    ),
    (r#""Mounts": [{"Type": "npipe", "Source": "/", "Target": "/v"}]"#, "Task.Mounts[0].Type is \"npipe\""),
    (r#""Mounts": [{"Type": "Bind", "Source": "/", "Target": "/v"}]"#, "Task.Mounts[0].Type is \"Bind\""),
    (r#""Mounts": ["/:/host"]"#, "Task.Mounts[0] is the string"),
    (r#""Mounts": {"Source": "/"}"#, "Task.Mounts is an object"),
    (r#""Placement": {"Runtime": "evil"}"#, "Task.Placement.Runtime is no known field"),
];

/// Directories of the host. `/srv/allowed` is the only one that the operator has let tasks have.
const PLACES: &[Case] = &[
    (r#""Mounts": [{"Type": "bind", "Source": "/", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/run/docker.sock", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/proc", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/sys", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/dev", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/var/lib/docker", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (
        r#""Mounts": [{"Type": "bind", "Source": "/srv/allowed/../../etc", "Target": "/h"}]"#,
        "ORC_BIND_MOUNTS",
    ),
    (r#""Mounts": [{"Type": "bind", "Source": "/srv/allowed/..", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/srv/allowed/./a", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/srv/allowed//a", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "//srv/allowed", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/srv/allowed-not", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/SRV/allowed", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "/srv/allowed\u0000/a", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "srv/allowed", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "bind", "Source": "", "Target": "/h"}]"#, "ORC_BIND_MOUNTS"),
    (r#""Mounts": [{"Type": "volume", "Source": "/etc", "Target": "/h"}]"#, "a volume's name is wanted"),
    (r#""Mounts": [{"Source": "../../etc", "Target": "/h"}]"#, "a volume's name is wanted"),
    (r#""Mounts": [{"Source": "v:/etc:rw", "Target": "/h"}]"#, "a volume's name is wanted"),
    (r#""Mounts": [{"Type": "tmpfs", "Source": "/etc", "Target": "/h"}]"#, "has no source"),
    (r#""Mounts": [{"Source": "vol", "Target": "/"}]"#, "nor / itself"),
    (r#""Mounts": [{"Source": "vol", "Target": "/a/../.."}]"#, "without .."),
    (r#""Mounts": [{"Source": "vol", "Target": "/proc/self/attr"}]"#, "not in /proc or /sys"),
    (r#""Mounts": [{"Type": "tmpfs", "Target": "/sys/fs/cgroup"}]"#, "not in /proc or /sys"),
    (r#""WorkingDir": "/proc/self/fd/8""#, "not in /proc or /sys"),
    (r#""WorkingDir": "/tmp/../proc/self/fd/8""#, "without .."),
    (r#""WorkingDir": "proc/self/fd/8""#, "an absolute path"),
];

/// Values that mean to be more than values.
const VALUES: &[Case] = &[
    (r#""Labels": {"orc.task": "x"}"#, "orc's own"),
    (r#""Labels": {"orc.cluster": "x"}"#, "orc's own"),
    (r#""Labels": {"orc.\u006eode": "x"}"#, "orc's own"),
    (r#""Labels": {"a\nb": "x"}"#, "no control characters"),
    (r#""Labels": {"a": {"b": "c"}}"#, "Task.Labels.a is an object"),
    (r#""Env": ["=x"]"#, "each line is NAME=value"),
    (r#""Env": ["A\nB=x"]"#, "each line is NAME=value"),
    (r#""Env": ["A=x\u0000B=y"]"#, "each line is NAME=value"),
    (r#""Env": {"A": "x"}"#, "Task.Env is an object"),
    (r#""Cmd": "sh -c id""#, "Task.Cmd is the string"),
    (r#""Cmd": ["a\u0000b"]"#, "NUL"),
    (r#""Entrypoint": ["a\u0000b"]"#, "NUL"),
    (r#""User": "0\n--privileged""#, "no control characters"),
    (r#""StopSignal": "9; reboot""#, "a signal is such as"),
    (r#""StopTimeout": -1"#, "Task.StopTimeout is"),
    (r#""RestartPolicy": {"Name": "always"}"#, "Task.RestartPolicy is an object"),
    (r#""PublishMode": "ingress""#, "Task.PublishMode is \"ingress\""),
    (r#""PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}]}"#, "is an array"),
    (r#""PortBindings": {"80/tcp": "127.0.0.1:80"}"#, "\"127.0.0.1:80\""),
    (r#""PortBindings": {"80/tcp": "80-90"}"#, "\"80-90\""),
    (r#""PortBindings": {"80/tcp": "0"}"#, "\"0\""),
    (r#""PortBindings": {"80/tcp": "65536"}"#, "\"65536\""),
    (r#""ExposedPorts": {"1-65535/tcp": {}}"#, "\"1-65535/tcp\""),
    (r#""ExposedPorts": {"80/icmp": {}}"#, "\"80/icmp\""),
    (r#""HealthCheck": "http://169.254.169.254/latest""#, "begins with /"),
    (r#""HealthCheck": "/ HTTP/1.1\r\nHost: evil""#, "begins with /"),
    (r#""CapAdd": ["SYS_ADMIN"]"#, "Task.CapAdd[0] is SYS_ADMIN"),
    (r#""CapAdd": ["sys_admin"]"#, "Task.CapAdd[0] is SYS_ADMIN"),
    (r#""CapAdd": ["ALL"]"#, "Task.CapAdd[0] is ALL"),
    (r#""CapAdd": ["CHOWN", "CAP_ALL"]"#, "Task.CapAdd[1] is ALL"),
    (r#""CapDrop": ["none"]"#, "Task.CapDrop[0]"),
    (r#""Sysctls": {"kernel.core_pattern": "|/x"}"#, "Task.Sysctls[\"kernel.core_pattern\"]"),
    (r#""Sysctls": {"net.ipv4./../../kernel/core_pattern": "|/x"}"#, "all others are the node's"),
    (r#""Sysctls": {"net/ipv4/ip_forward": "1"}"#, "all others are the node's"),
    (r#""GroupAdd": ["0:0"]"#, "Task.GroupAdd[0] is"),
    (r#""PidsLimit": -1"#, "Task.PidsLimit is -1"),
    (r#""PidsLimit": 0"#, "Task.PidsLimit is 0"),
    (r#""PidsLimit": 4194304"#, "Task.PidsLimit is 4194304"),
    (r#""Ulimits": [{"Name": "rtprio", "Soft": 99, "Hard": 99}]"#, "no task may have that"),
    (r#""Ulimits": [{"Name": "nice", "Soft": 40, "Hard": 40}]"#, "no task may have that"),
    (r#""LogConfig": {"Type": "syslog"}"#, "Task.LogConfig.Type is \"syslog\""),
    (
        r#""LogConfig": {"Type": "gelf", "Config": {"gelf-address": "udp://169.254.169.254:80"}}"#,
        "Task.LogConfig.Type is \"gelf\"",
    ),
    (
        r#""LogConfig": {"Type": "json-file", "Config": {"path": "/etc/passwd"}}"#,
        "Task.LogConfig.Config[\"path\"]",
    ),
    (r#""LogConfig": {"Config": {"max-size": "-1"}}"#, "fills the disk"),
    (r#""ExtraHosts": ["manager:127.0.0.1\n10.0.0.1 another"]"#, "Task.ExtraHosts[0] is"),
    (r#""Hostname": "web\nevil""#, "Task.Hostname is"),
    (r#""ShmSize": -1"#, "Task.ShmSize is -1"),
    (r#""Networks": [{"Name": "host"}]"#, "none shares the network of its node"),
    (r#""Networks": [{"Name": "host", "External": true}]"#, "none shares the network of its node"),
    (r#""Networks": [{"Name": "container:another", "External": true}]"#, "Task.Networks[0].Name is"),
    (r#""Networks": [{"Name": "shop", "Driver": "macvlan"}]"#, "Task.Networks[0].Driver is no known field"),
    (r#""Networks": [{"Name": "shop", "Aliases": ["x y"]}]"#, "Task.Networks[0].Aliases[0] is"),
    (r#""CPU": 1e308"#, "Task.CPU is"),
    (r#""Memory": -9223372036854775808"#, "is not negative"),
    (r#""Memory": 1e30"#, "Task.Memory is"),
];

/// What stands where a name belongs.
const NAMES: &[&str] = &[
    "",
    "x",
    "../x",
    "a/b",
    "-v",
    "--privileged",
    "a b",
    r"a\nb",
    r"a\u0000b",
    "a;reboot",
    "$(reboot)",
    "ａｂ",
    ".hidden",
];

/// What stands where an image belongs.
const IMAGES: &[&str] = &[
    "",
    " ",
    "-v",
    "--privileged",
    "/etc/passwd",
    "../../etc/passwd",
    "a/../b",
    "a//b",
    "i i",
    "i:latest:latest",
    "I",
    "i@sha256:0",
    "i@evil",
    "http://evil.example/i",
    "file:///etc/passwd",
    "user:password@evil.example/i",
    "evil.example:port/i",
    "evil.example:0/i",
    "i?x=y",
    "i#x",
    "i%2e",
    r"i\n",
    r"i\u0000",
    "іmage",
    "$(reboot)",
];

/// A whole event, for what is outside of its task.
const EVENTS: &[Case] = &[
    (r#"{"HostConfig": {"Privileged": true}, "Task": {}}"#, "HostConfig is no known field"),
    (r#"{"Task": {"Name": "ok"}, "Task": {"Name": "evil"}}"#, "Task appears twice"),
    (r#"{"Task": [{"Name": "ok-name", "Image": "i"}]}"#, "Task is an array"),
    (r#"[{"Task": {}}]"#, "an array, where an object belongs"),
    (r#"{"Task": {"Name": "ok-name", "Image": "i"}} {"Privileged": true}"#, "trailing characters"),
    (
        r#"{"Task": {"Name": "ok-name", "Image": "i"}, "__proto__": {"Privileged": true}}"#,
        "is no known field",
    ),
];

#[tokio::test]
async fn no_specification_leads_out_of_its_container() {
    let envs = vec![("ORC_BIND_MOUNTS", "/srv/allowed".to_owned())];
    let orc = TestOrc::start_with(Setup { workers: 1, envs, ..Setup::default() }).await;
    let of_task = |inner: String| format!(r#"{{"Task": {{{inner}}}}}"#);
    let fields = [DOCKERS_FIELDS, PLACES, VALUES].concat().into_iter();
    let fields =
        fields.map(|(part, words)| (of_task(format!(r#""Name": "ok-name", "Image": "i", {part}"#)), words));
    let name = |name: &&str| (of_task(format!(r#""Name": "{name}", "Image": "i""#)), "Task.Name is");
    let image =
        |image: &&str| (of_task(format!(r#""Name": "ok-name", "Image": "{image}""#)), "Task.Image is");
    let events = EVENTS.iter().map(|(event, words)| ((*event).to_owned(), *words));
    let cases: Vec<_> =
        fields.chain(NAMES.iter().map(name)).chain(IMAGES.iter().map(image)).chain(events).collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    for (body, words) in cases {
        for answer in [orc.ask("POST", "/tasks", &body).await, orc.ask_worker("POST", "/tasks", &body).await]
        {
            assert!(matches!(answer.status, 400 | 422), "{body}: {answer:?}");
            let message = answer.message();
            assert!(message.contains(words), "{body}: {words:?} is not in {message:?}");
        }
    }
    assert_eq!(orc.get("/tasks").await, json!([]), "a 4xx changes nothing");
    assert!(orc.containers().await.is_empty());
}
