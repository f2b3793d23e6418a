//! The rows of stores: reading and verifying them, adding them, and setting what they hold.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::backend::StoreMetadata;
use crate::backend::sqlite::format::checksum;
use crate::backend::sqlite::format::damage::{damaged, intact, readable};
use crate::backend::sqlite::format::encoding::policy_number;
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Reads a store from the columns `collection, name, dataset`, the first of which is number
/// `first`.
fn store_address(row: &Row<'_>, first: usize) -> rusqlite::Result<StoreAddress> {
    let dataset: String = row.get(first + 2)?;
    Ok(StoreAddress {
        collection: row.get(first)?,
        store_name: row.get(first + 1)?,
        dataset_id: (!dataset.is_empty()).then(|| dataset.into()),
    })
}

/// The columns of a store that [`verified_store`] reads.
///
/// The checksum comes first: without a column of the table, SQLite would read only the index.
macro_rules! store_columns {
    () => {
        "checksum, id, retired, collection, name, dataset"
    };
}
pub(in super::super) use store_columns;

/// A verified row of `stores`.
pub(in super::super) struct StoreRow {
    pub(in super::super) id: i64,
    pub(in super::super) address: StoreAddress,
    /// The number of the operation that retired the row, 0 for a store in use
    pub(in super::super) retired: i64,
}

/// Reads a store from [`store_columns`].
pub(in super::super) fn verified_store(row: &Row<'_>) -> rusqlite::Result<StoreRow> {
    let (stored, id, retired): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let address = store_address(row, 3)?;
    // Entries have the store's id in the upper half of theirs.
    if stored == checksum::store(id, &address, retired) && (1..1 << 31).contains(&id) {
        Ok(StoreRow {
            id,
            address,
            retired,
        })
    } else {
        Err(damaged("the names of a store do not match their checksum"))
    }
}

/// Returns the verified row of `stores` with an id, in use or retired.
pub(in super::super) fn store_row(
    connection: &Connection,
    id: i64,
) -> rusqlite::Result<Option<StoreRow>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            store_columns!(),
            " FROM stores WHERE id = ?1"
        ))?
        .query_row([id], verified_store)
        .optional()
}

/// Recovers the store of a damaged row from the index of the names, which holds a copy of them.
///
/// The copy is trusted if it matches the row's checksum, or if it equals the row's own names.
pub(super) fn stored_in_index(connection: &Connection, id: i64) -> rusqlite::Result<StoreRow> {
    let copy = "SELECT retired, collection, name, dataset FROM stores \
                INDEXED BY sqlite_autoindex_stores_1 WHERE +id = ?1";
    let copy = connection.prepare(copy)?.query_row([id], |row| {
        Ok(StoreRow {
            id,
            address: store_address(row, 1)?,
            retired: row.get(0)?,
        })
    })?;
    let row =
        "SELECT checksum, retired, collection, name, dataset FROM stores NOT INDEXED WHERE id = ?1";
    connection.prepare(row)?.query_row([id], |row| {
        let is_sum = row.get(0) == Ok(checksum::store(id, &copy.address, copy.retired));
        if is_sum || (store_address(row, 2)? == copy.address && row.get(1) == Ok(copy.retired)) {
            Ok(copy)
        } else {
            Err(damaged("the names of a store do not match their checksum"))
        }
    })
}

/// Lists the stores in use in order of their ids; unreadable names are `None`.
pub(in super::super) fn stores(
    connection: &Connection,
) -> rusqlite::Result<Vec<(i64, Option<StoreAddress>)>> {
    let (stores, _) = all_stores(connection)?;
    Ok(stores)
}

/// Lists the stores in use as [`stores`] does, and the ids of the retired ones, in order.
#[expect(clippy::type_complexity, reason = "two lists")]
pub(in super::super) fn all_stores(
    connection: &Connection,
) -> rusqlite::Result<(Vec<(i64, Option<StoreAddress>)>, Vec<i64>)> {
    let (mut stores, mut retired) = (Vec::new(), Vec::new());
    for (id, row) in store_rows(connection)? {
        match row {
            Some(row) if row.retired != 0 => retired.push(id),
            row => stores.push((id, row.map(|row| row.address))),
        }
    }
    Ok((stores, retired))
}

/// Lists every row of `stores` in order of its id; unreadable ones are `None`.
pub(in super::super) fn store_rows(
    connection: &Connection,
) -> rusqlite::Result<Vec<(i64, Option<StoreRow>)>> {
    let sql = concat!(
        "SELECT ",
        store_columns!(),
        " FROM stores NOT INDEXED ORDER BY id"
    );
    let mut stores = BTreeMap::new();
    let read = (|| -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let store = readable(verified_store(row))?;
            stores.insert(row.get(1)?, store);
        }
        Ok(())
    })();
    let is_whole = intact(read)?.is_some();
    if !is_whole || stores.values().any(Option::is_none) {
        // A damaged page may hide stores; those with entries are found through the entries.
        // Marked rows that made way for others are below zero.
        let sql = "SELECT DISTINCT store FROM entries INDEXED BY entries_key WHERE store > 0";
        let read = (|| -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                stores.entry(row.get(0)?).or_insert(None);
            }
            Ok(())
        })();
        intact(read)?;
    }
    if !is_whole && stores.is_empty() {
        return Err(damaged("the names of its stores cannot be read"));
    }
    for (id, store) in &mut stores {
        if store.is_none() {
            *store = intact(readable(stored_in_index(connection, *id)))?.flatten();
        }
    }
    Ok(stores.into_iter().collect())
}

/// Returns the id of a store in use, if the file has it, without remembering it.
pub(in super::super) fn find_store(
    connection: &Connection,
    store: &StoreAddress,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            store_columns!(),
            " FROM stores WHERE collection = ?1 AND name = ?2 AND dataset = ?3 AND retired = 0"
        ))?
        .query_row(store_key(store), |row| {
            let found = verified_store(row)?;
            if found.address == *store && found.retired == 0 {
                Ok(found.id)
            } else {
                Err(damaged("an index leads to another store"))
            }
        })
        .optional()
}

fn store_key(store: &StoreAddress) -> (&str, &str, &str) {
    let dataset = store.dataset_id.as_deref().unwrap_or_default();
    (&store.collection, &store.store_name, dataset)
}

/// Returns the id of a store, which is inserted if it is missing. Requires a write transaction.
pub(in super::super) fn intern_store(
    connection: &Connection,
    store: &StoreAddress,
) -> rusqlite::Result<i64> {
    match find_store(connection, store)? {
        Some(id) => Ok(id),
        None => insert_store(connection, store),
    }
}

/// Inserts a store that the file does not have.
pub(in super::super) fn insert_store(
    connection: &Connection,
    store: &StoreAddress,
) -> rusqlite::Result<i64> {
    let (collection, name, dataset) = store_key(store);
    let id = connection
        .prepare_cached(
            "INSERT INTO stores(collection, name, dataset, retired, generation) \
             VALUES (?1, ?2, ?3, 0, 0)",
        )?
        .insert((collection, name, dataset))?;
    connection
        .prepare_cached("UPDATE stores SET checksum = ?2 WHERE id = ?1")?
        .execute((id, checksum::store(id, store, 0)))?;
    Ok(id)
}

/// Sets or removes the metadata of a store.
pub(in super::super) fn set_metadata(
    connection: &Connection,
    store: &StoreAddress,
    metadata: Option<&StoreMetadata>,
) -> rusqlite::Result<()> {
    let id = intern_store(connection, store)?;
    write_metadata(connection, id, metadata)
}

/// Sets or removes the metadata of the store with that id.
pub(in super::super) fn write_metadata(
    connection: &Connection,
    id: i64,
    metadata: Option<&StoreMetadata>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE stores SET metadata = ?2, metadata_policy = ?3, metadata_created_at = ?4, \
             metadata_updated_at = ?5, metadata_checksum = ?6, generation = generation + 1 \
             WHERE id = ?1",
        )?
        .execute((
            id,
            metadata.map(|metadata| &metadata.value),
            metadata.map(|metadata| policy_number(metadata.policy)),
            metadata.map(|metadata| metadata.created_at.as_millis()),
            metadata.and_then(|metadata| Some(metadata.updated_at?.as_millis())),
            metadata
                .map(|metadata| checksum::metadata(id, metadata, policy_number(metadata.policy))),
        ))?;
    Ok(())
}

/// Returns the time of the last change of a store's metadata, `None` if it has none.
pub(in super::super) fn metadata_written_at(
    connection: &Connection,
    store: &StoreAddress,
) -> rusqlite::Result<Option<Timestamp>> {
    let id = intern_store(connection, store)?;
    let sql = "SELECT coalesce(metadata_updated_at, metadata_created_at, 0) FROM stores \
               WHERE id = ?1 AND metadata IS NOT NULL";
    connection
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

/// Raises a store's generation, which invalidates it in the memory tiers of other processes.
pub(in super::super) fn bump_generation(
    connection: &Connection,
    store: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE stores SET generation = generation + 1 WHERE id = ?1")?
        .execute([store])?;
    Ok(())
}
