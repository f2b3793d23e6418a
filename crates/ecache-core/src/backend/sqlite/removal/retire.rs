//! Removals that can be undone.
//!
//! A removal of whole stores retires their rows, whatever number of entries they have: the entries
//! stay where they are, and the next ones go to another row of the same address. Entries of policy
//! `persist` that are to stay move there first. Any other removal marks the rows of its entries
//! (`marks`), within limits.

use std::cell::{Cell, RefCell};

use rusqlite::Connection;

use super::batches::Pace;
use super::bounds::KeptPart;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::entry_rows::{full_store, id_after, move_entry};
use crate::backend::sqlite::format::damage;
use crate::backend::sqlite::format::encoding::UNMARKED;
use crate::backend::sqlite::names::store_rows::{self, write_metadata};
use crate::backend::sqlite::operations::{self, LoggedOperation, OperationPart, Swap};
use crate::backend::sqlite::query::{Conditions, Plan, Range};
use crate::backend::sqlite::selection::marks::mark_batch;
use crate::backend::sqlite::selection::select::COUNT;
use crate::backend::sqlite::selection::verify::ChangeBatch;
use crate::backend::sqlite::stores::{OwnDocument, last_id, own_document};
use crate::backend::{ChangeOutcome, ChangeReport, Effect, Operation, Progress};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Maximum number of entries of policy `persist` that move for a removal of the others: about a
/// second under the lock. With more of them, the others are marked.
const MOST_MOVED: usize = 20_000;

impl SqliteBackend {
    /// Retires the stores of a selection that means whole ones; otherwise returns `None`.
    pub(in super::super) fn retire_whole(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Option<ChangeReport>> {
        let Some(filter) = selection.only_filter() else {
            return Ok(None);
        };
        let conditions = Conditions::of(filter);
        if !matches!(
            conditions,
            Conditions::Nothing | Conditions::Policy(Policy::Evict)
        ) {
            return Ok(None);
        }
        let retired = self.transaction(|transaction| {
            let mut stored = LoggedOperation::begin(transaction, operation, Effect::Removed, now)?;
            if let Some(filter) = documents {
                stored.take_documents(transaction, filter)?;
            }
            let is_whatever_policy = conditions == Conditions::Nothing;
            let Some(meant) = Meant::find(transaction, filter, is_whatever_policy)? else {
                return Ok(None);
            };
            for store in meant {
                self.retire(transaction, &store, &mut stored)?;
            }
            if !stored.is_empty() {
                stored.usage = None;
                stored.write(transaction)?;
            }
            Ok(Some(stored))
        })?;
        let Some(mut stored) = retired else {
            return Ok(None);
        };
        if stored.is_empty() {
            // Clearing an empty file is how to make one usable that is damaged.
            self.repair_empty(selection, now)?;
            return Ok(Some(ChangeReport::default()));
        }
        match self.count_operation(&mut stored) {
            Err(error @ Error::Damaged { .. }) => {
                self.take_back(&stored)?;
                Err(error)
            }
            // The removal is done; without a count it is as good.
            Err(_) | Ok(()) => Ok(Some(stored.removed())),
        }
    }

    /// Undoes the retirement of stores whose pages turn out to be damaged: what they have can
    /// neither be kept nor counted.
    fn take_back(&self, stored: &LoggedOperation) -> Result<()> {
        self.transaction(|transaction| {
            for swap in &stored.swaps {
                let row = store_rows::store_row(transaction, swap.retired)?;
                let Some(row) = row.filter(|row| row.retired == stored.number) else {
                    continue;
                };
                // Entries written in the meantime stay; the damaged ones stay retired.
                if last_id(transaction, swap.used)? > Range::store(swap.used).after {
                    continue;
                }
                take_over(transaction, swap.used, swap.retired)?;
                let sql = "DELETE FROM stores WHERE id = ?1";
                transaction.prepare_cached(sql)?.execute([swap.used])?;
                set_retired(transaction, swap.retired, &row.address, 0)?;
            }
            for change in &stored.changed {
                store_rows::set_metadata(transaction, &change.store, change.old.as_ref())?;
            }
            let mut stored = stored.clone();
            for part in 1..=stored.parts {
                stored.delete_part(transaction, part)?;
            }
            stored.forget();
            stored.usage = Some((0, 0));
            Ok(stored.write(transaction)?)
        })
    }

    /// Retires the row of a store for an operation, and moves what stays to another one.
    pub(in super::super) fn retire(
        &self,
        transaction: &Session,
        store: &Meant,
        operation: &mut LoggedOperation,
    ) -> SessionResult<()> {
        let number = operation.number;
        let new = replace_row(transaction, store.id, &store.address, number)?;
        let last = last_id(transaction, new)?;
        let moved = self.move_all(transaction, &store.staying, new, &store.address)?;
        operation.swaps.push(Swap {
            retired: store.id,
            used: new,
            last,
        });
        let places = moved.into_iter().zip(store.staying.iter().copied());
        operation.add_part(transaction, &OperationPart::Stayed(places.collect()))?;
        Ok(())
    }

    /// Moves entries to the end of a store that has none of their keys, and returns their new ids.
    pub(in super::super) fn move_all(
        &self,
        transaction: &Connection,
        ids: &[i64],
        to: i64,
        address: &StoreAddress,
    ) -> SessionResult<Vec<i64>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let last = operations::last_id_ever(transaction, to)?;
        self.move_after(transaction, last, ids, to, address)
    }

    /// Like [`Self::move_all`], with ids above `last`.
    pub(in super::super) fn move_after(
        &self,
        transaction: &Connection,
        last: i64,
        ids: &[i64],
        to: i64,
        address: &StoreAddress,
    ) -> SessionResult<Vec<i64>> {
        let mut last = last.max(operations::last_id_ever(transaction, to)?);
        let mut moved = Vec::with_capacity(ids.len());
        for id in ids {
            let next = id_after(transaction, to, last)?;
            let next = next.ok_or_else(|| full_store(address))?;
            let there = damage::undamaged(move_entry(transaction, *id, (next, to)))?;
            there.ok_or_else(|| self.damaged_staying())?;
            moved.push(next);
            last = last.max(next);
        }
        let moves = ids.iter().copied().zip(moved.iter().copied()).collect();
        operations::follow(transaction, &moves, i64::MAX)?;
        Ok(moved)
    }

    /// Returns the error for an entry that cannot move.
    pub(in super::super) fn damaged_staying(&self) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            detail: "an entry that is to stay does not match its checksum".into(),
        }
    }

    /// Marks the entries of a selection, unless they are too many.
    pub(in super::super) fn mark_selected(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeOutcome> {
        let parts = self.select(selection, now)?;
        let too_many = self.beyond_limits(&parts, KeptPart::Values)?;
        if let Some(usage) = too_many {
            return Ok(ChangeOutcome::TooMany(usage));
        }
        let stored: RefCell<Option<LoggedOperation>> = RefCell::new(None);
        let begin = |transaction: &Connection| -> rusqlite::Result<LoggedOperation> {
            match stored.take() {
                Some(stored) => Ok(stored),
                None => {
                    let mut stored =
                        LoggedOperation::begin(transaction, operation, Effect::Removed, now)?;
                    if let Some(filter) = documents {
                        stored.take_documents(transaction, filter)?;
                    }
                    Ok(stored)
                }
            }
        };
        let mut done = ChangeBatch::default();
        let is_begun = Cell::new(false);
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            let mut operation = begin(transaction)?;
            let (batch, marked) = mark_batch(self, transaction, plan, ids, now)?;
            operation.add_part(transaction, &OperationPart::Removed(marked))?;
            operation.add_usage(batch.usage);
            operation.write(transaction)?;
            is_begun.set(true);
            stored.replace(Some(operation));
            Ok(batch)
        };
        let changed = self.change(&parts, Pace::Timed, &mut done, progress, batch);
        if changed.is_ok() && !is_begun.get() && documents.is_some() {
            self.transaction(|transaction| {
                let operation = begin(transaction)?;
                if !operation.is_empty() {
                    operation.write(transaction)?;
                    stored.replace(Some(operation));
                }
                Ok(())
            })?;
        }
        changed?;
        done.finish()?;
        let stored = stored.take().filter(|stored| !stored.is_empty());
        Ok(ChangeOutcome::Done(
            stored.map_or_else(ChangeReport::default, |stored| stored.removed()),
        ))
    }
}

/// A store whose row is to be retired.
pub(in super::super) struct Meant {
    pub(in super::super) id: i64,
    pub(in super::super) address: StoreAddress,
    /// The entries that stay, in order
    pub(in super::super) staying: Vec<i64>,
}

impl Meant {
    /// Finds the stores that a filter matches and that have entries to remove. Returns `None` if
    /// too many entries stay.
    ///
    /// # Errors
    /// If the row of a store is unreadable, which may be meant.
    fn find(
        connection: &Connection,
        filter: &Filter,
        is_whatever_policy: bool,
    ) -> rusqlite::Result<Option<Vec<Self>>> {
        let mut found = Vec::new();
        let mut count = 0;
        for (id, address) in store_rows::stores(connection)? {
            let Some(address) = address else {
                return Err(damage::damaged("the names of a store"));
            };
            if !filter.matches_store(&address) {
                continue;
            }
            let staying = if is_whatever_policy {
                Vec::new()
            } else {
                persistent(connection, id)?
            };
            count += staying.len();
            if count > MOST_MOVED {
                return Ok(None);
            }
            if has_more(connection, id, staying.len())? {
                found.push(Self {
                    id,
                    address,
                    staying,
                });
            }
        }
        Ok(Some(found))
    }
}

/// Returns the ids of a store's entries of policy `persist`, up to one more than may move.
fn persistent(connection: &Connection, store: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = format!(
        "SELECT id FROM entries AS e INDEXED BY entries_persist \
         WHERE policy = 0 AND store = ?1 AND id >> 32 = ?1 AND {UNMARKED} ORDER BY id LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map((store, MOST_MOVED as i64 + 1), |row| row.get(0))?;
    ids.collect()
}

/// Reports whether a store has more than a number of entries.
pub(in super::super) fn has_more(
    connection: &Connection,
    store: i64,
    count: usize,
) -> rusqlite::Result<bool> {
    let Range { after, end } = Range::store(store);
    let sql = format!(
        "SELECT 1 FROM entries AS e NOT INDEXED WHERE id > ?1 AND id <= ?2 AND {UNMARKED} \
         LIMIT 1 OFFSET ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.exists((after, end, count as i64))
}

/// Counts the entries in the row of a store.
pub(in super::super) fn usage_of(connection: &Connection, store: i64) -> rusqlite::Result<Usage> {
    let Range { after, end } = Range::store(store);
    let sql = format!(
        "SELECT {COUNT} FROM entries AS e NOT INDEXED WHERE id > ?1 AND id <= ?2 AND {UNMARKED}"
    );
    connection
        .prepare_cached(&sql)?
        .query_row((after, end), |row| {
            Ok(Usage {
                entries: row.get(0)?,
                bytes: row.get(1)?,
            })
        })
}

/// Retires a row of `stores` and inserts another one for its address, with its
/// document.
fn replace_row(
    transaction: &Session,
    id: i64,
    address: &StoreAddress,
    number: i64,
) -> rusqlite::Result<i64> {
    set_retired(transaction, id, address, number)?;
    let new = store_rows::insert_store(transaction, address)?;
    take_over(transaction, id, new)?;
    Ok(new)
}

/// Puts the number of the operation that retired it into the row of a store, or 0.
pub(in super::super) fn set_retired(
    transaction: &Session,
    id: i64,
    address: &StoreAddress,
    number: i64,
) -> rusqlite::Result<()> {
    transaction.forget();
    let checksum = crate::backend::sqlite::format::checksum::store(id, address, number);
    transaction
        .prepare_cached("UPDATE stores SET retired = ?2, checksum = ?3 WHERE id = ?1")?
        .execute((id, number, checksum))?;
    Ok(())
}

/// Moves the document of a row to another one of the same address. Its generation
/// is higher than both.
pub(in super::super) fn take_over(
    transaction: &Session,
    from: i64,
    to: i64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE stores SET generation = (SELECT max(old.generation, stores.generation) + 1 \
             FROM stores AS old WHERE old.id = ?1) WHERE id = ?2",
        )?
        .execute((from, to))?;
    let document = match own_document(transaction, from)? {
        OwnDocument::Intact(metadata) => Some(metadata),
        OwnDocument::None | OwnDocument::Damaged => None,
    };
    if document.is_some() {
        write_metadata(transaction, from, None)?;
    }
    write_metadata(transaction, to, document.as_ref())
}
