//! Durations, rates and sizes as people type them: in options, and in `#[execution_cache]`.
//!
//! `ecache-macros` compiles this file too, through a symbolic link, so that there is one grammar. A
//! proc-macro crate exports only macros and cannot depend on this crate, so this file uses only
//! `std`.
//!
//! The unit names of durations are those of `humantime`, which bkt uses.

use std::time::Duration;

/// An error parsing a duration, a rate, a size or a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    kind: &'static str,
    text: String,
    reason: String,
}

impl UnitError {
    /// Creates an error for `text`, which should have been a `kind`.
    pub fn new(kind: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.to_owned(),
            reason: reason.into(),
        }
    }
}

impl std::fmt::Display for UnitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, text, reason } = self;
        write!(f, "invalid {kind} {text:?}: {reason}")
    }
}

impl std::error::Error for UnitError {}

const DURATION_UNITS: &str =
    "use ms, s, min, h, d, w, months or years, as in 90s, 1d12h or 10 minutes";

/// Parses a duration such as `90s`, `1d12h`, `1.5h` or `1 hour 30 min`, in whole milliseconds.
///
/// A bare number is seconds. A month is 30.44 days and a year 365.25 days. `m` is a minute, `M` a
/// month.
///
/// # Errors
///
/// Refuses a text that is not made of numbers with units, less than a millisecond, and more than
/// 2^64 milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let error = |reason: String| UnitError::new("duration", text, reason);
    let mut nanos = 0_u128;
    let mut rest = text.trim();
    loop {
        let part = Amount::split(rest).map_err(error)?;
        let unit = if !part.unit.is_empty() {
            duration_unit(part.unit).ok_or_else(|| unknown_unit(part.unit))
        } else if part.number == text.trim() {
            Ok(SECOND)
        } else {
            Err(format!("{:?} has no unit; {DURATION_UNITS}", part.number))
        };
        nanos = part
            .times(unit.map_err(error)?)
            .and_then(|part| nanos.checked_add(part))
            .ok_or_else(|| error("it is too long".to_owned()))?;
        if part.rest.is_empty() {
            break;
        }
        rest = part.rest;
    }
    match u64::try_from(nanos / 1_000_000) {
        Ok(0) => Err(error("it must be at least 1ms".to_owned())),
        Ok(millis) => Ok(Duration::from_millis(millis)),
        Err(_) => Err(error("it is too long".to_owned())),
    }
}

/// Writes a duration for people by its two largest units: `350ms`, `1.5s`, `12s`, `2m3s` or
/// `1d12h`.
///
/// [`parse_duration`] reads it, and it never exceeds the duration.
#[must_use]
pub fn spelled(duration: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let ms = duration.as_millis();
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    if ms < 10_000 {
        let tenths = ms % 1_000 / 100;
        return match tenths {
            0 => format!("{}s", ms / 1_000),
            _ => format!("{}.{tenths}s", ms / 1_000),
        };
    }
    let mut rest = ms;
    let mut spelled = String::new();
    let large = UNITS.iter().position(|(unit, _)| ms >= *unit);
    for (unit, name) in UNITS.iter().skip(large.unwrap_or(0)).take(2) {
        if rest >= *unit {
            spelled.push_str(&format!("{}{name}", rest / unit));
        }
        rest %= unit;
    }
    spelled
}

/// Parses a rate such as `5/s`, `0.5/s` or `100/min` into the time between two events.
///
/// A bare number is per second.
///
/// # Errors
///
/// Refuses a text that is not a number above zero with a unit of time, and rates too slow for a
/// [`Duration`].
pub fn parse_rate(text: &str) -> Result<Duration, UnitError> {
    let error = |reason: &str| UnitError::new("rate", text, reason.to_owned());
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let nanos = duration_unit(unit.trim())
        .ok_or_else(|| error("use /s, /min, /h or /d, as in 5/s or 100/min"))?;
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => {
            Duration::try_from_secs_f64(nanos as f64 / SECOND as f64 / number)
                .map_err(|_| error("it is too slow"))
        }
        _ => Err(error("use a number above zero, as in 5/s or 100/min")),
    }
}

const SECOND: u64 = 1_000_000_000;

/// Returns the nanoseconds in a unit of time.
fn duration_unit(name: &str) -> Option<u64> {
    const DAY: u64 = 86_400 * SECOND;
    Some(match name {
        "ns" | "nsec" | "nanos" => 1,
        "us" | "µs" | "μs" | "usec" => 1_000,
        "ms" | "msec" | "millis" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => 60 * SECOND,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600 * SECOND,
        "d" | "day" | "days" => DAY,
        "w" | "wk" | "wks" | "week" | "weeks" => 7 * DAY,
        "M" | "month" | "months" => DAY / 100 * 3_044,
        "y" | "yr" | "yrs" | "year" | "years" => DAY / 100 * 36_525,
        _ => return None,
    })
}

fn unknown_unit(name: &str) -> String {
    format!("unknown unit {name:?}; {DURATION_UNITS}")
}

/// Parses a size such as `500MB`, `1GiB` or `64k` into bytes; a bare number is bytes.
///
/// `k`, `M`, `G` and `T`, with or without `B`, are powers of 1000, and with `i` powers of 1024, in
/// any case.
///
/// # Errors
///
/// Refuses a text that is not one number with one of these units, and a size that overflows.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let error = |reason: String| UnitError::new("size", text, reason);
    let part = Amount::split(text).map_err(error)?;
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
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(|| error("it is too large".to_owned()))
}

/// A number and the unit that follows it, at the start of a text.
struct Amount<'a> {
    number: &'a str,
    unit: &'a str,
    rest: &'a str,
}

impl<'a> Amount<'a> {
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

    /// Returns the number times `unit`, rounded down; `None` if that is too large.
    fn times(&self, unit: u64) -> Option<u128> {
        let (whole, fraction) = self.number.split_once('.').unwrap_or((self.number, ""));
        // Drops digits too small for any unit, so that the product fits into 128 bits.
        let fraction = &fraction[..fraction.len().min(15)];
        let scale = 10_u128.pow(fraction.len() as u32);
        let whole = u128::from(whole.parse::<u64>().ok()?);
        let fraction = match fraction {
            "" => 0,
            digits => digits.parse::<u128>().ok()?,
        };
        let unit = u128::from(unit);
        Some(whole * unit + fraction * unit / scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_spelled_as_it_is_read() {
        for text in ["11ms", "1.5s", "1h", "1d12h", "1m30s", "400d"] {
            assert_eq!(spelled(parse_duration(text).expect(text)), text);
        }
        assert_eq!(spelled(Duration::ZERO), "0ms");
    }

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;

    fn millis(text: &str) -> Result<u128, UnitError> {
        parse_duration(text).map(|duration| duration.as_millis())
    }

    fn message<T: std::fmt::Debug>(result: Result<T, UnitError>) -> String {
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
            ("2 / min", 30_000),
            ("10/day", 8_640_000),
        ] {
            assert_eq!(millis(text), Ok(wanted), "{text}");
        }
        for text in ["", "0", "-1", "x/s", "5/x", "5/", "inf", "1e-300/h", "NaN"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, ms) in [
            ("90", 90_000),
            (" 90 ", 90_000),
            ("0.5", 500),
            ("90s", 90_000),
            ("500ms", 500),
            ("1d12h", 36 * HOUR),
            ("1d 12h", 36 * HOUR),
            ("1 hour 30 min", HOUR + 1_800_000),
            ("1 hour\t30min ", HOUR + 1_800_000),
            ("1.5h", 5_400_000),
            ("1.5 days", 36 * HOUR),
            ("1.0000000000000000000000000000001s", 1_000),
            ("0.5ms 500us", 1),
        ] {
            assert_eq!(millis(text), Ok(ms.into()), "{text}");
        }
    }

    #[test]
    fn a_unit_has_the_names_that_bkt_reads() {
        let month = DAY * 3_044 / 100;
        let year = DAY * 36_525 / 100;
        for (names, count, ms) in [
            ("ns nsec nanos", 2_000_000, 2),
            ("us µs μs usec", 2_000, 2),
            ("ms msec millis", 2, 2),
            ("s sec secs second seconds", 2, 2_000),
            ("m min mins minute minutes", 2, 120_000),
            ("h hr hrs hour hours", 2, 2 * HOUR),
            ("d day days", 30, 30 * DAY),
            ("w wk wks week weeks", 2, 14 * DAY),
            ("M month months", 2, 2 * month),
            ("y yr yrs year years", 2, 2 * year),
        ] {
            for name in names.split(' ') {
                for text in [format!("{count}{name}"), format!("{count} {name}")] {
                    assert_eq!(millis(&text), Ok(ms.into()), "{text}");
                }
            }
        }
        for name in ["S", "MS", "Min", "H", "D", "W", "Y", "mo", "fortnight"] {
            assert!(millis(&format!("1{name}")).is_err(), "{name}");
        }
    }

    #[test]
    fn durations_that_are_not_say_why() {
        let units = "use ms, s, min, h, d, w, months or years, as in 90s, 1d12h or 10 minutes";
        for (text, reason) in [
            ("10x", format!("unknown unit \"x\"; {units}")),
            ("10 m in", format!("unknown unit \"m in\"; {units}")),
            ("1d12", format!("\"12\" has no unit; {units}")),
            ("", "it must start with a number".into()),
            ("soon", "it must start with a number".into()),
            ("-5m", "it must not be negative".into()),
            ("0", "it must be at least 1ms".into()),
            ("0.1ms", "it must be at least 1ms".into()),
            ("999us", "it must be at least 1ms".into()),
            ("1..5h", "\"1..5\" is not a number".into()),
            (".5h", "\".5\" is not a number".into()),
            ("99999999999999999w", "it is too long".into()),
            ("99999999999999999999s", "it is too long".into()),
            ("18446744073709551615y", "it is too long".into()),
            ("18446744073709551615ms1ms", "it is too long".into()),
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
}
