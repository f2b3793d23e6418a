//! Connections to a store's file: their pool, transactions and prepared statements.
//!
//! `pool` also detects that another file has taken the place of the one that it opened. A `session`
//! is a connection that remembers ids of stores and the counters of limits.

pub(super) mod allocator;
pub(super) mod failure;
pub(super) mod pool;
mod prepared;
pub(super) mod session;
pub(super) mod timeouts;
pub(super) mod transaction;
