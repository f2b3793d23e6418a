//! The bounds of what one operation keeps for its undo.

use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::query::Parameter;
use crate::backend::sqlite::selection::select::SelectedPart;
use crate::backend::{MAX_UNDO_BYTES, MAX_UNDO_ENTRIES};
use crate::error::Result;
use crate::filter::Usage;

/// The part of an entry that an operation keeps for its undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum KeptPart {
    /// All of them
    Values,
    /// Policies and expiries
    Lifetimes,
}

impl SqliteBackend {
    /// Returns the usage of the selected entries if they are more than one operation keeps.
    pub(in super::super) fn beyond_limits(
        &self,
        parts: &[SelectedPart],
        kept: KeptPart,
    ) -> Result<Option<Usage>> {
        let entries: usize = parts.iter().map(|part| part.ids.len()).sum();
        if kept == KeptPart::Lifetimes && entries as u64 <= MAX_UNDO_ENTRIES {
            return Ok(None);
        }
        let connection = self.connection()?;
        let count = || -> rusqlite::Result<Option<Usage>> {
            let mut usage = Usage::default();
            // One statement: each one by itself would take and release the lock of a reader.
            let mut statement = connection.prepare_cached(
                "SELECT e.size FROM rarray(?1) AS k \
                 CROSS JOIN entries AS e NOT INDEXED ON e.id = k.value",
            )?;
            let ids = parts.iter().flat_map(|part| part.ids.iter().copied());
            let mut rows = statement.query([Parameter::many(ids)])?;
            while let Some(row) = rows.next()? {
                let bytes = column::size(row, 0)?;
                usage += Usage { entries: 1, bytes };
            }
            let is_large = kept == KeptPart::Values && usage.bytes > MAX_UNDO_BYTES;
            let is_beyond = entries as u64 > MAX_UNDO_ENTRIES || is_large;
            Ok(is_beyond.then_some(usage))
        };
        count().map_err(|error| self.error(error))
    }
}
