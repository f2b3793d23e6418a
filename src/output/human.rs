//! Times, sizes and durations for people.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::DateTime;
pub(crate) use ecache_core::error::{entries, with_thousands as count};
use ecache_core::time::Timestamp;
use ecache_core::units::spelled;

/// The precision of a printed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// `2026-11-23T06:32:50Z`
    Seconds,
    /// `2026-11-23T06:32:50.948Z`
    Milliseconds,
}

/// Appends the time `ms` since the epoch as RFC 3339 in UTC, and with a longer year where that
/// cannot say it, as `Timestamp` is displayed.
pub(crate) fn push_time(out: &mut String, ms: i64, precision: Precision) {
    let time = Timestamp::from_millis(ms);
    match time.rfc_3339() {
        Some(text) => out.push_str(str::from_utf8(&text).expect("digits and separators are ASCII")),
        None => {
            let _ = write!(out, "{time}");
        }
    }
    if precision == Precision::Seconds {
        out.truncate(out.len() - ".948Z".len());
        out.push('Z');
    }
}

/// Prints a time as `2026-11-26 17:27` in the time zone of this machine.
pub(crate) fn local(ms: i64) -> String {
    let has_usual_year = Timestamp::from_millis(ms).rfc_3339().is_some();
    let time = DateTime::from_timestamp_millis(ms).filter(|_| has_usual_year);
    time.map_or_else(
        || Timestamp::from_millis(ms).to_string(),
        |time| {
            let time = time.with_timezone(&chrono::Local);
            time.format("%Y-%m-%d %H:%M").to_string()
        },
    )
}

/// Prints the time of day as `16:30:21` in the time zone of this machine.
pub(crate) fn clock(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(
        || ms.to_string(),
        |time| {
            time.with_timezone(&chrono::Local)
                .format("%H:%M:%S")
                .to_string()
        },
    )
}

/// Prints a time as `2026-11-26 16:27Z`.
pub(crate) fn utc(ms: i64) -> String {
    let mut time = String::new();
    push_time(&mut time, ms, Precision::Seconds);
    time.truncate(time.len() - ":50Z".len());
    time.replace('T', " ") + "Z"
}

/// Prints the time since something in one unit, rounded down: `5s`, `3m`, `23h`, `14d` or `2y`.
pub(crate) fn age(ms: u64) -> String {
    const UNITS: [(u64, u64, &str); 4] = [
        // Up to, in units of, unit
        (60_000, 1_000, "s"),
        (3_600_000, 60_000, "m"),
        (48 * 3_600_000, 3_600_000, "h"),
        (730 * 86_400_000, 86_400_000, "d"),
    ];
    const YEAR: u64 = 365 * 86_400_000;
    let unit = UNITS.iter().find(|(below, ..)| ms < *below);
    let (unit, name) = unit.map_or((YEAR, "y"), |(_, unit, name)| (*unit, *name));
    format!("{}{name}", ms / unit)
}

/// Prints a time by its distance from now: `3m ago`, `in 23h`, or `just now`.
pub(crate) fn relative(ms: i64, now: i64) -> String {
    match now.abs_diff(ms) {
        0..1_000 if ms <= now => "just now".to_owned(),
        distance if ms <= now => format!("{} ago", age(distance)),
        distance => format!("in {}", age(distance)),
    }
}

/// Prints how long ago something was written: `3m old`, or `just written`.
pub(crate) fn old(ms: u64) -> String {
    match ms {
        0..1_000 => "just written".to_owned(),
        ms => format!("{} old", age(ms)),
    }
}

/// Returns the form of a word that agrees with a number.
pub(crate) fn plural<'a>(number: u64, one: &'a str, many: &'a str) -> &'a str {
    if number == 1 { one } else { many }
}

/// Prints a number of things, as `1 call` or `1,234 calls`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), plural(number, one, many))
}

/// Prints a number of bytes in IEC units with one decimal below ten, as `512 B`, `1.2 KiB` or
/// `418 KiB`: at most eight columns.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    // A number that rounds to 1024 belongs to the next unit; one that rounds to 10.0 has no
    // decimal.
    const NEXT: f64 = 1023.5;
    const TEN: f64 = 9.95;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= NEXT {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(value < TEN);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// Prints a duration of `ms` milliseconds by its two largest units, as `350ms`, `1.5s`, `12s`,
/// `2m3s` or `1d12h`.
///
/// The text is valid as an option, and never exceeds the duration.
pub(crate) fn duration(ms: u64) -> String {
    spelled(Duration::from_millis(ms))
}

/// Returns a share in percent, rounded to the nearest: never 100 for less than the whole, nor 0 for
/// more than nothing. `None` for a share of nothing.
pub(crate) fn percent(part: u128, whole: u128) -> Option<u64> {
    share_of(part, whole, 100)
}

/// Returns a share as a number of `parts` that make the whole, rounded to the nearest: never all of
/// them for less than the whole, nor 0 for more than nothing. `None` for a share of nothing.
pub(crate) fn share_of(part: u128, whole: u128, parts: u64) -> Option<u64> {
    let rounded = (part * u128::from(parts) * 2 + whole).checked_div(whole * 2)?;
    Some(match rounded as u64 {
        _ if part == 0 => 0,
        _ if part >= whole => parts,
        rounded => rounded.clamp(1, parts - 1),
    })
}

/// Prints a share as [`percent`] rounds it: `<1%` for one below that.
pub(crate) fn share(part: u128, whole: u128) -> String {
    match percent(part, whole) {
        None => "-".to_owned(),
        Some(1) if part * 100 < whole => "<1%".to_owned(),
        Some(percent) => format!("{percent}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(ms: i64, precision: Precision) -> String {
        let mut out = String::new();
        push_time(&mut out, ms, precision);
        out
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let ms = 1_795_415_570_948;
        assert_eq!(
            time(ms, Precision::Milliseconds),
            "2026-11-23T06:32:50.948Z"
        );
        assert_eq!(time(ms, Precision::Seconds), "2026-11-23T06:32:50Z");
        assert_eq!(time(0, Precision::Milliseconds), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            time(-1, Precision::Milliseconds),
            "1969-12-31T23:59:59.999Z"
        );
    }

    #[test]
    fn times_that_rfc_3339_cannot_say_have_longer_years() {
        for (ms, printed) in [
            (-62_167_219_200_001, "-000001-12-31T23:59:59Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00Z"),
            (i64::MAX, "+292278994-08-17T07:12:55Z"),
        ] {
            assert_eq!(time(ms, Precision::Seconds), printed);
        }
    }

    #[test]
    fn ages_have_one_unit_and_are_rounded_down() {
        const DAY: u64 = 86_400_000;
        for (ms, printed) in [
            (0, "0s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (3_599_999, "59m"),
            (3_600_000, "1h"),
            (48 * 3_600_000 - 1, "47h"),
            (2 * DAY, "2d"),
            (730 * DAY - 1, "729d"),
            (731 * DAY, "2y"),
        ] {
            assert_eq!(age(ms), printed);
        }
        assert_eq!(relative(0, 180_000), "3m ago");
        assert_eq!(relative(999, 1_000), "just now");
        assert_eq!(relative(83_000_000, 0), "in 23h");
        assert_eq!(relative(1, 0), "in 0s");
        assert!(relative(i64::MIN, i64::MAX).ends_with("y ago"));
    }

    #[test]
    fn times_can_be_shown_in_utc_to_the_minute() {
        assert_eq!(utc(1_795_415_570_948), "2026-11-23 06:32Z");
        assert_eq!(utc(i64::MAX), "+292278994-08-17 07:12Z");
        assert_eq!(local(i64::MAX), "+292278994-08-17T07:12:55.807Z");
        assert_eq!(local(1_795_415_570_948).len(), 16);
    }

    #[test]
    fn shares_are_rounded_and_never_to_nothing_or_to_all() {
        for (part, whole, printed) in [
            (0, 1000, "0%"),
            (1, 1000, "<1%"),
            (9, 1000, "<1%"),
            (10, 1000, "1%"),
            (14, 1000, "1%"),
            (15, 1000, "2%"),
            (994, 1000, "99%"),
            (999, 1000, "99%"),
            (1000, 1000, "100%"),
            (4, 6, "67%"),
            (2, 6, "33%"),
            (5, 8, "63%"),
            (3, 8, "38%"),
            (1, 2, "50%"),
            (0, 0, "-"),
            (u64::MAX.into(), 2 * u128::from(u64::MAX), "50%"),
        ] {
            assert_eq!(share(part, whole), printed, "{part} of {whole}");
        }
        let known: Vec<_> = [(0, 9), (1, 1000), (999, 1000), (9, 9), (0, 0)]
            .map(|(part, whole)| percent(part, whole))
            .into();
        assert_eq!(known, [Some(0), Some(1), Some(99), Some(100), None]);
    }

    #[test]
    fn counts_have_separated_thousands() {
        for (number, printed) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (48_994, "48,994"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), printed);
        }
    }

    #[test]
    fn sizes_are_in_iec_units() {
        for (bytes, printed) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_229, "1.2 KiB"),
            (1_048_575, "1.0 MiB"),
            (10_188, "9.9 KiB"),
            (10_189, "10 KiB"),
            (500_000_000, "477 MiB"),
            (1_073_217_536, "1.0 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(bytes), printed);
        }
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (ms, printed) in [
            (0, "0ms"),
            (350, "350ms"),
            (1_000, "1s"),
            (1_590, "1.5s"),
            (9_999, "9.9s"),
            (12_345, "12s"),
            (59_999, "59s"),
            (123_000, "2m3s"),
            (3_600_000, "1h"),
            (3_601_000, "1h"),
            (129_600_000, "1d12h"),
            (u64::MAX, "213503982334d14h"),
        ] {
            assert_eq!(duration(ms), printed);
        }
    }
}
