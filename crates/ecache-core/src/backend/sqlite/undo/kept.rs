//! Counts the rows that are kept for undo and are still there: a limit may have evicted some, and
//! an operation that was undone may have left others.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage::readable;
use crate::backend::sqlite::format::encoding::UNMARKED;
use crate::backend::sqlite::names::store_rows::store_row;
use crate::backend::sqlite::operations::LoggedOperation;
use crate::backend::sqlite::query::Parameter;
use crate::backend::sqlite::removal::retire::usage_of;
use crate::backend::{Effect, KeptForUndo};
use crate::filter::Usage;

/// Counts the marked rows and those of retired stores that operations lead to.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<KeptForUndo> {
    let mut kept = KeptForUndo::default();
    let mut seen = HashSet::new();
    for operation in LoggedOperation::all(connection)? {
        let mut own = Usage::default();
        for number in 1..=operation.parts {
            let mut ids = operation.part(connection, number)?.marked();
            ids.retain(|id| seen.insert(*id));
            own += marked(connection, ids)?;
        }
        for swap in &operation.swaps {
            let row = readable(store_row(connection, swap.retired))?.flatten();
            if row.is_some_and(|row| row.retired == operation.number) {
                own += usage_of(connection, swap.retired)?;
            }
        }
        if operation.is_undoable() {
            kept.evicted += operation.kept_entries().saturating_sub(own.entries);
        }
        let has_documents = operation.effect == Effect::Removed && operation.is_undoable();
        let documents = if has_documents {
            operation.documents.unsigned_abs()
        } else {
            0
        };
        if (own.entries, documents) != (0, 0) {
            kept.usage += own;
            kept.documents += documents;
            kept.until = kept.until.max(Some(operation.until()));
        }
    }
    Ok(kept)
}

/// Counts the rows among some that are marked.
fn marked(connection: &Connection, ids: Vec<i64>) -> rusqlite::Result<Usage> {
    let sql = format!(
        "SELECT e.size FROM rarray(?1) AS k CROSS JOIN entries AS e NOT INDEXED \
         ON e.id = k.value WHERE NOT {UNMARKED}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([Parameter::many(ids)])?;
    let mut usage = Usage::default();
    while let Some(row) = rows.next()? {
        let bytes = column::size(row, 0)?;
        usage += Usage { entries: 1, bytes };
    }
    Ok(usage)
}
