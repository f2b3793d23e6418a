//! Reads many entries page by page.
//!
//! No read transaction outlives a page: a process that prints to a blocked pipe must not keep the
//! write-ahead log from being reused. A page begins behind the last id of the one before. Where the
//! index does not give the entries in order of their id, the ids are collected first (8 bytes
//! each), and for another order also the sort keys (8 bytes more, 40 for a key that is a hash).
//!
//! A visitor gets each entry with its value while SQLite still holds the row, which saves copying
//! both. A row that needs more than that ends the page and is handed over after it.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, params_from_iter};

use super::damage::{self, RowError, UNREADABLE, damaged, is_corrupt};
use super::index_walk::Walk;
use super::pool::{Held, Look};
use super::query::{Conditions, Plan, Range};
use super::row::{self, Known, NO_USES, USES, Uses};
use super::salvage::{self, Salvage};
use super::scan_order::sorted_ids;
use super::uses_beside::UsesBeside;
use super::{SqliteBackend, encoding, stores};
use crate::backend::{Content, Direction, Row, Scan, Sort, Values, Visitor};
use crate::error::{Error, Result};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Number of entries, and bytes of their values, at which a page is full, so that memory stays
/// flat.
const PAGE: usize = 1000;

const PAGE_BYTES: usize = 1 << 20;

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
            known: Known::default(),
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

/// The entry of a row.
enum ScannedRow {
    /// An entry, or a damaged one
    Row(Row),
    /// An entry that the visitor has taken, and the size of its value
    Visited(usize),
    /// A removed entry, and whether the index of keys has it under its store
    Removed { is_indexed: bool },
    /// Nothing that the filter matches
    Nothing,
}

impl ScannedRow {
    fn entry(self) -> Option<Row> {
        match self {
            Self::Row(row) => Some(row),
            Self::Visited(_) | Self::Removed { .. } | Self::Nothing => None,
        }
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
    pub(super) fn visit(mut self, visitor: &mut dyn Visitor) -> Result<()> {
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

    /// Reads an entry without its hits, for an entry that cannot be read together with them.
    fn without_uses(
        &mut self,
        connection: &Connection,
        range: Range,
    ) -> rusqlite::Result<Option<Row>> {
        let source = format!(
            "FROM entries AS e NOT INDEXED WHERE e.id = ?2 AND e.id > ?1 AND {}",
            self.plan.condition()
        );
        let sql = self.select(NO_USES, &source);
        let mut read = || -> Result<Option<Row>, RowError> {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(self.plan.bound(range)))?;
            match rows.next()? {
                Some(row) => {
                    let found = self.try_row(connection, row, Uses::default(), None);
                    found.map(ScannedRow::entry)
                }
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
        let uses = if self.has_uses_beside() {
            NO_USES
        } else {
            USES.0
        };
        self.select(uses, &source)
    }

    /// Reports whether the uses of entries are read by a statement of their own.
    fn has_uses_beside(&self) -> bool {
        matches!(self.source, Source::Ranges(_))
            && self.plan.index.is_none()
            && self.plan.conditions() == Conditions::Nothing
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
    fn read<'c>(
        &mut self,
        connection: &'c Connection,
        (sql, statement): (&str, &mut Option<CachedStatement<'c>>),
        range: Range,
        page: &mut Page<'_>,
    ) -> Result<()> {
        let backend = self.backend;
        let sqlite = |error| backend.error(error);
        let mut beside = if self.has_uses_beside() {
            Some(UsesBeside::statement(connection).map_err(sqlite)?)
        } else {
            None
        };
        let beside = beside.as_mut();
        let mut beside = beside
            .map(|statement| UsesBeside::new(statement, range))
            .transpose()
            .map_err(sqlite)?;
        let statement = match statement {
            Some(statement) => statement,
            None => statement.insert(connection.prepare_cached(sql).map_err(sqlite)?),
        };
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
            let uses = match &mut beside {
                Some(beside) => beside.of(id).map_err(sqlite)?,
                None => Uses::of_row(row, USES.1),
            };
            let visitor = page.visitor.as_deref_mut();
            match self.row(connection, row, id, uses, visitor)? {
                ScannedRow::Row(row) => page.push(id, row),
                ScannedRow::Visited(bytes) => {
                    page.visited += 1;
                    page.bytes += bytes;
                    page.last = id;
                }
                ScannedRow::Removed { is_indexed } => {
                    page.removed += u64::from(is_indexed);
                    page.last = id;
                }
                ScannedRow::Nothing => {}
            }
        }
        Ok(())
    }

    /// Reads the entry of a row found in the table or by an index.
    fn row(
        &mut self,
        connection: &Connection,
        row: &rusqlite::Row<'_>,
        id: i64,
        uses: Result<Uses, RowError>,
        visitor: Option<&mut (dyn Visitor + '_)>,
    ) -> Result<ScannedRow> {
        let found = uses.and_then(|uses| self.try_row(connection, row, uses, visitor));
        match found {
            Ok(found) => Ok(found),
            Err(RowError::Sqlite(error)) => Err(self.backend.error(error)),
            Err(RowError::Damaged) => {
                let row = match self.source {
                    Source::Ranges(_) if self.plan.index.is_some() => {
                        self.row_by_id(connection, id)
                    }
                    _ => self.damaged(connection, row).map(ScannedRow::Row),
                };
                row.map_err(|error| self.backend.error(error))
            }
        }
    }

    /// Reads an entry from the table alone; nothing if the index is wrong and the filter does not
    /// match.
    fn row_by_id(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<ScannedRow> {
        let sql = self.select(USES.0, &self.plan.source_by_id());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(self.plan.bound(Range::one(id))))?;
        let Some(row) = rows.next()? else {
            return Ok(ScannedRow::Nothing);
        };
        let found =
            Uses::of_row(row, USES.1).and_then(|uses| self.try_row(connection, row, uses, None));
        match found {
            Ok(found) => Ok(found),
            Err(RowError::Sqlite(error)) => Err(error),
            Err(RowError::Damaged) => self.damaged(connection, row).map(ScannedRow::Row),
        }
    }

    /// Reads the entry of a row, and hands it to the visitor if its value is in the row. The
    /// visitor gets nothing of a row that fails verification.
    fn try_row(
        &mut self,
        connection: &Connection,
        row: &rusqlite::Row<'_>,
        uses: Uses,
        visitor: Option<&mut (dyn Visitor + '_)>,
    ) -> Result<ScannedRow, RowError> {
        let fields = row::fields(row)?;
        if fields.is_marked() {
            let is_indexed = fields.store > 0;
            return Ok(ScannedRow::Removed { is_indexed });
        }
        let (names, mut digits) = (&self.backend.names, [0; 64]);
        let known = &mut self.known;
        let entry = known.entry(connection, names, &fields, uses, &mut digits)?;
        if let Some(visitor) = visitor {
            match self.values {
                Values::Omit => {
                    visitor.entry(&entry, None);
                    return Ok(ScannedRow::Visited(0));
                }
                Values::Include => {
                    if let Some(value) = row::inline(&fields, row)? {
                        visitor.entry(&entry, Some(value));
                        return Ok(ScannedRow::Visited(value.len()));
                    }
                }
                Values::Start => {}
            }
        }
        let content = match self.values {
            Values::Omit => None,
            Values::Start => Some(row::start(connection, &fields, row)?),
            Values::Include => Some(row::content(connection, &fields, row)?),
        };
        Ok(ScannedRow::Row(Row::Entry(
            Box::new(entry.to_entry()),
            content,
        )))
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
