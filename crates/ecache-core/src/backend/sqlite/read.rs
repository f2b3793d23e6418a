//! Looking up single entries, and reading many page by page.
//!
//! No read transaction outlives a page: a process that prints to a blocked pipe must not keep the
//! write-ahead log from being reused. A page begins behind the last id of the one before. Where the
//! index does not give the entries in order of their id, the ids are collected first (8 bytes
//! each), and for another order also the sort keys (8 bytes more, 40 for a key that is a hash).

use crate::filter::{Filter, Selection, Usage};
use std::cmp::Ordering;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::checksum::damaged;
use super::pool::{Held, Look};
use super::query::{Conditions, Plan, Range, USED, WRITTEN, stored_key};
use super::row::{self, NO_USES, RowError, USES, Uses};
use super::salvage::{self, Salvage, is_corrupt};
use super::session::Session;
use super::{SqliteBackend, stores};
use crate::backend::{
    CallIdentity, CallLookup, Chunked, Content, Dimension, Direction, Group, LOOKUP_SIZE, Lookup,
    ReadBackend, Row, Rows, Scan, Sort, StoreMetadata, StoreRecord, Values, WHOLE_SIZE,
    lookup_enough,
};
use crate::error::{Error, Result};
use crate::key::hex;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Placeholder for a name that cannot be read.
pub(super) const UNREADABLE: &str = "(unreadable)";

/// Number of entries, and bytes of their values, at which a page is full, so that memory stays
/// flat.
const PAGE: usize = 1000;
const PAGE_BYTES: usize = 4 << 20;

/// The place where the chunks of a large value are verified.
#[derive(Clone, Copy)]
pub(super) enum Verified {
    /// In the look-up
    Here,
    /// By the reader, if the value is above [`WHOLE_SIZE`]; otherwise in the look-up
    ByReader,
}

/// Where the id of a store comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// From an earlier transaction, which may be outdated
    Unverified,
    /// From this transaction
    Read,
}

impl Known {
    /// Reports whether the id is of no use in the transaction in which a statement has run.
    pub(super) fn is_outdated(self, session: &Session) -> bool {
        self == Self::Unverified && !session.is_current()
    }
}

/// One entry with its value, by store and key.
const LOOKUP: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", value FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2"
);

impl ReadBackend for SqliteBackend {
    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        self.lookup_with(&*self.connection()?, address, now, Verified::Here)
    }

    fn lookup_unread(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        self.lookup_with(&*self.connection()?, address, now, Verified::ByReader)
    }

    fn lookup_call(&self, call: &CallIdentity<'_>, now: Timestamp) -> Result<CallLookup> {
        self.find_call(call, now)
    }

    fn lookup_many(&self, addresses: &[Address], now: Timestamp) -> Result<Vec<Lookup>> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        let lookups = match self.lookup_sorted(&connection, addresses, now)? {
            Some(lookups) => lookups,
            None => lookup_enough(addresses, |address| {
                self.lookup_with(&connection, address, now, Verified::Here)
            })?,
        };
        drop(snapshot);
        Ok(lookups)
    }

    fn read_chunk(&self, chunked: &Chunked, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        let connection = self.connection()?;
        match row::chunk(&connection, chunked, index, bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Replaced),
            Err(RowError::Damaged) => Err(Error::Damaged {
                path: self.path.clone(),
                detail: "a chunk of a large value does not match its checksum".into(),
            }),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        Ok(Box::new(self.rows(scan, now)?))
    }

    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        self.count(selection, now)
    }

    fn stores(&self) -> Result<Vec<StoreRecord>> {
        self.read_stores()
    }

    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        self.read_document(store)
    }

    fn count_documents(&self, filter: &Filter) -> Result<u64> {
        self.meant_documents(filter)
    }

    fn groups(&self, filter: &Filter, by: Dimension, now: Timestamp) -> Result<Vec<Group>> {
        self.group(filter, by, now)
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        self.read_names(of)
    }
}

impl SqliteBackend {
    pub(super) fn lookup_with(
        &self,
        session: &Session,
        address: &Address,
        now: Timestamp,
        verified: Verified,
    ) -> Result<Lookup> {
        let found = self.try_lookup(session, address, now, verified);
        match found {
            Ok(lookup) => Ok(lookup),
            Err(RowError::Damaged) => Ok(Lookup::Damaged(address.clone())),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn try_lookup(
        &self,
        session: &Session,
        address: &Address,
        now: Timestamp,
        verified: Verified,
    ) -> Result<Lookup, RowError> {
        self.in_store(session, &address.store, |store, is_current| {
            self.lookup_in(session, store, is_current, address, now, verified)
        })
        .map(|found| found.unwrap_or(Lookup::Missing))
    }

    /// Looks something up in a store by its id, first by the known one. Returns `None` if there is
    /// no such store.
    ///
    /// `look` returns `None` if its last argument is [`Known::Unverified`] and the id turns out to
    /// be outdated once the statement has read the version of the data.
    pub(super) fn in_store<T>(
        &self,
        session: &Session,
        store: &StoreAddress,
        look: impl Fn(i64, Known) -> Result<Option<T>, RowError>,
    ) -> Result<Option<T>, RowError> {
        if let Some(known) = session.known_store(store)
            && let Some(found) = look(known, Known::Unverified)?
        {
            return Ok(Some(found));
        }
        // Both statements in one snapshot.
        let snapshot = if session.is_autocommit() {
            Some(session.unchecked_transaction()?)
        } else {
            None
        };
        let found = match self.names.read_store_id(session, store)? {
            Some(store) => look(store, Known::Read)?,
            None => None,
        };
        drop(snapshot);
        Ok(found)
    }

    fn lookup_in(
        &self,
        connection: &Session,
        store: i64,
        known: Known,
        address: &Address,
        now: Timestamp,
        verified: Verified,
    ) -> Result<Option<Lookup>, RowError> {
        let mut statement = connection.prepare_cached(LOOKUP)?;
        let mut rows = statement.query((store, stored_key(address.key.as_str())))?;
        let row = rows.next()?;
        if known.is_outdated(connection) {
            return Ok(None);
        }
        let Some(row) = row else {
            return Ok(Some(Lookup::Missing));
        };
        let fields = row::fields(row)?;
        if fields.is_marked() {
            return Ok(Some(Lookup::Missing));
        }
        // A hit does not depend on the recorded use of earlier ones.
        let uses = match Uses::select(connection, fields.id) {
            Err(RowError::Sqlite(error)) if is_corrupt(&error) => Uses::default(),
            uses => uses?,
        };
        let entry = row::entry(connection, &self.names, &fields, uses)?;
        // An index that was damaged can lead to the wrong row.
        if entry.address != *address {
            return Err(RowError::Damaged);
        }
        if !entry.is_fresh(now) {
            return Ok(Some(Lookup::Stale(Box::new(entry))));
        }
        let content = match verified {
            Verified::ByReader if entry.size > WHOLE_SIZE => row::unread(&fields, row)?,
            Verified::ByReader | Verified::Here => row::content(connection, &fields, row)?,
        };
        Ok(Some(Lookup::Hit(Box::new(entry), content)))
    }

    /// Looks up entries in the order of the index, so that a batch of them shares its pages.
    /// Returns `None` if their values exceed [`LOOKUP_SIZE`].
    pub(super) fn lookup_sorted(
        &self,
        connection: &Session,
        addresses: &[Address],
        now: Timestamp,
    ) -> Result<Option<Vec<Lookup>>> {
        let mut order: Vec<usize> = (0..addresses.len()).collect();
        order.sort_unstable_by_key(|index| &addresses[*index].key);
        let mut found: Vec<(usize, Lookup)> = Vec::with_capacity(addresses.len());
        let mut size = 0;
        for index in order {
            let lookup = self.lookup_with(connection, &addresses[index], now, Verified::Here)?;
            if let Lookup::Hit(_, Content::Inline(value)) = &lookup {
                size += value.len();
            }
            if size > LOOKUP_SIZE {
                return Ok(None);
            }
            found.push((index, lookup));
        }
        found.sort_unstable_by_key(|(index, _)| *index);
        Ok(Some(found.into_iter().map(|(_, lookup)| lookup).collect()))
    }

    pub(super) fn rows(&self, scan: &Scan, now: Timestamp) -> Result<RowsOf<'_>> {
        let held = self.hold(Look::Sometimes);
        let connection = self.connection()?;
        let plan = self.plan(&connection, &scan.filter, now)?;
        let is_stored = matches!(scan.sort, Sort::Stored | Sort::Any);
        let streams = plan.ordered && is_stored && scan.direction == Direction::Ascending;
        let source = if streams {
            let mut ranges = plan.ranges();
            ranges.reverse();
            Source::Ranges(ranges)
        } else {
            let ids = sorted_ids(&connection, &plan, scan).map_err(|e| self.error(e))?;
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
}

impl Source {
    fn next(&mut self) -> Option<Range> {
        match self {
            Self::Ranges(ranges) => ranges.pop(),
            Self::Ids(ids) => ids.next().map(Range::one),
        }
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
            && let Some(range) = self.source.next()
        {
            let before = (page.rows.len(), page.removed);
            match (self.read(&snapshot, &sql, range, &mut page), &self.source) {
                (Ok(()), Source::Ids(_))
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
                (Err(Error::Damaged { .. }), Source::Ids(_)) => {
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
            Source::Ids(_) => self.plan.source_by_id(),
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
            let is_next = matches!(self.source, Source::Ids(_)) || id > page.last;
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
        let key = row::key(row.get_ref(2)?).unwrap_or_else(salvage::unreadable);
        let store = row
            .get(1)
            .and_then(|id| self.backend.names.store(connection, id))
            .unwrap_or_else(|_| Arc::new(StoreAddress::new(UNREADABLE)));
        Ok(Row::Damaged(Address { store, key }))
    }
}

/// Returns the ids of a plan in the order of a scan, up to its limit.
fn sorted_ids(connection: &Connection, plan: &Plan, scan: &Scan) -> rusqlite::Result<Vec<i64>> {
    let column = match scan.sort {
        // Ids alone, as in `ls --reverse` of millions of entries.
        Sort::Stored | Sort::Any => return sorted_by(connection, plan, scan, "NULL", |_| ()),
        Sort::Key => return sorted_by(connection, plan, scan, "e.key", SortKey::new),
        Sort::Created => "e.created_at",
        Sort::Updated => WRITTEN,
        Sort::Expires => "coalesce(e.expires_at, 9223372036854775807)",
        Sort::Used => USED,
        Sort::Size => "e.size",
        Sort::Hits => "coalesce(u.hits, 0)",
        Sort::Cost => "coalesce(e.cost_ms, -1)",
    };
    sorted_by(connection, plan, scan, column, |value| {
        // A damaged column sorts last.
        value.as_i64().unwrap_or(i64::MAX)
    })
}

/// Returns the ids of a plan, sorted by the `key` of a column and then by id, up to the scan's
/// limit.
fn sorted_by<K: Ord>(
    connection: &Connection,
    plan: &Plan,
    scan: &Scan,
    column: &str,
    key: impl Fn(ValueRef<'_>) -> K,
) -> rusqlite::Result<Vec<i64>> {
    let limit = scan.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let mut found: Vec<(K, i64)> = Vec::new();
    for range in plan.ranges() {
        plan.select_ids(connection, column, range, |id, value| {
            found.push((key(value), id));
            // No more than about twice the limit is buffered at any time.
            if found.len() / 2 > limit {
                order(&mut found, scan.direction, limit);
            }
            Ok(())
        })?;
    }
    order(&mut found, scan.direction, limit);
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

fn order<K: Ord>(found: &mut Vec<(K, i64)>, direction: Direction, limit: usize) {
    found.sort_unstable();
    // A damaged index can lead to an entry twice.
    found.dedup();
    if direction == Direction::Descending {
        found.reverse();
    }
    found.truncate(limit);
}

/// A key to sort by: a hash as its 32 bytes, which have the order of its digits.
#[derive(PartialEq, Eq)]
enum SortKey {
    Hash([u8; 32]),
    Text(Box<[u8]>),
}

impl SortKey {
    /// Makes the sort key of a column; that of a damaged one comes first.
    fn new(value: ValueRef<'_>) -> Self {
        if let ValueRef::Blob(bytes) = value
            && let Ok(hash) = bytes.try_into()
        {
            return Self::Hash(hash);
        }
        Self::Text(match row::key(value) {
            Some(key) => key.as_str().as_bytes().into(),
            None => [].into(),
        })
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Hash(one), Self::Hash(two)) => one.cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Hash(one), Self::Text(two)) => hex(one).as_bytes().cmp(two),
            (Self::Text(one), Self::Hash(two)) => (**one).cmp(hex(two).as_bytes()),
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    use crate::backend::WriteBackend;
    use crate::backend::sqlite::Access;
    use crate::key::Key;

    #[test]
    fn a_look_up_is_planned_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let backend = SqliteBackend::open(&folder.path().join("store.db"), Access::Write);
        let backend = backend.expect("a store");
        let store = StoreAddress::new("s");
        let now = Timestamp::from_millis(0);
        backend
            .set_metadata(&store, None)
            .expect("a store with an id");
        for key in ["a", "b", "c"] {
            let address = store.entry(Key::new(key).expect("a key"));
            assert_eq!(
                backend.lookup(&address, now).expect("a look-up"),
                Lookup::Missing
            );
        }
        let connection = backend.connection().expect("the connection");
        let statement = connection.prepare_cached(LOOKUP).expect("the statement");
        assert_eq!(statement.get_status(StatementStatus::Run), 3);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }

    #[test]
    fn keys_that_are_hashes_sort_among_others_as_text() {
        let hash = |byte| SortKey::new(ValueRef::Blob(&[byte; 32]));
        let text = |text: &'static str| SortKey::new(ValueRef::Text(text.as_bytes()));
        let sorted = [
            SortKey::new(ValueRef::Null),
            text("1"),
            hash(0x1a),
            hash(0x1b),
            text("1c"),
            text("AD"),
            text("ad1"),
            hash(0xad),
            text("b"),
        ];
        assert!(sorted.is_sorted());
    }
}
