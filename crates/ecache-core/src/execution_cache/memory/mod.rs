//! The memory tier: results in memory and their expiry.
//!
//! `tier` holds the results of one function, `sweeper` frees those of one cache, and `coherence`
//! checks at intervals whether the store has changed.

pub(super) mod coherence;
pub(super) mod sweeper;
pub(super) mod tier;
