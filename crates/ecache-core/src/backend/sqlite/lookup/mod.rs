//! Looking up entries by their keys. Reading those of a filter is in `scan`.
//!
//! `many` looks up a batch of keys. `one_shot` serves a short process, and `cached_call` the calls
//! of a program, with the least work for a hit and a miss.

pub(super) mod cached_call;
mod many;
mod one_shot;

use super::SqliteBackend;
use super::connection::session::Session;
use super::format::chunks;
use super::format::damage::{RowError, is_corrupt};
use super::format::encoding::stored_key;
use super::row::{self, Uses};
use crate::backend::{Chunked, LookedUp, Lookup, ReadBackend, WHOLE_SIZE};
use crate::error::{Error, Result};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// The place where the chunks of a large value are verified.
#[derive(Clone, Copy)]
pub(super) enum Verified {
    /// In the look-up
    Here,
    /// By the reader, if the value is above [`WHOLE_SIZE`]; otherwise in the look-up
    ByReader,
}

/// The source of the id of a store.
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

    fn visit_many(
        &self,
        addresses: &[Address],
        now: Timestamp,
        visit: &mut dyn FnMut(usize, LookedUp<'_>),
    ) -> Result<usize> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        let done = self.visit_batch(&connection, addresses, now, visit)?;
        drop(snapshot);
        Ok(done)
    }

    fn read_chunk(&self, chunked: &Chunked, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        let connection = self.connection()?;
        match chunks::chunk(&connection, chunked, index, bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Replaced),
            Err(RowError::Damaged) => Err(Error::Damaged {
                path: self.path.clone(),
                detail: "a chunk of a large value does not match its checksum".into(),
            }),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
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
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    use std::sync::Arc;

    use crate::backend::sqlite::Access;
    use crate::backend::{
        CallBackend, CallIdentity, CallLookup, ChangeBackend, ObserveBackend, StoresBackend,
        no_progress,
    };
    use crate::filter::Filter;
    use crate::key::{Key, MORE_PLACES};
    use crate::scope::Scopes;

    #[test]
    fn a_miss_says_what_its_computation_needs() {
        let folder = tempfile::tempdir().expect("a folder");
        let backend = SqliteBackend::open(&folder.path().join("store.db"), Access::Write);
        let backend = backend.expect("a store");
        let (store, scopes) = (Arc::new(StoreAddress::new("s")), Scopes::default());
        backend
            .set_metadata(&store, None)
            .expect("a store with an id");
        let look = |with_taken| {
            let call = CallIdentity {
                store: &store,
                hash: &[7; 32],
                function: &"f".into(),
                scopes: &scopes,
                preimage: "[]",
                arguments_length: 1,
                with_generation: false,
                with_taken,
                clears: None,
                began_at: None,
            };
            match backend.lookup_call(&call, Timestamp::from_millis(0)) {
                Ok(CallLookup::Missing(miss)) => miss,
                found => panic!("found {found:?}"),
            }
        };
        let clears = backend.clears(&store).expect("a number");
        assert!(clears.is_some());
        assert_eq!((look(false).clears, look(false).taken), (clears, None));
        assert_eq!(look(true).taken, Some([false; MORE_PLACES]));
        let entries = Filter::store(&store).into();
        backend
            .remove(&entries, Timestamp::from_millis(0), &mut no_progress)
            .expect("a clear");
        assert_ne!(look(true).clears, clears);
        assert_eq!(look(true).clears, backend.clears(&store).expect("a number"));
    }

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
}
