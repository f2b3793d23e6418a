//! Finds the readable and the lost entries of a file with damaged pages.
//!
//! A damaged page loses the rows on it, or hides those on the pages below it. Two indexes also hold
//! the ids of all entries, so the missing ones can be identified and counted.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use crate::backend::sqlite::format::damage::{UNREADABLE, intact, unreadable};
use crate::backend::sqlite::format::encoding;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::Names;
use crate::backend::sqlite::query::Range;
use crate::key::Key;
use crate::scope::{Address, StoreAddress};

/// Sorted ids, as far as a tree could be read.
struct Ids {
    ids: Vec<i64>,
    /// Reports whether the tree was read to its end
    is_whole: bool,
}

impl Ids {
    fn new(connection: &Connection, source: &str) -> rusqlite::Result<Self> {
        Self::of(connection, &format!("SELECT id FROM entries {source}"))
    }

    fn of(connection: &Connection, sql: &str) -> rusqlite::Result<Self> {
        let (mut ids, mut is_whole) = (Vec::new(), true);
        let read = (|| -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                ids.push(row.get(0)?);
            }
            Ok(())
        })();
        if intact(read)?.is_none() {
            is_whole = false;
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Self { ids, is_whole })
    }

    fn has(&self, id: i64) -> bool {
        self.ids.binary_search(&id).is_ok()
    }
}

/// The part of the distance to the last readable id by which the search for the next one goes on.
/// Pages are skipped only where a damaged part is longer than as many.
const STEP: i64 = 64;

/// Searches the table between two damaged pages: behind the id `after`, the last before the first
/// one, and before `end`, the first behind the last one. Returns the ids in intact pages.
///
/// SQLite reads from any id whose page is intact, and the ids of a store begin at a known one. From
/// there, or from the last readable id, the next intact page is found by steps that grow with the
/// distance, and its first id by halving the last step.
fn between(
    connection: &Connection,
    stores: &BTreeSet<i64>,
    after: i64,
    end: i64,
) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT id FROM entries NOT INDEXED WHERE id >= ?1 AND id < ?2 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut first = connection.prepare_cached(&format!("{sql} LIMIT 1"))?;
    let mut is_readable =
        |from: i64| Ok::<_, rusqlite::Error>(intact(first.exists([from, end]))?.is_some());
    let (mut ids, mut last) = (Vec::new(), after);
    for store in stores {
        let range = Range::store(*store);
        last = last.max(range.after);
        while let Some(begin) = next_readable(last, range.end.min(end), &mut is_readable)? {
            last = begin;
            let mut rows = statement.query([begin, end])?;
            loop {
                match intact(rows.next().map(|row| row.map(|row| row.get(0))))? {
                    Some(Some(id)) => {
                        let id = id?;
                        ids.push(id);
                        // Noise in a page must not lead back.
                        last = last.max(id);
                    }
                    // It is read to its end.
                    Some(None) => return Ok(ids),
                    None => break,
                }
            }
        }
    }
    Ok(ids)
}

/// Returns an id behind `last` and up to `end` from which the table can be read; `None` if there
/// is none.
fn next_readable(
    last: i64,
    end: i64,
    is_readable: &mut impl FnMut(i64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<Option<i64>> {
    let (mut damaged, mut distance) = (last, 1_i64);
    let mut found = loop {
        let next = last.saturating_add(distance);
        if next > end {
            return Ok(None);
        }
        if is_readable(next)? {
            break next;
        }
        damaged = next;
        distance += (distance / STEP).max(1);
    };
    while found - damaged > 1 {
        let middle = damaged + (found - damaged) / 2;
        if is_readable(middle)? {
            found = middle;
        } else {
            damaged = middle;
        }
    }
    Ok(Some(found))
}

/// The entries of a damaged file.
pub(in super::super) struct Salvage {
    /// Ids of the readable rows, sorted
    pub(in super::super) ids: Vec<i64>,
    /// Addresses of the unreachable rows
    pub(in super::super) lost: Vec<Address>,
}

impl Salvage {
    /// Searches some ranges for their entries.
    pub(in super::super) fn new(
        connection: &Connection,
        names: &Names,
        ranges: &[Range],
    ) -> rusqlite::Result<Self> {
        let is_meant = |id: &i64| ranges.iter().any(|range| range.contains(*id));
        let by_key = Ids::new(connection, "INDEXED BY entries_key")?;
        let by_time = Ids::new(connection, "INDEXED BY entries_written")?;
        let mut table = Ids::new(connection, "NOT INDEXED ORDER BY id")?;
        if !table.is_whole {
            let behind = Ids::new(connection, "NOT INDEXED ORDER BY id DESC")?.ids;
            let after = table.ids.last().copied().unwrap_or(0);
            let end = behind.first().copied().unwrap_or(i64::MAX);
            let mut stores = Ids::of(connection, "SELECT id FROM stores NOT INDEXED")?.ids;
            stores.extend(
                by_key
                    .ids
                    .iter()
                    .chain(&by_time.ids)
                    .map(|id| store_of(*id)),
            );
            let left = store_of(after)..=i32::MAX.into();
            let stores = stores.into_iter().filter(|store| left.contains(store));
            table
                .ids
                .extend(between(connection, &stores.collect(), after, end)?);
            table.ids.extend(behind);
            table.ids.sort_unstable();
            table.ids.dedup();
        }
        let mut indexed: Vec<i64> = by_key.ids.iter().chain(&by_time.ids).copied().collect();
        indexed.sort_unstable();
        indexed.dedup();
        let mut found = connection.prepare_cached("SELECT 1 FROM entries WHERE id = ?1")?;
        let (mut there, mut lost) = (Vec::new(), Vec::new());
        for id in indexed.into_iter().filter(|id| !table.has(*id)) {
            if intact(found.exists([id]))? == Some(true) {
                there.push(id);
            } else if (by_key.has(id) || !by_key.is_whole) && (by_time.has(id) || !by_time.is_whole)
            {
                // Only one of the indexes may be damaged.
                lost.push(id);
            }
        }
        let mut ids = table.ids;
        ids.append(&mut there);
        ids.sort_unstable();
        ids.retain(is_meant);
        lost.retain(is_meant);
        let mut lost = addresses(connection, names, &lost)?;
        if !by_key.is_whole && !by_time.is_whole {
            // The number of lost entries is unknown.
            lost.push(StoreAddress::new(UNREADABLE).entry(unreadable()));
        }
        Ok(Self { ids, lost })
    }
}

/// Returns the addresses of entries, with their keys from the index alone.
pub(in super::super) fn addresses(
    connection: &Connection,
    names: &Names,
    ids: &[i64],
) -> rusqlite::Result<Vec<Address>> {
    let mut keys: HashMap<i64, Key> = HashMap::new();
    if !ids.is_empty() {
        let sql = "SELECT id, key FROM entries INDEXED BY entries_key";
        let read = (|| -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                if ids.binary_search(&id).is_ok()
                    && let Some(key) = encoding::key(row.get_ref(1)?)
                {
                    keys.insert(id, key);
                }
            }
            Ok(())
        })();
        intact(read)?;
    }
    let address = |id: &i64| Address {
        store: names
            .store(connection, store_of(*id))
            .unwrap_or_else(|_| StoreAddress::new(UNREADABLE).into()),
        key: keys.remove(id).unwrap_or_else(unreadable),
    };
    Ok(ids.iter().map(address).collect())
}

/// Counts the index entries of some ranges; `None` if the index is damaged.
pub(in super::super) fn indexed(
    connection: &Connection,
    ranges: &[Range],
) -> rusqlite::Result<Option<u64>> {
    let sql =
        "SELECT count(*) FROM entries INDEXED BY entries_key WHERE store >= ?1 AND store <= ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut count = 0;
    for range in ranges {
        let stores = (store_of(range.after + 1), store_of(range.end));
        match intact(statement.query_row(stores, |row| row.get::<_, u64>(0)))? {
            Some(some) => count += some,
            None => return Ok(None),
        }
    }
    Ok(Some(count))
}
