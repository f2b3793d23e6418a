//! Looks up the stores and names that a filter means.

use std::rc::Rc;

use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;

use super::range::Range;
use crate::backend::sqlite::format::damage::{intact, readable};
use crate::backend::sqlite::names::store_rows::{self, store_columns, verified_store};
use crate::backend::sqlite::names::{NameKind, verified_name};
use crate::filter::{Filter, Pattern};
use crate::scope::StoreAddress;

/// Returns the ranges of the stores in use that a filter can match, in order, and whether it
/// matches all of them. Where the stores need not be told apart, a range spans several.
///
/// A filter that names no store also matches stores with unreadable names: their entries are
/// damaged.
pub(super) fn matching_stores(
    connection: &Connection,
    filter: &Filter,
    apart: bool,
) -> rusqlite::Result<(Vec<Range>, bool)> {
    if let Some(ids) = named_stores(connection, filter)? {
        return Ok((ids.into_iter().map(Range::store).collect(), false));
    }
    let names_none = filter.stores.is_empty() && filter.datasets.is_empty();
    let (stores, retired) = store_rows::all_stores(connection)?;
    let matches = |store: &StoreAddress| filter.matches_store(store);
    let is_known = |store: &Option<StoreAddress>| store.as_ref().is_some_and(matches);
    if names_none && !apart && stores.iter().all(|(_, store)| is_known(store)) {
        return Ok((Range::all_but(&retired), true));
    }
    let is_meant = |store: &Option<StoreAddress>| store.as_ref().map_or(names_none, matches);
    let meant = stores.into_iter().filter(|(_, store)| is_meant(store));
    Ok((meant.map(|(id, _)| Range::store(id)).collect(), false))
}

/// Looks up the stores of a filter that names each of them and their collections, by their index.
/// Returns `None` if the filter does not name them, or if a row fails verification.
fn named_stores(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Vec<i64>>> {
    let named = |patterns| exact(patterns).filter(|names| !names.is_empty());
    let (Some(collections), Some(names)) = (named(&filter.collections), named(&filter.stores))
    else {
        return Ok(None);
    };
    let sql = concat!(
        "SELECT ",
        store_columns!(),
        " FROM stores WHERE collection IN rarray(?1) AND name IN rarray(?2)"
    );
    let read = (|| -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((Rc::new(collections), Rc::new(names)))?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let store = verified_store(row)?;
            if store.retired == 0 && filter.matches_store(&store.address) {
                ids.push(store.id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    })();
    Ok(intact(readable(read))?.flatten())
}

fn exact(patterns: &[Pattern]) -> Option<Vec<SqlValue>> {
    let text = |pattern: &Pattern| match pattern {
        Pattern::Exact(name) => Some(SqlValue::Text(name.clone())),
        Pattern::Glob(_) => None,
    };
    patterns.iter().map(text).collect()
}

/// Returns the ids of the names that match.
pub(super) fn matching_names(
    connection: &Connection,
    kind: NameKind,
    patterns: &[Pattern],
) -> rusqlite::Result<Vec<SqlValue>> {
    let mut ids = Vec::new();
    if let Some(names) = exact(patterns) {
        let sql = "SELECT checksum, id, kind, name FROM names \
                   WHERE kind = ?1 AND name IN rarray(?2)";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((kind as i64, Rc::new(names)))?;
        while let Some(row) = rows.next()? {
            ids.push(SqlValue::Integer(verified_name(row)?.0));
        }
        return Ok(ids);
    }
    let sql = "SELECT checksum, id, kind, name FROM names WHERE kind = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([kind as i64])?;
    while let Some(row) = rows.next()? {
        let (id, name) = verified_name(row)?;
        if patterns.iter().any(|pattern| pattern.matches(&name)) {
            ids.push(SqlValue::Integer(id));
        }
    }
    Ok(ids)
}
