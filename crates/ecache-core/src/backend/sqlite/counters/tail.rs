//! The tail: the entries that were added since the counters of limits were written last.
//!
//! A write that only adds an entry writes neither a counter nor a row of the table that is sampled:
//! each would be a page more for the log, which is what a write spends its time on. A record names
//! the stores that entries are added to, with the last id of each that counters and samples know.
//! Ids go up, so that the others are those with a higher one. A connection reads them with the
//! counters, and every transaction that changes more than that, or finds [`MOST`] of them, lets the
//! record begin anew. Limits are therefore exact whatever process is killed.

use std::ops::RangeInclusive;

use rusqlite::Connection;

use super::row_changes::{Amount, NameIds, footprint_sql};
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage::readable;
use crate::backend::sqlite::format::entry_id::{last_of_store, store_of};
use crate::backend::sqlite::history::codec::{number, put_number};
use crate::backend::sqlite::history::{self, RecordKind};

/// Number of entries that the tail may have: a connection that does not know them reads each.
const MOST: usize = 32;

/// Number of stores that the record names.
const MOST_STORES: usize = 8;

/// The tail as a connection knows it.
#[derive(Debug, Default)]
pub(in super::super) struct Tail {
    /// The last known id of each store, that of the store that was added to last at the end
    known: Vec<i64>,
    /// Number of entries
    len: usize,
    /// Set if the record is as `known` is
    is_recorded: bool,
}

impl Tail {
    /// Reads the record; `None` if there is none, or if it is damaged.
    pub(in super::super) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let body = readable(history::get(connection, RecordKind::Tail, 0, 0))?.flatten();
        let Some(body) = body else { return Ok(None) };
        let mut tail = Self {
            is_recorded: true,
            ..Self::default()
        };
        let mut rest = &body[..];
        while !rest.is_empty() {
            tail.known.push(number(&mut rest)?);
        }
        Ok(Some(tail))
    }

    /// Reads the amount of each entry and sets the length to their number.
    pub(in super::super) fn amounts(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<Vec<(NameIds, Amount)>> {
        let mut amounts = Vec::new();
        for range in self.ranges() {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT id, user, operator, prompt, {} FROM entries AS e NOT INDEXED \
                 WHERE id BETWEEN ?1 AND ?2",
                footprint_sql("e")
            ))?;
            let mut rows = statement.query((range.start(), range.end()))?;
            while let Some(row) = rows.next()? {
                let bytes = column::number(row, 4)?.unwrap_or(0);
                amounts.push((NameIds::of_row(row)?, Amount::one(bytes)));
            }
        }
        self.len = amounts.len();
        Ok(amounts)
    }

    /// Adds an entry if there is room and its id is in a recorded range.
    pub(in super::super) fn take(&mut self, id: i64) -> bool {
        let is_told = self.ranges().any(|range| range.contains(&id));
        let is_taken = is_told && self.len < MOST;
        self.len += usize::from(is_taken);
        is_taken
    }

    /// Returns the stores that the record is to name once an entry was `added`.
    pub(in super::super) fn stores(&self, added: Option<i64>) -> Vec<i64> {
        let mut stores: Vec<i64> = self.known.iter().map(|id| store_after(*id)).collect();
        if let Some(id) = added {
            stores.retain(|store| *store != store_of(id));
            stores.push(store_of(id));
            let too_many = stores.len().saturating_sub(MOST_STORES);
            stores.drain(..too_many);
        }
        stores
    }

    /// Begins anew after the last ids of some stores. Requires that counters and samples know all
    /// entries.
    pub(in super::super) fn begin(
        &mut self,
        connection: &Connection,
        known: Vec<i64>,
    ) -> rusqlite::Result<()> {
        let is_recorded = std::mem::replace(&mut self.is_recorded, true) && self.known == known;
        (self.known, self.len) = (known, 0);
        if is_recorded {
            return Ok(());
        }
        let mut body = Vec::new();
        for id in &self.known {
            put_number(&mut body, *id);
        }
        history::put(connection, RecordKind::Tail, 0, 0, &body)
    }

    /// Returns the ids between which the entries are, store by store.
    pub(in super::super) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<i64>> {
        let known = self.known.iter();
        known.map(|last| last + 1..=last_of_store(store_after(*last)))
    }
}

/// Returns the store whose last id is given; a store without entries has the one before its first.
fn store_after(last: i64) -> i64 {
    store_of(last + 1)
}
