//! Checking a file, removing what nothing refers to, and giving space back.

use std::fs;
use std::path::Path;

use super::purge::Purge;
use super::reclaim::Due;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::blobs::REMOVED;
use crate::backend::sqlite::file::open;
use crate::backend::sqlite::format::schema;
use crate::backend::sqlite::names::NameKind;
use crate::backend::sqlite::operations::LoggedOperation;
use crate::backend::{
    CollectionDamage, CountBackend, Description, MaintainBackend, StoresBackend, count_names,
};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::time::Timestamp;

impl MaintainBackend for SqliteBackend {
    fn collection_damage(&self, _collection: &str) -> Result<Vec<CollectionDamage>> {
        /// Maximum number of faults to list.
        const MOST: u32 = 10;
        let faults = self.check_structure(MOST)?;
        if !faults.is_empty() {
            // A damaged index hides entries from the samples, too.
            return Ok(faults
                .into_iter()
                .map(CollectionDamage::Structure)
                .collect());
        }
        let faults = self.check_limits()?;
        Ok(faults.into_iter().map(CollectionDamage::Limit).collect())
    }

    fn collect_garbage(&self, now: Timestamp) -> Result<()> {
        self.purge(Purge::Due(now))?;
        self.reclaim_staged(now)?;
        self.reclaim(Due::By(now))?;
        self.transaction(|transaction| {
            // Checks two places, so that a single damaged one does not cost an entry its value.
            let sql = "DELETE FROM chunks WHERE id >> 20 NOT IN (SELECT id FROM blobs) AND id >> 20 \
                 NOT IN (SELECT blob FROM entries INDEXED BY entries_blob WHERE blob IS NOT NULL)";
            Ok(transaction.execute_batch(sql)?)
        })
    }

    fn compact(&self, now: Timestamp) -> Result<()> {
        match self.delete_unnamed() {
            Err(Error::Full { .. }) => {}
            deleted => deleted?,
        }
        self.collect_garbage(now)?;
        let connection = self.connection()?;
        match open::vacuum(&connection).map_err(|error| self.error(error)) {
            // There is no space for a second copy of the file.
            Err(Error::Full { .. }) => self.give_back(),
            vacuumed => {
                vacuumed?;
                self.checkpoint(&connection);
            }
        }
        Ok(())
    }

    fn describe(&self) -> Result<Description> {
        let connection = self.connection()?;
        let number = |sql| self.number(&connection, sql);
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let operations = LoggedOperation::all(&connection).map_err(|error| self.error(error))?;
        let entries = if operations.iter().any(LoggedOperation::may_keep_rows) {
            let all = Filter {
                collections: Vec::new(),
                ..Filter::default()
            };
            self.usage(&all.into(), Timestamp::from_millis(0))?.entries
        } else {
            number("SELECT count(*) FROM entries")?
        };
        Ok(Description {
            engine: format!("SQLite {}", rusqlite::version()),
            path: Some(self.path.clone()),
            file_size: size(&self.path),
            wal_size: open::log_size(&self.path),
            free_size: number("PRAGMA freelist_count")? * number("PRAGMA page_size")?,
            unnamed: self.count_unnamed()?,
            schema_version: number("PRAGMA user_version")? as i64,
            known_schema_version: schema::VERSION,
            stores: count_names(&self.stores()?),
            entries,
        })
    }
}

impl SqliteBackend {
    /// Removes the names that no entry uses, and marks orphaned large values, such as those of
    /// damaged entries, for `reclaim`.
    ///
    /// Reads the whole table, since the index alone may be damaged.
    pub(super) fn delete_unnamed(&self) -> Result<()> {
        let unnamed = |table: &str, column: &str| {
            format!(
                "NOT EXISTS (SELECT 1 FROM entries WHERE {column} = {table}.id) AND id NOT IN \
                 (SELECT {column} FROM entries NOT INDEXED WHERE {column} IS NOT NULL)"
            )
        };
        let blobs = format!(
            "UPDATE blobs SET replaced_at = {REMOVED} \
             WHERE staged_at IS NULL AND replaced_at IS NULL AND {}",
            unnamed("blobs", "blob")
        );
        let names = [
            (NameKind::User, "user"),
            (NameKind::Operator, "operator"),
            (NameKind::Prompt, "prompt"),
        ];
        let names = names.map(|(kind, column)| {
            let unnamed = unnamed("names", column);
            format!(
                "DELETE FROM names WHERE kind = {} AND {unnamed}",
                kind as i64
            )
        });
        self.transaction(|transaction| {
            for sql in names.iter().chain([&blobs]) {
                transaction.execute(sql, ())?;
            }
            Ok(())
        })
    }
}
