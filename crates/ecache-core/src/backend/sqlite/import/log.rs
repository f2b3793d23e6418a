//! An import as an operation: which entries are new, and which were set aside for them.
//!
//! A replaced entry keeps its row, which is marked; the imported one gets a row of its own. Undoing
//! the import therefore brings back exactly the old entries.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::Connection;

use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::entry_rows::Existing;
use crate::backend::sqlite::names::store_rows::bump_generation;
use crate::backend::sqlite::operations::{Added, DocumentChange, LoggedOperation, OperationPart};
use crate::backend::sqlite::selection::marks;
use crate::backend::sqlite::space::purge::delete_marked;
use crate::backend::{Effect, ImportLog, KeepForUndo, MAX_UNDO_BYTES, MAX_UNDO_ENTRIES};
use crate::filter::Usage;

/// Number of entries after which a record of them is written, to bound memory.
const PART: usize = 50_000;

/// The changes of one transaction of an import.
pub(in super::super) struct Recorder<'a, 'b> {
    log: &'a mut ImportLog<'b>,
    stored: LoggedOperation,
    added: Added,
    set_aside: Vec<i64>,
    /// New entries, and the rows of those that they replaced
    replaced: BTreeMap<i64, i64>,
    /// The last id of each store before this transaction
    last: HashMap<i64, i64>,
    has_changed: bool,
}

impl<'a, 'b> Recorder<'a, 'b> {
    /// Begins an operation, or continues the one of the transactions before.
    pub(in super::super) fn new(
        transaction: &Connection,
        log: &'a mut ImportLog<'b>,
    ) -> rusqlite::Result<Self> {
        let begun = match log.number {
            Some(number) => LoggedOperation::read(transaction, number as i64)?,
            None => None,
        };
        let stored = match begun {
            Some(stored) => stored,
            None => LoggedOperation::begin(transaction, &log.operation, Effect::Written, log.now)?,
        };
        Ok(Self {
            log,
            stored,
            added: Added::default(),
            set_aside: Vec::new(),
            replaced: BTreeMap::new(),
            last: HashMap::new(),
            has_changed: false,
        })
    }

    /// Notes the last id that a store had before this transaction.
    pub(super) fn begin_store(&mut self, store: i64, last: i64) {
        self.last.insert(store, last);
    }

    /// Notes an entry that was written under a new id.
    pub(in super::super) fn add(
        &mut self,
        transaction: &Connection,
        (id, written_at): (i64, i64),
        bytes: u64,
    ) -> rusqlite::Result<()> {
        self.count(bytes);
        if self.log.keep == KeepForUndo::Yes {
            self.added.push(id, written_at, self.stored.at);
            if self.added.ids.len() + self.set_aside.len() >= PART {
                self.write_parts(transaction)?;
            }
        }
        Ok(())
    }

    /// Notes an entry that was written over another one, which is not kept.
    pub(in super::super) fn overwrite(
        &mut self,
        store: i64,
        (id, written_at): (i64, i64),
        bytes: u64,
    ) {
        self.count(bytes);
        if self.is_own(store, id) && self.log.keep == KeepForUndo::Yes {
            self.added.push(id, written_at, self.stored.at);
        }
    }

    /// Reports whether this transaction made the row.
    fn is_own(&self, store: i64, id: i64) -> bool {
        self.last.get(&store).is_some_and(|last| id > *last)
    }

    fn count(&mut self, bytes: u64) {
        self.has_changed = true;
        self.stored.add_usage(Usage { entries: 1, bytes });
    }

    /// Sets an entry aside that is about to be replaced by the entry `new`. Reports whether it is;
    /// otherwise its row is overwritten.
    pub(in super::super) fn set_aside(
        &mut self,
        transaction: &Session,
        (store, new): (i64, i64),
        existing: &Existing,
    ) -> rusqlite::Result<bool> {
        // A row of this transaction is not an earlier entry.
        if self.is_own(store, existing.id) || self.log.keep == KeepForUndo::No {
            return Ok(false);
        }
        let Some(bytes) = marks::set_aside(transaction, existing.id)? else {
            return Ok(false);
        };
        self.stored.add_replaced(Usage { entries: 1, bytes });
        bump_generation(transaction, store)?;
        self.set_aside.push(existing.id);
        self.replaced.insert(new, existing.id);
        if transaction.has_limits() {
            self.log.set_aside.insert(existing.id);
        }
        let replaced = self.stored.replaced();
        if replaced.entries > MAX_UNDO_ENTRIES || replaced.bytes > MAX_UNDO_BYTES {
            (self.log.on_beyond)();
            self.forget(transaction)?;
        }
        Ok(true)
    }

    /// Returns the rows that were set aside.
    pub(super) fn all_set_aside(&self) -> &HashSet<i64> {
        &self.log.set_aside
    }

    /// Counts rows that were set aside and that a limit took.
    pub(super) fn add_evicted(&mut self, count: u64) {
        self.log.evicted += count;
    }

    /// Notes a change of a store's own document.
    pub(in super::super) fn document(&mut self, change: DocumentChange) {
        self.has_changed = true;
        self.stored.documents += 1;
        if self.log.keep == KeepForUndo::Yes {
            self.stored.changed.push(change);
        }
    }

    /// Deletes the rows that were set aside, and keeps nothing from now on.
    fn forget(&mut self, transaction: &Connection) -> rusqlite::Result<()> {
        self.log.keep = KeepForUndo::No;
        delete_marked(transaction, &self.set_aside)?;
        for number in 1..=self.stored.parts {
            if let OperationPart::Removed(ids) = self.stored.part(transaction, number)? {
                delete_marked(transaction, &ids)?;
            }
            self.stored.delete_part(transaction, number)?;
        }
        self.stored.forget();
        (self.added, self.set_aside) = (Added::default(), Vec::new());
        self.replaced.clear();
        self.log.set_aside.clear();
        Ok(())
    }

    fn write_parts(&mut self, transaction: &Connection) -> rusqlite::Result<()> {
        let set_aside = std::mem::take(&mut self.set_aside);
        let added = std::mem::take(&mut self.added);
        self.stored
            .add_part(transaction, &OperationPart::Removed(set_aside))?;
        self.stored
            .add_part(transaction, &OperationPart::Added(added))?;
        let replaced = std::mem::take(&mut self.replaced);
        self.stored
            .add_part(transaction, &OperationPart::Replaced(replaced))
    }

    /// Writes the operation, and returns what to tell once the transaction is committed.
    pub(in super::super) fn end(
        mut self,
        transaction: &Connection,
    ) -> rusqlite::Result<Option<LoggedOperation>> {
        if !self.has_changed {
            return Ok(None);
        }
        self.write_parts(transaction)?;
        self.stored.write(transaction)?;
        Ok(Some(self.stored))
    }
}
