//! The variables that Compose files speak of.

use std::collections::BTreeMap;

/// Variables by name. The environment of the process wins over what `.env` files say.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    environment: BTreeMap<String, String>,
    defaults: BTreeMap<String, String>,
}

impl Variables {
    pub(super) fn new(environment: BTreeMap<String, String>) -> Self {
        Self { environment, defaults: BTreeMap::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name).or_else(|| self.defaults.get(name)).map(String::as_str)
    }

    /// With a file's variables, which win over those of the files before it.
    pub(super) fn add_file(&mut self, variables: BTreeMap<String, String>) {
        self.defaults.extend(variables);
    }

    /// With the variables of an included project, which say only what is not known here.
    pub(super) fn for_included(&self, variables: BTreeMap<String, String>) -> Self {
        let mut defaults = variables;
        defaults.extend(self.defaults.clone());
        Self { environment: self.environment.clone(), defaults }
    }

    /// Set, whatever was known.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }
}
