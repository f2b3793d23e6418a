//! Renaming a store.
//!
//! A store's number stays that of its name, since other processes remember it. A renamed store is
//! therefore another one, and its entries move there: each gets the number of the new store in its
//! id, and the checksums that go with it. Values are not read.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::column;
use super::damage::RowError;
use super::encoding::{self, UNMARKED};
use super::entry_rows::{full_store, id_after};
use super::operations::{self, LoggedOperation, Part};
use super::pool::Look;
use super::query::Range;
use super::store_rows::{self, bump_generation, write_metadata};
use super::stores::{OwnDocument, has_entries, last_id, own_document};
use super::{SqliteBackend, marks, row};
use crate::backend::{
    ChangeReport, Effect, KeepForUndo, OnExistingStore, Operation, Progress, RenameBackend,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::key::Key;
use crate::scope::StoreAddress;
use crate::time::Timestamp;
use crate::value::Kind;

/// The columns of one entry of the store, from the table.
const BY_ID: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM entries NOT INDEXED WHERE id = ?1"
);

const MOVE: &str = "UPDATE entries SET id = ?2, store = ?3, row_checksum = ?4, checksum = ?5 \
                    WHERE id = ?1";

impl RenameBackend for SqliteBackend {
    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        _: Progress<'_>,
    ) -> Result<Usage> {
        Ok(self.rename(from, to, on_existing, None)?.usage)
    }
}

impl SqliteBackend {
    /// Renames a store, and logs that.
    pub(super) fn rename(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        log: Option<(&Operation, KeepForUndo, Timestamp)>,
    ) -> Result<ChangeReport> {
        to.check()?;
        let _held = self.hold(Look::Always);
        self.transaction(|transaction| {
            let sqlite = |error| self.error(error);
            let old = store_rows::find_store(transaction, from).map_err(sqlite)?;
            let Some(old) = old.filter(|_| from != to) else {
                return Ok(ChangeReport::default());
            };
            let new = store_rows::intern_store(transaction, to).map_err(sqlite)?;
            let document = |id, store: &StoreAddress| match own_document(transaction, id) {
                Ok(OwnDocument::None) => Ok(None),
                Ok(OwnDocument::Intact(metadata)) => Ok(Some(metadata)),
                Ok(OwnDocument::Damaged) => Err(Error::DamagedEntry {
                    address: Box::new(store.document()),
                }),
                Err(error) => Err(self.error(error)),
            };
            let (moved, kept) = (document(old, from)?, document(new, to)?);
            let exists = kept.is_some() || has_entries(transaction, new).map_err(sqlite)?;
            let is_empty = moved.is_none() && !has_entries(transaction, old).map_err(sqlite)?;
            if is_empty {
                return Ok(ChangeReport::default());
            }
            if exists && on_existing == OnExistingStore::Fail {
                let store = Box::new(to.clone());
                return Err(Error::StoreExists { store });
            }
            if let Some((key, written_at)) = in_both(transaction, old, new).map_err(sqlite)? {
                let address = Box::new(to.entry(key));
                return Err(Error::Conflict {
                    address,
                    written_at,
                });
            }
            marks::make_way_for_all(transaction, old, new).map_err(sqlite)?;
            let (usage, ids) = self.move_entries(transaction, (old, from), (new, to))?;
            let change = || -> rusqlite::Result<ChangeReport> {
                let mut removed = ChangeReport {
                    usage,
                    ..ChangeReport::default()
                };
                if let Some((operation, keep, now)) = log {
                    let mut stored =
                        LoggedOperation::begin(transaction, operation, Effect::Renamed, now)?;
                    stored.renamed = Some((from.clone(), to.clone()));
                    stored.add_usage(usage);
                    stored.add_documents(from, to, moved.as_ref(), kept.as_ref());
                    match keep {
                        KeepForUndo::Yes => stored.add_part(transaction, &Part::Moved(ids))?,
                        KeepForUndo::No => stored.forget(),
                    }
                    stored.write(transaction)?;
                    removed = stored.removed();
                }
                if moved.is_some() {
                    write_metadata(transaction, old, None)?;
                    write_metadata(transaction, new, kept.or(moved).as_ref())?;
                }
                bump_generation(transaction, old)?;
                bump_generation(transaction, new)?;
                Ok(removed)
            };
            change().map_err(sqlite)
        })
    }

    fn move_entries(
        &self,
        transaction: &Connection,
        (old, from): (i64, &StoreAddress),
        (new, to): (i64, &StoreAddress),
    ) -> Result<(Usage, Vec<i64>)> {
        let sqlite = |error| self.error(error);
        let mut usage = Usage::default();
        let mut moves = BTreeMap::new();
        let mut last = last_id(transaction, new).map_err(sqlite)?;
        for id in ids(transaction, old).map_err(sqlite)? {
            let next = id_after(transaction, new, last).map_err(sqlite)?;
            let Some(next) = next else {
                let key = Key::new("any").expect("a short key is valid");
                let entry = Entry::new(to.entry(key), Kind::Json, Timestamp::from_millis(0));
                return Err(full_store(&entry));
            };
            last = last.max(next);
            match move_entry(transaction, id, next, new) {
                Ok(bytes) => {
                    moves.insert(id, next);
                    usage += Usage { entries: 1, bytes };
                }
                Err(RowError::Sqlite(error)) => return Err(self.error(error)),
                Err(RowError::Damaged) => {
                    let key = key_of(transaction, id).map_err(sqlite)?;
                    let address = match key {
                        Some(key) => from.entry(key),
                        None => StoreAddress::new(super::damage::UNREADABLE).document(),
                    };
                    return Err(Error::DamagedEntry {
                        address: Box::new(address),
                    });
                }
            }
        }
        operations::follow(transaction, &moves, i64::MAX).map_err(sqlite)?;
        Ok((usage, moves.into_values().collect()))
    }
}

/// Moves one entry to another id, and returns its size.
pub(super) fn move_entry(
    transaction: &Connection,
    id: i64,
    to: i64,
    store: i64,
) -> Result<u64, RowError> {
    let (row_checksum, checksum, size) = {
        let mut statement = transaction.prepare_cached(BY_ID)?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or(RowError::Damaged)?;
        let fields = row::fields(row)?;
        let mut new = fields;
        (new.id, new.store) = (to, store);
        let checksum = new.renewed(&fields, row::checksum(row)?)?;
        (new.sum()?, checksum, column::size(row, row::SIZE)?)
    };
    let moved =
        transaction
            .prepare_cached(MOVE)?
            .execute((id, to, store, row_checksum, checksum))?;
    if moved == 0 {
        return Err(RowError::Damaged);
    }
    transaction
        .prepare_cached("UPDATE uses SET entry = ?2 WHERE entry = ?1")?
        .execute((id, to))?;
    Ok(size)
}

/// Returns the ids of a store's entries, in order.
pub(super) fn ids(connection: &Connection, store: i64) -> rusqlite::Result<Vec<i64>> {
    let Range { after, end } = Range::store(store);
    let sql = format!(
        "SELECT id FROM entries AS e NOT INDEXED WHERE id > ?1 AND id <= ?2 AND {UNMARKED} ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map([after, end], |row| row.get(0))?;
    ids.collect()
}

/// Returns a key that both stores have, and when its entry in the second one was written.
fn in_both(
    connection: &Connection,
    old: i64,
    new: i64,
) -> rusqlite::Result<Option<(Key, Timestamp)>> {
    let sql = "SELECT e.key, coalesce(e.updated_at, e.created_at) FROM entries AS o \
               CROSS JOIN entries AS e ON e.store = ?2 AND e.key = o.key WHERE o.store = ?1 \
               AND o.kind < 16 AND e.kind < 16 LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([old, new])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let written_at = column::number(row, 1)?.unwrap_or(0);
    let key = encoding::key(row.get_ref(0)?);
    Ok(key.map(|key| (key, Timestamp::from_millis(written_at))))
}

/// Returns the key of a damaged entry, if that can be read.
pub(super) fn key_of(connection: &Connection, id: i64) -> rusqlite::Result<Option<Key>> {
    let sql = "SELECT key FROM entries NOT INDEXED WHERE id = ?1";
    connection
        .prepare_cached(sql)?
        .query_row([id], |row| Ok(encoding::key(row.get_ref(0)?)))
}
