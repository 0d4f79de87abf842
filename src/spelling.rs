//! "Did you mean": the known word that an unknown one resembles.

/// How alike two words must be, 0 to 1, to be worth a mention.
const ALIKE: f64 = 0.84;

/// The known word that `unknown` is most likely meant to be, if any resembles it. Case, hyphens and
/// underscores count for nothing: `restart_policy` resembles `RestartPolicy` perfectly.
pub fn resembling<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = plain(unknown);
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&unknown, &plain(word)), word))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

/// The letters and digits of a word, in lower case; of an overlong one only the beginning.
fn plain(word: &str) -> String {
    word.chars().take(64).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 8] =
        ["ID", "Name", "Image", "CPU", "Memory", "ExposedPorts", "RestartPolicy", "HealthCheck"];

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        for (slip, meant) in [
            ("nmae", "Name"),
            ("name", "Name"),
            ("Img", "Image"),
            ("cpus", "CPU"),
            ("Memry", "Memory"),
            ("id", "ID"),
            ("restart_policy", "RestartPolicy"),
            ("Restart", "RestartPolicy"),
            ("exposed-port", "ExposedPorts"),
        ] {
            assert_eq!(resembling(slip, FIELDS), Some(meant), "{slip}");
        }
    }

    #[test]
    fn a_word_unlike_all_others_finds_none() {
        for word in ["", "Replicas", "x", "-", "🦀"] {
            assert_eq!(resembling(word, FIELDS), None, "{word:?}");
        }
    }
}
