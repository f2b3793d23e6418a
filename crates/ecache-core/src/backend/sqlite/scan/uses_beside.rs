//! The recorded hits of entries that are read in the order of their ids.
//!
//! A join looks in the tree of `uses` for each entry, which is most of the time that its three
//! columns take where few entries were hit. A second statement reads `uses` in the same order and
//! steps only when it has fallen behind. Weighed: the join (simplest, and kept wherever a scan does
//! not read every row of a range: stepping over the uses between two of its rows could take longer
//! than the scan), and the uses of a page in a map (the same steps, and memory).

use rusqlite::{CachedStatement, Connection, Rows};

use crate::backend::sqlite::format::damage::RowError;
use crate::backend::sqlite::query::Range;
use crate::backend::sqlite::row::{Uses, uses};

/// The uses of the entries of a range, of which the next one was read.
pub(in super::super) struct UsesBeside<'a> {
    rows: Rows<'a>,
    next: Option<Next>,
}

struct Next {
    entry: i64,
    uses: Result<Uses, RowError>,
}

impl<'a> UsesBeside<'a> {
    /// Prepares the statement.
    pub(in super::super) fn statement(
        connection: &Connection,
    ) -> rusqlite::Result<CachedStatement<'_>> {
        connection.prepare_cached(concat!(
            "SELECT ",
            uses!(),
            ", entry FROM uses WHERE entry > ?1 AND entry <= ?2 ORDER BY entry"
        ))
    }

    /// Begins to read the uses of a range.
    pub(in super::super) fn new(
        statement: &'a mut CachedStatement<'_>,
        range: Range,
    ) -> rusqlite::Result<Self> {
        let mut beside = Self {
            rows: statement.query((range.after, range.end))?,
            next: None,
        };
        beside.step()?;
        Ok(beside)
    }

    fn step(&mut self) -> rusqlite::Result<()> {
        self.next = match self.rows.next()? {
            Some(row) => Some(Next {
                entry: row.get(3)?,
                uses: Uses::of_row(row, 0),
            }),
            None => None,
        };
        Ok(())
    }

    /// Returns the uses of an entry, whose id is above those that were asked for before.
    pub(in super::super) fn of(&mut self, id: i64) -> rusqlite::Result<Result<Uses, RowError>> {
        loop {
            match &mut self.next {
                Some(next) if next.entry < id => self.step()?,
                Some(next) if next.entry == id => {
                    return Ok(std::mem::replace(&mut next.uses, Ok(Uses::default())));
                }
                Some(_) | None => return Ok(Ok(Uses::default())),
            }
        }
    }
}
