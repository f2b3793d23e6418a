//! Replacing the value of an entry as an operation, as `edit` does.
//!
//! The old entry keeps its row, which is marked, as those that an import replaces do; the new one
//! gets a row of its own, with the hits of the old one. Undoing it brings back the old row.
//!
//! Every write could be an operation. It would take two rows and a record where it takes one row,
//! and the log would be full of results that can be computed again. So only an edit by hand is one.

use std::collections::{BTreeMap, HashSet};

use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::counters::row_changes;
use crate::backend::sqlite::entry_rows::{Existing, Write, existing, full_store, id_after, write};
use crate::backend::sqlite::names::interned::Interned;
use crate::backend::sqlite::names::store_rows::bump_generation;
use crate::backend::sqlite::operations::{Added, LoggedOperation, OperationPart};
use crate::backend::sqlite::selection::marks;
use crate::backend::sqlite::stores::last_id;
use crate::backend::{ChangeReport, Content, Effect, Operation, Put, PutOptions, WriteBackend};
use crate::entry::Entry;
use crate::error::Result;
use crate::filter::Usage;
use crate::time::Timestamp;

impl SqliteBackend {
    /// Replaces an entry, and logs that in the same transaction, which keeps the old one. Returns
    /// `None` if there is none, or only a damaged one.
    pub(in super::super) fn replace_logged(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Option<(Put, ChangeReport)>> {
        entry.check()?;
        self.transaction(|transaction| {
            let interned = Interned::new(&self.names, transaction, entry)?;
            let old = existing(transaction, interned.store, entry, now)?;
            let Some(old) = old.filter(|old| old.lifetime.is_some()) else {
                return Ok(None);
            };
            if !self.holds(transaction, &options.condition, Some(&old), now)? {
                return Ok(Some((Put::Refused, ChangeReport::default())));
            }
            self.check_staged(transaction, content)?;
            let entry = &*old.with_kept_lifetime(entry, options.keep, now);
            let (id, size) = self.put_beside(transaction, &interned, (&old, entry), content)?;
            let mut added = Added::default();
            added.push(id, entry.written_at().as_millis(), now.as_millis());
            let parts = [
                OperationPart::Removed(vec![old.id]),
                OperationPart::Added(added),
                OperationPart::Replaced(BTreeMap::from([(id, old.id)])),
            ];
            let sizes = (content.size(), size);
            let logged = log(transaction, operation, sizes, &parts, now)?;
            let kept = HashSet::from([old.id]);
            let gone = self.make_room(transaction, Some(id), &kept, now)?;
            let mut report = logged.removed();
            report.until = report.until.filter(|_| gone.kept == 0);
            Ok(Some((Put::Replaced, report)))
        })
    }

    /// Writes an entry as usual, and logs it. The old one goes for good.
    pub(in super::super) fn put_for_good(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(Put, ChangeReport)> {
        let put = self.put(entry, content, options, now)?;
        let mut report = ChangeReport::default();
        if put != Put::Refused {
            let logged = self.transaction(|transaction| {
                let sizes = (content.size(), 0);
                Ok(log(transaction, operation, sizes, &[], now)?)
            });
            // On a full disk there may be no space for the record.
            report.operation = logged.ok().map(|logged| logged.number.unsigned_abs());
        }
        Ok((put, report))
    }

    /// Writes an entry under a new id, with the hits of the old one, which makes way and is marked.
    /// Returns the id, and the size of the old value.
    fn put_beside(
        &self,
        transaction: &Session,
        interned: &Interned,
        (old, entry): (&Existing, &Entry),
        content: &Content,
    ) -> SessionResult<(i64, u64)> {
        if transaction.has_limits() {
            let footprint = row_changes::footprint_of(entry, content.size());
            self.check_fits(transaction, interned.name_ids(), footprint)?;
        }
        let id = last_id(transaction, interned.store)
            .and_then(|last| id_after(transaction, interned.store, last))?
            .ok_or_else(|| full_store(&entry.address.store))?;
        let replace = || -> rusqlite::Result<u64> {
            let size = marks::set_aside(transaction, old.id)?.unwrap_or(0);
            let created_at = Some(old.created_at);
            write(
                transaction,
                Write::Insert,
                id,
                interned,
                entry,
                content,
                created_at,
            )?;
            let copy = "INSERT INTO uses(entry, last_used_at, hits, saved_ms) \
                        SELECT ?2, last_used_at, hits, saved_ms FROM uses WHERE entry = ?1";
            transaction.prepare_cached(copy)?.execute((old.id, id))?;
            bump_generation(transaction, interned.store)?;
            Ok(size)
        };
        Ok((id, replace()?))
    }
}

/// Logs that an entry was written with a value of that size, in the place of another one.
fn log(
    transaction: &Session,
    operation: &Operation,
    (size, old_size): (u64, u64),
    parts: &[OperationPart],
    now: Timestamp,
) -> rusqlite::Result<LoggedOperation> {
    let usage = |bytes| Usage { entries: 1, bytes };
    let mut logged = LoggedOperation::begin(transaction, operation, Effect::Written, now)?;
    logged.add_usage(usage(size));
    if !parts.is_empty() {
        logged.add_replaced(usage(old_size));
    }
    for part in parts {
        logged.add_part(transaction, part)?;
    }
    logged.write(transaction)?;
    Ok(logged)
}
