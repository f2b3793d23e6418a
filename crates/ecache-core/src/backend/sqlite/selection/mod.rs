//! The entries of a selection: finding, counting, verifying and marking them.
//!
//! `select` and `stats` read. `verify` checks each row in the transaction that changes it, and
//! `marks` has the rows of removed entries. In a file with damaged pages, `salvage` finds the
//! intact rows, and `repair` removes.

pub(super) mod marks;
mod repair;
pub(super) mod salvage;
pub(super) mod select;
mod stats;
pub(super) mod verify;
