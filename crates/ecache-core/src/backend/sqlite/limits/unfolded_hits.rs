//! The hits that only the usage log has, for a write that evicts entries.
//!
//! Without them, a write would evict the entries that were just hit. It reads them into memory,
//! adds them to the sample and folds none. Designs weighed, in a store of a million entries with 32
//! hits before each write:
//!
//! - *Folding 64 KiB of the log first*: 500 entries are found and changed at random places, which
//!   takes 5 to 13 ms of one write.
//! - *Folding a little of it with each write*: a write into a full store takes 1.5 to 2 times as
//!   long, and hits that come faster wait all the same.
//! - *Looking up only the entries that are about to go*: the sample's share of entries with hits,
//!   by which each is judged (`eviction`), would be that of the folded hits alone.
//! - *Reading the log* (chosen): half a millisecond for 256 KiB. The calls that fold a longer log
//!   do so in larger parts, which takes less for each hit.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::sample::Sampled;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::format::column::number;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::usage::unfolded_from;
use crate::entry::idle_ms;
use crate::scope::StoreAddress;
use crate::time::Timestamp;
use crate::usage::{Log, RecordedKey, SHORT_LOG, UsageBatch};

/// Hits by the keys of entries.
#[derive(Default)]
pub(super) struct UnfoldedHits(HashMap<RecordedKey, Vec<Hits>>);

/// The hits of one result.
struct Hits {
    store: Arc<StoreAddress>,
    hits: u64,
    used_at: Timestamp,
    written_at: Timestamp,
}

impl UnfoldedHits {
    /// Reads the hits that a store does not have yet: the last ones, if the log is long. Best
    /// effort: a log that cannot be read counts later.
    pub(super) fn read(backend: &SqliteBackend, connection: &Connection) -> rusqlite::Result<Self> {
        let mut unfolded = Self::default();
        for open in Log::beside(&backend.path).open().unwrap_or_default() {
            let Some(folded) = unfolded_from(connection, &open)? else {
                continue;
            };
            let last = open.size().unwrap_or(0).saturating_sub(SHORT_LOG);
            let Ok(bytes) = open.read(folded.max(last), SHORT_LOG as usize) else {
                continue;
            };
            for used in UsageBatch::read(&bytes).0.uses {
                let hits = Hits {
                    store: used.entry.store,
                    hits: used.hits,
                    used_at: used.used_at,
                    written_at: used.written_at,
                };
                unfolded.0.entry(used.entry.key).or_default().push(hits);
            }
        }
        Ok(unfolded)
    }

    /// Adds the hits of sampled entries to them. As where hits are folded, those of a result from
    /// before an entry was created belong to an earlier entry of its key.
    pub(super) fn add_to(
        &self,
        sample: &mut [Sampled],
        backend: &SqliteBackend,
        connection: &Connection,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(KEY)?;
        for Sampled { id, candidate } in sample.iter_mut().filter(|one| !one.candidate.is_dead) {
            let mut rows = statement.query([*id])?;
            let Some(row) = rows.next()? else { continue };
            let key = match row.get_ref(0)? {
                ValueRef::Blob(hash) => RecordedKey::read((true, hash)),
                ValueRef::Text(text) => RecordedKey::read((false, text)),
                _ => None,
            };
            let Some(all) = key.and_then(|key| self.0.get(&key)) else {
                continue;
            };
            let store = backend.names.store(connection, store_of(*id))?;
            let created_at = number(row, 1)?.unwrap_or(i64::MAX);
            for hits in all {
                if *hits.store == *store && created_at <= hits.written_at.as_millis() {
                    candidate.hits = candidate.hits.saturating_add(hits.hits);
                    candidate.idle_ms = candidate.idle_ms.min(idle_ms(hits.used_at, now));
                }
            }
        }
        Ok(())
    }
}

/// The key of an entry and the time when it was created. A sample is not an answer: the row is
/// verified before it goes.
const KEY: &str = "SELECT key, created_at FROM entries NOT INDEXED WHERE id = ?1";
