//! Counts the clears of each store, so that the result of a computation that began before one is
//! not kept.
//!
//! A removal counts even if it finds nothing: the result that it means may still be computed. The
//! count is the upper part of the store's generation, and the row belongs to it, since a removal of
//! whole stores retires their rows. A row for each clear was considered: there is no moment at
//! which it can be deleted.

use std::time::Duration;

use rusqlite::Connection;

use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::lookup::cached_call;
use crate::backend::sqlite::names::store_rows;
use crate::error::{Error, Result};
use crate::filter::{DatasetPattern, Filter, Freshness, Pattern, Selection};
use crate::scope::StoreAddress;

/// Number of bits of a generation that count replaced entries. Should these overflow, the results
/// that are being computed are not kept.
const REPLACED_BITS: u32 = 32;

impl SqliteBackend {
    /// Counts a clear of the stores that a selection names, before its entries are removed.
    ///
    /// # Errors
    /// Fails as a write does, but not on a full disk and in a damaged file, where nothing is
    /// counted: a removal frees the one and works in the other.
    pub(in super::super) fn count_clear(&self, selection: &Selection) -> Result<()> {
        let filters: Vec<&Filter> = selection
            .filters()
            .filter(|filter| may_mean_running(filter))
            .collect();
        if filters.is_empty() {
            return Ok(());
        }
        let count = |connection: &Connection| -> rusqlite::Result<()> {
            let mut count = connection
                .prepare_cached("UPDATE stores SET generation = generation + ?2 WHERE id = ?1")?;
            for (id, store) in named_alone(connection, &filters)? {
                let is_named = |store: &StoreAddress| {
                    let names = |filter: &&Filter| filter.matches_store(store);
                    filters.iter().any(names)
                };
                if store.as_ref().is_none_or(is_named) {
                    count.execute((id, 1_u64 << REPLACED_BITS))?;
                }
            }
            Ok(())
        };
        match self.transaction(|transaction| Ok(count(transaction)?)) {
            Err(Error::Full { .. } | Error::Damaged { .. }) => Ok(()),
            counted => counted,
        }
    }

    /// Returns the number of clears of a store, which then has a row for the next ones. `None` if
    /// it has none and cannot be written now.
    pub(in super::super) fn clears_of(&self, store: &StoreAddress) -> Result<Option<u64>> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        if let Some(id) = store_rows::find_store(&connection, store).map_err(sqlite)? {
            return self.clears_in(&connection, id).map_err(sqlite).map(Some);
        }
        drop(connection);
        // A call that is about to compute must not wait, and its write reports any other trouble.
        let counted = self.transaction_within(Duration::ZERO, |transaction| {
            let id = store_rows::intern_store(transaction, store)?;
            Ok(self.clears_in(transaction, id)?)
        });
        Ok(counted.ok())
    }

    /// Returns the number of clears of the store with that row.
    pub(in super::super) fn clears_in(
        &self,
        connection: &Connection,
        id: i64,
    ) -> rusqlite::Result<u64> {
        Ok(self.clears_as_of(id, cached_call::generation(connection, id)?))
    }

    /// Returns the number of clears of a store whose row has that generation.
    pub(in super::super) fn clears_as_of(&self, id: i64, generation: u64) -> u64 {
        let clears = generation >> REPLACED_BITS;
        self.generation_in_file(id.unsigned_abs().rotate_right(24) ^ clears)
    }
}

/// Reports whether a filter can mean a result that is still computed: not if it selects expired,
/// old, unused or hit ones.
fn may_mean_running(filter: &Filter) -> bool {
    filter.freshness != Some(Freshness::Expired)
        && filter.written_before.is_none()
        && filter.unused_since.is_none()
        && filter.min_hits.is_none()
}

/// Lists the stores in use, or only the one that the filters name.
fn named_alone(
    connection: &Connection,
    filters: &[&Filter],
) -> rusqlite::Result<Vec<(i64, Option<StoreAddress>)>> {
    let [filter] = filters else {
        return store_rows::stores(connection);
    };
    let (collections, stores) = (&*filter.collections, &*filter.stores);
    let ([Pattern::Exact(collection)], [Pattern::Exact(name)], [dataset]) =
        (collections, stores, &*filter.datasets)
    else {
        return store_rows::stores(connection);
    };
    let dataset_id = match dataset {
        DatasetPattern::Unlinked => None,
        DatasetPattern::Id(Pattern::Exact(id)) => Some((&**id).into()),
        DatasetPattern::Id(Pattern::Glob(_)) => return store_rows::stores(connection),
    };
    let store = StoreAddress {
        collection: (&**collection).into(),
        store_name: (&**name).into(),
        dataset_id,
    };
    let found = store_rows::find_store(connection, &store)?;
    Ok(found.map(|id| (id, Some(store))).into_iter().collect())
}
