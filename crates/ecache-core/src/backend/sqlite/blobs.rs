//! Large values: written chunk by chunk ahead of the entry that names them.
//!
//! Each chunk is a transaction of its own, so that a slow stream holds no lock. The table `blobs`
//! lists the values that no entry names: staged ones with their writers, and those whose entry was
//! replaced or removed. `reclaim` deletes the latter.

use std::io::Read;

use rusqlite::Connection;

use super::SqliteBackend;
use super::connection::timeouts::SHORT_WAIT;
use super::format::chunks::{MAX_CHUNKS, MAX_SIZE, chunk_checksum, chunk_id};
use crate::backend::Chunked;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::value::CHUNK_SIZE;

/// A random name for a new value. Values in other files do not share it, since a reader may still
/// hold the name after another file has taken the place of this one. Below 2^43, since it is a part
/// of the ids of chunks.
macro_rules! new_id {
    () => {
        "abs(random() >> 21)"
    };
}

/// Marks a value replaced by a writer that does not know the time; `reclaim` fills it in.
pub(super) const REPLACED: i64 = 0;

/// Marks a replaced value that is not retained for readers.
pub(super) const REMOVED: i64 = i64::MIN;

impl SqliteBackend {
    /// Registers a value that is about to be staged, and returns its id.
    pub(super) fn begin_staging(&self, now: Timestamp) -> Result<i64> {
        // Registered before any value is staged: see `reclaim`.
        let writer = self.staging.writer(&self.path);
        self.transaction(|transaction| {
            let sql = concat!(
                "INSERT INTO blobs(id, staged_at, staged_by) VALUES (",
                new_id!(),
                ", ?1, ?2)"
            );
            let mut statement = transaction.prepare_cached(sql)?;
            Ok(statement.insert((now.as_millis(), writer))?)
        })
    }

    /// Stages the chunks of a value, and returns its size.
    pub(super) fn stage_chunks(
        &self,
        blob: i64,
        first: Vec<u8>,
        second: Vec<u8>,
        rest: &mut dyn Read,
    ) -> Result<u64> {
        self.write_chunk(blob, 0, &first)?;
        drop(first);
        let (mut index, mut bytes) = (1, second);
        let mut size = CHUNK_SIZE as u64;
        while !bytes.is_empty() {
            if index >= MAX_CHUNKS {
                return Err(Error::TooLarge {
                    size,
                    limit: MAX_SIZE,
                });
            }
            self.write_chunk(blob, index, &bytes)?;
            size += bytes.len() as u64;
            index += 1;
            bytes = read_chunk(rest)?;
        }
        Ok(size)
    }

    fn write_chunk(&self, blob: i64, index: u64, bytes: &[u8]) -> Result<()> {
        self.transaction(|transaction| {
            // A stream that pauses for a day counts as abandoned, and its value is removed.
            if !exists(transaction, blob)? {
                return Err(Error::Replaced.into());
            }
            Ok(insert_chunk(transaction, blob, index, bytes)?)
        })
    }

    /// Removes a staged value, unless an entry names it. Does not wait long for other writers.
    pub(super) fn discard(&self, blob: i64) -> Result<()> {
        self.transaction_within(SHORT_WAIT, |transaction| {
            let named = "SELECT 1 FROM entries WHERE blob = ?1";
            if !transaction.prepare_cached(named)?.exists([blob])? {
                delete(transaction, blob)?;
            }
            Ok(())
        })
    }
}

/// Reads until a chunk is full or the input ends.
pub(super) fn read_chunk(input: &mut dyn Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(CHUNK_SIZE as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn insert_chunk(
    connection: &Connection,
    blob: i64,
    index: u64,
    bytes: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO chunks(id, checksum, bytes) VALUES (?1, ?2, ?3)")?
        .execute((
            chunk_id(blob, index),
            chunk_checksum(blob, index, bytes),
            bytes,
        ))?;
    Ok(())
}

/// Stores an in-memory value in chunks, within the transaction that writes its entry.
pub(super) fn insert(connection: &Connection, bytes: &[u8]) -> rusqlite::Result<Chunked> {
    let id = connection
        .prepare_cached(concat!("INSERT INTO blobs(id) VALUES (", new_id!(), ")"))?
        .insert(())?;
    for (index, chunk) in bytes.chunks(CHUNK_SIZE).enumerate() {
        insert_chunk(connection, id, index as u64, chunk)?;
    }
    Ok(Chunked {
        id,
        size: bytes.len() as u64,
    })
}

pub(super) fn exists(connection: &Connection, blob: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM blobs WHERE id = ?1")?
        .exists([blob])
}

/// Records that an entry names a staged value. Returns `false` if the value is gone.
pub(super) fn name(connection: &Connection, blob: i64) -> rusqlite::Result<bool> {
    let named = connection
        .prepare_cached("UPDATE blobs SET staged_at = NULL, staged_by = NULL WHERE id = ?1")?
        .execute([blob])?;
    Ok(named > 0)
}

/// The reason why no entry names a value any more.
#[derive(Clone, Copy)]
pub(super) enum Unnamed {
    /// The entry has a new value, and this one may still be read
    Replaced,
    /// The entry was removed, and its space is needed
    Removed,
}

/// Marks a large value for `reclaim`, which deletes it in transactions of its own.
pub(super) fn leave(connection: &Connection, blob: i64, why: Unnamed) -> rusqlite::Result<()> {
    let replaced_at = match why {
        Unnamed::Replaced => REPLACED,
        Unnamed::Removed => REMOVED,
    };
    connection
        .prepare_cached("UPDATE blobs SET replaced_at = ?2 WHERE id = ?1")?
        .execute((blob, replaced_at))?;
    Ok(())
}

/// Removes the chunks of a large value.
pub(super) fn delete(connection: &Connection, blob: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM chunks WHERE id >= ?1 AND id < ?2")?
        .execute((chunk_id(blob, 0), chunk_id(blob + 1, 0)))?;
    connection
        .prepare_cached("DELETE FROM blobs WHERE id = ?1")?
        .execute([blob])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::backend::sqlite::Access;
    use crate::backend::sqlite::space::reclaim::Due;
    use crate::backend::{Condition, Content, MaintainBackend, WriteBackend};
    use crate::entry::Entry;
    use crate::error::Unsupported;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::value::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);
    const LARGE: usize = 3 * CHUNK_SIZE;

    /// Zeros without end, before each of which something is done.
    struct Doing<F>(F);

    impl<F: FnMut()> Read for Doing<F> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            (self.0)();
            buffer.fill(0);
            Ok(buffer.len())
        }
    }

    fn backend(folder: &tempfile::TempDir) -> SqliteBackend {
        let path = folder.path().join("store.db");
        SqliteBackend::open(&path, Access::Write).expect("a new store")
    }

    fn count(backend: &SqliteBackend, table: &str) -> i64 {
        let connection = backend.connection().expect("a connection");
        let sql = format!("SELECT count(*) FROM {table}");
        let count = connection.query_row(&sql, (), |row| row.get(0));
        count.expect("a count")
    }

    fn put(backend: &SqliteBackend, content: &Content) -> Result<crate::backend::Put> {
        let address = StoreAddress::new("s").entry(Key::new("k").expect("a valid key"));
        let entry = Entry::new(address, Kind::Bytes, NOW);
        backend.put(&entry, content, &Condition::Always.into(), NOW)
    }

    #[test]
    fn no_chunk_is_written_to_a_value_that_was_collected() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let later = NOW.saturating_add(2 * crate::backend::STAGED_FOR);
        let mut stream = Doing(|| {
            let collected = backend.collect_garbage(later);
            collected.expect("garbage is collected");
        });
        let staged = backend.stage(&mut (&mut stream).take(LARGE as u64), NOW);
        assert!(matches!(staged, Err(Error::Replaced)), "{staged:?}");
        assert_eq!(
            (count(&backend, "chunks"), count(&backend, "blobs")),
            (0, 0)
        );
    }

    #[test]
    fn chunks_of_no_value_are_collected() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let named = backend.stage(&mut &*vec![1; LARGE], NOW).expect("staged");
        put(&backend, &named).expect("an entry");
        let connection = backend.connection().expect("a connection");
        insert_chunk(&connection, 99, 0, b"lost").expect("a chunk");
        drop(connection);
        backend.collect_garbage(NOW).expect("garbage is collected");
        assert_eq!(
            (count(&backend, "chunks"), count(&backend, "blobs")),
            (3, 1)
        );
    }

    #[test]
    fn staged_values_are_collected_once_their_writer_is_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let collector = backend(&folder);
        let writer = backend(&folder);
        let staged = writer.stage(&mut &*vec![1; LARGE], NOW).expect("staged");
        collector.collect_garbage(NOW).expect("collected");
        assert_eq!(count(&collector, "chunks"), 3, "its writer may still come");
        drop(writer);
        collector.collect_garbage(NOW).expect("collected");
        assert_eq!(
            (count(&collector, "chunks"), count(&collector, "blobs")),
            (0, 0)
        );
        assert!(matches!(put(&collector, &staged), Err(Error::Replaced)));
    }

    #[test]
    fn many_replaced_values_are_not_kept_for_long() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let connection = backend.connection().expect("a connection");
        let replaced = |age: i64| {
            // Inserts many chunks without their bytes.
            let blob = insert(&connection, &[]).expect("a value").id;
            for index in 0..200 {
                insert_chunk(&connection, blob, index, b"").expect("a chunk");
            }
            let at = NOW.as_millis() - age;
            connection
                .execute(
                    "UPDATE blobs SET replaced_at = ?2 WHERE id = ?1",
                    (blob, at),
                )
                .expect("a replaced value");
            blob
        };
        let blobs = [4000, 4500, 5500, 7000].map(replaced);
        backend.reclaim(Due::By(NOW)).expect("reclaimed");
        assert_eq!(
            blobs.map(|blob| exists(&connection, blob) == Ok(true)),
            [true, true, false, false]
        );
        backend.reclaim(Due::All).expect("reclaimed");
        assert_eq!(count(&backend, "chunks"), 0);
    }

    #[test]
    fn a_value_whose_entry_cannot_be_written_is_dropped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = backend(&folder);
        let named = backend.stage(&mut &*vec![1; LARGE], NOW).expect("staged");
        put(&backend, &named).expect("an entry");
        let staged = backend.stage(&mut &*vec![2; LARGE], NOW).expect("staged");
        // No id is left: the store has its first and its last one.
        let connection = backend.connection().expect("a connection");
        connection
            .execute_batch("UPDATE entries SET key = 'other', id = store << 32 | 0xffffffff; \
                 INSERT INTO entries(id, store, key) SELECT store << 32, store, 'first' FROM entries")
            .expect("a full store");
        drop(connection);
        for content in [&staged, &named] {
            let put = put(&backend, content);
            let is_full = matches!(
                put,
                Err(Error::Unsupported(Unsupported::NoNumbersLeft { .. }))
            );
            assert!(is_full, "{put:?}");
        }
        assert_eq!(count(&backend, "blobs"), 1, "but not the one of an entry");
    }
}
