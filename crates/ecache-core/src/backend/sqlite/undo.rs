//! Undoing operations.
//!
//! A retired store comes back by exchanging its row with the one in use. If entries were written in
//! between, the fewer of both sides move to the other, and the newer one of a key stays. Single
//! entries lose their mark, and move along if their store was retired since.
//!
//! Undoing an undo removes the restored entries again, unless they were written since.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension};

use super::blobs::{self, Unnamed};
use super::damage::RowError;
use super::encoding::UNMARKED;
use super::entry_rows::{full_store_of, id_after, last_id};
use super::operations::{self, Effect, Stored, Swap};
use super::pool::Look;
use super::purge::Purge;
use super::query::{Range, WRITTEN};
use super::reclaim::Due;
use super::removed::find_fate;
use super::retire::{Meant, set_retired, take_over, usage_of};
use super::session::Session;
use super::settings::{self, SettingChange};
use super::store_rows::{self, StoreRow, bump_generation, store_row, write_metadata};
use super::stores::{OwnDocument, own_document};
use super::{SqliteBackend, marks, rename, row};
use crate::backend::{
    DropKept, Fate, Operation, OperationRecord, Progress, Removal, Removed, UndoBackend, Undone,
};
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Maximum number of addresses in an answer.
const EXAMPLES: usize = 10;

/// Number of entries that one transaction restores.
const BATCH: usize = 2000;

/// The findings of an undo so far.
#[derive(Default)]
struct Report {
    newer: u64,
    examples: Vec<Address>,
    damaged: u64,
    /// Rows of stores that are in use again, and the newer entries that moved there
    revived: Vec<(i64, Usage)>,
    usage: Usage,
}

impl Report {
    fn add_newer(&mut self, connection: &Connection, store: &StoreAddress, id: i64) {
        self.newer += 1;
        if self.examples.len() < EXAMPLES
            && let Ok(Some(key)) = rename::key_of(connection, id)
        {
            self.examples.push(store.entry(key));
        }
    }
}

impl UndoBackend for SqliteBackend {
    fn keeps_operations(&self) -> bool {
        true
    }

    fn remove_undoably(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Removal> {
        self.retire_or_mark(selection, documents, operation, now, progress)
    }

    fn remove_for_good(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Removed> {
        self.delete_logged(selection, documents, operation, now, progress)
    }

    fn drop_kept(&self, how: DropKept) -> Result<u64> {
        match how {
            DropKept::Deleted => self.purge(Purge::All),
            DropKept::Overwritten => self.shred(),
        }
    }

    fn fate(&self, address: &Address) -> Result<Option<Fate>> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        match find_fate(&snapshot, &self.names, address) {
            Ok(found) => Ok(found),
            // A damaged row tells nothing.
            Err(RowError::Damaged) => Ok(None),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn settings(&self) -> Result<BTreeMap<String, String>> {
        settings::all(&*self.connection()?).map_err(|error| self.error(error))
    }

    fn change_settings(
        &self,
        changes: &[(&str, Option<&str>)],
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        self.set_settings(changes, operation, now)
    }

    fn operations(&self) -> Result<Vec<OperationRecord>> {
        let all = Stored::all(&*self.connection()?).map_err(|error| self.error(error))?;
        Ok(all.iter().map(Stored::record).collect())
    }

    fn undo(
        &self,
        which: Option<u64>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Undone> {
        let _held = self.hold(Look::Always);
        let target = self.undoable(which)?;
        let (undo, report) = match target.effect {
            Effect::Restored => self.remove_again(&target, operation, now, progress)?,
            Effect::Removed | Effect::ForGood => self.restore(&target, operation, now, progress)?,
            Effect::Set => self.set_back(&target, operation, now)?,
        };
        let _ = self.reclaim(Due::By(now));
        Ok(Undone {
            undone: target.record(),
            operation: undo.number.unsigned_abs(),
            did: undo.record().did,
            usage: report.usage,
            documents: undo.documents.unsigned_abs(),
            settings: undo.settings.len() as u64,
            newer: report.newer,
            newer_examples: report.examples,
            damaged: report.damaged,
        })
    }
}

impl SqliteBackend {
    /// Returns the operation of that number; without one, the latest that can be undone and is no
    /// undo itself.
    fn undoable(&self, which: Option<u64>) -> Result<Stored> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let Some(number) = which else {
            let all = Stored::all(&connection).map_err(sqlite)?;
            let latest = all.first().map_or(0, |latest| latest.number);
            let found = all
                .into_iter()
                .find(|one| one.undoes == 0 && one.is_undoable());
            return found.ok_or_else(|| {
                Error::NotUndoable(match latest {
                    0 => "there is nothing to undo: no operation is logged".into(),
                    _ => "there is nothing to undo: `ecache log` says why".into(),
                })
            });
        };
        let found = i64::try_from(number).ok().filter(|number| *number > 0);
        let found = found
            .map(|number| Stored::read(&connection, number))
            .transpose()
            .map_err(sqlite)?
            .flatten();
        let why = match found {
            None => "is not in the log".into(),
            Some(found) if found.undone_by != 0 => {
                let by = found.undone_by;
                format!("was undone by operation {by}; `ecache undo {by}` takes that back")
            }
            Some(found) if !found.is_undoable() => "cannot be undone: nothing of it is kept".into(),
            Some(found) => return Ok(found),
        };
        Err(Error::NotUndoable(format!("operation {number} {why}")))
    }

    /// Sets settings back, unless they were changed since.
    fn set_back(
        &self,
        target: &Stored,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(Stored, Report)> {
        self.transaction(|transaction| {
            let set_back = || -> rusqlite::Result<Stored> {
                let mut undo = Stored::begin(transaction, operation, Effect::Set, now)?;
                undo.undoes = target.number;
                for SettingChange { name, old, new } in target.settings.clone() {
                    if settings::get(transaction, &name)? == new {
                        settings::put(transaction, &name, old.as_deref())?;
                        let (old, new) = (new, old);
                        undo.settings.push(SettingChange { name, old, new });
                    }
                }
                Ok(undo)
            };
            let undo = set_back().map_err(|error| self.error(error))?;
            self.end_with(transaction, target, &undo, true)?;
            Ok((undo, Report::default()))
        })
    }

    /// Brings back what an operation removed.
    fn restore(
        &self,
        target: &Stored,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<(Stored, Report)> {
        let sqlite = |error| self.error(error);
        let mut report = Report::default();
        let mut undo = self.transaction(|transaction| {
            let mut undo =
                Stored::begin(transaction, operation, Effect::Restored, now).map_err(sqlite)?;
            undo.undoes = target.number;
            for swap in &target.swaps {
                self.revive(transaction, swap.retired, target, &mut undo, &mut report)?;
            }
            restore_documents(transaction, target, &mut undo).map_err(sqlite)?;
            self.end_with(transaction, target, &undo, target.parts == 0)?;
            Ok(undo)
        })?;
        for (row, moved) in std::mem::take(&mut report.revived) {
            let usage = usage_of(&*self.connection()?, row).map_err(sqlite)?;
            report.usage += Usage {
                entries: usage.entries.saturating_sub(moved.entries),
                bytes: usage.bytes.saturating_sub(moved.bytes),
            };
        }
        for part in 1..=target.parts {
            let ids = target.part(&*self.connection()?, part).map_err(sqlite)?;
            let batches = ids.len().div_ceil(BATCH).max(1);
            for (batch, ids) in ids.chunks(BATCH).enumerate() {
                let is_last = part == target.parts && batch + 1 == batches;
                self.transaction(|transaction| {
                    self.unmark(transaction, ids, &mut undo, &mut report)?;
                    self.end_with(transaction, target, &undo, is_last)
                })?;
                if progress(report.usage.entries).is_break() && !is_last {
                    return Err(Error::Interrupted { done: report.usage });
                }
            }
        }
        undo.usage = Some((report.usage.entries as i64, report.usage.bytes as i64));
        self.transaction(|transaction| undo.write(transaction).map_err(sqlite))?;
        Ok((undo, report))
    }

    /// Writes the record of an undo, and into that of its target that it is undone.
    fn end_with(
        &self,
        transaction: &Session,
        target: &Stored,
        undo: &Stored,
        is_last: bool,
    ) -> Result<()> {
        let end = || -> rusqlite::Result<()> {
            undo.write(transaction)?;
            if is_last {
                let mut target = target.clone();
                target.undone_by = undo.number;
                target.write(transaction)?;
            }
            Ok(())
        };
        end().map_err(|error| self.error(error))
    }

    /// Brings back a row of `stores` that an operation retired.
    fn revive(
        &self,
        transaction: &Session,
        retired: i64,
        target: &Stored,
        undo: &mut Stored,
        report: &mut Report,
    ) -> Result<()> {
        let sqlite = |error| self.error(error);
        let row = store_row(transaction, retired).map_err(sqlite)?;
        let Some(StoreRow { address, .. }) = row.filter(|row| row.retired == target.number) else {
            return Ok(());
        };
        let used = store_rows::intern_store(transaction, &address).map_err(sqlite)?;
        let newer = rename::ids(transaction, used).map_err(sqlite)?;
        if newer.is_empty() || newer.len() as u64 <= count(transaction, retired).map_err(sqlite)? {
            marks::make_way_for_all(transaction, used, retired).map_err(sqlite)?;
            let last = last_id(transaction, retired).map_err(sqlite)?;
            let mut moved = Usage::default();
            for id in &newer {
                moved += usage_of_entry(transaction, *id).map_err(sqlite)?;
                if let Some(older) = same_key(transaction, *id, retired).map_err(sqlite)? {
                    report.add_newer(transaction, &address, *id);
                    delete(transaction, older).map_err(sqlite)?;
                }
            }
            self.move_after(transaction, last, &newer, retired, &address)?;
            let exchange = || -> rusqlite::Result<()> {
                set_retired(transaction, used, &address, undo.number)?;
                set_retired(transaction, retired, &address, 0)?;
                take_over(transaction, used, retired)
            };
            exchange().map_err(sqlite)?;
            undo.swaps.push(Swap {
                retired: used,
                used: retired,
                last,
            });
            report.revived.push((retired, moved));
        } else {
            marks::make_way_for_all(transaction, retired, used).map_err(sqlite)?;
            let mut older = Vec::new();
            for id in rename::ids(transaction, retired).map_err(sqlite)? {
                match same_key(transaction, id, used).map_err(sqlite)? {
                    Some(newer) => report.add_newer(transaction, &address, newer),
                    None => {
                        report.usage += usage_of_entry(transaction, id).map_err(sqlite)?;
                        older.push(id);
                    }
                }
            }
            let moved = self.move_all(transaction, &older, used, &address)?;
            undo.add_part(transaction, &moved).map_err(sqlite)?;
            bump_generation(transaction, used).map_err(sqlite)?;
        }
        Ok(())
    }

    /// Makes marked rows entries again, unless their keys were written since.
    fn unmark(
        &self,
        transaction: &Session,
        ids: &[i64],
        undo: &mut Stored,
        report: &mut Report,
    ) -> Result<()> {
        let sqlite = |error| self.error(error);
        let mut restored = Vec::new();
        let mut stores = BTreeSet::new();
        let mut moves = BTreeMap::new();
        let revived = operations::revived_since(transaction, undo.undoes).map_err(sqlite)?;
        for id in ids {
            let marked = match marks::Marked::read(transaction, *id) {
                Ok(Some(marked)) => marked,
                Ok(None) => continue,
                Err(RowError::Damaged) => {
                    report.damaged += 1;
                    continue;
                }
                Err(RowError::Sqlite(error)) => return Err(sqlite(error)),
            };
            let row = store_row(transaction, id >> 32).map_err(sqlite)?;
            let Some(StoreRow {
                address, retired, ..
            }) = row
            else {
                report.damaged += 1;
                continue;
            };
            let store = match retired {
                0 => id >> 32,
                _ => store_rows::intern_store(transaction, &address).map_err(sqlite)?,
            };
            let other = with_key(transaction, store, &marked.key).map_err(sqlite)?;
            match other.filter(|other| other != id) {
                Some(other) if !marks::make_way(transaction, other).map_err(sqlite)? => {
                    report.add_newer(transaction, &address, other);
                    continue;
                }
                _ => {}
            }
            // Another id tells the entry from those that an undo brought back with its store while
            // it was removed.
            let is_among = |swap: &Swap| {
                swap.used == store && Range::store(store).contains(*id) && *id <= swap.last
            };
            let to = match retired {
                0 if !revived.iter().any(is_among) => *id,
                _ => operations::last_id_ever(transaction, store)
                    .and_then(|last| id_after(transaction, store, last))
                    .map_err(sqlite)?
                    .ok_or_else(|| full_store_of(&address))?,
            };
            match marks::restore(transaction, *id, to, store) {
                Ok(()) => {}
                Err(RowError::Damaged) => {
                    report.damaged += 1;
                    continue;
                }
                Err(RowError::Sqlite(error)) => return Err(sqlite(error)),
            }
            if to != *id {
                moves.insert(*id, to);
            }
            stores.insert(store);
            restored.push(to);
            report.usage += Usage {
                entries: 1,
                bytes: marked.size,
            };
        }
        for store in stores {
            bump_generation(transaction, store).map_err(sqlite)?;
        }
        operations::follow(transaction, &moves, undo.undoes).map_err(sqlite)?;
        undo.add_part(transaction, &restored).map_err(sqlite)
    }

    /// Removes again what an undo brought back, except what was written since.
    fn remove_again(
        &self,
        target: &Stored,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<(Stored, Report)> {
        let sqlite = |error| self.error(error);
        let mut report = Report::default();
        let mut again = self.transaction(|transaction| {
            let mut again =
                Stored::begin(transaction, operation, Effect::Removed, now).map_err(sqlite)?;
            again.undoes = target.number;
            for swap in &target.swaps {
                let row = store_row(transaction, swap.used).map_err(sqlite)?;
                let Some(row) = row.filter(|row| row.retired == 0) else {
                    continue;
                };
                let staying = written_since(transaction, swap, target.at).map_err(sqlite)?;
                let store = Meant {
                    id: row.id,
                    address: row.address,
                    staying,
                };
                let swap = self.retire(transaction, &store, again.number)?;
                again.swaps.push(swap);
            }
            for (id, document) in &target.metadata {
                remove_document(transaction, *id, document, &mut again).map_err(sqlite)?;
            }
            self.end_with(transaction, target, &again, target.parts == 0)?;
            Ok(again)
        })?;
        for part in 1..=target.parts {
            let ids = target.part(&*self.connection()?, part).map_err(sqlite)?;
            let batches = ids.len().div_ceil(BATCH).max(1);
            for (batch, ids) in ids.chunks(BATCH).enumerate() {
                let is_last = part == target.parts && batch + 1 == batches;
                self.transaction(|transaction| {
                    let (usage, marked) =
                        marks::mark_unchanged(transaction, ids, target.at).map_err(sqlite)?;
                    again.add_part(transaction, &marked).map_err(sqlite)?;
                    report.usage += usage;
                    self.end_with(transaction, target, &again, is_last)
                })?;
                if progress(report.usage.entries).is_break() && !is_last {
                    return Err(Error::Interrupted { done: report.usage });
                }
            }
        }
        for swap in &again.swaps {
            report.usage += usage_of(&*self.connection()?, swap.retired).map_err(sqlite)?;
        }
        again.usage = Some((report.usage.entries as i64, report.usage.bytes as i64));
        self.transaction(|transaction| again.write(transaction).map_err(sqlite))?;
        Ok((again, report))
    }
}

/// Returns the entries of a store that were written since it was brought back.
fn written_since(connection: &Connection, swap: &Swap, at: i64) -> rusqlite::Result<Vec<i64>> {
    let Range { after, end } = Range::store(swap.used);
    let sql = format!(
        "SELECT id FROM entries AS e NOT INDEXED WHERE id > ?1 AND id <= ?2 \
         AND (id > ?3 OR {WRITTEN} > ?4) AND {UNMARKED} ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map((after, end, swap.last, at), |row| row.get(0))?;
    ids.collect()
}

fn count(connection: &Connection, store: i64) -> rusqlite::Result<u64> {
    Ok(usage_of(connection, store)?.entries)
}

fn usage_of_entry(connection: &Connection, id: i64) -> rusqlite::Result<Usage> {
    let sql = "SELECT size FROM entries WHERE id = ?1";
    let bytes = connection
        .prepare_cached(sql)?
        .query_row([id], |row| row::size(row, 0))?;
    Ok(Usage { entries: 1, bytes })
}

/// Returns the id of the entry in a store that has the key of the entry `id`.
fn same_key(connection: &Connection, id: i64, store: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT o.id FROM entries AS e CROSS JOIN entries AS o INDEXED BY entries_key \
               ON o.store = ?2 AND o.key = e.key WHERE e.id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_row((id, store), |row| row.get(0))
        .optional()
}

/// Returns the id of the row with a key in a store.
fn with_key(
    connection: &Connection,
    store: i64,
    key: &rusqlite::types::Value,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2";
    connection
        .prepare_cached(sql)?
        .query_row((store, key), |row| row.get(0))
        .optional()
}

/// Deletes an entry whose key has a newer one.
fn delete(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let blob: Option<i64> = connection
        .prepare_cached("SELECT blob FROM entries WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    for sql in [
        "DELETE FROM entries WHERE id = ?1",
        "DELETE FROM uses WHERE entry = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id])?;
    }
    match blob {
        Some(blob) => blobs::leave(connection, blob, Unnamed::Removed),
        None => Ok(()),
    }
}

/// Brings back the own documents of stores that have none now.
fn restore_documents(
    transaction: &Connection,
    target: &Stored,
    undo: &mut Stored,
) -> rusqlite::Result<()> {
    for (id, document) in &target.metadata {
        let Some(row) = store_row(transaction, *id)? else {
            continue;
        };
        let store = store_rows::intern_store(transaction, &row.address)?;
        if matches!(own_document(transaction, store)?, OwnDocument::None) {
            write_metadata(transaction, store, Some(document))?;
            undo.metadata.push((store, document.clone()));
            undo.documents += 1;
        }
    }
    Ok(())
}

/// Removes a document that an undo brought back, unless it was written since.
fn remove_document(
    transaction: &Connection,
    id: i64,
    document: &crate::backend::StoreMetadata,
    again: &mut Stored,
) -> rusqlite::Result<()> {
    let Some(row) = store_row(transaction, id)? else {
        return Ok(());
    };
    let store = store_rows::intern_store(transaction, &row.address)?;
    if let OwnDocument::Intact(found) = own_document(transaction, store)?
        && found == *document
    {
        write_metadata(transaction, store, None)?;
        again.metadata.push((store, found));
        again.documents += 1;
    }
    Ok(())
}
