//! Parses durations and times as typed, into the milliseconds that options hold.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use ecache_core::time::whole_millis;
use ecache_core::units::UnitError;

pub(crate) use ecache_core::units::{parse_rate, parse_size};

/// Parses a duration such as `90s` or `1 hour 30 min` into milliseconds; a bare number is seconds.
///
/// # Errors
///
/// Fails as [`ecache_core::units::parse_duration`] does.
pub(crate) fn parse_duration(text: &str) -> Result<u64, UnitError> {
    let duration = ecache_core::units::parse_duration(text)?;
    Ok(whole_millis(duration))
}

/// A lifetime: a duration in milliseconds, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// Expires after so many milliseconds
    Millis(u64),
    /// Does not expire
    Never,
}

impl Ttl {
    /// Returns the duration; `None` for an entry that never expires.
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Self::Millis(millis) => Some(Duration::from_millis(millis)),
            Self::Never => None,
        }
    }
}

/// The lifetime of the result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// For so long
    Ttl(Ttl),
    /// Until the machine is started again
    Boot,
    /// Until the terminal's session ends
    Session,
}

/// Reads what [`parse_ttl`] does, `boot` or `session`.
pub(crate) fn parse_lifetime(text: &str) -> Result<Lifetime, UnitError> {
    match text {
        "boot" => Ok(Lifetime::Boot),
        "session" => Ok(Lifetime::Session),
        ttl => parse_ttl(ttl).map(Lifetime::Ttl),
    }
}

/// Reads a duration, or `none`.
pub(crate) fn parse_ttl(text: &str) -> Result<Ttl, UnitError> {
    match text {
        "none" | "never" => Ok(Ttl::Never),
        duration => parse_duration(duration).map(Ttl::Millis),
    }
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

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(ms) => write!(f, "{ms}ms"),
            Self::At(ms) => {
                let time = DateTime::from_timestamp_millis(*ms).unwrap_or_default();
                f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
            }
        }
    }
}

/// Parses a time, or a duration that is meant to be that long ago, as in `--older-than 30d`.
///
/// # Errors
///
/// Refuses what [`parse_time`] or [`parse_duration`] refuses.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, UnitError> {
    // Every time has a dash after its year, and no duration has one inside.
    match text.find('-') {
        Some(1..) => parse_time(text).map(Moment::At),
        _ if text.starts_with(char::is_alphabetic) => {
            let reason = "use a duration, as in 90s or 30d, or a time, as in 2026-11-23 or 2026-11-23T06:32:50Z";
            Err(UnitError::new("time", text, reason))
        }
        _ => parse_duration(text).map(Moment::Ago),
    }
}

/// Parses an RFC 3339 time, or a date for its midnight in UTC, into milliseconds since the epoch.
///
/// # Errors
///
/// Refuses anything else, above all a time without an offset: it would depend on where it is read.
pub(crate) fn parse_time(text: &str) -> Result<i64, UnitError> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")))
        .map(|time| time.timestamp_millis())
        .map_err(|_| {
            let reason = "use RFC 3339, as in 2026-11-23 or 2026-11-23T06:32:50Z";
            UnitError::new("time", text, reason)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: fmt::Debug>(result: Result<T, UnitError>) -> String {
        result.expect_err("is invalid").to_string()
    }

    #[test]
    fn printed_durations_parse() {
        for ms in [1, 350, 1_500, 61_000, 129_600_000] {
            let printed = crate::output::human::duration(ms);
            assert_eq!(parse_duration(&printed), Ok(ms), "{printed}");
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
