//! Code that several commands share.

pub(super) mod collections;
pub(super) mod filter;
