//! The counts of calls of a store that is renamed.
//!
//! They go with its entries, in the same transaction, after the log of calls was folded. A call
//! that is folded later counts under the name that it was made with: it may have been made after
//! the renaming, and a call of the old name is then one of another store.

use std::sync::Arc;

use rusqlite::Connection;

use crate::backend::sqlite::history::{self, RecordKind};
use crate::backend::sqlite::operations::{LoggedOperation, MovedCounts, MovedRow, OperationPart};
use crate::backend::sqlite::usage::{Slot, begin_of_row, find_row, merged_until};
use crate::scope::StoreAddress;
use crate::usage::{CallGroup, Counts, StoredRow};

/// Moves all counts of a store to another one, for the operation of a number if that is logged.
pub(in super::super) fn move_all(
    transaction: &Connection,
    from: &StoreAddress,
    to: &Arc<StoreAddress>,
    operation: Option<i64>,
) -> rusqlite::Result<MovedCounts> {
    let (mut ids, mut rows) = (Vec::new(), Vec::new());
    let always = (i64::MIN, i64::MAX);
    history::scan(transaction, RecordKind::Usage, always, |at, id, body| {
        if let Some(StoredRow::Counts(group, counts)) = body.as_deref().and_then(StoredRow::read)
            && group.store().is_some_and(|store| **store == *from)
        {
            ids.push(id);
            rows.push(MovedRow { at, group, counts });
        }
        Ok(true)
    })?;
    for (id, row) in ids.into_iter().zip(&rows) {
        history::delete(transaction, RecordKind::Usage, row.at, id)?;
        add(transaction, row.at, &row.group.in_store(to), &row.counts)?;
    }
    follow_counts(transaction, to, operation, |moved| *moved.store == *from)?;
    Ok(MovedCounts {
        store: to.clone(),
        movers: Vec::new(),
        rows,
    })
}

/// Moves the counts back that a renaming moved, unless another one has moved them on. Calls that
/// were counted since stay with the new name.
pub(in super::super) fn move_back(
    transaction: &Connection,
    target: &LoggedOperation,
    undo: &mut LoggedOperation,
) -> rusqlite::Result<()> {
    let Some((from, to)) = &target.renamed else {
        return Ok(());
    };
    let moved = moved_counts(transaction, target)?;
    let Some(moved) = moved.filter(|moved| *moved.store == *to) else {
        return Ok(());
    };
    let from = Arc::new(from.clone());
    let merged = merged_until(transaction)?;
    let mut rows = Vec::new();
    for MovedRow { at, group, counts } in moved.rows {
        let at = begin_of_row(at, merged);
        let there = group.in_store(&moved.store);
        let counts = take(transaction, at, &there, &counts)?;
        if counts != Counts::default() {
            add(transaction, at, &group, &counts)?;
            let group = there;
            rows.push(MovedRow { at, group, counts });
        }
    }
    follow_counts(transaction, &from, Some(undo.number), |later| {
        *later.store == *to && later.movers.contains(&target.number)
    })?;
    let back = MovedCounts {
        store: from,
        movers: Vec::new(),
        rows,
    };
    undo.add_part(transaction, &OperationPart::Counts(back))
}

/// Adds counts to the row of a group. The number of rows does not grow by a renaming, and an undo
/// brings back rows that were there.
fn add(
    transaction: &Connection,
    at: i64,
    group: &CallGroup,
    counts: &Counts,
) -> rusqlite::Result<()> {
    find_row(transaction, at, group)?.add(transaction, at, group, counts)
}

/// Takes counts from the row of a group, as far as it has them, and returns those.
fn take(
    transaction: &Connection,
    at: i64,
    group: &CallGroup,
    counts: &Counts,
) -> rusqlite::Result<Counts> {
    let Slot::Taken(id, there) = find_row(transaction, at, group)? else {
        return Ok(Counts::default());
    };
    let (rest, taken) = there.without(counts);
    if rest == Counts::default() {
        history::delete(transaction, RecordKind::Usage, at, id)?;
    } else {
        let row = StoredRow::Counts(group.clone(), rest);
        history::put(transaction, RecordKind::Usage, at, id, &row.write())?;
    }
    Ok(taken)
}

/// Returns the counts that an operation moved, as far as that is kept.
fn moved_counts(
    connection: &Connection,
    operation: &LoggedOperation,
) -> rusqlite::Result<Option<MovedCounts>> {
    for number in 1..=operation.parts {
        if let OperationPart::Counts(moved) = operation.part(connection, number)? {
            return Ok(Some(moved));
        }
    }
    Ok(None)
}

/// Notes in the records of operations that counts they moved have been moved on to a store, by the
/// operation `mover` if that is logged.
fn follow_counts(
    connection: &Connection,
    to: &Arc<StoreAddress>,
    mover: Option<i64>,
    is_meant: impl Fn(&MovedCounts) -> bool,
) -> rusqlite::Result<()> {
    for operation in LoggedOperation::all(connection)? {
        if operation.undone_by != 0 || operation.renamed.is_none() {
            continue;
        }
        for number in 1..=operation.parts {
            if let OperationPart::Counts(mut moved) = operation.part(connection, number)?
                && is_meant(&moved)
            {
                moved.store = to.clone();
                moved.movers.extend(mover);
                operation.write_part(connection, number, &OperationPart::Counts(moved))?;
            }
        }
    }
    Ok(())
}
