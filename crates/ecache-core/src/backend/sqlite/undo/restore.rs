//! Bringing entries back: retired stores as a whole, single ones by their mark.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension};

use super::findings::Findings;
use crate::backend::Effect;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::entry_rows::{self, full_store, id_after, id_of_key, move_entry};
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage;
use crate::backend::sqlite::format::encoding::{UNMARKED, unmarked};
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::store_rows::{self, StoreRow, bump_generation, store_row};
use crate::backend::sqlite::operations::{self, Added, LoggedOperation, OperationPart, Swap};
use crate::backend::sqlite::query::{Range, WRITTEN};
use crate::backend::sqlite::removal::retire::{set_retired, take_over, usage_of};
use crate::backend::sqlite::selection::marks;
use crate::backend::sqlite::selection::verify::delete_rows;
use crate::backend::sqlite::stores::{has_row, last_id};
use crate::backend::sqlite::{SqliteBackend, rename, row};
use crate::filter::Usage;
use crate::scope::StoreAddress;

/// Number of newer entries that move behind those that come back, however few these are, so that
/// entries stay in the order in which they were written. Moving them takes 0.4 s.
pub(super) const MOST_BEHIND: u64 = 10_000;

impl SqliteBackend {
    /// Brings back a row of `stores` that an operation retired.
    pub(super) fn revive(
        &self,
        transaction: &Session,
        retired: i64,
        target: &LoggedOperation,
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<()> {
        let row = store_row(transaction, retired)?;
        let Some(StoreRow { address, .. }) = row.filter(|row| row.retired == target.number) else {
            return Ok(());
        };
        let used = store_rows::intern_store(transaction, &address)?;
        let places = target.places(transaction)?;
        let is_back = |id: &i64| places.contains_key(id);
        let newer = rename::ids(transaction, used)?;
        let (stayed, written): (Vec<i64>, Vec<i64>) = newer.iter().partition(|id| is_back(id));
        let older = count(transaction, retired)?;
        findings.has_stores |=
            (newer.len() as u64) < older || has_others(transaction, retired, used)?;
        let mut superseded = Vec::new();
        if written.len() as u64 <= older.max(MOST_BEHIND) {
            marks::make_way_for_all(transaction, used, retired)?;
            let last = last_id(transaction, retired)?;
            let mut moved = Usage::default();
            for id in &newer {
                moved += usage_of_entry(transaction, *id)?;
                if let Some(older) = same_key(transaction, *id, retired)? {
                    findings.add_newer(transaction, &address, *id);
                    set_aside(transaction, older, &mut superseded)?;
                }
            }
            let stayed = self.put_back(transaction, &stayed, &places, (retired, &address))?;
            self.move_after(transaction, last, &written, retired, &address)?;
            set_retired(transaction, used, &address, undo.number)?;
            set_retired(transaction, retired, &address, 0)?;
            take_over(transaction, used, retired)?;
            let mut claim = claim_later(transaction, retired, last, undo.at)?;
            claim.ids.retain(|id| !stayed.contains_key(id));
            claim.later.retain(|id, _| !stayed.contains_key(id));
            let left = findings.left(OperationPart::Removed(superseded));
            for part in [
                OperationPart::Added(claim),
                OperationPart::Stayed(stayed),
                left,
            ] {
                undo.add_part(transaction, &part)?;
            }
            undo.swaps.push(Swap {
                retired: used,
                used: retired,
                last,
            });
            findings.revived.push((retired, moved));
        } else {
            self.bring_over(transaction, (retired, used), &address, undo, findings)?;
        }
        Ok(())
    }

    /// Moves the entries of a retired row of `stores` to the one in use, behind those in it.
    fn bring_over(
        &self,
        transaction: &Session,
        (retired, used): (i64, i64),
        address: &StoreAddress,
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<()> {
        marks::make_way_for_all(transaction, retired, used)?;
        let (mut older, mut superseded) = (Vec::new(), Vec::new());
        for id in rename::ids(transaction, retired)? {
            match same_key(transaction, id, used)? {
                Some(newer) => {
                    findings.add_newer(transaction, address, newer);
                    set_aside(transaction, id, &mut superseded)?;
                }
                None => {
                    findings.restored += usage_of_entry(transaction, id)?;
                    older.push(id);
                }
            }
        }
        let moved = self.move_all(transaction, &older, used, address)?;
        let mut back = Added::default();
        for id in moved {
            back.push(id, written_at(transaction, id)?, undo.at);
        }
        undo.add_part(
            transaction,
            &findings.left(OperationPart::Removed(superseded)),
        )?;
        undo.add_part(transaction, &OperationPart::Added(back))?;
        bump_generation(transaction, used)?;
        Ok(())
    }

    /// Moves entries that stayed back to their places among those that come back, so that all have
    /// the order they had. Returns their ids there, and those that they had meanwhile.
    fn put_back(
        &self,
        transaction: &Session,
        stayed: &[i64],
        places: &BTreeMap<i64, i64>,
        (store, address): (i64, &StoreAddress),
    ) -> SessionResult<BTreeMap<i64, i64>> {
        let (mut back, mut moves) = (BTreeMap::new(), BTreeMap::new());
        let mut displaced = Vec::new();
        for id in stayed {
            let place = places[id];
            let is_free = Range::store(store).contains(place) && !has_row(transaction, place)?;
            if !is_free {
                displaced.push(*id);
                continue;
            }
            let moved = damage::undamaged(move_entry(transaction, *id, (place, store)))?;
            moved.ok_or_else(|| self.damaged_staying())?;
            back.insert(place, *id);
            moves.insert(*id, place);
        }
        operations::follow(transaction, &moves, i64::MAX)?;
        let last = last_id(transaction, store)?;
        let moved = self.move_after(transaction, last, &displaced, store, address)?;
        back.extend(moved.into_iter().zip(displaced));
        Ok(back)
    }

    /// Makes marked rows entries again, unless their keys were written since. Returns the ids that
    /// they have now.
    pub(super) fn unmark(
        &self,
        transaction: &Session,
        ids: &[i64],
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<BTreeMap<i64, i64>> {
        let mut restoring = Restoring::new(transaction, undo, findings)?;
        for id in ids {
            restoring.restore(*id)?;
        }
        Ok(restoring.end()?)
    }

    /// Brings entries back in the place of others, which were just marked: `rows` has their rows
    /// and those of the others.
    pub(super) fn put_replaced_back(
        &self,
        transaction: &Session,
        rows: &BTreeMap<i64, i64>,
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<()> {
        let ids: Vec<i64> = rows.keys().copied().collect();
        let back = self.unmark(transaction, &ids, undo, findings)?;
        findings.settled.extend(ids);
        let replaced = back.into_iter().map(|(row, id)| (id, rows[&row]));
        undo.add_part(transaction, &OperationPart::Replaced(replaced.collect()))?;
        Ok(())
    }
}

/// Marked rows that become entries again in one transaction of an undo.
struct Restoring<'a> {
    transaction: &'a Session,
    undo: &'a mut LoggedOperation,
    findings: &'a mut Findings,
    /// The entries that are back, and when they were written
    restored: Added,
    /// Their ids, by those of their rows
    ids: BTreeMap<i64, i64>,
    stores: BTreeSet<i64>,
    /// Rows whose keys have newer entries
    superseded: Vec<i64>,
    /// Undos that brought a store back while single entries of it were removed, with the ids that
    /// such entries have now
    revived: Vec<(LoggedOperation, BTreeMap<i64, i64>)>,
}

impl<'a> Restoring<'a> {
    fn new(
        transaction: &'a Session,
        undo: &'a mut LoggedOperation,
        findings: &'a mut Findings,
    ) -> rusqlite::Result<Self> {
        let revived = operations::revived_since(transaction, undo.undoes)?;
        Ok(Self {
            transaction,
            undo,
            findings,
            restored: Added::default(),
            ids: BTreeMap::new(),
            stores: BTreeSet::new(),
            superseded: Vec::new(),
            revived: revived
                .into_iter()
                .map(|one| (one, BTreeMap::new()))
                .collect(),
        })
    }

    /// Brings one row back, or counts why it cannot come back.
    fn restore(&mut self, id: i64) -> SessionResult<()> {
        let transaction = self.transaction;
        let is_counted = self.undo.effect == Effect::Restored;
        let Some(marked) = damage::undamaged(marks::Marked::read(transaction, id))? else {
            self.findings.damaged += 1;
            return Ok(());
        };
        let Some(marked) = marked else {
            // Otherwise it replaced an entry, and that one was counted.
            if is_counted && !has_row(transaction, id)? {
                self.findings.evicted += 1;
            }
            return Ok(());
        };
        let Some(row) = store_row(transaction, store_of(id))? else {
            self.findings.damaged += 1;
            return Ok(());
        };
        let store = match row.retired {
            0 => row.id,
            _ => store_rows::intern_store(transaction, &row.address)?,
        };
        let other = id_of_key(transaction, store, &marked.key)?;
        if let Some(other) = other.filter(|other| *other != id)
            && !marks::make_way(transaction, other)?
        {
            if is_counted {
                self.findings.add_newer(transaction, &row.address, other);
            }
            self.superseded.push(id);
            return Ok(());
        }
        let to = if store == row.id {
            id
        } else {
            let last = operations::last_id_ever(transaction, store)?;
            let next = id_after(transaction, store, last)?;
            next.ok_or_else(|| full_store(&row.address))?
        };
        if damage::undamaged(entry_rows::restore(transaction, id, (to, store)))?.is_none() {
            self.findings.damaged += 1;
            return Ok(());
        }
        self.note_revived(id, to, store);
        self.stores.insert(store);
        self.ids.insert(id, to);
        self.restored.push(to, marked.written_at, self.undo.at);
        self.findings.restored += Usage {
            entries: 1,
            bytes: marked.size,
        };
        Ok(())
    }

    /// Notes an entry that an undo did not bring back with its store, which was retired while the
    /// entry was removed already.
    fn note_revived(&mut self, id: i64, to: i64, store: i64) {
        let is_among =
            |swap: &Swap| swap.used == store && Range::store(store).contains(id) && id <= swap.last;
        for (revived, places) in &mut self.revived {
            if revived.swaps.iter().any(is_among) {
                places.insert(to, to);
            }
        }
    }

    /// Writes what the log needs, and returns the ids of the entries by those of their rows.
    fn end(self) -> rusqlite::Result<BTreeMap<i64, i64>> {
        let transaction = self.transaction;
        for store in self.stores {
            bump_generation(transaction, store)?;
        }
        let mut moves = self.ids.clone();
        moves.retain(|id, to| id != to);
        operations::follow(transaction, &moves, self.undo.undoes)?;
        for (mut revived, places) in self.revived {
            revived.add_part(transaction, &OperationPart::Stayed(places))?;
            revived.write(transaction)?;
        }
        let left = self.findings.left(OperationPart::Removed(self.superseded));
        for part in [left, OperationPart::Added(self.restored)] {
            self.undo.add_part(transaction, &part)?;
        }
        Ok(self.ids)
    }
}

fn count(connection: &Connection, store: i64) -> rusqlite::Result<u64> {
    Ok(usage_of(connection, store)?.entries)
}

pub(super) fn usage_of_entry(connection: &Connection, id: i64) -> rusqlite::Result<Usage> {
    let bytes = row::sizes(connection)?(id)?;
    Ok(Usage { entries: 1, bytes })
}

/// Returns the id of the entry in a store that has the key of the entry `id`.
pub(super) fn same_key(
    connection: &Connection,
    id: i64,
    store: i64,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT o.id FROM entries AS e CROSS JOIN entries AS o INDEXED BY entries_key \
               ON o.store = ?2 AND o.key = e.key WHERE e.id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_row((id, store), |row| row.get(0))
        .optional()
}

/// Reports whether one store has entries of keys that another one does not have.
fn has_others(connection: &Connection, store: i64, other: i64) -> rusqlite::Result<bool> {
    let Range { after, end } = Range::store(store);
    let sql = format!(
        "SELECT 1 FROM entries AS e NOT INDEXED WHERE id > ?1 AND id <= ?2 AND {UNMARKED} \
         AND NOT EXISTS (SELECT 1 FROM entries AS o INDEXED BY entries_key WHERE o.store = ?3 \
         AND o.key = e.key AND {}) LIMIT 1",
        unmarked!("o")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.exists((after, end, other))
}

/// Marks an entry whose key has a newer one, and adds it to `superseded`. A damaged one is deleted.
fn set_aside(transaction: &Connection, id: i64, superseded: &mut Vec<i64>) -> rusqlite::Result<()> {
    match marks::set_aside(transaction, id)? {
        Some(_) => superseded.push(id),
        None => delete(transaction, id)?,
    }
    Ok(())
}

/// Deletes a damaged entry whose key has a newer one.
fn delete(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let blob: Option<i64> = connection
        .prepare_cached("SELECT blob FROM entries WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    delete_rows(connection, vec![id], blob.into_iter().collect())
}

/// Returns the entries of a store up to the id `last` that claim to be from after `at`.
///
/// Undoing this must not take them for entries that were written since.
fn claim_later(connection: &Connection, store: i64, last: i64, at: i64) -> rusqlite::Result<Added> {
    let sql = format!(
        "SELECT id, {WRITTEN} FROM entries AS e INDEXED BY entries_written \
         WHERE store = ?1 AND {WRITTEN} > ?2 AND id <= ?3 AND {UNMARKED}"
    );
    let mut claim = Added::default();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((store, at, last))?;
    while let Some(found) = rows.next()? {
        claim.push(found.get(0)?, found.get(1)?, at);
    }
    Ok(claim)
}

/// Returns the time of the last write of an entry.
fn written_at(connection: &Connection, id: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(updated_at, created_at) FROM entries WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row([id], |found| {
        Ok(column::number(found, 0)?.unwrap_or(i64::MAX))
    })
}
