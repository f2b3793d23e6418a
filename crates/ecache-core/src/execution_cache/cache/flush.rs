//! Appends the calls that a cache counted to the usage log of its store.

use super::{Cache, note_use};
use crate::error::Error;
use crate::location;
use crate::statistics;
use crate::time::Timestamp;
use crate::usage::{Appended, Log, UsageBatch};

impl Cache {
    /// Flushes the counters once a minute. In between, the log says that there are some.
    pub(in crate::execution_cache) fn flush_if_due(&self, now: Timestamp) {
        note_use();
        if self.pending.is_due(now) {
            self.append(now, AndThen::CountOn);
        } else if self.backend.get().is_some()
            && !self.marker.has_begun()
            && let Some(log) = self.log()
            && let Some(begun) = self.marker.begin(&log, now)
        {
            // Best effort: without it, a killed process goes unnoticed.
            let _ = log.append_tally(&[], None, Some(begun));
        } else if let Some(backend) = self.backend.get()
            && backend.has_many_hosts()
            && !self.marker.has_begun()
        {
            let batch = UsageBatch {
                begun: vec![self.marker.begin_unlocked(now)],
                ..UsageBatch::default()
            };
            let _ = backend.add_usage(&batch, None, now);
        }
    }

    /// Appends the calls counted since the last time to the usage log of the store, from which
    /// `ecache stats` counts and `--unused-for` selects. On an open backend without a path, they
    /// are added to the store at once.
    ///
    /// Happens by itself every minute and when the cache is dropped. A cache in a `static` is never
    /// dropped: a program that has it there calls this before it ends, or loses the counts of the
    /// last minute.
    pub fn flush(&self) {
        self.append(self.now(), AndThen::Rest);
    }

    fn append(&self, now: Timestamp, and_then: AndThen) {
        // Calls are counted only once the store is open.
        let Some(backend) = self.backend.get() else {
            return;
        };
        let events = self.pending.take(now);
        let ended = self.marker.end();
        if events.is_empty() && ended.is_none() {
            return;
        }
        let written = match self.log() {
            Some(log) => {
                let begun = match and_then {
                    AndThen::CountOn => self.marker.begin(&log, now),
                    AndThen::Rest => None,
                };
                log.append_tally(&events, ended, begun).map_err(Error::from)
            }
            None => {
                let goes_on = and_then == AndThen::CountOn && backend.has_many_hosts();
                let begun = goes_on.then(|| self.marker.begin_unlocked(now));
                let batch = UsageBatch {
                    begun: begun.into_iter().collect(),
                    ended: ended.into_iter().collect(),
                    ..UsageBatch::of(&events)
                };
                let added = backend.add_usage(&batch, None, now);
                added.map(|_| Appended::default())
            }
        };
        let Some(appended) = self.attempt("record calls", written) else {
            self.pending.give_back(events);
            self.marker.go_on(ended);
            return;
        };
        if let Some(log) = self
            .log()
            .filter(|_| appended.is_due(statistics::FOLD_ABOVE))
        {
            // Otherwise the next command that needs the numbers folds them.
            let _ = statistics::fold_some(backend.as_ref(), &log, 0, now);
        }
    }

    /// Returns the usage log, if the store is a file at a path.
    fn log(&self) -> Option<Log> {
        let path = self.path.as_deref()?;
        (!location::is_url(path.as_os_str())).then(|| Log::beside(path))
    }
}

/// The next step of the thread that appended the counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AndThen {
    CountOn,
    Rest,
}
