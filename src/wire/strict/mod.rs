//! Reading JSON that somebody else wrote: nothing is guessed, nothing ignored, and each refusal says in a
//! sentence what was wrong, where, and what would be right.
//!
//! Types decoded here deny unknown fields, so that a slip of the pen is a 400 and not a default.

mod place;
mod problem;
mod read;
mod tree;

use serde::de::DeserializeOwned;

use self::problem::Problem;
use self::tree::Tree;

/// How deep arrays and objects may nest. A `TaskEvent` needs five levels.
pub const MAX_DEPTH: usize = 32;

/// Why a text is not what it should be: a sentence with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

/// Reads a whole JSON text as a `T`.
///
/// First comes a tree of values, whatever they are about, so that hostile nesting never reaches the code of a
/// type; then the `T` out of the tree, more strictly than `serde_json` would: no key twice, since parsers
/// disagree on which of them counts, and no array in the place of a struct.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(|error| problem::not_utf8(bytes, error))?;
    let tree = Tree::parse(text).map_err(|error| problem::not_json(&error))?;
    T::deserialize(&tree).map_err(|problem: Problem| problem.at(place::locate(text, &problem.path())))
}

#[cfg(test)]
mod tests;
