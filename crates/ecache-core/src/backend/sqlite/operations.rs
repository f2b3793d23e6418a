//! The log of operations, and what is kept so that they can be undone.
//!
//! An operation is a record of the table `history` under its number: what was done, by whom, and
//! which stores it retired or brought back. The ids of single entries that it removed or restored
//! follow in records of their own, one for each transaction, so that a killed operation has written
//! down exactly what it did.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::codec::{
    number, optional_text, put_number, put_optional_text, put_text, text, unreadable,
};
use super::damage::UNREADABLE;
use super::encoding::{policy, policy_number};
use super::entry_rows::last_id;
use super::history::{self, RecordKind};
use super::query::{Range, WRITTEN};
use super::settings::SettingChange;
use super::store_rows::{self, write_metadata};
use super::stores::{OwnDocument, own_document};
use super::tombstones::{cause_number, cause_of};
use crate::backend::{Did, Operation, OperationRecord, Removed, StoreMetadata, UndoState};
use crate::filter::{Filter, Usage};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Time for which a removal can be undone.
pub(super) const UNDO_FOR: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Maximum number of operations that are listed.
const MOST: i64 = 10_000;

/// The effect of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Entries were removed, and are kept
    Removed = 0,
    /// Entries were brought back
    Restored = 1,
    /// Nothing is kept
    ForGood = 2,
    /// Settings were changed
    Set = 3,
}

/// A change of the row that an address has in `stores`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swap {
    /// The row that was retired
    pub(super) retired: i64,
    /// The row that is in use instead
    pub(super) used: i64,
    /// The last id in `used` before the operation
    pub(super) last: i64,
}

/// An operation as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
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
    /// Number of records with ids of entries
    pub(super) parts: i64,
    pub(super) operation: Operation,
    pub(super) swaps: Vec<Swap>,
    /// The documents, with the ids of their stores
    pub(super) metadata: Vec<(i64, StoreMetadata)>,
    pub(super) settings: Vec<SettingChange>,
}

impl Stored {
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
            parts: 0,
            operation: operation.clone(),
            swaps: Vec::new(),
            metadata: Vec::new(),
            settings: Vec::new(),
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
        body.map(|body| Self::decode(number, &body)).transpose()
    }

    /// Reads all operations whose records are intact, latest first.
    pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut all = Vec::new();
        let latest = next_number(connection)? - 1;
        let range = ((latest - MOST).max(0), latest);
        history::scan(connection, RecordKind::Operation, range, |at, id, body| {
            if let (0, Some(body)) = (id, body) {
                all.extend(Self::decode(at, &body).ok());
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
        for (id, store) in store_rows::stores(connection)? {
            let document = own_document(connection, id)?;
            let policy = match &document {
                OwnDocument::None => continue,
                OwnDocument::Intact(metadata) => Some(metadata.policy),
                OwnDocument::Damaged => None,
            };
            let store = store.unwrap_or_else(|| StoreAddress::new(UNREADABLE));
            if filter.matches_document(&store, policy) {
                write_metadata(connection, id, None)?;
                self.documents += 1;
                if let OwnDocument::Intact(metadata) = document {
                    self.metadata.push((id, metadata));
                }
            }
        }
        Ok(())
    }

    /// Reports whether nothing was changed.
    pub(super) fn is_empty(&self) -> bool {
        self.swaps.is_empty()
            && self.documents == 0
            && self.usage == Some((0, 0))
            && self.settings.is_empty()
    }

    /// Describes the removal for the answer to it.
    pub(super) fn removed(&self) -> Removed {
        Removed {
            usage: self.usage(),
            documents: self.documents.unsigned_abs(),
            operation: Some(self.number.unsigned_abs()),
            until: self.is_undoable().then(|| self.until()),
        }
    }

    /// Adds the ids of entries that one transaction removed or restored.
    pub(super) fn add_part(
        &mut self,
        connection: &Connection,
        ids: &[i64],
    ) -> rusqlite::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.parts += 1;
        self.write_part(connection, self.parts, ids.to_vec())
    }

    fn write_part(
        &self,
        connection: &Connection,
        part: i64,
        mut ids: Vec<i64>,
    ) -> rusqlite::Result<()> {
        ids.sort_unstable();
        let mut body = Vec::with_capacity(ids.len() * 3);
        let mut last = 0;
        for id in ids {
            put_number(&mut body, id - last);
            last = id;
        }
        history::put(connection, RecordKind::Operation, self.number, part, &body)
    }

    /// Returns the ids of one part, in order; none if it is gone.
    pub(super) fn part(&self, connection: &Connection, part: i64) -> rusqlite::Result<Vec<i64>> {
        let body = history::get(connection, RecordKind::Operation, self.number, part)?;
        let body = body.unwrap_or_default();
        let mut rest = &body[..];
        let (mut ids, mut last) = (Vec::new(), 0);
        while !rest.is_empty() {
            last += number(&mut rest)?;
            ids.push(last);
        }
        Ok(ids)
    }

    pub(super) fn add_usage(&mut self, usage: Usage) {
        let (entries, bytes) = self.usage.unwrap_or_default();
        self.usage = Some((entries + usage.entries as i64, bytes + usage.bytes as i64));
    }

    pub(super) fn usage(&self) -> Usage {
        let (entries, bytes) = self.usage.unwrap_or_default();
        Usage {
            entries: entries.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
        }
    }

    /// Reports whether entries or documents are kept for undo.
    pub(super) fn keeps_something(&self) -> bool {
        let is_nothing = self.parts == 0
            && self.swaps.is_empty()
            && self.metadata.is_empty()
            && self.settings.is_empty();
        self.effect != Effect::ForGood && !is_nothing
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
        Timestamp::from_millis(self.at).saturating_add(UNDO_FOR)
    }

    pub(super) fn record(&self) -> OperationRecord {
        OperationRecord {
            id: self.number.unsigned_abs(),
            at: Timestamp::from_millis(self.at),
            operation: self.operation.clone(),
            usage: self.usage(),
            documents: self.documents.unsigned_abs(),
            undoes: (self.undoes != 0).then(|| self.undoes.unsigned_abs()),
            settings: self.settings.len() as u64,
            did: match self.effect {
                Effect::Removed | Effect::ForGood => Did::Removed,
                Effect::Restored => Did::Restored,
                Effect::Set => Did::Set,
            },
            undo: match self.undone_by {
                0 if self.is_undoable() => UndoState::Until(self.until()),
                0 => UndoState::Impossible,
                by => UndoState::Undone(by.unsigned_abs()),
            },
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let (entries, bytes) = self.usage.unwrap_or((-1, -1));
        for field in [
            self.at,
            self.effect as i64,
            self.undoes,
            self.undone_by,
            self.documents,
            entries,
            bytes,
            self.parts,
            self.swaps.len() as i64,
            self.metadata.len() as i64,
            self.settings.len() as i64,
            cause_number(self.operation.cause),
        ] {
            put_number(&mut body, field);
        }
        for swap in &self.swaps {
            for field in [swap.retired, swap.used, swap.last] {
                put_number(&mut body, field);
            }
        }
        for (id, metadata) in &self.metadata {
            put_number(&mut body, *id);
            put_number(&mut body, policy_number(metadata.policy));
            put_number(&mut body, metadata.created_at.as_millis());
            let updated_at = metadata.updated_at.map_or(i64::MIN, Timestamp::as_millis);
            put_number(&mut body, updated_at);
            put_text(&mut body, &metadata.value);
        }
        for change in &self.settings {
            put_text(&mut body, &change.name);
            put_optional_text(&mut body, change.old.as_deref());
            put_optional_text(&mut body, change.new.as_deref());
        }
        let Operation {
            user,
            host,
            command,
            filter,
            cause: _,
        } = &self.operation;
        for field in [user, host, command, filter] {
            put_text(&mut body, field);
        }
        body
    }

    fn decode(number_of: i64, body: &[u8]) -> rusqlite::Result<Self> {
        let mut rest = body;
        let rest = &mut rest;
        let mut next = || number(rest);
        let at = next()?;
        let effect = match next()? {
            0 => Effect::Removed,
            1 => Effect::Restored,
            2 => Effect::ForGood,
            3 => Effect::Set,
            _ => return Err(unreadable()),
        };
        let (undoes, undone_by, documents) = (next()?, next()?, next()?);
        let (entries, bytes, parts) = (next()?, next()?, next()?);
        let (count, documents_kept, settings_changed) = (next()?, next()?, next()?);
        let cause = cause_of(next()?).ok_or_else(unreadable)?;
        let mut swaps = Vec::new();
        for _ in 0..count {
            swaps.push(Swap {
                retired: next()?,
                used: next()?,
                last: next()?,
            });
        }
        let mut metadata = Vec::new();
        for _ in 0..documents_kept {
            let id = number(rest)?;
            let policy = policy(number(rest)?).ok_or_else(unreadable)?;
            let created_at = Timestamp::from_millis(number(rest)?);
            let updated_at = Some(number(rest)?).filter(|at| *at != i64::MIN);
            let document = StoreMetadata {
                value: text(rest)?,
                policy,
                created_at,
                updated_at: updated_at.map(Timestamp::from_millis),
            };
            metadata.push((id, document));
        }
        let mut settings = Vec::new();
        for _ in 0..settings_changed {
            settings.push(SettingChange {
                name: text(rest)?,
                old: optional_text(rest)?,
                new: optional_text(rest)?,
            });
        }
        Ok(Self {
            number: number_of,
            at,
            effect,
            undoes,
            undone_by,
            documents,
            usage: (entries >= 0).then_some((entries, bytes)),
            parts,
            operation: Operation {
                user: text(rest)?,
                host: text(rest)?,
                command: text(rest)?,
                filter: text(rest)?,
                cause,
            },
            swaps,
            metadata,
            settings,
        })
    }
}

/// Returns the changes of rows of `stores` by undos later than an operation.
pub(super) fn revived_since(connection: &Connection, number: i64) -> rusqlite::Result<Vec<Swap>> {
    let undos = Stored::all(connection)?
        .into_iter()
        .filter(|one| one.effect == Effect::Restored && one.undone_by == 0 && one.number > number);
    Ok(undos.flat_map(|undo| undo.swaps).collect())
}

/// Returns the last id of a store that an entry had or may have had when it was brought back. An
/// entry that moves gets a later one, so that it is not taken for one of those.
pub(super) fn last_id_ever(connection: &Connection, store: i64) -> rusqlite::Result<i64> {
    let mut last = last_id(connection, store)?;
    for undo in Stored::all(connection)? {
        let swaps = undo.swaps.iter().filter(|swap| swap.used == store);
        last = swaps.fold(last, |last, swap| last.max(swap.last));
    }
    Ok(last)
}

/// Adapts the records of undos to entries that have other ids now, so that those can be undone. An
/// undo from `before` on did not bring back the entries with its stores.
pub(super) fn follow(
    connection: &Connection,
    moves: &BTreeMap<i64, i64>,
    before: i64,
) -> rusqlite::Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT 1 FROM entries AS e WHERE e.id = ?1 AND {WRITTEN} <= ?2");
    for mut undo in Stored::all(connection)? {
        if undo.effect != Effect::Restored || undo.undone_by != 0 {
            continue;
        }
        for part in 1..=undo.parts {
            let mut ids = undo.part(connection, part)?;
            if ids.iter().any(|id| moves.contains_key(id)) {
                for id in &mut ids {
                    *id = moves.get(id).copied().unwrap_or(*id);
                }
                undo.write_part(connection, part, ids)?;
            }
        }
        let mut restored = Vec::new();
        for swap in undo.swaps.iter().filter(|_| undo.number < before) {
            let Range { after, .. } = Range::store(swap.used);
            if swap.last <= after {
                continue;
            }
            for (_, new) in moves.range(after + 1..=swap.last) {
                let mut statement = connection.prepare_cached(&sql)?;
                if statement.exists((new, undo.at))? {
                    restored.push(*new);
                }
            }
        }
        if !restored.is_empty() {
            undo.add_part(connection, &restored)?;
            undo.write(connection)?;
        }
    }
    Ok(())
}

/// Returns the number of the next operation.
fn next_number(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(at), 0) + 1 FROM history WHERE kind = ?1";
    connection
        .prepare_cached(sql)?
        .query_row([RecordKind::Operation as i64], |row| row.get(0))
}
