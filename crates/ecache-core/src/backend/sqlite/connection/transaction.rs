//! Write transactions.

use std::time::Duration;

use super::failure::SessionResult;
use super::session::Session;
use crate::backend::sqlite::SqliteBackend;
use crate::error::Result;

/// Undoes a transaction that is dropped before it was committed.
struct Rollback<'a> {
    backend: &'a SqliteBackend,
    session: &'a Session,
    is_committed: bool,
}

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        if self.is_committed {
            return;
        }
        // Ids of names that it inserted are given out again. No other connection has seen them.
        self.backend.names.forget();
        self.session.forget_uncommitted();
        // On a full disk, SQLite may have done it.
        if !self.session.is_autocommit() {
            // A connection that cannot roll back is not used again.
            let _ = self.session.execute_batch("ROLLBACK");
        }
    }
}

/// The end of a transaction whose work is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum End {
    /// The changes stay
    Commit,
    /// Nothing is changed
    Rollback,
}

/// The way in which a transaction counts the rows that it adds to `entries` and removes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Counting {
    /// By triggers, which take longer to make than an entry takes to write
    ByRow,
    /// The work tells each change, by [`Session::note`]
    ByItself,
    /// As [`Counting::ByRow`], after all entries were counted and sampled again
    Anew,
}

impl SqliteBackend {
    /// Runs `work` in a transaction that takes the write lock at once: one that begins by reading
    /// could not wait for the lock later.
    pub(in super::super) fn transaction<T>(
        &self,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        self.transaction_on(&*self.writing_connection()?, work)
    }

    /// Like `transaction`, but returns [`Error::Busy`] when another process writes for longer than
    /// `patience`.
    pub(in super::super) fn transaction_within<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        self.transaction_within_on(&*self.writing_connection()?, patience, work)
    }

    /// Runs such a transaction on the given connection.
    pub(in super::super) fn transaction_within_on<T>(
        &self,
        connection: &Session,
        patience: Duration,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        let wait = |patience| {
            let set = connection.busy_timeout(patience);
            set.map_err(|error| self.error(error))
        };
        wait(patience)?;
        let result = self.transaction_on(connection, work);
        wait(self.patience)?;
        result
    }

    /// Runs the transaction on the given connection.
    pub(in super::super) fn transaction_on<T>(
        &self,
        connection: &Session,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        self.transaction_ending(connection, End::Commit, work)
    }

    /// Runs a transaction that writes one entry: `work` notes what it adds to the table `entries`
    /// and takes from it.
    pub(in super::super) fn transaction_of_one<T>(
        &self,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        let connection = self.writing_connection()?;
        self.transaction_with(&connection, End::Commit, Counting::ByItself, work)
    }

    /// Runs a transaction that may be a rehearsal.
    pub(in super::super) fn transaction_ending<T>(
        &self,
        connection: &Session,
        end: End,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        self.transaction_with(connection, end, Counting::ByRow, work)
    }

    pub(in super::super) fn transaction_with<T>(
        &self,
        connection: &Session,
        end: End,
        counting: Counting,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> Result<T> {
        self.work_within(connection, end, counting, work)
            .map_err(|error| self.error(error))
    }

    fn work_within<T>(
        &self,
        connection: &Session,
        end: End,
        counting: Counting,
        work: impl FnOnce(&Session) -> SessionResult<T>,
    ) -> SessionResult<T> {
        // Prepared once for each connection, unlike those of `rusqlite::Transaction`.
        let execute = |sql: &'static str| -> rusqlite::Result<()> {
            connection.prepare_kept(sql)?.get().execute(()).map(drop)
        };
        execute("BEGIN IMMEDIATE")?;
        let mut rollback = Rollback {
            backend: self,
            session: connection,
            is_committed: false,
        };
        if !connection.read_limits(self, counting)? {
            execute("ROLLBACK")?;
            connection.begin_to_count()?;
            execute("BEGIN IMMEDIATE")?;
            connection.read_limits(self, counting)?;
        }
        let result = work(connection)?;
        if end == End::Rollback {
            return Ok(result);
        }
        connection.write_counters(self)?;
        let is_current = connection.is_current();
        execute("COMMIT")?;
        rollback.is_committed = true;
        if is_current {
            connection.keep_known();
        }
        connection.keep_limits();
        Ok(result)
    }
}
