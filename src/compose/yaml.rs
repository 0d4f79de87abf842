//! YAML to a tree: anchors, merge keys `<<`, the tags of Compose, duplicate keys, and limits on all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::place::{Place, Source};
use super::problem::Problems;
use super::value::{Entry, Map, Node, Tag, Value, quote};

/// Levels in each other; what reads the tree goes down it by recursion.
const MAX_DEPTH: usize = 64;

/// Values in a file, those that aliases repeat included: ten lines can stand for a billion of them.
const MAX_NODES: usize = 200_000;

/// The tree of a file, or `None` with an error when it is no YAML. An empty file is null.
pub(super) fn parse(text: &str, source: &Arc<Source>, problems: &mut Problems) -> Option<Node> {
    let start = Place { source: Arc::clone(source), line: 1, column: 1 };
    let mut builder = Builder {
        source,
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        document: None,
        failed: false,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => builder.refuse_syntax(text, &error),
        }
        if builder.failed {
            return None;
        }
    }
    Some(builder.document.unwrap_or_else(|| Node::new(Value::Null, &start)))
}

/// A list or map whose end has not been seen.
struct Open {
    node: Node,
    anchor: usize,
    /// In a map: the key whose value comes next.
    key: Option<(String, Place)>,
    /// In a map: what `<<` names.
    merged: Vec<Node>,
    is_merge_key: bool,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    document: Option<Node>,
    failed: bool,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        let at = self.place(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.tag(tag.as_deref(), &at);
                let plain_null =
                    style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let is_key =
                    self.open.last().is_some_and(|open| open.node.as_map().is_some() && open.key.is_none());
                let value =
                    if plain_null && !is_key { Value::Null } else { Value::Scalar(text.into_owned()) };
                let is_merge_key = is_key
                    && style == ScalarStyle::Plain
                    && matches!(&value, Value::Scalar(text) if text == "<<");
                self.complete(Node { value, tag, at }, anchor, is_merge_key);
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Value::List(Vec::new()), anchor, tag.as_deref(), at);
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(Value::Map(Map::new()), anchor, tag.as_deref(), at);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.count(weight(&node), depth(&node), &at);
                    self.complete(node, 0, false);
                }
                None => self.refuse(
                    &at,
                    "this alias names an anchor that contains it; a value cannot be inside of itself",
                ),
            },
            Event::DocumentStart(_) if self.document.is_some() => {
                let says = "a second document begins here; a Compose file is one, so put this into a file of \
                            its own";
                self.refuse(&at, says);
            }
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd => {}
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, tag: Option<&saphyr_parser::Tag>, at: Place) {
        let tag = self.tag(tag, &at);
        self.count(1, 1, &at);
        let node = Node { value, tag, at };
        self.open.push(Open { node, anchor, key: None, merged: Vec::new(), is_merge_key: false });
    }

    fn end(&mut self) {
        let Some(mut open) = self.open.pop() else { return };
        // Keys of the map itself win over merged ones, earlier merged ones over later.
        for merged in std::mem::take(&mut open.merged) {
            self.merge_into(&mut open.node, merged);
        }
        self.complete(open.node, open.anchor, false);
    }

    fn merge_into(&mut self, node: &mut Node, merged: Node) {
        match merged.value {
            Value::Map(fields) => {
                let Some(map) = node.as_map_mut() else { return };
                for (key, entry) in fields {
                    map.entry(key).or_insert(entry);
                }
            }
            Value::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
                for item in items {
                    self.merge_into(node, item);
                }
            }
            Value::Null => {}
            _ => {
                let says = format!("`<<` merges mappings, and this is {}", merged.kind());
                self.problems.error(&merged.at, says);
            }
        }
    }

    /// A whole value: it goes to where the innermost open one has room for it.
    fn complete(&mut self, node: Node, anchor: usize, is_merge_key: bool) {
        self.count(1, 0, &node.at);
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return;
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(map) => match open.key.take() {
                None => match node.value {
                    Value::Scalar(text) => {
                        open.key = Some((text, node.at));
                        open.is_merge_key = is_merge_key;
                    }
                    _ => self.refuse(&node.at, "a key must be a text, as in `image: nginx`"),
                },
                Some(_) if open.is_merge_key => open.merged.push(node),
                Some((key, key_at)) => {
                    if let Some(first) = map.get(&key) {
                        let line = first.key_at.line;
                        let says = format!(
                            "{} is here for the second time, the first is in line {line}; keep one of them",
                            quote(&key)
                        );
                        self.problems.error(&key_at, says);
                    } else {
                        map.insert(key, Entry { key_at, node });
                    }
                }
            },
            Value::Null | Value::Scalar(_) => {}
        }
    }

    fn tag(&mut self, tag: Option<&saphyr_parser::Tag>, at: &Place) -> Option<Tag> {
        let tag = tag?;
        if tag.is_yaml_core_schema() {
            return None;
        }
        match tag.suffix.as_str() {
            "reset" => Some(Tag::Reset),
            "override" => Some(Tag::Override),
            other => {
                let says =
                    format!("the tag `!{other}` means nothing in Compose; it knows `!reset` and `!override`");
                self.problems.error(at, says);
                None
            }
        }
    }

    fn count(&mut self, nodes: usize, depth: usize, at: &Place) {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            self.refuse(
                at,
                &format!("this file stands for more than {MAX_NODES} values, the most that are read"),
            );
        } else if self.open.len() + depth > MAX_DEPTH {
            self.refuse(at, &format!("this is more than {MAX_DEPTH} levels deep, the most that are read"));
        }
    }

    fn refuse(&mut self, at: &Place, says: &str) {
        if !self.failed {
            self.problems.error(at, says);
        }
        self.failed = true;
    }

    fn refuse_syntax(&mut self, text: &str, error: &ScanError) {
        let (line, column) = (error.marker().line(), error.marker().col());
        let indentation = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
        // A tab is often noticed a line late, and then as something else.
        let tab =
            text.lines().enumerate().take(line).find(|(_, line)| line[..indentation(line)].contains('\t'));
        if let Some((number, line)) = tab {
            let column = line.find('\t').unwrap_or_default();
            let at = self.place(number + 1, column);
            self.refuse(&at, "a tab is part of the indentation; YAML is indented by spaces");
        } else {
            let at = self.place(line, column);
            self.refuse(&at, &format!("this is not YAML: {}", error.info()));
        }
    }

    fn place(&self, line: usize, column: usize) -> Place {
        Place { source: Arc::clone(self.source), line, column: column + 1 }
    }
}

fn children(node: &Node) -> Box<dyn Iterator<Item = &Node> + '_> {
    match &node.value {
        Value::List(items) => Box::new(items.iter()),
        Value::Map(map) => Box::new(map.values().map(|entry| &entry.node)),
        Value::Null | Value::Scalar(_) => Box::new(std::iter::empty()),
    }
}

fn weight(node: &Node) -> usize {
    1 + children(node).map(weight).sum::<usize>()
}

fn depth(node: &Node) -> usize {
    1 + children(node).map(depth).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn tree(text: &str) -> Node {
        let source = Arc::new(Source { name: "a.yaml".into(), base: "/".into() });
        let mut problems = Problems::default();
        let node = parse(text, &source, &mut problems);
        assert_eq!(problems.into_sorted().0, []);
        node.expect("it is YAML")
    }

    #[test]
    fn a_value_knows_its_place_and_a_key_its_own() {
        let tree = tree("a:\n  - x\n  -   y: {z: 1}\n");
        let item = &tree.get("a").and_then(Node::as_list).expect("a list")[1];
        assert_eq!(item.at.to_string(), "a.yaml:3:7");
        let y = &item.as_map().expect("a mapping")["y"];
        assert_eq!(
            (y.key_at.to_string(), y.node.at.to_string()),
            ("a.yaml:3:7".into(), "a.yaml:3:10".into())
        );
    }

    #[test]
    fn merge_keys_say_what_is_not_said() {
        let tree =
            tree("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\nd: {\"<<\": 4}\n");
        let c = tree.get("c").expect("it is there");
        assert_eq!((c.text("x"), c.text("y"), c.text("z")), (Some("3"), Some("1"), Some("2")));
        assert!(c.get("<<").is_none());
        assert_eq!(tree.get("d").and_then(|d| d.text("<<")), Some("4"), "in quotes it is a key like others");
    }

    #[test]
    fn only_plain_nothing_is_nothing() {
        let tree = tree("a:\nb: ~\nc: null\nd: 'null'\ne: ''\nnull: x\n");
        for (key, text) in [("a", None), ("b", None), ("c", None), ("d", Some("null")), ("e", Some(""))] {
            assert_eq!(tree.text(key), text, "{key}");
        }
        assert_eq!(tree.text("null"), Some("x"), "a key is a text");
    }

    #[test]
    fn tags_of_compose_are_kept() {
        let tree = tree("a: !reset []\nb: !override {x: 1}\nc: !reset\nd: !!str 1\n");
        let tag = |key| tree.get(key).expect("it is there").tag;
        assert_eq!(
            [tag("a"), tag("b"), tag("c"), tag("d")],
            [Some(Tag::Reset), Some(Tag::Override), Some(Tag::Reset), None]
        );
    }
}
