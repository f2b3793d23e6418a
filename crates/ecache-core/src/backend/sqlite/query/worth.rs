//! The worth of an entry, as [`Entry::worth`](crate::entry::Entry::worth) has it, from its columns.

use rusqlite::Row;

use super::USED;
use crate::backend::sqlite::format::column::{number, size};
use crate::backend::sqlite::format::schema::text_size;
use crate::entry::idle_ms;
use crate::eviction::{Candidate, Typical, footprint};
use crate::time::Timestamp;

/// Returns the columns that [`read`] needs.
pub(in super::super) fn columns() -> String {
    format!(
        "e.size, {}, e.cost_ms, u.hits, {USED}, e.expires_at",
        text_size!()
    )
}

/// Returns the worth of an entry whose columns begin at `first`. A damaged number counts for
/// nothing.
pub(in super::super) fn read(row: &Row<'_>, first: usize, now: Timestamp) -> rusqlite::Result<f64> {
    let count = |column: usize| -> rusqlite::Result<Option<u64>> {
        Ok(number(row, first + column)?.and_then(|count| u64::try_from(count).ok()))
    };
    let used_at = Timestamp::from_millis(number(row, first + 4)?.unwrap_or(0));
    let expires_at = number(row, first + 5)?;
    let candidate = Candidate {
        bytes: footprint(size(row, first)?, count(1)?.unwrap_or(0)),
        cost_ms: count(2)?,
        hits: count(3)?.unwrap_or(0),
        idle_ms: idle_ms(used_at, now),
        is_dead: expires_at.is_some_and(|at| at <= now.as_millis()),
    };
    Ok(candidate.worth(&Typical::UNKNOWN))
}
