//! What is in a secret or a config: bytes that no log, error or debug output shows.

use std::fmt;
use std::sync::Arc;

/// Bytes that are nobody's business. It has no `Display`, and its `Debug` tells their number alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents(Arc<[u8]>);

impl Contents {
    /// The bytes themselves: never for a sentence.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many there are.
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_tells_the_number_of_bytes_alone() {
        let contents = Contents::from(b"hunter2".to_vec());
        assert_eq!(
            format!("{contents:?} {:?}", Some(&contents)),
            "Contents(7 bytes) Some(Contents(7 bytes))"
        );
    }
}
