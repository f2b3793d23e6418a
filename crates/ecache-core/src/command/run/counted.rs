//! Counts a run in the usage log: once for each caller, and as a hit of the entry that it got.

use std::time::{Duration, Instant};

use crate::backend::{Backend, Lookup};
use crate::command::Runner;
use crate::command::settings::{Mode, Purpose, Report, RunOutcome};
use crate::single_flight::FlightLocks;
use crate::time::{Timestamp, whole_millis};
use crate::usage::{Event, Log, Outcome};
use crate::{location, statistics};

/// Maximum wait of a follower for its leader to store the result, after it has published the end.
const STORING: Duration = Duration::from_millis(100);

/// Appends an event to a usage log. If the log is above a size then, `with_store` is to call its
/// argument with the store. Best effort.
pub(in crate::command) fn append(
    log: &Log,
    event: &Event,
    fold_above: u64,
    with_store: impl FnOnce(&dyn Fn(&dyn Backend)),
) {
    let appended = log.append(std::slice::from_ref(event));
    if appended.is_ok_and(|appended| appended.is_due(fold_above)) {
        with_store(&|backend| {
            let _ = statistics::fold_some(backend, log, 1, event.at);
        });
    }
}

impl Runner<'_> {
    /// Appends the call to the usage log. Best effort: the log notes what it could not take, and
    /// what it has is folded another time.
    pub(crate) fn count(&self, report: &Report) {
        let settings = &self.call.settings;
        let outcome = match (report.outcome, settings.purpose) {
            (RunOutcome::Refreshed, _) => Outcome::Refresh,
            // The caller was served, and counted, by the process that started this one.
            (_, Purpose::RefreshStale) => return,
            (RunOutcome::Hit, _) => Outcome::Hit,
            (RunOutcome::Followed, _) => Outcome::Follower,
            (RunOutcome::Stale, _) => Outcome::Stale,
            (RunOutcome::Miss, _) => Outcome::Miss,
            (RunOutcome::Bypass, _) => Outcome::Bypass,
        };
        // A cache that is off is asked for nothing, as in a cached function.
        let Some(path) = self.store.filter(|_| settings.mode != Mode::Off) else {
            return;
        };
        let log = Log::beside(self.beside(path));
        // Such a run neither creates a store to be counted in, nor writes to one.
        let is_read_only = settings.mode == Mode::ReadOnly;
        if is_read_only && log.size() == 0 && !location::may_exist(path.as_os_str()) {
            return;
        }
        // A file that is not a store gets no log beside it.
        let is_bypass = outcome == Outcome::Bypass;
        if is_bypass && log.size() == 0 && location::is_taken(path.as_os_str()) {
            return;
        }
        let now = self.clock.now();
        let millis = |time: Option<Duration>| time.map_or(0, whole_millis);
        let store = self.call.entry.address.store.clone();
        let is_writer = matches!(outcome, Outcome::Miss | Outcome::Refresh);
        let event = Event {
            saved_ms: millis(report.saved()),
            spent_ms: if is_writer { millis(report.cost) } else { 0 },
            key: report.key.clone(),
            written_at: report.written_at,
            ..Event::new(outcome, now, store, &self.call.scopes)
        };
        let fold_above = if is_writer {
            statistics::FOLD_ABOVE
        } else {
            statistics::FOLD_NOW_ABOVE
        };
        append(&log, &event, fold_above, |fold| {
            if !is_read_only && let Ok(backend) = self.open(path, settings.access) {
                fold(backend.as_ref());
            }
        });
    }

    /// Returns the report of a run that was followed to its end, with the entry that the leader
    /// wrote: the call is a hit of that. At `since`, there was no such result.
    ///
    /// The leader stores the result right after it has published the end, with the time from
    /// before.
    pub(crate) fn followed(
        &self,
        exit: u8,
        locks: Option<&FlightLocks>,
        backend: &dyn Backend,
        since: Timestamp,
    ) -> Report {
        let (flight, over) = (self.flight(), Instant::now());
        let is_storing =
            || locks.is_some_and(|locks| locks.leader(&flight).is_some_and(|pid| pid > 0));
        while is_storing() && over.elapsed() < STORING {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut report = Report::of_other(exit);
        let (own, beside) = (&self.call.entry.address, self.call.beside());
        for address in [own, &beside.entry.address] {
            let lookup = backend.lookup_unread(address, self.clock.now());
            if let Ok(Lookup::Hit(entry, _) | Lookup::Stale(entry)) = lookup
                && entry.written_at() >= since.saturating_sub(STORING)
            {
                report.written_at = Some(entry.written_at());
                report.key = Some(entry.address.key);
                break;
            }
        }
        report
    }
}
