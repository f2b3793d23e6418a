//! Changes the entries of a selection batch by batch, in transactions that hold the lock for a
//! fraction of a second. On a full disk they are small, and each gives space back.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::backend::Progress;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::query::Plan;
use crate::backend::sqlite::selection::select::{SelectedPart, select};
use crate::backend::sqlite::selection::verify::ChangeBatch;
use crate::error::{Error, Result};
use crate::filter::Selection;
use crate::time::Timestamp;

/// Time for which a batch aims to hold the write lock.
const LOCK_TIME: Duration = Duration::from_millis(75);

/// Entries in the first batch; [`SMALLEST_BATCH`] is that of every batch on a full disk.
const FIRST_BATCH: usize = 1000;
const SMALLEST_BATCH: usize = 50;
const LARGEST_BATCH: usize = 50_000;

/// The way in which a change is cut into transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Pace {
    /// By the time for which each holds the write lock
    Timed,
    /// By the free space, which is replenished before it runs out
    Frugal,
}

impl SqliteBackend {
    /// Runs `batch` over the selected ids and adds up the results in `done`, even if a later batch
    /// fails.
    pub(in super::super) fn change(
        &self,
        parts: &[SelectedPart],
        pace: Pace,
        done: &mut ChangeBatch,
        progress: Progress<'_>,
        batch: impl Fn(&Connection, &Plan, &[i64]) -> rusqlite::Result<ChangeBatch>,
    ) -> Result<()> {
        let mut size = match pace {
            Pace::Timed => FIRST_BATCH,
            Pace::Frugal => SMALLEST_BATCH,
        };
        // Set after giving space back, until a batch succeeds
        let mut gave_back = false;
        for SelectedPart { ids, plan } in parts {
            let mut rest = ids.as_slice();
            while !rest.is_empty() {
                let (ids, later) = rest.split_at(size.min(rest.len()));
                let started = Instant::now();
                let run = |transaction: &Session| Ok(batch(transaction, plan, ids)?);
                let changed = match pace {
                    Pace::Timed => self.transaction(run),
                    Pace::Frugal => {
                        self.frugally(|connection| self.transaction_on(connection, run))
                    }
                };
                match (pace, changed) {
                    (Pace::Frugal, Err(Error::Full { .. })) if !gave_back => {
                        self.give_back();
                        gave_back = true;
                        continue;
                    }
                    (Pace::Frugal, Err(Error::Full { .. })) if ids.len() > 1 => {
                        size = ids.len() / 2;
                        continue;
                    }
                    (_, changed) => *done += changed?,
                }
                gave_back = false;
                rest = later;
                if pace == Pace::Timed {
                    size = next_batch(ids.len(), started.elapsed());
                }
                if progress(done.usage.entries).is_break() {
                    return Err(Error::Interrupted { done: done.usage });
                }
            }
        }
        Ok(())
    }

    pub(in super::super) fn select(
        &self,
        selection: &Selection,
        now: Timestamp,
    ) -> Result<Vec<SelectedPart>> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        select(&snapshot, selection, now).map_err(|error| self.error(error))
    }
}

/// Returns the number of entries for the next batch, so that it holds the lock for [`LOCK_TIME`].
fn next_batch(count: usize, took: Duration) -> usize {
    let per_entry = took.as_secs_f64() / count as f64;
    let fitting = LOCK_TIME.as_secs_f64() / per_entry.max(1e-9);
    (fitting as usize).clamp(
        SMALLEST_BATCH,
        (count * 2).clamp(SMALLEST_BATCH, LARGEST_BATCH),
    )
}
