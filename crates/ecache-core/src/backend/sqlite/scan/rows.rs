//! Reads the entries of rows, and hands them to the visitor while SQLite holds the row.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, params_from_iter};

use super::uses_beside::UsesBeside;
use super::{Page, RowsOf, Source};
use crate::backend::sqlite::format::damage::{self, RowError, UNREADABLE, damaged, is_corrupt};
use crate::backend::sqlite::format::encoding;
use crate::backend::sqlite::query::{Conditions, Range};
use crate::backend::sqlite::row::{self, NO_USES, USES, Uses};
use crate::backend::{Row, Values, Visitor};
use crate::error::Result;
use crate::scope::{Address, StoreAddress};

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

impl RowsOf<'_> {
    /// Reads an entry without its hits, for an entry that cannot be read together with them.
    pub(super) fn without_uses(
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

    pub(super) fn sql(&self) -> String {
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
    pub(super) fn read<'c>(
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
