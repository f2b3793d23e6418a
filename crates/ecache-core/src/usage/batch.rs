//! Many records, summed by period and group and by entry.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::record::{self, Names, Payload, Records};
use super::{Counts, Event, Group, HOUR, Outcome};
use crate::entry::MAX_COUNT;
use crate::key::Key;
use crate::scope::Address;
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
pub(crate) fn sum_by_group(periods: Vec<Period>) -> Vec<Period> {
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
}

/// A time in which not every call could be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Uses by entry, each at most once
    pub uses: Vec<EntryUse>,
    /// Times in which not every call could be counted
    pub gaps: Vec<Gap>,
}

impl Batch {
    /// Sums events.
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
        for payload in records.by_ref() {
            last = Some(payload.at);
            sums.add(&payload);
        }
        let mut batch = sums.finish();
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
    pub fn is_empty(&self) -> bool {
        self.periods.is_empty() && self.uses.is_empty() && self.gaps.is_empty()
    }
}

/// The sums so far. Names are decoded once for each group, and keys once for each entry.
#[derive(Default)]
struct Sums<'a> {
    groups: HashMap<(u8, &'a [u8]), usize>,
    names: Vec<Option<Names>>,
    periods: HashMap<(i64, usize), Counts>,
    uses: HashMap<(usize, bool, &'a [u8]), EntryUse>,
}

impl<'a> Sums<'a> {
    fn add(&mut self, payload: &Payload<'a>) {
        let names = &mut self.names;
        let group = *self.groups.entry(payload.group_bytes()).or_insert_with(|| {
            names.push(payload.group());
            names.len() - 1
        });
        self.periods
            .entry((begin_of_hour(payload.at), group))
            .or_default()
            .count(
                payload.outcome,
                payload.count,
                payload.saved_ms,
                payload.spent_ms,
            );
        if !payload.outcome.is_use() {
            return;
        }
        let (Some((is_hash, key)), Some((store, ..))) = (payload.key_bytes(), &self.names[group])
        else {
            return;
        };
        let sum = self.uses.entry((group, is_hash, key)).or_insert_with(|| {
            // The record is verified, so that its key is one.
            let key = payload.key().unwrap_or_else(|| Key::of_preimage(""));
            EntryUse {
                address: Address {
                    store: store.clone(),
                    key,
                },
                hits: 0,
                saved_ms: 0,
                used_at: payload.at,
            }
        });
        sum.hits = sum.hits.saturating_add(payload.count).min(MAX_COUNT);
        sum.saved_ms = sum.saved_ms.saturating_add(payload.saved_ms).min(MAX_COUNT);
        sum.used_at = sum.used_at.max(payload.at);
    }

    fn finish(self) -> Batch {
        let group = |group: usize| {
            let (store, user, operator) = self.names[group].clone()?;
            Some(Group::Of {
                store,
                user,
                operator,
            })
        };
        let periods = self.periods.iter().filter_map(|((begins_at, of), counts)| {
            Some(Period {
                begins_at: *begins_at,
                length: HOUR,
                group: group(*of)?,
                counts: *counts,
            })
        });
        // The same entry may have been used by several users.
        let periods = periods.collect();
        let mut uses: Vec<EntryUse> = self.uses.into_values().collect();
        uses.sort_unstable_by(|one, two| one.address.cmp(&two.address));
        uses.dedup_by(|next, kept| {
            let is_same = next.address == kept.address;
            if is_same {
                kept.hits = kept.hits.saturating_add(next.hits).min(MAX_COUNT);
                kept.saved_ms = kept.saved_ms.saturating_add(next.saved_ms).min(MAX_COUNT);
                kept.used_at = kept.used_at.max(next.used_at);
            }
            is_same
        });
        Batch {
            periods,
            uses,
            gaps: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::events;
    use super::*;

    proptest! {
        #[test]
        fn a_batch_is_the_sum_of_its_events(events in prop::collection::vec(events(), 0..40)) {
            let batch = Batch::of(&events);
            let mut uses: BTreeMap<Address, (u64, u64)> = BTreeMap::new();
            let mut counts = Counts::default();
            for event in &events {
                counts.count(event.outcome, event.count, event.saved_ms, event.spent_ms);
                if let Some(key) = event.key.clone().filter(|_| event.outcome.is_use()) {
                    let address = Address { store: event.store.clone(), key };
                    let sum = uses.entry(address).or_default();
                    sum.0 = sum.0.saturating_add(event.count).min(MAX_COUNT);
                    sum.1 = sum.1.saturating_add(event.saved_ms).min(MAX_COUNT);
                }
            }
            let mut sum = Counts::default();
            batch.periods.iter().for_each(|period| sum.add(&period.counts));
            prop_assert_eq!(sum, counts);
            let seen: BTreeMap<_, _> = batch.uses.into_iter()
                .map(|one| (one.address, (one.hits, one.saved_ms)))
                .collect();
            prop_assert_eq!(seen, uses);
        }
    }
}
