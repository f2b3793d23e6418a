//! Tombstones: why entries are gone for good.
//!
//! A tombstone is a sum of an entry's address, so nothing of the entry itself stays. Those of one
//! transaction share records of the table `history`, with their cause and operation. Records are
//! numbered by the tombstones before them, like the offsets of a log: keeping the latest
//! [`MOST`] needs no counting.
//!
//! An entry that a limit evicted also has a record of its own, which is found by its sum: a write
//! has no time to search, and is to know whether it computes anew what a limit took. It goes with
//! the tombstone.

use rusqlite::Connection;
use rusqlite::types::{FromSqlResult, ValueRef};

use super::connection::session::Session;
use super::format::checksum;
use super::format::damage::readable;
use super::format::encoding::stored_key;
use super::history::codec::{number, put_number, put_text, text, unreadable};
use super::history::{self, RecordKind};
use crate::backend::Cause;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Maximum number of tombstones.
const MOST: i64 = 100_000;

/// Maximum number of tombstones in a record.
const PER_RECORD: usize = 4096;

/// Bytes of the sum of an address.
const SUM: usize = 8;

/// The entries that one transaction deletes.
#[derive(Default)]
pub(super) struct Graves {
    /// Sums of their addresses, and their expiries
    entries: Vec<(u64, Option<i64>)>,
    /// The sum of the names of the latest store, by its id
    store: Option<(i64, u64)>,
}

impl Graves {
    /// Adds an entry. `store` is the id of its store in the table, whose address is `address`.
    pub(super) fn add(
        &mut self,
        store: i64,
        address: &StoreAddress,
        key: ValueRef<'_>,
        expires_at: Option<i64>,
    ) -> FromSqlResult<()> {
        let seed = match self.store {
            Some((known, seed)) if known == store => seed,
            _ => checksum::address(address),
        };
        self.store = Some((store, seed));
        let sum = checksum::key_with_seed(key, seed)?;
        self.entries.push((sum, expires_at));
        Ok(())
    }
}

/// The circumstances in which entries go for good.
pub(super) struct Burial<'a> {
    /// The cause for those that are not expired anyway
    pub(super) cause: Cause,
    /// The number of the operation, or 0
    pub(super) operation: i64,
    /// The scope of the limit that evicts them, or nothing
    pub(super) note: &'a str,
    pub(super) now: Timestamp,
}

impl Burial<'_> {
    /// Writes the tombstones of entries that the same transaction deletes.
    pub(super) fn bury(&self, connection: &Connection, graves: Graves) -> rusqlite::Result<()> {
        let now = self.now.as_millis();
        let is_expired = |(_, at): &(u64, Option<i64>)| at.is_some_and(|at| at <= now);
        let (expired, others): (Vec<_>, Vec<_>) = graves.entries.into_iter().partition(is_expired);
        for (cause, entries) in [(Cause::Expired, expired), (self.cause, others)] {
            for entries in entries.chunks(PER_RECORD) {
                self.write(connection, cause, entries)?;
            }
        }
        Ok(())
    }

    fn write(
        &self,
        connection: &Connection,
        cause: Cause,
        entries: &[(u64, Option<i64>)],
    ) -> rusqlite::Result<()> {
        let now = self.now.as_millis();
        let mut body = Vec::with_capacity(entries.len() * SUM + 32);
        for field in [cause_number(cause), now, self.operation] {
            put_number(&mut body, field);
        }
        put_text(&mut body, self.note);
        for (sum, _) in entries {
            body.extend_from_slice(&sum.to_le_bytes());
        }
        if cause == Cause::Expired {
            for (_, expired_at) in entries {
                put_number(&mut body, now - expired_at.unwrap_or(now));
            }
        }
        let before = next_number(connection)?;
        let count = entries.len() as i64;
        history::put(connection, RecordKind::Tombstone, before, count, &body)?;
        if cause == Cause::Evicted && !self.note.is_empty() {
            let mut body = Vec::new();
            put_number(&mut body, before);
            put_text(&mut body, self.note);
            for (sum, _) in entries {
                history::put(connection, RecordKind::Evicted, *sum as i64, 0, &body)?;
            }
        }
        let oldest = before + count - MOST;
        forget_evicted(connection, oldest)?;
        history::delete_before(connection, RecordKind::Tombstone, oldest)?;
        Ok(())
    }
}

/// Deletes the own records of evicted entries whose tombstones are older than `oldest`, which are
/// about to go.
fn forget_evicted(connection: &Connection, oldest: i64) -> rusqlite::Result<()> {
    let mut sums = Vec::new();
    let old = (i64::MIN, oldest - 1);
    history::scan(connection, RecordKind::Tombstone, old, |at, count, body| {
        let body = body.as_deref().unwrap_or_default();
        let evicted = evicted_sums(body, count).unwrap_or_default();
        sums.extend(evicted.into_iter().map(|sum| (sum, at)));
        Ok(true)
    })?;
    for (sum, at) in sums {
        // Otherwise the entry was evicted again.
        if matches!(evicted(connection, sum)?, Some((number, _)) if number == at) {
            history::delete(connection, RecordKind::Evicted, sum, 0)?;
        }
    }
    Ok(())
}

/// Returns the sums of the entries that a record says were evicted.
fn evicted_sums(body: &[u8], count: i64) -> Option<Vec<i64>> {
    let mut rest = body;
    let cause = number(&mut rest).ok().and_then(cause_of)?;
    let (_, _) = (number(&mut rest).ok()?, number(&mut rest).ok()?);
    let note = text(&mut rest).ok()?;
    let size = usize::try_from(count).ok()?.checked_mul(SUM)?;
    let sums = rest
        .get(..size)
        .filter(|_| cause == Cause::Evicted && !note.is_empty())?;
    let (sums, _) = sums.as_chunks::<SUM>();
    Some(sums.iter().map(|sum| i64::from_le_bytes(*sum)).collect())
}

/// Returns the number of an evicted entry's tombstone and the scope of the limit.
fn evicted(connection: &Connection, sum: i64) -> rusqlite::Result<Option<(i64, String)>> {
    evicted_by(history::get(connection, RecordKind::Evicted, sum, 0))
}

fn evicted_by(
    record: rusqlite::Result<Option<Vec<u8>>>,
) -> rusqlite::Result<Option<(i64, String)>> {
    let body = readable(record)?.flatten();
    let read = |body: Vec<u8>| {
        let mut rest = &body[..];
        Ok((number(&mut rest)?, text(&mut rest)?))
    };
    body.map(read).transpose()
}

/// Returns the scope of the limit that evicted an entry, if one did, and forgets that: it is being
/// written again.
pub(super) fn take_evicted(
    session: &Session,
    address: &Address,
) -> rusqlite::Result<Option<String>> {
    let key = stored_key(address.key.as_str());
    let sum = checksum::key_with_seed((&key).into(), checksum::address(&address.store))? as i64;
    let found = {
        let mut statement = session.prepare_kept(history::GET)?;
        let record = history::get_with(statement.get(), RecordKind::Evicted, sum, 0);
        evicted_by(record)?
    };
    if found.is_some() {
        history::delete(session, RecordKind::Evicted, sum, 0)?;
    }
    Ok(found.map(|(_, scope)| scope))
}

/// Returns the number of tombstones ever written.
fn next_number(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT at + id FROM history WHERE kind = ?1 ORDER BY at DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([RecordKind::Tombstone as i64])?;
    match rows.next()? {
        Some(row) => row.get(0),
        None => Ok(0),
    }
}

/// A tombstone as it is stored.
#[derive(Debug, PartialEq)]
pub(super) struct TombstoneRecord {
    pub(super) cause: Cause,
    /// Time at which the entry went
    pub(super) at: Timestamp,
    /// The number of the operation, or 0
    pub(super) operation: i64,
    pub(super) note: String,
    pub(super) expired_at: Option<Timestamp>,
}

/// Finds the latest tombstone of an address.
pub(super) fn find(
    connection: &Connection,
    address: &Address,
) -> rusqlite::Result<Option<TombstoneRecord>> {
    let key = stored_key(address.key.as_str());
    let sum = checksum::key_with_seed((&key).into(), checksum::address(&address.store))?;
    let mut found = None;
    let all = (i64::MIN, i64::MAX);
    history::scan(connection, RecordKind::Tombstone, all, |_, count, body| {
        // A damaged record tells nothing.
        let body = body.as_deref().unwrap_or_default();
        if let Ok(Some(tombstone)) = find_in(body, count, sum) {
            found = Some(tombstone);
        }
        Ok(true)
    })?;
    Ok(found)
}

fn find_in(body: &[u8], count: i64, sum: u64) -> rusqlite::Result<Option<TombstoneRecord>> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut rest = body;
    let cause = cause_of(number(&mut rest)?).ok_or_else(unreadable)?;
    let (at, operation) = (number(&mut rest)?, number(&mut rest)?);
    let note = text(&mut rest)?;
    let count = usize::try_from(count).unwrap_or(0);
    let (sums, mut rest) = rest
        .split_at_checked(count.saturating_mul(SUM))
        .ok_or_else(unreadable)?;
    let mut sums = sums.chunks_exact(SUM);
    let Some(place) = sums.rposition(|stored| stored == sum.to_le_bytes()) else {
        return Ok(None);
    };
    let mut expired_at = None;
    if cause == Cause::Expired {
        for _ in 0..place {
            number(&mut rest)?;
        }
        expired_at = Some(Timestamp::from_millis(at - number(&mut rest)?));
    }
    Ok(Some(TombstoneRecord {
        cause,
        at: Timestamp::from_millis(at),
        operation,
        note,
        expired_at,
    }))
}

/// Returns the number that stands for a cause in the file.
pub(super) fn cause_number(cause: Cause) -> i64 {
    cause as i64
}

pub(super) fn cause_of(number: i64) -> Option<Cause> {
    [
        Cause::Removed,
        Cause::Cleared,
        Cause::Expired,
        Cause::Orphaned,
        Cause::Pruned,
        Cause::Evicted,
    ]
    .into_iter()
    .find(|cause| cause_number(*cause) == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::key::Key;

    fn address(number: usize) -> Address {
        let key = Key::new(number.to_string()).expect("a key");
        StoreAddress::new("s").entry(key)
    }

    fn bury(connection: &Connection, cause: Cause, numbers: std::ops::Range<usize>, at: i64) {
        let mut graves = Graves::default();
        for number in numbers {
            let address = address(number);
            let key = stored_key(address.key.as_str());
            let expires_at = number.is_multiple_of(2).then_some(number as i64);
            graves
                .add(1, &address.store, (&key).into(), expires_at)
                .expect("a grave");
        }
        let burial = Burial {
            cause,
            operation: 7,
            note: "user=ann",
            now: Timestamp::from_millis(at),
        };
        burial.bury(connection, graves).expect("tombstones");
    }

    #[test]
    fn the_latest_tombstone_of_an_address_is_found_and_the_oldest_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
        let connection = backend.connection().expect("a connection");
        let find = |number| find(&connection, &address(number)).expect("a search");
        assert_eq!(find(1), None);

        bury(&connection, Cause::Evicted, 0..100, 1000);
        let evicted = find(1).expect("a tombstone");
        assert_eq!((evicted.cause, evicted.operation), (Cause::Evicted, 7));
        assert_eq!((evicted.at.as_millis(), &*evicted.note), (1000, "user=ann"));
        assert_eq!(evicted.expired_at, None);
        let expired = find(2).expect("a tombstone");
        assert_eq!(expired.cause, Cause::Expired);
        assert_eq!(expired.expired_at, Some(Timestamp::from_millis(2)));

        let take = |number| take_evicted(&connection, &address(number)).expect("a search");
        assert_eq!(take(1).as_deref(), Some("user=ann"));
        assert_eq!(take(1), None, "it is told once");
        assert_eq!(take(2), None, "it was expired");

        bury(&connection, Cause::Pruned, 1..2, 2000);
        assert_eq!(find(1).map(|found| found.cause), Some(Cause::Pruned));

        bury(&connection, Cause::Removed, 1000..MOST as usize + 2000, -1);
        assert_eq!(find(1), None);
        assert_eq!(find(1000), None);
        let left: i64 = connection
            .query_row("SELECT count(*) FROM history WHERE kind = 8", (), |row| {
                row.get(0)
            })
            .expect("a count");
        assert_eq!(
            left, 0,
            "the record of an evicted entry goes with its tombstone"
        );
        let last = find(MOST as usize + 1999).map(|found| found.cause);
        assert_eq!(last, Some(Cause::Removed));
        let count: i64 = connection
            .query_row("SELECT sum(id) FROM history WHERE kind = 5", (), |row| {
                row.get(0)
            })
            .expect("a count");
        assert!(
            (MOST - PER_RECORD as i64..=MOST).contains(&count),
            "{count}"
        );
    }
}
