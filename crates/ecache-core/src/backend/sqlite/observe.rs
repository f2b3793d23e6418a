//! Generations and changes of a store, and its usage.

use super::pool::Look;
use super::{SqliteBackend, cached_call, lock, store_rows};
use crate::backend::ObserveBackend;
use crate::error::Result;
use crate::scope::StoreAddress;
use crate::time::Timestamp;
use crate::usage::{Batch, LogId, LogRange, Recorded, Tally};

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

    fn add_usage(&self, batch: &Batch, position: Option<LogRange>, now: Timestamp) -> Result<bool> {
        self.write_usage(batch, position, now)
    }

    fn tallies(&self) -> Result<Vec<Tally>> {
        self.read_tallies()
    }

    fn folded(&self, log: LogId) -> Result<u64> {
        self.read_folded(log)
    }

    fn folded_logs(&self) -> Result<Vec<(LogId, Option<Timestamp>)>> {
        self.read_folded_logs()
    }

    fn usage_since(&self, from: Timestamp, logs: &[LogId]) -> Result<Recorded> {
        self.read_usage(from, logs)
    }
}
