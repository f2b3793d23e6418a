//! Makes room where a write exceeds a limit.
//!
//! Entries of the limit's scope are sampled, and those of least worth go (`eviction`), in the
//! transaction of the write. An entry that persists stays, and so does one that belongs to a
//! narrower limit that is not exceeded, unless the new entry belongs to that limit, too: what one
//! user writes takes no other user's share. Only where nothing else is left, as for the first entry
//! of a new user in a full store, it goes all the same: shares may add up to more than the whole.
//!
//! A large value that is being read stays readable, as a replaced one does (`reclaim`).
//!
//! A write into a full store took 4.4 times as long as one without a limit. Designs weighed:
//!
//! - *One entry for each that is added*: a sample of 64, and a statement and a page of the log for
//!   each place that knows of evictions (counts, tombstones, generation, watchers), every time.
//! - *The sample's next ones kept in memory for the next write*: helps no process that writes once,
//!   and each candidate has to be read again, since it may have been hit.
//! - *Another thread that makes room*: the limit would not hold after each write, or writes would
//!   wait for the thread.
//! - *Some at once, ahead of need* (chosen): one write in 16 makes room for all of them, in less
//!   than two milliseconds. A sample grows with the number that goes, so that their mean rank in it
//!   stays the same.
//!
//! Hits that only the usage log has count, too (`unfolded_hits`).

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};

use super::admission::no_room;
use super::sample::{self, Sampled, Source};
use super::targets::{Target, targets};
use super::unfolded_hits::UnfoldedHits;
use crate::backend::Cause;
use crate::backend::sqlite::blobs::{self, Unnamed};
use crate::backend::sqlite::connection::failure::{SessionError, SessionResult};
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::counters::row_changes::{Amount, NameIds};
use crate::backend::sqlite::counters::{Counter, Shared};
use crate::backend::sqlite::entry_rows::forget_uses;
use crate::backend::sqlite::format::damage::RowError;
use crate::backend::sqlite::format::encoding::policy_number;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::store_rows::{bump_generation, store_rows};
use crate::backend::sqlite::selection::verify::StoresInUse;
use crate::backend::sqlite::tombstones::{Burial, Graves};
use crate::backend::sqlite::usage::evictions::Evictions;
use crate::backend::sqlite::{SqliteBackend, row};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::eviction::{Candidate, SAMPLE, most_ahead, order, sample_size};
use crate::filter::Usage;
use crate::time::Timestamp;

/// Number of entries below which a sample is too small, and the scope is read through another
/// index.
const FEW: usize = 8;

/// A sample is taken from elsewhere, too, where one of so many entries may go.
const SOME: usize = 4;

/// One of so many entries of a sample may go, if only a few have to.
const FIRST: usize = 16;

/// One of so many entries of a sample may go, if many have to.
const AT_MOST: usize = 2;

/// The entries that went in one transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Gone {
    /// Number of those that were in use
    pub(in super::super) evicted: u64,
    /// Number of those that the transaction itself keeps for undo
    pub(in super::super) kept: u64,
}

/// An entry that went.
struct Removed {
    amount: Amount,
    is_in_use: bool,
}

impl SqliteBackend {
    /// Evicts entries until every limit that this transaction exceeded holds again. `written`, the
    /// entry about to be acknowledged, is never evicted. Among dead rows, those that the
    /// transaction itself keeps for undo (`kept`) go last.
    ///
    /// Where a limit was exceeded before, this removes twice what the transaction added.
    ///
    /// # Errors
    /// [`Error::OverLimit`] if there are not enough entries that may go.
    pub(in super::super) fn make_room(
        &self,
        transaction: &Session,
        written: Option<i64>,
        kept: &HashSet<i64>,
        now: Timestamp,
    ) -> SessionResult<Gone> {
        if !transaction.has_limits() {
            return Ok(Gone::default());
        }
        transaction.absorb(self)?;
        let targets = targets(transaction, &self.path);
        let mut room = Room {
            backend: self,
            transaction,
            written,
            kept,
            gone: Gone::default(),
            now,
            own: targets.iter().map(|target| target.counter).collect(),
            spares_shares: true,
            unfolded: None,
            evictions: Evictions::default(),
            graves: Graves::default(),
            removed: Graves::default(),
        };
        for target in targets {
            room.reach(&target)?;
            room.bury(target.counter)?;
        }
        let written = room.evictions.write(self, transaction, now);
        written?;
        Ok(room.gone)
    }
}

/// The removals of one transaction.
struct Room<'a> {
    backend: &'a SqliteBackend,
    transaction: &'a Session,
    written: Option<i64>,
    /// The rows that the transaction keeps for undo
    kept: &'a HashSet<i64>,
    gone: Gone,
    now: Timestamp,
    /// The counters that the new entry belongs to
    own: BTreeSet<Counter>,
    /// Set while entries of narrower limits that are not exceeded stay
    spares_shares: bool,
    /// The hits that only the log has; read once the entries that were added lately can be sampled
    unfolded: Option<UnfoldedHits>,
    evictions: Evictions,
    graves: Graves,
    /// Those of entries that were removed before
    removed: Graves,
}

impl Room<'_> {
    /// Removes entries until a target is reached.
    fn reach(&mut self, target: &Target) -> SessionResult<()> {
        self.spares_shares = true;
        let mut has_evicted = false;
        loop {
            let excess = self.excess(target)?;
            if excess == Amount::default() {
                return Ok(());
            }
            let gone = self.evict(target, excess).map_err(|error| match error {
                RowError::Sqlite(error) => SessionError::Sqlite(error),
                RowError::Damaged => SessionError::Other(Error::Damaged {
                    path: self.backend.path.clone(),
                    detail: "an entry that makes room does not match its checksum".into(),
                }),
            })?;
            has_evicted |= gone > 0;
            if gone == 0 && self.spares_shares {
                self.spares_shares = false;
            } else if gone == 0 {
                let over = Error::OverLimit {
                    scope: self.transaction.limits.borrow().name(target.counter),
                    why: no_room(target.short_of, has_evicted),
                };
                return Err(over.into());
            }
        }
    }

    /// Writes the tombstones of the entries that went for a limit.
    fn bury(&mut self, counter: Counter) -> rusqlite::Result<()> {
        let note = self.transaction.limits.borrow().name(counter);
        for (cause, graves) in [
            (Cause::Evicted, &mut self.graves),
            (Cause::Removed, &mut self.removed),
        ] {
            let burial = Burial {
                cause,
                operation: 0,
                note: &note,
                now: self.now,
            };
            burial.bury(self.transaction, std::mem::take(graves))?;
        }
        Ok(())
    }

    /// Returns how much has to go.
    fn excess(&self, target: &Target) -> rusqlite::Result<Amount> {
        self.transaction.absorb(self.backend)?;
        let mut limits = self.transaction.limits.borrow_mut();
        let used = limits.used_of(self.transaction, target.counter)?.now;
        let over = |used: i64, most: u64| {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            used.saturating_sub(most).max(0)
        };
        debug_assert!(!target.bounds.is_empty());
        Ok(Amount {
            entries: over(used.entries, target.most.entries),
            bytes: over(used.bytes, target.most.bytes),
        })
    }

    /// Removes some of a sample, and returns their number.
    fn evict(&mut self, target: &Target, excess: Amount) -> Result<i64, RowError> {
        if self.unfolded.is_none() {
            self.unfolded = Some(UnfoldedHits::read(self.backend, self.transaction)?);
            self.transaction.sample_tail()?;
        }
        let counter = target.counter;
        let wish = target.ahead(excess);
        let size = self.sample_size(counter, wish)?;
        let mut sample = self.sample(counter, size)?;
        // Of entries of equal worth, the one that was written first goes.
        sample.sort_unstable_by_key(|one| one.id);
        sample.dedup_by_key(|one| one.id);
        if let Some(unfolded) = &self.unfolded {
            unfolded.add_to(&mut sample, self.backend, self.transaction, self.now)?;
        }
        let candidates: Vec<Candidate> = sample.iter().map(|one| one.candidate).collect();
        let mut gone = Amount::default();
        let (mut evicted, mut stores) = (0, BTreeSet::new());
        let mut in_use = StoresInUse::default();
        let most_ahead = most_ahead(sample.len(), size) as i64;
        let mut places = order(&candidates);
        // Dead entries come first, those that this transaction keeps for undo last of them.
        places.sort_by_key(|place| {
            let is_kept = self.kept.contains(&sample[*place].id);
            (!candidates[*place].is_dead, is_kept)
        });
        for place in places {
            let most = if is_many(excess, gone) {
                AT_MOST
            } else {
                FIRST
            };
            let most = sample.len().max(SAMPLE) / most;
            let is_ahead = gone.covers(excess);
            if gone.entries >= most as i64
                || is_ahead && (gone.covers(wish) || gone.entries >= most_ahead)
            {
                break;
            }
            let Some(removed) = self.remove(sample[place].id, &mut in_use)? else {
                continue;
            };
            gone += removed.amount;
            self.gone.kept += u64::from(self.kept.contains(&sample[place].id));
            if removed.is_in_use {
                self.gone.evicted += 1;
                stores.insert(store_of(sample[place].id));
                evicted += 1;
            }
        }
        for store in stores {
            bump_generation(self.transaction, store)?;
        }
        let mut limits = self.transaction.limits.borrow_mut();
        limits.used_of(self.transaction, counter)?.evictions += evicted;
        Ok(gone.entries)
    }

    /// Returns the number of entries that a sample should have for so much to go.
    fn sample_size(&self, counter: Counter, wish: Amount) -> rusqlite::Result<usize> {
        let mut limits = self.transaction.limits.borrow_mut();
        let used = limits.used_of(self.transaction, counter)?.now;
        let mean = (used.bytes / used.entries.max(1)).max(1);
        let count = wish.entries.max(wish.bytes / mean);
        Ok(sample_size(usize::try_from(count).unwrap_or(0)))
    }

    /// Removes one entry; `None` if it is damaged.
    fn remove(&mut self, id: i64, in_use: &mut StoresInUse) -> Result<Option<Removed>, RowError> {
        let transaction = self.transaction;
        let mut statement = transaction.prepare_cached(row::BY_ID)?;
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else {
            sample::refresh(transaction, id)?;
            return Ok(None);
        };
        let fields = match row::fields(row) {
            Ok(fields) if fields.policy == policy_number(Policy::Evict) => fields,
            Ok(_) | Err(RowError::Damaged) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_in_use = !fields.is_marked() && in_use.has(transaction, store_of(id))?;
        if is_in_use {
            self.evictions.add(&fields);
        }
        // One whose key was written again is not missed.
        if fields.store == store_of(id) {
            let address = self.backend.names.store(transaction, fields.store)?;
            let graves = if is_in_use {
                &mut self.graves
            } else {
                &mut self.removed
            };
            graves.add(fields.store, &address, fields.key, fields.expires_at)?;
        }
        let (names, amount) = row::counted(row)?;
        let blob = fields.blob;
        drop(rows);
        transaction
            .prepare_cached("DELETE FROM entries WHERE id = ?1")?
            .execute([id])?;
        forget_uses(transaction, id)?;
        if let Some(blob) = blob {
            blobs::leave(transaction, blob, Unnamed::Replaced)?;
        }
        transaction.note_changed(id, names, -amount);
        Ok(Some(Removed { amount, is_in_use }))
    }

    /// Returns random entries that may go for a limit.
    fn sample(&self, counter: Counter, size: usize) -> Result<Vec<Sampled>, RowError> {
        let (shared, own) = {
            let limits = self.transaction.limits.borrow();
            let is_narrower = |one: &&Counter| one.0 < counter.0;
            let own = self.own.iter().filter(is_narrower);
            let own = own.map(|own| limits.shared(*own));
            let own = own.filter(|shared| *shared != Shared::default());
            (limits.shared(counter), own.collect::<Vec<_>>())
        };
        let in_scope = Cell::new(0);
        let take = |source: Source| {
            sample::take(self.transaction, source, self.now, |one, names| {
                in_scope.set(in_scope.get() + usize::from(self.is_in(counter, names)?));
                self.may_go(counter, one, names)
            })
        };
        let mut source = Source::of(shared, size);
        if !own.is_empty() && self.spares_shares {
            // Where the others are within their limits, only what the new entry's own have may go.
            source.most = size;
        }
        let mut sample = take(source)?;
        if sample.len() < size / SOME {
            for shared in &own {
                sample.extend(take(Source::of(*shared, size))?);
            }
        }
        // Where the new entry's own are few among those of others, an index finds them.
        let has_own = !own.is_empty();
        for shared in own {
            if sample.len() < FEW {
                sample.extend(self.few(counter, shared)?);
            }
        }
        if has_own && self.spares_shares && sample.is_empty() {
            // As for the first entry of a user.
            in_scope.set(0);
            sample = take(Source::of(shared, size))?;
            if in_scope.get() >= SAMPLE {
                // Looking at each entry of a scope that is large would take too long.
                return Ok(sample);
            }
        }
        if sample.is_empty() || (!has_own && sample.len() < FEW) {
            sample = self.few(counter, shared)?;
        }
        Ok(sample)
    }

    /// Returns random entries of a scope that has few in a large file.
    fn few(&self, counter: Counter, shared: Shared) -> Result<Vec<Sampled>, RowError> {
        let transaction = self.transaction;
        let ids = match sample::ids_of_shared(transaction, shared)? {
            Some(ids) => ids,
            None => {
                let scope = self.transaction.limits.borrow().all[counter.0]
                    .scope
                    .clone();
                let mut ids = Vec::new();
                for (id, store) in store_rows(transaction)? {
                    if store.is_some_and(|store| scope.filter().matches_store(&store.address)) {
                        ids.extend(sample::ids_of_store(transaction, id)?);
                    }
                }
                ids
            }
        };
        sample::take_of(transaction, ids, self.now, |one, names| {
            self.may_go(counter, one, names)
        })
    }

    /// Reports whether entries of some names belong to a counter.
    fn is_in(&self, counter: Counter, names: NameIds) -> rusqlite::Result<bool> {
        let mut limits = self.transaction.limits.borrow_mut();
        let counters = limits.counters(self.transaction, self.backend, names)?;
        Ok(counters.contains(&counter))
    }

    /// Reports whether an entry of some names may go for a limit.
    fn may_go(&self, counter: Counter, one: &Sampled, names: NameIds) -> rusqlite::Result<bool> {
        if Some(one.id) == self.written {
            return Ok(false);
        }
        let mut limits = self.transaction.limits.borrow_mut();
        let counters = limits.counters(self.transaction, self.backend, names)?;
        if !counters.contains(&counter) {
            return Ok(false);
        }
        // A share is of entries that are of use.
        if !self.spares_shares || one.candidate.is_dead {
            return Ok(true);
        }
        let narrowness = limits.all[counter.0].scope.narrowness();
        for other in counters.iter().filter(|other| **other != counter) {
            let limit = &limits.all[other.0];
            let bounds = limit.bounds;
            if self.own.contains(other) || limit.scope.narrowness() <= narrowness {
                continue;
            }
            let used = limits.used_of(self.transaction, *other)?.now;
            let used = Usage {
                entries: u64::try_from(used.entries).unwrap_or(0),
                bytes: u64::try_from(used.bytes).unwrap_or(0),
            };
            if !bounds.is_empty() && bounds.hold(used) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Reports whether so much has to go that a larger part of each sample goes: for a value as large
/// as many entries, or for an import.
fn is_many(excess: Amount, gone: Amount) -> bool {
    let bytes = gone.bytes / gone.entries.max(1);
    excess.entries >= SAMPLE as i64 || excess.bytes / bytes.max(1) > SAMPLE as i64
}
