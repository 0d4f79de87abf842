//! What every file keeps to, whichever layer it is in.

use crate::breach;
use crate::source::{Source, words};

/// A file that is longer has become two.
const MAX_LINES: usize = 350;

/// Words in a comment that put something off: it wants an end now, or a place where such things are kept.
const PUT_OFF: &[&str] = &["TODO", "FIXME", "XXX"];

/// Macros that are for the moment of writing.
const LEFT_OVER: &[&str] = &["dbg", "todo", "unimplemented"];

pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(breaches_of).collect()
}

fn breaches_of(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut found = |line, rule: &str| breaches.push(breach(&source.path, line, rule));
    if !source.text.starts_with("//! ") {
        found(1, "every file opens with `//!` and a sentence on what it holds");
    }
    let lines = source.product_lines();
    if lines > MAX_LINES && !source.is_test {
        let rule =
            format!("{lines} lines without its tests, {MAX_LINES} at most: find the two things that it is");
        found(MAX_LINES + 1, &rule);
    }
    for word in words(&source.comments).filter(|word| PUT_OFF.contains(&word.text)) {
        found(
            word.line,
            &format!("{} in a comment: do it, or write it down where it will be found", word.text),
        );
    }
    for word in words(&source.code) {
        if LEFT_OVER.contains(&word.text) && word.rest.starts_with('!') {
            found(
                word.line,
                &format!("{}! is for the moment of writing: finish what it stands for", word.text),
            );
        }
        if word.text == "ignore" && preceding(&source.code, word.text.as_ptr()).ends_with("#[") {
            found(word.line, "an ignored test tells nothing: make it run, or remove it");
        }
    }
    breaches
}

/// The code before a place in it.
fn preceding(code: &str, place: *const u8) -> &str {
    code[..place as usize - code.as_ptr() as usize].trim_end()
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
    fn a_file_without_a_first_sentence_is_found() {
        check("src/plan/a.rs", "use std::fmt;", &[(1, "opens with `//!`")]);
        check("tests/it/a.rs", "//!\n//! Late.", &[(1, "opens with `//!`")]);
    }

    #[test]
    fn a_file_that_has_become_two_is_found() {
        let long = format!("//! Long.\n{}", "fn a() {}\n".repeat(MAX_LINES));
        check("src/plan/a.rs", &long, &[(351, "351 lines without its tests")]);
        check("tests/it/a.rs", &long, &[]);
        let tests =
            format!("//! Tested.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn a() {}\n".repeat(MAX_LINES));
        check("src/plan/a.rs", &tests, &[]);
    }

    #[test]
    fn what_is_put_off_or_left_over_is_found() {
        check("src/a.rs", "//! A.\n// TODO: more", &[(2, "TODO in a comment")]);
        check("src/a.rs", "//! A.\nfn a() { dbg!(1); todo!() }", &[(2, "dbg!"), (2, "todo!")]);
        check("tests/a.rs", "//! A.\n#[test]\n#[ignore = \"slow\"]\nfn a() {}", &[(3, "an ignored test")]);
        check("src/a.rs", "//! A.\nconst A: &str = \"TODO\"; fn ignore() { todo(); }", &[]);
    }
}
