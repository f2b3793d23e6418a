//! The times of foreign files: milliseconds since 1970, and RFC 3339 in UTC.

use chrono::{DateTime, SecondsFormat};

use crate::time::parse_expanded;

/// The first millisecond of the year 10000, which RFC 3339 has no form for.
const END_OF_RFC_3339: i64 = 253_402_300_800_000;

/// Reads an RFC 3339 time as milliseconds since 1970; finer digits are cut off.
///
/// Also accepts offsets without a colon (`+0000`), as older versions of `mongoexport` write them,
/// and the years beyond RFC 3339 that ecache writes.
pub(crate) fn parse(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|time| time.timestamp_millis())
        .ok()
        .or_else(|| parse_expanded(text))
}

/// Writes `millis` as MongoDB's relaxed form does: three digits of fraction, or none when it is
/// zero.
///
/// `None` outside the years 1970 to 9999, for which that form has only the number.
pub(crate) fn format(millis: i64) -> Option<String> {
    (0..END_OF_RFC_3339)
        .contains(&millis)
        .then(|| DateTime::from_timestamp_millis(millis))
        .flatten()
        .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_times_are_read_again() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (1_795_415_570_948, "2026-11-23T06:32:50.948Z"),
            (END_OF_RFC_3339 - 1, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format(millis).as_deref(), Some(text));
            assert_eq!(parse(text), Some(millis));
        }
    }

    #[test]
    fn other_spellings_are_read() {
        assert_eq!(parse("1969-12-31T23:59:59.999Z"), Some(-1));
        assert_eq!(parse("1970-01-01T01:00:00.5+01:00"), Some(500));
        assert_eq!(parse("1970-01-01T00:00:00.000+0000"), Some(0));
        assert_eq!(parse("1970-01-01T00:00:00.000999Z"), Some(0));
    }

    #[test]
    fn text_and_numbers_that_are_not_times_are_refused() {
        for text in [
            "",
            "yesterday",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for millis in [-1, i64::MIN, i64::MAX, END_OF_RFC_3339] {
            assert_eq!(format(millis), None, "{millis}");
        }
    }
}
