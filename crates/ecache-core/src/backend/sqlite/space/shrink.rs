//! Returns free pages to the file system if the disk is nearly full.
//!
//! SQLite modifies each page that it cuts off. If its cache has no room for them, it writes them to
//! the log for nothing: cutting 3 MB in one transaction wrote 306 pages of log, and 4 with a cache
//! that holds them.

use std::fs;

use rusqlite::Connection;

use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::file::reserve;
use crate::error::{Error, Result};

/// Maximum number of pages cut off at a time; moving the remaining pages needs log space, too.
const STEP: u64 = 4096;

/// Settings of a connection that frees space, and SQLite's defaults, which are restored afterwards.
///
/// Automatic checkpoints of a long log could take the space that the next transaction needs.
const FRUGAL: &str = "PRAGMA cache_spill=OFF; PRAGMA wal_autocheckpoint=0";
const USUAL: &str = "PRAGMA cache_spill=ON; PRAGMA wal_autocheckpoint=1000";

impl SqliteBackend {
    /// Runs `work` with a connection that uses as little space as possible.
    pub(in super::super) fn frugally<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        let connection = self.connection()?;
        let set = |settings| connection.execute_batch(settings);
        set(FRUGAL).map_err(|error| self.error(error))?;
        let result = work(&connection);
        set(USUAL).map_err(|error| self.error(error))?;
        result
    }

    /// Cuts the free pages off the file, as far as possible now.
    ///
    /// Not possible while another process reads, or while remaining pages are in a log that does
    /// not fit into the file. Later writes then reuse the free pages.
    pub(in super::super) fn give_back(&self) {
        let _ = self.frugally(|connection| self.shrink(connection));
    }

    /// Returns the number that a statement selects.
    pub(super) fn number(&self, connection: &Connection, sql: &str) -> Result<u64> {
        let number = connection.query_row(sql, (), |row| row.get(0));
        number.map_err(|error| self.error(error))
    }

    fn shrink(&self, connection: &Connection) -> Result<()> {
        let number = |sql| self.number(connection, sql);
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

/// Cuts `pages` free pages off the file, in one transaction.
fn cut(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut cut = statement.query(())?;
    // Each step cuts off one page.
    while cut.next()?.is_some() {}
    Ok(())
}
