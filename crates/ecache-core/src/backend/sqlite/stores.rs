//! Stores as such, what is recorded of hits, and the collection of what nothing refers to any more.

use std::sync::Arc;

use super::SqliteBackend;
use super::names::{self, store_address};
use super::open::SHORT_WAIT;
use super::query::stored_key;
use super::reclaim::Due;
use super::row::{number, policy};
use crate::backend::{Counters, Dimension, StoreMetadata, StoreRecord, Use};
use crate::entry::{MAX_COUNT, Policy};
use crate::error::Result;
use crate::scope::StoreAddress;
use crate::time::Timestamp;

impl SqliteBackend {
    pub(super) fn read_stores(&self) -> Result<Vec<StoreRecord>> {
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<Vec<StoreRecord>> {
            let mut statement = connection.prepare_cached(
                "SELECT collection, name, dataset, metadata, metadata_policy, metadata_created_at, \
                 metadata_updated_at FROM stores AS s WHERE metadata IS NOT NULL OR EXISTS \
                 (SELECT 1 FROM entries WHERE id >= s.id << 32 AND id <= (s.id << 32 | 0xffffffff)) \
                 ORDER BY collection, name, dataset",
            )?;
            let stores = statement.query_map((), |row| {
                let time = |column| -> rusqlite::Result<Option<Timestamp>> {
                    Ok(row
                        .get::<_, Option<i64>>(column)?
                        .map(Timestamp::from_millis))
                };
                let metadata = match row.get::<_, Option<String>>(3)? {
                    None => None,
                    Some(value) => Some(StoreMetadata {
                        value,
                        policy: row
                            .get::<_, Option<i64>>(4)?
                            .and_then(policy)
                            .unwrap_or(Policy::Persist),
                        created_at: time(5)?.unwrap_or(Timestamp::from_millis(0)),
                        updated_at: time(6)?,
                    }),
                };
                Ok(StoreRecord {
                    address: Arc::new(store_address(row, 0)?),
                    metadata,
                })
            })?;
            stores.collect()
        };
        read().map_err(|error| self.error(error))
    }

    pub(super) fn read_names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        let sql = match of {
            Dimension::Store => "SELECT DISTINCT name FROM stores ORDER BY name",
            Dimension::Dataset => {
                "SELECT DISTINCT dataset FROM stores WHERE dataset <> '' ORDER BY dataset"
            }
            Dimension::User => "SELECT name FROM names WHERE kind = 1 ORDER BY name",
            Dimension::Operator => "SELECT name FROM names WHERE kind = 2 ORDER BY name",
            Dimension::Prompt => "SELECT name FROM names WHERE kind = 3 ORDER BY name",
        };
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<Vec<Arc<str>>> {
            let mut statement = connection.prepare_cached(sql)?;
            let names = statement.query_map((), |row| row.get(0))?;
            names.collect()
        };
        read().map_err(|error| self.error(error))
    }

    pub(super) fn write_uses(&self, uses: &[Use]) -> Result<()> {
        if uses.is_empty() {
            return Ok(());
        }
        // A reader must not be held up by an import.
        self.transaction_within(SHORT_WAIT, |transaction| {
            let write = || -> rusqlite::Result<()> {
                let mut statement = transaction.prepare_cached(
                    "INSERT INTO uses(entry, last_used_at, hits) \
                     SELECT id, ?3, ?4 FROM entries WHERE store = ?1 AND key = ?2 \
                     ON CONFLICT(entry) DO UPDATE SET \
                     hits = min(hits, 9223372036854775807 - excluded.hits) + excluded.hits, \
                     last_used_at = max(coalesce(last_used_at, excluded.last_used_at), \
                     excluded.last_used_at)",
                )?;
                for one in uses {
                    if let Some(store) = self.names.store_id(transaction, &one.address.store)? {
                        let key = stored_key(one.address.key.as_str());
                        let hits = one.hits.min(MAX_COUNT);
                        statement.execute((store, key, one.used_at.as_millis(), hits))?;
                    }
                }
                Ok(())
            };
            write().map_err(|error| self.error(error))
        })
    }

    pub(super) fn add_counters(&self, counters: &[(Arc<StoreAddress>, Counters)]) -> Result<()> {
        if counters.is_empty() {
            return Ok(());
        }
        counters.iter().try_for_each(|(store, _)| store.check())?;
        let sets = Counters::default().fields().map(|(name, _)| {
            format!("{name} = min(ifnull({name}, 0), 9223372036854775807 - :{name}) + :{name}")
        });
        let sql = format!("UPDATE stores SET {} WHERE id = :id", sets.join(", "));
        self.transaction_within(SHORT_WAIT, |transaction| {
            let write = || -> rusqlite::Result<()> {
                let mut statement = transaction.prepare_cached(&sql)?;
                for (store, mut counters) in counters.iter().cloned() {
                    let id = names::intern_store(transaction, &store)?;
                    let counts = counters.fields().map(|(_, count)| (*count).min(MAX_COUNT));
                    let parameters = counts.iter().map(|count| *count as i64).chain([id]);
                    statement.execute(rusqlite::params_from_iter(parameters))?;
                }
                Ok(())
            };
            write().map_err(|error| self.error(error))
        })
    }

    pub(super) fn read_counters(&self) -> Result<Vec<(Arc<StoreAddress>, Counters)>> {
        let columns = Counters::default()
            .fields()
            .map(|(name, _)| name)
            .join(", ");
        let sql = format!(
            "SELECT collection, name, dataset, {columns} FROM stores \
             WHERE coalesce({columns}) IS NOT NULL ORDER BY collection, name, dataset"
        );
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map((), |row| {
                let mut counters = Counters::default();
                for (column, (_, count)) in (3..).zip(counters.fields()) {
                    let kept = number(row, column)?.and_then(|kept| u64::try_from(kept).ok());
                    *count = kept.unwrap_or(0);
                }
                Ok((Arc::new(store_address(row, 0)?), counters))
            })?;
            rows.collect()
        };
        read().map_err(|error| self.error(error))
    }

    /// Removes large values that no entry names any more, and names that no entry has any more.
    pub(super) fn delete_garbage(&self, now: Timestamp) -> Result<()> {
        self.reclaim_staged(now)?;
        self.reclaim(Due::By(now))?;
        self.transaction(|transaction| {
            transaction.execute_batch(
                "DELETE FROM chunks WHERE id >> 20 NOT IN (SELECT id FROM blobs);
                 DELETE FROM names WHERE kind = 1 AND NOT EXISTS (SELECT 1 FROM entries WHERE user = names.id);
                 DELETE FROM names WHERE kind = 2 AND NOT EXISTS (SELECT 1 FROM entries WHERE operator = names.id);
                 DELETE FROM names WHERE kind = 3 AND NOT EXISTS (SELECT 1 FROM entries WHERE prompt = names.id);",
            )
            .map_err(|error| self.error(error))
        })
    }
}
