//! Tables of settings: what wins, what is refused, and in which words.

use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::model::access::LocalAccess;

/// Loads from `--flag=value` pairs, `NAME=value` pairs, and the text of a `.env`.
fn load(flags: &[&str], environment: &[&str], dotenv: &str) -> Result<Settings, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    std::fs::write(&path, dotenv).unwrap();
    let command = <ServerFlags as clap::Args>::augment_args(clap::Command::new("orc"));
    let matches = command.try_get_matches_from(["orc"].iter().chain(flags)).unwrap();
    let flags = <ServerFlags as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
    let pairs = environment.iter().map(|pair| pair.split_once('=').unwrap());
    let pairs = pairs.map(|(name, value)| (name.into(), value.into()));
    let error = |error: SettingsError| error.to_string().replace(directory.path().to_str().unwrap(), "");
    Settings::load(&flags, pairs, &path).map_err(error)
}

#[test]
fn without_a_word_the_defaults_hold() {
    let settings = Settings::load(&ServerFlags::default(), [], Path::new("/nowhere/.env")).unwrap();
    assert_eq!(
        settings,
        Settings {
            manager: Listen { host: "localhost".to_owned(), port: 8000 },
            worker: Listen { host: "localhost".to_owned(), port: 8888 },
            advertise: vec![],
            local_access: LocalAccess::Open,
            workers: 1,
            data_dir: "./data".into(),
            scheduler: SchedulerKind::Roundrobin,
            retention: Duration::from_hours(720),
            lease: Duration::from_secs(6),
            node_name: None,
            node_labels: BTreeMap::new(),
            bind_mounts: vec![],
            capabilities: vec![],
            secrets_dir: None,
            image_limit: 4 << 30,
            registry: None,
            log: "info".to_owned(),
            docker: DockerSettings::default(),
            warnings: vec![],
        }
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let port = |flags: &[&str], environment: &[&str], dotenv| {
        load(flags, environment, dotenv).map(|settings| settings.manager.port)
    };
    let (flag, environment, file) = ("--manager-port=1", "ORC_MANAGER_PORT=2", "ORC_MANAGER_PORT=3\n");
    assert_eq!(port(&[flag], &[environment], file), Ok(1));
    assert_eq!(port(&[], &[environment], file), Ok(2));
    assert_eq!(port(&[], &[], file), Ok(3));
    assert_eq!(
        port(&[], &["ORC_MANAGER_PORT="], file),
        Ok(8000),
        "an empty value takes back what the file says"
    );
    assert_eq!(port(&[], &[], "ORC_MANAGER_PORT=3\nORC_MANAGER_PORT=4"), Ok(4), "the last line counts");
}

#[test]
fn a_file_is_read_as_the_go_programs_read_it() {
    let dotenv = "\u{feff}# ports\r\nexport ORC_WORKER_PORT=5555 # the first\r\n\r\nORC_DATA_DIR='/srv/or c'\r\n\
                  ORC_SCHEDULER=\"epvm\"\nORC_NODE_NAME = box-1\nUNRELATED=${NOTHING}\nDOCKER_CONFIG=/etc/d\n\
                  DOCKER_CONTEXT=box\nDOCKER_API_VERSION=1.41\n";
    let settings = load(&[], &[], dotenv).unwrap();
    assert_eq!(settings.worker.port, 5555);
    assert_eq!(settings.data_dir, Path::new("/srv/or c"));
    assert_eq!(settings.scheduler, SchedulerKind::Epvm);
    assert_eq!(settings.node_name.unwrap().as_str(), "box-1");
    assert_eq!(settings.docker.config_dir.as_deref(), Some(Path::new("/etc/d")));
    assert_eq!(settings.docker.context.as_deref(), Some("box"));
    assert_eq!(settings.docker.api_version.as_deref(), Some("1.41"));
}

#[test]
fn labels_and_the_lease_are_read_or_refused_with_what_would_be_right() {
    let settings =
        load(&["--label=zone=a, disk=ssd,"], &["ORC_LEASE=5m"], "ORC_NODE_LABELS=zone=b\n").unwrap();
    let labels = [("disk", "ssd"), ("zone", "a")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!((settings.node_labels, settings.lease), (labels.into(), Duration::from_mins(5)));
    for (variable, words) in [
        ("ORC_LEASE=1s", "from 2s to 5m"),
        ("ORC_LEASE=6m", "from 2s to 5m"),
        ("ORC_LEASE=6", "from 2s to 5m"),
        ("ORC_NODE_LABELS=zone", "\"zone\" has no value"),
        ("ORC_NODE_LABELS=a=b,-=c", "\"-\" is no key of a label"),
        ("ORC_NODE_LABELS=a=b,a=c", "the label a is there twice"),
    ] {
        let sentence = load(&[], &[variable], "").unwrap_err();
        assert!(sentence.contains(words), "{variable}: {sentence}");
    }
}

#[test]
fn a_bad_value_is_refused_in_a_sentence_that_names_setting_source_and_remedy() {
    for (flags, environment, dotenv, expected) in [
        (
            &["--manager-port=80a"][..],
            &[][..],
            "",
            "ORC_MANAGER_PORT (--manager-port) is \"80a\" on the command line: a port from 1 to 65535 belongs there, \
             or 0 for any that is free, such as 8000",
        ),
        (
            &[],
            &["ORC_WORKER_HOST=0.0.0.0"],
            "",
            "ORC_WORKER_HOST (--worker-host) is \"0.0.0.0\" in the environment: a worker's own API is for this \
             machine only; localhost, 127.0.0.1 or ::1 belongs there",
        ),
        (
            &[],
            &["ORC_MANAGER_HOST=here"],
            "",
            "ORC_MANAGER_HOST (--manager-host) is \"here\" in the environment: an address of this machine belongs there, \
             such as 10.0.0.1, or 0.0.0.0 for all that it has; or localhost for this machine only",
        ),
        (
            &[],
            &["ORC_ADVERTISE=orc.example.org,10.0.0.1:8000"],
            "",
            "ORC_ADVERTISE (--advertise) is \"orc.example.org,10.0.0.1:8000\" in the environment: \"10.0.0.1:8000\" is \
             neither a host name nor an address under which this machine can be reached; names such as \
             orc.example.org,10.0.0.1 belong there, without a port",
        ),
        (
            &[],
            &[],
            "ORC_SCHEDULER=round-robin\n",
            "ORC_SCHEDULER (--scheduler) is \"round-robin\" in /.env: one of roundrobin, greedy, epvm, spread, \
             binpack belongs there",
        ),
        (
            &[],
            &[],
            "ORC_RETENTION=30\n",
            "ORC_RETENTION (--retention) is \"30\" in /.env: a duration of a minute or more belongs there, such as \
             12h, 30d or 1y",
        ),
        (
            &["--workers=3"],
            &["ORC_WORKER_PORT=65534"],
            "",
            "ORC_WORKER_PORT (--worker-port) is \"65534\" in the environment: 3 workers need as many ports in a row; \
             at most 65533 belongs there",
        ),
        (
            &["--bind-mounts=/srv:../etc"],
            &[],
            "",
            "ORC_BIND_MOUNTS (--bind-mounts) is \"/srv:../etc\" on the command line: \"../etc\" is not an absolute \
             path without \"..\"; directories such as /srv/data:/mnt/media belong there",
        ),
        (
            &["--capabilities=NET_ADMIN,all"],
            &[],
            "",
            "ORC_CAPABILITIES (--capabilities) is \"NET_ADMIN,all\" on the command line: ALL would make root in a container \
             root on its node; capabilities such as NET_ADMIN,SYS_NICE belong there, each by its name",
        ),
        (
            &[],
            &["DOCKER_HOST=/run/docker.sock"],
            "",
            "DOCKER_HOST (--docker-host) is \"/run/docker.sock\" in the environment: a URL belongs there, such as \
             unix:///var/run/docker.sock; here perhaps unix:///run/docker.sock",
        ),
        (
            &[],
            &["DOCKER_API_VERSION=latest"],
            "",
            "DOCKER_API_VERSION is \"latest\" in the environment: a version such as 1.41 belongs there, or nothing for \
             whatever the engine speaks",
        ),
        (
            &[],
            &["ORC_LOG=orc=loud"],
            "",
            "ORC_LOG is \"orc=loud\" in the environment: a level belongs there (error, warn, info, debug, trace), or \
             directives such as info,orc::plan=debug",
        ),
        (
            &[],
            &[],
            "# secrets\nTOKEN=abc\nORC_DATA_DIR=/my data\n",
            "/.env cannot be understood at line 3: NAME=value belongs there, the value in quotes when it has spaces",
        ),
    ] {
        assert_eq!(load(flags, environment, dotenv), Err(expected.to_owned()));
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for flag in [
        "--worker-port=65536",
        "--worker-port=-1",
        "--manager-port= 80",
        "--manager-port=",
        "--workers=0",
        "--workers=101",
        "--data-dir=",
        "--manager-host=",
        "--manager-host=example.org",
        "--manager-host=192.168.0.256",
        "--worker-host=::",
        "--worker-host=192.168.0.1",
        "--advertise=0.0.0.0",
        "--advertise=a b",
        "--local-access=closed",
        "--manager-host=localhost:8000",
        "--name=a b",
        "--retention=10s",
        "--docker-host=unix://",
        "--bind-mounts=data",
        "--bind-mounts=/a/../b",
    ] {
        assert!(load(&[flag], &[], "").is_err(), "{flag}");
    }
}

#[test]
fn every_address_may_be_listened_on_by_a_manager_and_by_a_worker_those_of_this_machine_alone() {
    for (given, host, shown, is_loopback) in [
        ("LocalHost", "localhost", "localhost:8000", true),
        ("127.9.0.1", "127.9.0.1", "127.9.0.1:8000", true),
        ("::1", "::1", "[::1]:8000", true),
        ("[::1]", "::1", "[::1]:8000", true),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0:8000", false),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1:8000", false),
        ("[::]", "::", "[::]:8000", false),
    ] {
        let manager = load(&["--manager-host", given], &[], "").unwrap().manager;
        assert_eq!((manager.host.as_str(), manager.to_string().as_str()), (host, shown));
        assert_eq!(manager.is_loopback(), is_loopback, "{given}");
        assert_eq!(load(&["--worker-host", given], &[], "").is_ok(), is_loopback, "{given}");
    }
}

#[test]
fn a_manager_may_be_known_under_several_names() {
    let names = load(&["--advertise", "orc.example.org, 10.0.0.1,[fd00::1],"], &[], "").unwrap().advertise;
    assert_eq!(names, ["orc.example.org", "10.0.0.1", "fd00::1"]);
}

#[test]
fn each_worker_has_the_next_port_unless_any_will_do() {
    let settings = load(&["--workers=3", "--worker-port=65533"], &[], "").unwrap();
    assert_eq!(settings.worker_at(2).port, 65535);
    let settings = load(&["--workers=3", "--worker-port=0"], &[], "").unwrap();
    assert_eq!(settings.worker_at(2).port, 0);
}

#[test]
fn a_value_that_is_not_utf8_is_refused() {
    let environment = [("ORC_DATA_DIR".into(), OsString::from_vec(vec![b'/', 0xff]))];
    let error = Settings::load(&ServerFlags::default(), environment, Path::new("/nowhere")).unwrap_err();
    assert!(error.to_string().ends_with("in the environment: text in UTF-8 belongs there"), "{error}");
}

#[test]
fn an_unreadable_file_is_not_a_missing_one() {
    let directory = tempfile::tempdir().unwrap();
    let error = Settings::load(&ServerFlags::default(), [], directory.path()).unwrap_err();
    assert!(matches!(error, SettingsError::Unreadable { .. }), "{error}");
}

#[test]
fn a_slip_in_a_name_is_pointed_out_and_a_name_of_somebody_else_is_not() {
    let settings = load(
        &[],
        &["ORC_MANGER_PORT=1", "ORC_URL=x", "PORT=1", "ORC_MANAGER_HOST=localhost"],
        "ORC_WORKER=2\n",
    );
    let warnings = settings.unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert_eq!(warnings[0], "ORC_MANGER_PORT in the environment is no setting of orc; ORC_MANAGER_PORT is");
    assert!(warnings[1].ends_with("is no setting of orc; ORC_WORKERS is"), "{warnings:?}");
}

#[test]
fn the_projects_env_file_shows_every_setting_with_its_default() {
    let text = include_str!("../../.env");
    // A comment has a blank after its `#`; a setting that is commented out has none.
    let shown: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .collect();
    let names: Vec<&str> = shown.iter().map(|line| line.split_once('=').unwrap().0).collect();
    for setting in ALL {
        assert!(names.contains(&setting.env), ".env does not show {setting}");
    }
    assert_eq!(names.len(), ALL.len(), ".env shows what is no setting: {names:?}");

    let mut settings = load(&[], &[], &shown.join("\n")).unwrap();
    assert_eq!(settings.docker.host.take().as_deref(), Some("unix:///var/run/docker.sock"));
    let defaults = load(&[], &[], "").unwrap();
    assert_eq!(settings, defaults);
}
