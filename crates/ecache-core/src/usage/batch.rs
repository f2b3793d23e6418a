//! Many records, summed by period and group and by entry.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::header::{Gap, LogId};
use super::names::{Names, read_key};
use super::record::{self, Payload, Records, What};
use super::{CallGroup, Counts, Event, HOUR, Outcome, Tally};
use crate::entry::MAX_COUNT;
use crate::hashed::Hashed;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// The counts of one group in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Begin of the period, in milliseconds of Unix time
    pub begins_at: i64,
    /// Its length in milliseconds: [`HOUR`] or [`DAY`](super::DAY)
    pub length: i64,
    /// The calls that are counted
    pub group: CallGroup,
    /// The counts
    pub counts: Counts,
}

impl Period {
    /// Returns calls of one outcome that cost and saved nothing, in the hour of `at`.
    pub(crate) fn of(group: CallGroup, outcome: Outcome, count: u64, at: Timestamp) -> Self {
        let mut counts = Counts::default();
        counts.count(outcome, count, 0, 0);
        Self {
            begins_at: begin_of_hour(at),
            length: HOUR,
            group,
            counts,
        }
    }
}

/// Adds up the periods of equal begin and group.
#[cfg(feature = "mongodb")]
pub(crate) fn sum_by_group(periods: Vec<Period>) -> Vec<Period> {
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    let mut sums: BTreeMap<(i64, CallGroup), Period> = BTreeMap::new();
    for period in periods {
        match sums.entry((period.begins_at, period.group.clone())) {
            Entry::Vacant(place) => drop(place.insert(period)),
            Entry::Occupied(mut sum) => sum.get_mut().counts.add(&period.counts),
        }
    }
    sums.into_values().collect()
}

fn begin_of_hour(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(HOUR).saturating_mul(HOUR)
}

/// The uses of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryUse {
    /// The entry
    pub address: Address,
    /// Number of hits
    pub hits: u64,
    /// Milliseconds that the hits saved
    pub saved_ms: u64,
    /// Time of the last hit
    pub used_at: Timestamp,
    /// Time at which the returned result was written: the entry was created then or before
    pub written_at: Timestamp,
}

/// The sum of some events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Counts by hour and group, each at most once
    pub periods: Vec<Period>,
    /// Uses by entry and the time at which its result was written, each at most once
    pub uses: Vec<EntryUse>,
    /// Times in which not every call could be counted
    pub gaps: Vec<Gap>,
    /// Tallies that begin and do not end here
    pub begun: Vec<Tally>,
    /// Tallies that ended
    pub ended: Vec<Tally>,
    /// Logs of which nothing is left to fold, and which are about to be removed
    pub closed: Vec<LogId>,
    /// Logs that are gone
    pub forgotten: Vec<LogId>,
}

impl Batch {
    /// Sums events.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut bytes = Vec::with_capacity(events.len() * 2 * record::SLOT);
        for event in events {
            record::write(event, &mut bytes);
        }
        Self::read(&bytes).0
    }

    /// Sums the whole records at the beginning of `bytes`; also returns the number of bytes that
    /// are done.
    pub(crate) fn read(bytes: &[u8]) -> (Self, usize) {
        let mut sums = Sums::default();
        let mut last = None;
        let mut records = Records::new(bytes);
        let (mut begun, mut ended) = (BTreeSet::new(), Vec::new());
        for payload in records.by_ref() {
            last = Some(payload.at);
            match payload.what {
                What::Call(outcome) => sums.add(outcome, &payload),
                What::Begun => drop(begun.insert(payload.tally())),
                What::Ended => {
                    begun.remove(&payload.tally());
                    ended.push(payload.tally());
                }
            }
        }
        let mut batch = Self {
            begun: begun.into_iter().collect(),
            ended,
            ..sums.finish()
        };
        if records.has_torn
            && let Some(at) = last
        {
            batch.gaps.push(Gap {
                from: at,
                until: at,
            });
        }
        (batch, records.read)
    }

    /// Reports whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let has_tally = !self.begun.is_empty() || !self.ended.is_empty();
        self.periods.is_empty() && self.uses.is_empty() && self.gaps.is_empty() && !has_tally
    }
}

/// The sums so far. Names are decoded once for each group, and keys once for each entry.
#[derive(Default)]
struct Sums<'a> {
    groups: HashMap<(u8, &'a [u8]), usize>,
    /// The group of the last record, which is often that of the next
    last_group: Option<((u8, &'a [u8]), usize)>,
    /// The number of each group's store, and its names
    names: Vec<Option<(usize, Names)>>,
    stores: HashMap<Arc<StoreAddress>, usize>,
    periods: HashMap<(i64, usize), Counts>,
    /// The counts of the last period, which are not in `periods` yet
    last_period: Option<((i64, usize), Counts)>,
    uses: HashMap<Used<'a>, Uses, Hashed>,
}

/// A result that was returned, by the bytes that the log has of it.
///
/// It has its own hash and the begin of its key, so that a map and a sort need not read the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Used<'a> {
    store: usize,
    is_hash: bool,
    /// The first bytes of the key as a number, in the order of the index of keys
    begin: u64,
    key: &'a [u8],
    written_at: Timestamp,
    hash: u64,
}

impl Hash for Used<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<'a> Used<'a> {
    fn new(store: usize, (is_hash, key): (bool, &'a [u8]), written_at: Timestamp) -> Self {
        let mut begin = [0; 8];
        let length = key.len().min(begin.len());
        begin[..length].copy_from_slice(&key[..length]);
        let seed = written_at.as_millis() as u64 ^ (store as u64).rotate_left(48);
        Self {
            store,
            is_hash,
            begin: u64::from_be_bytes(begin),
            key,
            written_at,
            hash: xxh3_64_with_seed(key, seed),
        }
    }

    /// Returns the begin of its order.
    fn rank(&self) -> (usize, bool, u64) {
        (self.store, self.is_hash, self.begin)
    }
}

/// The uses of one result.
struct Uses {
    group: usize,
    hits: u64,
    saved_ms: u64,
    used_at: Timestamp,
}

impl<'a> Sums<'a> {
    fn add(&mut self, outcome: Outcome, payload: &Payload<'a>) {
        let group = self.group(payload);
        self.period((begin_of_hour(payload.at), group)).count(
            outcome,
            payload.count,
            payload.saved_ms,
            payload.spent_ms,
        );
        if !outcome.is_use() {
            return;
        }
        let (Some(key), Some((store, _))) = (payload.key_bytes(), &self.names[group]) else {
            return;
        };
        let used = Used::new(*store, key, payload.written_at.unwrap_or(payload.at));
        let uses = self.uses.entry(used).or_insert(Uses {
            group,
            hits: 0,
            saved_ms: 0,
            used_at: payload.at,
        });
        uses.hits = uses.hits.saturating_add(payload.count).min(MAX_COUNT);
        uses.saved_ms = uses
            .saved_ms
            .saturating_add(payload.saved_ms)
            .min(MAX_COUNT);
        uses.used_at = uses.used_at.max(payload.at);
    }

    /// Returns the number of a record's group.
    fn group(&mut self, payload: &Payload<'a>) -> usize {
        let bytes = payload.group_bytes();
        if let Some((last, group)) = self.last_group
            && last == bytes
        {
            return group;
        }
        let (names, stores) = (&mut self.names, &mut self.stores);
        let group = *self.groups.entry(bytes).or_insert_with(|| {
            names.push(payload.group().map(|names| {
                let next = stores.len();
                (*stores.entry(names.0.clone()).or_insert(next), names)
            }));
            names.len() - 1
        });
        self.last_group = Some((bytes, group));
        group
    }

    /// Returns the counts of a period to add to.
    fn period(&mut self, period: (i64, usize)) -> &mut Counts {
        if self.last_period.is_none_or(|(last, _)| last != period) {
            self.end_period();
        }
        let (_, counts) = self.last_period.get_or_insert((period, Counts::default()));
        counts
    }

    fn end_period(&mut self) {
        if let Some((period, counts)) = self.last_period.take() {
            self.periods.entry(period).or_default().add(&counts);
        }
    }

    fn finish(mut self) -> Batch {
        self.end_period();
        let group = |group: usize| {
            let (_, (store, user, operator)) = self.names[group].clone()?;
            Some(CallGroup::Of {
                store,
                user,
                operator,
            })
        };
        // Events for followers of the log are not counted.
        let counted = self
            .periods
            .iter()
            .filter(|(_, counts)| **counts != Counts::default());
        let periods = counted.filter_map(|((begins_at, of), counts)| {
            Some(Period {
                begins_at: *begins_at,
                length: HOUR,
                group: group(*of)?,
                counts: *counts,
            })
        });
        let periods = periods.collect();
        let uses = self
            .uses
            .iter()
            .map(|(used, uses)| (used.rank(), used, uses));
        let mut uses: Vec<_> = uses.collect();
        uses.sort_unstable_by(|(rank, used, _), (other, than, _)| {
            rank.cmp(other).then_with(|| used.cmp(than))
        });
        let uses = uses.into_iter().filter_map(|(_, used, uses)| {
            let (_, (store, ..)) = self.names[uses.group].as_ref()?;
            Some(EntryUse {
                address: Address {
                    store: store.clone(),
                    key: read_key((used.is_hash, used.key))?,
                },
                hits: uses.hits,
                saved_ms: uses.saved_ms,
                used_at: uses.used_at,
                written_at: used.written_at,
            })
        });
        Batch {
            uses: uses.collect(),
            periods,
            ..Batch::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::record::tests::events;
    use super::*;

    proptest! {
        #[test]
        fn a_batch_is_the_sum_of_its_events(events in prop::collection::vec(events(), 0..40)) {
            let batch = Batch::of(&events);
            let mut uses: BTreeMap<(Address, Timestamp), (u64, u64)> = BTreeMap::new();
            let mut counts = Counts::default();
            for event in &events {
                counts.count(event.outcome, event.count, event.saved_ms, event.spent_ms);
                if let Some(key) = event.key.clone().filter(|_| event.outcome.is_use()) {
                    let address = Address { store: event.store.clone(), key };
                    let written_at = event.written_at.unwrap_or(event.at);
                    let sum = uses.entry((address, written_at)).or_default();
                    sum.0 = sum.0.saturating_add(event.count).min(MAX_COUNT);
                    sum.1 = sum.1.saturating_add(event.saved_ms).min(MAX_COUNT);
                }
            }
            let mut sum = Counts::default();
            batch.periods.iter().for_each(|period| sum.add(&period.counts));
            prop_assert_eq!(sum, counts);
            let seen: BTreeMap<_, _> = batch.uses.into_iter()
                .map(|one| ((one.address, one.written_at), (one.hits, one.saved_ms)))
                .collect();
            prop_assert_eq!(seen, uses);
        }
    }
}
