//! Durations, sizes, ports and modes, as Compose writes them.

use std::time::Duration;

use super::value::quote;

/// `1m30s`, `500ms`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{} is no duration; it is written `10s`, `1m30s` or `500ms`", quote(text));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let after = &rest[number..];
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let seconds = match &after[..unit] {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        let amount: f64 = rest[..number].parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(amount * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = &after[unit..];
    }
    Ok(total)
}

/// `512m`, `1.5gb`, `1073741824`: powers of 1024, whichever way the unit is spelt.
pub(super) fn byte_count(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is no size; it is written `512m`, `2g` or in bytes", quote(text));
    let lower = text.trim().to_lowercase();
    let number = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let power = match lower[number..].trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(wrong()),
    };
    let unit = 1024_u64.pow(power);
    if let Ok(whole) = lower[..number].parse::<u64>() {
        return whole.checked_mul(unit).ok_or_else(wrong);
    }
    fraction(&lower[..number], unit).ok_or_else(wrong)
}

/// `1.5` of a unit, in whole bytes; what a fraction has beyond its ninth digit is nothing.
fn fraction(number: &str, unit: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.')?;
    let digits = part.get(..part.len().min(9))?;
    if !digits.chars().all(|c| c.is_ascii_digit()) || (whole.is_empty() && digits.is_empty()) {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let scale = 10_u128.pow(u32::try_from(digits.len()).ok()?);
    let bytes = whole.checked_mul(u128::from(unit))?.checked_add(part * u128::from(unit) / scale)?;
    u64::try_from(bytes).ok()
}

/// A port, 1 to 65535.
pub(super) fn port_number(text: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(0) | Err(_) => Err(format!("{} is no port; ports are the numbers 1 to 65535", quote(text))),
        Ok(port) => Ok(port),
    }
}

/// A file mode: `0440`, `0o440` or `440`.
pub(super) fn octal(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err(format!("{} is no file mode; it is written in octal, as in `0440`", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_sums_of_parts() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "10 s", "-1s", "1x", "1.2.3s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("512", 512),
            ("1k", 1024),
            ("64M", 64 << 20),
            ("1.5gb", 3 << 29),
            ("2 GiB", 2 << 30),
            (".5k", 512),
        ] {
            assert_eq!(byte_count(text), Ok(bytes), "{text}");
        }
        for text in ["", "g", "-1", "1x", "1..5g", "99999999999999999999", "20000000t", "."] {
            assert!(byte_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_and_modes_have_bounds() {
        assert_eq!(port_number("65535"), Ok(65535));
        assert!(port_number("65536").is_err() && port_number("0").is_err() && port_number("-1").is_err());
        assert_eq!(octal("0440"), Ok(0o440));
        assert_eq!(octal("0o755"), Ok(0o755));
        assert!(octal("0999").is_err() && octal("77777").is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[0-9.kmgsh µ-]{0,12}|.*") {
            let _ = (duration(&text), byte_count(&text), port_number(&text), octal(&text));
        }
    }
}
