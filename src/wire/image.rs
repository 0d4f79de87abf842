//! What an image reference looks like: the grammar of the distribution project, which every engine reads by.
//!
//! `[host[:port]/]path[/path…][:tag][@digest]`. What is none is refused at once, and not after a pull that cannot succeed.

/// The longest name that registries take, host and path together.
const LONGEST_NAME: usize = 255;

/// Whether an engine can read this as the name of an image.
pub(super) fn is_reference(text: &str) -> bool {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash is that of a port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

fn is_name(name: &str) -> bool {
    let path = match name.split_once('/') {
        Some((host, path)) if is_meant_as_host(host) => {
            if !is_host(host) {
                return false;
            }
            path
        }
        _ => name,
    };
    name.len() <= LONGEST_NAME && path.split('/').all(is_component)
}

/// How Docker tells a registry's host from the first part of a path.
fn is_meant_as_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && label.ends_with(|last: char| last.is_ascii_alphanumeric())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Lower-case words, between each two of them one dot, one or two underscores, or any number of hyphens.
fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separators = text.split(|letter: char| u8::try_from(letter).is_ok_and(is_word));
    let ends_in_words = separators.next() == Some("") && separators.next_back() == Some("");
    ends_in_words
        && separators.all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || b".-".contains(&byte))
}

/// SHA-256, or a longer one of the same family.
fn is_digest(text: &str) -> bool {
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match text.split_once(':') {
        Some(("sha256", hex)) => is_hex(hex, 64),
        Some(("sha384", hex)) => is_hex(hex, 96),
        Some(("sha512", hex)) => is_hex(hex, 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_what_is_none() {
        let hex = "0123456789abcdef".repeat(4);
        let (pinned, by_id) = (format!("a/b:1@sha256:{hex}"), format!("sha256:{hex}"));
        for good in [
            "i",
            "nginx:1.29",
            "timboring/echo-server:latest",
            "registry:5000/team/app",
            "localhost/a",
            "LOCAL/a",
            "127.0.0.1:5000/a.b/c__d-e--f:V_1.2-3",
            "a:5000",
            &pinned,
            &by_id,
            &hex[..12],
        ] {
            assert!(is_reference(good), "{good}");
        }
        let (short, shouted) =
            (format!("i@sha256:{}", &hex[1..]), format!("i@sha256:{}", hex.to_uppercase()));
        let (long, tag) = ("i".repeat(256), format!("i:{}", "t".repeat(129)));
        for bad in [
            "",
            " ",
            "i i",
            "I",
            "-i",
            "i-",
            ".i",
            "i.",
            "a..b",
            "a._b",
            "a___b",
            "a//b",
            "/a",
            "a/",
            "a/../b",
            "../../etc/passwd",
            "i:",
            "i:.t",
            "i:a:b",
            "i@",
            "i@sha256",
            "i@sha256:",
            "i@md5:00",
            "i@a@b",
            "i\n",
            "i\0",
            "i#",
            "i?x",
            "i%2e",
            "http://a/b",
            "file:///etc/passwd",
            "user:pass@h.example/x",
            "h.example:port/x",
            "h.example:0/x",
            "h.example:65536/x",
            "-h.example/x",
            "h..example/x",
            "[::1]/x",
            "\u{456}mage",
            "ｎginx",
            &short,
            &shouted,
            &long,
            &tag,
        ] {
            assert!(!is_reference(bad), "{bad:?}");
        }
    }
}
