//! Interned names: stores, and the users, operators, prompts and functions of entries.
//!
//! Ids are never reused (AUTOINCREMENT) and a store's row is never deleted, so what was once read of them
//! stays right for the life of the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::scope::StoreAddress;

/// What an interned name is a name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NameKind {
    User = 1,
    Operator = 2,
    Prompt = 3,
    Function = 4,
}

/// What is known of the interned names; shared by all connections of a backend.
#[derive(Default)]
pub(super) struct Names {
    /// In order: to hash names or a number takes longer than to find them
    store_ids: RwLock<BTreeMap<StoreAddress, i64>>,
    stores: RwLock<HashMap<i64, Arc<StoreAddress>>>,
    names: RwLock<BTreeMap<i64, Arc<str>>>,
    functions: RwLock<HashMap<Arc<str>, i64>>,
}

impl Names {
    /// The id of a store, if the file has it.
    pub(super) fn store_id(
        &self,
        connection: &Connection,
        store: &StoreAddress,
    ) -> rusqlite::Result<Option<i64>> {
        let known = read(&self.store_ids).get(store).copied();
        if known.is_some() {
            return Ok(known);
        }
        let id = select_store_id(connection, store)?;
        if let Some(id) = id {
            write(&self.store_ids).insert(store.clone(), id);
            write(&self.stores).insert(id, Arc::new(store.clone()));
        }
        Ok(id)
    }

    /// The id of a store, which is made if it is not there. Within a write transaction that has made none before:
    /// what is read there and then undone would be remembered for good.
    pub(super) fn intern_store(
        &self,
        connection: &Connection,
        store: &StoreAddress,
    ) -> rusqlite::Result<i64> {
        match self.store_id(connection, store)? {
            Some(id) => Ok(id),
            None => insert_store(connection, store),
        }
    }

    /// The same for a function, whose name is never removed.
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

    /// The store of that id.
    pub(super) fn store(
        &self,
        connection: &Connection,
        id: i64,
    ) -> rusqlite::Result<Arc<StoreAddress>> {
        if let Some(store) = read(&self.stores).get(&id) {
            return Ok(store.clone());
        }
        let store = Arc::new(
            connection
                .prepare_cached("SELECT collection, name, dataset FROM stores WHERE id = ?1")?
                .query_row([id], |row| store_address(row, 0))?,
        );
        write(&self.stores).insert(id, store.clone());
        Ok(store)
    }

    /// Whether that id is the id of that name; no id is that of no name.
    pub(super) fn is_name(
        &self,
        connection: &Connection,
        id: Option<i64>,
        name: Option<&Arc<str>>,
    ) -> rusqlite::Result<bool> {
        let Some(id) = id else {
            return Ok(name.is_none());
        };
        if let Some(known) = read(&self.names).get(&id) {
            return Ok(name == Some(known));
        }
        Ok(self.name(connection, Some(id))?.as_ref() == name)
    }

    /// The name of that id, whatever it is a name of.
    pub(super) fn name(
        &self,
        connection: &Connection,
        id: Option<i64>,
    ) -> rusqlite::Result<Option<Arc<str>>> {
        let Some(id) = id else { return Ok(None) };
        if let Some(name) = read(&self.names).get(&id) {
            return Ok(Some(name.clone()));
        }
        let name: Arc<str> = connection
            .prepare_cached("SELECT name FROM names WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        write(&self.names).insert(id, name.clone());
        Ok(Some(name))
    }
}

/// A poisoned map is still a map of facts that do not change.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// A store from the columns `collection, name, dataset`, the first of which is number `first`.
pub(super) fn store_address(row: &Row<'_>, first: usize) -> rusqlite::Result<StoreAddress> {
    let dataset: String = row.get(first + 2)?;
    Ok(StoreAddress {
        collection: row.get(first)?,
        store_name: row.get(first + 1)?,
        dataset_id: (!dataset.is_empty()).then(|| dataset.into()),
    })
}

fn select_store_id(connection: &Connection, store: &StoreAddress) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM stores WHERE collection = ?1 AND name = ?2 AND dataset = ?3",
        )?
        .query_row(store_key(store), |row| row.get(0))
        .optional()
}

fn store_key(store: &StoreAddress) -> (&str, &str, &str) {
    let dataset = store.dataset_id.as_deref().unwrap_or_default();
    (&store.collection, &store.store_name, dataset)
}

/// The id of a store, which is made if it is not there. Within a write transaction.
pub(super) fn intern_store(connection: &Connection, store: &StoreAddress) -> rusqlite::Result<i64> {
    match select_store_id(connection, store)? {
        Some(id) => Ok(id),
        None => insert_store(connection, store),
    }
}

fn insert_store(connection: &Connection, store: &StoreAddress) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO stores(collection, name, dataset) VALUES (?1, ?2, ?3)")?
        .insert(store_key(store))
}

/// The id of a name, which is made if it is not there. Within a write transaction.
pub(super) fn intern_name(
    connection: &Connection,
    kind: NameKind,
    name: Option<&str>,
) -> rusqlite::Result<Option<i64>> {
    let Some(name) = name else { return Ok(None) };
    match select_name_id(connection, kind, name)? {
        Some(id) => Ok(Some(id)),
        None => insert_name(connection, kind, name).map(Some),
    }
}

fn select_name_id(
    connection: &Connection,
    kind: NameKind,
    name: &str,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM names WHERE kind = ?1 AND name = ?2")?
        .query_row((kind as i64, name), |row| row.get(0))
        .optional()
}

fn insert_name(connection: &Connection, kind: NameKind, name: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO names(kind, name) VALUES (?1, ?2)")?
        .insert((kind as i64, name))
}
