//! Settings that bind every writer of a store.
//!
//! A setting is a name and a text in the table `history`, found by a sum of its name. Each change
//! is an operation, which `undo` reverts. The names and their meaning belong to the callers.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::connection::session::Session;
use super::format::checksum;
use super::history::codec::{put_text, text};
use super::history::{self, RecordKind};

/// A change of a setting; `None` is a setting that is not there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SettingChange {
    pub(super) name: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// Returns the settings whose records are intact, by name.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    let any = (i64::MIN, i64::MAX);
    history::scan(connection, RecordKind::Setting, any, |_, _, body| {
        if let Some(body) = body {
            all.extend(decode(&body).ok());
        }
        Ok(true)
    })?;
    Ok(all)
}

/// Returns the text of one setting.
pub(super) fn get(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let body = history::get(connection, RecordKind::Setting, place(name), 0)?;
    let setting = body.map(|body| decode(&body)).transpose()?;
    Ok(setting
        .filter(|(stored, _)| stored == name)
        .map(|(_, text)| text))
}

/// Sets or removes a setting.
pub(super) fn put(connection: &Session, name: &str, value: Option<&str>) -> rusqlite::Result<()> {
    // It may be a limit, of which this connection knows. Other bounds leave its counters as they
    // are.
    connection.forget_limits();
    let Some(value) = value else {
        history::delete_all_at(connection, RecordKind::Used, place(name))?;
        return history::delete(connection, RecordKind::Setting, place(name), 0).map(drop);
    };
    let mut body = Vec::new();
    put_text(&mut body, name);
    put_text(&mut body, value);
    history::put(connection, RecordKind::Setting, place(name), 0, &body)
}

/// Returns the place of a setting in the history.
pub(super) fn place(name: &str) -> i64 {
    checksum::name(0, RecordKind::Setting as i64, name)
}

fn decode(body: &[u8]) -> rusqlite::Result<(String, String)> {
    let mut rest = body;
    Ok((text(&mut rest)?, text(&mut rest)?))
}
