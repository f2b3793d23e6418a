//! Samples the entries of which some go where a write exceeds a limit.
//!
//! A table has what decides about an entry that may go, in a random order (`schema`). A sample is a
//! stretch of it from a random place. Where the entries that may go are rare there, their ids are
//! read from an index, and a random part of the rows.
//!
//! Each row that changes is read anew into the table, except that new ones join it together
//! (`tail`). An index in its place would have a page for each new entry that the write did not
//! need: at a random place, and divided where the index was just made and is full.

use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;

use rusqlite::{Connection, Params, Row};

use crate::backend::sqlite::counters::Shared;
use crate::backend::sqlite::counters::row_changes::NameIds;
use crate::backend::sqlite::counters::tail::Tail;
use crate::backend::sqlite::format::column::{number, size};
use crate::backend::sqlite::format::damage::RowError;
use crate::backend::sqlite::format::encoding::MARK;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::format::schema;
use crate::backend::sqlite::query::Range;
use crate::backend::sqlite::selection::verify::StoresInUse;
use crate::entry::idle_ms;
use crate::eviction::{Candidate, SAMPLE, footprint};
use crate::time::Timestamp;

/// Maximum number of entries that one sample reads from the table: about half a millisecond.
const MOST_READ: usize = 4096;

/// Maximum number of entries that SQLite passes over for one sample: about half a millisecond.
const MOST_PASSED: i64 = 8192;

/// Number of entries whose places show how far apart entries are.
const NEIGHBOURS: i64 = 64;

/// The number of places.
const PLACES: i64 = 1 << 32;

/// An entry that may go. Its row has not been verified.
pub(in super::super) struct Sampled {
    pub(in super::super) id: i64,
    pub(in super::super) candidate: Candidate,
}

/// The entries that a sample is taken of.
#[derive(Clone, Copy)]
pub(in super::super) struct Source {
    /// The names that all of them share
    pub(in super::super) shared: Shared,
    /// Number of entries that a sample has, if so many may go
    pub(in super::super) size: usize,
    /// Maximum number of entries to read
    pub(in super::super) most: usize,
}

impl Source {
    /// Returns those whose entries share some names, or every entry.
    pub(in super::super) fn of(shared: Shared, size: usize) -> Self {
        let most = if shared == Shared::default() {
            MOST_READ
        } else {
            size
        };
        Self { shared, size, most }
    }
}

/// Makes the table, which only a store with limits has.
pub(super) fn make_table(connection: &Connection) -> rusqlite::Result<()> {
    let (_, sql) = schema::SAMPLE_TABLE;
    connection.execute(sql, ())?;
    connection.execute(ADD_ALL, ()).map(drop)
}

/// Drops it.
pub(super) fn drop_table(connection: &Connection) -> rusqlite::Result<()> {
    let (name, _) = schema::SAMPLE_TABLE;
    let sql = format!("DROP TABLE IF EXISTS {name}");
    connection.execute(&sql, ()).map(drop)
}

/// Adds entries with ids in a range that it does not have yet.
pub(in super::super) fn add(
    connection: &Connection,
    ids: RangeInclusive<i64>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(ADD_RANGE)?;
    statement.execute((ids.start(), ids.end())).map(drop)
}

/// Reads an entry anew that was changed or removed.
pub(in super::super) fn refresh(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached(FORGET)?.execute([id])?;
    connection.prepare_cached(ADD_ONE)?.execute([id]).map(drop)
}

/// Counts the rows of entries that are missing, left over, or not as in the table `entries`. Those
/// that wait in the tail may be missing. `None` if there is no table.
pub(super) fn count_wrong(connection: &Connection, tail: &Tail) -> rusqlite::Result<Option<u64>> {
    let (name, _) = schema::SAMPLE_TABLE;
    if !connection.table_exists(None, name)? {
        return Ok(None);
    }
    let left_over: i64 = connection.query_row(LEFT_OVER, (), |row| row.get(0))?;
    let mut wrong = left_over.unsigned_abs();
    let mut statement = connection.prepare(DIFFERENT)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (id, is_missing): (i64, bool) = (row.get(0)?, row.get(1)?);
        let is_waiting = is_missing && tail.ranges().any(|range| range.contains(&id));
        wrong += u64::from(!is_waiting);
    }
    Ok(Some(wrong))
}

/// Takes random entries that may go.
pub(in super::super) fn take(
    connection: &Connection,
    source: Source,
    now: Timestamp,
    mut may_go: impl FnMut(&Sampled, NameIds) -> rusqlite::Result<bool>,
) -> Result<Vec<Sampled>, RowError> {
    let mut in_use = StoresInUse::default();
    let mut sample = Vec::with_capacity(source.size);
    let Shared {
        user,
        operator,
        prompt,
    } = source.shared;
    let begin = (random() & (PLACES as u64 - 1)) as i64;
    let width = if source.shared == Shared::default() {
        PLACES
    } else {
        distance(connection, begin)?.saturating_mul(MOST_PASSED)
    };
    let end = begin.saturating_add(width).min(begin + PLACES - 1);
    let mut read = 0;
    for (from, to) in [(begin, end.min(PLACES - 1)), (0, end - PLACES)] {
        let mut statement = connection.prepare_cached(IN_ORDER)?;
        let mut rows = statement.query((from, to, user, operator, prompt))?;
        while let Some(row) = rows.next()? {
            let one = sampled(connection, row, &mut in_use, now)?;
            if may_go(&one, NameIds::of_row(row)?)? {
                sample.push(one);
            }
            read += 1;
            if sample.len() == source.size || read == source.most {
                return Ok(sample);
            }
        }
    }
    Ok(sample)
}

/// Takes a random part of some entries.
pub(super) fn take_of(
    connection: &Connection,
    mut ids: Vec<i64>,
    now: Timestamp,
    mut may_go: impl FnMut(&Sampled, NameIds) -> rusqlite::Result<bool>,
) -> Result<Vec<Sampled>, RowError> {
    let mut in_use = StoresInUse::default();
    let mut sample = Vec::new();
    for place in 0..ids.len().min(MOST_READ) {
        let other = place + random() as usize % (ids.len() - place);
        ids.swap(place, other);
        let mut statement = connection.prepare_cached(BY_ID)?;
        let mut rows = statement.query([ids[place]])?;
        if let Some(row) = rows.next()? {
            let one = sampled(connection, row, &mut in_use, now)?;
            if may_go(&one, NameIds::of_row(row)?)? {
                sample.push(one);
            }
        }
        if sample.len() == SAMPLE {
            break;
        }
    }
    Ok(sample)
}

/// Returns the ids of all entries that share a name, if there is one.
pub(super) fn ids_of_shared(
    connection: &Connection,
    shared: Shared,
) -> rusqlite::Result<Option<Vec<i64>>> {
    for (sql, name) in [
        (
            "SELECT id FROM entries INDEXED BY entries_prompt WHERE prompt = ?1",
            shared.prompt,
        ),
        (
            "SELECT id FROM entries INDEXED BY entries_user WHERE user = ?1",
            shared.user,
        ),
        (
            "SELECT id FROM entries INDEXED BY entries_operator WHERE operator = ?1",
            shared.operator,
        ),
    ] {
        if let Some(name) = name {
            return ids(connection, sql, [name]).map(Some);
        }
    }
    Ok(None)
}

/// Returns the ids of a store's entries, including removed ones and those whose keys were written
/// again (`marks`).
pub(super) fn ids_of_store(connection: &Connection, store: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT id FROM entries INDEXED BY entries_written WHERE store BETWEEN ?1 AND ?2";
    let mut found = ids(connection, sql, (store, store))?;
    let Range { after, end } = Range::store(store);
    found.extend(ids(connection, sql, (-end, -after - 1))?);
    Ok(found)
}

fn ids(connection: &Connection, sql: &str, parameters: impl Params) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let ids = statement.query_map(parameters, |row| row.get(0))?;
    ids.collect()
}

/// Returns the mean distance of entries that follow a place, in places.
fn distance(connection: &Connection, begin: i64) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached(NEIGHBOUR)?;
    let mut distance = |from: i64, count: i64| -> rusqlite::Result<i64> {
        let mut rows = statement.query([from, count])?;
        Ok(match rows.next()? {
            Some(row) => row.get::<_, i64>(0)? - from,
            None => PLACES,
        })
    };
    // The end of the index is as far as its beginning.
    let ahead = distance(begin, NEIGHBOURS)?;
    let ahead = if ahead == PLACES {
        distance(0, NEIGHBOURS)?
    } else {
        ahead
    };
    Ok(ahead / NEIGHBOURS + 1)
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// Reads an entry from [`IN_ORDER`] or [`BY_ID`]. A sample is not an answer: a damaged number
/// counts for nothing, and the row is verified before it goes.
fn sampled(
    connection: &Connection,
    row: &Row<'_>,
    in_use: &mut StoresInUse,
    now: Timestamp,
) -> Result<Sampled, RowError> {
    let id: i64 = row.get(0)?;
    let number = |column| number(row, column);
    let is_marked = number(4)?.is_some_and(|kind| kind >= MARK);
    let is_expired = number(8)?.is_some_and(|at| at <= now.as_millis());
    let written_at = Timestamp::from_millis(number(9)?.unwrap_or(0));
    let used_at = number(11)?.map_or(written_at, |at| Timestamp::from_millis(at).max(written_at));
    Ok(Sampled {
        id,
        candidate: Candidate {
            bytes: footprint(size(row, 5)?, number(6)?.unwrap_or(0).unsigned_abs()),
            cost_ms: number(7)?.and_then(|cost| u64::try_from(cost).ok()),
            hits: number(10)?
                .and_then(|hits| u64::try_from(hits).ok())
                .unwrap_or(0),
            idle_ms: idle_ms(used_at, now),
            is_dead: is_marked || is_expired || !in_use.has(connection, store_of(id))?,
        },
    })
}

/// The place of an entry with an id.
macro_rules! place {
    ($id:literal) => {
        concat!("((", $id, " & 4294967295) >> 3) * 1640531527 & 4294967295")
    };
}

/// The columns of the table after the place, as in `entries`.
macro_rules! columns {
    () => {
        concat!(
            "id, user, operator, prompt, kind, size, ",
            schema::text_size!(),
            ", cost_ms, expires_at, coalesce(updated_at, created_at)"
        )
    };
}

macro_rules! add {
    ($condition:literal) => {
        concat!(
            "INSERT OR IGNORE INTO entries_sample SELECT ",
            place!("id"),
            ", ",
            columns!(),
            " FROM entries NOT INDEXED WHERE policy = 1 AND ",
            $condition
        )
    };
}

const ADD_ALL: &str = add!("true ORDER BY 1");
const ADD_RANGE: &str = add!("id BETWEEN ?1 AND ?2");
const ADD_ONE: &str = add!("id = ?1");
const FORGET: &str = concat!(
    "DELETE FROM entries_sample WHERE place = ",
    place!("?1"),
    " AND id = ?1"
);

/// Entries in the order of the table, between two places, with names if they are given.
const IN_ORDER: &str = "SELECT s.id, user, operator, prompt, kind, size, text_size, cost_ms, \
     expires_at, written_at, u.hits, u.last_used_at \
     FROM entries_sample AS s LEFT JOIN uses AS u ON u.entry = s.id \
     WHERE place BETWEEN ?1 AND ?2 AND (?3 IS NULL OR user = ?3) AND (?4 IS NULL OR operator = ?4) \
     AND (?5 IS NULL OR prompt = ?5) ORDER BY place";

/// The place of an entry some places on.
const NEIGHBOUR: &str =
    "SELECT place FROM entries_sample WHERE place >= ?1 ORDER BY place LIMIT 1 OFFSET ?2";

/// Rows of entries that are gone or may not go.
const LEFT_OVER: &str = concat!(
    "SELECT count(*) FROM entries_sample AS s WHERE place IS NOT ",
    place!("s.id"),
    " OR NOT EXISTS (SELECT 1 FROM entries AS e NOT INDEXED WHERE e.id = s.id AND e.policy = 1)"
);

/// Entries that have no row, or another one. The id loses its affinity, which the column of the
/// other table does not have: otherwise SQLite would read all rows of a place.
const DIFFERENT: &str = concat!(
    "SELECT e.id, s.id IS NULL FROM entries AS e NOT INDEXED \
     LEFT JOIN entries_sample AS s ON s.place = ",
    place!("e.id"),
    " AND s.id = +e.id WHERE e.policy = 1 AND (s.id, s.user, s.operator, s.prompt, s.kind, s.size, \
     s.text_size, s.cost_ms, s.expires_at, s.written_at) IS NOT \
     (e.id, e.user, e.operator, e.prompt, e.kind, e.size, ",
    schema::text_size!(),
    ", e.cost_ms, e.expires_at, coalesce(e.updated_at, e.created_at))"
);

/// One entry, from the table `entries`.
const BY_ID: &str = concat!(
    "SELECT ",
    columns!(),
    ", u.hits, u.last_used_at FROM entries AS e NOT INDEXED LEFT JOIN uses AS u ON u.entry = e.id \
     WHERE e.id = ?1 AND policy = 1"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::{Access, SqliteBackend};

    #[test]
    fn a_sample_is_read_in_the_order_of_its_table_and_changed_by_its_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
        let connection = backend.connection().expect("a connection");
        make_table(&connection).expect("the table");
        let uses = "SEARCH u USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN";
        for (sql, expected) in [
            (
                IN_ORDER,
                &["SEARCH s USING PRIMARY KEY (place>? AND place<?)", uses][..],
            ),
            (
                NEIGHBOUR,
                &["SEARCH entries_sample USING PRIMARY KEY (place>?)"],
            ),
            (
                FORGET,
                &["SEARCH entries_sample USING PRIMARY KEY (place=? AND id=?)"],
            ),
            (
                ADD_ONE,
                &["SEARCH entries USING INTEGER PRIMARY KEY (rowid=?)"],
            ),
            (
                ADD_RANGE,
                &["SEARCH entries USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
            ),
            (
                LEFT_OVER,
                &[
                    "SCAN s",
                    "CORRELATED SCALAR SUBQUERY 1",
                    "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                DIFFERENT,
                &[
                    "SCAN e",
                    "SEARCH s USING PRIMARY KEY (place=? AND id=?) LEFT-JOIN",
                ],
            ),
        ] {
            let mut statement = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .expect("a statement");
            let parameters = vec![0; statement.parameter_count()];
            let steps =
                statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3));
            let steps: Vec<String> = steps
                .expect("a query plan")
                .collect::<rusqlite::Result<_>>()
                .expect("its steps");
            assert_eq!(steps, expected, "{sql}");
        }
        drop_table(&connection).expect("no table");
    }
}
