//! What `orc run` sends: a `TaskEvent`, made of flags or taken from a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::args::{LimitArgs, PlacementArgs, SpecArgs};
use crate::cli::error::CliError;
use crate::cli::target::Environment;
use crate::model::id::{RequestId, TaskId, is_docker_name};
use crate::model::spec::{Empty, PublishMode};
use crate::wire::placement::Placement;
use crate::wire::submission::{Duration, Reserve, Restarts, TaskInput};

/// What `State` of a `TaskEvent` asks for: run it.
const RUN: i64 = 2;

/// What `State` of a `TaskEvent` asks for: stop it.
const STOP: i64 = 3;

/// No file of a task is longer, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// A `TaskEvent` for what the flags describe.
pub(super) fn from_flags(args: SpecArgs, environment: &Environment) -> Result<Value, CliError> {
    let mut task = serde_json::to_value(task(args, environment)?).map_err(io::Error::from)?;
    if let Value::Object(fields) = &mut task {
        fields.retain(|_, value| !value.is_null());
    }
    Ok(event(&task))
}

/// The task that the flags describe.
pub(in crate::cli) fn task(args: SpecArgs, environment: &Environment) -> Result<TaskInput, CliError> {
    let id = TaskId::generate();
    let image = args.image.unwrap_or_default();
    let LimitArgs { cpu, memory, reserve_cpu, reserve_memory, disk } = args.limits;
    let reserve = Reserve { cpu: reserve_cpu, memory: reserve_memory };
    let restarts = Restarts {
        delay: args.life.restart_delay.map(Duration),
        max_attempts: args.life.restart_max_attempts,
        window: args.life.restart_window.map(Duration),
    };
    let mut task = TaskInput {
        id: Some(id),
        name: Some(args.name.unwrap_or_else(|| name_for(&image, id))),
        image: Some(image),
        cpu,
        memory,
        disk,
        reserve: Some(reserve).filter(|reserve| *reserve != Reserve::default()),
        restarts: Some(restarts).filter(|restarts| *restarts != Restarts::default()),
        restart_policy: args.life.restart,
        cmd: some_of(args.command),
        entrypoint: some_of(args.entrypoint),
        working_dir: args.workdir,
        user: args.user,
        stop_signal: args.life.stop_signal,
        stop_timeout: args.life.stop_timeout,
        pull_policy: args.pull,
        failover: args.life.failover,
        mounts: some_of(args.volume),
        secrets: some_of(args.secret),
        configs: some_of(args.config),
        placement: placement(args.placement),
        labels: Some(args.label.into_iter().collect()).filter(|labels: &BTreeMap<_, _>| !labels.is_empty()),
        ..TaskInput::default()
    };
    args.life.health.describe(&mut task);
    args.container.describe(&mut task);
    for port in args.publish {
        let bound = task.port_bindings.as_ref().is_some_and(|ports| ports.contains_key(&port.container));
        let exposed = task.exposed_ports.as_ref().is_some_and(|ports| ports.contains_key(&port.container));
        if bound || exposed {
            return Err(CliError::Usage(format!(
                "{} is published twice: once is all that can be",
                port.container
            )));
        }
        match port.host {
            Some(host) => drop(task.port_bindings.get_or_insert_default().insert(port.container, host)),
            None => drop(task.exposed_ports.get_or_insert_default().insert(port.container, Empty {})),
        }
    }
    task.publish_mode = task.port_bindings.as_ref().map(|_| PublishMode::Host);
    let env = args.env.into_iter().map(|line| with_value(line, environment)).collect::<Result<_, _>>()?;
    task.env = some_of(env);
    Ok(task)
}

fn placement(args: PlacementArgs) -> Option<Placement> {
    let PlacementArgs { constraint, prefer, spread, anti_affinity } = args;
    let preferences = [prefer, spread].concat();
    let placement = Placement { constraints: constraint, preferences, anti_affinity };
    Some(placement).filter(|placement| *placement != Placement::default())
}

pub(super) fn some_of<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

/// A name that says what runs: the last part of the image's, and what tells this task from others of it.
fn name_for(image: &str, id: TaskId) -> String {
    let part = image.rsplit('/').next().and_then(|part| part.split([':', '@']).next()).unwrap_or_default();
    let part = if is_docker_name(part) { part } else { "task" };
    let id = id.to_string();
    format!("{part}-{}", &id[id.len() - 6..])
}

fn with_value(line: String, environment: &Environment) -> Result<String, CliError> {
    if line.contains('=') {
        return Ok(line);
    }
    let value = environment.variable(&line).ok_or_else(|| {
        CliError::Usage(format!("{line} is not set here: give it a value with -e {line}=VALUE, or set it"))
    })?;
    Ok(format!("{line}={value}"))
}

/// The text of a file, or of stdin when it is called `-`; and what to call it.
pub(in crate::cli) fn read_file(path: &Path) -> Result<(String, String), CliError> {
    let (name, text) = if path == Path::new("-") {
        ("stdin".to_owned(), read(io::stdin()))
    } else {
        (path.display().to_string(), File::open(path).and_then(read))
    };
    let text = text.map_err(|error| CliError::Failed(format!("{name} cannot be read: {error}")))?;
    Ok((name, text))
}

/// A `TaskEvent` from a file that holds one, or a Task. What is in it the manager judges.
pub(super) fn from_file(path: &Path) -> Result<Value, CliError> {
    let (name, text) = read_file(path)?;
    from_text(&text).map_err(|problem| CliError::Failed(format!("{name} {problem}")))
}

fn read(source: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(io::Error::other("it is longer than 1 MiB, and no task is"));
    }
    Ok(text)
}

pub(super) fn from_text(text: &str) -> Result<Value, String> {
    let wanted = "a Task belongs there, such as {\"Name\": \"web\", \"Image\": \"nginx:1.29\"}, or a TaskEvent around one";
    let fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| format!("is no JSON object of a task ({error}): {wanted}"))?;
    if !fields.contains_key("Task") {
        return Ok(event(&Value::Object(fields)));
    }
    if fields.get("State").and_then(Value::as_i64) == Some(STOP) {
        return Err("has State 3, which asks for a task to be stopped: `orc stop` does that".to_owned());
    }
    let mut event = fields;
    if event.get("ID").is_none_or(Value::is_null) {
        event.insert("ID".to_owned(), new_id());
    }
    Ok(Value::Object(event))
}

/// The event has an ID, so that it can be sent again when an answer is lost.
fn event(task: &Value) -> Value {
    json!({ "ID": new_id(), "State": RUN, "Task": task })
}

fn new_id() -> Value {
    Value::String(RequestId::generate().to_string())
}
