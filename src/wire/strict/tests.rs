//! Tables of hostile and of merely mistaken JSON.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::model::id::TaskId;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
#[expect(dead_code, reason = "only whether it decodes is asked")]
struct Event {
    #[serde(rename = "ID")]
    id: Option<TaskId>,
    task: Task,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
#[expect(dead_code, reason = "only whether it decodes is asked")]
#[expect(clippy::zero_sized_map_values, reason = "`{}` is what Docker's API has there")]
struct Task {
    name: String,
    #[serde(default)]
    memory: u64,
    #[serde(default, rename = "CPU")]
    cpu: f64,
    #[serde(default)]
    retries: i32,
    #[serde(default)]
    stop_timeout: Option<u16>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    exposed_ports: Option<BTreeMap<String, Nothing>>,
    #[serde(default)]
    tty: bool,
    #[serde(default)]
    publish_mode: Mode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Random,
    Host,
}

fn refusal(json: impl AsRef<[u8]>) -> String {
    match decode::<Event>(json.as_ref()) {
        Ok(event) => panic!("decoded {event:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_right_is_read() {
    let json = r#" {"ID": "bb1d59ef-9fc1-4e4b-a44d-db571eeed203", "Task": {"Name": "a\u0041\ud83e\udd80", "CPU": 1,
        "Memory": 1073741824, "Env": ["A=1"], "ExposedPorts": {"7777/tcp": {}}, "PublishMode": "host"}}
    "#;
    let event = decode::<Event>(json.as_bytes()).unwrap();
    assert_eq!(event.task.name, "aA🦀");
    assert!(matches!(event.task.publish_mode, Mode::Host));
    assert!(decode::<Event>(br#"{"Task": {"Name": "a"}}"#).is_ok());
}

#[test]
fn a_mistake_is_named_with_its_path_and_what_belongs_there() {
    for (task, sentence) in [
        (r#"{"nmae": "a"}"#, "Task.nmae is no known field; Task.Name is"),
        (r#"{"name": "a"}"#, "Task.name is no known field; Task.Name is"),
        (
            r#"{"Replicas": 1}"#,
            "Task.Replicas is no known field; Name, Memory, CPU, Retries, StopTimeout, Env, Labels, ExposedPorts, \
             Tty, PublishMode are",
        ),
        (
            r#"{"": 1}"#,
            "Task.\"\" is no known field; Name, Memory, CPU, Retries, StopTimeout, Env, Labels, \
             ExposedPorts, Tty, PublishMode are",
        ),
        (r"{}", "Task.Name is missing"),
        (
            r#"{"Name": "a", "Memory": "1g"}"#,
            "Task.Memory is the string \"1g\", where an integer of 0 or more belongs",
        ),
        (
            r#"{"Name": "a", "Memory": -5}"#,
            "Task.Memory is the integer -5, where an integer of 0 or more belongs",
        ),
        (
            r#"{"Name": "a", "Memory": 1.5}"#,
            "Task.Memory is the fraction 1.5, where an integer of 0 or more belongs",
        ),
        (
            r#"{"Name": "a", "StopTimeout": 65536}"#,
            "Task.StopTimeout is the integer 65536, where an integer from 0 to 65535 belongs",
        ),
        (r#"{"Name": "a", "CPU": "2"}"#, "Task.CPU is the string \"2\", where a number belongs"),
        (r#"{"Name": "a", "Retries": null}"#, "Task.Retries is null, where an integer belongs"),
        (r#"{"Name": 7}"#, "Task.Name is the integer 7, where a string belongs"),
        (r#"{"Name": true}"#, "Task.Name is true, where a string belongs"),
        (r#"{"Name": ["a"]}"#, "Task.Name is an array, where a string belongs"),
        (r#"{"Name": "a", "Tty": "yes"}"#, "Task.Tty is the string \"yes\", where true or false belongs"),
        (r#"{"Name": "a", "Env": ["A=1", 2]}"#, "Task.Env[1] is the integer 2, where a string belongs"),
        (r#"{"Name": "a", "Env": {"A": "1"}}"#, "Task.Env is an object, where an array belongs"),
        (
            r#"{"Name": "a", "Labels": {"a b\n": 1}}"#,
            "Task.Labels.\"a b\\n\" is the integer 1, where a string belongs",
        ),
        (
            r#"{"Name": "a", "ExposedPorts": {"7777/tcp": {"x": 1}}}"#,
            "Task.ExposedPorts.7777/tcp.x is no known field; none belongs there",
        ),
        (
            r#"{"Name": "a", "PublishMode": "bridge"}"#,
            "Task.PublishMode is \"bridge\", where one of \"random\", \"host\" belongs",
        ),
        (
            r#"{"Name": "a", "PublishMode": {"host": 1}}"#,
            "Task.PublishMode.host is the integer 1, where null belongs",
        ),
        (
            r#"{"Name": "a", "PublishMode": {}}"#,
            "Task.PublishMode is an object, where an object with one field belongs",
        ),
        (r#"{"Name": "a", "PublishMode": 1}"#, "Task.PublishMode is the integer 1, where a string belongs"),
        (r#"{"Name": "a", "Name": "b"}"#, "Task.Name appears twice"),
        (r#"{"Name": "a", "N\u0061me": "b"}"#, "Task.Name appears twice"),
        (r#"{"Name": "a", "Labels": {"x": "", "x": ""}}"#, "Task.Labels.x appears twice"),
        (r#"["a", 5]"#, "Task is an array, where an object belongs"),
        (r#""run""#, "Task is the string \"run\", where an object belongs"),
        (r#"{"Name": "a"}, "task": {}"#, "task is no known field; Task is"),
        (
            r#"{"Name": "a"}, "ID": "7""#,
            "ID: \"7\" is not a UUID, such as \"bb1d59ef-9fc1-4e4b-a44d-db571eeed203\", with or without hyphens",
        ),
    ] {
        let refusal = refusal(format!(r#"{{"Task": {task}}}"#));
        assert_eq!(refusal.split(" (line ").next(), Some(sentence));
    }
}

#[test]
fn a_mistake_is_named_with_the_line_and_column_where_its_value_begins() {
    for (json, place) in [
        ("{\"Task\": {\"nmae\": 1}}", "(line 1, column 19)"),
        ("{\"ID\": null,\n \"Task\":\n\t{\"Name\": \"é\", \"Memory\": \"1g\"}}", "(line 3, column 27)"),
        ("\n{\"Task\": {}}", "(line 2, column 10)"),
        ("\n {}", "(line 2, column 2)"),
    ] {
        assert!(refusal(json).ends_with(place), "{} but {place}", refusal(json));
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    for (json, sentence) in [
        (&b""[..], "The body is empty, where JSON belongs"),
        (b" \n ", "The body is not valid JSON: EOF while parsing a value (line 2, column 1)"),
        (b"{", "The body is not valid JSON: EOF while parsing an object (line 1, column 1)"),
        (b"nul", "The body is not valid JSON: EOF while parsing a value (line 1, column 3)"),
        (b"{'ID': 1}", "The body is not valid JSON: key must be a string (line 1, column 2)"),
        (b"{\"ID\": null,}", "The body is not valid JSON: trailing comma (line 1, column 13)"),
        (b"{\"ID\":\n NaN}", "The body is not valid JSON: expected value (line 2, column 2)"),
        (b"{\"CPU\": 1e999}", "The body is not valid JSON: number out of range (line 1, column 13)"),
        (b"{\"CPU\": 01}", "The body is not valid JSON: invalid number (line 1, column 10)"),
        (b"{} {}", "The body is not valid JSON: trailing characters (line 1, column 4)"),
        (b"[1", "The body is not valid JSON: EOF while parsing a list (line 1, column 2)"),
        (b"\"x\"", "The body is the string \"x\", where an object belongs (line 1, column 1)"),
        (b"7", "The body is the integer 7, where an object belongs (line 1, column 1)"),
        (
            b"{\"ID\": \"\xff\"}",
            "The body is not UTF-8, as JSON must be: the byte 0xff begins no character (line 1, column 9)",
        ),
        (
            b"\n\n{\"\xe4\"",
            "The body is not UTF-8, as JSON must be: the byte 0xe4 begins no character (line 3, column 3)",
        ),
        (
            b"{\"ID\": \"\\ud800\"}",
            "The body is not valid JSON: unexpected end of hex escape (line 1, column 15)",
        ),
    ] {
        assert_eq!(refusal(json), sentence, "{:?}", String::from_utf8_lossy(json));
    }
}

#[test]
fn a_byte_order_mark_and_raw_control_characters_are_no_json() {
    for json in ["\u{feff}{}", "{\"ID\": \"a\nb\"}", "{\"ID\": \"\0\"}"] {
        assert!(refusal(json).starts_with("The body is not valid JSON: "), "{}", refusal(json));
    }
}

#[test]
fn thirty_two_levels_are_read_and_one_more_is_not() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(decode::<serde_json::Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(refusal(nested(MAX_DEPTH + 1)).starts_with("The body is nested deeper than 32 levels (line 1, "));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(33), "}".repeat(33));
    assert!(refusal(objects).starts_with("The body is nested deeper than 32 levels"));
}

#[test]
fn two_hundred_thousand_brackets_cost_no_more_than_thirty_three() {
    let json = "[".repeat(200_000);
    assert_eq!(refusal(json), "The body is nested deeper than 32 levels (line 1, column 33)");
}

#[test]
fn a_long_text_is_not_thrown_back_whole() {
    let long = "x".repeat(100_000);
    for json in [
        format!(r#"{{"Task": {{"Name": "a", "Memory": "{long}"}}}}"#),
        format!(r#"{{"Task": {{"{long}": 1}}}}"#),
        format!(r#"{{"Task": {{"Name": "a", "Labels": {{"{long}": 1}}}}}}"#),
        format!(r#"{{"Task": {{"Name": "a", "PublishMode": "{long}"}}}}"#),
        format!(r#"{{"{long}": 1, "{long}": 2}}"#),
    ] {
        assert!(refusal(&json).chars().count() < 600, "{}", refusal(&json));
    }
}
