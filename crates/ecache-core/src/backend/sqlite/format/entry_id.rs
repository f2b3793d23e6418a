//! The ids of entries: the upper half is the id of the store, the lower half counts its entries.
//!
//! The entries of a store are therefore one range of the table, and a row tells by its id alone
//! where it belongs.

/// Returns the id of the store of an entry.
pub(in super::super) fn store_of(id: i64) -> i64 {
    id >> 32
}

/// Returns the smallest id that an entry of a store can have.
pub(in super::super) fn first_of_store(store: i64) -> i64 {
    store << 32
}

/// Returns the largest id that an entry of a store can have.
pub(in super::super) fn last_of_store(store: i64) -> i64 {
    store << 32 | 0xffff_ffff
}
