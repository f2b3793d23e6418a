//! Finds out what became of an entry: the removal or import that took it away, or its tombstone.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::entry_rows::id_of_key;
use super::format::damage::RowError;
use super::format::encoding::{MARK, StoredKey, stored_key};
use super::names::{Names, store_rows};
use super::operations::LoggedOperation;
use super::row::{self, Uses};
use super::tombstones;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::{Effect, Fate, OperationRecord, Tombstone, UndoState};
use crate::entry::Entry;
use crate::scope::Address;

/// Finds out what became of the entry of an address.
pub(super) fn find_fate(
    connection: &Connection,
    names: &Names,
    address: &Address,
) -> Result<Option<Fate>, RowError> {
    let kept = find_kept(connection, names, address)?;
    let tombstone = tombstones::find(connection, address)?;
    let tombstone = tombstone.filter(|found| kept.as_ref().is_none_or(|kept| kept.0.at < found.at));
    let Some(found) = tombstone else {
        return Ok(kept.map(|(operation, entry)| Fate::Kept(operation.into(), entry.into())));
    };
    Ok(Some(Fate::Gone(Box::new(Tombstone {
        cause: found.cause,
        at: found.at,
        operation: match found.operation {
            0 => None,
            number => LoggedOperation::read(connection, number)?.map(|stored| by_itself(&stored)),
        },
        note: found.note,
        expired_at: found.expired_at,
    }))))
}

/// Describes an operation that no undo took back.
fn by_itself(stored: &LoggedOperation) -> OperationRecord {
    let until = UndoState::Until(stored.until());
    stored.record(if stored.is_undoable() {
        until
    } else {
        UndoState::Impossible
    })
}

/// Finds the entry of an address that was removed or replaced last, and the operation.
fn find_kept(
    connection: &Connection,
    names: &Names,
    address: &Address,
) -> Result<Option<(OperationRecord, Entry)>, RowError> {
    let mut operations = LoggedOperation::all(connection)?;
    operations.retain(|one| {
        let takes_away = matches!(one.effect, Effect::Removed | Effect::Written);
        takes_away && one.undone_by == 0 && one.keeps_something()
    });
    if operations.is_empty() {
        return Ok(None);
    }
    let rows = store_rows::store_rows(connection)?.into_iter();
    let rows = rows.filter(|(_, row)| {
        row.as_ref()
            .is_some_and(|row| row.address == *address.store)
    });
    let stores: BTreeSet<i64> = rows.map(|(id, _)| id).collect();
    let key = stored_key(address.key.as_str());
    let marked = marked(connection, &stores, &key)?;
    for operation in operations {
        for swap in &operation.swaps {
            if stores.contains(&swap.retired)
                && let Some(id) = id_of_key(connection, swap.retired, &key)?
                && let Some(entry) = read(connection, names, id, false)?
            {
                return Ok(Some((by_itself(&operation), entry)));
            }
        }
        for part in (1..=operation.parts).filter(|_| !marked.is_empty()) {
            let ids = operation.part(connection, part)?.marked();
            let found = marked.iter().find(|id| ids.binary_search(id).is_ok());
            if let Some(id) = found
                && let Some(entry) = read(connection, names, *id, true)?
            {
                return Ok(Some((by_itself(&operation), entry)));
            }
        }
    }
    Ok(None)
}

/// Returns the ids of marked rows with a key in some stores.
fn marked(
    connection: &Connection,
    stores: &BTreeSet<i64>,
    key: &StoredKey<'_>,
) -> Result<Vec<i64>, RowError> {
    // Those that made way are below zero in the index of keys.
    let sql = "SELECT id FROM entries INDEXED BY entries_key WHERE store < 0 AND key = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let ids = statement.query_map([key], |row| row.get::<_, i64>(0))?;
    let mut found = Vec::new();
    for id in ids {
        let id = id?;
        if stores.contains(&store_of(id)) {
            found.push(id);
        }
    }
    for store in stores {
        found.extend(id_of_key(connection, *store, key)?);
    }
    Ok(found)
}

/// Reads a row that is marked, or is not, as the entry that it was.
fn read(
    connection: &Connection,
    names: &Names,
    id: i64,
    is_marked: bool,
) -> Result<Option<Entry>, RowError> {
    let read = row::with_id(connection, id, |mut fields, _| {
        if fields.is_marked() != is_marked {
            return Ok(None);
        }
        if is_marked {
            fields.kind -= MARK;
            fields.store = store_of(id);
        }
        row::entry(connection, names, &fields, Uses::default()).map(Some)
    });
    read.map(Option::flatten)
}
