//! What is wrong is told with file, line and column, all of it at once, and with what would be right.

use orc::compose::load;

use crate::files::{files, read, request, said};

/// Each expected beginning is that of an error, in order, and there are no others.
#[track_caller]
fn check(text: &[(&str, &str)], expected: &[&str]) {
    let reading = read(text);
    let errors = said(&reading.errors);
    assert!(reading.project.is_none(), "what is wrong is no project");
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\n  should begin with\n{expected}");
    }
}

#[track_caller]
fn check_one(text: &str, expected: &[&str]) {
    check(&[("compose.yaml", text)], expected);
}

#[test]
fn everything_that_is_wrong_in_a_file_is_told_at_once() {
    check_one(
        "\
services:
  web:
    imgae: nginx
    ports:
      - \"80:99999\"
      - \"8000-8002:80-81\"
      - eighty
    restart: sometimes
    init: perhaps
    mem_limit: lots
    stop_grace_period: 10
    depends_on: [dbb]
    networks: [bakend]
    volumes:
      - data:/data
      - ./here:relative
    secrets: [key]
    command: \"echo 'open\"
    healthcheck:
      test: [PERHAPS, true]
      retires: 3
  db:
    image: postgres
networks:
  backend:
",
        &[
            "compose.yaml:2:3: the service `web` has neither `image` nor `build`",
            "compose.yaml:3:5: `imgae` is no key here; did you mean `image`?",
            "compose.yaml:5:9: `99999` is no port; ports are the numbers 1 to 65535",
            "compose.yaml:6:9: `8000-8002:80-81` publishes 2 ports on 3",
            "compose.yaml:7:9: `eighty` cannot be understood; it is written `80`",
            "compose.yaml:8:14: `sometimes` is no restart policy; there are `no`",
            "compose.yaml:9:11: `perhaps` is here, where `true` or `false` belongs",
            "compose.yaml:10:16: `lots` is no size; it is written `512m`",
            "compose.yaml:11:24: `10` is no duration; it is written `10s`",
            "compose.yaml:12:18: there is no service `dbb`",
            "compose.yaml:13:16: `bakend` is not under the top-level `networks`; did you mean `backend`?",
            "compose.yaml:15:9: `data` is not under the top-level `volumes`; add it there, as in `volumes: {data: {}}`",
            "compose.yaml:16:9: the path in the container, `relative`, must be absolute",
            "compose.yaml:17:15: `key` is not under the top-level `secrets`",
            "compose.yaml:18:14: the quote ' is never closed in this command",
            "compose.yaml:20:13: this test cannot be understood",
            "compose.yaml:21:7: `retires` is no key here; did you mean `retries`?",
        ],
    );
}

#[test]
fn values_of_the_wrong_kind_are_named_with_what_belongs_there() {
    check_one(
        "\
services:
  web:
    image: [nginx]
    ports: {80: 80}
    deploy: 3
    environment: 7
    cap_add: NET_ADMIN
    cpus: -1
",
        &[
            "compose.yaml:3:12: a list is here, where a text belongs",
            "compose.yaml:4:12: a mapping is here, where a list belongs",
            "compose.yaml:5:13: `3` is here, where a mapping belongs",
            "compose.yaml:6:18: `7` is here, where a mapping or a list",
            "compose.yaml:7:14: `NET_ADMIN` is here, where a list belongs",
            "compose.yaml:8:11: `-1` is here, where a number not below 0 belongs",
        ],
    );
}

#[test]
fn a_tab_in_the_indentation_is_found_where_it_is() {
    check_one(
        "services:\n  web:\n\t  image: nginx\n",
        &["compose.yaml:3:1: a tab is part of the indentation"],
    );
}

#[test]
fn what_is_no_yaml_is_found_where_it_breaks() {
    check_one("services:\n  web: {image: nginx\n", &["compose.yaml:3:1: this is not YAML:"]);
    check_one("- services\n", &["compose.yaml:1:1: a list is here; a Compose file is a mapping"]);
    check_one("services: {}\n---\nservices: {}\n", &["compose.yaml:2:1: a second document begins here"]);
}

#[test]
fn a_key_that_is_there_twice_is_told_with_the_line_of_the_first() {
    check_one(
        "services:\n  web:\n    image: a\n    image: b\n",
        &["compose.yaml:4:5: `image` is here for the second time, the first is in line 3"],
    );
}

#[test]
fn a_file_that_stands_for_a_billion_values_is_refused_in_no_time() {
    let mut lines = vec!["x-a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]".to_owned()];
    for level in 0..10 {
        let repeated = vec![format!("*a{level}"); 10].join(", ");
        lines.push(format!("x-{level}: &a{} [{repeated}]", level + 1));
    }
    let text = lines.join("\n");
    let reading = read(&[("compose.yaml", &text)]);
    assert!(said(&reading.errors)[0].contains("stands for more than 200000 values"), "{:?}", reading.errors);
    let deep = "[".repeat(100_000);
    let reading = read(&[("compose.yaml", &deep)]);
    assert_eq!(reading.errors.len(), 1, "{:?}", reading.errors);
}

#[test]
fn a_variable_that_is_demanded_is_an_error_and_one_that_is_missed_a_warning() {
    let text = "services:\n  web:\n    image: nginx:${TAG}\n    user: ${WHO:?say who}\n    hostname: ${TAG}\nx-note: $UNUSED\n";
    let reading = read(&[("compose.yaml", text)]);
    assert_eq!(
        said(&reading.errors),
        [
            "compose.yaml:4:11: the variable `WHO` is not set, or empty: say who; set it in the environment or in `.env`"
        ]
    );
    assert_eq!(reading.warnings.len(), 1, "once is enough: {:?}", reading.warnings);
    assert!(said(&reading.warnings)[0].starts_with("compose.yaml:3:12: the variable `TAG` is not set"));
}

#[test]
fn services_that_wait_for_each_other_are_a_circle_that_is_told_once() {
    check_one(
        "\
services:
  a:
    image: a
    depends_on: [b]
  b:
    image: b
    depends_on: [c]
  c:
    image: c
    depends_on: [a]
  d:
    image: d
    depends_on: [a]
",
        &["compose.yaml:4:18: services wait for each other in a circle: a → b → c → a"],
    );
    check_one(
        "services:\n  a:\n    image: a\n    depends_on: [a]\n",
        &["compose.yaml:4:18: services wait for each other in a circle: a → a"],
    );
}

#[test]
fn services_that_extend_each_other_are_a_circle() {
    check(
        &[
            ("compose.yaml", "services:\n  a:\n    image: a\n    extends: {file: other.yaml, service: b}\n"),
            ("other.yaml", "services:\n  b:\n    extends: {file: compose.yaml, service: a}\n"),
        ],
        &["other.yaml:3:44: services extend each other in a circle: a → b → a"],
    );
}

#[test]
fn what_is_extended_must_be_there() {
    check_one(
        "services:\n  web:\n    image: a\n    extends: bsae\n  base:\n    image: b\n",
        &["compose.yaml:4:14: there is no service `bsae` in compose.yaml; did you mean `base`?"],
    );
    check_one(
        "services:\n  web:\n    image: a\n    extends: {service: base, file: nowhere.yaml}\n",
        &["compose.yaml:4:36: nowhere.yaml cannot be read:"],
    );
}

#[test]
fn files_that_include_each_other_are_a_circle() {
    check(
        &[
            ("compose.yaml", "include: [other.yaml]\nservices:\n  a:\n    image: a\n"),
            ("other.yaml", "include:\n  - compose.yaml\n"),
        ],
        &["other.yaml:2:5: files include each other in a circle: compose.yaml → other.yaml → compose.yaml"],
    );
}

#[test]
fn files_that_multiply_are_read_no_further_than_a_bound() {
    let mut texts = vec![("compose.yaml".to_owned(), "include: [a0.yaml, b0.yaml]\n".to_owned())];
    for level in 0..30 {
        let text = format!("include: [a{0}.yaml, b{0}.yaml]\n", level + 1);
        texts.extend(["a", "b"].map(|name| (format!("{name}{level}.yaml"), text.clone())));
    }
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let reading = read(&texts);
    assert!(said(&reading.errors).iter().any(|error| error.contains("one of more than 1000 files")));
}

#[test]
fn files_that_are_not_there_are_named_where_they_are_asked_for() {
    check_one(
        "\
services:
  web:
    image: a
    env_file: web.env
    configs: [c]
configs:
  c:
    file: ./c.conf
secrets:
  s:
    environment: S
include: [more.yaml]
",
        &[
            "compose.yaml:4:15: web.env cannot be read:",
            "compose.yaml:8:11: there is no file c.conf",
            "compose.yaml:11:18: the variable `S` is not set",
            "compose.yaml:12:11: more.yaml cannot be read:",
        ],
    );
}

#[test]
fn a_wrong_line_of_an_environment_file_is_named() {
    check(
        &[
            ("compose.yaml", "services:\n  web:\n    image: a\n    env_file: web.env\n"),
            ("web.env", "A=1\nB C=2\n"),
        ],
        &["web.env:2:1: `B C` is no name of a variable; a line reads `NAME=value`"],
    );
}

#[test]
fn what_orc_refuses_is_an_error_that_says_what_to_do() {
    check_one(
        "\
services:
  web:
    image: a
    volumes_from: [db]
    use_api_socket: true
    networks:
      default:
        ipv4_address: 10.0.0.2
",
        &[
            "compose.yaml:4:5: `volumes_from` is refused: tasks may be on different nodes; name the volumes",
            "compose.yaml:5:5: `use_api_socket` is refused: who has the engine's socket owns the node",
        ],
    );
}

#[test]
fn what_waits_for_a_profile_cannot_be_depended_on() {
    check_one(
        "\
services:
  web:
    image: a
    depends_on: [debug]
  debug:
    image: b
    profiles: [dev]
",
        &["compose.yaml:4:18: the service `debug` runs only in the profile `dev`, which is not active"],
    );
}

#[test]
fn a_project_must_have_a_name_that_fits() {
    let files = files(&[("compose.yaml", "services:\n  web:\n    image: a\n")]);
    let request = orc::compose::Request { project_name: Some("My App".to_owned()), ..request(&[]) };
    let reading = load(&request, &files);
    assert!(
        said(&reading.errors)[0].starts_with("the project name `My App` on the command line does not fit")
    );
}

#[test]
fn where_there_is_no_compose_file_the_usual_names_are_told() {
    let reading = read(&[]);
    let errors = said(&reading.errors);
    assert_eq!(
        errors,
        [
            "there is no Compose file in /srv/app or above it; name one with `-f FILE`, or call it `compose.yaml`"
        ]
    );
}
