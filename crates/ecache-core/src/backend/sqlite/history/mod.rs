//! The table `history`: facts about the store that are not entries.
//!
//! Operations, settings, usage by period, the folded offset of the usage log and tombstones share
//! one table, since each row of SQLite's schema costs every short command 7 to 14 thousand
//! instructions. A record is found by its kind, time and id, and a scan of one kind runs in order
//! of time. Nothing that is read in a look-up is kept here.
//!
//! `body` begins with a checksum of eight bytes, which covers the kind, the time and the id: a
//! record that a damaged page yields in the place of another one fails verification.

pub(super) mod codec;

use rusqlite::{Connection, OptionalExtension, Statement};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::format::damage::damaged;

/// The kind of a record. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(super) enum RecordKind {
    /// An operation, such as a removal
    Operation = 1,
    /// A setting that binds every writer
    Setting = 2,
    /// Usage of one group in one period
    Usage = 3,
    /// The offset up to which a usage log is folded
    Offset = 4,
    /// The reason why an entry is gone
    Tombstone = 5,
    /// A process that counts calls and has not appended them yet
    Tally = 6,
    /// The used part of a limit
    Used = 7,
    /// An entry that a limit evicted, by the sum of its address
    Evicted = 8,
    /// The last id of a store that the counters of limits include
    Tail = 9,
}

/// Bytes of the checksum that a stored body begins with.
const SUM: usize = 8;

fn checksum(kind: RecordKind, at: i64, id: i64, body: &[u8]) -> [u8; SUM] {
    let mut names = [0; 24];
    for (place, number) in names.chunks_exact_mut(8).zip([kind as i64, at, id]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    xxh3_64_with_seed(body, xxh3_64_with_seed(&names, 5)).to_le_bytes()
}

fn verified(kind: RecordKind, at: i64, id: i64, stored: &[u8]) -> rusqlite::Result<Vec<u8>> {
    match stored.split_first_chunk::<SUM>() {
        Some((sum, body)) if *sum == checksum(kind, at, id, body) => Ok(body.to_vec()),
        _ => Err(damaged("a record of the history is damaged")),
    }
}

/// Writes a record, in the place of the one with its kind, time and id, if there is one.
pub(super) fn put(
    connection: &Connection,
    kind: RecordKind,
    at: i64,
    id: i64,
    body: &[u8],
) -> rusqlite::Result<()> {
    let stored = [&checksum(kind, at, id, body)[..], body].concat();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO history(kind, at, id, body) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((kind as i64, at, id, stored))?;
    Ok(())
}

/// Returns the body of a record.
///
/// # Errors
/// SQLite's, and the error of [`damaged`] if the checksum does not match.
pub(super) fn get(
    connection: &Connection,
    kind: RecordKind,
    at: i64,
    id: i64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    get_with(&mut *connection.prepare_cached(GET)?, kind, at, id)
}

/// Selects a record, for [`get_with`].
pub(super) const GET: &str = "SELECT body FROM history WHERE kind = ?1 AND at = ?2 AND id = ?3";

/// Returns the body of a record by a statement that stays prepared.
pub(super) fn get_with(
    statement: &mut Statement<'_>,
    kind: RecordKind,
    at: i64,
    id: i64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    statement
        .query_row((kind as i64, at, id), |row| {
            verified(kind, at, id, row.get_ref(0)?.as_blob()?)
        })
        .optional()
}

/// Visits the records of one kind whose times are within `from..=to`, oldest first, until `visit`
/// returns false. A damaged record is visited as `None` in the place of its body.
pub(super) fn scan(
    connection: &Connection,
    kind: RecordKind,
    (from, to): (i64, i64),
    mut visit: impl FnMut(i64, i64, Option<Vec<u8>>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT at, id, body FROM history WHERE kind = ?1 AND at BETWEEN ?2 AND ?3 ORDER BY at, id",
    )?;
    let mut rows = statement.query((kind as i64, from, to))?;
    while let Some(row) = rows.next()? {
        let (at, id) = (row.get(0)?, row.get(1)?);
        let stored = row.get_ref(2)?.as_blob().unwrap_or_default();
        // A row that only a damaged page leads to is not within the range.
        let body = verified(kind, at, id, stored).ok();
        if !visit(at, id, body.filter(|_| (from..=to).contains(&at)))? {
            break;
        }
    }
    Ok(())
}

/// Deletes a record, and reports whether there was one.
pub(super) fn delete(
    connection: &Connection,
    kind: RecordKind,
    at: i64,
    id: i64,
) -> rusqlite::Result<bool> {
    let deleted = connection
        .prepare_cached("DELETE FROM history WHERE kind = ?1 AND at = ?2 AND id = ?3")?
        .execute((kind as i64, at, id))?;
    Ok(deleted > 0)
}

/// Deletes all records of one kind and time.
pub(super) fn delete_all_at(
    connection: &Connection,
    kind: RecordKind,
    at: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM history WHERE kind = ?1 AND at = ?2")?
        .execute((kind as i64, at))?;
    Ok(())
}

/// Deletes the records of one kind from before `at`, and returns their number.
pub(super) fn delete_before(
    connection: &Connection,
    kind: RecordKind,
    at: i64,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM history WHERE kind = ?1 AND at < ?2")?
        .execute((kind as i64, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::{Access, SqliteBackend};

    fn scanned(
        connection: &Connection,
        kind: RecordKind,
        range: (i64, i64),
    ) -> Vec<(i64, i64, Option<Vec<u8>>)> {
        let mut found = Vec::new();
        scan(connection, kind, range, |at, id, body| {
            found.push((at, id, body));
            Ok(true)
        })
        .expect("a scan");
        found
    }

    #[test]
    fn a_record_is_found_by_kind_time_and_id_and_scanned_in_order_of_time() {
        use RecordKind::{Operation, Tombstone, Usage};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
        let connection = backend.connection().expect("a connection");
        for (kind, at, id) in [
            (Usage, 9, 1),
            (Usage, 3, 2),
            (Usage, 3, -1),
            (Tombstone, 3, 1),
        ] {
            let body = format!("{kind:?} {at} {id}");
            put(&connection, kind, at, id, b"before").expect("a record");
            put(&connection, kind, at, id, body.as_bytes()).expect("a record");
        }
        let body = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(get(&connection, Usage, 3, 2), Ok(body("Usage 3 2")));
        assert_eq!(get(&connection, Operation, 3, 2), Ok(None));
        let early = [(3, -1, body("Usage 3 -1")), (3, 2, body("Usage 3 2"))];
        assert_eq!(scanned(&connection, Usage, (0, 8)), early);

        assert_eq!(delete(&connection, Usage, 3, 2), Ok(true));
        assert_eq!(delete(&connection, Usage, 3, 2), Ok(false));
        assert_eq!(delete_before(&connection, Usage, 9), Ok(1));
        assert_eq!(scanned(&connection, Usage, (i64::MIN, i64::MAX)).len(), 1);
        assert_eq!(
            scanned(&connection, Tombstone, (i64::MIN, i64::MAX)).len(),
            1
        );

        // A record in the place of another one is damaged, as is a changed one.
        for sql in [
            "UPDATE history SET at = 10 WHERE kind = 3",
            "UPDATE history SET body = zeroblob(3) WHERE kind = 3",
        ] {
            assert_eq!(connection.execute(sql, ()), Ok(1));
            let found = scanned(&connection, Usage, (10, 10));
            assert_eq!(found, [(10, 1, None)], "{sql}");
            assert!(get(&connection, Usage, 10, 1).is_err(), "{sql}");
        }
    }
}
