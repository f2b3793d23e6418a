//! A connection, and the ids of stores that were read through it.
//!
//! A clear retires the row of a store and makes another one, so the id of an address changes. A
//! look-up that selected the id each time would cost a third more. SQLite has a number for each
//! connection that changes with every commit the connection sees, its own included; comparing it
//! takes 0.03 us. Ids are valid for as long as that number stands.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use rusqlite::{Connection, FileControl};

use super::prepared::{Connected, PreparedStatement};
use crate::backend::sqlite::counters::Limits;
use crate::scope::StoreAddress;

/// A connection with the ids of stores that are known to it.
pub(in super::super) struct Session {
    connection: Connected,
    stores: RefCell<KnownStores>,
    /// The function whose result was read last, with its id, which never changes
    function: RefCell<Option<(Arc<str>, i64)>>,
    /// The limits of the file, for writing
    pub(in super::super) limits: RefCell<Limits>,
}

/// Ids of stores, as of one version of the data.
#[derive(Default)]
struct KnownStores {
    /// `None` where nothing is known
    version: Option<u32>,
    /// Sorted: hashing names takes longer than finding them
    ids: BTreeMap<StoreAddress, i64>,
}

impl Session {
    pub(in super::super) fn new(connection: Connection) -> Self {
        Self {
            connection: Connected::new(connection),
            stores: RefCell::default(),
            function: RefCell::default(),
            limits: RefCell::default(),
        }
    }

    pub(in super::super) fn into_connection(self) -> Connection {
        self.connection.into_connection()
    }

    /// Returns a statement that stays prepared, for what every hit or write runs.
    pub(in super::super) fn prepare_kept(
        &self,
        sql: &'static str,
    ) -> rusqlite::Result<PreparedStatement<'_>> {
        self.connection.prepare_kept(sql)
    }

    /// Returns the id of a store as it was when it was last read. It is valid if
    /// [`Session::is_current`] is true within the transaction that uses it.
    pub(in super::super) fn known_store(&self, store: &StoreAddress) -> Option<i64> {
        self.stores.borrow().ids.get(store).copied()
    }

    /// Reports whether the known ids are valid in the transaction that this connection is in, or
    /// was in last.
    pub(in super::super) fn is_current(&self) -> bool {
        let known = self.stores.borrow().version;
        known.is_some() && known == self.version()
    }

    /// Remembers an id that was read in the transaction that this connection is in.
    pub(in super::super) fn remember(&self, store: &StoreAddress, id: i64) {
        let version = self.version();
        let mut stores = self.stores.borrow_mut();
        if stores.version != version {
            stores.ids.clear();
            stores.version = version;
        }
        stores.ids.insert(store.clone(), id);
    }

    /// Returns the id of a function, if its result was read last.
    pub(in super::super) fn known_function(&self, name: &Arc<str>) -> Option<i64> {
        let last = self.function.borrow();
        let (last, id) = last.as_ref()?;
        (Arc::ptr_eq(last, name) || last == name).then_some(*id)
    }

    pub(in super::super) fn remember_function(&self, name: &Arc<str>, id: i64) {
        *self.function.borrow_mut() = Some((name.clone(), id));
    }

    /// Keeps the known ids across a commit of this connection that changed none of them.
    pub(super) fn keep_known(&self) {
        self.stores.borrow_mut().version = self.version();
    }

    /// Forgets the known ids, for a transaction that changes some.
    pub(in super::super) fn forget(&self) {
        self.stores.borrow_mut().ids.clear();
    }

    /// Forgets the ids that were read in a transaction that is rolled back.
    pub(super) fn forget_uncommitted(&self) {
        self.forget();
        *self.function.borrow_mut() = None;
        self.roll_limits_back();
    }

    /// Returns a number that changes with every commit that this connection sees.
    pub(in super::super) fn version(&self) -> Option<u32> {
        let mut version = 0;
        let asked = self.file_control(None::<&str>, FileControl::DataVersion(&mut version));
        asked.ok().map(|()| version)
    }
}

impl Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ids_are_valid_until_any_connection_commits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file.db");
        let open = || Session::new(Connection::open(&path).expect("a connection"));
        let (ours, theirs) = (open(), open());
        let write = |session: &Session, number: i64| {
            session
                .execute("INSERT INTO t VALUES (?1)", [number])
                .expect("a write");
        };
        let read = || -> i64 {
            ours.query_row("SELECT count(*) FROM t", (), |row| row.get(0))
                .expect("a read")
        };
        ours.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(number)")
            .expect("a table");
        let store = StoreAddress::new("s");
        let learn = || {
            read();
            ours.remember(&store, 7);
            assert_eq!(
                (ours.known_store(&store), ours.is_current()),
                (Some(7), true)
            );
        };
        assert!(!ours.is_current(), "nothing is known yet");
        learn();
        read();
        assert!(ours.is_current(), "nothing was written");
        write(&theirs, 1);
        read();
        assert!(!ours.is_current(), "another connection wrote");
        learn();
        write(&ours, 2);
        assert!(!ours.is_current(), "this connection wrote");
        learn();
        write(&ours, 3);
        ours.keep_known();
        read();
        assert!(
            ours.is_current(),
            "the write is known to have changed no id"
        );
        let snapshot = ours.unchecked_transaction().expect("a snapshot");
        assert_eq!(read(), 3);
        write(&theirs, 4);
        assert_eq!(read(), 3);
        assert!(ours.is_current(), "the snapshot does not have the write");
        snapshot.commit().expect("the end of the snapshot");
        assert_eq!(read(), 4);
        assert!(!ours.is_current(), "now it has");
    }
}
