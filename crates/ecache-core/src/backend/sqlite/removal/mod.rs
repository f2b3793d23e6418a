//! Removing entries, for good or until an undo.
//!
//! `remove` goes through a selection in `batches`. `retire` keeps what goes, within the `bounds`
//! of one operation: whole stores are set aside, single entries marked. `clears` counts the clears
//! of each store.

pub(super) mod batches;
pub(super) mod bounds;
mod clears;
pub(super) mod remove;
pub(super) mod retire;
