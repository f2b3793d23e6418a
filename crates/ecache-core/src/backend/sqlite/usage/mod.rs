//! Usage: counts by period and group in `history`, and how far each usage log is folded. Hits of
//! entries are in `uses` (`entry_uses`).
//!
//! A row of counts is found by the begin of its period and a hash of its group. Its body has the
//! group again, and two groups of one hash have rows next to each other. Rows of hours that are
//! older than 30 days are merged into the row at the begin of their day.

mod entry_uses;
pub(super) mod evictions;

use std::collections::BTreeMap;

use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::SqliteBackend;
use super::connection::timeouts::SHORT_WAIT;
use super::format::damage::{self, readable};
use super::history::{self, RecordKind};
use crate::backend::CallCountBackend;
use crate::error::Result;
use crate::time::Timestamp;
use crate::usage::{
    CallGroup, Counts, DAY, Gap, HOUR, HOURS_KEPT, KEPT, Log, LogId, LogRange, MAX_ROWS, OpenLog,
    Period, Recorded, StoredRow, Tally, UsageBatch,
};
use entry_uses::{Found, Hits};

/// The id of the record that says up to which time hours are merged into days.
const MERGED: i64 = 0;

/// The time of all records of [`RecordKind::Offset`].
const NO_TIME: i64 = 0;

/// The time of folding that stands for the last one of a log.
const CLOSED: i64 = i64::MAX;

/// Ids that groups of one hash may have.
const PROBES: i64 = 8;

/// Number of bytes of the log that a renaming sums at a time.
const MOST_AT_ONCE: usize = 8 << 20;

/// Returns the ids under which the row of a group may be.
fn ids(group: &[u8]) -> impl Iterator<Item = i64> + use<> {
    let hash = xxh3_64_with_seed(group, 6) as i64;
    (0..PROBES).map(move |probe| hash.wrapping_add(probe))
}

impl CallCountBackend for SqliteBackend {
    fn add_usage(
        &self,
        batch: &UsageBatch,
        position: Option<LogRange>,
        now: Timestamp,
    ) -> Result<bool> {
        for period in &batch.periods {
            if let CallGroup::Of { store, .. } = &period.group {
                store.check()?;
            }
        }
        let session = self.writing_connection()?;
        let found = Found::before_writing(&session, &batch.uses);
        let found = found.map_err(|error| self.error(error))?;
        // Counting must not delay a call.
        self.transaction_within_on(&session, SHORT_WAIT, |transaction| {
            let found = found.valid_in(transaction, &batch.uses)?;
            Ok(Self::add_batch(transaction, batch, &found, position, now)?)
        })
    }

    fn tallies(&self) -> Result<Vec<Tally>> {
        let connection = self.connection()?;
        let mut tallies = Vec::new();
        let all = (i64::MIN, i64::MAX);
        let read = history::scan(&connection, RecordKind::Tally, all, |at, id, body| {
            tallies.extend(body.map(|_| Tally {
                since: Timestamp::from_millis(at),
                id,
            }));
            Ok(true)
        });
        read.map_err(|error| self.error(error))?;
        Ok(tallies)
    }

    fn folded(&self, log: LogId) -> Result<u64> {
        let connection = self.connection()?;
        offset(&connection, log).map_err(|error| self.error(error))
    }

    fn folded_logs(&self) -> Result<Vec<(LogId, Option<Timestamp>)>> {
        let connection = self.connection()?;
        let mut logs = Vec::new();
        let at = (NO_TIME, NO_TIME);
        let read = history::scan(&connection, RecordKind::Offset, at, |_, id, body| {
            if id != MERGED
                && let Some((_, folded_at)) = body.as_deref().and_then(offset_of)
            {
                let folded_at = Some(folded_at).filter(|at| *at != CLOSED);
                logs.push((LogId(id), folded_at.map(Timestamp::from_millis)));
            }
            Ok(true)
        });
        read.map_err(|error| self.error(error))?;
        Ok(logs)
    }

    fn usage_since(&self, from: Timestamp, logs: &[LogId]) -> Result<Recorded> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        let read = || -> rusqlite::Result<Recorded> {
            let mut recorded = Recorded::default();
            for log in logs {
                recorded.folded.push(offset(&snapshot, *log)?);
            }
            let merged = merged_until(&snapshot)?;
            let begin = from.as_millis().saturating_sub(DAY);
            history::scan(
                &snapshot,
                RecordKind::Usage,
                (begin, i64::MAX),
                |at, _, body| {
                    // A damaged row is left out: it is a number, and `doctor` reports the file.
                    match body.as_deref().and_then(StoredRow::read) {
                        Some(StoredRow::Counts(group, counts)) => recorded.periods.push(Period {
                            begins_at: at,
                            length: if at < merged { DAY } else { HOUR },
                            group,
                            counts,
                        }),
                        Some(StoredRow::Gap(gap)) => recorded.gaps.push(gap),
                        None => {}
                    }
                    Ok(true)
                },
            )?;
            recorded
                .periods
                .retain(|one| one.begins_at.saturating_add(one.length) > from.as_millis());
            Ok(recorded)
        };
        read().map_err(|error| self.error(error))
    }
}

impl SqliteBackend {
    /// Adds all calls that the log has and the store has not, in a transaction that is to rename a
    /// store. Best effort: a log that cannot be read is folded later.
    pub(super) fn add_all_logged(
        &self,
        transaction: &Connection,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        for open in Log::beside(&self.path).open().unwrap_or_default() {
            while fold_next(transaction, &open, MOST_AT_ONCE, now)? {}
        }
        Ok(())
    }

    /// Adds what [`CallCountBackend::add_usage`] adds, in a transaction in which `found` are the
    /// entries that were hit.
    fn add_batch(
        transaction: &Connection,
        batch: &UsageBatch,
        found: &[Hits],
        position: Option<LogRange>,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        if let Some(LogRange { log, from, to }) = position {
            if offset(transaction, log)? != from {
                return Ok(false);
            }
            put_offset(transaction, log, to, now.as_millis())?;
        }
        for log in &batch.closed {
            let to = offset(transaction, *log)?;
            put_offset(transaction, *log, to, CLOSED)?;
        }
        for log in &batch.forgotten {
            history::delete(transaction, RecordKind::Offset, NO_TIME, id_of(*log))?;
        }
        entry_uses::add(transaction, found)?;
        let merged = merge_hours(transaction, now)?;
        add_periods(transaction, &batch.periods, merged)?;
        for gap in &batch.gaps {
            put_gap(transaction, *gap)?;
        }
        for Tally { since, id } in &batch.ended {
            history::delete(transaction, RecordKind::Tally, since.as_millis(), *id)?;
        }
        for Tally { since, id } in &batch.begun {
            history::put(transaction, RecordKind::Tally, since.as_millis(), *id, &[])?;
        }
        Ok(true)
    }
}

/// Adds the next calls that a file of the log has and the store has not, and reports whether there
/// were any.
fn fold_next(
    transaction: &Connection,
    open: &OpenLog,
    most: usize,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let log = open.id();
    let Some((from, folded_at)) = readable(folded(transaction, log))? else {
        return Ok(false);
    };
    let Ok(bytes) = open.read(from, most) else {
        return Ok(false);
    };
    let (batch, read) = UsageBatch::read(&bytes);
    let to = open.after(from, read);
    let is_valid = |period: &Period| match &period.group {
        CallGroup::Of { store, .. } => store.check().is_ok(),
        CallGroup::Other => true,
    };
    if to == from || folded_at == CLOSED || !batch.periods.iter().all(is_valid) {
        return Ok(false);
    }
    let position = LogRange { log, from, to };
    // An import has only the times of its entries.
    let now = Timestamp::from_millis(now.as_millis().max(folded_at));
    let found = entry_uses::find(transaction, &batch.uses)?;
    SqliteBackend::add_batch(transaction, &batch, &found, Some(position), now)
}

/// Adds counts in a transaction that changes entries.
pub(super) fn add_now(transaction: &Connection, periods: &[Period]) -> rusqlite::Result<()> {
    if periods.is_empty() {
        return Ok(());
    }
    let merged = merged_until(transaction)?;
    add_periods(transaction, periods, merged)
}

/// Returns the offset up to which a file of the log is folded; `None` if nothing of it is left to
/// fold.
pub(super) fn unfolded_from(
    connection: &Connection,
    open: &OpenLog,
) -> rusqlite::Result<Option<u64>> {
    let folded = readable(folded(connection, open.id()))?;
    Ok(folded
        .filter(|(_, folded_at)| *folded_at != CLOSED)
        .map(|(offset, _)| offset))
}

fn id_of(log: LogId) -> i64 {
    // The number of another record.
    if log.0 == MERGED { 1 } else { log.0 }
}

/// Returns the offset up to which a log is folded.
fn offset(connection: &Connection, log: LogId) -> rusqlite::Result<u64> {
    folded(connection, log).map(|(offset, _)| offset)
}

/// Returns the offset up to which a log is folded, and when it was.
fn folded(connection: &Connection, log: LogId) -> rusqlite::Result<(u64, i64)> {
    match history::get(connection, RecordKind::Offset, NO_TIME, id_of(log))? {
        None => Ok((0, i64::MIN)),
        Some(body) => {
            offset_of(&body).ok_or_else(|| damage::damaged("an offset of the usage log is damaged"))
        }
    }
}

/// Reads the offset up to which a log is folded, and when it was.
fn offset_of(body: &[u8]) -> Option<(u64, i64)> {
    let (offset, folded_at) = body.split_first_chunk::<8>()?;
    let folded_at = folded_at.try_into().ok()?;
    Some((u64::from_le_bytes(*offset), i64::from_le_bytes(folded_at)))
}

fn put_offset(
    transaction: &Connection,
    log: LogId,
    to: u64,
    folded_at: i64,
) -> rusqlite::Result<()> {
    let body = [to.to_le_bytes(), folded_at.to_le_bytes()].concat();
    history::put(transaction, RecordKind::Offset, NO_TIME, id_of(log), &body)
}

/// Returns the time before which hours are merged into days.
pub(super) fn merged_until(connection: &Connection) -> rusqlite::Result<i64> {
    let body = history::get(connection, RecordKind::Offset, NO_TIME, MERGED)?;
    let time = body.and_then(|body| body.try_into().ok());
    Ok(time.map_or(i64::MIN, i64::from_le_bytes))
}

/// Merges hours that are older than 30 days into days, once a day, and drops those older than a
/// year. Returns the time before which rows are days.
fn merge_hours(transaction: &Connection, now: Timestamp) -> rusqlite::Result<i64> {
    let day = |time: i64| time.div_euclid(DAY).saturating_mul(DAY);
    let before = merged_until(transaction)?;
    let until = day(now.as_millis().saturating_sub(HOURS_KEPT));
    // A clock that jumps ahead and back again leaves days where hours could be.
    if until <= before {
        return Ok(before);
    }
    history::delete_before(
        transaction,
        RecordKind::Usage,
        now.as_millis().saturating_sub(KEPT),
    )?;
    let mut hours = Vec::new();
    let range = (before, until.saturating_sub(1));
    history::scan(transaction, RecordKind::Usage, range, |at, id, body| {
        hours.push((at, id, body));
        Ok(true)
    })?;
    let mut days: BTreeMap<(i64, CallGroup), Counts> = BTreeMap::new();
    for (at, id, body) in hours {
        if let Some(StoredRow::Counts(group, counts)) = body.as_deref().and_then(StoredRow::read) {
            days.entry((day(at), group)).or_default().add(&counts);
            history::delete(transaction, RecordKind::Usage, at, id)?;
        }
    }
    for ((at, group), counts) in days {
        find_row(transaction, at, &group)?.add(transaction, at, &group, &counts)?;
    }
    let body = until.to_le_bytes();
    history::put(transaction, RecordKind::Offset, NO_TIME, MERGED, &body)?;
    Ok(until)
}

/// Adds counts to the rows of their periods.
fn add_periods(transaction: &Connection, periods: &[Period], merged: i64) -> rusqlite::Result<()> {
    let mut rows: Option<usize> = None;
    for period in periods {
        let at = begin_of_row(period.begins_at, merged);
        let mut group = &period.group;
        let mut slot = find_row(transaction, at, group)?;
        if matches!(slot, Slot::Free(_)) {
            let count = match rows {
                Some(count) => count,
                None => count_rows(transaction)?,
            };
            if count >= MAX_ROWS {
                group = &CallGroup::Other;
                slot = find_row(transaction, at, group)?;
            }
            rows = Some(count + usize::from(matches!(slot, Slot::Free(_))));
        }
        slot.add(transaction, at, group, &period.counts)?;
    }
    Ok(())
}

/// Returns the time of the row in which the calls of an hour are counted.
pub(super) fn begin_of_row(hour: i64, merged: i64) -> i64 {
    if hour < merged {
        hour.div_euclid(DAY).saturating_mul(DAY)
    } else {
        hour
    }
}

/// The place of the row of a group, existing or free.
pub(super) enum Slot {
    Taken(i64, Counts),
    Free(i64),
}

impl Slot {
    /// Adds counts to the row of a group, or makes it.
    pub(super) fn add(
        self,
        transaction: &Connection,
        at: i64,
        group: &CallGroup,
        counts: &Counts,
    ) -> rusqlite::Result<()> {
        let (id, mut sum) = match self {
            Self::Taken(id, known) => (id, known),
            Self::Free(id) => (id, Counts::default()),
        };
        sum.add(counts);
        let row = StoredRow::Counts(group.clone(), sum);
        history::put(transaction, RecordKind::Usage, at, id, &row.write())
    }
}

/// Finds the row of a group at a time.
pub(super) fn find_row(
    connection: &Connection,
    at: i64,
    group: &CallGroup,
) -> rusqlite::Result<Slot> {
    let bytes = StoredRow::Counts(group.clone(), Counts::default()).group_bytes();
    let mut last = 0;
    for id in ids(&bytes) {
        last = id;
        match history::get(connection, RecordKind::Usage, at, id) {
            Ok(None) => return Ok(Slot::Free(id)),
            Ok(Some(body)) => match StoredRow::read(&body) {
                Some(StoredRow::Counts(found, counts)) if found == *group => {
                    return Ok(Slot::Taken(id, counts));
                }
                _ => {}
            },
            // A damaged row cannot be added to; it is replaced.
            Err(error) if damage::is_damage(&error) => return Ok(Slot::Free(id)),
            Err(error) => return Err(error),
        }
    }
    Ok(Slot::Free(last))
}

/// Records a gap, at the hour of its begin.
fn put_gap(transaction: &Connection, gap: Gap) -> rusqlite::Result<()> {
    let at = gap.from.as_millis().div_euclid(HOUR).saturating_mul(HOUR);
    let row = StoredRow::Gap(gap);
    let Some(id) = ids(&row.group_bytes()).next() else {
        return Ok(());
    };
    let known = history::get(transaction, RecordKind::Usage, at, id)?;
    let gap = match known.as_deref().and_then(StoredRow::read) {
        Some(StoredRow::Gap(known)) => Gap {
            from: known.from.min(gap.from),
            until: known.until.max(gap.until),
        },
        _ => gap,
    };
    history::put(
        transaction,
        RecordKind::Usage,
        at,
        id,
        &StoredRow::Gap(gap).write(),
    )
}

fn count_rows(connection: &Connection) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("SELECT count(*) FROM history WHERE kind = ?1")?
        .query_row([RecordKind::Usage as i64], |row| row.get(0))
}
