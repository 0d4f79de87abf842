//! One line of the result: a figure beside its target.

use super::ratio::{Ratio, Trials};

/// A line of the result.
#[derive(Debug)]
pub(crate) struct Row {
    /// By which it is selected.
    pub(crate) name: String,
    /// What was measured, in words.
    pub(crate) what: &'static str,
    /// The figure, with its unit.
    pub(crate) figure: String,
    /// What is wanted, with its unit.
    pub(crate) target: String,
    pub(crate) verdict: Verdict,
    /// What one needs to judge the figure.
    pub(crate) beside: String,
}

/// Whether a target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Reached,
    Short,
    /// The interval lies on both sides of the target.
    Unclear,
}

impl Verdict {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Reached => "yes",
            Self::Short => "no",
            Self::Unclear => "unclear",
        }
    }

    /// Of a figure that must not be above its target.
    pub(crate) fn at_most(figure: f64, target: f64) -> Self {
        if figure <= target { Self::Reached } else { Self::Short }
    }

    fn of_ratio(ratio: Ratio, target: f64) -> Self {
        match (ratio.high <= target, ratio.low > target) {
            (true, _) => Self::Reached,
            (_, true) => Self::Short,
            _ => Self::Unclear,
        }
    }
}

/// A row of times in seconds, by their floor.
pub(crate) fn by_floor(name: &str, what: &'static str, target: f64, trials: &Trials, floor: &str) -> Row {
    let ratio = trials.ratio();
    let (floor_median, orc_median) = trials.medians();
    Row {
        name: name.to_owned(),
        what,
        figure: format!("{ratio} ×"),
        target: format!("≤ {target} ×"),
        verdict: Verdict::of_ratio(ratio, target),
        beside: format!(
            "median {:.1} ms, floor ({floor}) {:.1} ms; floor by itself {}; {} rounds",
            orc_median * 1e3,
            floor_median * 1e3,
            trials.noise(),
            trials.orc.len(),
        ),
    }
}
