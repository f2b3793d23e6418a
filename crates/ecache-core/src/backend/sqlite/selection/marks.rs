//! Removed entries that stay in their rows until they go for good.
//!
//! Marking a row changes its `kind` and the sums that cover it, but no index and not the value, so
//! it takes about half as long as deleting the row. Every reader of rows verifies them and leaves
//! marked ones out, and every statement that counts or selects has
//! [`UNMARKED`](crate::backend::sqlite::format::encoding::UNMARKED).
//!
//! A marked row keeps its id. If its key is written again, the row makes way in the index of keys:
//! its `store` becomes its negative id, which no other row has.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::select::one;
use super::verify::{ChangeBatch, Judged, visit};
use crate::backend::sqlite::format::checksum::Fields;
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage::{RowError, undamaged};
use crate::backend::sqlite::format::encoding::{MARK, unmarked};
use crate::backend::sqlite::names::store_rows::bump_generation;
use crate::backend::sqlite::operations::Added;
use crate::backend::sqlite::query::Plan;
use crate::backend::sqlite::usage::evictions::Evictions;
use crate::backend::sqlite::{SqliteBackend, row};
use crate::time::Timestamp;

const MARKED: &str = "UPDATE entries SET kind = ?2, row_checksum = ?3, checksum = ?4 WHERE id = ?1";

/// A marked row whose key is needed.
pub(in super::super) struct OutOfTheWay {
    id: i64,
    row_checksum: i64,
}

/// Returns the change that takes a marked row out of the way of a new entry.
pub(in super::super) fn out_of_the_way(fields: &Fields<'_>) -> rusqlite::Result<OutOfTheWay> {
    let mut new = *fields;
    new.store = -fields.id;
    Ok(OutOfTheWay {
        id: fields.id,
        row_checksum: new.sum()?,
    })
}

impl OutOfTheWay {
    pub(in super::super) fn make_way(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached("UPDATE entries SET store = -id, row_checksum = ?2 WHERE id = ?1")?
            .execute((self.id, self.row_checksum))?;
        Ok(())
    }
}

/// Takes the marked rows of the store `to` out of the way whose keys the store `from` has.
pub(in super::super) fn make_way_for_all(
    connection: &Connection,
    from: i64,
    to: i64,
) -> rusqlite::Result<()> {
    let sql = concat!(
        "SELECT m.id FROM entries AS e CROSS JOIN entries AS m ON m.store = ?2 AND m.key = e.key \
         WHERE e.store = ?1 AND ",
        unmarked!("e"),
        " AND NOT ",
        unmarked!("m")
    );
    let mut statement = connection.prepare_cached(sql)?;
    let ids = statement.query_map([from, to], |row| row.get::<_, i64>(0))?;
    for id in ids.collect::<rusqlite::Result<Vec<_>>>()? {
        make_way(connection, id)?;
    }
    Ok(())
}

/// Marks the rows of `ids` that still match, and returns the ids of those it marked. A damaged row
/// has no sums to renew, and is deleted instead if it is known to be meant.
pub(in super::super) fn mark_batch(
    backend: &SqliteBackend,
    transaction: &Connection,
    plan: &Plan,
    ids: &[i64],
    now: Timestamp,
) -> rusqlite::Result<(ChangeBatch, Vec<i64>)> {
    let names = &backend.names;
    let mut evictions = Evictions::default();
    let mut batch = ChangeBatch::default();
    let (mut changes, mut stores, mut damaged) = (Vec::new(), BTreeSet::new(), Vec::new());
    visit(transaction, names, plan, ids, |fields, row| {
        let Some(fields) = fields else {
            damaged.push(row.get(0)?);
            return Ok(());
        };
        let mut new = fields;
        new.kind += MARK;
        let checksum = new.renewed(&fields, row::checksum(row)?)?;
        changes.push((fields.id, new.kind, new.sum()?, checksum));
        batch.usage += one(column::size(row, row::SIZE)?);
        stores.insert(fields.store);
        if plan.is_eviction() {
            evictions.add(&fields);
        }
        Ok(())
    })?;
    let mut statement = transaction.prepare_cached(MARKED)?;
    for change in &changes {
        statement.execute(*change)?;
    }
    for store in stores {
        bump_generation(transaction, store)?;
    }
    if !damaged.is_empty() {
        batch += Judged::new(transaction, names, plan, &damaged)?.delete(transaction)?;
    }
    evictions.append(std::mem::take(&mut batch.evictions));
    evictions.write(backend, transaction, now)?;
    let marked = changes.iter().map(|change| change.0).collect();
    Ok((batch, marked))
}

/// Marks the row of an entry if an operation at `at` added it and it was not written since.
/// Returns its size if it did.
pub(in super::super) fn mark_unchanged(
    transaction: &Connection,
    added: &Added,
    id: i64,
    at: i64,
) -> rusqlite::Result<Option<u64>> {
    let is_unchanged = |fields: &Fields<'_>| is_as_added(fields, added, at);
    mark(transaction, id, is_unchanged, |new| new.store)
}

/// Reports whether [`mark_unchanged`] would mark a row.
pub(in super::super) fn is_unchanged(
    transaction: &Connection,
    added: &Added,
    id: i64,
    at: i64,
) -> rusqlite::Result<bool> {
    has(transaction, id, |fields| is_as_added(fields, added, at))
}

/// Reports whether there is an intact row that is marked.
pub(in super::super) fn is_marked(transaction: &Connection, id: i64) -> rusqlite::Result<bool> {
    has(transaction, id, |fields| fields.is_marked())
}

fn is_as_added(fields: &Fields<'_>, added: &Added, at: i64) -> bool {
    !fields.is_marked() && added.is_unchanged(fields.id, fields.identity().written_at, at)
}

/// Reports whether there is an intact row that `is_meant`.
fn has(
    transaction: &Connection,
    id: i64,
    is_meant: impl FnOnce(&Fields<'_>) -> bool,
) -> rusqlite::Result<bool> {
    let read = row::with_id(transaction, id, |fields, _| Ok(is_meant(&fields)));
    Ok(undamaged(read)?.flatten().unwrap_or(false))
}

/// Marks the row of an entry and takes it out of the way of the one that replaces it. Returns its
/// size, or `None` if it is damaged.
pub(in super::super) fn set_aside(
    transaction: &Connection,
    id: i64,
) -> rusqlite::Result<Option<u64>> {
    mark(transaction, id, |fields| !fields.is_marked(), |new| -new.id)
}

/// Marks a row if it is intact and `is_meant`, puts it where `store` says, and returns its size.
fn mark(
    transaction: &Connection,
    id: i64,
    is_meant: impl FnOnce(&Fields<'_>) -> bool,
    store: impl FnOnce(&Fields<'_>) -> i64,
) -> rusqlite::Result<Option<u64>> {
    let read = row::with_id(transaction, id, |fields, row| {
        if !is_meant(&fields) {
            return Ok(None);
        }
        let mut new = fields;
        new.kind += MARK;
        new.store = store(&new);
        let checksum = new.renewed(&fields, row::checksum(row)?)?;
        let size = column::size(row, row::SIZE)?;
        let change = (id, new.store, new.kind, new.sum()?, checksum);
        Ok(Some((change, size)))
    });
    let Some((change, size)) = undamaged(read)?.flatten().flatten() else {
        return Ok(None);
    };
    transaction
        .prepare_cached(
            "UPDATE entries SET store = ?2, kind = ?3, row_checksum = ?4, checksum = ?5 \
             WHERE id = ?1",
        )?
        .execute(change)?;
    Ok(Some(size))
}

/// Takes a marked row out of the way, and reports whether it was one.
pub(in super::super) fn make_way(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let read = row::with_id(connection, id, |fields, _| {
        let removed = fields.is_marked().then(|| out_of_the_way(&fields));
        Ok(removed.transpose()?)
    });
    match read {
        Ok(Some(Some(removed))) => removed.make_way(connection)?,
        Ok(None) => {}
        // A damaged row stays in the way.
        Ok(Some(None)) | Err(RowError::Damaged) => return Ok(false),
        Err(RowError::Sqlite(error)) => return Err(error),
    }
    Ok(true)
}

/// A marked row, as far as restoring it needs.
pub(in super::super) struct Marked {
    pub(in super::super) size: u64,
    pub(in super::super) written_at: i64,
    /// The key as it is stored
    pub(in super::super) key: rusqlite::types::Value,
}

impl Marked {
    /// Reads and verifies a marked row; `None` if there is none with that id.
    pub(in super::super) fn read(
        connection: &Connection,
        id: i64,
    ) -> Result<Option<Self>, RowError> {
        let read = row::with_id(connection, id, |fields, row| {
            if !fields.is_marked() {
                return Ok(None);
            }
            Ok(Some(Self {
                size: column::size(row, row::SIZE)?,
                written_at: fields.identity().written_at,
                key: fields.key.try_into()?,
            }))
        });
        read.map(Option::flatten)
    }
}
