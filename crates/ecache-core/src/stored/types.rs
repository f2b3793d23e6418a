//! The Rust side of Python's dates and sets.
//!
//! Each is a newtype whose name tells the writer its class. To any other serde format it is a plain
//! string or sequence.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Names of the newtypes that are written as a `date`, a `datetime` and a `set`.
pub(super) const DATE: &str = "$ecache::Date";
pub(super) const DATETIME: &str = "$ecache::DateTime";
pub(super) const SET: &str = "$ecache::Set";

/// A Python `date`.
///
/// Python's years are 1 to 9999; writing any other is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub NaiveDate);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        check_year(self.0)?;
        serializer.serialize_newtype_struct(DATE, &self.0.to_string())
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d");
        date.map(Date)
            .map_err(|error| malformed("date", &text, error))
    }
}

/// A Python `datetime`: naive, or aware of its offset from UTC.
///
/// It is written as Python's `isoformat` does. Python keeps microseconds; nanoseconds that are
/// finer are written in nine digits, which Python 3.11 and newer reads by dropping the last three.
/// As for a [`Date`], a year that Python does not have is an error, and so is a leap second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateTime {
    /// Without an offset
    Naive(NaiveDateTime),
    /// With an offset
    Aware(chrono::DateTime<FixedOffset>),
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (local, offset) = match self {
            DateTime::Naive(local) => (*local, None),
            DateTime::Aware(instant) => (instant.naive_local(), Some(*instant.offset())),
        };
        check_year(local.date())?;
        let fraction = match local.nanosecond() {
            0 => "",
            1_000_000_000.. => return Err(ser::Error::custom("Python has no leap seconds")),
            nanosecond if nanosecond % 1000 == 0 => "%.6f",
            _ => "%.9f",
        };
        let mut text = local
            .format(&format!("%Y-%m-%dT%H:%M:%S{fraction}"))
            .to_string();
        // chrono writes an offset's seconds only if there are any, as Python does.
        if let Some(offset) = offset {
            text.push_str(&offset.to_string());
        }
        serializer.serialize_newtype_struct(DATETIME, &text)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_datetime(&text).map_err(|error| malformed("datetime", &text, error))
    }
}

/// Parses what `isoformat` wrote. An offset is read as a time of day, for chrono knows none with
/// seconds.
fn parse_datetime(text: &str) -> Result<DateTime, &'static str> {
    let time = text.find('T').ok_or("there is no time")?;
    let sign = text[time..]
        .find(['+', '-'])
        .map_or(text.len(), |at| time + at);
    let (local, offset) = text.split_at(sign);
    let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M:%S%.f")
        .map_err(|_| "the date or time is malformed")?;
    let (east, offset) = match (offset.strip_prefix('+'), offset.strip_prefix('-')) {
        (Some(offset), _) => (1, offset),
        (_, Some(offset)) => (-1, offset),
        _ => return Ok(DateTime::Naive(local)),
    };
    let offset = NaiveTime::parse_from_str(offset, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(offset, "%H:%M:%S"))
        .map_err(|_| "the offset is malformed")?;
    FixedOffset::east_opt(east * offset.num_seconds_from_midnight().cast_signed())
        .and_then(|offset| offset.from_local_datetime(&local).single())
        .map(DateTime::Aware)
        .ok_or("it is out of range")
}

fn check_year<E: ser::Error>(date: NaiveDate) -> Result<(), E> {
    match chrono::Datelike::year(&date) {
        1..=9999 => Ok(()),
        year => Err(E::custom(format_args!("Python has no year {year}"))),
    }
}

fn malformed<E: de::Error>(class: &str, text: &str, error: impl std::fmt::Display) -> E {
    E::custom(format_args!("{text:?} is not a {class}: {error}"))
}

impl From<NaiveDateTime> for DateTime {
    fn from(local: NaiveDateTime) -> Self {
        DateTime::Naive(local)
    }
}

impl<Z: TimeZone> From<chrono::DateTime<Z>> for DateTime {
    fn from(instant: chrono::DateTime<Z>) -> Self {
        DateTime::Aware(instant.fixed_offset())
    }
}

impl TryFrom<DateTime> for NaiveDateTime {
    type Error = &'static str;

    fn try_from(value: DateTime) -> Result<Self, Self::Error> {
        match value {
            DateTime::Naive(local) => Ok(local),
            DateTime::Aware(_) => Err("expected a datetime without an offset"),
        }
    }
}

impl TryFrom<DateTime> for chrono::DateTime<FixedOffset> {
    type Error = &'static str;

    fn try_from(value: DateTime) -> Result<Self, Self::Error> {
        match value {
            DateTime::Aware(instant) => Ok(instant),
            DateTime::Naive(_) => Err("expected a datetime with an offset"),
        }
    }
}

impl TryFrom<DateTime> for chrono::DateTime<Utc> {
    type Error = &'static str;

    fn try_from(value: DateTime) -> Result<Self, Self::Error> {
        chrono::DateTime::<FixedOffset>::try_from(value).map(|instant| instant.to_utc())
    }
}

/// A Python `set`: any collection that serde sees as a sequence.
///
/// Members are written in the order of their canonical texts, each once. A Rust set alone is a list
/// to serde, and is written as one.
///
/// ```
/// use std::collections::HashSet;
/// use ecache_core::stored::{self, Set};
///
/// let mut text = Vec::new();
/// stored::write_canonical(&Set(HashSet::from(["b", "a"])), &mut text)?;
/// assert_eq!(text, br#"{"_cls": "set", "values": ["a", "b"]}"#);
/// # Ok::<(), stored::StoredError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set<C>(pub C);

impl<C: Serialize> Serialize for Set<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        set::serialize(&self.0, serializer)
    }
}

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Set<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        set::deserialize(deserializer).map(Set)
    }
}

/// Stores a [`NaiveDate`] field as a Python `date`: `#[serde(with = "ecache_core::stored::date")]`.
pub mod date {
    use super::*;

    /// Writes a field.
    ///
    /// # Errors
    ///
    /// Fails on a year that Python does not have.
    pub fn serialize<S: Serializer>(date: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
        Date(*date).serialize(serializer)
    }

    /// Reads a field.
    ///
    /// # Errors
    ///
    /// Fails on anything but an ISO 8601 date.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
        Date::deserialize(deserializer).map(|date| date.0)
    }
}

/// Stores a [`NaiveDateTime`] or [`chrono::DateTime`] field as a Python `datetime`:
/// `#[serde(with = "ecache_core::stored::datetime")]`.
pub mod datetime {
    use super::*;

    /// Writes a field.
    ///
    /// # Errors
    ///
    /// Fails on a year that Python does not have, and on a leap second.
    pub fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Clone + Into<DateTime>,
        S: Serializer,
    {
        value.clone().into().serialize(serializer)
    }

    /// Reads a field.
    ///
    /// # Errors
    ///
    /// Fails on anything but what `isoformat` writes, and where an offset is missing or too much.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: TryFrom<DateTime, Error: std::fmt::Display>,
        D: Deserializer<'de>,
    {
        let value = DateTime::deserialize(deserializer)?;
        value.try_into().map_err(de::Error::custom)
    }
}

/// Stores a collection field as a Python `set`: `#[serde(with = "ecache_core::stored::set")]`.
pub mod set {
    use super::*;

    /// Writes a field.
    ///
    /// # Errors
    ///
    /// Fails when a member cannot be written.
    pub fn serialize<C, S>(collection: &C, serializer: S) -> Result<S::Ok, S::Error>
    where
        C: Serialize + ?Sized,
        S: Serializer,
    {
        serializer.serialize_newtype_struct(SET, collection)
    }

    /// Reads a field.
    ///
    /// # Errors
    ///
    /// Fails when a member cannot be read.
    pub fn deserialize<'de, C, D>(deserializer: D) -> Result<C, D::Error>
    where
        C: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        C::deserialize(deserializer)
    }
}
