//! The results of cached calls: the part of the contract that a hit consists of.

use super::{
    CallIdentity, CallLookup, CallResult, Condition, Content, Lookup, Miss, Put, PutCall,
    PutOptions, WriteBackend,
};
use crate::entry::Entry;
use crate::error::Result;
use crate::time::Timestamp;

/// Looks up and writes the results of cached calls.
///
/// By default a result is an entry like any other. An engine may read less of it, and the store's
/// generation in the same transaction.
pub trait CallBackend: WriteBackend {
    /// Looks up the result of a cached call. This is most of the cost of a hit, so a backend may
    /// read less than for [`ReadBackend::lookup`](super::ReadBackend::lookup).
    ///
    /// # Errors
    /// If the store cannot be read. A damaged entry is reported as [`CallLookup::Damaged`].
    fn lookup_call(&self, call: &CallIdentity<'_>, now: Timestamp) -> Result<CallLookup> {
        // Read before the entry: a change in between makes the result look older than it is, never
        // newer.
        let generation = if call.with_generation {
            Some(self.generation(call.store)?)
        } else {
            None
        };
        Ok(match self.lookup(&call.address(), now)? {
            Lookup::Hit(entry, content)
                if entry.is_of_call(call.function, call.scopes, &call.args()) =>
            {
                CallLookup::Hit(CallResult {
                    kind: entry.kind,
                    content,
                    written_at: entry.written_at(),
                    expires_at: entry.expires_at,
                    cost_ms: entry.cost_ms,
                    generation,
                })
            }
            Lookup::Hit(entry, _) => CallLookup::Other(entry.function),
            Lookup::Foreign(..) => CallLookup::Other(None),
            Lookup::Stale(_) | Lookup::Missing => CallLookup::Missing(Miss::default()),
            Lookup::Damaged(address) => CallLookup::Damaged(address),
        })
    }

    /// Writes the result of a cached call, unless an engine that counts
    /// [clears](super::ObserveBackend::clears) finds that it is outdated. Other engines write it:
    /// their processes may run on machines whose clocks differ. The call is the one that `entry`
    /// records. [`PutOptions::of_call`] decides how much of the old entry's lifetime stays.
    ///
    /// # Errors
    /// Fails like [`WriteBackend::put`].
    fn put_call(
        &self,
        call: &CallIdentity<'_>,
        entry: &Entry,
        content: &Content,
        now: Timestamp,
    ) -> Result<PutCall> {
        let generation = if call.with_generation {
            Some(self.generation(call.store)?)
        } else {
            None
        };
        let put = self.put(
            entry,
            content,
            &PutOptions::of_call(entry, Condition::Always),
            now,
        )?;
        // Replacing raises the generation by one; if it rises by more, another writer was there as
        // well.
        let generation = generation.map(|generation| generation + u64::from(put == Put::Replaced));
        Ok(PutCall::new(generation, entry.expires_at))
    }
}
