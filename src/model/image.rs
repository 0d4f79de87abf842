//! Names of images that are built for services: those that managers hand out, and those in a registry.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// Before the names of images that managers hand out, where a registry's host is in others. No registry is asked for them.
pub const HOST: &str = "orc.local";

/// Digits of an image's identifier that are its tag.
const TAG: usize = 12;

/// The longest name of a repository, in bytes.
const LONGEST: usize = 128;

/// The name of the images of a service, as every registry allows it: lower-case words with hyphens between them.
pub fn repository(project: &str, service: &str) -> String {
    let whole = format!("{project}-{service}").to_ascii_lowercase();
    let words = whole.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The tag of an image with this identifier, as `docker` prints it: `sha256:` and 64 digits. `None` = it is none.
pub fn tag(id: &str) -> Option<&str> {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..TAG).filter(|tag| is_tag(tag))
}

fn is_tag(text: &str) -> bool {
    text.len() == TAG && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// An image that managers hand out, without [`HOST`]: `shop-web:1a2b3c4d5e6f`. Its tag says what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageName(String);

impl ImageName {
    /// The name in a reference that begins with [`HOST`]; `None` = a registry has that image.
    pub fn in_reference(reference: &str) -> Option<Result<Self, String>> {
        Some(reference.strip_prefix(HOST)?.strip_prefix('/')?.parse())
    }

    /// What engines call it.
    pub fn reference(&self) -> String {
        format!("{HOST}/{}", self.0)
    }

    /// As it is in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        };
        match text.split_once(':') {
            Some((name, tag)) if name.len() <= LONGEST && name.split('-').all(is_word) && is_tag(tag) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!(
                "{text:?} is no name of an image that was built: one such as shop-web:1a2b3c4d5e6f belongs there"
            )),
        }
    }
}

impl TryFrom<String> for ImageName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ImageName> for String {
    fn from(name: ImageName) -> Self {
        name.0
    }
}

/// An image that a manager hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// What it is called.
    pub name: ImageName,
    /// The file with its archive, in the directory of all of them.
    pub file: String,
    /// Bytes of that.
    pub size: u64,
    /// SHA-256 of that, in hexadecimal digits.
    pub digest: String,
    /// Who sent it, in words.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How long managers had run when nothing was found to name it any more; `None` = something names it.
    pub unused_since: Option<Duration>,
}

/// Where images are pushed and pulled: `HOST[:PORT][/PREFIX]`, as in `ghcr.io/me`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPrefix(String);

impl fmt::Display for RegistryPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegistryPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let host = parts.next().unwrap_or_default();
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let is_label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
        };
        let is_host = name == "localhost" || port.is_some() || name.contains('.');
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let is_component = |part: &str| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
            let edge = |letter: char| letter.is_ascii_alphanumeric();
            part.bytes().all(plain) && part.starts_with(edge) && part.ends_with(edge)
        };
        if is_host && is_port && name != HOST && name.split('.').all(is_label) && parts.all(is_component) {
            return Ok(Self(text.to_owned()));
        }
        Err("a registry belongs there, HOST[:PORT][/PREFIX] in lower case and without https://, such as ghcr.io/me or \
             registry.example.org:5000"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_every_registry_allows() {
        for (project, service, name) in [
            ("shop", "web", "shop-web"),
            ("shop_1", "Web.Front", "shop-1-web-front"),
            ("a--b", "_c_", "a-b-c"),
        ] {
            assert_eq!(repository(project, service), name);
        }
        let id = "sha256:1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809";
        assert_eq!(tag(id), Some("1a2b3c4d5e6f"));
        assert_eq!((tag("sha256:1a2b"), tag("sha256:XYZb3c4d5e6f")), (None, None));
    }

    #[test]
    fn what_managers_hand_out_is_told_from_what_registries_have() {
        let name: ImageName = "shop-web:1a2b3c4d5e6f".parse().unwrap();
        assert_eq!(name.reference(), "orc.local/shop-web:1a2b3c4d5e6f");
        assert_eq!(ImageName::in_reference(&name.reference()), Some(Ok(name)));
        for other in ["nginx", "orc.local:5000/a", "orc.localhost/a:1a2b3c4d5e6f", "a/orc.local/b"] {
            assert_eq!(ImageName::in_reference(other), None, "{other}");
        }
        for bad in [
            "a",
            "a:latest",
            "a/b:1a2b3c4d5e6f",
            "../a:1a2b3c4d5e6f",
            "-a:1a2b3c4d5e6f",
            "a:1A2b3c4d5e6f",
            ":1a2b3c4d5e6f",
        ] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad}");
            assert!(ImageName::in_reference(&format!("{HOST}/{bad}")).unwrap().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_registry_is_a_host_and_what_is_before_names_there() {
        for good in [
            "ghcr.io/me",
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000/a/b",
            "registry.example.org",
            "box:5000",
        ] {
            assert_eq!(
                good.parse::<RegistryPrefix>().map(|registry| registry.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "me",
            "https://ghcr.io",
            "ghcr.io/",
            "ghcr.io/Me",
            "a.b:0",
            "a.b:x",
            "-a.b",
            "orc.local",
            "a.b/-c",
        ] {
            assert!(bad.parse::<RegistryPrefix>().is_err(), "{bad}");
        }
    }
}
