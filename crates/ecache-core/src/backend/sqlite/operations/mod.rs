//! The log of operations, and the records that an undo needs.
//!
//! An operation is a record of the table `history` under its number: its command, its user, and
//! the stores that it retired or brought back. The ids of single entries that it removed or
//! restored follow in records of their own (`parts`), one for each transaction, so that the record
//! of a killed operation is exact.

mod chain;
mod follow;
mod moved_counts;
mod parts;
mod record;
mod uncounted;

pub(super) use chain::Chains;
pub(super) use follow::follow;
pub(super) use moved_counts::{MovedCounts, MovedRow};
pub(super) use parts::{Added, OperationPart, Touched};
pub(super) use record::{DocumentChange, Swap};

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::history::{self, RecordKind};
use super::names::store_rows::{self, write_metadata};
use super::settings::{self, SettingChange};
use super::stores::{OwnDocument, has_entries, has_row, last_id, meant_documents};
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::{ChangeReport, Effect, Operation, StoreMetadata, UNDO_KEEP};
use crate::filter::{Filter, Usage};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Milliseconds for which operations can be undone, unless [`UNDO_KEEP`] is set.
const A_DAY: i64 = 86_400_000;

/// Maximum number of operations that are listed.
const MOST: i64 = 10_000;

/// An operation as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LoggedOperation {
    pub(super) number: i64,
    pub(super) at: i64,
    pub(super) effect: Effect,
    /// Number of the operation that this one undoes, or 0
    pub(super) undoes: i64,
    /// Number of the operation that undid this one, or 0
    pub(super) undone_by: i64,
    /// Number of stores' own documents that were removed or restored
    pub(super) documents: i64,
    /// Number and size of the entries; `None` until they are counted
    pub(super) usage: Option<(i64, i64)>,
    /// Those that imported ones replaced, or that came back in the place of imported ones
    pub(super) replaced: (i64, i64),
    /// Number of records with ids of entries
    pub(super) parts: i64,
    pub(super) operation: Operation,
    pub(super) swaps: Vec<Swap>,
    pub(super) changed: Vec<DocumentChange>,
    pub(super) settings: Vec<SettingChange>,
    /// The old and the new name of a store
    pub(super) renamed: Option<(StoreAddress, StoreAddress)>,
    /// Milliseconds for which it can be undone, by the settings of the store
    keep_ms: i64,
}

impl LoggedOperation {
    /// Returns a new operation with the next number.
    pub(super) fn begin(
        connection: &Connection,
        operation: &Operation,
        effect: Effect,
        now: Timestamp,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            number: next_number(connection)?,
            at: now.as_millis(),
            effect,
            undoes: 0,
            undone_by: 0,
            documents: 0,
            usage: Some((0, 0)),
            replaced: (0, 0),
            parts: 0,
            operation: operation.clone(),
            swaps: Vec::new(),
            changed: Vec::new(),
            settings: Vec::new(),
            renamed: None,
            keep_ms: keep_ms(connection)?,
        })
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        history::put(
            connection,
            RecordKind::Operation,
            self.number,
            0,
            &self.encode(),
        )
    }

    /// Reads an operation by its number.
    pub(super) fn read(connection: &Connection, number: i64) -> rusqlite::Result<Option<Self>> {
        let body = history::get(connection, RecordKind::Operation, number, 0)?;
        let Some(body) = body else { return Ok(None) };
        let keep_ms = keep_ms(connection)?;
        let stored = Self::decode(number, &body)?;
        Ok(Some(Self { keep_ms, ..stored }))
    }

    /// Reads all operations whose records are intact, latest first.
    pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut all = Vec::new();
        let latest = next_number(connection)? - 1;
        let range = ((latest - MOST).max(0), latest);
        let keep_ms = keep_ms(connection)?;
        history::scan(connection, RecordKind::Operation, range, |at, id, body| {
            if let (0, Some(body)) = (id, body) {
                let decoded = Self::decode(at, &body).ok();
                all.extend(decoded.map(|stored| Self { keep_ms, ..stored }));
            }
            Ok(true)
        })?;
        all.reverse();
        Ok(all)
    }

    /// Removes the own documents of stores that a filter matches, and keeps them. A damaged one
    /// goes for good.
    pub(super) fn take_documents(
        &mut self,
        connection: &Connection,
        filter: &Filter,
    ) -> rusqlite::Result<()> {
        for (id, store, document) in meant_documents(connection, filter)? {
            write_metadata(connection, id, None)?;
            self.documents += 1;
            if let OwnDocument::Intact(metadata) = document {
                self.changed.push(DocumentChange {
                    store,
                    old: Some(metadata),
                    new: None,
                });
            }
        }
        Ok(())
    }

    /// Notes what renaming a store does to its document: it goes along, unless there is one.
    pub(super) fn add_documents(
        &mut self,
        from: &StoreAddress,
        to: &StoreAddress,
        moved: Option<&StoreMetadata>,
        kept: Option<&StoreMetadata>,
    ) {
        let Some(moved) = moved else { return };
        self.documents += 1;
        self.changed.push(DocumentChange {
            store: from.clone(),
            old: Some(moved.clone()),
            new: None,
        });
        if kept.is_none() {
            self.changed.push(DocumentChange {
                store: to.clone(),
                old: None,
                new: Some(moved.clone()),
            });
        }
    }

    /// Reports whether nothing was changed.
    pub(super) fn is_empty(&self) -> bool {
        let is_unchanged = self.usage == Some((0, 0)) && self.documents == 0;
        is_unchanged && !self.keeps_something()
    }

    /// Describes the removal for the answer to it.
    pub(super) fn removed(&self) -> ChangeReport {
        ChangeReport {
            usage: self.usage(),
            documents: self.documents.unsigned_abs(),
            operation: Some(self.number.unsigned_abs()),
            until: self.is_undoable().then(|| self.until()),
        }
    }

    /// Adds the entries that one transaction changed.
    pub(super) fn add_part(
        &mut self,
        connection: &Connection,
        part: &OperationPart,
    ) -> rusqlite::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        self.parts += 1;
        self.write_part(connection, self.parts, part)
    }

    pub(super) fn write_part(
        &self,
        connection: &Connection,
        number: i64,
        part: &OperationPart,
    ) -> rusqlite::Result<()> {
        let body = part.encode();
        history::put(
            connection,
            RecordKind::Operation,
            self.number,
            number,
            &body,
        )
    }

    /// Returns the entries of one part; none if it is gone.
    pub(super) fn part(
        &self,
        connection: &Connection,
        number: i64,
    ) -> rusqlite::Result<OperationPart> {
        let body = history::get(connection, RecordKind::Operation, self.number, number)?;
        match body {
            Some(body) => OperationPart::decode(&body),
            None => Ok(OperationPart::Removed(Vec::new())),
        }
    }

    /// Returns the stores that it changed, as far as that is kept.
    pub(super) fn stores(&self, connection: &Connection) -> rusqlite::Result<Vec<StoreAddress>> {
        let mut ids: BTreeSet<i64> = self.swaps.iter().map(|swap| swap.retired).collect();
        for number in 1..=self.parts {
            let part = self.part(connection, number)?;
            ids.extend(part.ids().map(store_of));
        }
        let changed = self.changed.iter().map(|change| change.store.clone());
        let renamed = self.renamed.clone().into_iter();
        let renamed = renamed.flat_map(|(from, to)| [from, to]);
        let mut stores: BTreeSet<StoreAddress> = changed.chain(renamed).collect();
        for id in ids {
            stores.extend(store_rows::store_row(connection, id)?.map(|row| row.address));
        }
        Ok(stores.into_iter().collect())
    }

    pub(super) fn add_usage(&mut self, usage: Usage) {
        let (entries, bytes) = self.usage.unwrap_or_default();
        self.usage = Some((entries + usage.entries as i64, bytes + usage.bytes as i64));
    }

    pub(super) fn add_replaced(&mut self, usage: Usage) {
        self.replaced.0 += usage.entries as i64;
        self.replaced.1 += usage.bytes as i64;
    }

    /// Returns the entries that imported ones replaced, or that came back in their place.
    pub(super) fn replaced(&self) -> Usage {
        Usage {
            entries: self.replaced.0.unsigned_abs(),
            bytes: self.replaced.1.unsigned_abs(),
        }
    }

    /// Returns the bytes of values that are kept until this is undone or its time is over.
    pub(super) fn held(&self) -> u64 {
        match self.effect {
            _ if self.undone_by != 0 || !self.keeps_something() => 0,
            Effect::Removed => self.usage().bytes,
            Effect::Written | Effect::Restored => self.replaced().bytes,
            Effect::Touched | Effect::Renamed | Effect::Set => 0,
        }
    }

    /// Returns the number of entries that it kept when it was made.
    pub(super) fn kept_entries(&self) -> u64 {
        match self.effect {
            Effect::Removed => self.usage().entries,
            Effect::Written | Effect::Restored => self.replaced().entries,
            Effect::Touched | Effect::Renamed | Effect::Set => 0,
        }
    }

    /// Reports whether it keeps entries or documents that were removed or replaced, and not only
    /// names, lifetimes and numbers.
    pub(super) fn keeps_values(&self) -> bool {
        match self.effect {
            Effect::Removed => self.keeps_something(),
            Effect::Written | Effect::Restored => {
                let has_old = |change: &DocumentChange| change.old.is_some();
                (self.parts > 0 && self.replaced.0 > 0) || self.changed.iter().any(has_old)
            }
            Effect::Touched | Effect::Renamed | Effect::Set => false,
        }
    }

    /// Reports whether rows of entries may be marked or retired for it.
    pub(super) fn may_keep_rows(&self) -> bool {
        let is_other = matches!(self.effect, Effect::Touched | Effect::Renamed | Effect::Set);
        self.keeps_something() && !is_other
    }

    /// Deletes its records.
    pub(super) fn delete(&self, connection: &Connection) -> rusqlite::Result<()> {
        for part in 0..=self.parts {
            self.delete_part(connection, part)?;
        }
        Ok(())
    }

    /// Forgets how to undo it. Changed settings and names of stores take no space, and stay for the
    /// log.
    pub(super) fn forget(&mut self) {
        self.swaps.clear();
        self.changed.clear();
        self.parts = 0;
    }

    pub(super) fn usage(&self) -> Usage {
        let (entries, bytes) = self.usage.unwrap_or_default();
        Usage {
            entries: entries.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
        }
    }

    /// Reports whether what it takes to undo the operation is kept.
    pub(super) fn keeps_something(&self) -> bool {
        self.parts > 0
            || !self.swaps.is_empty()
            || !self.changed.is_empty()
            || !self.settings.is_empty()
    }

    /// Returns the entries that stayed while others of their stores were removed or came back, with
    /// the ids that they had among those.
    pub(super) fn places(&self, connection: &Connection) -> rusqlite::Result<BTreeMap<i64, i64>> {
        let mut found = BTreeMap::new();
        for number in 1..=self.parts {
            if let OperationPart::Stayed(places) = self.part(connection, number)? {
                found.extend(places);
            }
        }
        Ok(found)
    }

    /// Returns the entries that were written or brought back in the place of others, with the rows
    /// of those.
    pub(super) fn replaced_rows(
        &self,
        connection: &Connection,
    ) -> rusqlite::Result<BTreeMap<i64, i64>> {
        let mut found = BTreeMap::new();
        for number in 1..=self.parts {
            if let OperationPart::Replaced(rows) = self.part(connection, number)? {
                found.extend(rows);
            }
        }
        Ok(found)
    }

    /// Reports whether limits have taken all entries that undoing it would bring back or remove.
    pub(super) fn is_evicted(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let keeps_entries = matches!(
            self.effect,
            Effect::Removed | Effect::Restored | Effect::Written
        );
        let has_kept = self.parts > 0 || !self.swaps.is_empty();
        let is_other = !self.changed.is_empty() || self.usage == Some((0, 0));
        if !keeps_entries || !has_kept || is_other || self.undone_by != 0 {
            return Ok(false);
        }
        for swap in &self.swaps {
            if self.effect != Effect::Removed || has_entries(connection, swap.retired)? {
                return Ok(false);
            }
        }
        let replaced = self.replaced_rows(connection)?;
        for number in 1..=self.parts {
            let ids = match self.part(connection, number)? {
                OperationPart::Removed(ids) => ids,
                // Others are removed again whatever is kept.
                OperationPart::Added(added)
                    if added.ids.iter().any(|id| !replaced.contains_key(id)) =>
                {
                    return Ok(false);
                }
                _ => continue,
            };
            for id in ids {
                if has_row(connection, id)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Deletes the record of a part.
    pub(super) fn delete_part(&self, connection: &Connection, part: i64) -> rusqlite::Result<()> {
        history::delete(connection, RecordKind::Operation, self.number, part).map(drop)
    }

    /// Reports whether the operation can be undone.
    pub(super) fn is_undoable(&self) -> bool {
        self.undone_by == 0 && self.keeps_something()
    }

    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.at.saturating_add(self.keep_ms))
    }
}

/// Returns the undos later than an operation that brought back stores.
pub(super) fn revived_since(
    connection: &Connection,
    number: i64,
) -> rusqlite::Result<Vec<LoggedOperation>> {
    let mut undos = LoggedOperation::all(connection)?;
    undos.retain(|one| {
        let is_later = one.undone_by == 0 && one.number > number;
        is_later && one.effect == Effect::Restored && !one.swaps.is_empty()
    });
    Ok(undos)
}

/// Returns the last id of a store that an entry had or may have had when it was brought back. An
/// entry that moves gets a later one, so that it is not taken for one of those.
pub(super) fn last_id_ever(connection: &Connection, store: i64) -> rusqlite::Result<i64> {
    let mut last = last_id(connection, store)?;
    for undo in LoggedOperation::all(connection)? {
        let swaps = undo.swaps.iter().filter(|swap| swap.used == store);
        last = swaps.fold(last, |last, swap| last.max(swap.last));
    }
    Ok(last)
}

/// Returns the time for which operations can be undone, in milliseconds.
fn keep_ms(connection: &Connection) -> rusqlite::Result<i64> {
    let set = settings::get(connection, UNDO_KEEP)?;
    Ok(set.and_then(|ms| ms.parse().ok()).unwrap_or(A_DAY))
}

/// Returns the number of the next operation.
fn next_number(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(at), 0) + 1 FROM history WHERE kind = ?1";
    connection
        .prepare_cached(sql)?
        .query_row([RecordKind::Operation as i64], |row| row.get(0))
}
