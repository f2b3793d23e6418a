//! The ids of the names of an entry that is being written.

use std::sync::Arc;

use super::{NameKind, Names};
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::counters::row_changes::NameIds;
use crate::entry::Entry;

/// The ids that stand for the names of an entry.
pub(in super::super) struct Interned {
    pub(in super::super) store: i64,
    pub(in super::super) user: Option<i64>,
    pub(in super::super) operator: Option<i64>,
    pub(in super::super) prompt: Option<i64>,
    pub(in super::super) function: Option<i64>,
    /// Split of the cached call whose result the entry is, if it is one
    pub(in super::super) split: Option<i64>,
}

impl Interned {
    /// Interns the names of an entry. Requires a write transaction that has interned none before.
    pub(in super::super) fn new(
        known: &Names,
        connection: &Session,
        entry: &Entry,
    ) -> rusqlite::Result<Self> {
        let name = |kind, name: &Option<Arc<str>>| {
            let name = name.as_ref();
            name.map(|name| known.intern_name(connection, kind, name))
                .transpose()
        };
        Ok(Self {
            store: known.intern_store(connection, &entry.address.store)?,
            user: name(NameKind::User, &entry.scopes.user_id)?,
            operator: name(NameKind::Operator, &entry.scopes.operator_uri)?,
            prompt: name(NameKind::Prompt, &entry.scopes.prompt_id)?,
            function: match &entry.function {
                Some(function) => Some(known.intern_function(connection, function)?),
                None => None,
            },
            split: None,
        })
    }

    /// Returns the names that decide which limits the entry belongs to.
    pub(in super::super) fn name_ids(&self) -> NameIds {
        NameIds {
            store: self.store,
            user: self.user,
            operator: self.operator,
            prompt: self.prompt,
        }
    }
}
