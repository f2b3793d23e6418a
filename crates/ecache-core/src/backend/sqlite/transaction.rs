//! Write transactions.

use std::time::Duration;

use rusqlite::Connection;

use super::session::Session;
use super::{SqliteBackend, having_waited};
use crate::error::Result;

/// Undoes a transaction that is dropped before it was committed.
struct Rollback<'a>(&'a Connection);

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // A connection that cannot roll back is not used again.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

impl SqliteBackend {
    /// Runs `work` in a transaction that takes the write lock at once: one that begins by reading
    /// could not wait for the lock later.
    pub(super) fn transaction<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        self.transaction_on(&*self.writing_connection()?, work)
    }

    /// Does the same, but gives up with [`Error::Busy`] when another process writes for longer than
    /// `patience`.
    pub(super) fn transaction_within<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        let connection = self.writing_connection()?;
        connection
            .busy_timeout(patience)
            .map_err(|error| self.error(error))?;
        let result = self.transaction_on(&connection, work);
        connection
            .busy_timeout(self.patience)
            .map_err(|error| self.error(error))?;
        result.map_err(|error| having_waited(patience, error))
    }

    /// Runs the transaction on the given connection.
    pub(super) fn transaction_on<T>(
        &self,
        connection: &Session,
        work: impl FnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        // Prepared once for each connection, unlike those of `rusqlite::Transaction`.
        let execute = |sql| -> Result<()> {
            let executed = connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(()));
            executed.map(drop).map_err(|error| self.error(error))
        };
        execute("BEGIN IMMEDIATE")?;
        let _rollback = Rollback(connection);
        let result = work(connection)?;
        let is_current = connection.is_current();
        execute("COMMIT")?;
        if is_current {
            connection.keep_known();
        }
        Ok(result)
    }
}
