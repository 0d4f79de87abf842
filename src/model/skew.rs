//! Clocks on the wall of two machines that differ, in words. They decide nothing but what certificates and tokens count,
//! and every time that people read.

use std::time::Duration;

use super::time::Timestamp;

/// Clocks that differ by so much are worth a mention; what is on its way for a while is not that late.
const APART: Duration = Duration::from_mins(2);

/// By how much another clock differs from the own one, such as `3days 2h ahead of`; `None` = hardly.
pub fn apart(theirs: Timestamp, ours: Timestamp) -> Option<String> {
    let (behind, ahead) = (theirs.until(ours), ours.until(theirs));
    let word = if behind > ahead { "behind" } else { "ahead of" };
    let apart = behind.max(ahead);
    // What was said a moment ago is that moment older: whole minutes, so that three days are three days.
    let minutes = (apart.as_secs() + 30) / 60;
    (apart >= APART).then(|| format!("{} {word}", in_words(Duration::from_secs(minutes * 60))))
}

/// What a worker is told whose machine shows another time than its manager's.
pub fn remedy(ours: Timestamp, managers: Timestamp) -> String {
    format!(
        "this machine's clock says {ours}, the manager's {managers}: set the one that is wrong, as with `timedatectl \
         set-ntp true`"
    )
}

/// A duration in its two largest units.
pub fn in_words(duration: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_told_apart_from_those_that_agree() {
        let ours = Timestamp::from_millis(1_795_332_379_690);
        let after = |seconds| apart(ours.after(Duration::from_secs(seconds)), ours);
        let before = |seconds| apart(ours.before(Duration::from_secs(seconds)), ours);
        assert_eq!((after(119), before(119)), (None, None));
        assert_eq!(after(120).as_deref(), Some("2m ahead of"));
        assert_eq!(after(3 * 86_400 - 2).as_deref(), Some("3days ahead of"));
        assert_eq!(before(3 * 86_400 + 7_300).as_deref(), Some("3days 2h behind"));
        assert_eq!(after(365 * 86_400).as_deref(), Some("11months 30days ahead of"));
    }
}
