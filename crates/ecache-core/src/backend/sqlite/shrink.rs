//! Gives free pages back to the file system where hardly any space is left.
//!
//! SQLite changes each page that it cuts off. Those that its cache has no room for it writes to the log, though
//! nothing needs them there: 3 MB in one transaction were 306 pages of log, and 4 if the cache keeps them.

use std::fs;

use rusqlite::Connection;

use super::{SqliteBackend, reserve};
use crate::error::{Error, Result};

/// Pages that are cut off at a time, if there is space for the log of those that move to other places.
const STEP: u64 = 4096;

/// Settings of a connection that frees space, and SQLite's own, which it gets back.
///
/// To move a long log into the file by and by could take the space that the next transaction needs.
const FRUGAL: &str = "PRAGMA cache_spill=OFF; PRAGMA wal_autocheckpoint=0";
const USUAL: &str = "PRAGMA cache_spill=ON; PRAGMA wal_autocheckpoint=1000";

impl SqliteBackend {
    /// Runs `work` with a connection that takes as little space as possible.
    pub(super) fn frugally<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self.connection()?;
        let set = |settings| connection.execute_batch(settings);
        set(FRUGAL).map_err(|error| self.error(error))?;
        let result = work(&connection);
        set(USUAL).map_err(|error| self.error(error))?;
        result
    }

    /// Cuts the free pages off the file, as far as that is possible now.
    ///
    /// It is not while another process reads, nor where pages that stay are in a log that has no space in the
    /// file. Later writes use the free pages then.
    pub(super) fn give_back(&self) {
        let _ = self.frugally(|connection| self.shrink(connection));
    }

    fn shrink(&self, connection: &Connection) -> Result<()> {
        let number = |sql: &str| -> Result<u64> {
            let value = connection.query_row(sql, (), |row| row.get(0));
            value.map_err(|error| self.error(error))
        };
        let mut step = STEP;
        loop {
            let whole = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
            let file = fs::metadata(&self.path).map_or(0, |file| file.len());
            if reserve::has_space(&self.path, whole.saturating_sub(file)) {
                self.checkpoint(connection);
            }
            if number("PRAGMA freelist_count")? == 0 {
                return Ok(());
            }
            match cut(connection, step).map_err(|error| self.error(error)) {
                Err(Error::Full { .. }) if step > 1 => step /= 2,
                result => result?,
            }
        }
    }
}

/// Cuts so many free pages off the file, in one transaction.
fn cut(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut cut = statement.query(())?;
    // Each step cuts off one page.
    while cut.next()?.is_some() {}
    Ok(())
}
