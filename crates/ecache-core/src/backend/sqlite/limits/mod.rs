//! The limits of a store and how much of each is used.
//!
//! A limit is a setting (`settings`). Beside it, `history` has a counter for the limit, or for each
//! group of one that holds for each user, say. Each transaction adds to the counters what it adds
//! to the table (`row_changes`), except that up to 32 new entries wait for that together (`tail`).
//! The counters and those entries are exact whatever process is killed. A limit whose counter is
//! missing, because it was set or changed, is counted by the next transaction that writes.
//!
//! A connection remembers limits and counters for as long as no other one commits (`counters`).
//!
//! `admission` decides what a limit lets in. Where a write exceeds a limit, `targets` says by how
//! much, `sample` picks random entries, and `evict` removes the least worthy ones; `unfolded_hits`
//! has the hits that only the usage log has. `records` compares counters and samples with the
//! entries.
//!
//! Designs weighed: a counter for each combination of names, of which a limit adds up those that it
//! matches (as many to add as there are users), counting when a write looks (a store of a million
//! entries takes 0.3 s), and a counter for each limit and group (chosen: a write changes as many
//! records as it has limits).
//!
//! A write took 1.4 times as long with a limit, since each page that a transaction changes goes to
//! the log: 4.8 without a limit, and one more for the counters and two for an index of samples at
//! random places, in which a page was often divided. Designs weighed against that:
//!
//! - *Counters in memory, written now and then*: a process that is killed takes its count along.
//! - *A part of each limit lent to a process*: what a killed one did not use is lost until all
//!   entries are counted.
//! - *The tail* (chosen): new entries have the highest ids of their store, so those that are not
//!   counted yet can be found, by any process, and join the samples together.

mod admission;
mod evict;
mod records;
mod sample;
mod targets;
mod unfolded_hits;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::SqliteBackend;
use super::connection::session::Session;
use super::connection::transaction::Counting;
use super::counters::row_changes::{Amount, NameIds, RowChanges, count_all};
use super::counters::tail::Tail;
use super::counters::{Counter, Limits, Used, WHOLE, decode};
use super::format::damage::readable;
use super::history::{self, RecordKind};
use super::query::Range;
use super::settings;
use super::stores::last_id;
use crate::backend::limit::{Limit, LimitUsage};
use crate::filter::Usage;

impl Session {
    /// Reads the limits at the beginning of a write transaction. Returns false if the connection
    /// cannot count yet as it has to: [`Session::begin_to_count`] changes that outside a
    /// transaction.
    pub(super) fn read_limits(
        &self,
        backend: &SqliteBackend,
        counting: Counting,
    ) -> rusqlite::Result<bool> {
        let mut limits = self.limits.borrow_mut();
        limits.begin();
        let can_count = counting == Counting::ByItself || limits.changes.is_some();
        let version = self.version();
        let is_known = limits.version.is_some() && limits.version == version;
        if is_known && counting != Counting::Anew {
            return Ok(can_count || limits.all.is_empty());
        }
        let all = read(self)?;
        if !all.is_empty() && !can_count {
            return Ok(false);
        }
        limits.used.clear();
        limits.tail = Tail::default();
        if all.is_empty() && limits.is_sampled {
            sample::drop_table(self)?;
            limits.is_sampled = false;
        }
        if *limits.all != *all {
            limits.forget_names();
            limits.places = all.iter().map(place).collect();
            limits.all = all.into();
        }
        limits.version = version;
        if limits.all.is_empty() {
            return Ok(true);
        }
        limits.is_sampled = true;
        let tail = match counting {
            Counting::Anew => None,
            Counting::ByRow | Counting::ByItself => Tail::read(self)?,
        };
        match readable(self.read_counters(&mut limits, backend, tail))? {
            Some(()) => {}
            // A counter is damaged.
            None => {
                limits.used.clear();
                self.read_counters(&mut limits, backend, None)?;
            }
        }
        Ok(true)
    }

    /// Reads the counters of the tail, and counts for limits that have no counter; for all of them
    /// where there is no tail.
    fn read_counters(
        &self,
        limits: &mut Limits,
        backend: &SqliteBackend,
        tail: Option<Tail>,
    ) -> rusqlite::Result<()> {
        let missing = missing(self, &limits.all, tail.is_some())?;
        let is_new = missing.len() == limits.all.len();
        // Otherwise, or where limits were gone for a while, nothing is known to be up to date.
        limits.tail = tail.filter(|_| !is_new).unwrap_or_default();
        let tail = limits.tail.amounts(self)?;
        limits.add(self, backend, tail, |limit| !missing.contains(&limit))?;
        if !missing.is_empty() {
            limits.add(self, backend, count_all(self)?, |limit| {
                missing.contains(&limit)
            })?;
            for limit in &missing {
                limits.used_of(self, (*limit, WHOLE))?.is_changed = true;
            }
            if is_new {
                sample::drop_table(self)?;
                sample::make_table(self)?;
            }
            self.fold(limits)?;
        }
        // It was there before this transaction.
        limits.used.values_mut().for_each(Used::settle);
        Ok(())
    }

    /// Makes the connection count what it writes.
    pub(super) fn begin_to_count(&self) -> rusqlite::Result<()> {
        let changes = RowChanges::begin(self)?;
        self.limits.borrow_mut().changes = Some(changes);
        Ok(())
    }

    /// Adds to the counters what this transaction has written so far.
    pub(super) fn absorb(&self, backend: &SqliteBackend) -> rusqlite::Result<()> {
        let mut limits = self.limits.borrow_mut();
        let mut changes = match &limits.changes {
            Some(changes) => changes.take(),
            None => std::mem::take(&mut limits.noted),
        };
        if limits.all.is_empty() {
            return Ok(());
        }
        limits.add(self, backend, changes.amounts, |_| true)?;
        // Triggers tell of the one that was added, too.
        changes.ids.retain(|id| limits.added != Some(*id));
        changes.ids.sort_unstable();
        changes.ids.dedup();
        for id in &changes.ids {
            sample::refresh(self, *id)?;
        }
        limits.is_due |= !changes.ids.is_empty();
        Ok(())
    }

    /// Lets the entries that were added lately be sampled.
    pub(super) fn sample_tail(&self) -> rusqlite::Result<()> {
        let mut limits = self.limits.borrow_mut();
        limits.is_due = true;
        limits
            .tail
            .ranges()
            .try_for_each(|ids| sample::add(self, ids))
    }

    /// Notes that a transaction which counts itself added an entry to the table `entries`.
    pub(super) fn note_added(&self, id: i64, names: NameIds, amount: Amount) {
        self.note(names, amount);
        let mut limits = self.limits.borrow_mut();
        debug_assert_eq!(limits.added, None);
        limits.added = Some(id);
    }

    /// Notes that it changed or removed an entry.
    pub(super) fn note_changed(&self, id: i64, names: NameIds, amount: Amount) {
        self.note(names, amount);
        self.limits.borrow_mut().noted.ids.push(id);
    }

    /// Notes an amount, unless triggers have counted it already.
    fn note(&self, names: NameIds, amount: Amount) {
        let mut limits = self.limits.borrow_mut();
        if limits.changes.is_none() && !limits.all.is_empty() {
            *limits.noted.amounts.entry(names).or_default() += amount;
        }
    }

    /// Writes the counters at the end of a transaction.
    pub(super) fn write_counters(&self, backend: &SqliteBackend) -> rusqlite::Result<()> {
        self.absorb(backend)?;
        let mut limits = self.limits.borrow_mut();
        if limits.version.is_none() && !limits.all.is_empty() {
            // The counters of a limit that this transaction removed are gone.
            let left: BTreeSet<i64> = read(self)?.iter().map(place).collect();
            let Limits { used, places, .. } = &mut *limits;
            used.retain(|(limit, _), _| left.contains(&places[*limit]));
        }
        if limits.are_due() {
            self.fold(&mut limits)?;
        }
        Ok(())
    }

    /// Writes the counters and samples all entries, after which the tail begins anew.
    fn fold(&self, limits: &mut Limits) -> rusqlite::Result<()> {
        for ids in limits.tail.ranges() {
            sample::add(self, ids)?;
        }
        if let Some(id) = limits.added {
            sample::refresh(self, id)?;
        }
        limits.write(self)?;
        let mut known = Vec::new();
        for store in limits.tail.stores(limits.added) {
            // Where entries are out of order, or go on below the oldest, they do not join the tail.
            let last = readable(last_id(self, store))?;
            known.extend(last.filter(|last| *last < Range::store(store).end));
        }
        limits.tail.begin(self, known)
    }

    /// Keeps limits and counters across a commit of this connection.
    pub(super) fn keep_limits(&self) {
        let mut limits = self.limits.borrow_mut();
        if limits.version.is_some() {
            limits.version = self.version();
            limits.used.values_mut().for_each(Used::settle);
        }
    }

    /// Forgets limits and counters for a transaction that changes them.
    pub(super) fn forget_limits(&self) {
        self.limits.borrow_mut().version = None;
    }

    /// Forgets limits and counters after a transaction that was rolled back, which may have dropped
    /// the table of samples, and the counters of names that it inserted.
    pub(super) fn roll_limits_back(&self) {
        let mut limits = self.limits.borrow_mut();
        (limits.version, limits.is_sampled) = (None, true);
        limits.forget_names();
    }

    /// Reports whether the store has limits, as of the beginning of this transaction.
    pub(super) fn has_limits(&self) -> bool {
        !self.limits.borrow().all.is_empty()
    }
}

/// Returns the time of a limit's counters in the history.
fn place(limit: &Limit) -> i64 {
    settings::place(&limit.scope.setting())
}

/// Reads the limits from the settings, narrowest scopes first.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<Limit>> {
    let settings = settings::all(connection)?;
    let mut limits: Vec<Limit> = settings
        .iter()
        .filter_map(|(name, value)| Limit::read(name, value))
        .collect();
    limits.sort_by_key(|limit| std::cmp::Reverse(limit.scope.narrowness()));
    Ok(limits)
}

/// Returns the places of the limits that have no counter, which are all if none knows which entries
/// it counts.
fn missing(
    connection: &Connection,
    limits: &[Limit],
    has_tail: bool,
) -> rusqlite::Result<BTreeSet<usize>> {
    let mut missing = BTreeSet::new();
    for (index, limit) in limits.iter().enumerate() {
        // A damaged one is counted anew.
        let found = readable(history::get(
            connection,
            RecordKind::Used,
            place(limit),
            WHOLE,
        ))?;
        if !has_tail || found.flatten().is_none() {
            history::delete_all_at(connection, RecordKind::Used, place(limit))?;
            missing.insert(index);
        }
    }
    Ok(missing)
}

impl SqliteBackend {
    /// Returns what the counters say, and the tail.
    pub(super) fn counted(
        &self,
        connection: &Connection,
        all: &[Limit],
    ) -> rusqlite::Result<Counted> {
        let mut counted = Counted::default();
        for limit in all {
            let at = place(limit);
            let mut statement = connection
                .prepare_cached("SELECT id FROM history WHERE kind = ?1 AND at = ?2 ORDER BY id")?;
            let ids = statement.query_map((RecordKind::Used as i64, at), |row| row.get(0))?;
            let ids = ids.collect::<rusqlite::Result<Vec<i64>>>()?;
            // Otherwise its counters are those of an earlier limit.
            if !ids.contains(&WHOLE) {
                continue;
            }
            let index = counted.limits.places.len();
            for id in ids
                .into_iter()
                .filter(|id| limit.scope.is_each() != (*id == WHOLE))
            {
                let body = history::get(connection, RecordKind::Used, at, id)?;
                let used = decode(&body.unwrap_or_default())?;
                counted.used.insert((index, id), used);
            }
            counted.add_limit(limit);
        }
        let mut tail = Tail::read(connection)?.unwrap_or_default();
        self.add_to(&mut counted, connection, tail.amounts(connection)?)?;
        Ok(counted)
    }

    /// Counts the use of some limits, whatever their counters say.
    pub(super) fn count_again(
        &self,
        connection: &Connection,
        limits: &[Limit],
    ) -> rusqlite::Result<Counted> {
        let mut counted = Counted::default();
        for limit in limits {
            if !limit.scope.is_each() {
                let index = counted.limits.places.len();
                counted.used.insert((index, WHOLE), Used::default());
            }
            counted.add_limit(limit);
        }
        if !limits.is_empty() {
            self.add_to(&mut counted, connection, count_all(connection)?)?;
        }
        Ok(counted)
    }

    /// Adds amounts to the counters of their names.
    fn add_to(
        &self,
        counted: &mut Counted,
        connection: &Connection,
        amounts: impl IntoIterator<Item = (NameIds, Amount)>,
    ) -> rusqlite::Result<()> {
        let Counted { limits, used } = counted;
        for (names, amount) in amounts {
            for counter in limits.counters(connection, self, names)?.iter() {
                let used = used.entry(*counter).or_default();
                used.now += amount;
                used.group = limits.groups.get(counter).cloned().or(used.group.take());
            }
        }
        Ok(())
    }
}

/// Some limits and their use, as a reader counts it.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) limits: Limits,
    pub(super) used: BTreeMap<Counter, Used>,
}

impl Counted {
    fn add_limit(&mut self, limit: &Limit) {
        self.limits.places.push(place(limit));
        self.limits.all = self.limits.all.iter().chain([limit]).cloned().collect();
    }

    pub(super) fn into_usages(self) -> Vec<LimitUsage> {
        let all = self.limits.all;
        let used = self.used.into_iter();
        used.map(|((limit, _), used)| usage(&all[limit], used))
            .collect()
    }
}

fn usage(limit: &Limit, used: Used) -> LimitUsage {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    LimitUsage {
        limit: limit.clone(),
        group: used.group,
        used: Usage {
            entries: count(used.now.entries),
            bytes: count(used.now.bytes),
        },
        evictions: count(used.evictions),
        losses: count(used.losses),
        lost_ms: count(used.lost_ms),
    }
}

#[cfg(test)]
mod tests {
    use crate::backend::limit::{Bounds, LimitScope};
    use crate::backend::sqlite::connection::failure::SessionResult;
    use crate::backend::sqlite::connection::session::Session;
    use crate::backend::sqlite::counters::row_changes::{Amount, NameIds};
    use crate::backend::sqlite::format::entry_id::store_of;
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::backend::{Condition, Content, LimitBackend, Operation, UndoBackend, WriteBackend};
    use crate::entry::Entry;
    use crate::error::{Error, Result};
    use crate::filter::Filter;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::Timestamp;
    use crate::value::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    #[test]
    fn writes_that_sqlite_rolls_back_for_lack_of_space_are_not_counted() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
        let put = |key: &str| -> Result<()> {
            let address = StoreAddress::new("s").entry(Key::new(key).expect("a valid key"));
            let entry = Entry::new(address, Kind::Bytes, NOW);
            let content = Content::Inline(vec![7; 10]);
            let always = Condition::Always.into();
            backend.put(&entry, &content, &always, NOW).map(drop)
        };
        let scope = LimitScope::new(&Filter::default(), false).setting();
        let bounds = Bounds {
            max_entries: Some(100),
            ..Bounds::default()
        };
        let change = [(scope.as_str(), Some(bounds.setting()))];
        let change = change
            .each_ref()
            .map(|(name, value)| (*name, value.as_deref()));
        let set = backend.change_settings(&change, &Operation::default(), NOW);
        set.expect("a limit");
        put("1").expect("an entry");
        // On a full disk, SQLite may do so by itself.
        let taken_back = backend.transaction_of_one(|session: &Session| -> SessionResult<()> {
            let last = session.query_row("SELECT max(id) FROM entries", (), |row| row.get(0));
            let last: i64 = last.expect("an entry");
            let names = NameIds {
                store: store_of(last),
                user: None,
                operator: None,
                prompt: None,
            };
            session.note_added(last + 1, names, Amount::one(10));
            session.absorb(&backend).expect("it is counted");
            session.execute_batch("ROLLBACK").expect("it is taken back");
            Err(Error::Full { path: path.clone() }.into())
        });
        assert!(matches!(taken_back, Err(Error::Full { .. })));
        // The counters are written now and then.
        for key in 2..=50 {
            put(&key.to_string()).expect("an entry");
        }
        let limits = backend.limits().expect("the limits");
        assert_eq!(limits[0].used.entries, 50);
    }
}
