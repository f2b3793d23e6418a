//! Folds the usage log into a store, exactly once, and reads the sum of both.
//!
//! A fold reads the offset up to which the store has the log, sums the records behind it, and adds
//! the sums on the condition that the offset is still the same, in the transaction that moves it.
//! Whatever is killed in between, a record is either behind the offset or added.
//!
//! While a file of the log is open here it is locked, so that no other process begins it anew. It
//! is removed under a lock of its own, after the last record of it was folded. The order is: lock
//! of the log, then that of the database.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::single_flight::FlightLocks;
use crate::time::Timestamp;
use crate::usage::{Gap, Log, LogId, LogRange, OpenLog, Recorded, SHORT_LOG, Tally, UsageBatch};

/// Size of the log, in bytes, above which a writer folds it.
pub const FOLD_ABOVE: u64 = 64 << 10;

/// Size of the log, in bytes, above which a hit folds it: a hundred thousand hits, which take as
/// long to be folded as to be looked up.
pub const FOLD_NOW_ABOVE: u64 = 16 << 20;

/// Number of bytes of the log that a call folds at most, besides twice its own: 40 ms.
const SOME: usize = 1 << 20;

/// Time for which a process counts calls before it appends them.
pub(crate) const TALLIED_FOR: Duration = Duration::from_secs(60);

/// Number of bytes that are folded in one transaction, for which other writers wait: 131,000 hits
/// or more.
const AT_ONCE: usize = 16 << 20;

/// Adds what the log counted to the store.
///
/// # Errors
/// Fails like [`CallCountBackend::add_usage`](crate::backend::CallCountBackend::add_usage), and if
/// the log cannot be read. Nothing is lost or doubled.
pub fn fold(backend: &dyn Backend, log: &Log, now: Timestamp) -> Result<()> {
    fold_most(backend, log, usize::MAX, now)
}

/// Adds a part of what the log counted, so that a call which has appended this many events is not
/// delayed by those of others, and the log gets shorter all the same.
///
/// # Errors
/// Fails like [`fold`].
pub fn fold_some(backend: &dyn Backend, log: &Log, appended: usize, now: Timestamp) -> Result<()> {
    let most = SOME.saturating_add(appended.saturating_mul(2 * Log::MOST_PER_EVENT));
    fold_most(backend, log, most, now)
}

fn fold_most(backend: &dyn Backend, log: &Log, most: usize, now: Timestamp) -> Result<()> {
    for open in log.open()? {
        let is_done = fold_file(backend, &open, most, now)?;
        if is_done && open.size()? > SHORT_LOG {
            open.remove(|open| {
                let is_done = fold_file(backend, open, usize::MAX, now)?;
                // Otherwise the file would be missed.
                let batch = UsageBatch {
                    closed: vec![open.id()],
                    ..UsageBatch::default()
                };
                Ok::<_, Error>(is_done && backend.add_usage(&batch, None, now)?)
            })?;
        }
    }
    let mut missing = missing(backend, log)?;
    if backend.has_many_hosts() {
        missing.retain(|one| one.folded_until.is_none());
    }
    if !missing.is_empty() {
        let batch = UsageBatch {
            gaps: missing.iter().filter_map(|one| one.gap(now)).collect(),
            forgotten: missing.iter().map(|one| one.log).collect(),
            ..UsageBatch::default()
        };
        backend.add_usage(&batch, None, now)?;
    }
    if backend.has_many_hosts() {
        // Another host may still add what it has counted.
        return Ok(());
    }
    let gone = gone(log, backend.tallies()?);
    if !gone.is_empty() {
        let batch = UsageBatch {
            gaps: gone.iter().map(gap_of).collect(),
            ended: gone,
            ..UsageBatch::default()
        };
        backend.add_usage(&batch, None, now)?;
    }
    Ok(())
}

/// A file of the log that is gone, or that another host has.
struct Missing {
    log: LogId,
    /// Time until which all of it was folded; `None` if all of it was when it was removed
    folded_until: Option<Timestamp>,
}

impl Missing {
    /// Returns the time of the calls that may have been in it and not in the store.
    fn gap(&self, now: Timestamp) -> Option<Gap> {
        self.folded_until.map(|folded| Gap {
            from: folded.min(now),
            until: folded.max(now),
        })
    }
}

/// Returns the files that the store has a part of and that are not on this host.
fn missing(backend: &dyn Backend, log: &Log) -> Result<Vec<Missing>> {
    let known: BTreeSet<LogId> = ids(backend.folded_logs()?.into_iter().map(|(log, _)| log));
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let there = ids(log.open()?.iter().map(OpenLog::id));
    // Asked for again: a file that another process has just removed is closed by now.
    let logs = backend.folded_logs()?.into_iter();
    Ok(logs
        .filter(|(log, _)| known.contains(log) && !there.contains(log))
        .map(|(log, folded_until)| Missing { log, folded_until })
        .collect())
}

fn ids(logs: impl Iterator<Item = LogId>) -> BTreeSet<LogId> {
    logs.collect()
}

/// Returns the tallies that were not renewed in time.
fn overdue(mut tallies: Vec<Tally>, now: Timestamp) -> Vec<Tally> {
    let renewed = now.saturating_sub(2 * TALLIED_FOR);
    tallies.retain(|tally| tally.since < renewed);
    tallies
}

/// Returns the tallies whose process has died: it no longer holds its lock.
fn gone(log: &Log, mut tallies: Vec<Tally>) -> Vec<Tally> {
    if !tallies.is_empty() {
        // Without a file of locks, none is held.
        if let Ok(locks) = FlightLocks::look(&Sidecar::Locks.path(log.place())) {
            tallies.retain(|tally| locks.is_free(&tally.lock_name()));
        }
    }
    tallies
}

/// Returns the time of the calls that a process which is gone took along.
fn gap_of(tally: &Tally) -> Gap {
    Gap {
        from: tally.since,
        until: tally.since.saturating_add(TALLIED_FOR),
    }
}

/// Reports whether the store has all that the log counted.
///
/// # Errors
/// Fails like [`fold`].
pub fn is_folded(backend: &dyn Backend, log: &Log) -> Result<bool> {
    for open in log.open()? {
        let folded = backend.folded(open.id())?;
        if open.gap().is_some() || open.size()? > open.after(folded, 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds about this many bytes of records of one file, and reports whether that is all of them.
fn fold_file(
    backend: &dyn Backend,
    open: &OpenLog,
    mut most: usize,
    now: Timestamp,
) -> Result<bool> {
    // Adding a gap that is known changes nothing.
    let mut gap = open.gap();
    loop {
        let from = backend.folded(open.id())?;
        let (mut batch, to) = unfolded(open, from, most.min(AT_ONCE), now)?;
        batch.gaps.extend(gap);
        if batch.is_empty() && to == from {
            return Ok(true);
        }
        let position = LogRange {
            log: open.id(),
            from,
            to,
        };
        // Otherwise another process has just folded them.
        if backend.add_usage(&batch, Some(position), now)? {
            gap = None;
            most = most.saturating_sub(usize::try_from(to.abs_diff(from)).unwrap_or(usize::MAX));
            if most < SOME {
                return Ok(open.size()? <= to);
            }
        }
    }
}

/// Sums the records behind an offset, in at most so many bytes; also returns the offset behind
/// them.
fn unfolded(open: &OpenLog, from: u64, most: usize, now: Timestamp) -> Result<(UsageBatch, u64)> {
    let size = open.size()?;
    if from > size {
        // A crash of the machine cut off folded records, and perhaps more.
        let batch = UsageBatch {
            gaps: vec![Gap {
                from: now,
                until: now,
            }],
            ..UsageBatch::default()
        };
        return Ok((batch, size));
    }
    let bytes = open.read(from, most)?;
    let (batch, read) = UsageBatch::read(&bytes);
    Ok((batch, open.after(from, read)))
}

/// Reads the counts since `from`, whether they are folded or not.
///
/// # Errors
/// Fails like [`usage_since`](crate::backend::CallCountBackend::usage_since), and if the log cannot
/// be read.
pub fn read(
    backend: &dyn Backend,
    log: Option<&Log>,
    from: Timestamp,
    now: Timestamp,
) -> Result<Recorded> {
    // Opened before the store is read: from then on they stay, and so do their offsets.
    let open = log.map_or_else(|| Ok(Vec::new()), Log::open)?;
    let ids: Vec<_> = open.iter().map(OpenLog::id).collect();
    let mut usage = backend.usage_since(from, &ids)?;
    let mut tallies = BTreeSet::from_iter(backend.tallies()?);
    for (open, offset) in open.iter().zip(&mut usage.folded) {
        usage.gaps.extend(open.gap());
        loop {
            let (batch, to) = unfolded(open, *offset, AT_ONCE, now)?;
            usage.periods.extend(batch.periods);
            usage.gaps.extend(batch.gaps);
            tallies.retain(|tally| !batch.ended.contains(tally));
            tallies.extend(batch.begun);
            if to == *offset {
                break;
            }
            *offset = to;
        }
    }
    if let Some(log) = log {
        let missing = missing(backend, log)?;
        usage
            .gaps
            .extend(missing.iter().filter_map(|one| one.gap(now)));
        let tallies = tallies.into_iter().collect();
        let gone = if backend.has_many_hosts() {
            overdue(tallies, now)
        } else {
            gone(log, tallies)
        };
        usage.gaps.extend(gone.iter().map(gap_of));
    }
    let begin = from.as_millis();
    usage
        .periods
        .retain(|period| period.begins_at.saturating_add(period.length) > begin);
    usage.gaps.retain(|gap| gap.until >= from);
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::CallCountBackend;
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::scope::{Scopes, StoreAddress};
    use crate::usage::{Event, Outcome};
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn gaps(backend: &dyn Backend, log: &Log) -> Vec<Gap> {
        let long_ago = Timestamp::from_millis(0);
        read(backend, Some(log), long_ago, NOW)
            .expect("counts")
            .gaps
    }

    fn a_store() -> (tempfile::TempDir, SqliteBackend, Log) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
        (folder, backend, Log::beside(&path))
    }

    fn events(count: usize) -> Vec<Event> {
        let store = Arc::new(StoreAddress::new("s"));
        vec![Event::new(Outcome::Miss, NOW, store, &Scopes::default()); count]
    }

    #[test]
    fn a_log_that_was_deleted_is_missed() {
        let (_folder, backend, log) = a_store();
        let later = NOW.saturating_add(Duration::from_secs(9));
        log.append(&events(2)).expect("appended");
        fold(&backend, &log, NOW).expect("folded");
        assert_eq!(gaps(&backend, &log), []);
        log.append(&events(1)).expect("appended");
        std::fs::remove_file(Sidecar::Usage.path(log.place())).expect("a file");
        let missed = [Gap {
            from: NOW,
            until: later,
        }];
        let gaps_later = || {
            let long_ago = Timestamp::from_millis(0);
            read(&backend, Some(&log), long_ago, later)
                .expect("counts")
                .gaps
        };
        assert_eq!(gaps_later(), missed, "before anything is folded");
        log.append(&events(1)).expect("appended");
        for _ in 0..2 {
            fold(&backend, &log, later).expect("folded");
            assert_eq!(gaps_later(), missed, "once");
        }
        let logs = backend.folded_logs().expect("logs");
        assert_eq!(logs.len(), 1, "the deleted one is forgotten: {logs:?}");
    }

    #[test]
    fn a_log_that_was_removed_since_all_is_folded_is_not_missed() {
        let (_folder, backend, log) = a_store();
        let many = usize::try_from(SHORT_LOG / 32).expect("a number");
        for _ in 0..3 {
            log.append(&events(many)).expect("appended");
            fold(&backend, &log, NOW).expect("folded");
            assert!(!Sidecar::Usage.path(log.place()).exists(), "it is removed");
            assert_eq!(gaps(&backend, &log), []);
        }
        assert_eq!(backend.folded_logs().expect("logs"), [], "and forgotten");
    }

    #[test]
    fn the_counts_that_a_killed_process_took_along_are_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
        let log = Log::beside(&path);
        let tally = |id| Tally { since: NOW, id };
        let begin = |id| {
            log.append_tally(&[], None, Some(tally(id)))
                .expect("appended")
        };
        let locks = FlightLocks::open(&Sidecar::Locks.path(&path)).expect("locks");
        let alive = locks.try_lock(&tally(1).lock_name()).expect("locks work");
        let killed = locks.try_lock(&tally(2).lock_name()).expect("locks work");
        for id in [1, 2, 3] {
            begin(id);
        }
        log.append_tally(&[], Some(tally(3)), None)
            .expect("appended");
        assert_eq!(
            gaps(&backend, &log),
            [],
            "two live, and one has appended all"
        );
        fold(&backend, &log, NOW).expect("folded");
        assert_eq!(backend.tallies().expect("tallies"), [tally(1), tally(2)]);
        drop(killed);
        let until = NOW.saturating_add(TALLIED_FOR);
        let missing = [Gap { from: NOW, until }];
        assert_eq!(gaps(&backend, &log), missing);
        for _ in 0..2 {
            fold(&backend, &log, NOW).expect("folded");
            assert_eq!(backend.tallies().expect("tallies"), [tally(1)]);
            assert_eq!(gaps(&backend, &log), missing, "it stays missing");
        }
        log.append_tally(&[], Some(tally(1)), None)
            .expect("appended");
        drop(alive);
        assert_eq!(gaps(&backend, &log), missing);
        fold(&backend, &log, NOW).expect("folded");
        assert_eq!(backend.tallies().expect("tallies"), []);
    }
}
