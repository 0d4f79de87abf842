//! What services name must be there, and must not wait for each other in a circle.

use std::collections::BTreeMap;

use super::place::Place;
use super::problem::Problems;
use super::project::Project;
use super::service::deploy::Mode;
use super::service::isolation::Namespace;
use super::service::mount::MountSource;
use super::service::network::NetworkMode;
use super::service::{PullPolicy, Service};
use super::value::quote;
use crate::spelling::resembling;

pub(super) fn check(project: &Project, problems: &mut Problems) {
    for service in project.services.values() {
        check_resources(project, service, problems);
        check_services(project, service, problems);
        check_container_name(service, problems);
        if service.build.is_none() && service.pull_policy == PullPolicy::Build {
            problems.error(
                service.place_of("pull_policy"),
                "`build` is the policy of a service that has a `build` section",
            );
        }
    }
    check_circles(project, problems);
}

fn check_resources(project: &Project, service: &Service, problems: &mut Problems) {
    for (network, attachment) in &service.networking.networks {
        named(&project.networks, "networks", network, &attachment.at, problems);
    }
    for mount in &service.mounts {
        if let MountSource::Volume { name: Some(volume), .. } = &mount.value.source {
            named(&project.volumes, "volumes", volume, &mount.at, problems);
        }
    }
    for (grants, known, section) in
        [(&service.configs, &project.configs, "configs"), (&service.secrets, &project.secrets, "secrets")]
    {
        for grant in grants {
            named(known, section, &grant.value.source, &grant.at, problems);
        }
    }
}

fn check_container_name(service: &Service, problems: &mut Problems) {
    if let Some(name) = service.container_name.as_ref()
        && !matches!(service.deploy.mode, Mode::Replicated(0 | 1) | Mode::ReplicatedJob(0 | 1))
    {
        problems.error(
            &name.at,
            "one name is not enough for several containers; take it out, or have one container",
        );
    }
}

fn named<T>(known: &BTreeMap<String, T>, section: &str, name: &str, at: &Place, problems: &mut Problems) {
    if known.contains_key(name) {
        return;
    }
    let remedy = match resembling(name, known.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("add it there, as in `{section}: {{{name}: {{}}}}`"),
    };
    problems.error(at, format!("{} is not under the top-level `{section}`; {remedy}", quote(name)));
}

fn check_services(project: &Project, service: &Service, problems: &mut Problems) {
    for (name, dependency) in &service.depends_on {
        if dependency.required {
            runs(project, name, &dependency.at, problems);
        }
    }
    if let NetworkMode::Service(name) = &service.networking.mode {
        runs(project, &name.value, &name.at, problems);
    }
    for namespace in [&service.isolation.pid, &service.isolation.ipc].into_iter().flatten() {
        if let Namespace::Service(name) = &namespace.value {
            runs(project, name, &namespace.at, problems);
        }
    }
}

fn runs(project: &Project, name: &str, at: &Place, problems: &mut Problems) {
    if project.services.contains_key(name) {
        return;
    }
    let says = if let Some(profiles) = project.inactive.get(name) {
        format!(
            "the service {} runs only in the profile `{}`, which is not active; activate it, or write \
             `required: false`",
            quote(name),
            profiles.join("` or `")
        )
    } else {
        let remedy = match resembling(name, project.services.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "add it, or take this out".to_owned(),
        };
        format!("there is no service {}; {remedy}", quote(name))
    };
    problems.error(at, says);
}

/// Services that wait for each other would wait for ever. Each circle is told once, at the service in it that
/// comes first in the alphabet.
fn check_circles(project: &Project, problems: &mut Problems) {
    for name in project.services.keys() {
        if let Some(circle) = circle_from(project, name)
            && circle.iter().all(|other| name <= other)
        {
            let at = &project.services[name].depends_on[circle.get(1).unwrap_or(name)].at;
            let says = format!("services wait for each other in a circle: {} → {name}", circle.join(" → "));
            problems.error(at, says);
        }
    }
}

/// The shortest way from a service back to it.
fn circle_from(project: &Project, start: &str) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut frontier = vec![start];
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for name in frontier {
            for other in project.services.get(name)?.depends_on.keys() {
                if other == start {
                    return Some(way(&came_from, start, name));
                }
                let is_known =
                    !project.services.contains_key(other) || came_from.contains_key(other.as_str());
                if !is_known {
                    came_from.insert(other, name);
                    next.push(other.as_str());
                }
            }
        }
        frontier = next;
    }
    None
}

fn way(came_from: &BTreeMap<&str, &str>, start: &str, end: &str) -> Vec<String> {
    let mut way = vec![end.to_owned()];
    let mut here = end;
    while here != start {
        let Some(before) = came_from.get(here) else { break };
        here = before;
        way.push(here.to_owned());
    }
    way.reverse();
    way
}
