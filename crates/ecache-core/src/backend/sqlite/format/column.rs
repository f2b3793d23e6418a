//! Columns of a row that may be damaged.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::chunks::MAX_SIZE;

/// Returns a number of a row whose columns may be damaged; `None` if this one is.
///
/// Counts and removals continue past damaged rows, which must not keep a store from being cleared.
pub(in super::super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    })
}

/// Returns the size that a row claims, or 0 if no value can have that size.
pub(in super::super) fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let size = number(row, column)?.and_then(|size| u64::try_from(size).ok());
    Ok(size.filter(|size| *size <= MAX_SIZE).unwrap_or(0))
}
