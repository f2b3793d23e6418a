//! Many records, summed by period and group and by entry.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::names::{Names, read_key};
use super::record::{self, Payload, Records, What};
use super::{Counts, Event, Group, HOUR, LogId, Outcome, Tally};
use crate::entry::MAX_COUNT;
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
    pub group: Group,
    /// The counts
    pub counts: Counts,
}

impl Period {
    /// Returns calls of one outcome that cost and saved nothing, in the hour of `at`.
    pub(crate) fn of(group: Group, outcome: Outcome, count: u64, at: Timestamp) -> Self {
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

    let mut sums: BTreeMap<(i64, Group), Period> = BTreeMap::new();
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

/// A time in which not every call could be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Its begin
    pub from: Timestamp,
    /// Its end
    pub until: Timestamp,
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
///
/// Uses are sorted by the bytes that the log has of them, and then added up. A map by key, whose
/// entries are sorted by address later, reads texts all over the memory.
#[derive(Default)]
struct Sums<'a> {
    groups: HashMap<(u8, &'a [u8]), usize>,
    /// The number of each group's store, and its names
    names: Vec<Option<(usize, Names)>>,
    stores: HashMap<Arc<StoreAddress>, usize>,
    periods: HashMap<(i64, usize), Counts>,
    uses: Vec<Use<'a>>,
}

/// A call that returned the result of an entry.
struct Use<'a> {
    group: usize,
    store: usize,
    is_hash: bool,
    key: &'a [u8],
    written_at: Timestamp,
    hits: u64,
    saved_ms: u64,
    used_at: Timestamp,
}

impl Use<'_> {
    /// Returns a number with the order of the index of keys, as far as the first bytes tell it.
    fn rank(&self) -> (usize, bool, u64) {
        let mut begin = [0; 8];
        let length = self.key.len().min(begin.len());
        begin[..length].copy_from_slice(&self.key[..length]);
        (self.store, self.is_hash, u64::from_be_bytes(begin))
    }

    fn is_of_same_result(&self, other: &Self) -> bool {
        let result = |one: &Self| (one.store, one.is_hash, one.written_at);
        result(self) == result(other) && self.key == other.key
    }
}

impl<'a> Sums<'a> {
    fn add(&mut self, outcome: Outcome, payload: &Payload<'a>) {
        let (names, stores) = (&mut self.names, &mut self.stores);
        let group = *self.groups.entry(payload.group_bytes()).or_insert_with(|| {
            names.push(payload.group().map(|names| {
                let next = stores.len();
                (*stores.entry(names.0.clone()).or_insert(next), names)
            }));
            names.len() - 1
        });
        self.periods
            .entry((begin_of_hour(payload.at), group))
            .or_default()
            .count(outcome, payload.count, payload.saved_ms, payload.spent_ms);
        if !outcome.is_use() {
            return;
        }
        let (Some((is_hash, key)), Some((store, _))) = (payload.key_bytes(), &self.names[group])
        else {
            return;
        };
        self.uses.push(Use {
            group,
            store: *store,
            is_hash,
            key,
            written_at: payload.written_at.unwrap_or(payload.at),
            hits: payload.count,
            saved_ms: payload.saved_ms,
            used_at: payload.at,
        });
    }

    fn finish(mut self) -> Batch {
        let group = |group: usize| {
            let (_, (store, user, operator)) = self.names[group].clone()?;
            Some(Group::Of {
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
        self.uses.sort_by_cached_key(Use::rank);
        for uses in self
            .uses
            .chunk_by_mut(|one, next| one.rank() == next.rank())
        {
            uses.sort_unstable_by_key(|one| (one.key, one.written_at));
        }
        let uses = self.uses.chunk_by(Use::is_of_same_result);
        let uses = uses.filter_map(|uses| {
            let (first, rest) = uses.split_first()?;
            let (_, (store, ..)) = self.names[first.group].clone()?;
            let mut sum = EntryUse {
                address: Address {
                    store,
                    key: read_key((first.is_hash, first.key))?,
                },
                hits: first.hits.min(MAX_COUNT),
                saved_ms: first.saved_ms.min(MAX_COUNT),
                used_at: first.used_at,
                written_at: first.written_at,
            };
            for one in rest {
                sum.hits = sum.hits.saturating_add(one.hits).min(MAX_COUNT);
                sum.saved_ms = sum.saved_ms.saturating_add(one.saved_ms).min(MAX_COUNT);
                sum.used_at = sum.used_at.max(one.used_at);
            }
            Some(sum)
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
