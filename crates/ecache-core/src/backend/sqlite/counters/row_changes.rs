//! Counts what a transaction adds to the table `entries` and takes from it.
//!
//! Designs weighed:
//!
//! - *Adding up in each function that writes, moves or deletes rows*: a dozen do, and one that
//!   forgets it makes a limit wrong for good.
//! - *Triggers in the file*: a file with triggers is refused, since they run when others open it.
//! - *SQLite's hook before updates*: its bindings are generated while building, by a C compiler's
//!   library that few machines have.
//! - *Temporary triggers of each connection that writes to a store with limits* (chosen): SQLite
//!   calls them for every row, whichever statement changes it, and a store without limits pays
//!   nothing. They also tell the ids of rows whose worth may have changed (`sample`).
//!
//! Making the triggers takes as many instructions as `ecache set` does besides. A transaction that
//! writes one entry therefore notes itself what it changes; `sqlite_limits` compares both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result, Row};

use crate::backend::sqlite::format::column::number;
use crate::backend::sqlite::format::encoding::stored_key;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::entry::Entry;
use crate::eviction::{self, OVERHEAD};
use crate::sync::lock;

/// The names of an entry that decide which limits it belongs to, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct NameIds {
    pub(in super::super) store: i64,
    pub(in super::super) user: Option<i64>,
    pub(in super::super) operator: Option<i64>,
    pub(in super::super) prompt: Option<i64>,
}

impl NameIds {
    /// Reads the names from a row that has the id of an entry first, and then its user, operator
    /// and prompt.
    pub(in super::super) fn of_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            store: store_of(row.get(0)?),
            user: number(row, 1)?,
            operator: number(row, 2)?,
            prompt: number(row, 3)?,
        })
    }
}

/// A number of entries and bytes, or a change of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Amount {
    pub(in super::super) entries: i64,
    pub(in super::super) bytes: i64,
}

impl Amount {
    /// Returns one entry of that many bytes.
    pub(in super::super) fn one(bytes: i64) -> Self {
        Self { entries: 1, bytes }
    }

    /// Reports whether neither number is less than the other's.
    pub(in super::super) fn covers(self, other: Self) -> bool {
        self.entries >= other.entries && self.bytes >= other.bytes
    }
}

impl std::ops::Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            entries: -self.entries,
            bytes: -self.bytes,
        }
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}

/// Changes of the table.
#[derive(Default)]
pub(in super::super) struct Changes {
    pub(in super::super) amounts: BTreeMap<NameIds, Amount>,
    /// Ids of entries that were added, changed or removed, some more than once
    pub(in super::super) ids: Vec<i64>,
}

/// The changes since they were taken last.
#[derive(Default)]
pub(in super::super) struct RowChanges(Mutex<Changes>);

/// Returns the bytes that the row of an alias takes, as SQL. [`footprint`] is the same in Rust.
pub(super) fn footprint_sql(alias: &str) -> String {
    format!(
        "iif(typeof({alias}.size) = 'integer' AND {alias}.size BETWEEN 0 AND 1 << 40, {alias}.size, 0) \
         + 2 * coalesce(octet_length({alias}.key), 0) + coalesce(octet_length({alias}.args), 0) \
         + {OVERHEAD}"
    )
}

/// Returns the bytes that a row with a value of some size takes.
pub(in super::super) fn footprint(size: u64, key: ValueRef<'_>, args: Option<&str>) -> u64 {
    let key = match key {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.len(),
        _ => 0,
    };
    let args = args.map_or(0, str::len);
    eviction::footprint(size, (2 * key + args) as u64)
}

/// Returns the bytes that the row of an entry with a value of some size takes.
pub(in super::super) fn footprint_of(entry: &Entry, size: u64) -> u64 {
    let key = stored_key(entry.address.key.as_str());
    footprint(size, (&key).into(), entry.args.as_deref())
}

impl RowChanges {
    /// Makes a connection count from now on. Requires that it is in no transaction.
    pub(in super::super) fn begin(connection: &Connection) -> Result<Arc<Self>> {
        let changes = Arc::new(Self::default());
        let counted = changes.clone();
        connection.create_scalar_function(
            "ecache_count",
            6,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS,
            move |context: &mut Context<'_>| {
                let number = |index| match context.get_raw(index) {
                    ValueRef::Integer(number) => Some(number),
                    _ => None,
                };
                let (sign, id) = (number(0).unwrap_or(0), number(1).unwrap_or(0));
                let names = NameIds {
                    store: store_of(id),
                    user: number(2),
                    operator: number(3),
                    prompt: number(4),
                };
                let bytes = number(5).unwrap_or(0) * sign;
                let entries = sign;
                let mut changes = counted.lock();
                if sign != 0 {
                    *changes.amounts.entry(names).or_default() += Amount { entries, bytes };
                }
                changes.ids.push(id);
                Ok(sign)
            },
        )?;
        let call = |sign: i64, alias: &str| {
            let bytes = footprint_sql(alias);
            format!(
                "SELECT ecache_count({sign}, {alias}.id, {alias}.user, {alias}.operator, \
                 {alias}.prompt, {bytes});"
            )
        };
        let (add, take) = (call(1, "new"), call(-1, "old"));
        let touch = "SELECT ecache_count(0, new.id, new.user, new.operator, new.prompt, 0);";
        connection.execute_batch(&format!(
            "CREATE TEMP TRIGGER count_insert AFTER INSERT ON main.entries BEGIN {add} END; \
             CREATE TEMP TRIGGER count_delete AFTER DELETE ON main.entries BEGIN {take} END; \
             CREATE TEMP TRIGGER count_update AFTER UPDATE OF id, key, user, operator, prompt, size, \
             args ON main.entries BEGIN {take} {add} END; \
             CREATE TEMP TRIGGER count_touch AFTER UPDATE OF policy, kind, cost_ms, expires_at, \
             created_at, updated_at ON main.entries BEGIN {touch} END;"
        ))?;
        Ok(changes)
    }

    /// Takes the changes since the last call.
    pub(in super::super) fn take(&self) -> Changes {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Changes> {
        // The changes are whole between two calls.
        lock(&self.0)
    }
}

/// Counts all entries in the file, removed ones that are kept included.
pub(in super::super) fn count_all(connection: &Connection) -> Result<BTreeMap<NameIds, Amount>> {
    let sql = format!(
        "SELECT e.id, e.user, e.operator, e.prompt, {} FROM entries AS e NOT INDEXED",
        footprint_sql("e")
    );
    let mut all: BTreeMap<NameIds, Amount> = BTreeMap::new();
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let bytes = number(row, 4)?.unwrap_or(0);
        *all.entry(NameIds::of_row(row)?).or_default() += Amount { entries: 1, bytes };
    }
    Ok(all)
}
