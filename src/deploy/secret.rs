//! What is not shown: values of variables that look like secrets.

/// What stands in place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Parts of a name that tell that its value is nobody's business.
const TELLING: &[&str] =
    &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE", "APIKEY", "SIGNATURE"];

/// Whole words of a name that tell the same, and too little as parts: `KEYBOARD`, `COMPASS`.
const TELLING_WORDS: &[&str] = &["PASS", "PW", "PWD", "KEY", "PAT", "SALT", "AUTH", "DSN", "PEPPER"];

/// Whether a variable of this name, or with this value, is likely to hold a secret.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_uppercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    TELLING.iter().any(|telling| name.contains(telling))
        || words.any(|word| TELLING_WORDS.contains(&word))
        || has_password(value)
}

/// Whether a value is an address with a password in it: `postgres://user:password@host`.
fn has_password(value: &str) -> bool {
    let authority = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    authority.and_then(|text| text.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_tell_what_is_a_secret() {
        for (name, value) in [
            ("POSTGRES_PASSWORD", "x"),
            ("secret_key_base", "x"),
            ("API_KEY", "x"),
            ("PG_PASS", "x"),
            ("GITHUB_TOKEN", ""),
            ("MYSQL_PWD", "x"),
            ("DATABASE_URL", "postgres://umami:hunter2@db:5432/umami"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("KEYBOARD", "de"),
            ("COMPASS", "north"),
            ("PASSENGERS", "3"),
            ("MONKEY", "george"),
            ("URL", "http://localhost:8080/a:b@c"),
            ("REDIS_URL", "redis://cache:6379"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }
}
