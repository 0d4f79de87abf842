//! What orc is built from: every crate comes from crates.io under a permissive licence, and says what it is here for.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than a notice.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BlueOak-1.0.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn project_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// Every package that is compiled for this platform. `--offline`, since building this test has fetched them all.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = Command::new(&cargo).arg("-vV").output().expect("cargo runs");
    let version = String::from_utf8(version.stdout).expect("cargo speaks UTF-8");
    let platform =
        version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
    let metadata = Command::new(&cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        metadata.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&metadata.stderr)
    );
    let mut metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].take();
    serde_json::from_value(packages).expect("metadata lists packages")
}

#[test]
fn every_crate_has_a_permissive_licence() {
    let packages = packages();
    assert!(packages.len() > 50, "only {} packages: this is not the whole tree", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_permissive))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "not under a permissive licence:\n{}", refused.join("\n"));
}

#[test]
fn every_crate_comes_from_crates_io() {
    let lock = project_file("Cargo.lock");
    let elsewhere: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| source.trim_matches('"') != CRATES_IO)
        .collect();
    assert!(elsewhere.is_empty(), "not from crates.io: {elsewhere:?}");

    // A path dependency has no source line; the only package without one is orc itself.
    let packages = lock.matches("[[package]]").count();
    assert_eq!(lock.matches("\nsource = ").count(), packages - 1, "a package in Cargo.lock has no source");
}

#[test]
fn every_direct_dependency_says_what_it_is_here_for() {
    let manifest = project_file("Cargo.toml");
    let unexplained = unexplained(&manifest);
    assert!(unexplained.is_empty(), "in Cargo.toml, without a comment above: {unexplained:?}");
}

/// Dependencies with neither a comment right above nor one shared with the dependency right above.
fn unexplained(manifest: &str) -> Vec<&str> {
    let mut section = "";
    let mut explained = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            (section, explained) = (line, false);
        } else if line.starts_with('#') {
            explained = true;
        } else if line.is_empty() {
            explained = false;
        } else if section.ends_with("dependencies]") && !explained {
            found.push(line);
        }
    }
    found
}

/// Whether a licence expression can be met by permissive licences alone: `AND` wants both, `OR` either.
fn is_permissive(expression: &str) -> bool {
    // Until 2018 crates wrote `MIT/Apache-2.0` for `MIT OR Apache-2.0`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let permissive = either(&mut words);
    permissive && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words) -> bool {
    let mut permissive = both(words);
    while words.next_if_eq(&"OR").is_some() {
        permissive |= both(words);
    }
    permissive
}

fn both(words: &mut Words) -> bool {
    let mut permissive = single(words);
    while words.next_if_eq(&"AND").is_some() {
        permissive &= single(words);
    }
    permissive
}

fn single(words: &mut Words) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let inside = either(words);
        return words.next_if_eq(&")").is_some() && inside;
    }
    let licence = match words.next_if_eq(&"WITH") {
        Some(with) => format!("{word} {with} {}", words.next().unwrap_or_default()),
        None => word.to_owned(),
    };
    PERMISSIVE.contains(&licence.as_str())
}

#[test]
fn licence_expressions_are_read_as_cargo_means_them() {
    for permissive in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
    ] {
        assert!(is_permissive(permissive), "{permissive}");
    }
    for refused in [
        "",
        "GPL-3.0",
        "MPL-2.0",
        "MIT AND GPL-3.0",
        "(MIT OR GPL-3.0) AND GPL-3.0",
        "GPL-2.0 WITH Classpath-exception-2.0",
        "(MIT",
        "MIT MIT",
    ] {
        assert!(!is_permissive(refused), "{refused}");
    }
}

#[test]
fn a_dependency_without_a_comment_is_found() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\n# Both.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n[dev-dependencies]\nd = \"1\"\n";
    assert_eq!(unexplained(manifest), ["c = \"1\"", "d = \"1\""]);
}
