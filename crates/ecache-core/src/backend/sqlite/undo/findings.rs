//! The findings of an undo so far.

use rusqlite::Connection;

use super::super::rename;
use crate::filter::Usage;
use crate::scope::{Address, StoreAddress};

/// Maximum number of addresses in an answer.
const EXAMPLES: usize = 10;

/// The findings of an undo so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) newer: u64,
    pub(super) examples: Vec<Address>,
    pub(super) damaged: u64,
    /// Rows of stores that are in use again, and the newer entries that moved there
    pub(super) revived: Vec<(i64, Usage)>,
    /// Entries that came back
    pub(super) restored: Usage,
    /// Entries that are removed again
    pub(super) removed: Usage,
    /// Entries that were changed otherwise
    pub(super) changed: Usage,
}

impl Findings {
    /// Returns the number of entries done.
    pub(super) fn entries(&self) -> u64 {
        self.restored.entries + self.removed.entries + self.changed.entries
    }

    pub(super) fn add_newer(&mut self, connection: &Connection, store: &StoreAddress, id: i64) {
        self.newer += 1;
        if self.examples.len() < EXAMPLES
            && let Ok(Some(key)) = rename::key_of(connection, id)
        {
            self.examples.push(store.entry(key));
        }
    }
}
