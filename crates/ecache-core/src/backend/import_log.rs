//! An import as an operation.

use std::collections::HashSet;

use super::{KeepForUndo, Operation};
use crate::time::Timestamp;

/// An import as an operation, which may take several calls.
#[non_exhaustive]
pub struct ImportLog<'a> {
    /// Its user and command
    pub operation: Operation,
    /// Decides whether it can be undone
    pub keep: KeepForUndo,
    /// Time at which it began
    pub now: Timestamp,
    /// Called before more entries are replaced than one operation keeps
    /// ([`MAX_UNDO_ENTRIES`](super::MAX_UNDO_ENTRIES), [`MAX_UNDO_BYTES`](super::MAX_UNDO_BYTES));
    /// it cannot be undone then
    pub on_beyond: &'a mut dyn FnMut(),
    /// The number of the operation, once something is imported
    pub number: Option<u64>,
    /// The time until which it can be undone, if it can
    pub until: Option<Timestamp>,
    /// Number of replaced entries that a limit took at once, which no undo can bring back
    pub evicted: u64,
    /// The rows of the replaced entries, where a limit may take them
    pub(in crate::backend) set_aside: HashSet<i64>,
}

impl<'a> ImportLog<'a> {
    /// Makes the log of an import of which nothing is done.
    pub fn new(
        operation: Operation,
        keep: KeepForUndo,
        now: Timestamp,
        on_beyond: &'a mut dyn FnMut(),
    ) -> Self {
        Self {
            operation,
            keep,
            now,
            on_beyond,
            number: None,
            until: None,
            evicted: 0,
            set_aside: HashSet::new(),
        }
    }
}

debug_fields!(ImportLog<'_> { operation, keep, now, number, until });
