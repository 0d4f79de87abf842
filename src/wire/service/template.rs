//! Templates in a service's task: which have a meaning, and what is checked in their place.

use crate::model::service::ServiceName;
use crate::model::spec::TaskSpec;
use crate::model::template::{self, Known};
use crate::wire::policy::Policy;
use crate::wire::submission::TaskInput;

/// The specification of a task that may have templates. The values that they will have are made of the characters of names:
/// so one example tells whether any will do.
pub(super) fn spec(task: &TaskInput, name: &ServiceName, policy: &Policy) -> Result<TaskSpec, String> {
    for (index, line) in task.env.iter().flatten().enumerate() {
        check(&format!("Task.Env[{index}]"), line)?;
    }
    for (index, mount) in task.mounts.iter().flatten().enumerate() {
        check(&format!("Task.Mounts[{index}].Source"), &mount.source)?;
    }
    check("Task.Hostname", task.hostname.as_deref().unwrap_or_default())?;
    let mut example = task.clone();
    let known = Known {
        service: Some(name.as_str()),
        slot: Some("1"),
        task_name: Some("task"),
        task_id: Some("bb1d59ef"),
        node: Some("node"),
    };
    let filled = |text: &mut String| *text = template::fill(text, known).into_owned();
    example.env.iter_mut().flatten().for_each(filled);
    example.mounts.iter_mut().flatten().for_each(|mount| filled(&mut mount.source));
    example.hostname.iter_mut().for_each(filled);
    let mut spec = example.spec(policy)?;
    spec.env = task.env.clone().unwrap_or_default();
    for (mount, written) in spec.mounts.iter_mut().zip(task.mounts.iter().flatten()) {
        mount.source.clone_from(&written.source);
    }
    if let (Some(options), Some(written)) = (&mut spec.options, &task.hostname) {
        options.hostname.clone_from(written);
    }
    Ok(spec)
}

fn check(field: &str, text: &str) -> Result<(), String> {
    template::check(text).map_err(|unknown| {
        format!(
            "{field} has {:?} at character {}: there are {}, and {{{{\"{{{{\"}}}} for braces themselves",
            unknown.written,
            unknown.column,
            template::words()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::strict::decode;

    fn read(fields: &str) -> Result<TaskSpec, String> {
        let task = format!(r#"{{"Name":"web","Image":"i",{fields}}}"#);
        let task: TaskInput = decode(task.as_bytes()).map_err(|error| error.to_string())?;
        spec(&task, &"web".parse().unwrap(), &Policy::default())
    }

    #[test]
    fn templates_are_kept_and_unknown_ones_refused_with_their_place() {
        let written = r#""Env":["A={{.Slot}}"],"Hostname":"{{.Node}}","Mounts":[{"Source":"d-{{.Slot}}","Target":"/d"}]"#;
        let spec = read(written).unwrap();
        assert_eq!((spec.env[0].as_str(), spec.options().hostname.as_str()), ("A={{.Slot}}", "{{.Node}}"));
        assert_eq!(spec.mounts[0].source, "d-{{.Slot}}");
        for (fields, says) in [
            (
                r#""Env":["A=1","B={{.Image}}"]"#,
                "Task.Env[1] has \"{{.Image}}\" at character 3: there are {{.Service.Name}}, ",
            ),
            (r#""Hostname":"a{{.Slot""#, "Task.Hostname has \"{{.Slot\" at character 2"),
            (r#""Mounts":[{"Source":"{{.Service}}/x","Target":"/d"}]"#, "a volume's name is wanted"),
            (r#""Mounts":[{"Type":"bind","Source":"/{{.Node}}","Target":"/d"}]"#, "ORC_BIND_MOUNTS"),
            (r#""Hostname":"-{{.Slot}}""#, "Task.Hostname is \"-1\""),
        ] {
            let problem = read(fields).unwrap_err();
            assert!(problem.contains(says), "{fields}: {problem}");
        }
    }
}
