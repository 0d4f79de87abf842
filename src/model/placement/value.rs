//! Values that facts of nodes have and constraints name, and how they compare.

use std::cmp::Ordering;

/// A value of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// As it is written, letter case included.
    Text(String),
    /// Cores or bytes.
    Number(f64),
    /// `24.0.7` as 24, 0, 7.
    Version(Vec<u64>),
}

impl Value {
    /// The version that a program says of itself, without what stands behind its numbers: `20.10.24+dfsg1` is
    /// 20.10.24. `None` when it begins with no number.
    pub fn version_of(text: &str) -> Option<Self> {
        let numbers = text.trim_start_matches('v');
        let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
        let parts: Vec<u64> = numbers[..end].split('.').map_while(|part| part.parse().ok()).collect();
        (!parts.is_empty()).then_some(Self::Version(parts))
    }

    /// How this one, which is a node's, stands to the one that is `wanted`; `None` when they do not compare.
    ///
    /// Of versions only so many parts count as are wanted, so that 24.0.7 equals 24 and is not above it. A text
    /// compares with a number as the number that it reads as.
    pub fn compare(&self, wanted: &Self) -> Option<Ordering> {
        match (self, wanted) {
            (Self::Text(text), Self::Text(wanted)) => Some(text.cmp(wanted)),
            (Self::Text(text), Self::Number(wanted)) => quantity(text)?.partial_cmp(wanted),
            (Self::Number(number), Self::Number(wanted)) => number.partial_cmp(wanted),
            (Self::Version(parts), Self::Version(wanted)) => {
                let parts = parts.iter().chain(std::iter::repeat(&0));
                let differs =
                    parts.zip(wanted).map(|(part, wanted)| part.cmp(wanted)).find(|order| order.is_ne());
                Some(differs.unwrap_or(Ordering::Equal))
            }
            _ => None,
        }
    }
}

/// Reads `8`, `2.5`, `16GiB`, `512m`: units are powers of 1024, as Docker's are.
pub(super) fn quantity(text: &str) -> Option<f64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &lower[digits.len()..];
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit) {
        "" if unit.len() < 2 => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = digits.trim_end().parse::<f64>().ok().filter(|number| plain && number.is_finite())?;
    Some(number * 1024_f64.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_dockers_units() {
        for (text, number) in [
            ("0", 0.0),
            ("8", 8.0),
            ("2.5", 2.5),
            ("1b", 1.0),
            ("1k", 1024.0),
            ("16GiB", 17_179_869_184.0),
            ("16gb", 17_179_869_184.0),
            ("1.5g", 1_610_612_736.0),
            ("2T", 2_199_023_255_552.0),
        ] {
            assert_eq!(quantity(text), Some(number), "{text}");
        }
        for text in ["", "GiB", "-1", "1e3", "1x", "ib", "1ib", "1 2", "NaN", "inf", "½"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }

    #[test]
    fn a_version_is_read_up_to_what_is_no_number() {
        let read = |text: &str| Value::version_of(text);
        assert_eq!(read("20.10.24+dfsg1"), Some(Value::Version(vec![20, 10, 24])));
        assert_eq!(read("v27.0.0-rc.1"), Some(Value::Version(vec![27, 0, 0])));
        assert_eq!(read("24"), Some(Value::Version(vec![24])));
        assert_eq!(read(""), None);
        assert_eq!(read("dev"), None);
    }

    #[test]
    fn versions_compare_part_by_part_as_far_as_is_wanted() {
        let order = |node: &str, wanted: &str| {
            Value::version_of(node).unwrap().compare(&Value::version_of(wanted).unwrap()).unwrap()
        };
        assert_eq!(order("20.10.24", "24"), Ordering::Less);
        assert_eq!(order("24.0.7", "24"), Ordering::Equal);
        assert_eq!(order("24.0.7", "24.0.8"), Ordering::Less);
        assert_eq!(order("24.0.10", "24.0.9"), Ordering::Greater);
        assert_eq!(order("24", "24.0.1"), Ordering::Less);
        assert_eq!(order("24", "24.0.0"), Ordering::Equal);
    }

    #[test]
    fn a_text_compares_as_the_number_that_it_reads_as() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("10").compare(&Value::Number(9.0)), Some(Ordering::Greater));
        assert_eq!(text("10").compare(&text("9")), Some(Ordering::Less));
        assert_eq!(text("ten").compare(&Value::Number(9.0)), None);
    }
}
