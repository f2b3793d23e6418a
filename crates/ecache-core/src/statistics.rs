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
use std::io;
use std::time::Duration;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::single_flight::FlightLocks;
use crate::time::Timestamp;
use crate::usage::{Batch, Gap, Log, OpenLog, Position, Recorded, Tally};

/// Size of the log, in bytes, above which a writer folds it.
pub const FOLD_ABOVE: u64 = 64 << 10;

/// Size of the log, in bytes, above which a hit folds it.
pub const FOLD_NOW_ABOVE: u64 = 1 << 20;

/// Size of a file of the log, in bytes, above which it is removed once it is folded.
const REMOVE_ABOVE: u64 = 256 << 10;

/// Time for which a process counts calls before it appends them.
pub(crate) const TALLIED_FOR: Duration = Duration::from_secs(60);

/// Number of bytes that are folded in one transaction.
const AT_ONCE: usize = 16 << 20;

/// Adds what the log counted to the store.
///
/// # Errors
/// Those of [`ObserveBackend::add_usage`](crate::backend::ObserveBackend::add_usage), and of
/// reading the log. Nothing is lost or doubled.
pub fn fold(backend: &dyn Backend, log: &Log, now: Timestamp) -> Result<()> {
    for open in log.open().map_err(unreadable)? {
        fold_file(backend, &open, now)?;
        if open.size().map_err(unreadable)? > REMOVE_ABOVE {
            open.remove(|open| fold_file(backend, open, now).map(|()| true))?;
        }
    }
    let gone = gone(log, backend.tallies()?);
    if !gone.is_empty() {
        let batch = Batch {
            gaps: gone.iter().map(gap_of).collect(),
            ended: gone,
            ..Batch::default()
        };
        backend.add_usage(&batch, None, now)?;
    }
    Ok(())
}

/// Returns those of some tallies whose process is gone: it holds no lock.
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
/// Those of [`fold`].
pub fn is_folded(backend: &dyn Backend, log: &Log) -> Result<bool> {
    for open in log.open().map_err(unreadable)? {
        let folded = backend.folded(open.id())?;
        if open.gap().is_some() || open.size().map_err(unreadable)? > open.after(folded, 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds the records of one file.
fn fold_file(backend: &dyn Backend, open: &OpenLog, now: Timestamp) -> Result<()> {
    // Adding a gap that is known changes nothing.
    let mut gap = open.gap();
    loop {
        let from = backend.folded(open.id())?;
        let (mut batch, to) = unfolded(open, from, now)?;
        batch.gaps.extend(gap);
        if batch.is_empty() && to == from {
            return Ok(());
        }
        let position = Position {
            log: open.id(),
            from,
            to,
        };
        // Otherwise another process has just folded them.
        if backend.add_usage(&batch, Some(position), now)? {
            gap = None;
        }
    }
}

/// Sums the records behind an offset; also returns the offset behind them.
fn unfolded(open: &OpenLog, from: u64, now: Timestamp) -> Result<(Batch, u64)> {
    let size = open.size().map_err(unreadable)?;
    if from > size {
        // A crash of the machine cut off what was folded already, and perhaps more.
        let batch = Batch {
            gaps: vec![Gap {
                from: now,
                until: now,
            }],
            ..Batch::default()
        };
        return Ok((batch, size));
    }
    let bytes = open.read(from, AT_ONCE).map_err(unreadable)?;
    let (batch, read) = Batch::read(&bytes);
    Ok((batch, open.after(from, read)))
}

/// Reads the counts since `from`, whether they are folded or not.
///
/// # Errors
/// Those of [`ObserveBackend::usage_since`](crate::backend::ObserveBackend::usage_since), and of
/// reading the log.
pub fn read(
    backend: &dyn Backend,
    log: Option<&Log>,
    from: Timestamp,
    now: Timestamp,
) -> Result<Recorded> {
    // Opened before the store is read: from then on they stay, and so do their offsets.
    let open = log
        .map_or_else(|| Ok(Vec::new()), Log::open)
        .map_err(unreadable)?;
    let ids: Vec<_> = open.iter().map(OpenLog::id).collect();
    let recorded = backend.usage_since(from, &ids)?;
    let mut usage = recorded;
    let mut tallies = BTreeSet::from_iter(backend.tallies()?);
    for (open, offset) in open.iter().zip(&mut usage.folded) {
        usage.gaps.extend(open.gap());
        loop {
            let (batch, to) = unfolded(open, *offset, now)?;
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
        let gone = gone(log, tallies.into_iter().collect());
        usage.gaps.extend(gone.iter().map(gap_of));
    }
    let begin = from.as_millis();
    usage
        .periods
        .retain(|period| period.begins_at.saturating_add(period.length) > begin);
    usage.gaps.retain(|gap| gap.until >= from);
    Ok(usage)
}

fn unreadable(error: io::Error) -> Error {
    Error::from(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ObserveBackend;
    use crate::backend::sqlite::{Access, SqliteBackend};

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn gaps(backend: &dyn Backend, log: &Log) -> Vec<Gap> {
        let long_ago = Timestamp::from_millis(0);
        read(backend, Some(log), long_ago, NOW)
            .expect("counts")
            .gaps
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
