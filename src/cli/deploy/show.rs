//! A plan as people read it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::words;
use crate::deploy::{Action, Field, FileStep, Plan, Step, Tasks};

/// No value is shown longer, in characters.
const LONGEST: usize = 60;

/// The plan, a paragraph for each service of which there is something to say, and the sum of it.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    let width = plan.services.iter().map(|step| step.name.len()).max().unwrap_or_default();
    for step in &plan.services {
        let _ = writeln!(text, "{:<9}  {:<width$}  {}", step.action.word(), step.name, about(step));
        let paths = step.fields.iter().map(|field| field.path.chars().count()).max().unwrap_or_default();
        for field in &step.fields {
            let path = words::plain(&field.path);
            let _ = writeln!(text, "             {path:<paths$}  {}", values(field, step.action));
        }
    }
    for step in &plan.files {
        let _ = writeln!(text, "{:<9}  {} {}", step.action.word(), step.kind, about_file(step));
    }
    let _ = write!(text, "{}", sum(plan));
    text
}

/// What else there is to say of a service, on its line.
fn about(step: &Step) -> String {
    let version = step.version.map(|version| format!("version {version}"));
    let tasks = match step.action {
        Action::Create => match step.tasks.added {
            Some(1) => "1 task".to_owned(),
            Some(tasks) => format!("{tasks} tasks"),
            None => "a task on every node that fits".to_owned(),
        },
        Action::LeftOver => "is not in the files; --prune removes it".to_owned(),
        Action::Inactive => "waits for a profile that is not active, and stays as it is".to_owned(),
        Action::Unchanged => String::new(),
        Action::Change | Action::Remove => becomes(&step.tasks),
    };
    let parts = version.into_iter().chain((!tasks.is_empty()).then_some(tasks));
    parts.collect::<Vec<_>>().join("; ")
}

/// A secret or a config on its line; never what is in it.
fn about_file(step: &FileStep) -> String {
    match step.version {
        Some(version) => format!("{}  version {version}; its contents differ, and are not shown", step.name),
        None => step.name.clone(),
    }
}

/// What becomes of tasks.
fn becomes(tasks: &Tasks) -> String {
    let mut parts = Vec::new();
    for (verb, names) in [("replaces", &tasks.replaced), ("keeps", &tasks.kept), ("stops", &tasks.stopped)] {
        if !names.is_empty() {
            parts.push(format!("{verb} {}", names.join(", ")));
        }
    }
    if let Some(added @ 1..) = tasks.added {
        parts.push(format!("adds {added}"));
    }
    parts.join("; ")
}

fn values(field: &Field, action: Action) -> String {
    let value =
        |value: Option<&Value>| value.map_or_else(|| "(none)".to_owned(), |value| shown(&field.path, value));
    match action {
        Action::Create => value(field.new.as_ref()),
        _ => format!("{} → {}", value(field.old.as_ref()), value(field.new.as_ref())),
    }
}

/// A value on one line: lengths of time in words, lists as they are typed.
fn shown(path: &str, value: &Value) -> String {
    let name = path.rsplit('.').next().unwrap_or_default();
    let is_time = matches!(name, "Interval" | "Timeout" | "StartPeriod" | "StartInterval");
    let text = match value {
        Value::Number(nanos) if is_time => nanos.as_u64().map_or_else(
            || nanos.to_string(),
            |nanos| humantime::format_duration(std::time::Duration::from_nanos(nanos)).to_string(),
        ),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => words::plain(text),
        other => words::plain(&other.to_string()),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

/// How many services of what.
fn sum(plan: &Plan) -> String {
    let counted = [
        (Action::Create, "to create"),
        (Action::Change, "to change"),
        (Action::Remove, "to remove"),
        (Action::Unchanged, "unchanged"),
        (Action::LeftOver, "left over (--prune removes them)"),
        (Action::Inactive, "inactive"),
    ];
    let parts: Vec<String> = counted
        .into_iter()
        .map(|(action, words)| (plan.count(action), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let parts = if parts.is_empty() { "it has no services".to_owned() } else { parts.join(", ") };
    format!("project {}: {parts}", plan.project)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::model::managed_file::FileKind;

    fn step(name: &str, action: Action, version: Option<u64>) -> Step {
        let (service, fields, tasks) = (name.to_owned(), Vec::new(), Tasks::default());
        Step { name: format!("shop-{name}"), service, action, version, fields, tasks }
    }

    fn field(path: &str, old: Option<Value>, new: Option<Value>) -> Field {
        Field { path: path.to_owned(), old, new }
    }

    #[test]
    fn a_plan_is_read_from_top_to_bottom() {
        let image = field("Task.Image", None, Some(json!("postgres:16")));
        let new = Tasks { added: Some(1), ..Tasks::default() };
        let changed = vec![
            field("Replicas", Some(json!(1)), Some(json!(3))),
            field("Task.Cmd", None, Some(json!(["serve", "--x".repeat(30)]))),
            field("Task.Env.A", Some(json!("")), Some(json!("\u{1b}[31m"))),
            field("Task.Timeout", Some(json!(5_000_000_000_u64)), None),
        ];
        let tasks = Tasks { replaced: vec!["shop-web.1.v3".to_owned()], added: Some(2), ..Tasks::default() };
        let services = vec![
            Step { fields: vec![image], tasks: new, ..step("db", Action::Create, None) },
            Step { fields: changed, tasks, ..step("web", Action::Change, Some(3)) },
            step("cache", Action::Unchanged, Some(1)),
            step("old", Action::LeftOver, Some(2)),
        ];
        let file =
            |kind, name: &str, action, version| FileStep { kind, name: name.to_owned(), action, version };
        let files = vec![
            file(FileKind::Secret, "shop_db", Action::Change, Some(4)),
            file(FileKind::Config, "shop_site", Action::Create, None),
        ];
        let shown = plan(&Plan { project: "shop".to_owned(), services, files });
        expect![[r#"
            create     shop-db     1 task
                         Task.Image  postgres:16
            change     shop-web    version 3; replaces shop-web.1.v3; adds 2
                         Replicas      1 → 3
                         Task.Cmd      (none) → ["serve","--x--x--x--x--x--x--x--x--x--x--x--x--x--x--x--x--…
                         Task.Env.A    "" → \u{1b}[31m
                         Task.Timeout  5s → (none)
            unchanged  shop-cache  version 1
            left over  shop-old    version 2; is not in the files; --prune removes it
            change     secret shop_db  version 4; its contents differ, and are not shown
            create     config shop_site
            project shop: 1 to create, 1 to change, 1 unchanged, 1 left over (--prune removes them)"#]]
        .assert_eq(&shown);
    }
}
