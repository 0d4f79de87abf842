//! Amounts as people read them, rounded so that what is wanted never reads as little as what there is.

use super::points::{POINT, Points};
use super::room::NanoCores;

/// Which way a figure with too many digits goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// For what is wanted.
    Up,
    /// For what there is.
    Down,
}

impl Rounding {
    fn divide(self, amount: u128, by: u128) -> u128 {
        match self {
            Self::Up => amount.div_ceil(by),
            Self::Down => amount / by,
        }
    }
}

/// `1.2 GiB`: one digit after the point, none when it is 0.
pub(super) fn bytes(amount: u64, rounding: Rounding) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = amount.checked_ilog2().unwrap_or(0) / 10;
    let Some(unit) = power.checked_sub(1).and_then(|at| UNITS.get(at as usize)) else {
        return format!("{amount} B");
    };
    let tenths = rounding.divide(u128::from(amount) * 10, 1 << (10 * power));
    format!("{} {unit}", decimal(tenths, 1))
}

/// `0.25 cores`: up to two digits after the point.
pub(super) fn cores(amount: NanoCores, rounding: Rounding) -> String {
    let hundredths = rounding.divide(u128::from(amount), 10_000_000);
    let noun = if hundredths == 100 { "core" } else { "cores" };
    format!("{} {noun}", decimal(hundredths, 2))
}

/// `37.5`: up to two digits after the point.
pub(super) fn points(amount: Points) -> String {
    let hundredths = u128::from(amount.unsigned_abs()) / u128::from(POINT.unsigned_abs() / 100);
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(hundredths, 2))
}

/// `35 %`
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A number of tenths, hundredths … without zeros at its end.
fn decimal(number: u128, digits: usize) -> String {
    let text = format!("{number:0width$}", width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn bytes_read_in_the_largest_unit_that_they_fill() {
        let down = |amount| bytes(amount, Rounding::Down);
        assert_eq!(down(0), "0 B");
        assert_eq!(down(1023), "1023 B");
        assert_eq!(down(1024), "1 KiB");
        assert_eq!(down(512 << 20), "512 MiB");
        assert_eq!(down(GIB + GIB / 4), "1.2 GiB");
        assert_eq!(down(4 * GIB), "4 GiB");
        assert_eq!(down(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn what_is_wanted_is_rounded_up_and_what_there_is_down() {
        assert_eq!(bytes(4 * GIB + 1, Rounding::Up), "4.1 GiB");
        assert_eq!(bytes(4 * GIB + 1, Rounding::Down), "4 GiB");
        assert_eq!(cores(333_333_333, Rounding::Up), "0.34 cores");
        assert_eq!(cores(333_333_333, Rounding::Down), "0.33 cores");
    }

    #[test]
    fn points_have_a_sign_and_up_to_two_digits() {
        assert_eq!(points(37_500_000), "37.5");
        assert_eq!(points(-33_333_333), "-33.33");
        assert_eq!(points(0), "0");
        assert_eq!(percent(0.354), "35 %");
    }

    #[test]
    fn one_core_is_singular() {
        assert_eq!(cores(1_000_000_000, Rounding::Up), "1 core");
        assert_eq!(cores(0, Rounding::Down), "0 cores");
        assert_eq!(cores(2_500_000_000, Rounding::Up), "2.5 cores");
    }
}
