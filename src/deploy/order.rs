//! In which order the services of a project begin.

use crate::compose::Project;

/// Names of all services, each behind those that it depends on; else by name.
pub(super) fn by_need(project: &Project) -> Vec<&str> {
    let mut waiting: Vec<&str> = project.services.keys().map(String::as_str).collect();
    let mut ordered: Vec<&str> = Vec::new();
    while !waiting.is_empty() {
        let is_free = |name: &&str| {
            let needs = project.services.get(*name).map(|service| &service.depends_on);
            needs.into_iter().flatten().all(|(need, _)| !waiting.contains(&need.as_str()))
        };
        // Reading refuses circles; were there one, it would begin somewhere.
        let next = waiting.iter().position(is_free).unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}
