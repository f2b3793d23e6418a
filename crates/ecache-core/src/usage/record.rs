//! One event as bytes: slots of 64 bytes, of which the first begins with a mark.
//!
//! | bytes | content |
//! |---|---|
//! | 0-1 | the mark `EC 0C` |
//! | 2 | the outcome, or 64 and 65 for the begin and the end of a tally, whose id is the count |
//! | 3 | which of the optional names there are |
//! | 4-5 | number of slots |
//! | 6-7 | zero |
//! | 8-15 | xxh3 of all other bytes of the record |
//! | 16-23 | the time |
//! | from 24 | count, saved, spent, then collection, store, dataset, user, operator, key, time written |
//!
//! 64 divides the size of a block, so that most records are whole or absent where a disk is full. A
//! record that was torn by a crash or a full disk fails its checksum; the reader goes on at the
//! next mark whose record is whole.

use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::names::{
    HAS_DATASET, HAS_OPERATOR, HAS_USER, Names, Parser, read_group, read_key, write_group,
    write_number, write_text,
};
use super::{Event, Outcome, Tally};
use crate::key::{Key, hash_bytes};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Size of a slot, in bytes.
pub(super) const SLOT: usize = 64;

/// Size of what precedes the payload, in bytes.
const HEAD: usize = 24;

const MARK: [u8; 2] = [0xEC, 0x0C];

const HAS_KEY: u8 = 1 << 3;
/// The key is 64 hexadecimal digits, written as 32 bytes
const IS_HASH: u8 = 1 << 4;
/// The time at which the result was written, in eight bytes
const HAS_WRITTEN: u8 = 1 << 5;

/// The first and the last record of a tally
const BEGUN: u8 = 64;
const ENDED: u8 = 65;

/// The subject of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Call(Outcome),
    Begun,
    Ended,
}

impl What {
    fn of_number(number: u8) -> Option<Self> {
        match number {
            BEGUN => Some(Self::Begun),
            ENDED => Some(Self::Ended),
            number => Outcome::of_number(number).map(Self::Call),
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Call(outcome) => outcome as u8,
            Self::Begun => BEGUN,
            Self::Ended => ENDED,
        }
    }
}

/// Appends the begin or the end of a tally as a record.
pub(super) fn write_tally(what: What, tally: Tally, bytes: &mut Vec<u8>) {
    let start = begin(what, 0, tally.since, bytes);
    for number in [tally.id as u64, 0, 0] {
        write_number(number, bytes);
    }
    write_group(&StoreAddress::new(""), None, None, bytes);
    end(start, bytes);
}

/// Begins a record, and returns its offset.
fn begin(what: What, flags: u8, at: Timestamp, bytes: &mut Vec<u8>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&[what.number(), flags]);
    bytes.extend_from_slice(&[0; 12]);
    bytes.extend_from_slice(&at.as_millis().to_le_bytes());
    start
}

/// Ends a record: pads and signs it.
fn end(start: usize, bytes: &mut Vec<u8>) {
    let length = (bytes.len() - start).next_multiple_of(SLOT);
    bytes.resize(start + length, 0);
    let record = &mut bytes[start..];
    // Names and keys are short enough for this.
    let slots = u16::try_from(length / SLOT).unwrap_or(u16::MAX);
    record[4..6].copy_from_slice(&slots.to_le_bytes());
    let sum = checksum(record).to_le_bytes();
    record[8..16].copy_from_slice(&sum);
}

/// Appends an event as a record.
pub(super) fn write(event: &Event, bytes: &mut Vec<u8>) {
    let store = &event.store;
    let hash = event.key.as_ref().and_then(|key| hash_bytes(key.as_str()));
    let has = |bit: u8, is_there: bool| if is_there { bit } else { 0 };
    let flags = has(HAS_DATASET, store.dataset_id.is_some())
        | has(HAS_USER, event.user.is_some())
        | has(HAS_OPERATOR, event.operator.is_some())
        | has(HAS_KEY, event.key.is_some())
        | has(IS_HASH, hash.is_some())
        | has(HAS_WRITTEN, event.written_at.is_some());
    let start = begin(What::Call(event.outcome), flags, event.at, bytes);
    for number in [event.count, event.saved_ms, event.spent_ms] {
        write_number(number, bytes);
    }
    write_group(
        store,
        event.user.as_deref(),
        event.operator.as_deref(),
        bytes,
    );
    match (&event.key, hash) {
        (_, Some(hash)) => bytes.extend_from_slice(&hash),
        (Some(key), None) => write_text(key.as_str(), bytes),
        (None, None) => {}
    }
    if let Some(written_at) = event.written_at {
        bytes.extend_from_slice(&written_at.as_millis().to_le_bytes());
    }
    end(start, bytes);
}

fn checksum(record: &[u8]) -> u64 {
    // Nearly every record has one or two slots: hashing a copy is faster than beginning a sum.
    let mut copy = [0; 2 * SLOT];
    if let Some(copy) = copy.get_mut(..record.len()) {
        copy.copy_from_slice(record);
        copy[8..16].fill(0);
        return xxh3_64(copy);
    }
    let mut sum = Xxh3::new();
    sum.update(&record[..8]);
    sum.update(&[0; 8]);
    sum.update(&record[16..]);
    sum.digest()
}

/// A verified record, of which the names are not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    pub(super) what: What,
    pub(super) at: Timestamp,
    pub(super) count: u64,
    pub(super) saved_ms: u64,
    pub(super) spent_ms: u64,
    flags: u8,
    /// The encoded names of the group: equal for equal groups with equal flags
    group: &'a [u8],
    key: &'a [u8],
    pub(super) written_at: Option<Timestamp>,
}

impl<'a> Payload<'a> {
    fn of(record: &'a [u8]) -> Option<Self> {
        let what = What::of_number(record[2])?;
        let flags = record[3];
        let at = i64::from_le_bytes(*record[16..].first_chunk()?);
        let mut parser = Parser(&record[HEAD..]);
        let (count, saved_ms, spent_ms) = (parser.number()?, parser.number()?, parser.number()?);
        let before = parser.0;
        let names = 2 + (flags & (HAS_DATASET | HAS_USER | HAS_OPERATOR)).count_ones();
        for _ in 0..names {
            parser.text()?;
        }
        let group = &before[..before.len() - parser.0.len()];
        let key = match (flags & HAS_KEY != 0, flags & IS_HASH != 0) {
            (false, _) => &[],
            (true, true) => parser.take(32)?,
            (true, false) => parser.text()?.as_bytes(),
        };
        let written_at = if flags & HAS_WRITTEN == 0 {
            None
        } else {
            let millis = i64::from_le_bytes(*parser.take(8)?.first_chunk()?);
            Some(Timestamp::from_millis(millis))
        };
        Some(Self {
            what,
            at: Timestamp::from_millis(at),
            count,
            saved_ms,
            spent_ms,
            flags,
            group,
            key,
            written_at,
        })
    }

    /// Returns bytes that are equal for the same group.
    pub(super) fn group_bytes(&self) -> (u8, &'a [u8]) {
        (
            self.flags & (HAS_DATASET | HAS_USER | HAS_OPERATOR),
            self.group,
        )
    }

    /// Returns bytes that are equal for the same key of a group, if there is a key.
    pub(super) fn key_bytes(&self) -> Option<(bool, &'a [u8])> {
        (self.flags & HAS_KEY != 0).then_some((self.flags & IS_HASH != 0, self.key))
    }

    /// Decodes the names.
    pub(super) fn group(&self) -> Option<Names> {
        read_group(self.group_bytes())
    }

    /// Decodes the key.
    pub(super) fn key(&self) -> Option<Key> {
        self.key_bytes().and_then(read_key)
    }

    /// Returns the tally that this record begins or ends.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            since: self.at,
            id: self.count as i64,
        }
    }

    /// Decodes the whole event, if the record is one.
    pub fn event(&self) -> Option<Event> {
        let What::Call(outcome) = self.what else {
            return None;
        };
        let (store, user, operator) = self.group()?;
        Some(Event {
            outcome,
            at: self.at,
            count: self.count,
            saved_ms: self.saved_ms,
            spent_ms: self.spent_ms,
            store,
            user,
            operator,
            key: self.key(),
            written_at: self.written_at,
        })
    }
}

/// The records in a part of a log.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    /// Bytes up to the end of the last whole record
    pub(super) read: usize,
    /// Reports whether something between two records was skipped
    pub(super) has_torn: bool,
}

impl<'a> Records<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            read: 0,
            has_torn: false,
        }
    }

    /// Returns the range of a whole record that begins at `start`.
    fn whole(&self, start: usize) -> Option<Range<usize>> {
        let head = self.bytes.get(start..start + SLOT)?;
        if head[..2] != MARK {
            return None;
        }
        let slots = u16::from_le_bytes([head[4], head[5]]);
        let end = start + usize::from(slots.max(1)) * SLOT;
        let record = self.bytes.get(start..end)?;
        let sum = u64::from_le_bytes(*record[8..].first_chunk()?);
        (checksum(record) == sum).then_some(start..end)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Payload<'a>;

    fn next(&mut self) -> Option<Payload<'a>> {
        let mut start = self.read;
        loop {
            match self.whole(start) {
                Some(range) => {
                    self.has_torn |= start != self.read;
                    self.read = range.end;
                    let record = &self.bytes[range];
                    match Payload::of(record) {
                        Some(payload) => return Some(payload),
                        // A newer release wrote it: it is whole, and cannot be counted here.
                        None => {
                            self.has_torn = true;
                            start = self.read;
                        }
                    }
                }
                None => {
                    let rest = self.bytes.get(start + 1..)?;
                    start += 1 + rest.windows(2).position(|two| two == MARK)?;
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::scope::DEFAULT_COLLECTION;

    fn names() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{1,4}", "\\PC{1,80}"]
    }

    pub(in crate::usage) fn events() -> impl Strategy<Value = Event> {
        let key = prop_oneof![
            Just(None),
            "\\PC{0,90}".prop_map(Some),
            "[0-9a-f]{64}".prop_map(Some),
        ];
        let store = (
            prop::option::of(names()),
            names(),
            prop::option::of(names()),
        );
        let scopes = (prop::option::of(names()), prop::option::of(names()));
        let numbers = (
            0..8_usize,
            any::<i64>(),
            any::<u64>(),
            any::<u64>(),
            any::<u64>(),
        );
        let written_at = prop::option::of(any::<i64>());
        (numbers, store, scopes, key, written_at).prop_map(
            |(numbers, store, scopes, key, written)| {
                let (outcome, at, count, saved_ms, spent_ms) = numbers;
                let name = |name: Option<String>| name.map(Arc::from);
                Event {
                    outcome: Outcome::ALL[outcome],
                    at: Timestamp::from_millis(at),
                    count,
                    saved_ms,
                    spent_ms,
                    store: Arc::new(StoreAddress {
                        collection: name(store.0).unwrap_or(DEFAULT_COLLECTION.into()),
                        store_name: store.1.into(),
                        dataset_id: name(store.2),
                    }),
                    user: name(scopes.0),
                    operator: name(scopes.1),
                    key: key.map(|key| Key::new(key).expect("a short key")),
                    written_at: written.map(Timestamp::from_millis),
                }
            },
        )
    }

    fn decoded(records: Records<'_>) -> Vec<Event> {
        records.filter_map(|payload| payload.event()).collect()
    }

    proptest! {
        #[test]
        fn events_come_back_whatever_is_torn_between_them(
            events in prop::collection::vec(events(), 0..20),
            torn in prop::collection::vec((0..21_usize, 1..200_usize), 0..4),
        ) {
            let mut bytes = Vec::new();
            let mut is_between = false;
            for (place, event) in events.iter().enumerate() {
                for (_, length) in torn.iter().filter(|(at, _)| *at == place) {
                    let mut record = Vec::new();
                    write(event, &mut record);
                    record.truncate((*length).min(record.len() - 1));
                    bytes.extend_from_slice(&record);
                    is_between = true;
                }
                write(event, &mut bytes);
            }
            let whole = bytes.len();
            let mut records = Records::new(&bytes);
            let found = decoded(Records::new(&bytes));
            prop_assert_eq!(&found, &events);
            records.by_ref().for_each(drop);
            prop_assert_eq!(records.read, if events.is_empty() { 0 } else { whole });
            prop_assert_eq!(records.has_torn, is_between);
        }

        #[test]
        fn a_record_that_is_not_whole_yet_is_left_for_later(event in events(), cut in 1..600_usize) {
            let mut bytes = Vec::new();
            write(&event, &mut bytes);
            write(&event, &mut bytes);
            let first = bytes.len() / 2;
            bytes.truncate(bytes.len() - cut.min(first));
            let mut records = Records::new(&bytes);
            records.by_ref().for_each(drop);
            prop_assert_eq!((records.read, records.has_torn), (first, false));
        }
    }

    #[test]
    fn no_changed_bit_goes_unnoticed() {
        let mut bytes = Vec::new();
        let store = Arc::new(StoreAddress::new("curl"));
        let mut event = Event::new(
            Outcome::Hit,
            Timestamp::from_millis(1_795_415_570_948),
            store,
            &crate::scope::Scopes::default(),
        );
        event.key = Some(Key::new("a".repeat(64)).expect("a short key"));
        write(&event, &mut bytes);
        assert_eq!(bytes.len(), 2 * SLOT);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Records::new(&bytes).count(), 0, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(decoded(Records::new(&bytes)), [event]);
    }
}
