//! Stores and their own documents.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;

use super::SqliteBackend;
use super::format::checksum;
use super::format::damage::{UNREADABLE, damaged, intact, readable};
use super::format::encoding::{UNMARKED, policy};
use super::names::store_rows::{self, set_metadata, write_metadata};
use super::names::{NameKind, verified_name};
use super::query::Range;
use crate::backend::sqlite::format::entry_id::{last_of_store, store_of};
use crate::backend::{Dimension, StoreMetadata, StoreRecord, StoresBackend};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

impl StoresBackend for SqliteBackend {
    fn stores(&self) -> Result<Vec<StoreRecord>> {
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<Vec<StoreRecord>> {
            let mut stores = Vec::new();
            for (id, address) in store_rows::stores(&connection)? {
                let address = address.unwrap_or_else(|| StoreAddress::new(UNREADABLE));
                let (exists, metadata) = match own_document(&connection, id)? {
                    OwnDocument::None => (false, None),
                    OwnDocument::Damaged => (true, None),
                    OwnDocument::Intact(metadata) => (true, Some(metadata)),
                };
                if exists || has_entries(&connection, id)? {
                    let address = Arc::new(address);
                    stores.push(StoreRecord::new(address, metadata));
                }
            }
            stores.sort_by(|one, two| one.address.cmp(&two.address));
            Ok(stores)
        };
        read().map_err(|error| self.error(error))
    }

    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        let connection = self.connection()?;
        let id = store_rows::find_store(&connection, store);
        let Some(id) = id.map_err(|error| self.error(error))? else {
            return Ok(None);
        };
        match own_document(&connection, id).map_err(|error| self.error(error))? {
            OwnDocument::None => Ok(None),
            OwnDocument::Intact(metadata) => Ok(Some(metadata)),
            OwnDocument::Damaged => Err(Error::DamagedEntry {
                address: Box::new(store.document()),
            }),
        }
    }

    fn count_documents(&self, filter: &Filter, _: Timestamp) -> Result<u64> {
        let connection = self.connection()?;
        let meant = meant_documents(&connection, filter).map_err(|error| self.error(error))?;
        Ok(meant.len() as u64)
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        store.check()?;
        self.transaction(|transaction| Ok(set_metadata(transaction, store, metadata)?))
    }

    fn remove_documents(&self, filter: &Filter, _: Timestamp) -> Result<u64> {
        self.transaction(|transaction| {
            let meant = meant_documents(transaction, filter)?;
            for (id, ..) in &meant {
                write_metadata(transaction, *id, None)?;
            }
            Ok(meant.len() as u64)
        })
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<BTreeSet<Arc<str>>> {
            let kind = match of {
                Dimension::Collection | Dimension::Store | Dimension::Dataset => {
                    let stores = store_rows::stores(&connection)?.into_iter();
                    let names = stores.filter_map(|(_, store)| of.name_of_store(&store?).cloned());
                    return Ok(names.collect());
                }
                Dimension::User => NameKind::User,
                Dimension::Operator => NameKind::Operator,
                Dimension::Prompt => NameKind::Prompt,
            };
            let sql = "SELECT checksum, id, kind, name FROM names WHERE kind = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let names =
                statement.query_map([kind as i64], |row| Ok(verified_name(row)?.1.into()))?;
            names.collect()
        };
        let names = read().map_err(|error| self.error(error))?;
        Ok(names.into_iter().collect())
    }
}

/// A store's own document, as far as it can be read.
pub(super) enum OwnDocument {
    None,
    Intact(StoreMetadata),
    Damaged,
}

pub(super) fn own_document(connection: &Connection, id: i64) -> rusqlite::Result<OwnDocument> {
    Ok(
        match intact(readable(metadata(connection, id)))?.flatten() {
            None => OwnDocument::Damaged,
            Some(None) => OwnDocument::None,
            Some(Some(metadata)) => OwnDocument::Intact(metadata),
        },
    )
}

/// Returns the stores whose own documents `filter` matches, damaged ones included.
pub(super) fn meant_documents(
    connection: &Connection,
    filter: &Filter,
) -> rusqlite::Result<Vec<(i64, StoreAddress, OwnDocument)>> {
    let mut meant = Vec::new();
    for (id, store) in store_rows::stores(connection)? {
        let document = own_document(connection, id)?;
        let policy = match &document {
            OwnDocument::None => continue,
            OwnDocument::Intact(metadata) => Some(metadata.policy),
            OwnDocument::Damaged => None,
        };
        let store = store.unwrap_or_else(|| StoreAddress::new(UNREADABLE));
        if filter.matches_document(&store, policy) {
            meant.push((id, store, document));
        }
    }
    Ok(meant)
}

/// Reads the metadata of a store.
fn metadata(connection: &Connection, id: i64) -> rusqlite::Result<Option<StoreMetadata>> {
    let sql = "SELECT metadata, metadata_policy, metadata_created_at, metadata_updated_at, \
               metadata_checksum FROM stores WHERE id = ?1";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        let Some(value) = row.get(0)? else {
            return Ok(None);
        };
        let number: i64 = row.get(1)?;
        let updated_at: Option<i64> = row.get(3)?;
        let metadata = StoreMetadata {
            value,
            policy: policy(number).ok_or(damaged("unknown policy"))?,
            created_at: Timestamp::from_millis(row.get(2)?),
            updated_at: updated_at.map(Timestamp::from_millis),
        };
        if row.get::<_, i64>(4)? == checksum::metadata(id, &metadata, number) {
            Ok(Some(metadata))
        } else {
            Err(damaged(
                "a store's own document does not match its checksum",
            ))
        }
    })
}

/// Lists damaged documents of the stores with entries in some ranges.
pub(super) fn damaged_documents(
    connection: &Connection,
    ranges: &[Range],
) -> rusqlite::Result<Vec<Address>> {
    // Listing all stores for each scan of one would take longer than the scans.
    if ranges.iter().all(Range::is_store) {
        let mut is_intact = true;
        for range in ranges {
            let document = own_document(connection, store_of(range.end))?;
            is_intact &= !matches!(document, OwnDocument::Damaged);
        }
        if is_intact {
            return Ok(Vec::new());
        }
    }
    let mut damaged = Vec::new();
    for (id, store) in store_rows::stores(connection)? {
        let is_meant = ranges.iter().any(|range| range.contains(last_of_store(id)));
        if is_meant && matches!(own_document(connection, id)?, OwnDocument::Damaged) {
            let store = store.unwrap_or_else(|| StoreAddress::new(UNREADABLE));
            damaged.push(store.document());
        }
    }
    Ok(damaged)
}

/// Reports whether a store has entries, or unreadable pages in their place.
pub(super) fn has_entries(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let Range { after, end } = Range::store(id);
    let sql =
        format!("SELECT 1 FROM entries AS e NOT INDEXED WHERE id > ?1 AND id <= ?2 AND {UNMARKED}");
    let exists = connection.prepare_cached(&sql)?.exists([after, end]);
    Ok(intact(exists)?.unwrap_or(true))
}

/// Reports whether there is a row with an id, marked or not.
pub(super) fn has_row(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM entries NOT INDEXED WHERE id = ?1";
    connection.prepare_cached(sql)?.exists([id])
}

/// Returns the last id of a store's entries, or the one before its first possible id.
pub(super) fn last_id(connection: &Connection, store: i64) -> rusqlite::Result<i64> {
    let Range { after, end } = Range::store(store);
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM entries WHERE id > ?1 AND id <= ?2")?
        .query_row([after, end], |row| row.get(0))?;
    match last {
        None => Ok(after),
        Some(last) if (Range { after, end }).contains(last) => Ok(last),
        Some(_) => Err(damaged("the entries are out of order")),
    }
}
