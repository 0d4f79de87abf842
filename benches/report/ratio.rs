//! Ratios of what was measured in pairs, with the interval in which the true one lies.

use std::fmt;

/// Measurements made one soon after the other, several times over. Each in any unit, as long as it is one.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    /// The floor, before or after the other two in turn.
    pub(crate) floor: Vec<f64>,
    /// orc.
    pub(crate) orc: Vec<f64>,
    /// The floor again.
    pub(crate) again: Vec<f64>,
}

impl Trials {
    /// orc by the floor. The two measurements of the floor count as one.
    pub(crate) fn ratio(&self) -> Ratio {
        let floors = self.floor.iter().zip(&self.again).map(|(one, two)| (one * two).sqrt());
        Ratio::of(self.orc.iter().copied().zip(floors))
    }

    /// The floor by itself: what the machine's noise alone does to a ratio.
    pub(crate) fn noise(&self) -> Ratio {
        Ratio::of(self.again.iter().copied().zip(self.floor.iter().copied()))
    }

    /// Medians of the floor and of orc, in the unit of the measurements.
    pub(crate) fn medians(&self) -> (f64, f64) {
        (median(&[self.floor.as_slice(), &self.again].concat()), median(&self.orc))
    }
}

/// The geometric mean of ratios with its 95 % interval, by Student's t of their logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    fn of(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let logarithms: Vec<f64> = pairs.map(|(above, below)| (above / below).ln()).collect();
        let count = logarithms.len() as f64;
        let mean = logarithms.iter().sum::<f64>() / count;
        let squares: f64 = logarithms.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        let reach = student_95(count - 1.0) * error;
        Self { mean: mean.exp(), low: (mean - reach).exp(), high: (mean + reach).exp() }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3}–{:.3})", self.mean, self.low, self.high)
    }
}

/// The 97.5 % quantile of Student's t: the expansion of Abramowitz and Stegun, 26.7.5, which is within 1 % from
/// four degrees of freedom on.
fn student_95(freedom: f64) -> f64 {
    let z: f64 = 1.959_964;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

/// The middle one, or between the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}
