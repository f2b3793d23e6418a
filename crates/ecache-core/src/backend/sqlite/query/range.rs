//! Ranges of ids.

use crate::backend::sqlite::format::entry_id::{first_of_store, last_of_store, store_of};

/// A range of `id`, and the store it belongs to if it is one store's.
#[derive(Clone, Copy, Debug)]
pub(in crate::backend::sqlite) struct Range {
    /// Only ids above this one
    pub(in crate::backend::sqlite) after: i64,
    /// Only ids up to this one
    pub(in crate::backend::sqlite) end: i64,
}

impl Range {
    /// Reports whether the range contains an id: a damaged page or index can yield others.
    pub(in crate::backend::sqlite) fn contains(&self, id: i64) -> bool {
        self.after < id && id <= self.end
    }

    /// Returns the ids of one store's entries.
    pub(in crate::backend::sqlite) fn store(store: i64) -> Self {
        Self {
            after: first_of_store(store) - 1,
            end: last_of_store(store),
        }
    }

    /// Reports whether it is that of one store.
    pub(in crate::backend::sqlite) fn is_store(&self) -> bool {
        self.after.checked_add(1).map(store_of) == Some(store_of(self.end))
    }

    /// Returns the range of one id alone.
    pub(in crate::backend::sqlite) fn one(id: i64) -> Self {
        Self {
            after: id - 1,
            end: id,
        }
    }

    pub(in crate::backend::sqlite) const ALL: Self = Self {
        after: 0,
        end: i64::MAX,
    };

    /// Returns the ranges that cover all ids but those of some stores, which come in order.
    pub(super) fn all_but(stores: &[i64]) -> Vec<Self> {
        let mut rest = Self::ALL;
        let mut ranges = Vec::new();
        for store in stores.iter().map(|store| Self::store(*store)) {
            if store.after > rest.after {
                let end = store.after;
                ranges.push(Self { end, ..rest });
            }
            rest.after = store.end;
        }
        ranges.push(rest);
        ranges
    }
}
