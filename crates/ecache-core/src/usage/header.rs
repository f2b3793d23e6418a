//! The first 64 bytes of a log: its id, and the time of calls that could not be appended.

use std::hash::{BuildHasher, Hasher, RandomState};

use xxhash_rust::xxh3::xxh3_64;

use super::record::SLOT;
use crate::time::Timestamp;

/// Size of the header, in bytes.
pub(super) const HEADER: usize = SLOT;

const MARK: &[u8; 8] = b"ecusage1";

/// Offset in the header of the note of calls that were not appended: begin, end and checksum.
pub(super) const GAP: usize = 32;

/// The random number that tells a log from others of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub i64);

/// A time in which not every call could be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Its begin
    pub from: Timestamp,
    /// Its end
    pub until: Timestamp,
}

pub(super) fn new_header() -> [u8; HEADER] {
    // The seed of a hash map is random, and needs no other source of random numbers.
    let id = RandomState::new().build_hasher().finish();
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MARK);
    header[8..16].copy_from_slice(&id.to_le_bytes());
    let sum = xxh3_64(&header[..16]);
    header[16..24].copy_from_slice(&sum.to_le_bytes());
    header
}

pub(super) fn id_of(header: &[u8; HEADER]) -> LogId {
    let (id, sum) = header[8..24].split_at(8);
    let is_whole = header[..8] == *MARK && xxh3_64(&header[..16]).to_le_bytes() == *sum;
    LogId(if is_whole {
        i64::from_le_bytes(id.try_into().unwrap_or_default())
    } else {
        // A damaged header: a name that is always the same is as good as its own.
        xxh3_64(&header[..GAP]) as i64
    })
}

pub(super) fn gap_of(header: &[u8; HEADER]) -> Option<Gap> {
    let number = |place: usize| Some(i64::from_le_bytes(*header[place..].first_chunk()?));
    let gap = Gap {
        from: Timestamp::from_millis(number(GAP)?),
        until: Timestamp::from_millis(number(GAP + 8)?),
    };
    (gap_bytes(gap) == header[GAP..GAP + 24]).then_some(gap)
}

pub(super) fn gap_bytes(gap: Gap) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&gap.from.as_millis().to_le_bytes());
    bytes[8..16].copy_from_slice(&gap.until.as_millis().to_le_bytes());
    let sum = xxh3_64(&bytes[..16]);
    bytes[16..].copy_from_slice(&sum.to_le_bytes());
    bytes
}
