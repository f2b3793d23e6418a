//! Durations, sizes and times as they are given on the command line.
//!
//! Months and years are refused: they have no fixed length, and `M` is a month in some tools and a minute in
//! others, which is why no general parser is used here.

use std::time::Duration;

use chrono::DateTime;

/// Why a text is not a duration, a size or a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    kind: &'static str,
    text: String,
    reason: String,
}

impl ParseError {
    fn new(kind: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.to_owned(),
            reason: reason.into(),
        }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, text, reason } = self;
        write!(f, "invalid {kind} {text:?}: {reason}")
    }
}

impl std::error::Error for ParseError {}

const DURATION_UNITS: &str = "use ms, s, m, h, d or w, as in 90s or 1d12h";

/// Parses a duration such as `90s`, `500ms`, `1d12h` or `1.5h` into milliseconds; a bare number is seconds.
///
/// # Errors
///
/// Refuses what is not made of numbers with the units ms, s, m, h, d and w, zero, and what overflows.
pub(crate) fn parse_duration(text: &str) -> Result<u64, ParseError> {
    let error = |reason: String| ParseError::new("duration", text, reason);
    let mut total = 0_u64;
    let mut rest = text;
    loop {
        let part = Part::split(rest).map_err(error)?;
        let unit = match part.unit {
            "" if part.number == text => 1_000,
            "" => {
                return Err(error(format!(
                    "{:?} has no unit; {DURATION_UNITS}",
                    part.number
                )));
            }
            name => duration_unit(name).map_err(error)?,
        };
        total = part
            .times(unit)
            .and_then(|ms| total.checked_add(ms))
            .ok_or_else(|| error("it is too long".to_owned()))?;
        if part.rest.is_empty() {
            break;
        }
        rest = part.rest;
    }
    match total {
        0 => Err(error("it must be at least 1ms".to_owned())),
        ms => Ok(ms),
    }
}

/// Parses a rate such as `5/s`, `0.5/s` or `100/m` into the time between two; a bare number is per second.
///
/// # Errors
///
/// Refuses what is not a number above zero with s, m or h, and what no duration can say.
pub(crate) fn parse_rate(text: &str) -> Result<Duration, ParseError> {
    let error = |reason: &str| ParseError::new("rate", text, reason.to_owned());
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(error("use /s, /m or /h, as in 5/s or 100/m")),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => {
            Duration::try_from_secs_f64(seconds / number).map_err(|_| error("it is too slow"))
        }
        _ => Err(error("use a number above zero, as in 5/s or 100/m")),
    }
}

fn duration_unit(name: &str) -> Result<u64, String> {
    const DAY: u64 = 86_400_000;
    match name {
        "ms" => Ok(1),
        "s" => Ok(1_000),
        "m" => Ok(60_000),
        "h" => Ok(3_600_000),
        "d" => Ok(DAY),
        "w" => Ok(7 * DAY),
        "M" => Err("\"M\" could be months or minutes; use d for days or m for minutes".to_owned()),
        "mo" | "month" | "months" | "y" | "Y" | "yr" | "year" | "years" => Err(format!(
            "\"{name}\" has no fixed length; use days, as in 30d or 365d"
        )),
        _ => Err(format!("unknown unit {name:?}; {DURATION_UNITS}")),
    }
}

/// Parses a size such as `500MB`, `1GiB` or `64k` into bytes; a bare number is bytes.
///
/// `k`, `M`, `G` and `T`, with or without `B`, are powers of 1000, and with `i` powers of 1024, in any case.
///
/// # Errors
///
/// Refuses what is not one number with one of these units, and what overflows.
pub(crate) fn parse_size(text: &str) -> Result<u64, ParseError> {
    let error = |reason: String| ParseError::new("size", text, reason);
    let part = Part::split(text).map_err(error)?;
    if !part.rest.is_empty() {
        return Err(error(format!("{:?} is left over", part.rest)));
    }
    let unit = match part.unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => {
            return Err(error(format!(
                "unknown unit {:?}; use kB, MB, GB, TB or KiB, MiB, GiB, TiB, as in 500MB or 1GiB",
                part.unit
            )));
        }
    };
    part.times(unit)
        .ok_or_else(|| error("it is too large".to_owned()))
}

/// A point in time, either given or a duration before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// This many milliseconds before now
    Ago(u64),
    /// Milliseconds since the epoch
    At(i64),
}

impl Moment {
    /// Resolves the moment against `now`, both in milliseconds since the epoch.
    ///
    /// A moment before all times is the first of them, before which there is nothing either.
    pub(crate) fn resolve(self, now: i64) -> i64 {
        match self {
            Moment::Ago(ms) => now.saturating_sub_unsigned(ms),
            Moment::At(ms) => ms,
        }
    }
}

/// Parses a time, or a duration that is meant to be that long ago, as in `--older-than 30d`.
///
/// # Errors
///
/// Refuses what [`parse_time`] or [`parse_duration`] refuses.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, ParseError> {
    // Every time has a dash after its year, and no duration has one inside.
    match text.find('-') {
        Some(1..) => parse_time(text).map(Moment::At),
        _ if text.starts_with(char::is_alphabetic) => {
            let reason = "use a duration, as in 90s or 30d, or a time, as in 2026-11-23 or 2026-11-23T06:32:50Z";
            Err(ParseError::new("time", text, reason))
        }
        _ => parse_duration(text).map(Moment::Ago),
    }
}

/// Parses an RFC 3339 time, or a date for its midnight in UTC, into milliseconds since the epoch.
///
/// # Errors
///
/// Refuses anything else, above all a time without an offset: it would depend on where it is read.
pub(crate) fn parse_time(text: &str) -> Result<i64, ParseError> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")))
        .map(|time| time.timestamp_millis())
        .map_err(|_| {
            let reason = "use RFC 3339, as in 2026-11-23 or 2026-11-23T06:32:50Z";
            ParseError::new("time", text, reason)
        })
}

/// A number and the unit that follows it, at the start of a text.
struct Part<'a> {
    number: &'a str,
    unit: &'a str,
    rest: &'a str,
}

impl<'a> Part<'a> {
    fn split(text: &'a str) -> Result<Self, String> {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let number_end = text.find(|c| !is_number(c)).unwrap_or(text.len());
        let (number, after) = text.split_at(number_end);
        let unit_end = after.find(is_number).unwrap_or(after.len());
        let (unit, rest) = after.split_at(unit_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if text.starts_with('-') {
            Err("it must not be negative".to_owned())
        } else if number.is_empty() {
            Err("it must start with a number".to_owned())
        } else if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            Err(format!("{number:?} is not a number"))
        } else {
            Ok(Self {
                number,
                unit: unit.trim(),
                rest,
            })
        }
    }

    /// The number times `unit`, rounded down; `None` if that is too large.
    fn times(&self, unit: u64) -> Option<u64> {
        let (whole, fraction) = self.number.split_once('.').unwrap_or((self.number, ""));
        // Digits that no unit can make visible are dropped, so that the product stays within 128 bits.
        let fraction = &fraction[..fraction.len().min(15)];
        let scale = 10_u128.pow(fraction.len() as u32);
        let whole = u128::from(whole.parse::<u64>().ok()?);
        let fraction = match fraction {
            "" => 0,
            digits => digits.parse::<u128>().ok()?,
        };
        let unit = u128::from(unit);
        u64::try_from(whole * unit + fraction * unit / scale).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000;
    const HOUR: u64 = 3_600 * SECOND;

    fn message<T: std::fmt::Debug>(result: Result<T, ParseError>) -> String {
        result.expect_err("is invalid").to_string()
    }

    #[test]
    fn rates_are_the_time_between_two() {
        let millis = |text| parse_rate(text).map(|pace| pace.as_millis());
        for (text, wanted) in [
            ("5/s", 200),
            ("2", 500),
            ("0.5/s", 2000),
            ("100/m", 600),
            ("3600/h", 1000),
        ] {
            assert_eq!(millis(text), Ok(wanted), "{text}");
        }
        for text in ["", "0", "-1", "x/s", "5/d", "5/", "inf", "1e-300/h", "NaN"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, ms) in [
            ("90", 90 * SECOND),
            ("0.5", 500),
            ("90s", 90 * SECOND),
            ("10m", 600 * SECOND),
            ("500ms", 500),
            ("1d12h", 36 * HOUR),
            ("1d 12h", 36 * HOUR),
            ("2w", 14 * 24 * HOUR),
            ("1.5h", 90 * 60 * SECOND),
            ("1.0000000000000000000000000000001s", SECOND),
        ] {
            assert_eq!(parse_duration(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_printed_parses() {
        for ms in [1, 350, 1_500, 61_000, 129_600_000] {
            let printed = crate::output::human::duration(ms);
            assert_eq!(parse_duration(&printed), Ok(ms), "{printed}");
        }
    }

    #[test]
    fn durations_that_are_not_say_why() {
        let units = "use ms, s, m, h, d or w, as in 90s or 1d12h";
        for (text, reason) in [
            ("10x", format!("unknown unit \"x\"; {units}")),
            ("1d12", format!("\"12\" has no unit; {units}")),
            ("", "it must start with a number".into()),
            ("soon", "it must start with a number".into()),
            ("-5m", "it must not be negative".into()),
            ("0", "it must be at least 1ms".into()),
            ("0.1ms", "it must be at least 1ms".into()),
            ("1..5h", "\"1..5\" is not a number".into()),
            (".5h", "\".5\" is not a number".into()),
            ("99999999999999999w", "it is too long".into()),
            ("99999999999999999999s", "it is too long".into()),
            ("18446744073709551615ms1ms", "it is too long".into()),
            (
                "1M",
                "\"M\" could be months or minutes; use d for days or m for minutes".into(),
            ),
            (
                "99999999999y",
                "\"y\" has no fixed length; use days, as in 30d or 365d".into(),
            ),
        ] {
            let expected = format!("invalid duration {text:?}: {reason}");
            assert_eq!(message(parse_duration(text)), expected);
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("64k", 64_000),
            ("500MB", 500_000_000),
            ("500 mb", 500_000_000),
            ("1GiB", 1 << 30),
            ("1.5Ki", 1_536),
            ("2tib", 2 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "-1",
            "1QB",
            "1G2",
            "1.MB",
            "MB",
            "18446744073709551616",
            "99999999TiB",
        ] {
            let message = message(parse_size(text));
            assert!(
                message.starts_with(&format!("invalid size {text:?}: ")),
                "{message}"
            );
        }
    }

    #[test]
    fn times_are_rfc_3339_or_a_date() {
        assert_eq!(parse_time("1970-01-02"), Ok(86_400_000));
        assert_eq!(parse_time("1970-01-01T01:00:00.250+01:00"), Ok(250));
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-1-1",
            "2026-11-23T06:32:50",
        ] {
            assert_eq!(
                message(parse_time(text)),
                format!(
                    "invalid time {text:?}: use RFC 3339, as in 2026-11-23 or 2026-11-23T06:32:50Z"
                )
            );
        }
    }

    #[test]
    fn a_moment_is_a_time_or_how_long_ago() {
        assert_eq!(parse_moment("1970-01-02"), Ok(Moment::At(86_400_000)));
        assert_eq!(parse_moment("2m"), Ok(Moment::Ago(120_000)));
        assert!(message(parse_moment("-2m")).contains("negative"));
        assert_eq!(Moment::Ago(400).resolve(1_000), 600);
        assert_eq!(Moment::At(5).resolve(1_000), 5);
        assert_eq!(Moment::Ago(u64::MAX).resolve(0), i64::MIN);
    }
}
