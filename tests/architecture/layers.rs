//! Pure core, thin shell: which layer may import which, and which crate stays in which layer.

use crate::breach;
use crate::source::{Source, Word, words};

/// A folder or file right under `src/`, and the others whose names may appear in it.
struct Layer {
    name: &'static str,
    may_know: &'static [&'static str],
}

/// What a manager and a worker are made of; neither knows the other.
const PARTS: &[&str] = &[
    "model", "plan", "store", "engine", "wire", "trust", "serve", "client", "ingress", "settings", "clock",
    "spelling",
];

/// The parts and both roles.
const ROLES: &[&str] = &[
    "model", "plan", "store", "engine", "wire", "trust", "serve", "client", "ingress", "settings", "clock",
    "spelling", "manager", "worker",
];

const LAYERS: &[Layer] = &[
    Layer { name: "model", may_know: &[] },
    Layer { name: "spelling", may_know: &[] },
    Layer { name: "clock", may_know: &["model"] },
    Layer { name: "tcp", may_know: &[] },
    Layer { name: "plan", may_know: &["model"] },
    Layer { name: "store", may_know: &["model"] },
    Layer { name: "engine", may_know: &["model"] },
    Layer { name: "wire", may_know: &["model", "spelling"] },
    Layer { name: "settings", may_know: &["model", "spelling"] },
    Layer { name: "compose", may_know: &["spelling"] },
    Layer { name: "deploy", may_know: &["model", "wire", "compose"] },
    Layer { name: "trust", may_know: &["model"] },
    Layer { name: "ingress", may_know: &["model", "tcp"] },
    Layer { name: "client", may_know: &["model", "wire", "trust", "clock", "tcp"] },
    Layer { name: "serve", may_know: &["model", "wire", "trust", "settings", "clock", "tcp"] },
    Layer { name: "manager", may_know: PARTS },
    Layer { name: "worker", may_know: PARTS },
    Layer { name: "roles", may_know: ROLES },
    Layer {
        name: "cli",
        may_know: &[
            "model", "plan", "engine", "wire", "trust", "serve", "client", "settings", "clock", "spelling",
            "compose", "deploy", "roles",
        ],
    },
];

/// What only some layers may speak of, and why.
struct Confined {
    word: &'static str,
    to: &'static [&'static str],
    because: &'static str,
}

const CONFINED: &[Confined] = &[
    Confined { word: "sqlx", to: &["store"], because: "all SQL is in store/" },
    Confined { word: "bollard", to: &["engine"], because: "all Docker is in engine/" },
    Confined { word: "saphyr_parser", to: &["compose"], because: "all YAML is in compose/" },
    Confined { word: "rcgen", to: &["trust"], because: "all certificates are made in trust/" },
    Confined { word: "ring", to: &["trust"], because: "all cryptography is in trust/" },
    Confined { word: "subtle", to: &["trust"], because: "all secrets are compared in trust/" },
    Confined {
        word: "axum",
        to: &["serve", "manager", "worker"],
        because: "HTTP is the roles' and serve/'s",
    },
];

/// What has no place in a layer that decides and does nothing.
const IMPURE: &[(&str, &str)] = &[
    ("async", "it never waits"),
    ("await", "it never waits"),
    ("tokio", "it never waits"),
    ("HashMap", "hash order must not reach a decision: take a BTreeMap"),
    ("HashSet", "hash order must not reach a decision: take a BTreeSet"),
    ("Instant", "it never asks the time: take `Now` as an argument"),
    ("SystemTime", "it never asks the time: take `Now` as an argument"),
    ("Utc::now", "it never asks the time: take `Now` as an argument"),
    ("Local::now", "it never asks the time: take `Now` as an argument"),
];

const PURE: &[&str] = &["model", "plan", "deploy"];

pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(breaches_of).collect()
}

fn breaches_of(source: &Source) -> Vec<String> {
    let layer = source.layer();
    if layer == "lib" || layer == "main" {
        return Vec::new();
    }
    let Some(known) = LAYERS.iter().find(|known| known.name == layer) else {
        let rule = format!("`{layer}` is in no layer: put it into LAYERS in tests/architecture/layers.rs");
        return vec![breach(&source.path, 1, &rule)];
    };
    let product = source.product();
    let mut breaches = Vec::new();
    for word in words(&product) {
        for target in imported(source, &word) {
            if target != layer && is_layer(target) && !known.may_know.contains(&target) {
                let may =
                    if known.may_know.is_empty() { "nothing".to_owned() } else { known.may_know.join(", ") };
                let rule =
                    format!("`{layer}` may not know `{target}`; of the other layers it may know: {may}");
                breaches.push(breach(&source.path, word.line, &rule));
            }
        }
        breaches.extend(confined(layer, &word).map(|rule| breach(&source.path, word.line, &rule)));
        breaches.extend(impure(layer, &word).map(|rule| breach(&source.path, word.line, &rule)));
    }
    breaches
}

fn is_layer(name: &str) -> bool {
    LAYERS.iter().any(|layer| layer.name == name)
}

/// The modules at the root of the crate that a path beginning with this word leads to.
fn imported<'a>(source: &Source, word: &Word<'a>) -> Vec<&'a str> {
    let Some(path) = word.rest.strip_prefix("::") else { return Vec::new() };
    let is_root_file = !source.path["src/".len()..].contains('/') || source.path.ends_with("/mod.rs");
    match word.text {
        "crate" | "orc" => heads(path),
        // In a layer's own root file, `super` is the root of the crate.
        "super" if is_root_file && source.path.matches('/').count() <= 2 => heads(path),
        _ => Vec::new(),
    }
}

/// The first words of a path, or of each path in its braces.
fn heads(path: &str) -> Vec<&str> {
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return words(path).take(1).map(|word| word.text).collect();
    };
    let mut depth = 0_usize;
    let mut starts = vec![0];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts.into_iter().filter_map(|start| words(&group[start..]).next().map(|word| word.text)).collect()
}

fn confined(layer: &str, word: &Word) -> Option<String> {
    let confined = CONFINED.iter().find(|confined| confined.word == word.text)?;
    let elsewhere = !confined.to.contains(&layer);
    elsewhere.then(|| format!("`{}` may not speak of `{}`: {}", layer, word.text, confined.because))
}

fn impure(layer: &str, word: &Word) -> Option<String> {
    let is_named = |path: &str| {
        path.strip_prefix(word.text)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") && word.rest.starts_with(rest))
    };
    let (path, because) = IMPURE.iter().find(|(path, _)| is_named(path))?;
    PURE.contains(&layer).then(|| format!("`{layer}` may not speak of `{path}`: {because}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let found = breaches(&[Source::new(path, text)]);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, (line, says)) in found.iter().zip(expected) {
            assert!(found.starts_with(&format!("{path}:{line}: ")) && found.contains(says), "{found}");
        }
    }

    #[test]
    fn a_layer_that_knows_its_neighbour_is_found() {
        check("src/plan/host.rs", "\nuse crate::store::Store;", &[(2, "`plan` may not know `store`")]);
        check("src/model/id.rs", "fn a() -> crate::wire::Task {}", &[(1, "it may know: nothing")]);
        check(
            "src/store/a.rs",
            "use crate::{model::id, plan::{self, host}, wire};",
            &[(1, "plan"), (1, "wire")],
        );
        check("src/wire/mod.rs", "use super::engine::Engine;", &[(1, "engine")]);
        check("src/worker/mod.rs", "use crate::manager::Manager;", &[(1, "manager")]);
    }

    #[test]
    fn what_lies_below_and_in_the_same_layer_may_be_known() {
        check("src/plan/host.rs", "use crate::model::id::TaskId;\nuse crate::plan::host;", &[]);
        check("src/manager/mod.rs", "use crate::{plan, store, wire};", &[]);
        check("src/plan/cluster/mod.rs", "use super::host;", &[]);
        check("src/plan/host.rs", "//! Unlike crate::store, pure.\nconst A: &str = \"crate::store\";", &[]);
        check("src/main.rs", "orc::cli::main()", &[]);
    }

    #[test]
    fn crates_stay_where_they_belong() {
        check("src/manager/a.rs", "use sqlx::Row;", &[(1, "all SQL is in store/")]);
        check("src/worker/a.rs", "\n\nbollard::Docker::new()", &[(3, "all Docker is in engine/")]);
        check("src/wire/a.rs", "impl axum::IntoResponse for A {}", &[(1, "serve/")]);
        check("src/store/a.rs", "use sqlx::Row;", &[]);
    }

    #[test]
    fn what_waits_asks_the_time_or_hashes_is_not_pure() {
        check("src/plan/a.rs", "async fn a() { b().await }", &[(1, "async"), (1, "await")]);
        check("src/plan/a.rs", "use std::collections::{BTreeMap, HashMap};", &[(1, "take a BTreeMap")]);
        check("src/model/a.rs", "let now = Utc::now();", &[(1, "take `Now`")]);
        check("src/model/a.rs", "struct A(DateTime<Utc>);", &[]);
        check("src/plan/a.rs", "#[cfg(test)]\nmod tests { use std::collections::HashSet; }", &[]);
        check("src/store/a.rs", "async fn a() { b().await }", &[]);
    }

    #[test]
    fn a_folder_that_nobody_placed_is_found() {
        check("src/extras/a.rs", "", &[(1, "`extras` is in no layer")]);
    }
}
