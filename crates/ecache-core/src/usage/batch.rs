//! Many records, summed by period and group and by entry.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::header::{Gap, LogId};
use super::names::{Names, RecordedAddress, RecordedKey};
use super::record::{self, Payload, Records, What};
use super::{CallGroup, Counts, Event, HOUR, Outcome, Tally};
use crate::entry::MAX_COUNT;
use crate::scope::StoreAddress;
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
    pub entry: RecordedAddress,
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
pub struct UsageBatch {
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

impl UsageBatch {
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

/// The sums so far. Names are decoded once for each group.
///
/// Uses are sorted, not hashed: tens of thousands of results do not fit in the processor's cache,
/// and the order of their first bytes, which does, is the one in which they are folded. Of a few
/// results, most uses are added to an earlier one that is found among the `recent`.
#[derive(Default)]
struct Sums<'a> {
    groups: HashMap<(u8, &'a [u8]), usize>,
    /// The group of the last record, which is often that of the next
    last_group: Option<((u8, &'a [u8]), usize)>,
    /// The number of each group's store, and its names
    names: Vec<Option<(usize, Names)>>,
    numbers: HashMap<Arc<StoreAddress>, usize>,
    stores: Vec<Arc<StoreAddress>>,
    periods: HashMap<(i64, usize), Counts>,
    /// The counts of the last period, which are not in `periods` yet
    last_period: Option<((i64, usize), Counts)>,
    uses: Vec<RecordedUse<'a>>,
    /// For each use: the number of its store, whether its key is a hash, the begin of its key, and
    /// its place in `uses`, from the highest bits to the lowest
    ranks: Vec<u128>,
    /// Maps the low bits of the hash of a rank's beginning to the index in `ranks` of one such rank
    recent: Vec<u32>,
}

/// Number of results whose next use may be found without sorting; a power of two.
const RECENT: usize = 1024;

/// One use of a result, by the bytes that the log has of it.
#[derive(Clone, Copy)]
struct RecordedUse<'a> {
    key: &'a [u8],
    written_at: Timestamp,
    hits: u64,
    saved_ms: u64,
    used_at: Timestamp,
}

impl<'a> RecordedUse<'a> {
    /// Returns what tells the result from others whose keys begin alike.
    fn result(&self) -> (&'a [u8], Timestamp) {
        (self.key, self.written_at)
    }

    fn add(&mut self, other: &Self) {
        self.hits = self.hits.saturating_add(other.hits).min(MAX_COUNT);
        self.saved_ms = self.saved_ms.saturating_add(other.saved_ms).min(MAX_COUNT);
        self.used_at = self.used_at.max(other.used_at);
    }
}

/// Bits of a place: no log has as many records.
const PLACE_BITS: u32 = 32;

/// Returns the first bytes of a key as a number, in the order of the index of keys.
fn begin_of(key: &[u8]) -> u64 {
    let mut begin = [0; 8];
    let length = key.len().min(begin.len());
    begin[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(begin)
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
        let (Some((is_hash, key)), Some((store, _))) = (payload.key_bytes(), &self.names[group])
        else {
            return;
        };
        let begin = begin_of(key);
        let rank = (*store as u128) << 1 | u128::from(is_hash);
        let rank = rank << u64::BITS | u128::from(begin);
        let used = RecordedUse {
            key,
            written_at: payload.written_at.unwrap_or(payload.at),
            hits: payload.count,
            saved_ms: payload.saved_ms,
            used_at: payload.at,
        };
        self.recent.resize(RECENT, 0);
        // Multiplied by the golden ratio, as in Fibonacci hashing: texts begin alike.
        let mixed = begin.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = &mut self.recent[(mixed >> 32) as usize % RECENT];
        if self
            .ranks
            .get(*place as usize)
            .is_some_and(|recent| recent >> PLACE_BITS == rank)
            && let earlier = &mut self.uses[*place as usize]
            && earlier.result() == used.result()
        {
            earlier.add(&used);
            return;
        }
        *place = self.uses.len() as u32;
        self.ranks.push(rank << PLACE_BITS | u128::from(*place));
        self.uses.push(used);
    }

    /// Returns the number of a record's group.
    fn group(&mut self, payload: &Payload<'a>) -> usize {
        let bytes = payload.group_bytes();
        if let Some((last, group)) = self.last_group
            && last == bytes
        {
            return group;
        }
        let (names, numbers, stores) = (&mut self.names, &mut self.numbers, &mut self.stores);
        let group = *self.groups.entry(bytes).or_insert_with(|| {
            names.push(payload.group().map(|names| {
                let number = *numbers.entry(names.0.clone()).or_insert_with(|| {
                    stores.push(names.0.clone());
                    stores.len() - 1
                });
                (number, names)
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

    fn finish(mut self) -> UsageBatch {
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
        UsageBatch {
            periods,
            uses: self.sum_uses(),
            ..UsageBatch::default()
        }
    }

    /// Sums the uses by result, in the order of stores and keys.
    fn sum_uses(&mut self) -> Vec<EntryUse> {
        self.ranks.sort_unstable();
        let mut sums = Vec::new();
        let mut alike: Vec<&RecordedUse<'_>> = Vec::new();
        for ranks in self
            .ranks
            .chunk_by(|one, next| one >> PLACE_BITS == next >> PLACE_BITS)
        {
            let rank = ranks[0] >> PLACE_BITS >> u64::BITS;
            let (store, is_hash) = (&self.stores[(rank >> 1) as usize], rank & 1 == 1);
            alike.clear();
            alike.extend(ranks.iter().map(|rank| &self.uses[*rank as u32 as usize]));
            // Keys that begin alike are mostly one.
            alike.sort_unstable_by_key(|one| one.result());
            let of_results = alike.chunk_by(|one, next| one.result() == next.result());
            sums.extend(of_results.filter_map(|uses| sum_of_result(store, is_hash, uses)));
        }
        sums
    }
}

/// Sums the uses of one result.
fn sum_of_result(
    store: &Arc<StoreAddress>,
    is_hash: bool,
    uses: &[&RecordedUse<'_>],
) -> Option<EntryUse> {
    let (first, rest) = uses.split_first()?;
    let mut sum = **first;
    rest.iter().for_each(|one| sum.add(one));
    Some(EntryUse {
        entry: RecordedAddress {
            store: store.clone(),
            key: RecordedKey::read((is_hash, sum.key))?,
        },
        hits: sum.hits.min(MAX_COUNT),
        saved_ms: sum.saved_ms.min(MAX_COUNT),
        used_at: sum.used_at,
        written_at: sum.written_at,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::record::tests::events;
    use super::*;
    use crate::key::Key;
    use crate::scope::Address;

    /// Returns hits of results whose keys begin alike.
    fn alike() -> impl Strategy<Value = Option<Event>> {
        let event = (events(), 0..3, 0..2_i64).prop_map(|(event, key, written)| Event {
            outcome: Outcome::Hit,
            store: Arc::new(StoreAddress::new("s")),
            key: Some(Key::new(format!("a long begin and {key}")).expect("a short key")),
            written_at: Some(Timestamp::from_millis(written)),
            ..event
        });
        prop::option::of(event)
    }

    proptest! {
        #[test]
        fn a_batch_is_the_sum_of_its_events(
            some in prop::collection::vec((events(), alike()), 1..9),
            turns in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let some: Vec<_> = some.into_iter().map(|(event, alike)| alike.unwrap_or(event)).collect();
            let events: Vec<_> = turns.iter().map(|turn| turn.get(&some).clone()).collect();
            let batch = UsageBatch::of(&events);
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
                .map(|one| ((one.entry.address(), one.written_at), (one.hits, one.saved_ms)))
                .collect();
            prop_assert_eq!(seen, uses);
        }
    }
}
