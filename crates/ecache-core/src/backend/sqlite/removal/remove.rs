//! Removes and touches the entries of a selection, batch by batch.
//!
//! The ids are collected first and sorted (`select`), so that the table is walked once from front
//! to back. The entries are then removed in transactions that hold the lock for a fraction of a
//! second, each of which verifies its rows first (`verify`). A removal on a full disk gives up the
//! reserve file (`reserve`) and continues in small steps, each of which gives space back.

use std::cell::RefCell;

use rusqlite::Connection;

use super::batches::Pace;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::pool::Look;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::file::reserve;
use crate::backend::sqlite::operations::LoggedOperation;
use crate::backend::sqlite::query::Plan;
use crate::backend::sqlite::selection::select::{SelectedPart, select};
use crate::backend::sqlite::selection::verify::{ChangeBatch, Judged, delete_batch, touch_batch};
use crate::backend::sqlite::space::purge::Purge;
use crate::backend::sqlite::space::reclaim::Due;
use crate::backend::sqlite::tombstones::Burial;
use crate::backend::{
    Cause, ChangeBackend, CountBackend, Effect, Operation, Progress, STAGED_FOR, Touch,
};
use crate::error::{Error, Result};
use crate::filter::{Selection, Usage};
use crate::time::Timestamp;

/// The log of a removal for good: its operation, if it is one, and the tombstones.
pub(in super::super) struct ForGood<'a> {
    operation: Option<&'a Operation>,
    now: Timestamp,
    logged: RefCell<Option<LoggedOperation>>,
}

impl<'a> ForGood<'a> {
    pub(in super::super) fn new(operation: Option<&'a Operation>, now: Timestamp) -> Self {
        Self {
            operation,
            now,
            logged: RefCell::default(),
        }
    }

    /// Logs a batch in the transaction that deletes it.
    fn add(&self, transaction: &Connection, batch: &mut ChangeBatch) -> rusqlite::Result<()> {
        let graves = std::mem::take(&mut batch.graves);
        if batch.usage.entries == 0 {
            return Ok(());
        }
        let mut number = 0;
        if let Some(operation) = self.operation {
            let logged = self.logged.borrow().clone();
            let mut logged = match logged {
                Some(logged) => logged,
                None => LoggedOperation::begin(transaction, operation, Effect::Removed, self.now)?,
            };
            logged.add_usage(batch.usage);
            logged.write(transaction)?;
            number = logged.number;
            self.logged.replace(Some(logged));
        }
        let burial = Burial {
            cause: self.operation.map_or(Cause::Removed, |known| known.cause),
            operation: number,
            note: "",
            now: self.now,
        };
        burial.bury(transaction, graves)
    }

    /// Logs all of it, and returns the number of the operation.
    pub(in super::super) fn end(
        &self,
        transaction: &Connection,
        usage: Usage,
        documents: u64,
    ) -> rusqlite::Result<Option<u64>> {
        let Some(operation) = self.operation else {
            return Ok(None);
        };
        // A failed transaction may have taken the record along.
        let number = self
            .logged
            .borrow()
            .as_ref()
            .map_or(0, |logged| logged.number);
        let mut stored = match LoggedOperation::read(transaction, number)? {
            Some(stored) if stored.operation == *operation => stored,
            _ => LoggedOperation::begin(transaction, operation, Effect::Removed, self.now)?,
        };
        stored.usage = Some((usage.entries as i64, usage.bytes as i64));
        stored.documents = documents as i64;
        stored.write(transaction)?;
        Ok(Some(stored.number.unsigned_abs()))
    }
}

/// A removal under way.
struct Deletion<'a, 'p> {
    selection: &'a Selection,
    log: &'a ForGood<'a>,
    progress: Progress<'p>,
    done: ChangeBatch,
}

impl ChangeBackend for SqliteBackend {
    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        self.delete(selection, &ForGood::new(None, now), progress)
    }

    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        let _held = self.hold(Look::Always);
        let mut done = ChangeBatch::default();
        let parts = self.select(selection, now)?;
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            let (batch, _) = touch_batch(transaction, &self.names, plan, ids, touch)?;
            Ok(batch)
        };
        self.change(&parts, Pace::Timed, &mut done, progress, batch)?;
        done.finish()
    }
}

impl SqliteBackend {
    /// Removes entries for good, and logs that.
    pub(in super::super) fn delete(
        &self,
        selection: &Selection,
        log: &ForGood<'_>,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        let _held = self.hold(Look::Always);
        self.count_clear(selection)?;
        let mut deletion = Deletion {
            selection,
            log,
            progress,
            done: ChangeBatch::default(),
        };
        if !reserve::is_needed(&self.path) {
            match self.delete_at(Pace::Timed, &mut deletion) {
                Err(Error::Full { .. }) => {}
                result => return self.end_deletion(deletion, result),
            }
        }
        self.delete_on_full_disk(deletion)
    }

    /// Removes entries, in transactions at a pace.
    fn delete_at(&self, pace: Pace, deletion: &mut Deletion<'_, '_>) -> Result<()> {
        let log = deletion.log;
        let parts = self.select(deletion.selection, log.now)?;
        deletion.done.left = 0;
        let delete = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            let mut batch = delete_batch(self, transaction, plan, ids)?;
            // On a full disk there is no space to say why.
            if pace == Pace::Timed {
                let evictions = std::mem::take(&mut batch.evictions);
                evictions.write(self, transaction, log.now)?;
                log.add(transaction, &mut batch)?;
            }
            Ok(batch)
        };
        let done = &mut deletion.done;
        self.change(&parts, pace, done, deletion.progress, delete)
    }

    /// Repairs what a removal found damaged, and frees what it removed.
    fn end_deletion(&self, mut deletion: Deletion<'_, '_>, result: Result<()>) -> Result<Usage> {
        let (selection, now) = (deletion.selection, deletion.log.now);
        let result = match result {
            Err(error @ Error::Damaged { .. }) => {
                deletion.done.left = 0;
                let repaired = self.delete_damaged(selection, now, error);
                repaired.map(|batch| deletion.done += batch)
            }
            result => result.and_then(|()| self.repair_empty(selection, now)),
        };
        // Includes entries removed before a failure. Best effort: the next removal retries.
        let _ = self.reclaim(Due::By(now));
        result.and_then(|()| deletion.done.finish())
    }

    /// Removes entries where there is hardly any space: gives up the reserve first, and what was
    /// removed before.
    fn delete_on_full_disk(&self, mut deletion: Deletion<'_, '_>) -> Result<Usage> {
        let (selection, now) = (deletion.selection, deletion.log.now);
        // Moves the log into the file first, since the log takes space, too.
        self.checkpoint(&*self.connection()?);
        reserve::release(&self.path);
        // Retired entries go before those in use.
        if self.purge(Purge::All).is_ok_and(|count| count > 0) {
            let _ = self.reclaim(Due::By(now));
            self.give_back();
        }
        if self.usage(selection, now)? == Usage::default() {
            reserve::restore(&self.path);
            return deletion.done.finish();
        }
        let result = match self.delete_all(selection, now) {
            Ok(None) | Err(Error::Full { .. }) => {
                let changed = self.delete_at(Pace::Frugal, &mut deletion);
                // Deletes replaced values even if they are being read: no other space is left.
                let _ = self.reclaim(Due::All);
                self.give_back();
                changed
            }
            Ok(Some(removed)) => {
                deletion.done += removed;
                Ok(())
            }
            Err(error) => Err(error),
        };
        let evictions = std::mem::take(&mut deletion.done.evictions);
        self.count_late(&evictions, now);
        reserve::restore(&self.path);
        result.and_then(|()| deletion.done.finish())
    }

    /// Empties the file in one transaction if the selection matches everything in it.
    ///
    /// Deleting single rows changes every page before freeing it. A `DELETE` without a condition
    /// frees pages without writing them.
    fn delete_all(&self, selection: &Selection, now: Timestamp) -> Result<Option<ChangeBatch>> {
        let oldest = now.saturating_sub(STAGED_FOR);
        let delete_all = |transaction: &Session| -> SessionResult<Option<ChangeBatch>> {
            let all: u64 =
                transaction.query_row("SELECT count(*) FROM entries", (), |row| row.get(0))?;
            // Without entries nothing would be gained, and what another process is staging
            // would be lost.
            if all == 0 || is_staged_since(transaction, oldest)? {
                return Ok(None);
            }
            let mut removed = ChangeBatch::default();
            for SelectedPart { ids, plan } in select(transaction, selection, now)? {
                let part = Judged::new(transaction, &self.names, &plan, &ids)?;
                removed.usage += part.usage;
                removed.evictions.append(part.evictions);
            }
            if removed.usage.entries != all {
                return Ok(None);
            }
            for sql in [
                "DELETE FROM entries",
                "DELETE FROM uses",
                "DELETE FROM chunks",
                "DELETE FROM blobs",
                "UPDATE stores SET generation = generation + 1",
            ] {
                transaction.execute(sql, ())?;
            }
            Ok(Some(removed))
        };
        let removed = self.frugally(|connection| self.transaction_on(connection, delete_all))?;
        if removed.is_some() {
            self.give_back();
        }
        Ok(removed)
    }
}

/// Reports whether a value was staged at `oldest` or later; its writer may still write its entry.
fn is_staged_since(connection: &Connection, oldest: Timestamp) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM blobs WHERE staged_at >= ?1";
    connection.prepare(sql)?.exists([oldest.as_millis()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::Access;
    use crate::backend::sqlite::selection::marks::mark_batch;
    use crate::backend::sqlite::selection::verify::touch_batch;
    use crate::backend::{
        Condition, Content, KeepForUndo, Operation, Touch, UndoBackend, WriteBackend, no_progress,
    };
    use crate::entry::Entry;
    use crate::filter::{Capacity, EvictionOrder, Filter};
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::value::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn put(backend: &SqliteBackend, number: usize) -> Result<()> {
        let key = Key::new(number.to_string()).expect("a valid key");
        let entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Bytes, NOW);
        let content = Content::Inline(vec![7; 1000]);
        backend
            .put(&entry, &content, &Condition::Always.into(), NOW)
            .map(drop)
    }

    fn backend(folder: &tempfile::TempDir) -> SqliteBackend {
        let path = folder.path().join("store.db");
        SqliteBackend::open(&path, Access::Write).expect("a new store")
    }

    #[test]
    fn a_file_that_cannot_grow_is_full_and_can_be_cleared() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let connection = backend.connection().expect("a connection");
        connection
            .pragma_update_and_check(None, "max_page_count", 100, |_| Ok(()))
            .expect("a limit");
        drop(connection);
        let fill = || (0..1000).find_map(|number| put(&backend, number).err());
        assert!(matches!(fill(), Some(Error::Full { .. })));
        let all = Filter::default().into();
        let counted = backend.usage(&all, NOW).expect("a count");
        let removed = backend.remove(&all, NOW, &mut no_progress);
        assert_eq!(removed.expect("a removal"), counted);
        put(&backend, 0).expect("there is space again");
        assert!(matches!(fill(), Some(Error::Full { .. })));
    }

    #[test]
    fn emptying_a_full_disk_keeps_what_is_being_staged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let all = Filter::default().into();
        let large = vec![7; 2 * crate::value::CHUNK_SIZE];
        let staged = backend.stage(&mut &*large, NOW).expect("staged");
        let emptied = backend.delete_all(&all, NOW).expect("a removal");
        assert!(emptied.is_none(), "there is no entry");
        put(&backend, 0).expect("an entry");
        let emptied = backend.delete_all(&all, NOW).expect("a removal");
        assert!(emptied.is_none(), "one by one instead");
        let staged = crate::backend::read_value(&backend, Kind::Bytes, staged);
        assert!(staged.expect("a value").bytes == large);
        let later = NOW.saturating_add(2 * STAGED_FOR);
        let emptied = backend.delete_all(&all, later).expect("a removal");
        assert_eq!(emptied.map(|removed| removed.usage.entries), Some(1));
    }

    #[test]
    fn an_entry_used_since_it_was_selected_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        for number in 0..3 {
            put(&backend, number).expect("an entry");
        }
        let selection = Selection {
            beyond: Some(Capacity {
                scope: Filter::default(),
                max_size: None,
                max_entries: Some(1),
                order: EvictionOrder::Use,
            }),
            ..Selection::default()
        };
        let parts = backend.select(&selection, NOW).expect("a selection");
        let address = StoreAddress::new("s").entry(Key::new("0").expect("a valid key"));
        let one = crate::usage::EntryUse {
            saved_ms: 0,
            entry: address.into(),
            used_at: Timestamp::from_millis(NOW.as_millis() + 1),
            written_at: Timestamp::from_millis(NOW.as_millis() + 1),
            hits: 1,
        };
        crate::backend::conformance::record_uses(&backend, &[one]).expect("a hit is recorded");
        let mut done = ChangeBatch::default();
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            delete_batch(&backend, transaction, plan, ids)
        };
        backend
            .change(&parts, Pace::Timed, &mut done, &mut no_progress, batch)
            .expect("a removal");
        assert_eq!(done.usage.entries, 1);
    }

    #[test]
    fn an_entry_replaced_since_it_was_selected_is_kept_for_undo() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        put(&backend, 0).expect("an entry");
        let all: Selection = Filter::default().into();
        let parts = backend.select(&all, NOW).expect("a selection");
        let key = Key::new("0").expect("a valid key");
        let entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Bytes, NOW);
        let put = backend.put_logged(
            &entry,
            &Content::Inline(vec![8]),
            &Condition::Always.into(),
            KeepForUndo::Yes,
            &Operation::default(),
            NOW,
        );
        let (_, report) = put.expect("replaced");
        assert_eq!(report.usage.entries, 1);
        let kept = backend.kept_for_undo().expect("counted").usage;
        let (mut done, names) = (ChangeBatch::default(), &backend.names);
        let touch = Touch {
            expires_at: Some(None),
            policy: None,
        };
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            let (batch, _) = touch_batch(transaction, names, plan, ids, touch)?;
            let deleted = delete_batch(&backend, transaction, plan, ids)?;
            assert_eq!((batch.left, deleted.left, deleted.usage.entries), (0, 0, 0));
            let (marked, ids) = mark_batch(&backend, transaction, plan, ids, NOW)?;
            assert_eq!((marked.left, ids.len()), (0, 0));
            Ok(marked)
        };
        backend
            .change(&parts, Pace::Timed, &mut done, &mut no_progress, batch)
            .expect("nothing was left to do");
        assert_eq!(backend.kept_for_undo().expect("counted").usage, kept);
    }
}
