//! `$NAME` and `${NAME}` with all that can follow the name, as the Compose specification says.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use super::value::quote;

/// Defaults within defaults.
const MAX_DEPTH: usize = 32;

/// What a text became.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Variables that are not set and say no default: they stand for nothing.
    pub(super) unset: BTreeSet<String>,
}

/// A text with its variables replaced, or the sentence that says why that cannot be. A `$` that begins no variable
/// stays as it is.
pub(super) fn expand<'v>(text: &str, lookup: &dyn Fn(&str) -> Option<&'v str>) -> Result<Expanded, String> {
    let mut expander = Expander { rest: text.chars().peekable(), lookup, unset: BTreeSet::new() };
    let text = expander.text(Within::All, Branch::Taken, 0)?;
    Ok(Expanded { text, unset: expander.unset })
}

/// How far a text goes.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    All,
    /// Up to and with the `}` that closes it.
    Braces,
}

/// Whether what is read is part of the result. Of a default that is not needed, nothing has to be set.
#[derive(Clone, Copy, PartialEq)]
enum Branch {
    Taken,
    Skipped,
}

struct Expander<'t, 'l, 'v> {
    rest: Peekable<Chars<'t>>,
    lookup: &'l dyn Fn(&str) -> Option<&'v str>,
    unset: BTreeSet<String>,
}

impl Expander<'_, '_, '_> {
    fn text(&mut self, within: Within, branch: Branch, depth: usize) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err(format!("defaults are nested more than {MAX_DEPTH} deep here"));
        }
        let mut text = String::new();
        while let Some(next) = self.rest.next() {
            match next {
                '}' if within == Within::Braces => return Ok(text),
                '$' => match self.rest.peek() {
                    Some('$') => {
                        self.rest.next();
                        text.push('$');
                    }
                    Some('{') => {
                        self.rest.next();
                        text.push_str(&self.braced(branch, depth)?);
                    }
                    Some(c) if begins_name(*c) => {
                        let name = self.name();
                        text.push_str(&self.value(&name, branch));
                    }
                    _ => text.push('$'),
                },
                _ => text.push(next),
            }
        }
        if within == Within::Braces {
            return Err("a `${` is never closed; write `${NAME}`, or `$$` for a dollar sign".to_owned());
        }
        Ok(text)
    }

    /// After `${`.
    fn braced(&mut self, branch: Branch, depth: usize) -> Result<String, String> {
        let name = self.name();
        if name.is_empty() {
            return Err(
                "after `${` a name must follow, of letters, digits and `_`; a dollar sign is `$$`".to_owned()
            );
        }
        let or_empty = self.rest.next_if_eq(&':').is_some();
        let operator = self.rest.next();
        if operator == Some('}') && !or_empty {
            return Ok(self.value(&name, branch));
        }
        let value = (self.lookup)(&name).filter(|value| !(or_empty && value.is_empty())).map(str::to_owned);
        let mut word = |needed: bool| {
            let branch = if needed { branch } else { Branch::Skipped };
            self.text(Within::Braces, branch, depth + 1)
        };
        match (operator, value) {
            (Some('-'), Some(value)) => word(false).map(|_| value),
            (Some('-'), None) => word(true),
            (Some('+'), value) => {
                let word = word(value.is_some())?;
                Ok(value.map(|_| word).unwrap_or_default())
            }
            (Some('?'), Some(value)) => word(false).map(|_| value),
            (Some('?'), None) => {
                let reason = word(true)?;
                if branch == Branch::Skipped {
                    return Ok(String::new());
                }
                let state = if or_empty { "not set, or empty" } else { "not set" };
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                Err(format!(
                    "the variable `{name}` is {state}{reason}; set it in the environment or in `.env`"
                ))
            }
            _ => Err(format!(
                "{} is no way to use a variable; there are `${{NAME}}`, `:-`, `-`, `:?`, `?`, `:+` and `+` \
                 after the name, and `$$` for a dollar sign",
                quote(&format!(
                    "${{{name}{}{}",
                    if or_empty { ":" } else { "" },
                    operator.unwrap_or_default()
                ))
            )),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(|c| begins_name(*c) || (!name.is_empty() && c.is_ascii_digit()))
        {
            name.push(c);
        }
        name
    }

    fn value(&mut self, name: &str, branch: Branch) -> String {
        let value = (self.lookup)(name);
        if value.is_none() && branch == Branch::Taken {
            self.unset.insert(name.to_owned());
        }
        value.unwrap_or_default().to_owned()
    }
}

fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<&'static str> {
        match name {
            "SET" => Some("value"),
            "_x9" => Some("nine"),
            "EMPTY" => Some(""),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(expand(text, &lookup).map(|expanded| expanded.text).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn every_form_of_the_specification_is_understood() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$SET/$_x9", "value/nine"),
            ("${SET}s", "values"),
            ("[${UNSET}]", "[]"),
            ("${SET:-d}${UNSET:-d}${EMPTY:-d}", "valuedd"),
            ("${SET-d}${UNSET-d}${EMPTY-d}", "valued"),
            ("${SET:+r}${UNSET:+r}${EMPTY:+r}", "r"),
            ("${SET+r}${UNSET+r}${EMPTY+r}", "rr"),
            ("${SET:?e}${SET?e}${EMPTY?e}", "valuevalue"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("${UNSET:-${ALSO:-$SET}}!", "value!"),
            ("${UNSET:-a:b-c?d}", "a:b-c?d"),
            ("5$ $(id) $1 $", "5$ $(id) $1 $"),
            ("${UNSET:-}", ""),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_is_demanded_and_not_there_is_an_error_in_the_authors_words() {
        for (text, says) in [
            ("${UNSET:?say which}", "`UNSET` is not set, or empty: say which;"),
            ("${EMPTY:?}", "`EMPTY` is not set, or empty; set it"),
            ("${UNSET?a $SET}", "`UNSET` is not set: a value;"),
            ("${UNSET:-${ALSO?no}}", "`ALSO` is not set: no"),
        ] {
            let error = expand(text, &lookup).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
        check("${SET:-${UNSET?never needed}}", "value");
    }

    #[test]
    fn what_is_no_variable_is_an_error() {
        for text in ["${", "${}", "${SET", "${SET:}", "${SET/a/b}", "${1}", "${UNSET:-${SET}"] {
            expand(text, &lookup).expect_err(text);
        }
        let deep = "${A:-".repeat(1_000_000);
        assert!(expand(&deep, &lookup).expect_err("too deep").contains("nested"));
    }

    #[test]
    fn only_what_is_missed_is_told_as_unset() {
        let expanded =
            expand("$A ${B} ${C:-d} ${SET:-$D} ${E:+$F} ${SET+$G}", &lookup).expect("it is well-formed");
        assert_eq!(expanded.unset.into_iter().collect::<Vec<_>>(), ["A", "B", "G"]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[${}:?+A-C_a-]{0,40}|.*") {
            let _ = expand(&text, &lookup);
        }

        #[test]
        fn a_text_without_dollars_stays_as_it_is(text in "[^$]*") {
            check(&text, &text);
        }

        #[test]
        fn a_doubled_dollar_is_one(text in ".*") {
            check(&text.replace('$', "$$"), &text);
        }
    }
}
