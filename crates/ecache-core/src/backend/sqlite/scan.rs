//! Reads many entries page by page.
//!
//! No read transaction outlives a page: a process that prints to a blocked pipe must not keep the
//! write-ahead log from being reused. A page begins behind the last id of the one before. Where the
//! index does not give the entries in order of their id, the ids are collected first (8 bytes
//! each), and for another order also the sort keys (8 bytes more, 40 for a key that is a hash).

use std::sync::Arc;

use rusqlite::{Connection, params_from_iter};

use super::damage::{self, RowError, UNREADABLE, damaged, is_corrupt};
use super::index_walk::Walk;
use super::pool::{Held, Look};
use super::query::{Conditions, Plan, Range};
use super::row::{self, NO_USES, USES, Uses};
use super::salvage::{self, Salvage};
use super::scan_order::sorted_ids;
use super::{SqliteBackend, encoding, stores};
use crate::backend::{Content, Direction, Row, Scan, Sort, Values};
use crate::error::{Error, Result};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Number of entries, and bytes of their values, at which a page is full, so that memory stays
/// flat.
const PAGE: usize = 1000;

const PAGE_BYTES: usize = 4 << 20;

impl SqliteBackend {
    pub(super) fn rows(&self, scan: &Scan, now: Timestamp) -> Result<RowsOf<'_>> {
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
        })
    }
}

/// The rows of a scan.
pub(super) struct RowsOf<'a> {
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
            match self.next_page() {
                Ok(page) if page.is_empty() => return None,
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// The entry of a row.
enum Found {
    /// An entry, or a damaged one
    Row(Row),
    /// A removed entry, and whether the index of keys has it under its store
    Removed { is_indexed: bool },
    /// Nothing that the filter matches
    Nothing,
}

impl Found {
    fn entry(self) -> Option<Row> {
        match self {
            Self::Row(row) => Some(row),
            Self::Removed { .. } | Self::Nothing => None,
        }
    }
}

/// Rows that were read in one transaction.
#[derive(Default)]
struct Page {
    rows: Vec<Row>,
    bytes: usize,
    /// The id of the last row
    last: i64,
    /// Number of removed rows that the index of keys has as well
    removed: u64,
}

impl Page {
    fn is_full(&self) -> bool {
        self.rows.len() >= PAGE || self.bytes >= PAGE_BYTES
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
    /// Returns the next rows; none at the end.
    fn next_page(&mut self) -> Result<Vec<Row>> {
        let connection = self.backend.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.backend.error(error))?;
        let mut page = Page {
            last: self.last,
            ..Page::default()
        };
        let sqlite = |error| self.backend.error(error);
        let mut sql = self.sql();
        while !page.is_full()
            && let Some(range) = self.source.next(&snapshot, &self.plan).map_err(sqlite)?
        {
            let before = (page.rows.len(), page.removed);
            match (self.read(&snapshot, &sql, range, &mut page), &self.source) {
                (Ok(()), Source::Ids(_) | Source::Walk(_))
                    if self.is_salvaged && (page.rows.len(), page.removed) == before =>
                {
                    self.lost.push(range.end);
                }
                (Ok(()), _) if page.is_full() => self.source.resume(range, page.last),
                (Ok(()), _) => {}
                (Err(Error::Damaged { .. }), Source::Ranges(_)) => {
                    let lost = self.salvage(&snapshot, page.last).map_err(sqlite)?;
                    page.rows.extend(lost);
                    sql = self.sql();
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
        self.seen += page.rows.len() as u64 + page.removed;
        if page.rows.is_empty() {
            page.rows.extend(self.hidden(&snapshot).map_err(sqlite)?);
        }
        Ok(page.rows)
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

    /// Reads an entry without its hits, for an entry that cannot be read together with them.
    fn without_uses(&self, connection: &Connection, range: Range) -> rusqlite::Result<Option<Row>> {
        let source = format!(
            "FROM entries AS e NOT INDEXED WHERE e.id = ?2 AND e.id > ?1 AND {}",
            self.plan.condition()
        );
        let sql = self.select(NO_USES, &source);
        let read = || -> Result<Option<Row>, RowError> {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(self.plan.bound(range)))?;
            match rows.next()? {
                Some(row) => self.try_row(connection, row).map(Found::entry),
                None => Ok(None),
            }
        };
        match read() {
            Err(RowError::Sqlite(error)) if !is_corrupt(&error) => Err(error),
            read => Ok(read.ok().flatten()),
        }
    }

    fn sql(&self) -> String {
        let source = match &self.source {
            Source::Ranges(_) => format!("{} ORDER BY e.id", self.plan.source_of_rows()),
            Source::Ids(_) | Source::Walk(_) => self.plan.source_by_id(),
        };
        self.select(USES.0, &source)
    }

    fn select(&self, uses: &str, source: &str) -> String {
        let value = match self.values {
            Values::Omit => "NULL",
            Values::Start => return row::select_start(uses, source),
            Values::Include => "value",
        };
        let columns = row::columns!();
        format!("SELECT {columns}, {value}, {uses} {source}")
    }

    /// Reads the rows of one range until the page is full.
    fn read(
        &self,
        connection: &Connection,
        sql: &str,
        range: Range,
        page: &mut Page,
    ) -> Result<()> {
        let sqlite = |error| self.backend.error(error);
        let mut statement = connection.prepare_cached(sql).map_err(sqlite)?;
        let mut rows = statement
            .query(params_from_iter(self.plan.bound(range)))
            .map_err(sqlite)?;
        while !page.is_full()
            && let Some(row) = rows.next().map_err(sqlite)?
        {
            let id = row.get(0).map_err(sqlite)?;
            let is_next = !matches!(self.source, Source::Ranges(_)) || id > page.last;
            if !range.contains(id) || !is_next {
                return Err(sqlite(damaged("the entries are out of order")));
            }
            match self.row(connection, row, id)? {
                Found::Row(row) => page.push(id, row),
                Found::Removed { is_indexed } => {
                    page.removed += u64::from(is_indexed);
                    page.last = id;
                }
                Found::Nothing => {}
            }
        }
        Ok(())
    }

    /// Reads the entry of a row found in the table or by an index.
    fn row(&self, connection: &Connection, row: &rusqlite::Row<'_>, id: i64) -> Result<Found> {
        match self.try_row(connection, row) {
            Ok(found) => Ok(found),
            Err(RowError::Sqlite(error)) => Err(self.backend.error(error)),
            Err(RowError::Damaged) => {
                let row = match self.source {
                    Source::Ranges(_) if self.plan.index.is_some() => {
                        self.row_by_id(connection, id)
                    }
                    _ => self.damaged(connection, row).map(Found::Row),
                };
                row.map_err(|error| self.backend.error(error))
            }
        }
    }

    /// Reads an entry from the table alone; nothing if the index is wrong and the filter does not
    /// match.
    fn row_by_id(&self, connection: &Connection, id: i64) -> rusqlite::Result<Found> {
        let sql = self.select(USES.0, &self.plan.source_by_id());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(self.plan.bound(Range::one(id))))?;
        let Some(row) = rows.next()? else {
            return Ok(Found::Nothing);
        };
        match self.try_row(connection, row) {
            Ok(found) => Ok(found),
            Err(RowError::Sqlite(error)) => Err(error),
            Err(RowError::Damaged) => self.damaged(connection, row).map(Found::Row),
        }
    }

    fn try_row(&self, connection: &Connection, row: &rusqlite::Row<'_>) -> Result<Found, RowError> {
        let fields = row::fields(row)?;
        if fields.is_marked() {
            let is_indexed = fields.store > 0;
            return Ok(Found::Removed { is_indexed });
        }
        let uses = Uses::of_row(row, USES.1)?;
        let entry = row::entry(connection, &self.backend.names, &fields, uses)?;
        let content = match self.values {
            Values::Omit => None,
            Values::Start => Some(row::start(connection, &fields, row)?),
            Values::Include => Some(row::content(connection, &fields, row)?),
        };
        Ok(Found::Row(Row::Entry(Box::new(entry), content)))
    }

    /// Returns the address of a damaged row, as far as it can be read.
    fn damaged(&self, connection: &Connection, row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        let key = encoding::key(row.get_ref(2)?).unwrap_or_else(damage::unreadable);
        let store = row
            .get(1)
            .and_then(|id| self.backend.names.store(connection, id))
            .unwrap_or_else(|_| Arc::new(StoreAddress::new(UNREADABLE)));
        Ok(Row::Damaged(Address { store, key }))
    }
}
