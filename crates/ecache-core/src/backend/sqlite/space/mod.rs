//! Giving space back.
//!
//! `purge` deletes the entries kept for undo, `reclaim` the large values that no entry names.
//! `shrink` returns free pages to the file system; `maintain` checks a file, collects garbage and
//! compacts.

mod maintain;
pub(super) mod purge;
pub(super) mod reclaim;
mod shrink;
