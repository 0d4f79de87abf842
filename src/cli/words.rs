//! Small things in words: ages, sizes, ports, identifiers.

use std::time::Duration;

use crate::model::task::HostPorts;
use crate::model::time::Timestamp;

/// The least that is shown of an identifier.
const SHORT_ID: usize = 8;

/// How long ago a time of the API was: `3m`. `-` when it is none.
pub(super) fn age(since: &str, now: Timestamp) -> String {
    Timestamp::parse(since).map_or_else(|| "-".to_owned(), |since| rough(since.until(now)))
}

/// A length of time by its largest unit: `45s`, `3m`, `5h`, `12d`.
pub(super) fn rough(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ ..3_600 => format!("{}m", seconds / 60),
        seconds @ ..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Bytes with a unit of 1024: `512 MiB`, `1.5 GiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, shift)) = UNITS.into_iter().find(|(_, shift)| bytes >> shift > 0) else {
        return format!("{bytes} B");
    };
    let tenths = (u128::from(bytes) * 10) >> shift;
    if tenths >= 100 || tenths % 10 == 0 {
        return format!("{} {unit}", tenths / 10);
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Published ports as `docker ps` shows them: `0.0.0.0:32789->7777/tcp`. Of the same port in IPv4 and IPv6 the
/// first is enough.
pub(super) fn ports(ports: Option<&HostPorts>) -> String {
    let bindings = ports.into_iter().flatten().flat_map(|(port, bindings)| {
        bindings
            .iter()
            .enumerate()
            .filter(|(index, binding)| {
                !bindings[..*index].iter().any(|seen| seen.host_port == binding.host_port)
            })
            .map(move |(_, binding)| {
                let host = if binding.host_ip.contains(':') {
                    format!("[{}]", binding.host_ip)
                } else {
                    binding.host_ip.clone()
                };
                format!("{host}:{}->{port}", binding.host_port)
            })
    });
    bindings.collect::<Vec<_>>().join(", ")
}

/// The beginnings of identifiers: as short as tells these apart, and never shorter than eight characters.
///
/// Identifiers that orc makes begin with the time, so those of one minute look alike for their first eight.
pub(super) fn short_ids(ids: &[&str]) -> Vec<String> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let short = |id: &str| {
        let at = sorted.partition_point(|known| *known < id);
        let neighbours = [at.checked_sub(1), at.checked_add(1)];
        let alike = neighbours.into_iter().flatten().filter_map(|at| sorted.get(at));
        let needed = alike.map(|other| common(id, other) + 1).max().unwrap_or_default();
        let needed = needed.max(SHORT_ID);
        id.get(..needed).unwrap_or(id).to_owned()
    };
    ids.iter().map(|id| short(id)).collect()
}

/// A sentence from elsewhere, on one line and without anything that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => plain.push(' '),
            c if c.is_control() => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::task::HostBinding;

    #[test]
    fn a_length_of_time_is_told_by_its_largest_unit() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (7_200, "2h"),
            (172_800, "2d"),
            (8_640_000, "100d"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn an_age_is_never_below_zero_and_never_made_up() {
        let now = Timestamp::parse("2026-11-22T07:30:00Z").unwrap();
        assert_eq!(age("2026-11-22T07:27:00Z", now), "3m");
        assert_eq!(age("2026-11-22T07:31:00Z", now), "0s");
        assert_eq!(age("", now), "-");
    }

    #[test]
    fn a_size_has_a_unit_and_at_most_one_place() {
        for (bytes, words) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (268_435_456, "256 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn a_port_on_both_families_is_shown_once() {
        let binding =
            |ip: &str, port: &str| HostBinding { host_ip: ip.to_owned(), host_port: port.to_owned() };
        let published: HostPorts = [
            ("7777/tcp".parse().unwrap(), vec![binding("0.0.0.0", "32789"), binding("::", "32789")]),
            ("53/udp".parse().unwrap(), vec![binding("::1", "53")]),
            ("80/tcp".parse().unwrap(), vec![]),
        ]
        .into();
        assert_eq!(ports(Some(&published)), "[::1]:53->53/udp, 0.0.0.0:32789->7777/tcp");
        assert_eq!(ports(None), "");
    }

    #[test]
    fn short_identifiers_are_as_long_as_tells_them_apart() {
        let ids = ["019a-bcde-0001", "bb1d59ef-9fc1", "019a-bcde-0002"];
        assert_eq!(short_ids(&ids), ["019a-bcde-0001", "bb1d59ef", "019a-bcde-0002"]);
        assert_eq!(short_ids(&["bb1d59ef-9fc1", "bb1d59ef-9fc1"]), ["bb1d59ef", "bb1d59ef"]);
        assert_eq!(short_ids(&["x"]), ["x"]);
    }

    #[test]
    fn a_terminal_obeys_nothing_that_comes_from_elsewhere() {
        assert_eq!(plain("a\nb\t\u{1b}[31mc"), "a b \\u{1b}[31mc");
    }
}
