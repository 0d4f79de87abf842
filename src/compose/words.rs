//! A command line as words, split as a shell would, without running one.

/// The words of a command, or the sentence that says why it has none.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => quoted(&mut chars, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut chars, '"', word.get_or_insert_default())?,
            '\\' => match chars.next() {
                // A line that is continued.
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(chars: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                Some('\n') => {}
                Some(c) => word.extend(['\\', c]),
                None => break,
            },
            c => word.push(c),
        }
    }
    Err(format!("the quote {quote} is never closed in this command"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_backslashes_mean_what_they_mean_to_a_shell() {
        for (text, words) in [
            ("nginx -g 'daemon off;'", vec!["nginx", "-g", "daemon off;"]),
            ("sh -c \"echo \\\"a b\\\" \\n\"", vec!["sh", "-c", "echo \"a b\" \\n"]),
            ("a\\ b ''  c\n d", vec!["a b", "", "c", "d"]),
            ("--x='1'\"2\"3", vec!["--x=123"]),
            ("", vec![]),
        ] {
            assert_eq!(split(text).expect(text), words, "{text}");
        }
        assert!(split("echo 'a").is_err() && split("\"").is_err());
    }

    proptest! {
        #[test]
        fn no_command_is_too_strange(text in r#"[a'"\\ \n]{0,20}|.*"#) {
            let _ = split(&text);
        }
    }
}
