//! Which labels the live tasks of a node have: who may not be beside whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::spec::TaskSpec;

/// A task's label and its value.
pub(super) type Label<'a> = (&'a str, &'a str);

/// The labels of live tasks, counted. Cheap to clone: nodes have many, and a pass changes few of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kin(Arc<BTreeMap<String, BTreeMap<String, Count>>>);

/// How many tasks have a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    tasks: u32,
    /// Those of them that share no node with another.
    apart: u32,
}

impl Kin {
    /// Counts a task in.
    pub(super) fn add(&mut self, spec: &TaskSpec) {
        if spec.labels.is_empty() {
            return;
        }
        let kin = Arc::make_mut(&mut self.0);
        for (name, value) in &spec.labels {
            let count = kin.entry(name.clone()).or_default().entry(value.clone()).or_default();
            count.tasks += 1;
            count.apart += u32::from(spec.placement.anti_affinity.contains(name));
        }
    }

    /// Counts a task out.
    pub(super) fn remove(&mut self, spec: &TaskSpec) {
        if spec.labels.is_empty() {
            return;
        }
        let kin = Arc::make_mut(&mut self.0);
        for (name, value) in &spec.labels {
            let Some(values) = kin.get_mut(name) else { continue };
            let Some(count) = values.get_mut(value) else { continue };
            count.tasks = count.tasks.saturating_sub(1);
            count.apart -= count.apart.min(u32::from(spec.placement.anti_affinity.contains(name)));
            if count.tasks == 0 {
                values.remove(value);
            }
            if values.is_empty() {
                kin.remove(name);
            }
        }
    }

    /// How many tasks have this label.
    pub(super) fn tasks_with(&self, (name, value): Label<'_>) -> u32 {
        self.count(name, value).tasks
    }

    /// The label that keeps a task that wants `spec` away from these: one by which it keeps apart, or one of
    /// these does.
    pub(super) fn rival<'a>(&self, spec: &'a TaskSpec) -> Option<Label<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let mut labels = spec.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        labels.find(|(name, value)| {
            let count = self.count(name, value);
            let keeps_apart = || spec.placement.anti_affinity.iter().any(|kept| kept == name);
            count.apart > 0 || (count.tasks > 0 && keeps_apart())
        })
    }

    fn count(&self, name: &str, value: &str) -> Count {
        self.0.get(name).and_then(|values| values.get(value)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(app: &str, anti_affinity: &[&str]) -> TaskSpec {
        let json = serde_json::json!({ "Name": "web", "Image": "web:1", "Labels": { "app": app, "team": "a" },
            "Placement": { "AntiAffinity": anti_affinity } });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn whoever_keeps_apart_is_a_rival_to_both() {
        let (lone, other) = (spec("web", &["app"]), spec("web", &[]));
        for (there, comes) in [(&lone, &other), (&other, &lone), (&lone, &lone)] {
            let mut kin = Kin::default();
            kin.add(there);
            assert_eq!(kin.rival(comes), Some(("app", "web")));
            assert_eq!(kin.rival(&spec("db", &["app"])), None);
        }
        let mut kin = Kin::default();
        kin.add(&other);
        assert_eq!(kin.rival(&other), None);
    }

    #[test]
    fn what_is_counted_out_again_leaves_nothing() {
        let mut kin = Kin::default();
        let (lone, other) = (spec("web", &["app"]), spec("web", &[]));
        kin.add(&lone);
        kin.add(&other);
        assert_eq!(kin.tasks_with(("app", "web")), 2);
        kin.remove(&lone);
        assert_eq!(kin.rival(&other), None);
        assert_eq!(kin.tasks_with(("app", "web")), 1);
        kin.remove(&other);
        assert_eq!(kin, Kin::default());
    }
}
