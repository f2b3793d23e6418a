//! Removing entries from a file with damaged pages.
//!
//! SQLite refuses to delete a row that an index lacks, and cannot walk a tree with a damaged page.
//! Indexes can be rebuilt from the table. If the table itself is damaged, only a removal of
//! everything is possible: one transaction overwrites the damaged file with a new one, without
//! reading its pages. The new file keeps the stores and names with their ids, since other processes
//! cache them. If those cannot be read, the file has to be deleted.

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::select::{self, SelectedPart};
use super::verify::{ChangeBatch, Judged};
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::format::damage::{damaged, is_corrupt};
use crate::backend::sqlite::format::schema;
use crate::backend::sqlite::names::{store_rows, verified_name};
use crate::error::{Error, Result};
use crate::filter::Selection;
use crate::time::Timestamp;

impl SqliteBackend {
    /// Removes the entries of a selection after `error` reported a damaged page or index.
    pub(in super::super) fn delete_damaged(
        &self,
        selection: &Selection,
        now: Timestamp,
        error: Error,
    ) -> Result<ChangeBatch> {
        match self.delete_indexing(selection, now) {
            Err(Error::Damaged { .. }) => match self.write_anew(selection, now)? {
                Some(batch) => Ok(batch),
                None => Err(self.hopeless().unwrap_or(error)),
            },
            result => result,
        }
    }

    /// Returns the error for a file that can only be deleted: one with damaged stores or names.
    fn hopeless(&self) -> Option<Error> {
        let connection = self.connection().ok()?;
        let Err(error) = copy_names(&connection) else {
            return None;
        };
        match self.error(error) {
            Error::Damaged { path, detail } => Some(Error::Damaged {
                path,
                detail: format!("{detail}, without which only deleting the file empties it"),
            }),
            _ => None,
        }
    }

    /// Rebuilds the indexes from the table and removes the entries, in one transaction.
    ///
    /// Selects the entries beforehand, since the old indexes identify damaged rows.
    fn delete_indexing(&self, selection: &Selection, now: Timestamp) -> Result<ChangeBatch> {
        self.transaction(|transaction| {
            let mut judged = Vec::new();
            for SelectedPart { ids, plan } in select::select(transaction, selection, now)? {
                judged.push(Judged::new(transaction, &self.names, &plan, &ids)?);
            }
            transaction.execute("REINDEX", ())?;
            let mut done = ChangeBatch::default();
            for judged in judged {
                done += judged.delete(transaction)?;
            }
            let evictions = std::mem::take(&mut done.evictions);
            evictions.write(self, transaction, now)?;
            Ok(done)
        })
    }

    /// Repairs the file once all entries were removed.
    ///
    /// Runs only then, since there is little left to check.
    pub(in super::super) fn repair_empty(
        &self,
        selection: &Selection,
        now: Timestamp,
    ) -> Result<()> {
        if !self.means_all(selection, now)? {
            return Ok(());
        }
        let Some(detail) = self.check_structure(1)?.pop() else {
            return Ok(());
        };
        match self.write_anew(selection, now)? {
            Some(_) => Ok(()),
            None => Err(Error::Damaged {
                path: self.path.clone(),
                detail,
            }),
        }
    }

    /// Reports whether a selection matches everything in the file unconditionally.
    fn means_all(&self, selection: &Selection, now: Timestamp) -> Result<bool> {
        let Some(filter) = selection.only_filter() else {
            return Ok(false);
        };
        Ok(self.plan(&*self.connection()?, filter, now)?.means_all())
    }

    /// Runs SQLite's own check of all pages and indexes, and returns up to `most` faults.
    pub(in super::super) fn check_structure(&self, most: u32) -> Result<Vec<String>> {
        let connection = self.connection()?;
        let check = || -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare(&format!("PRAGMA integrity_check({most})"))?;
            let faults = statement.query_map((), |row| row.get(0))?;
            faults.collect()
        };
        match check() {
            Err(error) if is_corrupt(&error) => Ok(vec![error.to_string()]),
            faults => {
                // Some faults begin with a line that names the connection's database.
                let faults = faults.map_err(|error| self.error(error))?;
                let lines = faults.iter().flat_map(|fault| fault.lines());
                let is_fault = |line: &&str| *line != "ok" && !line.starts_with("***");
                Ok(lines.filter(is_fault).map(Into::into).collect())
            }
        }
    }

    /// Overwrites the damaged file with an empty one if the selection matches everything.
    fn write_anew(&self, selection: &Selection, now: Timestamp) -> Result<Option<ChangeBatch>> {
        if !self.means_all(selection, now)? {
            return Ok(None);
        }
        let sqlite = |error| self.error(error);
        let mut connection = self.connection()?;
        let usage = select::count_readable(&connection).map_err(sqlite)?;
        let new = empty_copy(&connection).map_err(|error| match self.error(error) {
            error @ Error::Damaged { .. } => self.hopeless().unwrap_or(error),
            error => error,
        })?;
        let written = Backup::new(&new, &mut connection).and_then(|backup| backup.step(-1));
        match written.map_err(sqlite)? {
            StepResult::Done => Ok(Some(ChangeBatch {
                usage,
                ..ChangeBatch::default()
            })),
            _ => Err(Error::Busy),
        }
    }
}

/// Creates an in-memory database with the same stores and names, and without entries.
fn empty_copy(old: &Connection) -> rusqlite::Result<Connection> {
    let mut new = Connection::open_in_memory()?;
    new.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    schema::migrate(&mut new)?;
    for Copy { table, rows } in copy_names(old)? {
        if table == "sqlite_sequence" {
            new.execute("DELETE FROM sqlite_sequence", ())?;
        }
        for row in rows {
            let values = vec!["?"; row.len()].join(", ");
            let sql = format!("INSERT INTO {table} VALUES ({values})");
            new.prepare_cached(&sql)?.execute(params_from_iter(row))?;
        }
    }
    new.execute("UPDATE stores SET generation = generation + 1", ())?;
    Ok(new)
}

/// The raw rows of a table.
struct Copy {
    table: &'static str,
    rows: Vec<Vec<Value>>,
}

/// Copies the rows that an empty file has to keep: the verified stores and names, and the last ids
/// assigned.
///
/// The order matters: inserting rows makes SQLite add rows to `sqlite_sequence`, which the last
/// copy replaces.
fn copy_names(old: &Connection) -> rusqlite::Result<[Copy; 3]> {
    let unreadable = |what| {
        move |error| {
            if is_corrupt(&error) {
                damaged(what)
            } else {
                error
            }
        }
    };
    let stores = "the names of its stores cannot be read";
    let names = "the names of users and functions cannot be read";
    if store_rows::stores(old)?
        .iter()
        .any(|(_, store)| store.is_none())
    {
        return Err(damaged(stores));
    }
    let verify = || -> rusqlite::Result<()> {
        let mut statement =
            old.prepare("SELECT checksum, id, kind, name FROM names NOT INDEXED")?;
        let mut verified = statement.query_map((), verified_name)?;
        verified.try_for_each(|name| name.map(drop))
    };
    verify().map_err(unreadable(names))?;
    let copy = |table| -> rusqlite::Result<Copy> {
        // The entries of retired stores go with all others.
        let condition = match table {
            "stores" => "WHERE retired = 0",
            _ => "",
        };
        let mut statement =
            old.prepare(&format!("SELECT * FROM {table} NOT INDEXED {condition}"))?;
        let columns = statement.column_count();
        let row = |row: &Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        let rows = statement.query_map((), row)?;
        let rows = rows.collect::<rusqlite::Result<_>>()?;
        Ok(Copy { table, rows })
    };
    Ok([
        copy("stores").map_err(unreadable(stores))?,
        copy("names").map_err(unreadable(names))?,
        copy("sqlite_sequence").map_err(unreadable("the last of its numbers cannot be read"))?,
    ])
}
