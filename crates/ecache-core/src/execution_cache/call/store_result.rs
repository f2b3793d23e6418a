//! Stores the result of a call in every tier.
//!
//! The program's own code (`Serialize`, a codec, `Clone`) runs before taking the lock that blocks
//! clears: it may be slow, or need a lock of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLockReadGuard};

use super::Call;
use super::leader::{Leadership, Spent};
use crate::backend::{Backend, CallIdentity, Content, Row, Scan, no_progress};
use crate::entry::Entry;
use crate::error::{Error, Result, Unsupported};
use crate::execution_cache::Shared;
use crate::execution_cache::codec::any::{AnyCodec, AnyResult, copied};
use crate::execution_cache::codec::{CodecError, round_trip};
use crate::execution_cache::counters::Counted;
use crate::execution_cache::counters::pending::{CounterGroup, Hits, Version};
use crate::execution_cache::memory::tier::{Slot, Stored};
use crate::filter::{Filter, Freshness, Pattern};
use crate::panics::caught;
use crate::scope::Address;
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Value};

/// Time between two searches for expired results, in milliseconds.
const SWEEP_EVERY_MS: i64 = 60_000;

/// Maximum number of expired results removed with each stored one.
const SWEPT_AT_ONCE: u64 = 32;

/// The versions for which a result in memory is known to be current.
pub(in super::super) struct Seen {
    /// The cache's epoch, read before the result was read or written
    pub(in super::super) epoch: u64,
    /// The store's generation when the result was read or written
    pub(in super::super) generation: u64,
    pub(in super::super) hits: Arc<Hits>,
}

/// A result for memory, built before any lock is taken.
pub(in super::super) struct Remembered {
    pub(in super::super) value: Shared,
    /// Size of the stored form, in bytes
    pub(in super::super) size: u64,
    /// Time of the write, unless the result was read from the store
    pub(in super::super) written_at: Option<Timestamp>,
    pub(in super::super) expires_at: Option<Timestamp>,
    pub(in super::super) cost_ms: u64,
}

/// The outcome of storing a result.
#[derive(Default)]
pub(in super::super) struct Kept {
    pub(in super::super) is_kept: bool,
    /// The copy in memory
    pub(in super::super) copy: Option<Shared>,
}

/// The times and the cost of a result that is stored.
#[derive(Clone, Copy)]
struct New {
    now: Timestamp,
    /// Time at which its computation began
    began_at: Timestamp,
    /// Time at which its computation ended, before a worker was free to store it
    written_at: Timestamp,
    expires_at: Option<Timestamp>,
    cost_ms: Option<u64>,
}

impl New {
    fn remembered(self, value: Shared, size: u64) -> Remembered {
        Remembered {
            value,
            size,
            written_at: Some(self.written_at),
            expires_at: self.expires_at,
            cost_ms: self.cost_ms.unwrap_or(0),
        }
    }
}

/// Returns encoded bytes as the content of an entry, staged where they are large.
fn content_of(backend: &dyn Backend, bytes: Vec<u8>, now: Timestamp) -> Result<Content> {
    if bytes.len() <= CHUNK_SIZE {
        return Ok(Content::Inline(bytes));
    }
    backend.stage(&mut bytes.as_slice(), now)
}

impl Call<'_> {
    /// Stores a result, or counts and logs the reason why it was not stored.
    ///
    /// A write that times out on a locked store pauses writes; otherwise each caller would wait.
    pub(super) fn keep_or_complain(
        &self,
        codec: &dyn AnyCodec,
        value: &Shared,
        spent: Spent,
        lead: &Leadership<'_>,
    ) -> Option<Kept> {
        let cache = &self.ctx.cache;
        if self.function.options.residency.has_store() && cache.writes_are_paused() {
            self.count(Counted::Error);
            return None;
        }
        let kept = self.keep(codec, value, Some(spent), lead);
        cache.pause_writes_if_busy(&kept);
        self.attempt("keep a result", kept)
    }

    /// Stores a result in every tier, unless it may be outdated.
    pub(in super::super) fn keep(
        &self,
        codec: &dyn AnyCodec,
        value: &Shared,
        spent: Option<Spent>,
        lead: &Leadership<'_>,
    ) -> Result<Kept> {
        let (options, now) = (&self.function.options, self.ctx.cache.now());
        self.ctx.cache.flush_if_due(now);
        let own = caught(|| Ok(codec.lifetime(&**value))).map_err(unsupported)?;
        let lifetime = own.or(options.ttl);
        let written_at = spent.map_or(now, |spent| spent.ended_at);
        let new = New {
            now,
            began_at: spent.map_or(now, |spent| spent.began_at),
            written_at,
            expires_at: lifetime.map(|lifetime| {
                written_at.saturating_add(lifetime.saturating_add(options.extra_time()))
            }),
            cost_ms: spent.map(|spent| spent.cost_ms),
        };
        if !options.residency.has_store() {
            return self.keep_in_memory(codec, value, new, lead);
        }
        let kept = self.keep_in_store(codec, value, new, lead)?;
        if kept.is_kept && lifetime.is_some() {
            let removed = self.remove_expired(self.ctx.cache.backend()?.as_ref(), now);
            self.attempt("remove expired results", removed);
        }
        Ok(kept)
    }

    /// Keeps a result of a function without a store.
    fn keep_in_memory(
        &self,
        codec: &dyn AnyCodec,
        value: &Shared,
        new: New,
        lead: &Leadership<'_>,
    ) -> Result<Kept> {
        let stored = caught(|| codec.encode(&**value));
        let size = stored.map_or(0, |stored| stored.bytes.len()) as u64;
        if !self.function.memory.admits(size) {
            return Ok(Kept::default());
        }
        let copy = copied(codec, &**value).map_err(unsupported)?;
        let Some(keeping) = lead.keeping(self) else {
            return Ok(Kept::default());
        };
        Ok(self.remember(keeping, new.remembered(copy, size), None))
    }

    /// Keeps a result in the store, and in memory where the function uses that.
    fn keep_in_store(
        &self,
        codec: &dyn AnyCodec,
        value: &Shared,
        new: New,
        lead: &Leadership<'_>,
    ) -> Result<Kept> {
        let (function, cache) = (self.function, &self.ctx.cache);
        let (stored, read) = self.encode(codec, value)?;
        let (kind, size) = (stored.kind, stored.bytes.len() as u64);
        let backend = cache.backend()?;
        if lead.keeping(self).is_none() {
            return Ok(Kept::default());
        }
        // Freed before memory gets its copy: otherwise a large result would exist three times.
        let content = content_of(backend.as_ref(), stored.bytes, new.now)?;
        // Read before the entry is written, so that any later change moves it.
        let epoch = self.epoch();
        let copy = epoch
            .filter(|_| function.memory.admits(size))
            .and_then(|_| {
                let copy = || self.attempt("copy a result", copied(codec, &**value));
                Some(new.remembered(read.or_else(copy)?, size))
            });
        let (store, scopes) = (self.store(), self.scopes());
        let identity = CallIdentity {
            began_at: Some(new.began_at),
            ..self.identity(&store, &scopes, epoch.is_some())
        };
        let mut entry = Entry::new(identity.address(), kind, new.written_at);
        entry.expires_at = new.expires_at;
        entry.function = Some(function.function.clone());
        entry.args = Some(identity.args().into_owned());
        entry.cost_ms = new.cost_ms;
        entry.scopes.clone_from(&scopes);
        let Some(keeping) = lead.keeping(self) else {
            return Ok(Kept::default());
        };
        let written = match backend.put_call(&identity, &entry, &content, new.now) {
            // No trouble: it is what the limit is for.
            Err(error @ Error::OverLimit { .. }) => {
                log::debug!("a result of {} is not kept: {error}", entry.address);
                return Ok(Kept::default());
            }
            put => put?,
        };
        if written.is_outdated {
            return Ok(Kept::default());
        }
        let (Some(epoch), Some(generation), Some(copy)) = (epoch, written.generation, copy) else {
            return Ok(Kept {
                is_kept: true,
                copy: None,
            });
        };
        let version = Version {
            written_at: new.written_at,
            cost_ms: new.cost_ms.unwrap_or(0),
        };
        let group = CounterGroup::new(store.clone(), &scopes);
        let seen = Seen {
            epoch,
            generation,
            hits: cache.pending.hits(&group, self.place(), version),
        };
        let copy = Remembered {
            expires_at: written.expires_at,
            ..copy
        };
        Ok(self.remember(keeping, copy, Some(seen)))
    }

    /// Removes a few of the function's expired results if that is due: once a minute, as MongoDB
    /// does for FiftyOne, and with each stored result while there are more.
    fn remove_expired(&self, backend: &dyn Backend, now: Timestamp) -> Result<()> {
        let (function, swept_at) = (self.function, now.as_millis());
        let due_at = function.sweep_at.load(Ordering::Relaxed);
        let next = swept_at.saturating_add(SWEEP_EVERY_MS);
        // One of several concurrent callers does it. A clock that was set back does not delay it.
        let is_due = swept_at >= due_at || due_at > next;
        let order = Ordering::Relaxed;
        let sweep_at = &function.sweep_at;
        if !is_due
            || sweep_at
                .compare_exchange(due_at, next, order, order)
                .is_err()
        {
            return Ok(());
        }
        let expired = Filter {
            collections: vec![Pattern::exact(&*function.store.collection)],
            stores: vec![Pattern::exact(&*function.store.store_name)],
            freshness: Some(Freshness::Expired),
            ..Filter::default()
        };
        let scan = Scan {
            limit: Some(SWEPT_AT_ONCE),
            ..Scan::new(expired)
        };
        let mut found: Vec<Address> = Vec::new();
        for row in backend.scan(&scan, now)? {
            if let Row::Entry(entry, _) = row? {
                found.push(entry.address);
            }
        }
        let Some(first) = found.first() else {
            return Ok(());
        };
        // One dataset at a time: another may have results with the same keys.
        let store = first.store.clone();
        let keys: Vec<Pattern> = found
            .iter()
            .filter(|address| address.store == store)
            .map(|address| Pattern::exact(address.key.as_str()))
            .collect();
        if found.len() as u64 == SWEPT_AT_ONCE || keys.len() < found.len() {
            function.sweep_at.store(i64::MIN, Ordering::Relaxed);
        }
        let expired = Filter {
            keys,
            freshness: Some(Freshness::Expired),
            ..Filter::store(&store)
        };
        backend.remove(&expired.into(), now, &mut no_progress)?;
        Ok(())
    }

    /// Encodes a result; also returns it as read back from its stored form, if that was checked.
    fn encode(&self, codec: &dyn AnyCodec, value: &Shared) -> Result<(Value, Option<Shared>)> {
        let stored = caught(|| codec.encode(&**value)).map_err(unsupported)?;
        let before = self.function.encoded.fetch_add(1, Ordering::Relaxed);
        let read = if !codec.is_exact() && round_trip::is_due(before, &stored) {
            Some(round_trip::check(codec, &**value, &stored).map_err(unsupported)?)
        } else {
            None
        };
        Ok((stored, read))
    }

    /// Returns the cache's epoch, if results are kept in memory.
    pub(in super::super) fn epoch(&self) -> Option<u64> {
        let has_memory = self.function.options.residency.has_memory();
        has_memory.then(|| self.ctx.cache.epoch())
    }

    /// Puts a result into memory, and then lets clears go on.
    pub(in super::super) fn remember(
        &self,
        keeping: RwLockReadGuard<'_, ()>,
        copy: Remembered,
        seen: Option<Seen>,
    ) -> Kept {
        let slot = Slot {
            value: copy.value.clone(),
            size: copy.size,
            written_at: copy.written_at,
            expires_at: copy.expires_at,
            cost_ms: copy.cost_ms,
            stored: seen.map(|seen| Stored {
                generation: seen.generation,
                checked_at: AtomicU64::new(seen.epoch),
                hits: seen.hits,
            }),
        };
        let (function, sweeper) = (self.function, self.ctx.cache.sweeper());
        let evicted = function.memory.insert(self.key.clone(), slot);
        drop(keeping);
        drop(evicted);
        sweeper.watch(&function.memory);
        if let Some(expires_at) = copy.expires_at {
            sweeper.expire_at(expires_at);
        }
        Kept {
            is_kept: true,
            copy: Some(copy.value),
        }
    }

    /// Compares a hit with its recomputed value; keeps the recomputed one if they differ, unless
    /// the call is being computed elsewhere.
    pub(in super::super) fn verify(
        &self,
        codec: &dyn AnyCodec,
        hit: &AnyResult,
        value: &Shared,
        spent: Spent,
        lead: Option<&Leadership<'_>>,
    ) {
        if !round_trip::is_same(codec, hit, &**value) {
            self.count(Counted::Mismatch);
            log::warn!(
                "a cached result of {} is not what it computes now: its arguments do not determine it",
                self.function.options.function
            );
            if let Some(lead) = lead {
                self.keep_or_complain(codec, value, spent, lead);
            }
        }
    }
}

fn unsupported(error: CodecError) -> Error {
    Unsupported::NoStoredForm(error.to_string()).into()
}
