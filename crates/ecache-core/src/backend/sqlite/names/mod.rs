//! Interned names: stores, and the users, operators, prompts and functions of entries.
//!
//! Ids are never reused (AUTOINCREMENT), except those of a transaction that is rolled back, after
//! which the cache is cleared (`transaction`). The name of an id may therefore be cached. The id of
//! a store may not: a clear retires the row of the store, whose entries no reader sees from then
//! on, and makes another row for its address (`retire`, `session`).
//!
//! Each row has a checksum of its id and names, which no index contains. The row in the table is
//! therefore verified, however it was found.

pub(super) mod interned;
pub(super) mod store_rows;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, Row};

use super::connection::session::Session;
use super::format::checksum;
use super::format::damage::{damaged, is_corrupt, is_damage};
use crate::scope::StoreAddress;
use store_rows::{find_store, insert_store, store_row, stored_in_index};

/// The kinds of interned names, by the numbers that the file has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NameKind {
    User = 1,
    Operator = 2,
    Prompt = 3,
    Function = 4,
}

/// A name and its id.
type Named = (Arc<str>, i64);

/// A map by ids, which a list looks up for each of its rows.
pub(super) type ById<T> = HashMap<i64, T, BuildHasherDefault<IdHasher>>;

/// Hashes an id, which SQLite gives out in order, by one multiplication.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_i64(i64::from(*byte));
        }
    }

    fn write_i64(&mut self, id: i64) {
        // The golden ratio: the upper bits, by which a map compares, depend on all of an id.
        self.0 = (self.0 ^ id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A cache of the interned names, shared by all connections of a backend.
#[derive(Default)]
pub(super) struct Names {
    /// Retired stores too, since the address of an id never changes
    stores: RwLock<ById<Arc<StoreAddress>>>,
    names: RwLock<ById<Arc<str>>>,
    functions: RwLock<HashMap<Arc<str>, i64>>,
    /// The last name of each kind that was written, with its id
    last: [RwLock<Option<Named>>; 4],
}

impl Names {
    /// Clears the cached names: another file has its own ids, and so has the transaction after one
    /// that inserted names and is rolled back.
    pub(super) fn forget(&self) {
        write(&self.stores).clear();
        write(&self.names).clear();
        write(&self.functions).clear();
        self.last.iter().for_each(|last| *write(last) = None);
    }

    /// Returns the id of a store, if the file has it. Requires a write transaction, which has read
    /// the version of the data, and in which no store was inserted: an id that was read and then
    /// rolled back would stay cached.
    pub(super) fn store_id(
        &self,
        session: &Session,
        store: &StoreAddress,
    ) -> rusqlite::Result<Option<i64>> {
        if session.is_current()
            && let Some(known) = session.known_store(store)
        {
            return Ok(Some(known));
        }
        self.read_store_id(session, store)
    }

    /// Reads the id of a store in use, and remembers it for the version of the data that the
    /// connection reads.
    pub(super) fn read_store_id(
        &self,
        session: &Session,
        store: &StoreAddress,
    ) -> rusqlite::Result<Option<i64>> {
        let id = find_store(session, store)?;
        if let Some(id) = id {
            session.remember(store, id);
            // Most likely the address is asked for next.
            write(&self.stores)
                .entry(id)
                .or_insert_with(|| Arc::new(store.clone()));
        }
        Ok(id)
    }

    /// Returns the id of a store, which is inserted if it is missing. Requires a write transaction
    /// that has inserted none before.
    pub(super) fn intern_store(
        &self,
        session: &Session,
        store: &StoreAddress,
    ) -> rusqlite::Result<i64> {
        match self.store_id(session, store)? {
            Some(id) => Ok(id),
            None => insert_store(session, store),
        }
    }

    /// Returns the id of a function, which is inserted if it is missing, and is never removed.
    /// Requires a write transaction, as for [`Names::intern_store`].
    pub(super) fn intern_function(
        &self,
        connection: &Connection,
        function: &Arc<str>,
    ) -> rusqlite::Result<i64> {
        if let Some(id) = read(&self.functions).get(function) {
            return Ok(*id);
        }
        match select_name_id(connection, NameKind::Function, function)? {
            Some(id) => {
                write(&self.functions).insert(function.clone(), id);
                Ok(id)
            }
            None => insert_name(connection, NameKind::Function, function),
        }
    }

    /// Returns the id of a user, an operator or a prompt, which is inserted if it is missing.
    /// Requires a write transaction.
    pub(super) fn intern_name(
        &self,
        connection: &Session,
        kind: NameKind,
        name: &Arc<str>,
    ) -> rusqlite::Result<i64> {
        let last = &self.last[kind as usize - 1];
        let known = read(last).clone().filter(|(last, _)| last == name);
        // Unused names are removed, so the row is read again; by its id, that takes half as long.
        if let Some((_, id)) = known
            && is_row(connection, id, kind, name)?
        {
            return Ok(id);
        }
        let id = intern_name(connection, kind, name)?;
        *write(last) = Some((name.clone(), id));
        Ok(id)
    }

    /// Returns the store with that id.
    pub(super) fn store(
        &self,
        connection: &Connection,
        id: i64,
    ) -> rusqlite::Result<Arc<StoreAddress>> {
        if let Some(store) = read(&self.stores).get(&id) {
            return Ok(store.clone());
        }
        let store = store_row(connection, id)
            .and_then(|row| row.ok_or(rusqlite::Error::QueryReturnedNoRows))
            .map(|row| Arc::new(row.address));
        let store = match store {
            Err(error) if is_damage(&error) => stored_in_index(connection, id)?.address.into(),
            Err(error) if is_corrupt(&error) => return Err(damaged("a store cannot be read")),
            store => store?,
        };
        write(&self.stores).insert(id, store.clone());
        Ok(store)
    }

    /// Reports whether an id belongs to a name.
    pub(super) fn is_name(
        &self,
        connection: &Connection,
        id: Option<i64>,
        name: &Arc<str>,
    ) -> rusqlite::Result<bool> {
        let Some(id) = id else { return Ok(false) };
        if let Some(known) = read(&self.names).get(&id) {
            return Ok(name == known);
        }
        Ok(self.name(connection, Some(id))?.as_ref() == Some(name))
    }

    /// Returns the name with that id, of any kind.
    pub(super) fn name(
        &self,
        connection: &Connection,
        id: Option<i64>,
    ) -> rusqlite::Result<Option<Arc<str>>> {
        let Some(id) = id else { return Ok(None) };
        if let Some(name) = read(&self.names).get(&id) {
            return Ok(Some(name.clone()));
        }
        let name = connection
            .prepare_cached(BY_ID)?
            .query_row([id], verified_name);
        let name: Arc<str> = match name {
            Err(error) if is_corrupt(&error) => return Err(damaged("a name cannot be read")),
            name => name?.1.into(),
        };
        write(&self.names).insert(id, name.clone());
        Ok(Some(name))
    }
}

/// Ignores poisoning: the maps hold facts that do not change.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a name and its id from the columns `checksum, id, kind, name`.
pub(super) fn verified_name(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    let (stored, id, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let name: String = row.get(3)?;
    if stored == checksum::name(id, kind, &name) {
        Ok((id, name))
    } else {
        Err(damaged("a name does not match its checksum"))
    }
}

/// Returns the id of a name, which is inserted if it is missing. Requires a write transaction.
pub(super) fn intern_name(
    connection: &Connection,
    kind: NameKind,
    name: &str,
) -> rusqlite::Result<i64> {
    match select_name_id(connection, kind, name)? {
        Some(id) => Ok(id),
        None => insert_name(connection, kind, name),
    }
}

/// Selects a name by its id.
const BY_ID: &str = "SELECT checksum, id, kind, name FROM names WHERE id = ?1";

/// Reports whether the row with this id has this name.
fn is_row(connection: &Session, id: i64, kind: NameKind, name: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_kept(BY_ID)?;
    let mut rows = statement.get().query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(false);
    };
    let found: (i64, i64) = (row.get(0)?, row.get(2)?);
    let is_same = row.get_ref(3)?.as_str() == Ok(name);
    Ok(is_same && found == (checksum::name(id, kind as i64, name), kind as i64))
}

fn select_name_id(
    connection: &Connection,
    kind: NameKind,
    name: &str,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT checksum, id, kind, name FROM names WHERE kind = ?1 AND name = ?2")?
        .query_row((kind as i64, name), |row| {
            let (id, found) = verified_name(row)?;
            if found == name {
                Ok(id)
            } else {
                Err(damaged("an index leads to another name"))
            }
        })
        .optional()
}

fn insert_name(connection: &Connection, kind: NameKind, name: &str) -> rusqlite::Result<i64> {
    let id = connection
        .prepare_cached("INSERT INTO names(kind, name) VALUES (?1, ?2)")?
        .insert((kind as i64, name))?;
    connection
        .prepare_cached("UPDATE names SET checksum = ?2 WHERE id = ?1")?
        .execute((id, checksum::name(id, kind as i64, name)))?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::backend::{
        ChangeBackend, Condition, Content, Lookup, MaintainBackend, ReadBackend, WriteBackend,
        no_progress,
    };
    use crate::entry::Entry;
    use crate::filter::Filter;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::Timestamp;
    use crate::value::Kind;

    #[test]
    fn a_name_that_another_process_removed_is_made_again() {
        let now = Timestamp::from_millis(1_795_415_570_948);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let open = || SqliteBackend::open(&path, Access::Write).expect("a store");
        let address = StoreAddress::new("s").entry(Key::new("k").expect("a valid key"));
        let put = |backend: &SqliteBackend| {
            let mut entry = Entry::new(address.clone(), Kind::Bytes, now);
            entry.scopes.operator_uri = Some("@acme/stats".into());
            let content = Content::Inline(vec![1]);
            let put = backend.put(&entry, &content, &Condition::Always.into(), now);
            put.expect("an entry");
        };
        let (ours, theirs) = (open(), open());
        for _ in 0..2 {
            put(&ours);
            let removed = theirs.remove(&Filter::default().into(), now, &mut no_progress);
            assert_eq!(removed.expect("a removal").entries, 1);
            theirs.compact(now).expect("no names");
            put(&theirs);
            put(&ours);
            let Ok(Lookup::Hit(entry, _)) = open().lookup(&address, now) else {
                panic!("it was just written")
            };
            assert_eq!(entry.scopes.operator_uri.as_deref(), Some("@acme/stats"));
        }
    }
}
