//! Environment files: `.env` beside a project, and what `env_file` names.

use std::collections::BTreeMap;

use super::interpolate::expand;
use super::value::quote;

/// Who says what a name stands for where the file itself does not.
pub(super) type Lookup<'l, 'v> = &'l dyn Fn(&str) -> Option<&'v str>;

/// How values in an environment file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvFormat {
    /// Quotes, escapes, comments after values, variables.
    Compose,
    /// All that follows the `=`, as it is.
    Raw,
}

/// A line that is wrong, counted from 1, and the sentence on it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    pub(super) says: String,
}

/// The variables of a file. A name without `=` takes its value from `lookup`, and is left out where that has none.
pub(super) fn parse(
    text: &str,
    format: EnvFormat,
    lookup: Lookup<'_, '_>,
) -> Result<BTreeMap<String, String>, Vec<BadLine>> {
    let mut variables = BTreeMap::new();
    let mut bad = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let line = 1 + text[..text.len() - rest.len()].matches('\n').count();
        let (result, after) = assignment(rest, format, &variables, lookup);
        match result {
            Ok(Some((name, value))) => {
                variables.insert(name, value);
            }
            Ok(None) => {}
            Err(says) => bad.push(BadLine { line, says }),
        }
        rest = after;
    }
    if bad.is_empty() { Ok(variables) } else { Err(bad) }
}

type Assignment = Result<Option<(String, String)>, String>;

/// What the text begins with, and what follows it: a line, or more where quotes hold several.
fn assignment<'t>(
    text: &'t str,
    format: EnvFormat,
    before: &BTreeMap<String, String>,
    lookup: Lookup<'_, '_>,
) -> (Assignment, &'t str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return (Ok(None), after);
    }
    let trimmed = trimmed.strip_prefix("export ").map_or(trimmed, str::trim_start);
    let Some((name, _)) = trimmed.split_once('=') else {
        let inherited = lookup(trimmed).map(|value| (trimmed.to_owned(), value.to_owned()));
        return (is_name(trimmed).map(|()| inherited), after);
    };
    let name = name.trim_end();
    if let Err(says) = is_name(name) {
        return (Err(says), after);
    }
    let named = |value: String| Some((name.to_owned(), value));
    if format == EnvFormat::Raw {
        let value = line.split_once('=').map_or("", |(_, value)| value.trim_end_matches('\r'));
        return (Ok(named(value.to_owned())), after);
    }
    let value_start = text.find('=').map_or(text.len(), |at| at + 1);
    let (value, after) = value(text[value_start..].trim_start_matches([' ', '\t']), after);
    let lookup = |name: &str| lookup(name).map(str::to_owned).or_else(|| before.get(name).cloned());
    let value = value.and_then(|value| value.expanded(&lookup));
    (value.map(named), after)
}

fn is_name(name: &str) -> Result<(), String> {
    if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.-[]".contains(c)) {
        return Ok(());
    }
    Err(format!("{} is no name of a variable; a line reads `NAME=value`", quote(name)))
}

/// A value as it is written.
enum Written {
    /// In single quotes: nothing in it means anything.
    Literal(String),
    Expanding(String),
}

impl Written {
    fn expanded(self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        match self {
            Self::Literal(text) => Ok(text),
            Self::Expanding(text) => {
                // `expand` borrows what it looks up, and some of it was read from this very file.
                let known = names(&text)
                    .into_iter()
                    .filter_map(|name| Some((name, lookup(name)?)))
                    .collect::<Vec<_>>();
                let find = |wanted: &str| {
                    known.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
                };
                expand(&text, &find).map(|expanded| expanded.text)
            }
        }
    }
}

/// Every word in a text that could be the name of a variable.
fn names(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// The value that a text begins with, and what follows its last line; `after` is what follows the first.
fn value<'t>(text: &'t str, after: &'t str) -> (Result<Written, String>, &'t str) {
    let Some(quote @ ('"' | '\'')) = text.chars().next() else {
        let line = text.split('\n').next().unwrap_or_default();
        let comment = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
        let line = if line.starts_with('#') { "" } else { &line[..comment] };
        return (Ok(Written::Expanding(line.trim().to_owned())), after);
    };
    let inside = &text[1..];
    let Some(end) = closing(inside, quote) else {
        return (Err(format!("the quote {quote} is never closed")), after);
    };
    let after = inside[end + 1..].split_once('\n').map_or("", |(_, after)| after);
    let written = &inside[..end];
    let value = if quote == '\'' {
        Written::Literal(written.to_owned())
    } else {
        Written::Expanding(unescaped(written))
    };
    (Ok(value), after)
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped && quote == '"';
        ends.then_some(at)
    })
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            // A dollar sign that is escaped here must not mean a variable a moment later.
            Some('$') => plain.push_str("$$"),
            Some(c @ ('"' | '\\')) => plain.push(c),
            Some(c) => plain.extend(['\\', c]),
            None => plain.push('\\'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<&'static str> {
        (name == "HOME").then_some("/root")
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let variables = parse(text, EnvFormat::Compose, &lookup).expect(text);
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(variables, expected, "{text}");
    }

    #[test]
    fn lines_are_read_as_docker_compose_reads_them() {
        check(
            "# nothing\n\nA=1\r\n  B = two words  # three\nexport C=x#y\n",
            &[("A", "1"), ("B", "two words"), ("C", "x#y")],
        );
        check(
            "A='$B # \\n'\nB=\"a\\tb \\\"c\\\" # d\" # e\nC=",
            &[("A", "$B # \\n"), ("B", "a\tb \"c\" # d"), ("C", "")],
        );
        check("HOME\nPATH_THAT_IS_NOT_SET\nA=1=2", &[("A", "1=2"), ("HOME", "/root")]);
        check("KEY=\"one\ntwo\"\nNEXT=3", &[("KEY", "one\ntwo"), ("NEXT", "3")]);
    }

    #[test]
    fn values_speak_of_earlier_ones_and_of_the_environment() {
        check(
            "A=1\nB=${A}2\nC=$HOME/$B\nD=\"\\$A ${X:-x}\"",
            &[("A", "1"), ("B", "12"), ("C", "/root/12"), ("D", "$A x")],
        );
    }

    #[test]
    fn a_raw_file_means_what_it_says() {
        let variables = parse("A='$B' # c\r\nB= x", EnvFormat::Raw, &lookup).expect("it is well-formed");
        assert_eq!(variables["A"], "'$B' # c");
        assert_eq!(variables["B"], " x");
    }

    #[test]
    fn every_wrong_line_is_named() {
        let bad = parse("A=1\nno name=2\nB=\"open\n=3\n", EnvFormat::Compose, &lookup)
            .expect_err("three are wrong");
        let lines: Vec<usize> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [2, 3, 4], "{bad:?}");
    }
}
