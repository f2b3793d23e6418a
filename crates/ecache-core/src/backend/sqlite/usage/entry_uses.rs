//! Hits of entries, in the table `uses`.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::format::encoding::StoredKey;
use crate::backend::sqlite::names::store_rows::find_store;
use crate::backend::sqlite::query::Parameter;
use crate::backend::sqlite::query::key_index::find_ids;
use crate::entry::MAX_COUNT;
use crate::usage::EntryUse;

/// The hits of one entry, copied while the log's order is that of the memory: in the order of ids,
/// each would be read from another place.
#[derive(Clone, Copy)]
pub(in super::super) struct Hits {
    id: i64,
    hits: u64,
    saved_ms: u64,
    used_at: i64,
    written_at: i64,
}

/// Entries that were found before the write lock was taken: finding them takes as long as adding
/// their hits.
pub(in super::super) struct Found {
    hits: Vec<Hits>,
    /// The version of the data that they were found in, if it is known
    version: Option<u32>,
}

impl Found {
    pub(super) fn before_writing(session: &Session, uses: &[EntryUse]) -> rusqlite::Result<Self> {
        if uses.is_empty() {
            return Ok(Self {
                hits: Vec::new(),
                version: None,
            });
        }
        let snapshot = session.unchecked_transaction()?;
        let hits = find(&snapshot, uses)?;
        let version = session.version();
        snapshot.commit()?;
        Ok(Self { hits, version })
    }

    /// Returns the entries that are valid in a transaction: they are found again if anything was
    /// written.
    pub(super) fn valid_in(
        self,
        transaction: &Session,
        uses: &[EntryUse],
    ) -> rusqlite::Result<Vec<Hits>> {
        if self.version.is_some() && self.version == transaction.version() {
            return Ok(self.hits);
        }
        find(transaction, uses)
    }
}

/// Finds the entries that were hit, in the order of ids. The hits of entries that are gone are
/// dropped, and so are those of a result from before an entry was created, which belong to an
/// earlier one of its key.
pub(in super::super) fn find(
    connection: &Connection,
    uses: &[EntryUse],
) -> rusqlite::Result<Vec<Hits>> {
    let mut found = Vec::with_capacity(uses.len());
    for of_store in uses.chunk_by(|one, next| one.entry.store == next.entry.store) {
        if let Some(store) = find_store(connection, &of_store[0].entry.store)? {
            let keys = of_store.iter().map(|one| StoredKey::from(&one.entry.key));
            let keys: Vec<_> = keys.collect();
            let keys: Vec<_> = keys.iter().collect();
            find_ids(connection, store, &keys, |place, id| {
                let one = &of_store[place];
                found.push(Hits {
                    id,
                    hits: one.hits.min(MAX_COUNT),
                    saved_ms: one.saved_ms.min(MAX_COUNT),
                    used_at: one.used_at.as_millis(),
                    written_at: one.written_at.as_millis(),
                });
            })?;
        }
    }
    // Neighbours in the table, and in `uses`, are read and written together.
    found.sort_unstable_by_key(|one| one.id);
    let created = "SELECT k.rowid, e.created_at FROM rarray(?1) AS k \
                   CROSS JOIN entries AS e NOT INDEXED ON e.id = k.value";
    let mut created = connection.prepare_cached(created)?;
    let mut rows = created.query([Parameter::many(found.iter().map(|one| one.id))])?;
    let mut own = Vec::with_capacity(found.len());
    while let Some(row) = rows.next()? {
        let Some(one) = found.get(row.get::<_, usize>(0)? - 1) else {
            continue;
        };
        // The time of a damaged row is of any type.
        if matches!(row.get_ref(1)?, ValueRef::Integer(created) if created <= one.written_at) {
            own.push(*one);
        }
    }
    Ok(own)
}

/// Adds hits to the rows of entries.
pub(in super::super) fn add(transaction: &Connection, found: &[Hits]) -> rusqlite::Result<()> {
    let mut add = transaction.prepare_cached(
        "INSERT INTO uses(entry, hits, saved_ms, last_used_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT(entry) DO UPDATE SET \
         hits = min(ifnull(hits, 0), 9223372036854775807 - ?2) + ?2, \
         saved_ms = min(ifnull(saved_ms, 0), 9223372036854775807 - ?3) + ?3, \
         last_used_at = max(ifnull(last_used_at, ?4), ?4)",
    )?;
    for one in found {
        add.execute((one.id, one.hits, one.saved_ms, one.used_at))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::backend::{
        ChangeBackend, Condition, Content, Lookup, ReadBackend, WriteBackend, no_progress,
    };
    use crate::entry::Entry;
    use crate::filter::Filter;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::Timestamp;
    use crate::usage::{Event, Outcome, UsageBatch};
    use crate::value::Kind;

    #[test]
    fn an_entry_that_changes_before_the_write_lock_is_taken_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let open = || SqliteBackend::open(&path, Access::Write).expect("a store");
        let (ours, theirs) = (open(), open());
        let store = Arc::new(StoreAddress::new("s"));
        let at = Timestamp::from_millis;
        let put = |time| {
            let address = store.entry(Key::new("k").expect("a key"));
            let entry = Entry::new(address, Kind::Bytes, at(time));
            let content = Content::Inline(vec![1]);
            let put = theirs.put(&entry, &content, &Condition::Always.into(), at(time));
            put.expect("an entry");
            entry
        };
        let entry = put(1);
        let batch = UsageBatch::of(&[Event::of_entry(Outcome::Hit, at(2), &entry, 3)]);
        let session = ours.writing_connection().expect("a connection");
        for (is_replaced, hits) in [(false, 1), (true, 0)] {
            let found = Found::before_writing(&session, &batch.uses).expect("entries");
            assert_eq!(found.hits.len(), 1);
            if is_replaced {
                let all = Filter::default().into();
                let removed = theirs.remove(&all, at(3), &mut no_progress);
                removed.expect("removed");
                put(4);
            }
            let added = ours.transaction_on(&session, |transaction| {
                let found = found.valid_in(transaction, &batch.uses).expect("entries");
                add(transaction, &found).expect("added");
                Ok(found.len())
            });
            assert_eq!(added.expect("a transaction"), hits);
            match ours.lookup(&entry.address, at(5)).expect("a look-up") {
                Lookup::Hit(entry, _) => assert_eq!(entry.hits, hits as u64),
                other => panic!("{other:?}"),
            }
        }
    }
}
