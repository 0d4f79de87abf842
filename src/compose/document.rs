//! One Compose file: read, parsed, its variables replaced, in its long form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::canonical::canonical;
use super::dotenv::{self, BadLine, EnvFormat};
use super::files::Files;
use super::interpolate::expand;
use super::place::{Place, Source};
use super::problem::Problems;
use super::value::{Node, Value};
use super::variables::Variables;
use super::yaml;

/// Files that one project is read from: each of two can include both of two others, and so on.
const MAX_FILES: usize = 1_000;

/// What all reading of files goes through.
pub(super) struct Context<'a> {
    files: &'a dyn Files,
    /// Paths are shown relative to it.
    directory: &'a Path,
    pub(super) problems: Problems,
    /// Variables that were missed, and the first place of each: one warning is enough.
    missed: BTreeMap<String, Place>,
    files_read: usize,
}

impl<'a> Context<'a> {
    pub(super) fn new(files: &'a dyn Files, directory: &'a Path) -> Self {
        Self { files, directory, problems: Problems::default(), missed: BTreeMap::new(), files_read: 0 }
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.files.exists(path)
    }

    /// The text of a file; `from` is where it is asked for.
    pub(super) fn read(&mut self, path: &Path, from: Option<&Place>) -> Option<String> {
        self.files_read += 1;
        let text = if self.files_read > MAX_FILES {
            Err(format!("it is one of more than {MAX_FILES} files, the most that are read"))
        } else {
            self.files.read(path).map_err(|error| error.to_string())
        };
        if let Err(error) = &text {
            let says = format!("{} cannot be read: {error}", self.shown(path));
            match from {
                Some(at) => self.problems.error(at, says),
                None => self.problems.error_outside(says),
            }
        }
        text.ok()
    }

    /// The variables of an environment file.
    pub(super) fn read_env(
        &mut self,
        path: &Path,
        format: EnvFormat,
        variables: &Variables,
        from: Option<&Place>,
    ) -> Option<BTreeMap<String, String>> {
        let text = self.read(path, from)?;
        let source = Arc::new(Source { name: self.shown(path), base: PathBuf::new() });
        let result = dotenv::parse(&text, format, &|name| variables.get(name));
        for BadLine { line, says } in result.as_ref().err().into_iter().flatten() {
            self.problems.error(&Place { source: Arc::clone(&source), line: *line, column: 1 }, says);
        }
        result.ok()
    }

    /// A file in its long form; relative paths in it start at `base`.
    pub(super) fn document(
        &mut self,
        path: &Path,
        base: &Path,
        variables: &Variables,
        from: Option<&Place>,
    ) -> Option<Node> {
        let text = self.read(path, from)?;
        let source = Arc::new(Source { name: self.shown(path), base: base.to_owned() });
        let mut root = yaml::parse(&text, &source, &mut self.problems)?;
        if root.as_map().is_none() {
            let says =
                format!("{} is here; a Compose file is a mapping that begins with `services:`", root.kind());
            self.problems.error(&root.at, says);
            return None;
        }
        // Nothing is made of extension fields where they stand, so they need no variables.
        let map = root.as_map_mut().into_iter().flatten();
        for (_, entry) in map.filter(|(key, _)| !key.starts_with("x-")) {
            self.interpolate(&mut entry.node, variables);
        }
        Some(canonical(root, &mut self.problems))
    }

    fn interpolate(&mut self, node: &mut Node, variables: &Variables) {
        match &mut node.value {
            Value::Null => {}
            Value::List(items) => {
                for item in items {
                    self.interpolate(item, variables);
                }
            }
            Value::Map(map) => {
                for entry in map.values_mut() {
                    self.interpolate(&mut entry.node, variables);
                }
            }
            Value::Scalar(text) => match expand(text, &|name| variables.get(name)) {
                Ok(expanded) => {
                    *text = expanded.text;
                    for name in expanded.unset {
                        self.miss(&node.at, name);
                    }
                }
                Err(says) => self.problems.error(&node.at, says),
            },
        }
    }

    fn miss(&mut self, at: &Place, name: String) {
        let first = self.missed.entry(name).or_insert_with(|| at.clone());
        if at < first {
            *first = at.clone();
        }
    }

    /// All that was found wrong.
    pub(super) fn into_problems(mut self) -> Problems {
        for (name, at) in self.missed {
            let says = format!(
                "the variable `{name}` is not set and stands for nothing; set it in the environment or in \
                 `.env`, or write `${{{name}:-}}` to mean that"
            );
            self.problems.warning(&at, says);
        }
        self.problems
    }

    /// A path as people would name it.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.directory).unwrap_or(path).display().to_string()
    }
}
