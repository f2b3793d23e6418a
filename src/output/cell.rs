//! The cells of a row, and their text for programs. Formats for people spell them on their own.

use std::borrow::Cow;

use super::human::{self, Precision};

/// A typed value in a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing: `null` in JSON, `-` in a table, empty elsewhere
    Null,
    /// Any text; no format lets it break out of its cell
    Text(Cow<'a, str>),
    /// `true` or `false`
    Bool(bool),
    /// A number that can be negative
    Integer(i64),
    /// A number of things
    Count(u64),
    /// A number of bytes; tables show it in IEC units
    Size(u64),
    /// A time in milliseconds since the epoch; RFC 3339 in UTC everywhere
    Time(i64),
    /// A duration in milliseconds; tables show it in units of time
    Duration(u64),
    /// A share in percent of a part in the part and the rest: rounded to hundredths for programs,
    /// and as [`human::percent`] rounds it in tables
    Percent {
        /// The part
        part: u64,
        /// All but the part
        rest: u64,
    },
    /// Valid JSON, with Python's extensions; JSON formats embed it as it is
    Json(Cow<'a, str>),
}

impl Cell<'_> {
    /// Appends the cell as programs read it: numbers in full, times to the millisecond, nothing for
    /// null.
    ///
    /// `push_text` appends texts in the way that the format needs.
    pub(super) fn push_exact(&self, out: &mut String, push_text: impl FnOnce(&mut String, &str)) {
        match self {
            Cell::Null => {}
            Cell::Text(text) | Cell::Json(text) => push_text(out, text),
            Cell::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Cell::Integer(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Cell::Count(number) | Cell::Size(number) | Cell::Duration(number) => {
                out.push_str(itoa::Buffer::new().format(*number));
            }
            Cell::Percent { part, rest } => {
                let whole = u128::from(*part) + u128::from(*rest);
                let hundredths = human::share_of(u128::from(*part), whole, 10_000).unwrap_or(0);
                out.push_str(itoa::Buffer::new().format(hundredths / 100));
                if !hundredths.is_multiple_of(100) {
                    let decimals = format!(".{:02}", hundredths % 100);
                    out.push_str(decimals.trim_end_matches('0'));
                }
            }
            Cell::Time(ms) => human::push_time(out, *ms, Precision::Milliseconds),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Cell::Text(Cow::Owned(text))
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_shares_that_are_neither_none_nor_all_by_rounding() {
        for (part, rest, exact) in [
            (0, 3, "0"),
            (3, 0, "100"),
            (1, 1, "50"),
            (1, 2, "33.33"),
            (1, 401, "0.25"),
            (500, 1, "99.8"),
            (1, u64::MAX, "0.01"),
            (u64::MAX, 1, "99.99"),
        ] {
            let mut out = String::new();
            let share = Cell::Percent { part, rest };
            share.push_exact(&mut out, |_, text| panic!("{text}"));
            assert_eq!(out, exact);
        }
    }
}
