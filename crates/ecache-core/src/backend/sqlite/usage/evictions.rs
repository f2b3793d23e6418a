//! Entries that a limit evicts, counted in the transaction that removes them. On a full disk, a
//! removal counts them after it has given its space back.
//!
//! A watcher learns from the usage log that a limit was the reason. The record counts nothing, and
//! precedes the end of the transaction: a process that misses the entry finds it in the log.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::format::checksum::Fields;
use crate::backend::sqlite::format::damage::readable;
use crate::backend::sqlite::format::encoding;
use crate::key::Key;
use crate::scope::Scopes;
use crate::time::Timestamp;
use crate::usage::{CallGroup, Event, Log, Outcome, Period};

/// Maximum number of entries of one transaction that watchers are told of.
const MOST_TOLD: usize = 1000;

/// Size of the log, in bytes, from which watchers are told nothing more, so that calls have room.
const MOST_LOGGED: u64 = 1 << 20;

/// The ids of a store, a user and an operator.
type GroupIds = (i64, Option<i64>, Option<i64>);

/// The entries that a transaction evicts.
#[derive(Default)]
pub(in super::super) struct Evictions {
    /// The number of entries, and the times at which they were written, added up
    groups: BTreeMap<GroupIds, (u64, i128)>,
    keys: Vec<(GroupIds, Key)>,
}

impl Evictions {
    /// Adds an entry that is to be removed.
    pub(in super::super) fn add(&mut self, entry: &Fields<'_>) {
        let group = (entry.store, entry.user, entry.operator);
        let (count, written_at) = self.groups.entry(group).or_default();
        *count += 1;
        *written_at += i128::from(entry.identity().written_at);
        if self.keys.len() < MOST_TOLD {
            self.keys
                .extend(encoding::key(entry.key).map(|key| (group, key)));
        }
    }

    /// Adds those of another transaction.
    pub(in super::super) fn append(&mut self, other: Self) {
        for (group, (count, written_at)) in other.groups {
            let sum = self.groups.entry(group).or_default();
            sum.0 += count;
            sum.1 += written_at;
        }
        let room = MOST_TOLD.saturating_sub(self.keys.len());
        self.keys.extend(other.keys.into_iter().take(room));
    }

    /// Writes the counts, in the transaction that removes the entries.
    pub(in super::super) fn write(
        &self,
        backend: &SqliteBackend,
        transaction: &Connection,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if self.groups.is_empty() {
            return Ok(());
        }
        let mut groups = BTreeMap::new();
        for ids in self.groups.keys() {
            let (store, user, operator) = *ids;
            let name = |id| readable(backend.names.name(transaction, id)).map(Option::flatten);
            // A store whose name is damaged has no row to count in.
            if let Some(store) = readable(backend.names.store(transaction, store))? {
                groups.insert(*ids, (store, name(user)?, name(operator)?));
            }
        }
        let periods = self.groups.iter().filter_map(|(ids, (count, written_at))| {
            let (store, user, operator) = groups.get(ids)?.clone();
            let group = CallGroup::Of {
                store,
                user,
                operator,
            };
            let age = i128::from(now.as_millis()) * i128::from(*count) - written_at;
            let mut period = Period::of(group, Outcome::Eviction, *count, now);
            period.counts.evicted_age_ms = u64::try_from(age).unwrap_or(0);
            Some(period)
        });
        super::add_now(transaction, &periods.collect::<Vec<_>>())?;
        let log = Log::beside(&backend.path);
        if !self.keys.is_empty() && log.size() < MOST_LOGGED {
            let events = self.keys.iter().filter_map(|(ids, key)| {
                let (store, user_id, operator_uri) = groups.get(ids)?.clone();
                let scopes = Scopes {
                    user_id,
                    operator_uri,
                    ..Scopes::default()
                };
                Some(Event {
                    count: 0,
                    key: Some(key.clone()),
                    ..Event::new(Outcome::Eviction, now, store, &scopes)
                })
            });
            // Best effort: the entries are counted already.
            let _ = log.tell(&events.collect::<Vec<_>>());
        }
        Ok(())
    }
}

impl SqliteBackend {
    /// Counts the entries that went for a limit on a full disk, once there is space for the counts.
    /// Otherwise the log notes that its counts are incomplete.
    pub(in super::super) fn count_late(&self, evictions: &Evictions, now: Timestamp) {
        let written =
            self.transaction(|transaction| Ok(evictions.write(self, transaction, now)?));
        if written.is_err() {
            // Best effort: the note takes no space, but it needs a log.
            let _ = Log::beside(&self.path).note_gap(now);
        }
    }
}
