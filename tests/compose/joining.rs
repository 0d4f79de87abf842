//! Several files as one project: merged, extended, included; which they are, and which variables they see.

use std::path::Path;

use orc::compose::service::mount::MountSource;
use orc::compose::{Project, Request, load};
use proptest::prelude::*;

use crate::files::{files, project, read, request, said, whole};

/// Two files, the second over the first.
#[track_caller]
fn merged(base: &str, over: &str) -> Project {
    let reading = read(&[("compose.yaml", base), ("compose.override.yaml", over)]);
    whole(reading)
}

const BASE: &str = r#"
services:
  web:
    image: nginx:1
    command: [nginx, -g, daemon off;]
    environment: [A=1, B=2]
    labels: {tier: front}
    dns: 192.0.2.1
    ports: ["8080:80", "443:443"]
    volumes: ["data:/data", "./conf:/etc/nginx:ro"]
    healthcheck:
      test: curl localhost
      interval: 10s
    logging: {driver: syslog, options: {tag: web}}
    secrets: [key]
volumes: {data: {}, other: {}}
secrets: {key: {external: true}}
"#;

#[test]
fn mappings_are_merged_lists_appended_and_commands_replaced() {
    let project = merged(
        BASE,
        r#"
services:
  web:
    image: nginx:2
    command: [other]
    environment: {B: two, C: 3}
    dns: [192.0.2.1, 192.0.2.2]
    ports: ["8080:80", "9000:9000"]
    volumes: ["other:/data"]
    healthcheck:
      test: [CMD, "true"]
    logging: {driver: json-file}
    secrets: [{source: key, mode: 0400}]
  more:
    image: busybox
"#,
    );
    let web = &project.services["web"];
    assert_eq!(web.image.as_ref().expect("it has one").value, "nginx:2");
    assert_eq!(web.process.command.as_deref(), Some(&["other".to_owned()][..]));
    assert_eq!(
        web.environment.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["A=1", "B=two", "C=3"]
    );
    assert_eq!(web.networking.dns, ["192.0.2.1", "192.0.2.2"]);
    let ports: Vec<u16> = web.ports.iter().map(|port| port.value.target).collect();
    assert_eq!(ports, [80, 443, 9000], "what is said twice is published once");
    assert_eq!(web.mounts.len(), 2);
    let data = &web.mounts[0];
    assert!(matches!(&data.value.source, MountSource::Volume { name: Some(name), .. } if name == "other"));
    assert_eq!(data.at.to_string(), "compose.override.yaml:9:15", "who said it last is named");
    let health = web.healthcheck.as_ref().expect("it has one");
    assert_eq!(health.interval, Some(std::time::Duration::from_secs(10)));
    assert_eq!(health.test, orc::compose::service::health::HealthTest::Exec(vec!["true".to_owned()]));
    assert!(web.logging.as_ref().expect("it has one").options.is_empty(), "another driver, other options");
    assert_eq!(web.secrets.len(), 1);
    assert_eq!(web.secrets[0].value.mode, Some(0o400));
    assert_eq!(project.services.len(), 2);
}

#[test]
fn reset_takes_away_and_override_stands_alone() {
    let project = merged(
        BASE,
        "\
services:
  web:
    ports: !reset []
    environment:
      A: !reset null
    volumes: !override [\"other:/x\"]
    dns: !reset
    healthcheck: !override {disable: true}
",
    );
    let web = &project.services["web"];
    assert!(web.ports.is_empty() && web.networking.dns.is_empty());
    assert_eq!(web.environment.keys().collect::<Vec<_>>(), ["B"]);
    assert_eq!(web.mounts.iter().map(|mount| mount.value.target.as_str()).collect::<Vec<_>>(), ["/x"]);
    let health = web.healthcheck.as_ref().expect("it has one");
    assert_eq!(health.test, orc::compose::service::health::HealthTest::Disabled);
    assert_eq!(health.interval, None);
}

#[test]
fn a_file_over_itself_changes_nothing() {
    let mut over = merged(BASE, BASE);
    let once = project(BASE);
    // They differ in the places alone.
    for service in over.services.values_mut() {
        assert_eq!(service.ports.len(), once.services[&service.name].ports.len());
        assert_eq!(service.mounts.len(), once.services[&service.name].mounts.len());
        assert_eq!(service.secrets.len(), once.services[&service.name].secrets.len());
        assert_eq!(service.environment, once.services[&service.name].environment);
        assert_eq!(service.networking.dns, once.services[&service.name].networking.dns);
        assert_eq!(service.process, once.services[&service.name].process);
        assert_eq!(service.healthcheck, once.services[&service.name].healthcheck);
        assert_eq!(service.logging, once.services[&service.name].logging);
    }
}

#[test]
fn a_service_begins_as_the_one_that_it_extends_and_paths_stay_where_they_were_written() {
    let reading = read(&[
        (
            "compose.yaml",
            "\
services:
  web:
    extends: {file: common/base.yaml, service: web}
    environment: {B: 2}
    command: run
  worker:
    extends: web
    command: work
",
        ),
        (
            "common/base.yaml",
            "\
services:
  root:
    image: app
    env_file: app.env
  web:
    extends: root
    volumes: [./data:/data]
    environment: {A: 1}
    command: serve
",
        ),
        ("common/app.env", "FROM_FILE=yes\nB=file\n"),
    ]);
    let project = whole(reading);
    let worker = &project.services["worker"];
    assert_eq!(worker.image.as_ref().expect("inherited").value, "app");
    assert_eq!(worker.image.as_ref().expect("inherited").at.to_string(), "common/base.yaml:3:12");
    assert_eq!(worker.process.command.as_deref(), Some(&["work".to_owned()][..]));
    let environment: Vec<String> = worker.environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(environment, ["A=1", "B=2", "FROM_FILE=yes"]);
    let MountSource::Bind { path, .. } = &worker.mounts[0].value.source else { panic!("it is a bind mount") };
    assert_eq!(path, Path::new("/srv/app/common/data"));
}

#[test]
fn an_included_project_has_its_own_directory_and_variables() {
    let reading = read(&[
        (
            "compose.yaml",
            "\
include:
  - db/compose.yaml
  - path: [mail/a.yaml, mail/b.yaml]
    project_directory: .
    env_file: mail/vars.env
services:
  web:
    image: web
    depends_on: [db, mail]
",
        ),
        (".env", "TAG=parent\n"),
        (
            "db/compose.yaml",
            "\
services:
  db:
    image: postgres:${VERSION}-${TAG}
    volumes: [./data:/data, named:/named]
volumes:
  named:
",
        ),
        ("db/.env", "VERSION=16\nTAG=child\n"),
        ("mail/a.yaml", "services:\n  mail:\n    image: mail:$WHICH\n    volumes: [./spool:/spool]\n"),
        ("mail/b.yaml", "services:\n  mail:\n    user: mail\n"),
        ("mail/vars.env", "WHICH=one\n"),
    ]);
    let project = whole(reading);
    let image = |name: &str| project.services[name].image.as_ref().expect("each has one").value.as_str();
    assert_eq!(image("db"), "postgres:16-parent", "the parent's word counts more");
    assert_eq!(image("mail"), "mail:one");
    assert_eq!(project.services["mail"].process.user.as_deref(), Some("mail"));
    assert_eq!(project.volumes["named"].name, "app_named");
    let path = |name: &str| match &project.services[name].mounts[0].value.source {
        MountSource::Bind { path, .. } => path.clone(),
        other => panic!("{other:?} is no bind mount"),
    };
    assert_eq!(path("db"), Path::new("/srv/app/db/data"));
    assert_eq!(path("mail"), Path::new("/srv/app/spool"));
}

#[test]
fn what_is_included_must_not_be_said_again() {
    let reading = read(&[
        ("compose.yaml", "include: [a.yaml, a.yaml]\nservices:\n  web:\n    image: mine\n"),
        ("a.yaml", "services:\n  web:\n    image: theirs\n  db:\n    image: db\n"),
    ]);
    assert_eq!(
        said(&reading.errors),
        [
            "compose.yaml:3:3: `web` of `services` is in a.yaml:2:3 as well; what is included must not be said again, so rename one of them"
        ]
    );
}

#[test]
fn the_usual_files_are_found_from_below_with_what_is_over_them() {
    let files = files(&[
        ("docker-compose.yml", "services:\n  web:\n    image: base\n"),
        ("docker-compose.override.yml", "services:\n  web:\n    image: over\n"),
        (".env", "UNUSED=1\n"),
    ]);
    let request = Request { directory: "/srv/app/src/deep".into(), ..request(&[]) };
    let project = whole(load(&request, &files));
    assert_eq!(project.services["web"].image.as_ref().expect("it has one").value, "over");
    assert_eq!(project.directory, Path::new("/srv/app"));
    assert_eq!(project.name, "app");
}

#[test]
fn named_files_are_the_only_ones() {
    let files = files(&[
        ("compose.yaml", "services:\n  no:\n    image: no\n"),
        ("deploy/a.yaml", "services:\n  web:\n    image: a\n    volumes: [./x:/x]\n"),
        ("deploy/b.yaml", "services:\n  web:\n    image: b$C\n"),
        ("deploy/.env", "C=c\n"),
    ]);
    let by_flag = Request { files: vec!["deploy/a.yaml".into(), "deploy/b.yaml".into()], ..request(&[]) };
    let by_variable = request(&[("COMPOSE_FILE", "deploy/a.yaml:deploy/b.yaml")]);
    for request in [by_flag, by_variable] {
        let project = whole(load(&request, &files));
        assert_eq!(project.services.keys().collect::<Vec<_>>(), ["web"]);
        assert_eq!(project.services["web"].image.as_ref().expect("it has one").value, "bc");
        assert_eq!(project.directory, Path::new("/srv/app/deploy"));
    }
}

#[test]
fn a_name_on_the_command_line_wins_then_the_environment_then_the_file_then_the_directory() {
    let said = "name: in-${WHERE}\nservices:\n  web:\n    image: $COMPOSE_PROJECT_NAME\n";
    let unsaid = "services:\n  web:\n    image: $COMPOSE_PROJECT_NAME\n";
    for (text, flag, variable, expected) in [
        (said, Some("flag"), Some("variable"), "flag"),
        (said, None, Some("variable"), "variable"),
        (said, None, None, "in-file"),
        (unsaid, None, None, "app"),
    ] {
        let mut request = request(&[("WHERE", "file")]);
        request.project_name = flag.map(str::to_owned);
        request.environment.extend(variable.map(|name| ("COMPOSE_PROJECT_NAME".to_owned(), name.to_owned())));
        let project = whole(load(&request, &files(&[("compose.yaml", text)])));
        assert_eq!(project.name, expected);
        assert_eq!(project.services["web"].image.as_ref().expect("it has one").value, expected);
        assert_eq!(project.networks["default"].name, format!("{expected}_default"));
    }
}

#[test]
fn profiles_say_which_services_run() {
    let text = "\
services:
  web:
    image: a
  debug:
    image: b
    profiles: [dev, test]
  ci:
    image: c
    profiles: [ci]
";
    for (flag, variable, expected) in [
        (None, None, vec!["web"]),
        (Some("test"), None, vec!["debug", "web"]),
        (None, Some("dev, ci"), vec!["ci", "debug", "web"]),
        (Some("*"), None, vec!["ci", "debug", "web"]),
    ] {
        let mut request = request(&[]);
        request.profiles.extend(flag.map(str::to_owned));
        request
            .environment
            .extend(variable.map(|names: &str| ("COMPOSE_PROFILES".to_owned(), names.to_owned())));
        let project = whole(load(&request, &files(&[("compose.yaml", text)])));
        assert_eq!(project.services.keys().collect::<Vec<_>>(), expected);
        assert_eq!(project.services.len() + project.inactive.len(), 3);
    }
}

#[test]
fn the_environment_wins_over_env_files_and_later_ones_over_earlier() {
    let files = files(&[
        ("compose.yaml", "services:\n  web:\n    image: $A-$B-$C\n    environment: [A, UNKNOWN, B=own]\n"),
        ("one.env", "A=one\nB=one\nC=one\n"),
        ("two.env", "B=two\nC=${A}+two\n"),
    ]);
    let request =
        Request { env_files: vec!["one.env".into(), "two.env".into()], ..request(&[("A", "process")]) };
    let project = whole(load(&request, &files));
    let web = &project.services["web"];
    assert_eq!(web.image.as_ref().expect("it has one").value, "process-two-process+two");
    assert_eq!(
        web.environment.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["A=process", "B=own"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_file_is_too_strange(text in "(services|image|ports|[a-c]|[-:{}\\[\\]&*!<>|$\"'#,]|\n|  |\t){0,40}") {
        let reading = read(&[("compose.yaml", &text)]);
        prop_assert!(reading.project.is_some() || !reading.errors.is_empty());
    }

    #[test]
    fn a_service_over_itself_is_itself(
        ports in prop::collection::btree_set(1u16..2000, 0..5),
        names in prop::collection::btree_set("[a-d]{1,3}", 0..4),
    ) {
        let ports = ports.iter().map(|port| format!("\"{port}:{port}\"")).collect::<Vec<_>>().join(", ");
        let mounts = names.iter().map(|name| format!("\"./{name}:/{name}\"")).collect::<Vec<_>>().join(", ");
        let variables = names.iter().map(|name| format!("{name}={name}")).collect::<Vec<_>>().join(", ");
        let text = format!("\
services:
  web:
    image: a
    ports: [{ports}]
    volumes: [{mounts}]
    environment: [{variables}]
    cap_add: [{}]
", names.iter().cloned().collect::<Vec<_>>().join(", "));
        let files = files(&[("compose.yaml", &text)]);
        let once = whole(load(&request(&[]), &files));
        let twice = Request { files: vec!["compose.yaml".into(), "compose.yaml".into()], ..request(&[]) };
        prop_assert_eq!(whole(load(&twice, &files)), once);
    }
}
