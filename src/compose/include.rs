//! Several files as one model: merged, and with the projects that they include.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::Context;
use super::dotenv::EnvFormat;
use super::extends::extend;
use super::merge::{merge, same, settle};
use super::place::{Place, normal};
use super::read::{self, Fields};
use super::value::{Entry, Map, Node, Value, quote};
use super::variables::Variables;

/// Files of one model; relative paths in them start at `base`.
pub(super) struct Model {
    pub(super) files: Vec<PathBuf>,
    pub(super) base: PathBuf,
    /// Where they are asked for; `None` when on the command line.
    pub(super) from: Option<Place>,
}

/// Sections that are included.
const SECTIONS: &[&str] = &["services", "networks", "volumes", "configs", "secrets", "models"];

/// The files merged into one tree, with what they include. `chain` are the files on the way here.
pub(super) fn assemble(
    model: &Model,
    variables: &Variables,
    chain: &mut Vec<PathBuf>,
    context: &mut Context<'_>,
) -> Option<Node> {
    let mut merged: Option<Node> = None;
    for file in &model.files {
        let Some(document) = context.document(file, &model.base, variables, model.from.as_ref()) else {
            continue;
        };
        let document = extend(document, file, variables, context);
        merged = Some(match merged {
            Some(base) => merge(base, document),
            None => document,
        });
    }
    let mut root = settle(merged?)?;
    let includes = root.as_map_mut()?.remove("include").map(|entry| entry.node);
    let includes = includes.filter(|includes| !includes.is_null());
    let Some(includes) = includes else { return Some(root) };
    let depth = chain.len();
    chain.extend(model.files.iter().map(|file| normal(file)));
    for (included, env_files) in read::list(&includes, &mut context.problems, include).unwrap_or_default() {
        let variables = variables.for_included(included_variables(&included, env_files, variables, context));
        if is_open(&included, chain, context) {
            continue;
        }
        if let Some(tree) = assemble(&included, &variables, chain, context) {
            import(&mut root, tree, &included, context);
        }
    }
    chain.truncate(depth);
    Some(root)
}

type Include = (Model, Option<Vec<PathBuf>>);

fn include(node: &Node, problems: &mut super::problem::Problems) -> Option<Include> {
    let mut fields = Fields::of(node, problems)?;
    let files = fields.required("path", |node, problems| read::list(node, problems, read::path))?;
    let first = files.first()?;
    let base = fields.optional("project_directory", read::path);
    let base = base.or_else(|| first.parent().map(Path::to_owned)).unwrap_or_default();
    let env_files = fields.optional("env_file", |node, problems| read::list(node, problems, read::path));
    Some((Model { files, base, from: Some(node.at.clone()) }, env_files))
}

fn included_variables(
    model: &Model,
    env_files: Option<Vec<PathBuf>>,
    variables: &Variables,
    context: &mut Context<'_>,
) -> BTreeMap<String, String> {
    let beside = model.base.join(".env");
    let usual = || Some(beside).filter(|file| context.exists(file)).into_iter().collect();
    let files: Vec<PathBuf> = env_files.unwrap_or_else(usual);
    let mut all = BTreeMap::new();
    for file in files {
        all.extend(
            context.read_env(&file, EnvFormat::Compose, variables, model.from.as_ref()).unwrap_or_default(),
        );
    }
    all
}

/// Whether one of the files is being read already, which would never end.
fn is_open(model: &Model, chain: &[PathBuf], context: &mut Context<'_>) -> bool {
    let Some(begin) = chain.iter().position(|open| model.files.iter().any(|file| normal(file) == *open))
    else {
        return false;
    };
    let files: Vec<String> =
        chain[begin..].iter().chain([&chain[begin]]).map(|file| context.shown(file)).collect();
    if let Some(at) = &model.from {
        let says = format!("files include each other in a circle: {}", files.join(" → "));
        context.problems.error(at, says);
    }
    true
}

/// Everything of an included project becomes part of the one that includes it; nothing is merged.
fn import(root: &mut Node, mut tree: Node, model: &Model, context: &mut Context<'_>) {
    let (Some(root), Some(tree), Some(at)) = (root.as_map_mut(), tree.as_map_mut(), &model.from) else {
        return;
    };
    for section in SECTIONS {
        let Some(Value::Map(included)) = tree.remove(*section).map(|entry| entry.node.value) else {
            continue;
        };
        let here = root
            .entry((*section).to_owned())
            .or_insert_with(|| Entry { key_at: at.clone(), node: Node::new(Value::Map(Map::new()), at) });
        if here.node.is_null() {
            here.node.value = Value::Map(Map::new());
        }
        let Some(here) = here.node.as_map_mut() else { continue };
        for (name, entry) in included {
            match here.get(&name) {
                // A file that is included twice says the same twice.
                Some(known) if !same(&known.node, &entry.node) => {
                    let says = format!(
                        "{} of `{section}` is in {} as well; what is included must not be said again, so \
                         rename one of them",
                        quote(&name),
                        entry.key_at,
                    );
                    context.problems.error(&known.key_at, says);
                }
                Some(_) => {}
                None => {
                    here.insert(name, entry);
                }
            }
        }
    }
}
