//! The ids of a scan in the order that was asked for.

use std::cmp::Ordering;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::encoding;
use super::query::{Plan, USED, WRITTEN};
use crate::backend::{Direction, Scan, Sort};
use crate::key::hex;

/// Returns the ids of a plan in the order of a scan, up to its limit.
pub(super) fn sorted_ids(
    connection: &Connection,
    plan: &Plan,
    scan: &Scan,
) -> rusqlite::Result<Vec<i64>> {
    let column = match scan.sort {
        // Ids alone, as in `ls --reverse` of millions of entries.
        Sort::Stored | Sort::Any => return sorted_by(connection, plan, scan, "NULL", |_| ()),
        Sort::Key => return sorted_by(connection, plan, scan, "e.key", SortKey::new),
        Sort::Created => "e.created_at",
        Sort::Updated => WRITTEN,
        Sort::Expires => "coalesce(e.expires_at, 9223372036854775807)",
        Sort::Used => USED,
        Sort::Size => "e.size",
        Sort::Hits => "coalesce(u.hits, 0)",
        Sort::Cost => "coalesce(e.cost_ms, -1)",
    };
    sorted_by(connection, plan, scan, column, |value| {
        // A damaged column sorts last.
        value.as_i64().unwrap_or(i64::MAX)
    })
}

/// Returns the ids of a plan, sorted by the `key` of a column and then by id, up to the scan's
/// limit.
fn sorted_by<K: Ord>(
    connection: &Connection,
    plan: &Plan,
    scan: &Scan,
    column: &str,
    key: impl Fn(ValueRef<'_>) -> K,
) -> rusqlite::Result<Vec<i64>> {
    let limit = scan.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let mut found: Vec<(K, i64)> = Vec::new();
    for range in plan.ranges() {
        plan.select_ids(connection, column, range, |id, value| {
            found.push((key(value), id));
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

fn order<K: Ord>(found: &mut Vec<(K, i64)>, direction: Direction, limit: usize) {
    found.sort_unstable();
    // A damaged index can lead to an entry twice.
    found.dedup();
    if direction == Direction::Descending {
        found.reverse();
    }
    found.truncate(limit);
}

/// A key to sort by: a hash as its 32 bytes, which have the order of its digits.
#[derive(PartialEq, Eq)]
enum SortKey {
    Hash([u8; 32]),
    Text(Box<[u8]>),
}

impl SortKey {
    /// Makes the sort key of a column; that of a damaged one comes first.
    fn new(value: ValueRef<'_>) -> Self {
        if let ValueRef::Blob(bytes) = value
            && let Ok(hash) = bytes.try_into()
        {
            return Self::Hash(hash);
        }
        Self::Text(match encoding::key(value) {
            Some(key) => key.as_str().as_bytes().into(),
            None => [].into(),
        })
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
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
