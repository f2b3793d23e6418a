//! Removing, touching and counting the entries of a selection.
//!
//! The ids are collected first and sorted, so that the table is walked once from front to back. The
//! entries are then removed in transactions that hold the lock for a fraction of a second. Each
//! transaction rereads its rows from the table, checks the condition again and verifies the
//! checksums: it skips an entry renewed in between and one reachable only through a damaged index.
//! A damaged row is removed if other data proves that the filter matches it (see `witnessed`);
//! otherwise it is left and counted. A removal on a full disk gives up the reserve file (see
//! `reserve`) and continues in small steps, each of which gives space back.

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Row, params_from_iter};

use super::blobs::Unnamed;
use super::checksum::Fields;
use super::names::Names;
use super::pool::Look;
use super::query::{Conditions, Parameter, Plan, Range, USED};
use super::reclaim::Due;
use super::row::{self, RowError, policy_number};
use super::salvage::{Salvage, intact};
use super::{SqliteBackend, blobs, reserve, write};
use crate::backend::{Progress, STAGED_FOR, Touch};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{Capacity, Selection, Usage};
use crate::time::Timestamp;

/// How long a batch aims to hold the write lock.
const LOCK_TIME: Duration = Duration::from_millis(75);

/// Entries in the first batch; [`SMALLEST_BATCH`] is that of every batch on a full disk.
const FIRST_BATCH: usize = 1000;
const SMALLEST_BATCH: usize = 50;
const LARGEST_BATCH: usize = 50_000;

/// Counts entries and adds up their sizes, as [`row::size`] has them.
const COUNT: &str =
    "count(*), coalesce(sum(e.size) FILTER (WHERE e.size BETWEEN 0 AND 1 << 40), 0)";

/// Some of the entries that a selection meant when they were collected, in order.
pub(super) struct Part {
    pub(super) ids: Vec<i64>,
    /// Under which condition they are still meant
    pub(super) plan: Plan,
}

/// How a change is cut into transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// By how long each holds the write lock
    Timed,
    /// By the free space, which is replenished before it runs out
    Frugal,
}

impl SqliteBackend {
    pub(super) fn count(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        count(&snapshot, selection, now).map_err(|error| self.error(error))
    }

    pub(super) fn delete(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        let _held = self.hold(Look::Always);
        let mut done = Batch::default();
        let mut change = |pace| {
            let parts = self.select(selection, now)?;
            done.left = 0;
            self.change(
                &parts,
                pace,
                &mut done,
                progress,
                |transaction, plan, ids| delete_batch(transaction, &self.names, plan, ids),
            )
        };
        if !reserve::is_needed(&self.path) {
            match change(Pace::Timed) {
                Err(Error::Full { .. }) => {}
                result => {
                    let result = match result {
                        Err(error @ Error::Damaged { .. }) => {
                            done.left = 0;
                            let repaired = self.delete_damaged(selection, now, error);
                            repaired.map(|batch| done += batch)
                        }
                        result => result.and_then(|()| self.mend_empty(selection, now)),
                    };
                    // Includes entries removed before a failure. Best effort: the next removal
                    // retries.
                    let _ = self.reclaim(Due::By(now));
                    return result.and_then(|()| done.finish());
                }
            }
        }
        if self.count(selection, now)? == Usage::default() {
            return done.finish();
        }
        // Moves the log into the file first, since the log takes space, too.
        self.checkpoint(&*self.connection()?);
        reserve::release(&self.path);
        let result = match self.delete_all(selection, now) {
            Ok(None) | Err(Error::Full { .. }) => {
                let changed = change(Pace::Frugal);
                // Deletes replaced values even if they are being read: no other space is left.
                let _ = self.reclaim(Due::All);
                self.give_back();
                changed
            }
            Ok(Some(removed)) => {
                done.usage += removed;
                Ok(())
            }
            Err(error) => Err(error),
        };
        reserve::restore(&self.path);
        result.and_then(|()| done.finish())
    }

    /// Empties the file in one transaction if the selection matches everything in it.
    ///
    /// Deleting single rows changes every page before freeing it. A `DELETE` without a condition
    /// frees pages without writing them.
    fn delete_all(&self, selection: &Selection, now: Timestamp) -> Result<Option<Usage>> {
        let oldest = now.saturating_sub(STAGED_FOR);
        let delete_all = |transaction: &Connection| {
            let delete = || -> rusqlite::Result<Option<Usage>> {
                let all: u64 =
                    transaction.query_row("SELECT count(*) FROM entries", (), |row| row.get(0))?;
                // Without entries nothing would be gained, and what another process is staging would be lost.
                if all == 0 || is_staged_since(transaction, oldest)? {
                    return Ok(None);
                }
                let mut usage = Usage::default();
                for Part { ids, plan } in select(transaction, selection, now)? {
                    usage += Judged::new(transaction, &self.names, &plan, &ids)?.usage;
                }
                if usage.entries != all {
                    return Ok(None);
                }
                for sql in [
                    "DELETE FROM entries",
                    "DELETE FROM uses",
                    "DELETE FROM chunks",
                    "DELETE FROM blobs",
                    "UPDATE stores SET generation = generation + 1",
                ] {
                    transaction.execute(sql, ())?;
                }
                Ok(Some(usage))
            };
            delete().map_err(|error| self.error(error))
        };
        let usage = self.frugally(|connection| self.transaction_on(connection, delete_all))?;
        if usage.is_some() {
            self.give_back();
        }
        Ok(usage)
    }

    pub(super) fn update(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        let _held = self.hold(Look::Always);
        let mut done = Batch::default();
        let parts = self.select(selection, now)?;
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            touch_batch(transaction, &self.names, plan, ids, touch)
        };
        self.change(&parts, Pace::Timed, &mut done, progress, batch)?;
        done.finish()
    }

    /// Runs `batch` over the selected ids and adds up what it did, whether it fails later or not.
    fn change(
        &self,
        parts: &[Part],
        pace: Pace,
        done: &mut Batch,
        progress: Progress<'_>,
        batch: impl Fn(&Connection, &Plan, &[i64]) -> rusqlite::Result<Batch>,
    ) -> Result<()> {
        let mut size = match pace {
            Pace::Timed => FIRST_BATCH,
            Pace::Frugal => SMALLEST_BATCH,
        };
        // Set after giving space back, until a batch succeeds
        let mut gave_back = false;
        for Part { ids, plan } in parts {
            let mut rest = ids.as_slice();
            while !rest.is_empty() {
                let (ids, later) = rest.split_at(size.min(rest.len()));
                let started = Instant::now();
                let run = |transaction: &Connection| {
                    batch(transaction, plan, ids).map_err(|error| self.error(error))
                };
                let changed = match pace {
                    Pace::Timed => self.transaction(run),
                    Pace::Frugal => {
                        self.frugally(|connection| self.transaction_on(connection, run))
                    }
                };
                match (pace, changed) {
                    (Pace::Frugal, Err(Error::Full { .. })) if !gave_back => {
                        self.give_back();
                        gave_back = true;
                        continue;
                    }
                    (Pace::Frugal, Err(Error::Full { .. })) if ids.len() > 1 => {
                        size = ids.len() / 2;
                        continue;
                    }
                    (_, changed) => *done += changed?,
                }
                gave_back = false;
                rest = later;
                if pace == Pace::Timed {
                    size = next_batch(ids.len(), started.elapsed());
                }
                if progress(done.usage.entries).is_break() {
                    return Err(Error::Interrupted { done: done.usage });
                }
            }
        }
        Ok(())
    }

    fn select(&self, selection: &Selection, now: Timestamp) -> Result<Vec<Part>> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        select(&snapshot, selection, now).map_err(|error| self.error(error))
    }
}

/// How many entries the next batch takes, so that it holds the lock for [`LOCK_TIME`].
fn next_batch(count: usize, took: Duration) -> usize {
    let per_entry = took.as_secs_f64() / count as f64;
    let fitting = LOCK_TIME.as_secs_f64() / per_entry.max(1e-9);
    (fitting as usize).clamp(
        SMALLEST_BATCH,
        (count * 2).clamp(SMALLEST_BATCH, LARGEST_BATCH),
    )
}

fn count(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
) -> rusqlite::Result<Usage> {
    let mut usage = Usage::default();
    if let (None, [filter]) = (&selection.beyond, selection.any_of.as_slice()) {
        let plan = Plan::new(connection, filter, now)?;
        for range in plan.ranges() {
            plan.select(connection, COUNT, range, |row| {
                usage += Usage {
                    entries: row.get(0)?,
                    bytes: row.get(1)?,
                };
                Ok(())
            })?;
        }
        return Ok(usage);
    }
    let mut statement = connection.prepare_cached("SELECT size FROM entries WHERE id = ?1")?;
    for part in select(connection, selection, now)? {
        for id in part.ids {
            usage += one(statement.query_row([id], |row| row::size(row, 0))?);
        }
    }
    Ok(usage)
}

/// Whether there is a value that no entry names, but that its writer may still come for.
fn is_staged_since(connection: &Connection, oldest: Timestamp) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM blobs WHERE staged_at >= ?1";
    connection.prepare(sql)?.exists([oldest.as_millis()])
}

fn one(bytes: u64) -> Usage {
    Usage { entries: 1, bytes }
}

/// Counts the entries of a damaged file, and adds up the sizes of the readable ones.
pub(super) fn count_readable(connection: &Connection) -> rusqlite::Result<Usage> {
    let mut usage = Usage::default();
    let all = Salvage::new(connection, &Names::default(), &[Range::ALL])?;
    let mut statement = connection.prepare_cached("SELECT size FROM entries WHERE id = ?1")?;
    for id in all.ids {
        let size = statement.query_row([id], |row| row::size(row, 0));
        usage += one(intact(row::readable(size))?.flatten().unwrap_or(0));
    }
    usage.entries += all.lost.len() as u64;
    Ok(usage)
}

/// Collects the ids that a selection means; none is in two parts.
pub(super) fn select(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
) -> rusqlite::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    for filter in &selection.any_of {
        let plan = Plan::new(connection, filter, now)?;
        let mut ids = Vec::new();
        for range in plan.ranges() {
            plan.select_ids(connection, "NULL", range, |id, _| {
                ids.push(id);
                Ok(())
            })?;
        }
        ids.sort_unstable();
        ids.dedup();
        if !known.is_empty() {
            ids.retain(|id| known.binary_search(id).is_err());
        }
        if selection.any_of.len() > 1 || selection.beyond.is_some() {
            known.extend_from_slice(&ids);
            known.sort_unstable();
        }
        parts.push(Part { ids, plan });
    }
    if let Some(capacity) = &selection.beyond {
        parts.push(beyond(connection, capacity, &known, now)?);
    }
    Ok(parts)
}

/// What is beyond a capacity, once the ids in `gone` (in order) are gone.
fn beyond(
    connection: &Connection,
    capacity: &Capacity,
    gone: &[i64],
    now: Timestamp,
) -> rusqlite::Result<Part> {
    let mut plan = Plan::new(connection, &capacity.scope, now)?;
    let mut left = Usage::default();
    let mut candidates: Vec<(i64, i64, u64)> = Vec::new();
    let columns = format!("e.id, e.size, e.policy, {USED}");
    for range in plan.ranges() {
        plan.select(connection, &columns, range, |row| {
            let (id, size) = (row.get(0)?, row::size(row, 1)?);
            if !range.contains(id) || gone.binary_search(&id).is_ok() {
                return Ok(());
            }
            left += one(size);
            if row::number(row, 2)? == Some(policy_number(Policy::Evict)) {
                candidates.push((row::number(row, 3)?.unwrap_or(i64::MAX), id, size));
            }
            Ok(())
        })?;
    }
    candidates.sort_unstable();
    let fits = |left: &Usage| {
        capacity.max_entries.is_none_or(|most| left.entries <= most)
            && capacity.max_size.is_none_or(|most| left.bytes <= most)
    };
    let mut ids = Vec::new();
    let mut latest = i64::MIN;
    for (used_at, id, size) in candidates {
        if fits(&left) {
            break;
        }
        left.entries -= 1;
        left.bytes -= size;
        latest = used_at;
        ids.push(id);
    }
    ids.sort_unstable();
    // What is used in the meantime stays.
    plan.narrow_to_least_used(latest);
    Ok(Part { ids, plan })
}

/// Builds a query that reads rows by id from the table alone, and evaluates the condition on each.
fn rows_sql(plan: &Plan, columns: &str, ids: &[i64]) -> (String, Vec<Parameter>) {
    let range = Range {
        after: ids.first().map_or(0, |first| first - 1),
        end: ids.last().copied().unwrap_or(0),
    };
    let mut parameters: Vec<Parameter> = plan.bound(range).collect();
    parameters.push(Parameter::many(ids.iter().copied()));
    // With the plus, SQLite takes the list and not the range to find them.
    let sql = format!(
        "SELECT {columns}, {} FROM entries AS e NOT INDEXED \
         WHERE +e.id > ?1 AND +e.id <= ?2 AND e.id IN rarray(?{})",
        plan.condition(),
        parameters.len()
    );
    (sql, parameters)
}

/// Visits the rows of `ids` that still match, and the damaged ones, whose fields are not trusted.
fn visit(
    connection: &Connection,
    names: &Names,
    plan: &Plan,
    ids: &[i64],
    mut visit: impl FnMut(Option<Fields<'_>>, &Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let (sql, parameters) = rows_sql(plan, row::columns!(), ids);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&parameters))?;
    while let Some(row) = rows.next()? {
        let is_meant = row::number(row, row::COLUMNS)? == Some(1);
        let fields = row::fields(row).and_then(|fields| {
            names.store(connection, fields.store)?;
            Ok(fields)
        });
        match fields {
            Ok(fields) if is_meant => visit(Some(fields), row)?,
            Ok(_) => {}
            Err(RowError::Damaged) => visit(None, row)?,
            Err(RowError::Sqlite(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Reports whether a filter matches a damaged row, according to two places that a single fault
/// cannot change together.
///
/// The names of its store have a checksum of their own. Its store is recorded in its `id` and in a
/// column, its key in the row and in the index that led here, and the policy `persist` in the row
/// and in an index of its own. Nothing else is stored twice. If the filter matches everything in
/// the file, a row stays only if its store is missing from the file, since the row may belong to
/// another collection.
fn witnessed(
    connection: &Connection,
    names: &Names,
    plan: &Plan,
    row: &Row<'_>,
) -> rusqlite::Result<bool> {
    let id: i64 = row.get(0)?;
    let is_known = |store| -> rusqlite::Result<bool> {
        Ok(row::readable(names.store(connection, store))?.is_some())
    };
    let (by_id, by_column) = (id >> 32, row::number(row, 1)?);
    if plan.means_all() {
        return Ok(by_column != Some(by_id) || is_known(by_id)?);
    }
    let is_meant = row::number(row, row::COLUMNS)? == Some(1);
    if by_column != Some(by_id) || !is_known(by_id)? || !is_meant {
        return Ok(false);
    }
    match plan.conditions() {
        Conditions::Nothing | Conditions::Key => Ok(true),
        Conditions::Policy(policy) => {
            let sql = "SELECT 1 FROM entries INDEXED BY entries_persist \
                       WHERE policy = 0 AND store = ?1 AND id = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let is_persistent = statement.exists([id >> 32, id])?;
            Ok(is_persistent == (policy == Policy::Persist))
        }
        Conditions::Others => Ok(false),
    }
}

/// The result of a change, with the number of damaged rows left.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) usage: Usage,
    pub(super) left: u64,
}

impl AddAssign for Batch {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.left += other.left;
    }
}

impl Batch {
    fn finish(self) -> Result<Usage> {
        let Self { usage, left } = self;
        if left == 0 {
            Ok(usage)
        } else {
            Err(Error::DamagedLeft { done: usage, left })
        }
    }
}

/// The rows selected for removal.
#[derive(Default)]
pub(super) struct Judged {
    ids: Vec<i64>,
    /// Ids of their large values
    blobs: Vec<i64>,
    usage: Usage,
    /// Number of damaged rows left
    left: u64,
}

impl Judged {
    pub(super) fn new(
        connection: &Connection,
        names: &Names,
        plan: &Plan,
        ids: &[i64],
    ) -> rusqlite::Result<Self> {
        let mut judged = Self::default();
        visit(connection, names, plan, ids, |fields, row| {
            match fields {
                Some(fields) => judged.blobs.extend(fields.blob),
                // Its large value is left to garbage collection, since it may belong to another
                // entry.
                None if witnessed(connection, names, plan, row)? => {}
                None => {
                    judged.left += 1;
                    return Ok(());
                }
            }
            judged.ids.push(row.get(0)?);
            judged.usage += one(row::size(row, row::SIZE)?);
            Ok(())
        })?;
        Ok(judged)
    }

    /// Removes the rows.
    pub(super) fn delete(self, transaction: &Connection) -> rusqlite::Result<Batch> {
        let stores: BTreeSet<i64> = self.ids.iter().map(|id| id >> 32).collect();
        let ids = Parameter::many(self.ids);
        for sql in [
            "DELETE FROM entries WHERE id IN rarray(?1)",
            "DELETE FROM uses WHERE entry IN rarray(?1)",
        ] {
            transaction.prepare_cached(sql)?.execute([&ids])?;
        }
        for blob in self.blobs {
            blobs::leave(transaction, blob, Unnamed::Removed)?;
        }
        for store in stores {
            write::bump_generation(transaction, store)?;
        }
        Ok(Batch {
            usage: self.usage,
            left: self.left,
        })
    }
}

fn delete_batch(
    transaction: &Connection,
    names: &Names,
    plan: &Plan,
    ids: &[i64],
) -> rusqlite::Result<Batch> {
    Judged::new(transaction, names, plan, ids)?.delete(transaction)
}

fn touch_batch(
    transaction: &Connection,
    names: &Names,
    plan: &Plan,
    ids: &[i64],
    touch: Touch,
) -> rusqlite::Result<Batch> {
    let mut batch = Batch::default();
    if touch == Touch::default() {
        return Ok(batch);
    }
    let (mut renewed, mut stores) = (Vec::new(), BTreeSet::new());
    visit(transaction, names, plan, ids, |fields, row| {
        let Some(fields) = fields else {
            batch.left += 1;
            return Ok(());
        };
        let mut new = fields;
        if let Some(expires_at) = touch.expires_at {
            new.expires_at = expires_at.map(Timestamp::as_millis);
        }
        if let Some(policy) = touch.policy {
            new.policy = policy_number(policy);
        }
        let checksum = new.renewed(&fields, row::checksum(row)?)?;
        renewed.push((new.id, new.expires_at, new.policy, new.sum()?, checksum));
        batch.usage += one(row::size(row, row::SIZE)?);
        stores.insert(fields.store);
        Ok(())
    })?;
    let sql = "UPDATE entries SET expires_at = ?2, policy = ?3, row_checksum = ?4, checksum = ?5 \
               WHERE id = ?1";
    let mut statement = transaction.prepare_cached(sql)?;
    for renewed in renewed {
        statement.execute(renewed)?;
    }
    for store in stores {
        write::bump_generation(transaction, store)?;
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::Access;
    use crate::backend::{Backend, Condition, Content, no_progress};
    use crate::entry::Entry;
    use crate::filter::Filter;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::value::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn put(backend: &SqliteBackend, number: usize) -> Result<()> {
        let key = Key::new(number.to_string()).expect("a valid key");
        let entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Bytes, NOW);
        let content = Content::Inline(vec![7; 1000]);
        backend
            .put(&entry, &content, &Condition::Always.into(), NOW)
            .map(drop)
    }

    fn backend(folder: &tempfile::TempDir) -> SqliteBackend {
        let path = folder.path().join("store.db");
        SqliteBackend::open(&path, Access::Write).expect("a new store")
    }

    #[test]
    fn a_file_that_cannot_grow_is_full_and_can_be_cleared() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let connection = backend.connection().expect("a connection");
        connection
            .pragma_update_and_check(None, "max_page_count", 100, |_| Ok(()))
            .expect("a limit");
        drop(connection);
        let fill = || (0..1000).find_map(|number| put(&backend, number).err());
        assert!(matches!(fill(), Some(Error::Full { .. })));
        let all = Filter::default().into();
        let counted = backend.usage(&all, NOW).expect("a count");
        let removed = backend.remove(&all, NOW, &mut no_progress);
        assert_eq!(removed.expect("a removal"), counted);
        put(&backend, 0).expect("there is space again");
        assert!(matches!(fill(), Some(Error::Full { .. })));
    }

    #[test]
    fn emptying_a_full_disk_keeps_what_is_being_staged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let all = Filter::default().into();
        let large = vec![7; 2 * crate::value::CHUNK_SIZE];
        let staged = backend.stage(&mut &*large, NOW).expect("staged");
        let emptied = backend.delete_all(&all, NOW).expect("a removal");
        assert_eq!(emptied, None, "there is no entry");
        put(&backend, 0).expect("an entry");
        let emptied = backend.delete_all(&all, NOW).expect("a removal");
        assert_eq!(emptied, None, "one by one instead");
        let staged = crate::backend::read_value(&backend, Kind::Bytes, staged);
        assert!(staged.expect("a value").bytes == large);
        let later = NOW.saturating_add(2 * STAGED_FOR);
        let emptied = backend.delete_all(&all, later).expect("a removal");
        assert_eq!(emptied.map(|usage| usage.entries), Some(1));
    }

    #[test]
    fn ids_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let connection = backend.connection().expect("a connection");
        let plan = Plan::new(&connection, &Filter::default(), NOW).expect("a plan");
        let (sql, parameters) = rows_sql(&plan, "e.value", &[1, 2]);
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let steps: String = connection
            .query_row(&sql, params_from_iter(&parameters), |row| row.get(3))
            .expect("a query plan");
        assert_eq!(steps, "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)");
    }

    #[test]
    fn what_was_used_since_it_was_selected_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        for number in 0..3 {
            put(&backend, number).expect("an entry");
        }
        let selection = Selection {
            any_of: Vec::new(),
            beyond: Some(Capacity {
                scope: Filter::default(),
                max_size: None,
                max_entries: Some(1),
            }),
        };
        let parts = backend.select(&selection, NOW).expect("a selection");
        let address = StoreAddress::new("s").entry(Key::new("0").expect("a valid key"));
        let one = crate::backend::Use {
            address,
            used_at: Timestamp::from_millis(NOW.as_millis() + 1),
            hits: 1,
        };
        backend.record_uses(&[one]).expect("a hit is recorded");
        let mut done = Batch::default();
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            delete_batch(transaction, &backend.names, plan, ids)
        };
        backend
            .change(&parts, Pace::Timed, &mut done, &mut no_progress, batch)
            .expect("a removal");
        assert_eq!(done.usage.entries, 1);
    }
}
