//! Undoing changes that are not removals: restored and imported entries, lifetimes, names,
//! documents and settings.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::findings::Findings;
use super::restore::{MOST_BEHIND, same_key, usage_of_entry};
use crate::backend::Effect;
use crate::backend::limit::without_change;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::entry_rows::{full_store, id_after, move_entry};
use crate::backend::sqlite::format::checksum::Fields;
use crate::backend::sqlite::format::damage::RowError;
use crate::backend::sqlite::format::encoding::UNMARKED;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::store_rows::{self, bump_generation, store_row, write_metadata};
use crate::backend::sqlite::operations::{
    self, Added, DocumentChange, LoggedOperation, OperationPart, Swap, Touched,
};
use crate::backend::sqlite::query::{Range, WRITTEN};
use crate::backend::sqlite::removal::retire::{Meant, has_more};
use crate::backend::sqlite::selection::marks;
use crate::backend::sqlite::selection::verify::{SET_LIFETIME, StoresInUse};
use crate::backend::sqlite::settings::{self, SettingChange};
use crate::backend::sqlite::stores::{OwnDocument, has_row, own_document};
use crate::backend::sqlite::{SqliteBackend, row};
use crate::filter::Usage;

impl SqliteBackend {
    /// Retires a store again that an undo brought back, except entries written since.
    pub(super) fn retire_again(
        &self,
        transaction: &Session,
        swap: &Swap,
        target: &LoggedOperation,
        again: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<()> {
        let row = store_row(transaction, swap.used)?;
        let Some(row) = row.filter(|row| row.retired == 0) else {
            return Ok(());
        };
        let mut staying = written_since(transaction, swap, target.at)?;
        let brought_back = added_ids(transaction, target)?;
        let stayed = target.places(transaction)?;
        for id in staying.iter().filter(|id| **id <= swap.last) {
            // Those that claimed to be later are judged by the record of that.
            if !brought_back.contains(id) && !stayed.contains_key(id) {
                findings.add_newer(transaction, &row.address, *id);
            }
        }
        let range = Range::store(row.id);
        for id in stayed.into_keys().filter(|id| range.contains(*id)) {
            if is_live(transaction, id)? {
                staying.push(id);
            }
        }
        staying.sort_unstable();
        staying.dedup();
        findings.has_stores |= has_more(transaction, row.id, staying.len())?;
        let store = Meant {
            id: row.id,
            address: row.address,
            staying,
        };
        self.retire(transaction, &store, again)
    }

    /// Moves entries back to the old name of their store, unless their keys are there again.
    pub(super) fn move_back(
        &self,
        transaction: &Session,
        ids: &[i64],
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<()> {
        let Some((from, to)) = undo.renamed.clone() else {
            return Ok(());
        };
        let store = store_rows::intern_store(transaction, &to)?;
        let mut last = operations::last_id_ever(transaction, store)?;
        let (mut moves, mut left) = (BTreeMap::new(), BTreeSet::new());
        let mut staying = Vec::new();
        for id in ids {
            let row = store_row(transaction, store_of(*id))?;
            let is_there = row.is_some_and(|row| row.retired == 0 && row.address == from)
                && is_live(transaction, *id)?;
            if !is_there {
                findings.add_gone(*id);
                staying.push(*id);
                continue;
            }
            if let Some(other) = same_key(transaction, *id, store)?
                && !marks::make_way(transaction, other)?
            {
                findings.add_newer(transaction, &to, other);
                staying.push(*id);
                continue;
            }
            let next = id_after(transaction, store, last)?;
            let next = next.ok_or_else(|| full_store(&to))?;
            match move_entry(transaction, *id, (next, store)) {
                Ok(bytes) => findings.changed += Usage { entries: 1, bytes },
                Err(RowError::Damaged) => {
                    findings.damaged += 1;
                    continue;
                }
                Err(RowError::Sqlite(error)) => return Err(error.into()),
            }
            last = last.max(next);
            left.insert(store_of(*id));
            moves.insert(*id, next);
        }
        for store in left.into_iter().chain([store]) {
            bump_generation(transaction, store)?;
        }
        operations::follow(transaction, &moves, i64::MAX)?;
        undo.add_part(transaction, &findings.left(OperationPart::Moved(staying)))?;
        Ok(undo.add_part(
            transaction,
            &OperationPart::Moved(moves.into_values().collect()),
        )?)
    }
}

impl SqliteBackend {
    /// Moves entries that were written under the old name of a store since it was renamed behind
    /// those that are back, unless they are too many.
    pub(super) fn put_newer_behind(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        undo: &LoggedOperation,
    ) -> SessionResult<()> {
        let Some((_, store)) = &undo.renamed else {
            return Ok(());
        };
        let mut first = i64::MAX;
        for number in 1..=undo.parts {
            if let OperationPart::Moved(ids) = undo.part(transaction, number)? {
                first = ids.into_iter().fold(first, i64::min);
            }
        }
        if first == i64::MAX {
            return Ok(());
        }
        let newer = written_before_id(transaction, first, target.at)?;
        if newer.len() as u64 <= MOST_BEHIND {
            self.move_after(transaction, first, &newer, store_of(first), store)?;
        }
        Ok(())
    }
}

/// Gives entries their old lifetimes, unless they were written or touched since.
pub(super) fn set_lifetimes_back(
    transaction: &Session,
    entries: &[Touched],
    undo: &mut LoggedOperation,
    findings: &mut Findings,
) -> rusqlite::Result<()> {
    let mut in_use = StoresInUse::default();
    let (mut changed, mut stores) = (Vec::new(), BTreeSet::new());
    let mut left = Vec::new();
    for touched in entries {
        let Touched {
            id,
            written_at,
            old,
            new,
        } = *touched;
        let is_in_use = in_use.has(transaction, store_of(id))?;
        let mut statement = transaction.prepare_cached(row::BY_ID)?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()?.filter(|_| is_in_use) else {
            findings.add_gone(id);
            left.push(*touched);
            continue;
        };
        let fields: Fields<'_> = match row::fields(row) {
            Ok(fields) if fields.is_marked() => {
                findings.add_gone(id);
                left.push(*touched);
                continue;
            }
            Ok(fields) => fields,
            Err(RowError::Damaged) => {
                findings.damaged += 1;
                continue;
            }
            Err(RowError::Sqlite(error)) => return Err(error),
        };
        let lifetime = (fields.policy, fields.expires_at);
        let is_rewritten = fields.identity().written_at != written_at;
        if lifetime == old && !is_rewritten {
            findings.unchanged += 1;
            left.push(*touched);
            continue;
        }
        if lifetime != new || is_rewritten {
            drop(rows);
            left.push(*touched);
            if let Some(row) = store_row(transaction, store_of(id))? {
                findings.add_newer(transaction, &row.address, id);
            }
            continue;
        }
        let mut back = fields;
        (back.policy, back.expires_at) = old;
        let checksum = back.renewed(&fields, row::checksum(row)?)?;
        let renewed = (id, back.expires_at, back.policy, back.sum()?, checksum);
        stores.insert(fields.store);
        drop(rows);
        transaction.prepare_cached(SET_LIFETIME)?.execute(renewed)?;
        findings.changed += usage_of_entry(transaction, id)?;
        changed.push(Touched {
            id,
            written_at,
            old: new,
            new: old,
        });
    }
    for store in stores {
        bump_generation(transaction, store)?;
    }
    undo.add_part(transaction, &findings.left(OperationPart::Touched(left)))?;
    undo.add_part(transaction, &OperationPart::Touched(changed))
}

/// Removes entries that an operation wrote or brought back, unless they were written since. Returns
/// the rows of the entries that they had replaced, with their own.
///
/// Where that entry cannot come back, as one that a limit took, the one in its place stays. Entries
/// that were written since or are gone are left, whether they are counted or not.
pub(super) fn mark_added(
    transaction: &Session,
    added: &Added,
    target: &LoggedOperation,
    undo: &mut LoggedOperation,
    findings: &mut Findings,
) -> rusqlite::Result<BTreeMap<i64, i64>> {
    let (mut marked, mut stores) = (Vec::new(), BTreeSet::new());
    let mut replaced = BTreeMap::new();
    let mut left = Added::default();
    let mut in_use = StoresInUse::default();
    let is_counted = undo.effect == Effect::Removed;
    for id in findings.without_own(&added.ids) {
        let store = store_of(id);
        let is_in_use = in_use.has(transaction, store)?;
        let row = findings.replaced_by(id);
        if let Some(row) = row
            && is_in_use
            && !marks::is_marked(transaction, row)?
            && marks::is_unchanged(transaction, added, id, target.at)?
        {
            if has_row(transaction, row)? {
                findings.damaged += 1;
            } else {
                findings.evicted += 1;
            }
            findings.settled.insert(row);
            continue;
        }
        let bytes = if is_in_use {
            marks::mark_unchanged(transaction, added, id, target.at)?
        } else {
            None
        };
        if let Some(bytes) = bytes {
            replaced.extend(row.map(|row| (row, id)));
            stores.insert(store);
            findings.removed += Usage { entries: 1, bytes };
            marked.push(id);
        } else {
            left.ids.push(id);
            let written_at = added.later.get(&id);
            left.later.extend(written_at.map(|at| (id, *at)));
            if !is_counted {
                continue;
            }
            let row = store_row(transaction, store)?;
            match row.filter(|_| is_in_use) {
                Some(row) if is_live(transaction, id)? => {
                    findings.add_newer(transaction, &row.address, id);
                }
                _ => findings.add_gone(id),
            }
        }
    }
    for store in stores {
        bump_generation(transaction, store)?;
    }
    undo.add_part(transaction, &findings.left(OperationPart::Added(left)))?;
    undo.add_part(transaction, &OperationPart::Removed(marked))?;
    Ok(replaced)
}

/// Gives stores their old documents, unless those were changed since.
pub(super) fn set_documents_back(
    transaction: &Connection,
    target: &LoggedOperation,
    changed: Vec<DocumentChange>,
    undo: &mut LoggedOperation,
) -> rusqlite::Result<()> {
    for DocumentChange { store, old, new } in changed.into_iter().rev() {
        let id = store_rows::intern_store(transaction, &store)?;
        let there = match own_document(transaction, id)? {
            OwnDocument::None => None,
            OwnDocument::Intact(document) => Some(document),
            OwnDocument::Damaged if target.renamed.is_some() => break,
            OwnDocument::Damaged => continue,
        };
        if there != new {
            // It left one store and came to another: it is where it came to, or moved on.
            if target.renamed.is_some() {
                break;
            }
        } else {
            write_metadata(transaction, id, old.as_ref())?;
            let (old, new) = (new, old);
            undo.changed.push(DocumentChange { store, old, new });
            undo.documents += 1;
        }
    }
    if target.renamed.is_some() {
        // It left one store and came to another.
        undo.documents = undo.documents.min(1);
    }
    Ok(())
}

/// Returns the changes of documents and settings to reverse: those of the operation `meant`, as the
/// target has them, which is the last of its chain; or as it made them, if an undo had left them.
/// The target may have others, of an operation that began the chain before that one.
pub(super) fn of_chain(
    transaction: &Connection,
    target: &LoggedOperation,
    meant: u64,
) -> rusqlite::Result<(Vec<DocumentChange>, Vec<SettingChange>)> {
    let (mut changed, mut settings) = (target.changed.clone(), target.settings.clone());
    if meant != target.number.unsigned_abs()
        && let Some(first) = LoggedOperation::read(transaction, meant as i64)?
    {
        // Those of documents may be forgotten.
        if !first.changed.is_empty() || first.documents == 0 {
            changed.retain(|one| first.changed.iter().any(|own| own.store == one.store));
        }
        settings.retain(|one| first.settings.iter().any(|own| own.name == one.name));
        for change in first.changed {
            if !target.changed.iter().any(|one| one.store == change.store) {
                changed.push(change);
            }
        }
        for change in first.settings {
            if !target.settings.iter().any(|one| one.name == change.name) {
                settings.push(change);
            }
        }
    }
    Ok((changed, settings))
}

/// Sets settings back, unless they were changed since. Returns the number of the operation that
/// did, if none of them could be.
pub(super) fn set_settings_back(
    transaction: &Session,
    target: &LoggedOperation,
    changed: &[SettingChange],
    undo: &mut LoggedOperation,
) -> rusqlite::Result<Option<u64>> {
    for SettingChange { name, old, new } in changed.iter().rev() {
        let value = settings::get(transaction, name)?;
        let change = (old.as_deref(), new.as_deref());
        let back = without_change(name, value.as_deref(), change);
        if back != value {
            settings::put(transaction, name, back.as_deref())?;
            undo.settings.push(SettingChange {
                name: name.clone(),
                old: value,
                new: back,
            });
        }
    }
    if !undo.settings.is_empty() {
        return Ok(None);
    }
    let is_meant = |change: &SettingChange| changed.iter().any(|one| one.name == change.name);
    let later = LoggedOperation::all(transaction)?
        .into_iter()
        .find(|one| one.number > target.number && one.settings.iter().any(is_meant));
    Ok(later.map(|later| later.number.unsigned_abs()))
}

/// Returns the entries of a store with an id below `id` that were written after `at`.
fn written_before_id(connection: &Connection, id: i64, at: i64) -> rusqlite::Result<Vec<i64>> {
    let Range { after, .. } = Range::store(store_of(id));
    let sql = format!(
        "SELECT id FROM entries AS e NOT INDEXED WHERE id > ?1 AND id < ?2 AND {WRITTEN} > ?3 \
         AND {UNMARKED} ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map((after, id, at), |row| row.get(0))?;
    ids.collect()
}

fn is_live(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let sql = format!("SELECT 1 FROM entries AS e NOT INDEXED WHERE id = ?1 AND {UNMARKED}");
    connection.prepare_cached(&sql)?.exists([id])
}

/// Returns the ids of the single entries that an operation wrote or brought back.
fn added_ids(connection: &Connection, target: &LoggedOperation) -> rusqlite::Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    for number in 1..=target.parts {
        if let OperationPart::Added(added) = target.part(connection, number)? {
            found.extend(added.ids);
        }
    }
    Ok(found)
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
