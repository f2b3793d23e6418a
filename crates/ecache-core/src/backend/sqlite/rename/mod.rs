//! Renaming a store.
//!
//! A store's number stays that of its name, since other processes remember it. A renamed store is
//! therefore another one, and its entries move there: each gets the number of the new store in its
//! id, and the checksums that go with it. Values are not read. The counts of its calls go along
//! (`counts`).

pub(super) mod counts;

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::SqliteBackend;
use super::connection::failure::{SessionError, SessionResult};
use super::connection::pool::Look;
use super::connection::session::Session;
use super::entry_rows::{full_store, id_after, move_entry};
use super::format::column;
use super::format::damage::RowError;
use super::format::encoding::{self, UNMARKED, unmarked};
use super::names::store_rows::{self, bump_generation, write_metadata};
use super::operations::{self, LoggedOperation, OperationPart};
use super::query::Range;
use super::selection::marks;
use super::stores::{OwnDocument, has_entries, last_id, own_document};
use crate::backend::{
    ChangeReport, Effect, KeepForUndo, OnExistingStore, Operation, Progress, RenameBackend,
    StoreMetadata,
};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::key::Key;
use crate::scope::StoreAddress;
use crate::time::Timestamp;

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
    /// Renames a store, and logs that. The counts of its calls go along.
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
            let Some(renaming) = self.prepare_renaming(transaction, from, to, on_existing)? else {
                return Ok(ChangeReport::default());
            };
            if let Some((_, _, now)) = log {
                self.add_all_logged(transaction, now)?;
            }
            let (old, new) = (renaming.old, renaming.new);
            marks::make_way_for_all(transaction, old, new)?;
            let (usage, ids) = self.move_entries(transaction, (old, from), (new, to))?;
            let logged = match log {
                Some(log) => Some(renaming.log(transaction, log, usage, ids)?),
                None => None,
            };
            let number = logged.as_ref().map(|logged| logged.number);
            let counts = counts::move_all(transaction, from, &to.clone().into(), number)?;
            renaming.move_document(transaction)?;
            bump_generation(transaction, old)?;
            bump_generation(transaction, new)?;
            let Some(mut logged) = logged else {
                return Ok(ChangeReport {
                    usage,
                    ..ChangeReport::default()
                });
            };
            if logged.is_undoable() {
                logged.add_part(transaction, &OperationPart::Counts(counts))?;
            }
            logged.write(transaction)?;
            Ok(logged.removed())
        })
    }

    /// Returns the rows and documents of two stores, or `None` if there is nothing to rename.
    ///
    /// # Errors
    /// The reason if the stores cannot be merged.
    fn prepare_renaming<'a>(
        &self,
        transaction: &Session,
        from: &'a StoreAddress,
        to: &'a StoreAddress,
        on_existing: OnExistingStore,
    ) -> SessionResult<Option<Renaming<'a>>> {
        let old = store_rows::find_store(transaction, from)?;
        let Some(old) = old.filter(|_| from != to) else {
            return Ok(None);
        };
        let new = store_rows::intern_store(transaction, to)?;
        let document = |id, store: &StoreAddress| match own_document(transaction, id) {
            Ok(OwnDocument::None) => Ok(None),
            Ok(OwnDocument::Intact(metadata)) => Ok(Some(metadata)),
            Ok(OwnDocument::Damaged) => Err(SessionError::from(Error::DamagedEntry {
                address: Box::new(store.document()),
            })),
            Err(error) => Err(error.into()),
        };
        let (moved, kept) = (document(old, from)?, document(new, to)?);
        let exists = kept.is_some() || has_entries(transaction, new)?;
        let is_empty = moved.is_none() && !has_entries(transaction, old)?;
        if is_empty {
            return Ok(None);
        }
        if exists && on_existing == OnExistingStore::Fail {
            let store = Box::new(to.clone());
            return Err(Error::StoreExists { store }.into());
        }
        if let Some((key, written_at)) = in_both(transaction, old, new)? {
            let conflict = Error::Conflict {
                address: Box::new(to.entry(key)),
                written_at,
            };
            return Err(conflict.into());
        }
        Ok(Some(Renaming {
            from,
            to,
            old,
            new,
            moved,
            kept,
        }))
    }

    fn move_entries(
        &self,
        transaction: &Connection,
        (old, from): (i64, &StoreAddress),
        (new, to): (i64, &StoreAddress),
    ) -> SessionResult<(Usage, Vec<i64>)> {
        let mut usage = Usage::default();
        let mut moves = BTreeMap::new();
        let mut last = last_id(transaction, new)?;
        for id in ids(transaction, old)? {
            let next = id_after(transaction, new, last)?;
            let next = next.ok_or_else(|| full_store(to))?;
            last = last.max(next);
            match move_entry(transaction, id, (next, new)) {
                Ok(bytes) => {
                    moves.insert(id, next);
                    usage += Usage { entries: 1, bytes };
                }
                Err(RowError::Sqlite(error)) => return Err(error.into()),
                Err(RowError::Damaged) => {
                    let key = key_of(transaction, id)?;
                    let address = Box::new(match key {
                        Some(key) => from.entry(key),
                        None => StoreAddress::new(super::format::damage::UNREADABLE).document(),
                    });
                    return Err(Error::DamagedEntry { address }.into());
                }
            }
        }
        operations::follow(transaction, &moves, i64::MAX)?;
        Ok((usage, moves.into_values().collect()))
    }
}

/// The rows and the own documents of a store that is renamed and of the other one.
struct Renaming<'a> {
    from: &'a StoreAddress,
    to: &'a StoreAddress,
    old: i64,
    new: i64,
    moved: Option<StoreMetadata>,
    kept: Option<StoreMetadata>,
}

impl Renaming<'_> {
    /// Begins the operation that renames the store. Counts and the record are still to be written.
    fn log(
        &self,
        transaction: &Session,
        (operation, keep, now): (&Operation, KeepForUndo, Timestamp),
        usage: Usage,
        ids: Vec<i64>,
    ) -> rusqlite::Result<LoggedOperation> {
        let mut logged = LoggedOperation::begin(transaction, operation, Effect::Renamed, now)?;
        logged.renamed = Some((self.from.clone(), self.to.clone()));
        logged.add_usage(usage);
        let (moved, kept) = (self.moved.as_ref(), self.kept.as_ref());
        logged.add_documents(self.from, self.to, moved, kept);
        match keep {
            KeepForUndo::Yes => logged.add_part(transaction, &OperationPart::Moved(ids))?,
            KeepForUndo::No => logged.forget(),
        }
        Ok(logged)
    }

    /// Gives the new store the document of the old one, unless it has its own.
    fn move_document(&self, transaction: &Session) -> rusqlite::Result<()> {
        if self.moved.is_some() {
            write_metadata(transaction, self.old, None)?;
            let document = self.kept.as_ref().or(self.moved.as_ref());
            write_metadata(transaction, self.new, document)?;
        }
        Ok(())
    }
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
    let sql = concat!(
        "SELECT e.key, coalesce(e.updated_at, e.created_at) FROM entries AS o \
         CROSS JOIN entries AS e ON e.store = ?2 AND e.key = o.key WHERE o.store = ?1 AND ",
        unmarked!("o"),
        " AND ",
        unmarked!("e"),
        " LIMIT 1"
    );
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
