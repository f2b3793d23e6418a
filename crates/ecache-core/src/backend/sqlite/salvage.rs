//! What can still be read of a file whose pages are damaged, and what it has lost.
//!
//! A damaged page takes the rows of the table with it that are on it, or hides those on the pages below. The ids of
//! all entries are in two indexes as well, so what a list lacks can be told and counted.

use std::collections::HashMap;

use rusqlite::{Connection, ErrorCode};

use super::names::Names;
use super::query::Range;
use super::read::UNREADABLE;
use super::row;
use crate::key::Key;
use crate::scope::{Address, StoreAddress};

/// Whether SQLite says that a page is damaged.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// What was read, or nothing where a page is damaged.
pub(super) fn intact<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match read {
        Err(error) if is_corrupt(&error) => Ok(None),
        read => read.map(Some),
    }
}

/// Ids in order, as far as a tree has them.
struct Ids {
    ids: Vec<i64>,
    /// Whether the tree was read to its end
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
    /// Those whose rows are there, in order
    pub(super) ids: Vec<i64>,
    /// Those whose rows cannot be reached
    pub(super) lost: Vec<Address>,
}

impl Salvage {
    /// Looks for the entries of some ranges.
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
                // One index alone may be what is damaged.
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
            // How many there were is not known.
            lost.push(StoreAddress::new(UNREADABLE).entry(unreadable()));
        }
        Ok(Self { ids, lost })
    }
}

/// The addresses of entries, their keys from the index alone.
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
                    && let Some(key) = row::key(row.get_ref(1)?)
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

/// Stands for a key that cannot be read.
pub(super) fn unreadable() -> Key {
    Key::new(UNREADABLE).expect("a short key is valid")
}

/// How many entries of some ranges an index has; nothing where it is damaged.
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
