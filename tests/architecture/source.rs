//! Rust source as this test sees it: code without comments and strings, comments, and which lines are tests.

use std::fs;
use std::path::Path;

/// One file, in three views of the same lines.
pub(crate) struct Source {
    /// Its path from the root of the project.
    pub(crate) path: String,
    /// The file as it stands.
    pub(crate) text: String,
    /// Only what the compiler reads, tests included: comments and the inside of literals are blank.
    pub(crate) code: String,
    /// Only what people read: all but comments is blank.
    pub(crate) comments: String,
    /// Whether all of it is compiled for tests only.
    pub(crate) is_test: bool,
}

/// A word of code and the line it is on.
pub(crate) struct Word<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
    /// What follows it on, without blanks.
    pub(crate) rest: &'a str,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let is_test = !path.starts_with("src/");
        Self { path: path.to_owned(), text: text.to_owned(), code, comments, is_test }
    }

    /// The code that is in the product: without what stands under `#[cfg(test)]`.
    pub(crate) fn product(&self) -> String {
        if self.is_test { blank(&self.code) } else { without_tests(&self.code) }
    }

    /// Lines that are not tests.
    pub(crate) fn product_lines(&self) -> usize {
        let tests = self.code.lines().count() - lines_with_tests_cut(&self.code);
        self.text.lines().count() - tests
    }

    /// The first folder or file under `src/`: `src/plan/host.rs` is of `plan`, `src/clock.rs` of `clock`.
    pub(crate) fn layer(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split(['/', '.']).next().unwrap_or(below)
    }
}

/// All `.rs` files of a folder, those of `#[cfg(test)] mod x;` marked as tests.
pub(crate) fn read(root: &Path, folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root.join(folder), folder, &mut sources);
    mark_tests(&mut sources);
    sources
}

fn collect(folder: &Path, name: &str, into: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{name}/{file}");
        if path.is_dir() {
            collect(&path, &name, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(Source::new(&name, &fs::read_to_string(&path).expect("a readable file")));
        }
    }
}

/// Marks the files that a `#[cfg(test)] mod x;` brings in.
pub(crate) fn mark_tests(sources: &mut [Source]) {
    let mut places = Vec::new();
    for source in sources.iter() {
        let home = match source.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
            _ => source.path.trim_end_matches(".rs").to_owned(),
        };
        for (start, end) in test_items(&source.code) {
            let words: Vec<Word> = words(&source.code[start..end]).collect();
            let module = words.iter().position(|word| word.text == "mod");
            if let Some(name) =
                module.and_then(|at| words.get(at + 1)).filter(|name| name.rest.starts_with(';'))
            {
                places.push(format!("{home}/{}", name.text));
            }
        }
    }
    for source in sources {
        let is_in = |place: &String| {
            let rest = source.path.strip_prefix(place.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        source.is_test |= places.iter().any(is_in);
    }
}

/// Every identifier and keyword of a piece of code, with its line.
pub(crate) fn words(code: &str) -> impl Iterator<Item = Word<'_>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    let mut line = 1;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_part)?;
        let end = code[start..].find(|c| !is_part(c)).map_or(code.len(), |length| start + length);
        line += code[at..start].matches('\n').count();
        at = end;
        Some(Word { line, text: &code[start..end], rest: code[end..].trim_start() })
    })
}

/// The same lines with nothing on them.
fn blank(code: &str) -> String {
    code.chars().map(|c| if c == '\n' { c } else { ' ' }).collect()
}

fn without_tests(code: &str) -> String {
    let mut product = code.to_owned();
    for (start, end) in test_items(code) {
        product.replace_range(start..end, &blank(&code[start..end]));
    }
    product
}

fn lines_with_tests_cut(code: &str) -> usize {
    let mut product = code.to_owned();
    for (start, end) in test_items(code).into_iter().rev() {
        product.replace_range(start..end, "");
    }
    product.lines().count()
}

/// Where the items under `#[cfg(test)]` begin and end.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code, start);
        items.push((start, end));
        from = end;
    }
    items
}

/// An item ends with its first `;` or `}` that is not inside of brackets.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[start..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return start + offset + 1;
                }
            }
            ';' if depth == 0 => return start + offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// What a piece of a file is to the compiler.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Code and comments of a file, each with blanks where the other is.
fn split(text: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (length, kind) = piece(rest, next, code.chars().next_back());
        let (piece, after) = rest.split_at(length);
        code.push_str(&if kind == Kind::Code { piece.to_owned() } else { blank(piece) });
        comments.push_str(&if kind == Kind::Comment { piece.to_owned() } else { blank(piece) });
        rest = after;
    }
    (code, comments)
}

/// The length and kind of what a file goes on with.
fn piece(rest: &str, next: char, before: Option<char>) -> (usize, Kind) {
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), Kind::Comment)
    } else if rest.starts_with("/*") {
        (block_comment(rest), Kind::Comment)
    } else if next == '"' {
        (1 + quoted(&rest[1..], '"'), Kind::Literal)
    } else if let Some(length) = raw_string(rest, before) {
        (length, Kind::Literal)
    } else if let Some(length) = character(rest) {
        (length, Kind::Literal)
    } else {
        (next.len_utf8(), Kind::Code)
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let opens = rest[at..].starts_with("/*");
        let closes = rest[at..].starts_with("*/");
        at += if opens || closes { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
        depth += i32::from(opens) - i32::from(closes);
        if depth == 0 {
            break;
        }
    }
    at
}

/// Up to and with the closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and so on, where the `r` is not the end of a word; `br` too, since `b` may end as code.
fn raw_string(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c != 'b' && (c.is_alphanumeric() || c == '_')) {
        return None;
    }
    let after = rest.strip_prefix('r')?;
    let inside = after.trim_start_matches('#');
    let hashes = after.len() - inside.len();
    let inside = inside.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(1 + hashes + 1 + length)
}

/// `'x'` or `'\n'`, but not the lifetime `'a`.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut chars = inside.chars();
    match chars.next()? {
        '\\' => Some(1 + quoted(inside, '\'')),
        c => (chars.next()? == '\'').then(|| 1 + c.len_utf8() + 1),
    }
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let source = Source::new(
        "src/a.rs",
        "let a = \"// no \\\" comment\"; // yes\nlet b = r#\"x \" y\"#; /* a /* b */ c */ let c: &'a str = f('\"', '\\'');\n",
    );
    let words: Vec<&str> = words(&source.code).map(|word| word.text).collect();
    assert_eq!(words, ["let", "a", "let", "b", "let", "c", "a", "str", "f"]);
    assert_eq!(source.comments.split_whitespace().collect::<String>(), "//yes/*a/*b*/c*/");
    assert_eq!(source.code.lines().count(), 2);
}

#[test]
fn what_is_compiled_for_tests_only_is_not_product() {
    let text = "//! A.\nfn a() {}\n#[cfg(test)]\nuse x;\n#[cfg(test)]\nmod tests {\n    fn b() { c(); }\n}\nfn d() {}\n";
    let source = Source::new("src/a.rs", text);
    let product = source.product();
    let words: Vec<(usize, &str)> = words(&product).map(|word| (word.line, word.text)).collect();
    assert_eq!(words, [(2, "fn"), (2, "a"), (9, "fn"), (9, "d")]);
    assert_eq!(source.product_lines(), 5);
}

#[test]
fn files_of_a_test_module_are_tests() {
    let mut sources = vec![
        Source::new("src/plan/mod.rs", "#[cfg(test)]\nmod tests;\nmod other;"),
        Source::new("src/plan/other.rs", "#[cfg(test)]\npub(crate) mod samples;"),
        Source::new("src/plan/other/samples.rs", "fn a() {}"),
        Source::new("src/plan/tests.rs", "fn a() {}"),
    ];
    mark_tests(&mut sources);
    let tests: Vec<bool> = sources.iter().map(|source| source.is_test).collect();
    assert_eq!(tests, [false, false, true, true]);
}
