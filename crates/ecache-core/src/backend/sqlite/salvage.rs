//! Finds the readable and the lost entries of a file with damaged pages.
//!
//! A damaged page loses the rows on it, or hides those on the pages below it. Two indexes also hold
//! the ids of all entries, so the missing ones can be identified and counted.

use std::collections::HashMap;

use rusqlite::Connection;

use super::damage::{UNREADABLE, intact, unreadable};
use super::encoding;
use super::names::Names;
use super::query::Range;
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
        let (mut ids, mut is_whole) = (Vec::new(), true);
        let sql = format!("SELECT id FROM entries {source}");
        let read = (|| -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(&sql)?;
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

/// The entries of a damaged file.
pub(super) struct Salvage {
    /// Ids of the readable rows, sorted
    pub(super) ids: Vec<i64>,
    /// Addresses of the unreachable rows
    pub(super) lost: Vec<Address>,
}

impl Salvage {
    /// Searches some ranges for their entries.
    pub(super) fn new(
        connection: &Connection,
        names: &Names,
        ranges: &[Range],
    ) -> rusqlite::Result<Self> {
        let is_meant = |id: &i64| ranges.iter().any(|range| range.contains(*id));
        let by_key = Ids::new(connection, "INDEXED BY entries_key")?;
        let by_time = Ids::new(connection, "INDEXED BY entries_written")?;
        let mut table = Ids::new(connection, "NOT INDEXED ORDER BY id")?;
        if !table.is_whole {
            table.ids = {
                let mut ids = Ids::new(connection, "NOT INDEXED ORDER BY id DESC")?.ids;
                ids.append(&mut table.ids);
                ids.sort_unstable();
                ids.dedup();
                ids
            };
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
pub(super) fn addresses(
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
            .store(connection, id >> 32)
            .unwrap_or_else(|_| StoreAddress::new(UNREADABLE).into()),
        key: keys.remove(id).unwrap_or_else(unreadable),
    };
    Ok(ids.iter().map(address).collect())
}

/// Counts the index entries of some ranges; `None` if the index is damaged.
pub(super) fn indexed(connection: &Connection, ranges: &[Range]) -> rusqlite::Result<Option<u64>> {
    let sql =
        "SELECT count(*) FROM entries INDEXED BY entries_key WHERE store >= ?1 AND store <= ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut count = 0;
    for range in ranges {
        let stores = ((range.after + 1) >> 32, range.end >> 32);
        match intact(statement.query_row(stores, |row| row.get::<_, u64>(0)))? {
            Some(some) => count += some,
            None => return Ok(None),
        }
    }
    Ok(Some(count))
}
