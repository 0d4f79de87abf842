//! Fingerprints: the same for the same content, and for nothing else.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 over a value's JSON.
pub fn digest(value: &impl Serialize) -> [u8; 32] {
    // Values of the model and of `wire` always serialise: their maps have text as keys.
    let json = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(json).into()
}

/// SHA-256 over a value's JSON, in hexadecimal.
pub fn fingerprint(value: &impl Serialize) -> String {
    digest(value).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sha_256_of_the_json() {
        // printf '"abc"' | sha256sum
        assert_eq!(fingerprint(&"abc"), "6cc43f858fbb763301637b5af970e2a46b46f461f27e5a0f41e009c59b827b25");
        assert_ne!(fingerprint(&1), fingerprint(&2));
    }
}
