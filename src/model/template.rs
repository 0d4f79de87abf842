//! Templates in a service's task, as users of Swarm know them: `data-{{.Task.Slot}}` is `data-3` in the third task.
//!
//! What the service and the slot decide is filled in when a task is made, what the node decides when its container is.

use std::borrow::Cow;

use super::spec::TaskSpec;

/// Every word that there is, and what it stands for.
const WORDS: &[(&str, Word)] = &[
    (".Service.Name", Word::Service),
    (".Service", Word::Service),
    (".Task.Slot", Word::Slot),
    (".Slot", Word::Slot),
    (".Node.Hostname", Word::Node),
    (".Node", Word::Node),
    (".Task.Name", Word::TaskName),
    (".Task.ID", Word::TaskId),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Service,
    Slot,
    Node,
    TaskName,
    TaskId,
}

/// What is known of a task; what is `None` stays as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The service's name.
    pub service: Option<&'a str>,
    /// From 1; of a global service the node's name.
    pub slot: Option<&'a str>,
    /// The task's name.
    pub task_name: Option<&'a str>,
    /// The task's ID.
    pub task_id: Option<&'a str>,
    /// Its node's name. It is known last: with it, braces that stand for themselves become that.
    pub node: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn of(self, word: Word) -> Option<&'a str> {
        match word {
            Word::Service => self.service,
            Word::Slot => self.slot,
            Word::Node => self.node,
            Word::TaskName => self.task_name,
            Word::TaskId => self.task_id,
        }
    }
}

/// A part of a text: as it is written, and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece<'a> {
    written: &'a str,
    meaning: Meaning<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning<'a> {
    /// Itself.
    Text,
    /// What is within `{{"…"}}`.
    Quoted(&'a str),
    Word(Word),
}

/// What stands in braces and means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Where its braces begin, in characters from 1.
    pub column: usize,
    /// As it is written, or the begin of it.
    pub written: String,
}

/// Whether every template in a text has a meaning.
pub fn check(text: &str) -> Result<(), Unknown> {
    pieces(text).map(drop)
}

/// A text with what is known filled in.
pub fn fill<'t>(text: &'t str, known: Known<'_>) -> Cow<'t, str> {
    if !text.contains("{{") {
        return Cow::Borrowed(text);
    }
    let Ok(pieces) = pieces(text) else { return Cow::Borrowed(text) };
    let filled = pieces.into_iter().map(|piece| match piece.meaning {
        Meaning::Quoted(inner) if known.node.is_some() => inner,
        Meaning::Text | Meaning::Quoted(_) => piece.written,
        Meaning::Word(word) => known.of(word).unwrap_or(piece.written),
    });
    // What is filled in may not be a template itself: names have no braces.
    Cow::Owned(filled.collect())
}

/// Fills in what is known, wherever a task may have templates.
pub fn fill_spec(spec: &mut TaskSpec, known: Known<'_>) {
    let filled = |text: &mut String| {
        if let Cow::Owned(new) = fill(text, known) {
            *text = new;
        }
    };
    spec.env.iter_mut().for_each(filled);
    spec.mounts.iter_mut().for_each(|mount| filled(&mut mount.source));
    if let Some(options) = &mut spec.options {
        filled(&mut options.hostname);
    }
}

/// Whether there is anything to fill in.
pub fn is_in(spec: &TaskSpec) -> bool {
    let is_template = |text: &String| text.contains("{{");
    spec.env.iter().any(is_template)
        || spec.mounts.iter().any(|mount| is_template(&mount.source))
        || is_template(&spec.options().hostname)
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Unknown> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("{{") {
        let (before, template) = rest.split_at(begin);
        let unknown = |written: &str| Unknown {
            column: text[..text.len() - template.len()].chars().count() + 1,
            written: written.chars().take(40).collect(),
        };
        let (written, meaning) = read(template).ok_or_else(|| {
            let end = template.find("}}").map_or(template.len(), |end| end + 2);
            unknown(&template[..end])
        })?;
        pieces.push(Piece { written: before, meaning: Meaning::Text });
        pieces.push(Piece { written, meaning });
        rest = &template[written.len()..];
    }
    pieces.push(Piece { written: rest, meaning: Meaning::Text });
    Ok(pieces)
}

/// The template that a text begins with.
fn read(text: &str) -> Option<(&str, Meaning<'_>)> {
    if let Some(quoted) = text.strip_prefix("{{\"") {
        let end = quoted.find("\"}}")?;
        return Some((&text[..end + 6], Meaning::Quoted(&quoted[..end])));
    }
    let end = text.find("}}")?;
    let name = text[2..end].trim();
    let (_, word) = WORDS.iter().find(|(known, _)| *known == name)?;
    Some((&text[..end + 2], Meaning::Word(*word)))
}

/// The names of all words, for sentences.
pub fn words() -> String {
    WORDS.iter().map(|(name, _)| format!("{{{{{name}}}}}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: Known<'_> = Known {
        service: Some("shop-web"),
        slot: Some("3"),
        task_name: Some("shop-web.3.v1"),
        task_id: Some("bb1d"),
        node: None,
    };
    const PLACED: Known<'_> = Known { node: Some("worker-1"), ..MADE };

    #[test]
    fn each_word_is_filled_in_once_it_is_known() {
        for (text, made, placed) in [
            ("", "", ""),
            ("a}}b{c", "a}}b{c", "a}}b{c"),
            ("{{.Service}}/{{.Service.Name}}", "shop-web/shop-web", "shop-web/shop-web"),
            ("n={{ .Task.Slot }}{{.Slot}}", "n=33", "n=33"),
            ("{{.Task.Name}} {{.Task.ID}}", "shop-web.3.v1 bb1d", "shop-web.3.v1 bb1d"),
            ("ü{{.Node}}-{{.Slot}}", "ü{{.Node}}-3", "üworker-1-3"),
            ("{{.Node.Hostname}}", "{{.Node.Hostname}}", "worker-1"),
            (r#"{{"{{"}}.Slot}}"#, r#"{{"{{"}}.Slot}}"#, "{{.Slot}}"),
        ] {
            assert_eq!(fill(text, MADE), made, "{text}");
            assert_eq!(fill(&fill(text, MADE), PLACED), placed, "{text}");
        }
    }

    #[test]
    fn what_has_no_meaning_is_told_with_its_place() {
        for (text, column, written) in [
            ("{{.Image}}", 1, "{{.Image}}"),
            ("ü {{.Slot}} {{ .slot }}", 13, "{{ .slot }}"),
            ("{{.Slot", 1, "{{.Slot"),
            ("{{}}", 1, "{{}}"),
            ("{{.Service.ID}}", 1, "{{.Service.ID}}"),
            (r#"{{"a}}"#, 1, r#"{{"a}}"#),
        ] {
            assert_eq!(check(text), Err(Unknown { column, written: written.to_owned() }), "{text}");
            assert_eq!(fill(text, PLACED), text, "and it stays as it is");
        }
    }

    #[test]
    fn a_task_may_have_them_in_three_places() {
        let json = r#"{"Name":"n","Image":"{{.Slot}}","Env":["A={{.Slot}}"],"Options":{"Hostname":"h{{.Slot}}"},
            "Mounts":[{"Type":"volume","Source":"data-{{.Slot}}","Target":"/{{.Slot}}"}]}"#;
        let mut spec: TaskSpec = serde_json::from_str(json).unwrap();
        assert!(is_in(&spec));
        fill_spec(&mut spec, PLACED);
        let mount = &spec.mounts[0];
        assert_eq!(
            (spec.env[0].as_str(), spec.options().hostname.as_str(), mount.source.as_str()),
            ("A=3", "h3", "data-3")
        );
        assert_eq!((spec.image.as_str(), mount.target.as_str()), ("{{.Slot}}", "/{{.Slot}}"));
        assert!(!is_in(&spec));
    }
}
