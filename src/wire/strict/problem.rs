//! What is wrong with a text, and the sentence that says so.

use std::fmt;
use std::str::Utf8Error;

use serde::de::{Error, Expected, Unexpected};

use super::DecodeError;
use super::place::{self, Position, Step};
use super::tree::TOO_DEEP;
use crate::spelling::resembling;

/// The longest text of a stranger that is repeated, in characters.
const MAX_QUOTE: usize = 64;

/// What is wrong with one value of a tree.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    /// The way to that value, last step first.
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Kind {
    Twice,
    Missing(&'static str),
    UnknownField(&'static [&'static str]),
    UnknownVariant { given: String, known: &'static [&'static str] },
    Wrong { found: String, wanted: String },
    Other(String),
}

impl Problem {
    /// A key that its object has before already.
    pub(super) fn twice() -> Self {
        Kind::Twice.into()
    }

    /// The same problem, seen from one step further out.
    pub(super) fn inside(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The way to the value, first step first.
    pub(super) fn path(&self) -> Vec<Step> {
        self.steps.iter().rev().cloned().collect()
    }

    /// The sentence.
    pub(super) fn at(&self, (line, column): Position) -> DecodeError {
        DecodeError(format!("{self} (line {line}, column {column})"))
    }

    /// `Task.Env[3]`, without the last so many steps.
    fn place(&self, without: usize) -> String {
        let steps = self.steps.iter().skip(without).rev().map(|step| match step {
            Step::Field(name) => format!(".{}", plain(name)),
            Step::Element(index) => format!("[{index}]"),
        });
        steps.collect::<String>().trim_start_matches('.').to_owned()
    }

    /// `Task.nmae` is none of the fields that are known there, but perhaps like one.
    fn unknown_field(&self, f: &mut fmt::Formatter<'_>, known: &[&str]) -> fmt::Result {
        let field = match self.steps.first() {
            Some(Step::Field(name)) => name.as_str(),
            _ => "",
        };
        write!(f, "{} is no known field; ", self.place(0))?;
        match resembling(field, known.iter().copied()) {
            Some(meant) => write!(f, "{} is", beneath(&self.place(1), meant)),
            None if known.is_empty() => f.write_str("none belongs there"),
            None => write!(f, "{} are", known.join(", ")),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = Some(self.place(0)).filter(|place| !place.is_empty());
        let place = place.as_deref().unwrap_or("The body");
        match &self.kind {
            Kind::Twice => write!(f, "{place} appears twice"),
            Kind::Missing(field) => write!(f, "{} is missing", beneath(&self.place(0), field)),
            Kind::UnknownField(known) => self.unknown_field(f, known),
            Kind::UnknownVariant { given, known } => {
                let known = known.iter().map(|word| quote(word)).collect::<Vec<_>>().join(", ");
                write!(f, "{place} is {}, where one of {known} belongs", quote(given))
            }
            Kind::Wrong { found, wanted } => write!(f, "{place} is {found}, where {wanted} belongs"),
            Kind::Other(message) => write!(f, "{place}: {}", shorten(message, 8 * MAX_QUOTE)),
        }
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self { kind, steps: Vec::new() }
    }
}

impl std::error::Error for Problem {}

impl Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Kind::Other(message.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Kind::Wrong { found: describe(found), wanted: wanted(&expected.to_string()) }.into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(given: &str, known: &'static [&'static str]) -> Self {
        Kind::UnknownVariant { given: given.to_owned(), known }.into()
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Kind::UnknownField(known).into()
    }

    fn missing_field(field: &'static str) -> Self {
        Kind::Missing(field).into()
    }
}

/// What is wrong with bytes that are no text.
pub(super) fn not_utf8(bytes: &[u8], error: Utf8Error) -> DecodeError {
    let (before, rest) = bytes.split_at(error.valid_up_to());
    let (line, column) = place::after(before);
    let byte = rest.first().copied().unwrap_or_default();
    DecodeError(format!(
        "The body is not UTF-8, as JSON must be: the byte 0x{byte:02x} begins no character (line {line}, column \
         {column})"
    ))
}

/// What is wrong with a text that is not JSON.
pub(super) fn not_json(error: &serde_json::Error) -> DecodeError {
    let (line, column) = (error.line(), error.column());
    let place = format!(" at line {line} column {column}");
    let message = error.to_string();
    let message = message.strip_suffix(&place).unwrap_or(&message);
    if error.is_eof() && (line, column) == (1, 0) {
        return DecodeError("The body is empty, where JSON belongs".to_owned());
    }
    let what = if message == TOO_DEEP { TOO_DEEP.to_owned() } else { format!("not valid JSON: {message}") };
    DecodeError(format!("The body is {what} (line {line}, column {column})"))
}

/// A value that was found, in the words of JSON.
fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit => "null".to_owned(),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => format!("the integer {value}"),
        Unexpected::Signed(value) => format!("the integer {value}"),
        Unexpected::Float(value) => format!("the fraction {value:?}"),
        Unexpected::Str(text) => format!("the string {}", quote(text)),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// A value that was wanted, in the words of JSON.
fn wanted(expected: &str) -> String {
    let integer = |most: u32| format!("an integer from 0 to {most}");
    match expected {
        "u8" => integer(u8::MAX.into()),
        "u16" => integer(u16::MAX.into()),
        "u32" => integer(u32::MAX),
        "u64" | "usize" => "an integer of 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "unit" => "null".to_owned(),
        _ if expected == "a map" || expected.starts_with("struct ") => "an object".to_owned(),
        _ if expected.contains("enum ") => "a string".to_owned(),
        _ => expected.to_owned(),
    }
}

/// The place of a field in a place.
fn beneath(place: &str, field: &str) -> String {
    format!("{place}.{field}").trim_start_matches('.').to_owned()
}

/// A key as it is when it is plain, in quotes and escaped when it is not.
fn plain(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-/:".contains(c));
    if is_plain { shorten(key, MAX_QUOTE) } else { quote(key) }
}

/// A text in quotes and escaped.
fn quote(text: &str) -> String {
    format!("{:?}", shorten(text, MAX_QUOTE))
}

/// A text of bearable length: what is repeated came from a stranger.
fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
