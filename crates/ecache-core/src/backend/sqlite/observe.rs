//! Generations and changes of a store.

use super::SqliteBackend;
use super::connection::pool::Look;
use super::lookup::cached_call;
use super::names::store_rows;
use crate::backend::ObserveBackend;
use crate::error::Result;
use crate::scope::StoreAddress;
use crate::sync::lock;

impl ObserveBackend for SqliteBackend {
    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        let connection = self.connection()?;
        let generation = || -> rusqlite::Result<u64> {
            match store_rows::find_store(&connection, store)? {
                Some(id) => cached_call::generation(&connection, id),
                None => Ok(0),
            }
        };
        let generation = generation().map_err(|error| self.error(error))?;
        Ok(self.generation_in_file(generation))
    }

    fn clears(&self, store: &StoreAddress) -> Result<Option<u64>> {
        self.clears_of(store)
    }

    fn change_token(&self) -> Result<u64> {
        let _held = self.hold(Look::Always);
        // `data_version` is relative to one connection, so a dedicated one is kept.
        let mut watcher = lock(&self.watcher);
        let connection = match watcher.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let version: rusqlite::Result<u64> = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)));
        *watcher = Some(connection);
        let version = version.map_err(|error| self.error(error))?;
        Ok(self.generation_in_file(version))
    }
}
