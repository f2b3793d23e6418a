//! Settings that bind every writer of a store.
//!
//! A setting is a name and a text in the table `history`, found by a sum of its name. Each change
//! is an operation, which `undo` takes back. The names and their meaning belong to the callers.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::SqliteBackend;
use super::checksum;
use super::codec::{put_text, text};
use super::history::{self, RecordKind};
use super::operations::{Effect, Stored};
use crate::backend::Operation;
use crate::error::Result;
use crate::time::Timestamp;

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
pub(super) fn put(
    connection: &Connection,
    name: &str,
    value: Option<&str>,
) -> rusqlite::Result<()> {
    let Some(value) = value else {
        return history::delete(connection, RecordKind::Setting, place(name), 0).map(drop);
    };
    let mut body = Vec::new();
    put_text(&mut body, name);
    put_text(&mut body, value);
    history::put(connection, RecordKind::Setting, place(name), 0, &body)
}

fn place(name: &str) -> i64 {
    checksum::name(0, RecordKind::Setting as i64, name)
}

fn decode(body: &[u8]) -> rusqlite::Result<(String, String)> {
    let mut rest = body;
    Ok((text(&mut rest)?, text(&mut rest)?))
}

impl SqliteBackend {
    /// Changes settings as one operation, and returns its number, unless they are so already.
    pub(super) fn set_settings(
        &self,
        changes: &[(&str, Option<&str>)],
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        self.transaction(|transaction| {
            let change = || -> rusqlite::Result<Option<u64>> {
                let mut stored = Stored::begin(transaction, operation, Effect::Set, now)?;
                for (name, new) in changes {
                    let old = get(transaction, name)?;
                    if old.as_deref() != *new {
                        put(transaction, name, *new)?;
                        stored.settings.push(SettingChange {
                            name: (*name).into(),
                            old,
                            new: new.map(Into::into),
                        });
                    }
                }
                if stored.settings.is_empty() {
                    return Ok(None);
                }
                stored.write(transaction)?;
                Ok(Some(stored.number.unsigned_abs()))
            };
            change().map_err(|error| self.error(error))
        })
    }
}
