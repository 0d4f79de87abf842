//! Which of Docker's log drivers a task may have, and what it may tell them: those whose output can be read again.

use super::checks::plain;
use super::options::{LogConfig, shown};
use crate::model::spec::LogConfig as LogRow;

/// Options that every driver has.
const COMMON: &[&str] = &["mode", "max-buffer-size"];
/// Of those that keep output in files.
const FILES: &[&str] = &["max-size", "max-file", "compress"];
/// Of those that keep more than the lines.
const MARKS: &[&str] = &["env", "env-regex", "labels", "labels-regex", "tag"];

/// The drivers, and what each can be told. All others hand output to a server that the engine would dial, as the host does
/// and for whoever posts a task.
const DRIVERS: &[(&str, &[&[&str]])] = &[
    ("json-file", &[COMMON, FILES, MARKS]),
    ("local", &[COMMON, FILES]),
    ("journald", &[COMMON, MARKS]),
    ("none", &[]),
    // The engine's own, whichever that is: what those with files have in common.
    ("", &[COMMON, FILES]),
];

/// What a container's output becomes; `None` = as any. The error is a sentence that names the field.
pub(super) fn checked(config: &LogConfig) -> Result<Option<LogRow>, String> {
    let driver = config.driver.as_deref().unwrap_or_default();
    let Some((_, known)) = DRIVERS.iter().find(|(name, _)| *name == driver) else {
        return Err(format!(
            "Task.LogConfig.Type is {:?}: json-file, local and journald are possible, whose output `orc logs` can read, and \
             none; leave it out for the engine's own",
            shown(driver)
        ));
    };
    for (name, value) in &config.options {
        if !known.iter().any(|group| group.contains(&name.as_str())) {
            let known = known.concat().join(", ");
            let known = if known.is_empty() { "none is".to_owned() } else { format!("{known} are") };
            return Err(format!("Task.LogConfig.Config[{:?}] is not possible there; {known}", shown(name)));
        }
        plain(&format!("Task.LogConfig.Config[{name:?}]"), value)?;
        if name == "max-size" && value.starts_with('-') {
            return Err(format!(
                "Task.LogConfig.Config[\"max-size\"] is {value:?}: output without end fills the disk of its node; a size \
                 such as \"10m\" is wanted"
            ));
        }
    }
    let row = LogRow { driver: driver.to_owned(), options: config.options.clone() };
    Ok(Some(row).filter(|row| *row != LogRow::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_whose_output_is_elsewhere_and_unknown_options_are_refused() {
        for (driver, option, says) in [
            (Some("syslog"), None, "Task.LogConfig.Type is \"syslog\": json-file, "),
            (Some("gelf"), None, "leave it out for the engine's own"),
            (
                Some("journald"),
                Some("max-size"),
                "Config[\"max-size\"] is not possible there; mode, max-buffer-size, env",
            ),
            (Some("none"), Some("tag"), "none is"),
            (None, Some("gelf-address"), "mode, max-buffer-size, max-size, max-file, compress are"),
            (Some("json-file"), Some("max-size"), "fills the disk"),
        ] {
            let options = option.map(|name| (name.to_owned(), "-1".to_owned())).into_iter().collect();
            let config = LogConfig { driver: driver.map(str::to_owned), options };
            let problem = checked(&config).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
