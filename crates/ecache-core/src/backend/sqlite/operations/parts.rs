//! The single entries that an operation changed, one record for each of its transactions.

use std::collections::BTreeMap;

use super::MovedCounts;
use crate::backend::sqlite::history::codec::{
    number, optional, put_number, put_optional, unreadable,
};

/// The entries of one transaction. Ids are in order.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum OperationPart {
    /// Their rows are marked
    Removed(Vec<i64>),
    /// They are new, or back
    Added(Added),
    /// Their lifetimes were changed
    Touched(Vec<Touched>),
    /// They moved to the new name of their store; the ids are those that they have there
    Moved(Vec<i64>),
    /// They stayed while the others of their store were removed or came back; their ids, and those
    /// that they had among the others
    Stayed(BTreeMap<i64, i64>),
    /// Entries that were written or brought back in the place of others; their ids, and those of
    /// the marked rows of the others
    Replaced(BTreeMap<i64, i64>),
    /// The counts of calls that moved with a renamed store
    Counts(MovedCounts),
    /// An undo left them as they were, since they were changed or gone: the number of the
    /// operation that had changed them, which is its target or an earlier one of the chain, and
    /// the part of that
    Left(i64, Box<OperationPart>),
    /// The undo that this operation undoes had left them. They are reversed with it if the
    /// operation is meant that had changed them, or an earlier one of the chain
    Inherited(i64, Box<OperationPart>),
}

/// Entries that an operation wrote or brought back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Added {
    pub(in super::super) ids: Vec<i64>,
    /// Times of writing of those that claim to be later than the operation
    pub(in super::super) later: BTreeMap<i64, i64>,
}

impl Added {
    /// Adds an entry that was written at that time, by an operation at `at`.
    pub(in super::super) fn push(&mut self, id: i64, written_at: i64, at: i64) {
        self.ids.push(id);
        if written_at > at {
            self.later.insert(id, written_at);
        }
    }

    /// Reports whether an entry was not written since an operation at `at`.
    pub(in super::super) fn is_unchanged(&self, id: i64, written_at: i64, at: i64) -> bool {
        written_at <= at || self.later.get(&id) == Some(&written_at)
    }
}

/// An entry whose lifetime was changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Touched {
    pub(in super::super) id: i64,
    pub(in super::super) written_at: i64,
    pub(in super::super) old: Lifetime,
    pub(in super::super) new: Lifetime,
}

/// Policy and expiry, as stored.
pub(in super::super) type Lifetime = (i64, Option<i64>);

impl OperationPart {
    /// Gives entries that moved their new ids, and reports whether there are any.
    pub(super) fn follow(&mut self, moves: &BTreeMap<i64, i64>) -> bool {
        let mut has_moved = false;
        let mut follow = |id: &mut i64| {
            if let Some(new) = moves.get(id) {
                *id = *new;
                has_moved = true;
            }
        };
        match self {
            // Marked rows keep their ids until they are restored.
            Self::Removed(_) | Self::Counts(_) => {}
            Self::Left(_, part) | Self::Inherited(_, part) => return part.follow(moves),
            Self::Moved(ids) => ids.iter_mut().for_each(follow),
            Self::Stayed(places) | Self::Replaced(places) => {
                let stayed = std::mem::take(places).into_iter();
                *places = stayed
                    .map(|(mut id, place)| {
                        follow(&mut id);
                        (id, place)
                    })
                    .collect();
            }
            Self::Added(Added { ids, later }) => {
                ids.iter_mut().for_each(&mut follow);
                let moved = std::mem::take(later).into_iter();
                *later = moved
                    .map(|(mut id, written_at)| {
                        follow(&mut id);
                        (id, written_at)
                    })
                    .collect();
            }
            Self::Touched(entries) => {
                entries
                    .iter_mut()
                    .for_each(|touched| follow(&mut touched.id));
            }
        }
        has_moved
    }

    /// Cuts it into parts of up to `size` entries; at least one.
    pub(in super::super) fn split(self, size: usize) -> Vec<Self> {
        fn cut<T: Clone>(entries: &[T], size: usize) -> Vec<Vec<T>> {
            let parts = entries.chunks(size).map(<[T]>::to_vec);
            let parts = Vec::from_iter(parts);
            if parts.is_empty() {
                vec![Vec::new()]
            } else {
                parts
            }
        }
        let parts = |ids: &[i64], part: fn(Vec<i64>) -> Self| {
            cut(ids, size).into_iter().map(part).collect()
        };
        match self {
            Self::Removed(ids) => parts(&ids, Self::Removed),
            Self::Moved(ids) => parts(&ids, Self::Moved),
            Self::Touched(entries) => cut(&entries, size).into_iter().map(Self::Touched).collect(),
            // They say where others are, and are read as a whole; and counts move at once.
            Self::Stayed(_)
            | Self::Replaced(_)
            | Self::Counts(_)
            | Self::Left(..)
            | Self::Inherited(..) => vec![self],
            Self::Added(Added { ids, later }) => {
                let parts = cut(&ids, size).into_iter();
                let added = parts.map(|ids| {
                    let is_here = |id: &&i64| later.contains_key(id);
                    let later = ids
                        .iter()
                        .filter(is_here)
                        .map(|id| (*id, later[id]))
                        .collect();
                    Self::Added(Added { ids, later })
                });
                added.collect()
            }
        }
    }

    /// Returns the ids of its entries.
    pub(super) fn ids(&self) -> Box<dyn Iterator<Item = i64> + '_> {
        match self {
            Self::Removed(ids) | Self::Moved(ids) | Self::Added(Added { ids, .. }) => {
                Box::new(ids.iter().copied())
            }
            Self::Touched(entries) => Box::new(entries.iter().map(|touched| touched.id)),
            Self::Stayed(places) | Self::Replaced(places) => Box::new(places.keys().copied()),
            Self::Counts(_) => Box::new(std::iter::empty()),
            Self::Left(_, part) | Self::Inherited(_, part) => part.ids(),
        }
    }

    /// Returns the ids of the marked rows, also of those that an undo left.
    pub(in super::super) fn marked(self) -> Vec<i64> {
        match self {
            Self::Removed(ids) => ids,
            Self::Left(_, part) | Self::Inherited(_, part) => part.marked(),
            _ => Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Removed(ids) | Self::Moved(ids) | Self::Added(Added { ids, .. }) => {
                ids.is_empty()
            }
            Self::Touched(entries) => entries.is_empty(),
            Self::Stayed(places) | Self::Replaced(places) => places.is_empty(),
            Self::Counts(moved) => moved.rows.is_empty(),
            Self::Left(_, part) | Self::Inherited(_, part) => part.is_empty(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Removed(ids) => {
                body.push(0);
                put_ids(&mut body, ids);
            }
            Self::Added(Added { ids, later }) => {
                body.push(1);
                put_number(&mut body, later.len() as i64);
                for (id, written_at) in later {
                    put_number(&mut body, *id);
                    put_number(&mut body, *written_at);
                }
                put_ids(&mut body, ids);
            }
            Self::Touched(entries) => {
                body.push(2);
                let mut entries = entries.clone();
                entries.sort_unstable_by_key(|touched| touched.id);
                let mut last = (0, 0);
                for Touched {
                    id,
                    written_at,
                    old,
                    new,
                } in entries
                {
                    put_number(&mut body, id - last.0);
                    put_number(&mut body, written_at.wrapping_sub(last.1));
                    for (policy, expires_at) in [old, new] {
                        put_number(&mut body, policy);
                        put_optional(&mut body, expires_at);
                    }
                    last = (id, written_at);
                }
            }
            Self::Moved(ids) => {
                body.push(3);
                put_ids(&mut body, ids);
            }
            Self::Stayed(places) => {
                body.push(4);
                put_pairs(&mut body, places);
            }
            Self::Replaced(others) => {
                body.push(5);
                put_pairs(&mut body, others);
            }
            Self::Counts(moved) => {
                body.push(6);
                moved.encode(&mut body);
            }
            Self::Left(of, part) => {
                body.push(7);
                put_number(&mut body, *of);
                body.extend(part.encode());
            }
            Self::Inherited(of, part) => {
                body.push(8);
                put_number(&mut body, *of);
                body.extend(part.encode());
            }
        }
        body
    }

    pub(super) fn decode(body: &[u8]) -> rusqlite::Result<Self> {
        let (kind, mut rest) = body.split_first().ok_or_else(unreadable)?;
        let rest = &mut rest;
        Ok(match kind {
            0 => Self::Removed(ids(rest)?),
            1 => {
                let mut later = BTreeMap::new();
                for _ in 0..number(rest)? {
                    later.insert(number(rest)?, number(rest)?);
                }
                let ids = ids(rest)?;
                Self::Added(Added { ids, later })
            }
            2 => {
                let mut entries = Vec::new();
                let mut last = (0_i64, 0_i64);
                while !rest.is_empty() {
                    last.0 = last.0.wrapping_add(number(rest)?);
                    last.1 = last.1.wrapping_add(number(rest)?);
                    entries.push(Touched {
                        id: last.0,
                        written_at: last.1,
                        old: (number(rest)?, optional(rest)?),
                        new: (number(rest)?, optional(rest)?),
                    });
                }
                Self::Touched(entries)
            }
            3 => Self::Moved(ids(rest)?),
            4 => Self::Stayed(pairs(rest)?),
            5 => Self::Replaced(pairs(rest)?),
            6 => Self::Counts(MovedCounts::decode(rest)?),
            // They have none of the kind themselves.
            7 => Self::Left(number(rest)?, plain(rest)?),
            8 => Self::Inherited(number(rest)?, plain(rest)?),
            _ => return Err(unreadable()),
        })
    }
}

/// Reads a part that is not within another one.
fn plain(body: &[u8]) -> rusqlite::Result<Box<OperationPart>> {
    match body.first() {
        Some(0..7) => Ok(Box::new(OperationPart::decode(body)?)),
        _ => Err(unreadable()),
    }
}

/// Appends pairs of ids: the distances from the last pair.
fn put_pairs(body: &mut Vec<u8>, pairs: &BTreeMap<i64, i64>) {
    let mut last = (0, 0);
    for (id, other) in pairs {
        put_number(body, id.wrapping_sub(last.0));
        put_number(body, other.wrapping_sub(last.1));
        last = (*id, *other);
    }
}

fn pairs(rest: &mut &[u8]) -> rusqlite::Result<BTreeMap<i64, i64>> {
    let mut pairs = BTreeMap::new();
    let mut last = (0_i64, 0_i64);
    while !rest.is_empty() {
        last.0 = last.0.wrapping_add(number(rest)?);
        last.1 = last.1.wrapping_add(number(rest)?);
        pairs.insert(last.0, last.1);
    }
    Ok(pairs)
}

/// Appends ids as runs: the distance from the last one, and the length if it is more than one.
fn put_ids(body: &mut Vec<u8>, ids: &[i64]) {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut last = 0_i64;
    for run in ids.chunk_by(|one, next| *one + 1 == *next) {
        let is_long = run.len() > 1;
        put_number(body, (run[0] - last) << 1 | i64::from(is_long));
        if is_long {
            put_number(body, run.len() as i64);
        }
        last = run[0] + run.len() as i64 - 1;
    }
}

fn ids(rest: &mut &[u8]) -> rusqlite::Result<Vec<i64>> {
    /// No transaction has more.
    const MOST: i64 = 1 << 32;
    let (mut ids, mut last) = (Vec::new(), 0_i64);
    while !rest.is_empty() {
        let distance = number(rest)?;
        let first = last.wrapping_add(distance >> 1);
        let length = match distance & 1 {
            0 => 1,
            _ => number(rest)?,
        };
        if !(1..MOST).contains(&length) {
            return Err(unreadable());
        }
        last = first.wrapping_add(length - 1);
        ids.extend(first..=last);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::operations::MovedRow;
    use crate::scope::StoreAddress;
    use crate::usage::{CallGroup, Counts};

    #[test]
    fn parts_come_back() {
        let store = 7 << 32;
        let ids = vec![1, 2, 3, 10, store | 5, store | 6, store | 9, i64::MAX >> 2];
        let touched = |id, written_at| Touched {
            id,
            written_at,
            old: (0, None),
            new: (1, Some(written_at + 1)),
        };
        let mut added = Added::default();
        ids.iter().for_each(|id| added.push(*id, *id, 10));
        assert_eq!(added.later.len(), 4);
        let row = |at, group| MovedRow {
            at,
            group,
            counts: Counts::of_fields(std::array::from_fn(|place| place as u64)),
        };
        let of_store = CallGroup::Of {
            store: StoreAddress::new("s").with_dataset("d").into(),
            user: Some("ann".into()),
            operator: None,
        };
        let counts = MovedCounts {
            store: StoreAddress::new("t").into(),
            movers: vec![3, 500],
            rows: vec![row(1 << 40, of_store), row(-1, CallGroup::Other)],
        };
        for part in [
            OperationPart::Removed(ids.clone()),
            OperationPart::Removed(Vec::new()),
            OperationPart::Moved(ids),
            OperationPart::Stayed(BTreeMap::from([
                (store | 1, 9),
                (store | 2, 5),
                (i64::MAX, 7),
            ])),
            OperationPart::Replaced(BTreeMap::from([(store | 8, store | 2), (store | 9, 3)])),
            OperationPart::Counts(counts),
            OperationPart::Left(3, Box::new(OperationPart::Added(added.clone()))),
            OperationPart::Inherited(300, Box::new(OperationPart::Removed(vec![9]))),
            OperationPart::Added(added),
            OperationPart::Touched(vec![touched(1, -5), touched(store | 7, 1 << 50)]),
        ] {
            assert_eq!(OperationPart::decode(&part.encode()), Ok(part));
        }
        assert!(OperationPart::decode(b"").is_err());
        assert!(OperationPart::decode(b"\x09").is_err());
        assert!(OperationPart::decode(b"\x07\x06\x08\x06\x00").is_err());
    }

    #[test]
    fn parts_follow_entries_that_move() {
        let moves = BTreeMap::from([(1, 11), (3, 4)]);
        let mut part = OperationPart::Moved(vec![1, 2, 3]);
        assert!(part.follow(&moves));
        assert_eq!(part, OperationPart::Moved(vec![11, 2, 4]));
        assert!(!OperationPart::Moved(vec![5]).follow(&moves));
        let mut part = OperationPart::Stayed(BTreeMap::from([(1, 3), (2, 1)]));
        assert!(part.follow(&moves));
        assert_eq!(
            part,
            OperationPart::Stayed(BTreeMap::from([(11, 3), (2, 1)]))
        );
        let mut added = Added::default();
        added.push(3, 20, 10);
        let mut part = OperationPart::Added(added);
        assert!(part.follow(&moves));
        let OperationPart::Added(added) = part else {
            panic!("{part:?}")
        };
        assert!(added.is_unchanged(4, 20, 10));
        assert!(!added.is_unchanged(4, 21, 10));
    }
}
