//! The counters of limits, as a connection knows them.
//!
//! The table `history` has a counter for each limit, or for each group of one that holds for each
//! user, say. `row_changes` counts the changes of a transaction; the `tail` is the new entries that
//! are not counted yet.

pub(super) mod row_changes;
pub(super) mod tail;

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64;

use super::SqliteBackend;
use super::format::damage::readable;
use super::history::codec::{number, put_number, put_text, text};
use super::history::{self, RecordKind};
use crate::backend::limit::{Limit, LimitNames};
use row_changes::{Amount, Changes, NameIds, RowChanges};
use tail::Tail;

/// The id of a limit's own counter; groups have others.
pub(super) const WHOLE: i64 = 0;

/// Number of combinations of names whose counters are remembered.
const MOST_KNOWN: usize = 10_000;

/// A counter: the place of its limit among those of the store, and its group.
pub(super) type Counter = (usize, i64);

/// The state of one counter.
#[derive(Clone, Debug, Default)]
pub(super) struct Used {
    /// The names of the group; `None` where the limit has no groups
    pub(super) group: Option<String>,
    /// At the beginning of the transaction
    pub(super) before: Amount,
    pub(super) now: Amount,
    /// Number of entries that went for it
    pub(super) evictions: i64,
    /// Number of those that were computed again
    pub(super) losses: i64,
    /// Milliseconds that took
    pub(super) lost_ms: i64,
    /// Changed by this transaction
    pub(super) is_changed: bool,
    /// Not as the record has it
    pub(super) is_pending: bool,
}

impl Used {
    /// Begins another transaction.
    pub(super) fn settle(&mut self) {
        self.before = self.now;
        self.is_changed = false;
    }
}

/// The names that all entries of a counter share, by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) user: Option<i64>,
    pub(super) operator: Option<i64>,
    pub(super) prompt: Option<i64>,
}

/// The limits that a connection knows.
#[derive(Default)]
pub(super) struct Limits {
    /// The version of the data that they were read in; `None` if they have to be read again
    pub(super) version: Option<u32>,
    /// Narrowest scopes first
    pub(super) all: Arc<[Limit]>,
    /// The place of each in the history
    pub(super) places: Vec<i64>,
    /// Set if the file may have the table from which entries are sampled
    pub(super) is_sampled: bool,
    /// The changes that triggers count, if the connection has them
    pub(super) changes: Option<Arc<RowChanges>>,
    /// The changes that the transaction noted, if it has not
    pub(super) noted: Changes,
    /// The entry that the transaction added, if it is one that noted that
    pub(super) added: Option<i64>,
    /// Set if the transaction changes more than that
    pub(super) is_due: bool,
    pub(super) tail: Tail,
    pub(super) known: BTreeMap<NameIds, Arc<[Counter]>>,
    pub(super) groups: BTreeMap<Counter, String>,
    pub(super) shared: BTreeMap<Counter, Shared>,
    pub(super) used: BTreeMap<Counter, Used>,
}

impl Limits {
    /// Forgets which names belong to which counters.
    pub(super) fn forget_names(&mut self) {
        self.known.clear();
        self.groups.clear();
        self.shared.clear();
    }

    /// Returns the counters to which entries of some names belong.
    pub(super) fn counters(
        &mut self,
        connection: &Connection,
        backend: &SqliteBackend,
        ids: NameIds,
    ) -> rusqlite::Result<Arc<[Counter]>> {
        if let Some(known) = self.known.get(&ids) {
            return Ok(known.clone());
        }
        let mut found = Vec::new();
        // Damaged names belong to no limit.
        if let Some(store) = readable(backend.names.store(connection, ids.store))? {
            let name = |id| readable(backend.names.name(connection, id)).map(Option::flatten);
            let (user, operator, prompt) =
                (name(ids.user)?, name(ids.operator)?, name(ids.prompt)?);
            let names = LimitNames {
                store: &store,
                user: user.as_deref(),
                operator: operator.as_deref(),
                prompt: prompt.as_deref(),
            };
            for (place, limit) in self.all.iter().enumerate() {
                if !limit.scope.matches(&names) {
                    continue;
                }
                let counter = if limit.scope.is_each() {
                    let group = limit.scope.group(&names).to_string();
                    let counter = (place, id_of_group(&group));
                    self.groups.insert(counter, group);
                    counter
                } else {
                    (place, WHOLE)
                };
                let is_one = limit.scope.is_one();
                let shared = Shared {
                    user: ids.user.filter(|_| is_one.user),
                    operator: ids.operator.filter(|_| is_one.operator),
                    prompt: ids.prompt.filter(|_| is_one.prompt),
                };
                self.shared.insert(counter, shared);
                found.push(counter);
            }
        }
        let found: Arc<[Counter]> = found.into();
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(ids, found.clone());
        Ok(found)
    }

    /// Returns the state of a counter in this transaction.
    pub(super) fn used_of(
        &mut self,
        connection: &Connection,
        counter: Counter,
    ) -> rusqlite::Result<&mut Used> {
        use std::collections::btree_map::Entry;
        match self.used.entry(counter) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let (limit, group) = counter;
                let body = history::get(connection, RecordKind::Used, self.places[limit], group)?;
                let mut used = body.map_or_else(|| Ok(Used::default()), |body| decode(&body))?;
                used.group = self.groups.get(&counter).cloned().or(used.group);
                Ok(new.insert(used))
            }
        }
    }

    /// Returns the names that all entries of a counter share.
    pub(super) fn shared(&self, counter: Counter) -> Shared {
        self.shared.get(&counter).copied().unwrap_or_default()
    }

    /// Returns the scope of a counter's limit, or its group.
    pub(super) fn name(&self, counter: Counter) -> String {
        let group = self.groups.get(&counter).cloned();
        group.unwrap_or_else(|| self.all[counter.0].scope.to_string())
    }

    /// Reports whether something went for one of some counters.
    pub(super) fn have_evicted(
        &mut self,
        connection: &Connection,
        counters: &[Counter],
    ) -> rusqlite::Result<bool> {
        for counter in counters {
            if self.used_of(connection, *counter)?.evictions > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts that a limit had evicted what was computed again.
    pub(super) fn add_loss(
        &mut self,
        connection: &Connection,
        counter: Counter,
        cost_ms: u64,
    ) -> rusqlite::Result<()> {
        let used = self.used_of(connection, counter)?;
        used.losses += 1;
        used.lost_ms = used.lost_ms.saturating_add_unsigned(cost_ms);
        used.is_pending = true;
        self.is_due = true;
        Ok(())
    }

    /// Returns the counter of a name that [`Limits::name`] has returned, of which something was
    /// recorded.
    pub(super) fn named(
        &mut self,
        connection: &Connection,
        name: &str,
    ) -> rusqlite::Result<Option<Counter>> {
        for place in 0..self.all.len() {
            let scope = &self.all[place].scope;
            if !scope.is_each() {
                if scope.to_string() == name {
                    return Ok(Some((place, WHOLE)));
                }
                continue;
            }
            let counter = (place, id_of_group(name));
            if self.used_of(connection, counter)?.group.as_deref() == Some(name) {
                return Ok(Some(counter));
            }
        }
        Ok(None)
    }

    /// Returns the counters that this transaction has changed, those of the narrowest scopes first.
    pub(super) fn changed(&self) -> Vec<Counter> {
        let changed = self.used.iter().filter(|(_, used)| used.is_changed);
        changed.map(|(counter, _)| *counter).collect()
    }

    /// Forgets what an earlier transaction changed.
    pub(super) fn begin(&mut self) {
        if let Some(changes) = &self.changes {
            changes.take();
        }
        self.noted = Changes::default();
        self.added = None;
        self.is_due = false;
    }

    /// Adds amounts to the counters of their names, for those limits that `is_meant` accepts by
    /// their places.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        backend: &SqliteBackend,
        amounts: impl IntoIterator<Item = (NameIds, Amount)>,
        is_meant: impl Fn(usize) -> bool,
    ) -> rusqlite::Result<()> {
        for (names, amount) in amounts {
            let counters = self.counters(connection, backend, names)?;
            for counter in counters.iter().filter(|(limit, _)| is_meant(*limit)) {
                let used = self.used_of(connection, *counter)?;
                used.now += amount;
                (used.is_changed, used.is_pending) = (true, true);
            }
        }
        Ok(())
    }

    /// Reports whether the counters have to be written at the end of a transaction: whether it did
    /// more than add an entry that joins the tail.
    pub(super) fn are_due(&mut self) -> bool {
        match self.added {
            Some(id) => self.is_due || !self.tail.take(id),
            None => self.is_due,
        }
    }

    /// Writes the counters that are not as recorded.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for ((limit, group), used) in &mut self.used {
            if !(used.is_changed || used.is_pending) {
                continue;
            }
            used.is_pending = false;
            let place = self.places[*limit];
            let is_gone = used.now == Amount::default() && used.evictions == 0;
            if *group != WHOLE && is_gone {
                history::delete(connection, RecordKind::Used, place, *group)?;
            } else {
                history::put(connection, RecordKind::Used, place, *group, &encode(used))?;
            }
        }
        Ok(())
    }
}

/// Returns the id of a group's counter, which is never that of the limit's own.
fn id_of_group(group: &str) -> i64 {
    (xxh3_64(group.as_bytes()) | 1) as i64
}

fn encode(used: &Used) -> Vec<u8> {
    let mut body = Vec::new();
    for field in [
        used.now.entries,
        used.now.bytes,
        used.evictions,
        used.losses,
        used.lost_ms,
    ] {
        put_number(&mut body, field);
    }
    put_text(&mut body, used.group.as_deref().unwrap_or_default());
    body
}

pub(super) fn decode(body: &[u8]) -> rusqlite::Result<Used> {
    let mut rest = body;
    let amount = Amount {
        entries: number(&mut rest)?,
        bytes: number(&mut rest)?,
    };
    Ok(Used {
        before: amount,
        now: amount,
        evictions: number(&mut rest)?,
        losses: number(&mut rest)?,
        lost_ms: number(&mut rest)?,
        group: Some(text(&mut rest)?).filter(|group| !group.is_empty()),
        is_changed: false,
        is_pending: false,
    })
}
