//! The table of what orc does with each key is whole, and tells people what they should know.

use std::collections::BTreeSet;

use orc::compose::{Support, support};

use crate::files::{read, said};

/// The keys of the specification, as they are in its schema.
fn specified() -> BTreeSet<&'static str> {
    include_str!("keys.txt").lines().filter(|line| !line.starts_with('#')).collect()
}

/// The keys around a key, innermost first.
fn around(key: &str) -> impl Iterator<Item = &str> {
    key.rmatch_indices(['.', '[']).map(|(at, _)| &key[..at])
}

#[test]
fn every_key_of_the_specification_has_its_fate_in_the_table() {
    let keys = specified();
    assert!(keys.len() > 300, "only {} keys: this is not the specification", keys.len());
    let is_settled = |key: &str| {
        let whole_is_left_out = around(key).any(|outer| {
            matches!(support::support_of(outer), Some(Support::Warned(_) | Support::Refused(_)))
        });
        // An older form of `external: true` and `name`, which is what it is read as.
        support::support_of(key).is_some() || whole_is_left_out || key.ends_with(".external.name")
    };
    let unknown: Vec<&str> = keys.into_iter().filter(|key| !is_settled(key)).collect();
    assert!(unknown.is_empty(), "in the specification, not in the table: {unknown:#?}");
}

#[test]
fn the_table_has_no_key_that_the_specification_has_not() {
    let specified = specified();
    let is_own = |key: &str| key.split('.').any(|part| part == "x-orc");
    let invented: Vec<&String> =
        support::keys().filter(|key| !specified.contains(key.as_str()) && !is_own(key)).collect();
    assert!(invented.is_empty(), "in the table, not in the specification: {invented:#?}");
}

#[test]
fn what_is_not_done_says_what_is_instead() {
    for key in support::keys() {
        if let Some(Support::Warned(says) | Support::Refused(says)) = support::support_of(key) {
            assert!(says.len() > 20 && !says.ends_with('.'), "{key}: {says}");
        }
    }
}

#[test]
fn the_report_names_each_key_with_its_place_and_fate() {
    let reading = read(&[(
        "compose.yaml",
        "\
version: \"3\"
x-own: {anything: goes}
services:
  web:
    image: nginx
    x-own: 1
    links: [db]
    environment: {any: name}
    deploy:
      endpoint_mode: vip
      replicas: 2
    networks:
      default: {priority: 3, aliases: [www]}
    develop: {watch: [{path: ., action: sync}]}
",
    )]);
    assert_eq!(said(&reading.errors), Vec::<String>::new());
    let report: Vec<String> = reading.support.iter().map(ToString::to_string).collect();
    for (expected, count) in [
        ("compose.yaml:1:1: version is not honoured: it is obsolete", 1),
        ("compose.yaml:5:5: services.web.image is honoured", 1),
        ("compose.yaml:7:5: services.web.links is not honoured: services on a common network", 1),
        ("compose.yaml:10:7: services.web.deploy.endpoint_mode is not honoured: the name of a service", 1),
        ("compose.yaml:11:7: services.web.deploy.replicas is honoured", 1),
        ("compose.yaml:13:17: services.web.networks.default.priority is not honoured", 1),
        ("compose.yaml:14:5: services.web.develop is not honoured", 1),
        ("compose.yaml:2:", 0),
        ("compose.yaml:6:", 0),
    ] {
        assert_eq!(
            report.iter().filter(|line| line.starts_with(expected)).count(),
            count,
            "{expected}: {report:#?}"
        );
    }
    let mut sorted = reading.support.clone();
    sorted.sort();
    assert_eq!(reading.support, sorted, "the report goes from top to bottom");
}
