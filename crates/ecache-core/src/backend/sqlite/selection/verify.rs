//! Removes or touches rows by id, after verifying each of them in the same transaction.
//!
//! The rows are reread from the table, the condition is checked again, and the checksums are
//! verified: an entry renewed since it was selected is skipped, as is one reachable only through a
//! damaged index. A damaged row is removed if other data proves that the filter matches it (see
//! `witnessed`); otherwise it is left and counted.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use rusqlite::{Connection, Row, params_from_iter};

use super::select::one;
use crate::backend::Touch;
use crate::backend::sqlite::blobs::{self, Unnamed};
use crate::backend::sqlite::format::checksum::Fields;
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage::{self, RowError, intact};
use crate::backend::sqlite::format::encoding::policy_number;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::{Names, store_rows};
use crate::backend::sqlite::operations::Touched;
use crate::backend::sqlite::query::{Conditions, Parameter, Plan, Range};
use crate::backend::sqlite::tombstones::Graves;
use crate::backend::sqlite::usage::evictions::Evictions;
use crate::backend::sqlite::{SqliteBackend, row};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::time::Timestamp;

/// Builds a query that reads rows by id from the table alone, and evaluates the condition on each.
fn rows_sql(plan: &Plan, columns: &str, ids: &[i64]) -> (String, Vec<Parameter>) {
    let range = Range {
        after: ids.first().map_or(0, |first| first - 1),
        end: ids.last().copied().unwrap_or(0),
    };
    let mut parameters: Vec<Parameter> = plan.bound(range).collect();
    parameters.push(Parameter::many(ids.iter().copied()));
    // The plus makes SQLite find the rows by the list, not by the range.
    let sql = format!(
        "SELECT {columns}, {} FROM entries AS e NOT INDEXED \
         WHERE +e.id > ?1 AND +e.id <= ?2 AND e.id IN rarray(?{})",
        plan.condition(),
        parameters.len()
    );
    (sql, parameters)
}

/// The rows of `stores` that are in use, as far as one transaction asked for them.
#[derive(Default)]
pub(in super::super) struct StoresInUse(Option<(i64, bool)>);

impl StoresInUse {
    /// Reports whether a row is in use, or unreadable.
    pub(in super::super) fn has(
        &mut self,
        connection: &Connection,
        store: i64,
    ) -> rusqlite::Result<bool> {
        if let Some((known, is_in_use)) = self.0
            && known == store
        {
            return Ok(is_in_use);
        }
        let row = intact(damage::readable(store_rows::store_row(connection, store)))?;
        let is_in_use = row.flatten().flatten().is_none_or(|row| row.retired == 0);
        self.0 = Some((store, is_in_use));
        Ok(is_in_use)
    }
}

/// Visits the rows of `ids` that still match, and the damaged ones, whose fields are not trusted.
pub(in super::super) fn visit(
    connection: &Connection,
    names: &Names,
    plan: &Plan,
    ids: &[i64],
    mut visit: impl FnMut(Option<Fields<'_>>, &Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let (sql, parameters) = rows_sql(plan, row::columns!(), ids);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&parameters))?;
    let mut in_use = StoresInUse::default();
    while let Some(row) = rows.next()? {
        // A store that was retired since its entries were selected is not seen any more.
        if !in_use.has(connection, store_of(row.get(0)?))? {
            continue;
        }
        let is_meant = column::number(row, row::COLUMNS)? == Some(1);
        let fields = row::fields(row).and_then(|fields| {
            // A marked row may be in a store that was retired: its entry was replaced meanwhile.
            if !fields.is_marked() {
                names.store(connection, fields.store)?;
            }
            Ok(fields)
        });
        match fields {
            Ok(fields) if is_meant && !fields.is_marked() => visit(Some(fields), row)?,
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
        Ok(damage::readable(names.store(connection, store))?.is_some())
    };
    let (by_id, by_column) = (store_of(id), column::number(row, 1)?);
    if plan.means_all() {
        return Ok(by_column != Some(by_id) || is_known(by_id)?);
    }
    let is_meant = column::number(row, row::COLUMNS)? == Some(1);
    if by_column != Some(by_id) || !is_known(by_id)? || !is_meant {
        return Ok(false);
    }
    match plan.conditions() {
        Conditions::Nothing | Conditions::Key => Ok(true),
        Conditions::Policy(policy) => {
            let sql = "SELECT 1 FROM entries INDEXED BY entries_persist \
                       WHERE policy = 0 AND store = ?1 AND id = ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let is_persistent = statement.exists([store_of(id), id])?;
            Ok(is_persistent == (policy == Policy::Persist))
        }
        Conditions::Others => Ok(false),
    }
}

/// The result of a change, with the number of damaged rows left.
#[derive(Default)]
pub(in super::super) struct ChangeBatch {
    pub(in super::super) usage: Usage,
    pub(in super::super) left: u64,
    /// The deleted entries; those of one batch only
    pub(in super::super) graves: Graves,
    /// Those that went for a limit and are not counted yet
    pub(in super::super) evictions: Evictions,
}

impl AddAssign for ChangeBatch {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.left += other.left;
        self.evictions.append(other.evictions);
    }
}

impl ChangeBatch {
    pub(in super::super) fn finish(self) -> Result<Usage> {
        let Self { usage, left, .. } = self;
        if left == 0 {
            Ok(usage)
        } else {
            Err(Error::DamagedLeft { done: usage, left })
        }
    }
}

/// The rows selected for removal.
#[derive(Default)]
pub(in super::super) struct Judged {
    ids: Vec<i64>,
    /// Ids of their large values
    blobs: Vec<i64>,
    /// Those that go because of a limit
    pub(in super::super) evictions: Evictions,
    pub(in super::super) usage: Usage,
    /// Number of damaged rows left
    left: u64,
    graves: Graves,
}

impl Judged {
    pub(in super::super) fn new(
        connection: &Connection,
        names: &Names,
        plan: &Plan,
        ids: &[i64],
    ) -> rusqlite::Result<Self> {
        let mut judged = Self::default();
        visit(connection, names, plan, ids, |fields, row| {
            match fields {
                Some(fields) => {
                    judged.blobs.extend(fields.blob);
                    if plan.is_eviction() {
                        judged.evictions.add(&fields);
                    }
                    let store = names.store(connection, fields.store)?;
                    let Fields {
                        store: id,
                        key,
                        expires_at,
                        ..
                    } = fields;
                    judged.graves.add(id, &store, key, expires_at)?;
                }
                // Its large value is left to garbage collection, since it may belong to another
                // entry.
                None if witnessed(connection, names, plan, row)? => {}
                None => {
                    judged.left += 1;
                    return Ok(());
                }
            }
            judged.ids.push(row.get(0)?);
            judged.usage += one(column::size(row, row::SIZE)?);
            Ok(())
        })?;
        Ok(judged)
    }

    /// Removes the rows.
    pub(in super::super) fn delete(
        self,
        transaction: &Connection,
    ) -> rusqlite::Result<ChangeBatch> {
        let stores: BTreeSet<i64> = self.ids.iter().map(|id| store_of(*id)).collect();
        delete_rows(transaction, self.ids, self.blobs)?;
        for store in stores {
            store_rows::bump_generation(transaction, store)?;
        }
        Ok(ChangeBatch {
            usage: self.usage,
            left: self.left,
            graves: self.graves,
            evictions: self.evictions,
        })
    }
}

/// Deletes rows with their recorded hits, and marks their large values, of which `blobs` has the
/// ids, as removed.
pub(in super::super) fn delete_rows(
    connection: &Connection,
    ids: Vec<i64>,
    blobs: Vec<i64>,
) -> rusqlite::Result<()> {
    let ids = Parameter::many(ids);
    for sql in [
        "DELETE FROM entries WHERE id IN rarray(?1)",
        "DELETE FROM uses WHERE entry IN rarray(?1)",
    ] {
        connection.prepare_cached(sql)?.execute([&ids])?;
    }
    for blob in blobs {
        blobs::leave(connection, blob, Unnamed::Removed)?;
    }
    Ok(())
}

pub(in super::super) fn delete_batch(
    backend: &SqliteBackend,
    transaction: &Connection,
    plan: &Plan,
    ids: &[i64],
) -> rusqlite::Result<ChangeBatch> {
    Judged::new(transaction, &backend.names, plan, ids)?.delete(transaction)
}

/// Sets the lifetime of an entry, and the sums that cover it.
pub(in super::super) const SET_LIFETIME: &str = "UPDATE entries SET expires_at = ?2, policy = ?3, \
                                       row_checksum = ?4, checksum = ?5 WHERE id = ?1";

/// Changes lifetimes, and returns those that are different now.
pub(in super::super) fn touch_batch(
    transaction: &Connection,
    names: &Names,
    plan: &Plan,
    ids: &[i64],
    touch: Touch,
) -> rusqlite::Result<(ChangeBatch, Vec<Touched>)> {
    let mut batch = ChangeBatch::default();
    let mut touched = Vec::new();
    if touch == Touch::default() {
        return Ok((batch, touched));
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
        let lifetime = |fields: &Fields<'_>| (fields.policy, fields.expires_at);
        let (old, new) = (lifetime(&fields), lifetime(&new));
        if old != new {
            let (id, written_at) = (fields.id, fields.identity().written_at);
            touched.push(Touched {
                id,
                written_at,
                old,
                new,
            });
        }
        batch.usage += one(column::size(row, row::SIZE)?);
        stores.insert(fields.store);
        Ok(())
    })?;
    let mut statement = transaction.prepare_cached(SET_LIFETIME)?;
    for renewed in renewed {
        statement.execute(renewed)?;
    }
    for store in stores {
        store_rows::bump_generation(transaction, store)?;
    }
    Ok((batch, touched))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::Access;
    use crate::filter::Filter;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    #[test]
    fn ids_are_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
        let connection = backend.connection().expect("a connection");
        let plan = Plan::new(&connection, &Filter::default(), NOW).expect("a plan");
        let (sql, parameters) = rows_sql(&plan, "e.value", &[1, 2]);
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let steps: String = connection
            .query_row(&sql, params_from_iter(&parameters), |row| row.get(3))
            .expect("a query plan");
        assert_eq!(steps, "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)");
    }
}
