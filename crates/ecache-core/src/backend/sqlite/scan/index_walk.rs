//! Entries in the order of an index: keys, and a few of the latest writes.
//!
//! Each index begins with the store, so the next entry is the nearest of the next ones of all
//! stores. That takes as long for a million entries as for a thousand: it is what a screen shows
//! first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};

use super::order::{After, SortKey, is_behind};
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::encoding::UNMARKED;
use crate::backend::sqlite::query::{Parameter, Plan, Range, WRITTEN};
use crate::backend::{Direction, Scan, Sort};
use crate::key::hash_bytes;

/// Maximum number of the latest writes that come from their index; more are sorted.
const FEW: u64 = 1000;

const WRITTEN_INDEX: &str = "entries_written";

/// An order that an index has within each store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indexed {
    Written,
    /// Keys that are hashes, which are in the file as bytes
    Hashes,
    /// Other keys, which are before them in the index
    Texts,
}

impl Indexed {
    fn column(self) -> &'static str {
        match self {
            Self::Written => WRITTEN,
            Self::Hashes | Self::Texts => "e.key",
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Written => WRITTEN_INDEX,
            Self::Hashes | Self::Texts => "entries_key",
        }
    }

    /// Returns the condition that keeps the other keys out.
    fn kind(self) -> &'static str {
        match self {
            Self::Written => "TRUE",
            Self::Hashes => "e.key >= x''",
            Self::Texts => "e.key < x''",
        }
    }

    /// Returns the value from which on the index is behind an entry, and an id where that entry
    /// itself is there; `None` if nothing in the index is greater.
    fn start(self, after: &After<'_>) -> Option<(SqlValue, Option<i64>)> {
        let key = after.entry.address.key.as_str();
        Some(match self {
            Self::Written => (after.entry.written_at().as_millis().into(), after.id),
            Self::Texts if hash_bytes(key).is_some() => (key.to_owned().into(), None),
            Self::Texts => (key.to_owned().into(), after.id),
            Self::Hashes => match hash_bytes(key) {
                Some(hash) => (hash.to_vec().into(), after.id),
                None => (first_hash_behind(key)?.to_vec().into(), None),
            },
        })
    }
}

/// Returns the first hash whose digits are behind a text.
fn first_hash_behind(text: &str) -> Option<[u8; 32]> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits: Vec<u8> = Vec::new();
    let mut is_before = true;
    for c in text.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit >= c);
        let Some(digit) = digit.filter(|_| digits.len() < 64) else {
            is_before = false;
            break;
        };
        digits.push(digit as u8);
        if DIGITS[digit] > c {
            break;
        }
    }
    if !is_before {
        // No hash that begins with these digits is behind the text: the next number is.
        while digits.last() == Some(&15) {
            digits.pop();
        }
        *digits.last_mut()? += 1;
    }
    digits.resize(64, 0);
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(hash)
}

/// The place of an entry in an order.
type Place = (SortKey, i64);

/// The entries of one store in the order of an index, of which the next ones were read.
struct Stream {
    indexed: Indexed,
    range: Range,
    /// The start of the next read; `None` for the beginning
    start: Option<(SqlValue, i64)>,
    next: VecDeque<Place>,
    /// Number of entries that the next read takes: more for a store that many of them are of
    size: usize,
    is_ended: bool,
}

impl Stream {
    const MOST: usize = 256;

    /// Reads on if nothing is left, and returns the next place.
    fn peek(
        &mut self,
        connection: &Connection,
        plan: &Plan,
        direction: Direction,
    ) -> rusqlite::Result<Option<&Place>> {
        if self.next.is_empty() && !self.is_ended {
            self.read(connection, plan, direction)?;
            self.size = (self.size * 4).min(Self::MOST);
        }
        Ok(self.next.front())
    }

    fn read(
        &mut self,
        connection: &Connection,
        plan: &Plan,
        direction: Direction,
    ) -> rusqlite::Result<()> {
        let (than, order) = match direction {
            Direction::Ascending => (">", "ASC"),
            Direction::Descending => ("<", "DESC"),
        };
        let (column, index) = (self.indexed.column(), self.indexed.index());
        let (condition, kind) = (plan.condition(), self.indexed.kind());
        let first = plan.parameters() + 1;
        let (second, third) = (first + 1, first + 2);
        // The comparison of rows is one search of the index, whose last column is the id.
        let behind = match self.start {
            Some(_) => format!("({column}, e.id) {than} (?{second}, ?{third})"),
            None => "TRUE".to_owned(),
        };
        let sql = format!(
            "SELECT {column}, e.id FROM entries AS e INDEXED BY {index} \
             LEFT JOIN uses AS u ON u.entry = e.id \
             WHERE e.store = ?2 >> 32 AND {kind} AND {behind} \
             AND +e.id > ?1 AND +e.id <= ?2 AND {condition} AND {UNMARKED} \
             ORDER BY {column} {order}, e.id {order} LIMIT ?{first}"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut bound: Vec<Parameter> = plan.bound(self.range).collect();
        let size = i64::try_from(self.size).expect("it is small");
        bound.push(Parameter::One(size.into()));
        if let Some((value, id)) = &self.start {
            bound.push(Parameter::One(value.clone()));
            bound.push(Parameter::One((*id).into()));
        }
        let mut rows = statement.query(params_from_iter(bound))?;
        let (mut count, mut last) = (0, None);
        while let Some(row) = rows.next()? {
            count += 1;
            let value = row.get_ref(0)?;
            let Ok(owned) = SqlValue::try_from(value) else {
                break;
            };
            let Some(id) = column::number(row, 1)? else {
                break;
            };
            let place = (SortKey::new(value), id);
            let before = self.next.back().or(last.as_ref());
            let before = before.map(|(key, id)| (key.clone(), Some(*id)));
            // A damaged index, which must not be walked in a circle.
            if !is_behind(&place, before.as_ref(), direction) {
                count = 0;
                break;
            }
            self.start = Some((owned, id));
            last = Some(place.clone());
            self.next.push_back(place);
        }
        self.is_ended = count < self.size;
        Ok(())
    }
}

/// The ids of a plan in the order of an index: of each store the next one, and again of the store
/// whose next one was taken.
///
/// Between two ids no transaction is held. Entries written meanwhile are found if they are behind
/// the last one.
pub(in super::super) struct Walk {
    direction: Direction,
    streams: Vec<Stream>,
    /// The next place of each stream that has one, and its number
    heads: BinaryHeap<Head>,
}

/// The next place of a stream, the nearest greatest.
struct Head {
    place: Place,
    direction: Direction,
    stream: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.place.cmp(&other.place);
        match self.direction {
            Direction::Ascending => order.reverse(),
            Direction::Descending => order,
        }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl Walk {
    /// Begins a scan, if there is an index that has its order, and that is the faster way.
    pub(in super::super) fn new(
        connection: &Connection,
        plan: &Plan,
        scan: &Scan,
    ) -> rusqlite::Result<Option<Self>> {
        let is_short = scan.limit.is_some_and(|limit| limit <= FEW);
        let kinds: &[Indexed] = match (scan.sort, plan.index) {
            (Sort::Updated, None | Some(WRITTEN_INDEX)) if is_short => &[Indexed::Written],
            // Sorted, each key would be kept in memory.
            (Sort::Key, None) => &[Indexed::Texts, Indexed::Hashes],
            _ => return Ok(None),
        };
        let after = match &scan.after {
            Some(entry) => Some(After::new(connection, entry)?),
            None => None,
        };
        let direction = scan.direction;
        let furthest = match direction {
            Direction::Ascending => i64::MIN,
            Direction::Descending => i64::MAX,
        };
        let mut streams = Vec::new();
        for range in plan.stores(connection)? {
            for indexed in kinds {
                let start = after.as_ref().map(|after| indexed.start(after));
                let start = match (start, direction) {
                    (Some(None), Direction::Ascending) => continue,
                    (None | Some(None), _) => None,
                    (Some(Some((value, id))), _) => Some((value, id.unwrap_or(furthest))),
                };
                streams.push(Stream {
                    indexed: *indexed,
                    range,
                    start,
                    next: VecDeque::new(),
                    size: 1,
                    is_ended: false,
                });
            }
        }
        let mut walk = Self {
            direction,
            streams,
            heads: BinaryHeap::new(),
        };
        for stream in 0..walk.streams.len() {
            walk.raise(connection, plan, stream)?;
        }
        Ok(Some(walk))
    }

    /// Returns the next id.
    pub(in super::super) fn next(
        &mut self,
        connection: &Connection,
        plan: &Plan,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(Head { stream, .. }) = self.heads.pop() else {
            return Ok(None);
        };
        let taken = self.streams[stream].next.pop_front();
        self.raise(connection, plan, stream)?;
        Ok(taken.map(|(_, id)| id))
    }

    /// Puts the next place of a stream among the others.
    fn raise(
        &mut self,
        connection: &Connection,
        plan: &Plan,
        stream: usize,
    ) -> rusqlite::Result<()> {
        let direction = self.direction;
        if let Some(place) = self.streams[stream].peek(connection, plan, direction)? {
            let place = place.clone();
            self.heads.push(Head {
                place,
                direction,
                stream,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::hex;

    #[test]
    fn the_first_hash_behind_a_text_is_that_by_its_digits() {
        let ends = [
            "", "0", "1c", "a", "f", "g", "1C", "ab-", "ff-", "9a", "/", ":",
        ];
        let long = ["0", "1", "a", "f"].map(|digit| digit.repeat(64) + "-");
        let texts = ends.map(str::to_owned).into_iter().chain(long);
        for text in texts.chain(["f".repeat(63), "e".repeat(63) + "g"]) {
            let Some(hash) = first_hash_behind(&text) else {
                assert!("f".repeat(64) < text, "{text}");
                continue;
            };
            assert!(hex(&hash) > text, "{text}");
            // The one before it is not.
            let before = hash.iter().rposition(|byte| *byte > 0).map(|last| {
                let mut before = hash;
                before[last] -= 1;
                before[last + 1..].fill(u8::MAX);
                before
            });
            assert!(before.is_none_or(|before| hex(&before) < text), "{text}");
        }
    }
}
