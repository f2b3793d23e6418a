//! Reads many entries page by page.
//!
//! No read transaction outlives a page: a process that prints to a blocked pipe must not keep the
//! write-ahead log from being reused. A page begins behind the last id of the one before. Where the
//! index does not give the entries in order of their id, the ids are collected first (8 bytes
//! each), and for another order also the sort keys (8 bytes more, 40 for a key that is a hash).
//!
//! A visitor gets each entry with its value while SQLite still holds the row, which saves copying
//! both. A row that needs more than that ends the page and is handed over after it.
//!
//! `order` sorts the ids of a plan, `index_walk` reads them in the order of an index, and
//! `uses_beside` reads recorded hits along with entries.

mod index_walk;
mod order;
mod rows;
mod uses_beside;

use rusqlite::Connection;

use super::SqliteBackend;
use super::connection::pool::{Held, Look};
use super::query::{Conditions, Plan, Range};
use super::row::Known;
use super::selection::salvage::{self, Salvage};
use super::stores;
use crate::backend::{Content, Direction, Row, Rows, Scan, ScanBackend, Sort, Values, Visitor};
use crate::error::{Error, Result};
use crate::time::Timestamp;
use index_walk::Walk;
use order::sorted_ids;

/// Number of entries, and bytes of their values, at which a page is full, so that memory stays
/// flat.
const PAGE: usize = 1000;

const PAGE_BYTES: usize = 1 << 20;

impl ScanBackend for SqliteBackend {
    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        Ok(Box::new(self.rows(scan, now)?))
    }

    fn visit(&self, scan: &Scan, now: Timestamp, visitor: &mut dyn Visitor) -> Result<()> {
        self.rows(scan, now)?.visit(visitor)
    }
}

impl SqliteBackend {
    fn rows(&self, scan: &Scan, now: Timestamp) -> Result<RowsOf<'_>> {
        let held = self.hold(Look::Sometimes);
        let connection = self.connection()?;
        let plan = self.plan(&connection, &scan.filter, now)?;
        let is_stored = matches!(scan.sort, Sort::Stored | Sort::Any) && scan.after.is_none();
        let streams = plan.ordered && is_stored && scan.direction == Direction::Ascending;
        let source = if streams {
            let mut ranges = plan.ranges();
            ranges.reverse();
            Source::Ranges(ranges)
        } else if let Some(walk) =
            Walk::new(&connection, &plan, scan).map_err(|error| self.error(error))?
        {
            Source::Walk(walk)
        } else {
            let ids = sorted_ids(&connection, &plan, scan, now);
            let ids = ids.map_err(|error| self.error(error))?;
            Source::Ids(ids.into_iter())
        };
        drop(connection);
        Ok(RowsOf {
            backend: self,
            _held: held,
            plan,
            source,
            values: scan.values,
            left: scan.limit.unwrap_or(u64::MAX),
            page: Vec::new().into_iter(),
            is_salvaged: false,
            lost: Vec::new(),
            is_limited: scan.limit.is_some(),
            is_ended: false,
            last: 0,
            seen: 0,
            known: Known::default(),
        })
    }
}

/// The rows of a scan.
struct RowsOf<'a> {
    backend: &'a SqliteBackend,
    /// Pins the file that the ranges and ids below belong to
    _held: Held<'a>,
    plan: Plan,
    source: Source,
    values: Values,
    left: u64,
    page: std::vec::IntoIter<Row>,
    /// Reports whether the list contains the remains of a damaged file
    is_salvaged: bool,
    /// Ids of entries that exist but cannot be read
    lost: Vec<i64>,
    is_limited: bool,
    /// Reports whether every row was read
    is_ended: bool,
    /// Id of the last row read
    last: i64,
    /// Number of rows read
    seen: u64,
    /// The names that rows led to
    known: Known,
}

enum Source {
    /// Ranges still to be read, the last one first
    Ranges(Vec<Range>),
    /// Ids still to be read
    Ids(std::vec::IntoIter<i64>),
    /// Ids that an index has in the order of the scan
    Walk(Walk),
}

impl Source {
    fn next(&mut self, connection: &Connection, plan: &Plan) -> rusqlite::Result<Option<Range>> {
        Ok(match self {
            Self::Ranges(ranges) => ranges.pop(),
            Self::Ids(ids) => ids.next().map(Range::one),
            Self::Walk(walk) => walk.next(connection, plan)?.map(Range::one),
        })
    }

    /// Puts the part of `range` behind the id `after` back for later.
    fn resume(&mut self, range: Range, after: i64) {
        if let Self::Ranges(ranges) = self {
            ranges.push(Range { after, ..range });
        }
    }
}

impl Iterator for RowsOf<'_> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        while self.left > 0 {
            if let Some(row) = self.page.next() {
                self.left -= 1;
                return Some(Ok(row));
            }
            match self.next_page(None) {
                Ok((_, page)) if page.is_empty() => return None,
                Ok((_, page)) => self.page = page.into_iter(),
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Rows that were read in one transaction.
struct Page<'v> {
    rows: Vec<Row>,
    /// Takes entries as they are read
    visitor: Option<&'v mut dyn Visitor>,
    /// Number of entries that the visitor has taken
    visited: usize,
    /// Maximum number of entries
    most: usize,
    bytes: usize,
    /// The id of the last row
    last: i64,
    /// Number of removed rows that the index of keys has as well
    removed: u64,
}

impl Page<'_> {
    /// Returns the number of rows.
    fn len(&self) -> usize {
        self.rows.len() + self.visited
    }

    fn is_full(&self) -> bool {
        let is_interrupted = self.visitor.is_some() && !self.rows.is_empty();
        self.len() >= self.most || self.bytes >= PAGE_BYTES || is_interrupted
    }

    fn push(&mut self, id: i64, row: Row) {
        if let Row::Entry(_, Some(Content::Inline(bytes))) = &row {
            self.bytes += bytes.len();
        }
        self.last = id;
        self.rows.push(row);
    }
}

impl RowsOf<'_> {
    /// Hands all rows to a visitor.
    fn visit(mut self, visitor: &mut dyn Visitor) -> Result<()> {
        while self.left > 0 {
            let (visited, rows) = self.next_page(Some(visitor))?;
            if visited == 0 && rows.is_empty() || visitor.end_page().is_break() {
                break;
            }
            self.left = self.left.saturating_sub((visited + rows.len()) as u64);
            for row in rows {
                if visitor.row(row).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads the next rows, none at the end. Returns the number of those that the visitor has
    /// taken, and the rest, which comes after them.
    fn next_page(&mut self, visitor: Option<&mut dyn Visitor>) -> Result<(usize, Vec<Row>)> {
        let connection = self.backend.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.backend.error(error))?;
        let mut page = Page {
            rows: Vec::new(),
            visitor,
            visited: 0,
            most: usize::try_from(self.left).map_or(PAGE, |left| left.min(PAGE)),
            bytes: 0,
            last: self.last,
            removed: 0,
        };
        let sqlite = |error| self.backend.error(error);
        let mut sql = self.sql();
        // Where each row is looked up by itself, finding the statement would take as long as its
        // columns.
        let mut statement = None;
        while !page.is_full()
            && let Some(range) = self.source.next(&snapshot, &self.plan).map_err(sqlite)?
        {
            let before = (page.len(), page.removed);
            let read = self.read(&snapshot, (&sql, &mut statement), range, &mut page);
            match (read, &self.source) {
                (Ok(()), Source::Ids(_) | Source::Walk(_))
                    if self.is_salvaged && (page.len(), page.removed) == before =>
                {
                    self.lost.push(range.end);
                }
                (Ok(()), _) if page.is_full() => self.source.resume(range, page.last),
                (Ok(()), _) => {}
                (Err(Error::Damaged { .. }), Source::Ranges(_)) => {
                    let lost = self.salvage(&snapshot, page.last).map_err(sqlite)?;
                    page.rows.extend(lost);
                    (sql, statement) = (self.sql(), None);
                }
                (Err(Error::Damaged { .. }), Source::Ids(_) | Source::Walk(_)) => {
                    match self.without_uses(&snapshot, range).map_err(sqlite)? {
                        Some(row) => page.rows.push(row),
                        None => self.lost.push(range.end),
                    }
                }
                (Err(error), _) => return Err(error),
            }
        }
        self.last = page.last;
        self.seen += page.len() as u64 + page.removed;
        if page.len() == 0 {
            page.rows.extend(self.hidden(&snapshot).map_err(sqlite)?);
        }
        Ok((page.visited, page.rows))
    }

    /// Continues after an id with the readable rows of a damaged file, and returns the unreadable
    /// ones.
    fn salvage(&mut self, connection: &Connection, last: i64) -> rusqlite::Result<Vec<Row>> {
        self.is_salvaged = true;
        let names = &self.backend.names;
        let mut found = Salvage::new(connection, names, &self.plan.ranges())?;
        found.ids.retain(|id| *id > last);
        self.source = Source::Ids(found.ids.into_iter());
        Ok(found.lost.into_iter().map(Row::Damaged).collect())
    }

    /// Returns the damage to report at the end of a complete list of some stores: their damaged
    /// documents, and entries that the indexes have but the table does not show. A damaged page can
    /// hide entries without an error.
    fn hidden(&mut self, connection: &Connection) -> rusqlite::Result<Vec<Row>> {
        if std::mem::replace(&mut self.is_ended, true) {
            return Ok(Vec::new());
        }
        let names = &self.backend.names;
        self.lost.sort_unstable();
        let mut lost = salvage::addresses(connection, names, &self.lost)?;
        let is_whole = self.plan.conditions() == Conditions::Nothing;
        if !is_whole || self.is_limited || self.values != Values::Include {
            return Ok(lost.into_iter().map(Row::Damaged).collect());
        }
        let ranges = self.plan.ranges();
        lost.extend(stores::damaged_documents(connection, &ranges)?);
        if !self.is_salvaged
            && salvage::indexed(connection, &ranges)?.is_some_and(|count| count > self.seen)
        {
            lost.extend(Salvage::new(connection, names, &ranges)?.lost);
        }
        Ok(lost.into_iter().map(Row::Damaged).collect())
    }
}
