//! Tokens as people carry them about: an identifier and a secret, with a checksum that tells mistyped from wrong.
//!
//! A join token also names the authority of its cluster by its digest, so that a worker knows whom it gives the
//! secret to.

use std::fmt;
use std::str::FromStr;

use rustls::crypto::CryptoProvider;

use super::digest::{Digest, hex, unhex};
use super::provider;

const JOIN: &str = "ORCJOIN";
const API: &str = "ORC";

/// Bytes of an identifier. It is no secret, and only tells tokens of one cluster apart.
const ID: usize = 4;
/// Bytes of what lets a worker join, once or for an hour.
const JOIN_SECRET: usize = 16;
/// Bytes of what speaks for a person.
const API_SECRET: usize = 32;
/// Hex digits of the checksum.
const CHECKSUM: usize = 8;

/// What lets a worker join: `ORCJOIN-<digest of the authority>-<identifier and secret>-<checksum>`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// The authority of its cluster.
    pub pin: Digest,
    secret: Secret<JOIN_SECRET>,
}

/// What speaks for a person or a program: `ORC-<identifier and secret>-<checksum>`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    secret: Secret<API_SECRET>,
}

#[derive(Clone, PartialEq, Eq)]
struct Secret<const N: usize> {
    id: [u8; ID],
    secret: [u8; N],
}

impl<const N: usize> Secret<N> {
    fn generate() -> Self {
        Self { id: random(&provider()), secret: random(&provider()) }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        let (id, secret) = bytes.split_at_checked(ID)?;
        Some(Self { id: id.try_into().ok()?, secret: secret.try_into().ok()? })
    }

    fn text(&self) -> String {
        hex(&self.id) + &hex(&self.secret)
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>(provider: &CryptoProvider) -> [u8; N] {
    let mut bytes = [0; N];
    provider.secure_random.fill(&mut bytes).expect("Linux has random bytes for everybody");
    bytes
}

impl JoinToken {
    /// A new one for the cluster of this authority.
    pub fn generate(pin: Digest) -> Self {
        Self { pin, secret: Secret::generate() }
    }

    /// Its identifier.
    pub fn id(&self) -> String {
        hex(&self.secret.id)
    }

    /// The digest of its secret.
    pub fn digest(&self) -> Digest {
        Digest::of(self.secret.secret)
    }
}

impl ApiToken {
    /// A new one.
    pub fn generate() -> Self {
        Self { secret: Secret::generate() }
    }

    /// Its identifier.
    pub fn id(&self) -> String {
        hex(&self.secret.id)
    }

    /// The digest of its secret.
    pub fn digest(&self) -> Digest {
        Digest::of(self.secret.secret)
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&checked(&format!("{JOIN}-{}-{}", self.pin, self.secret.text())))
    }
}

impl fmt::Display for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&checked(&format!("{API}-{}", self.secret.text())))
    }
}

/// Only what is no secret.
impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Only what is no secret.
impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [pin, secret] = parts(text, JOIN, "`orc node token` prints one")?;
        let token = pin.parse().ok().zip(Secret::parse(secret));
        token.map(|(pin, secret)| Self { pin, secret }).ok_or_else(|| mistyped(JOIN))
    }
}

impl FromStr for ApiToken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [secret] = parts(text, API, "`orc token create` makes one")?;
        Secret::parse(secret).map(|secret| Self { secret }).ok_or_else(|| mistyped(API))
    }
}

fn checked(text: &str) -> String {
    format!("{text}-{}", checksum(text))
}

fn checksum(text: &str) -> String {
    let mut digits = Digest::of(text).to_string();
    digits.truncate(CHECKSUM);
    digits
}

/// What stands between the first word and the checksum, once that fits.
fn parts<'a, const N: usize>(text: &'a str, word: &str, remedy: &str) -> Result<[&'a str; N], String> {
    let Some(rest) = text.strip_prefix(word).and_then(|rest| rest.strip_prefix('-')) else {
        return Err(format!("that is no token: one begins with {word}-; {remedy}"));
    };
    let (body, sum) = rest.rsplit_once('-').ok_or_else(|| mistyped(word))?;
    if checksum(&format!("{word}-{body}")) != sum {
        return Err(mistyped(word));
    }
    let parts: Vec<&str> = body.split('-').collect();
    parts.try_into().map_err(|_| mistyped(word))
}

fn mistyped(word: &str) -> String {
    format!(
        "this {word} token was mistyped or cut off, for its checksum does not fit: copy it again, as a whole"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_printed_and_no_two_are_alike() {
        let join = JoinToken::generate(Digest::of("authority"));
        assert_eq!(join.to_string().parse(), Ok(join.clone()));
        assert_ne!(join, JoinToken::generate(join.pin));
        let api = ApiToken::generate();
        assert_eq!(api.to_string().parse(), Ok(api.clone()));
        assert_ne!(api, ApiToken::generate());
        assert!(api.to_string().contains(&api.id()));
    }

    #[test]
    fn any_changed_letter_is_mistyped_and_not_wrong() {
        let text = JoinToken::generate(Digest::of("authority")).to_string();
        for place in JOIN.len() + 1..text.len() {
            let mut typed = text.clone();
            typed.replace_range(place..=place, if &text[place..=place] == "a" { "b" } else { "a" });
            let error = typed.parse::<JoinToken>().unwrap_err();
            assert!(error.contains("mistyped"), "{typed}: {error}");
        }
        for cut in [&text[..text.len() - 1], &text[..40], "ORCJOIN-", "ORCJOIN-é"] {
            assert!(cut.parse::<JoinToken>().unwrap_err().contains("mistyped"), "{cut}");
        }
        assert!("hello".parse::<JoinToken>().unwrap_err().contains("`orc node token`"));
        assert!(text.parse::<ApiToken>().is_err(), "what lets a worker join speaks for nobody");
    }

    #[test]
    fn a_secret_is_in_no_log() {
        let join = JoinToken::generate(Digest::of("authority"));
        assert!(!format!("{join:?}").contains(&hex(&join.secret.secret)));
        let api = ApiToken::generate();
        assert!(!format!("{api:?}").contains(&hex(&api.secret.secret)));
    }
}
