//! The ids of a plan in the order of a scan.
//!
//! An order that no index has is one pass over the entries, which keeps about twice as many ids as
//! are asked for.

use std::cmp::Ordering;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::backend::sqlite::entry_rows::id_of_key;
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage::readable;
use crate::backend::sqlite::format::encoding::{self, stored_key};
use crate::backend::sqlite::names::store_rows::find_store;
use crate::backend::sqlite::query::{Plan, USED, WRITTEN, worth};
use crate::backend::{Direction, Scan, Sort};
use crate::entry::{Entry, waste};
use crate::eviction;
use crate::key::{hash_bytes, hex};
use crate::time::Timestamp;

/// Returns the ids of a plan in the order of a scan, up to its limit.
pub(super) fn sorted_ids(
    connection: &Connection,
    plan: &Plan,
    scan: &Scan,
    now: Timestamp,
) -> rusqlite::Result<Vec<i64>> {
    let after = match &scan.after {
        Some(entry) => Some(After::new(connection, entry)?),
        None => None,
    };
    let column = match scan.sort {
        // Ids alone, as in `ls --reverse` of millions of entries.
        Sort::Stored | Sort::Any => {
            let after = after.map(|after| ((), after.id));
            return sorted_by(connection, plan, scan, "NULL", after, |_| Ok(()));
        }
        Sort::Key => {
            let after = after.map(|after| (SortKey::of(after.key), after.id));
            let key = |row: &Row<'_>| Ok(SortKey::new(row.get_ref(1)?));
            return sorted_by(connection, plan, scan, "e.key", after, key);
        }
        Sort::Waste => {
            let after = after.map(|after| (after.entry.waste(now), after.id));
            let columns = format!("e.size, {USED}");
            return sorted_by(connection, plan, scan, &columns, after, |row| {
                let used_at = column::number(row, 2)?.unwrap_or(i64::MAX);
                let used_at = Timestamp::from_millis(used_at);
                Ok(waste(column::size(row, 1)?, used_at, now))
            });
        }
        Sort::Worth => {
            let after = after.map(|after| (scan.sort.rank(after.entry, now), after.id));
            let columns = worth::columns();
            return sorted_by(connection, plan, scan, &columns, after, |row| {
                Ok(eviction::rank(worth::read(row, 1, now)?))
            });
        }
        Sort::Updated => WRITTEN,
        Sort::Created => "e.created_at",
        Sort::Expires => "coalesce(e.expires_at, 9223372036854775807)",
        Sort::Used => USED,
        Sort::Size => "e.size",
        Sort::Hits => "coalesce(u.hits, 0)",
        Sort::Cost => "coalesce(e.cost_ms, -1)",
        Sort::Saved => "coalesce(u.saved_ms, 0)",
    };
    let after = after.map(|after| (scan.sort.rank(after.entry, now), after.id));
    sorted_by(connection, plan, scan, column, after, |row| {
        // A damaged column sorts last.
        let number = row.get_ref(1)?.as_i64();
        Ok(i128::from(number.unwrap_or(i64::MAX)))
    })
}

/// The entry behind which a page begins.
pub(in super::super) struct After<'a> {
    pub(in super::super) entry: &'a Entry,
    key: &'a str,
    /// `None` if it is gone
    pub(in super::super) id: Option<i64>,
}

impl<'a> After<'a> {
    pub(in super::super) fn new(
        connection: &Connection,
        entry: &'a Entry,
    ) -> rusqlite::Result<Self> {
        let key = entry.address.key.as_str();
        let store = readable(find_store(connection, &entry.address.store))?.flatten();
        let id = match store {
            Some(store) => id_of_key(connection, store, stored_key(key))?,
            None => None,
        };
        Ok(Self { entry, key, id })
    }
}

/// Returns the ids of a plan, sorted by the `key` of columns and then by id, behind `after` and up
/// to the scan's limit.
fn sorted_by<K: Ord>(
    connection: &Connection,
    plan: &Plan,
    scan: &Scan,
    columns: &str,
    after: Option<(K, Option<i64>)>,
    key: impl Fn(&Row<'_>) -> rusqlite::Result<K>,
) -> rusqlite::Result<Vec<i64>> {
    let limit = scan.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let mut found: Vec<(K, i64)> = Vec::new();
    let columns = format!("e.id, {columns}");
    for range in plan.ranges() {
        plan.select(connection, &columns, range, |row| {
            let id = row.get(0)?;
            if !range.contains(id) {
                return Ok(());
            }
            let place = (key(row)?, id);
            if !is_behind(&place, after.as_ref(), scan.direction) {
                return Ok(());
            }
            found.push(place);
            // No more than about twice the limit is buffered at any time.
            if found.len() / 2 > limit {
                order(&mut found, scan.direction, limit);
            }
            Ok(())
        })?;
    }
    order(&mut found, scan.direction, limit);
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// Reports whether a place is behind another one. Places equal to that of an entry that is gone
/// are.
pub(super) fn is_behind<K: Ord>(
    place: &(K, i64),
    after: Option<&(K, Option<i64>)>,
    direction: Direction,
) -> bool {
    let Some((key, id)) = after else {
        return true;
    };
    let order = place.0.cmp(key);
    let order = match direction {
        Direction::Ascending => order,
        Direction::Descending => order.reverse(),
    };
    order.then_with(|| match (id, direction) {
        (None, _) => Ordering::Greater,
        (Some(id), Direction::Ascending) => place.1.cmp(id),
        (Some(id), Direction::Descending) => id.cmp(&place.1),
    }) == Ordering::Greater
}

fn order<K: Ord>(found: &mut Vec<(K, i64)>, direction: Direction, limit: usize) {
    found.sort_unstable();
    // A damaged index can lead to an entry twice.
    found.dedup();
    if direction == Direction::Descending {
        found.reverse();
    }
    found.truncate(limit);
}

/// A value to sort by: of a key that is a hash its 32 bytes, which have the order of its digits.
#[derive(Clone, PartialEq, Eq)]
pub(in super::super) enum SortKey {
    Number(i64),
    Hash([u8; 32]),
    Text(Box<[u8]>),
}

impl SortKey {
    /// Makes the sort key of a column; that of a damaged one comes first.
    pub(in super::super) fn new(value: ValueRef<'_>) -> Self {
        if let ValueRef::Blob(bytes) = value
            && let Ok(hash) = bytes.try_into()
        {
            return Self::Hash(hash);
        }
        if let ValueRef::Integer(number) = value {
            return Self::Number(number);
        }
        Self::Text(match encoding::key(value) {
            Some(key) => key.as_str().as_bytes().into(),
            None => [].into(),
        })
    }
}

impl SortKey {
    /// Makes the sort key of a key.
    fn of(key: &str) -> Self {
        hash_bytes(key).map_or_else(|| Self::Text(key.as_bytes().into()), Self::Hash)
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => one.cmp(two),
            (Self::Number(_), _) => Ordering::Less,
            (_, Self::Number(_)) => Ordering::Greater,
            (Self::Hash(one), Self::Hash(two)) => one.cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Hash(one), Self::Text(two)) => hex(one).as_bytes().cmp(two),
            (Self::Text(one), Self::Hash(two)) => (**one).cmp(hex(two).as_bytes()),
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_hashes_sort_among_others_as_text() {
        let hash = |byte| SortKey::new(ValueRef::Blob(&[byte; 32]));
        let text = |text: &'static str| SortKey::new(ValueRef::Text(text.as_bytes()));
        let sorted = [
            SortKey::new(ValueRef::Null),
            text("1"),
            hash(0x1a),
            hash(0x1b),
            text("1c"),
            text("AD"),
            text("ad1"),
            hash(0xad),
            text("b"),
        ];
        assert!(sorted.is_sorted());
    }
}
