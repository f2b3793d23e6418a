//! Removed entries that stay in their rows until they go for good.
//!
//! Marking a row changes its `kind` and the sums that cover it, but no index and not the value, so
//! it takes about half as long as deleting the row. Nobody sees a marked row: every reader of rows
//! verifies them and leaves marked ones out, and every statement that counts or selects has
//! [`UNMARKED`](super::row::UNMARKED).
//!
//! A marked row keeps its id. If its key is written again, the row makes way in the index of keys:
//! its `store` becomes its negative id, which no other row has.

#![allow(dead_code, reason = "removals that can be undone come in steps")]

use std::cell::RefCell;
use std::collections::BTreeSet;

use rusqlite::Connection;

use super::checksum::Fields;
use super::names::Names;
use super::query::Plan;
use super::row::{self, MARK, RowError};
use super::select::one;
use super::verify::{Batch, Judged, visit};
use super::write::bump_generation;

/// The columns of one row, from the table.
const BY_ID: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM entries NOT INDEXED WHERE id = ?1"
);

const MARKED: &str = "UPDATE entries SET kind = ?2, row_checksum = ?3, checksum = ?4 WHERE id = ?1";

/// A marked row whose key is needed.
pub(super) struct OutOfTheWay {
    id: i64,
    row_checksum: i64,
}

/// Returns the change that takes a marked row out of the way of a new entry.
pub(super) fn out_of_the_way(fields: &Fields<'_>) -> rusqlite::Result<OutOfTheWay> {
    let mut new = *fields;
    new.store = -fields.id;
    Ok(OutOfTheWay {
        id: fields.id,
        row_checksum: new.sum()?,
    })
}

impl OutOfTheWay {
    pub(super) fn make_way(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached("UPDATE entries SET store = -id, row_checksum = ?2 WHERE id = ?1")?
            .execute((self.id, self.row_checksum))?;
        Ok(())
    }
}

/// Takes the marked rows of the store `to` out of the way whose keys the store `from` has.
pub(super) fn make_way_for_all(
    connection: &Connection,
    from: i64,
    to: i64,
) -> rusqlite::Result<()> {
    let sql = "SELECT m.id FROM entries AS e CROSS JOIN entries AS m ON m.store = ?2 AND m.key = e.key \
               WHERE e.store = ?1 AND e.kind < 16 AND m.kind >= 16";
    let mut statement = connection.prepare_cached(sql)?;
    let ids = statement.query_map([from, to], |row| row.get::<_, i64>(0))?;
    for id in ids.collect::<rusqlite::Result<Vec<_>>>()? {
        let mut statement = connection.prepare_cached(BY_ID)?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else { continue };
        let removed = match row::fields(row) {
            Ok(fields) => out_of_the_way(&fields)?,
            // Stays in the way, which the caller then reports.
            Err(_) => continue,
        };
        drop(rows);
        removed.make_way(connection)?;
    }
    Ok(())
}

/// Marks the rows of `ids` that still match, and adds the ids of those it marked to `marked`.
/// A damaged row has no sums to renew, and is deleted instead if it is known to be meant.
pub(super) fn mark_batch(
    transaction: &Connection,
    names: &Names,
    plan: &Plan,
    ids: &[i64],
    marked: &RefCell<Vec<i64>>,
) -> rusqlite::Result<Batch> {
    let mut batch = Batch::default();
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
        batch.usage += one(row::size(row, row::SIZE)?);
        stores.insert(fields.store);
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
    marked
        .borrow_mut()
        .extend(changes.iter().map(|change| change.0));
    Ok(batch)
}

/// A marked row, as far as restoring it needs.
pub(super) struct Marked {
    pub(super) id: i64,
    pub(super) size: u64,
    /// The key as it is stored
    pub(super) key: rusqlite::types::Value,
    change: (i64, i64, i64, i64, i64),
}

impl Marked {
    /// Reads and verifies a marked row; `None` if there is none with that id.
    pub(super) fn read(connection: &Connection, id: i64) -> Result<Option<Self>, RowError> {
        let mut statement = connection.prepare_cached(BY_ID)?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let fields = row::fields(row)?;
        if !fields.is_marked() {
            return Ok(None);
        }
        let mut new = fields;
        new.kind -= MARK;
        new.store = id >> 32;
        let checksum = new.renewed(&fields, row::checksum(row)?)?;
        Ok(Some(Self {
            id,
            size: row::size(row, row::SIZE)?,
            key: fields.key.try_into()?,
            change: (id, new.kind, new.store, new.sum()?, checksum),
        }))
    }

    /// Makes the row an entry of its store again. Requires that no row has its key there.
    pub(super) fn restore(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE entries SET kind = ?2, store = ?3, row_checksum = ?4, checksum = ?5 \
                 WHERE id = ?1",
            )?
            .execute(self.change)?;
        Ok(())
    }
}
