//! Stale results: decides when one is served, and starts the refresh.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{io, mem};

use super::left_running::Destination;
use super::pass_on::Receivers;
use super::ports::{Ports, StoredResult};
use super::process::Streams;
use super::replay::{lost, unread};
use crate::backend::{Backend, Content, Lookup};
use crate::command::output::buffered::Buffered;
use crate::command::output::live_output;
use crate::command::output::recording::{self, Stream};
use crate::command::settings::{Failures, OnBusy, OnFailure, Report, RunOutcome, Unusable};
use crate::command::{CommandError, Mode, OnMiss, ReplayError, Runner};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::scope::Address;
use crate::single_flight::FlightLocks;
use crate::time::Timestamp;

/// The result found for a command.
pub(crate) enum Usable {
    /// A result that is a hit
    Fresh(Box<Entry>, Content),
    /// A result that has expired or is older than the maximum age, but is still usable
    Stale(Box<Entry>, Content),
    Nothing,
}

/// The result of a command that one address holds.
pub(crate) enum AtAddress {
    Usable(Usable),
    /// A usable result whose form does not match this process's streams
    Other(Box<Entry>),
}

/// One of the look-up methods of a backend.
type LookUp = fn(&(dyn Backend + 'static), &Address, Timestamp) -> Result<Lookup>;

impl Runner<'_> {
    /// Looks the command up with one of a backend's look-up methods.
    pub(crate) fn find(
        &self,
        backend: &Arc<dyn Backend>,
        look_up: LookUp,
        now: Timestamp,
    ) -> Result<Usable> {
        let backend = backend.as_ref();
        let lookup = self.look_up(|address, at| look_up(backend, address, at), now)?;
        self.kept(backend, lookup, now)
    }

    /// Looks an entry up, including a stale one if stale results are usable.
    pub(crate) fn look_up(
        &self,
        look_up: impl Fn(&Address, Timestamp) -> Result<Lookup>,
        now: Timestamp,
    ) -> Result<Option<Lookup>> {
        let address = &self.call.entry.address;
        let mut lookup = self.attempt(look_up(address, now))?;
        if let Some(Lookup::Stale(entry)) = &lookup
            && let Some(expires) = entry.expires_at.filter(|_| entry.is_expired(now))
            && self.call.settings.uses_stale()
        {
            // The look-up at the last moment before it expired returns its value.
            let then = expires.saturating_sub(Duration::from_millis(1));
            lookup = self.attempt(look_up(address, then))?;
        }
        Ok(lookup)
    }

    /// Returns the usable result of a look-up, possibly that of the entry beside it.
    pub(crate) fn kept(
        &self,
        backend: &dyn Backend,
        lookup: Option<Lookup>,
        now: Timestamp,
    ) -> Result<Usable> {
        match self.kept_there(backend, lookup, now)? {
            AtAddress::Usable(kept) => Ok(kept),
            AtAddress::Other(own) => {
                let kept = self.find_beside(backend, &own, now)?;
                if matches!(kept, Usable::Nothing) {
                    self.caller
                        .on_unusable(Unusable::OtherOutputs(self.outputs));
                }
                Ok(kept)
            }
        }
    }

    /// Evaluates this entry alone, without the one beside it.
    pub(crate) fn kept_there(
        &self,
        backend: &dyn Backend,
        lookup: Option<Lookup>,
        now: Timestamp,
    ) -> Result<AtAddress> {
        let (mut entry, content) = match lookup {
            Some(Lookup::Hit(entry, content)) if self.is_ours(&entry) => (entry, content),
            Some(Lookup::Stale(entry)) if self.is_ours(&entry) => {
                self.tell_stale(&entry, now);
                return Ok(AtAddress::Usable(Usable::Nothing));
            }
            Some(Lookup::Damaged(address)) => {
                self.caller.on_unusable(Unusable::Damaged);
                let address = Box::new(address);
                self.attempt::<()>(Err(Error::DamagedEntry { address }))?;
                return Ok(AtAddress::Usable(Usable::Nothing));
            }
            _ => return Ok(AtAddress::Usable(Usable::Nothing)),
        };
        let allowed = self.attempt(self.allows(backend, &mut entry, &content))?;
        if allowed != Some(true) {
            self.caller.on_unusable(Unusable::Failure);
            return Ok(AtAddress::Usable(Usable::Nothing));
        }
        let is_stale = !entry.is_fresh(now) || self.overdue(&entry, now) > Duration::ZERO;
        if is_stale && !self.call.settings.uses_stale() {
            self.tell_stale(&entry, now);
            return Ok(AtAddress::Usable(Usable::Nothing));
        }
        // A value of an unknown version is a miss.
        let form = self.attempt(recording::form(backend, &content))?;
        let answers = form.flatten().map(|form| form.answers(self.outputs));
        Ok(AtAddress::Usable(match (answers, is_stale) {
            (Some(true), true) => Usable::Stale(entry, content),
            (Some(true), false) => Usable::Fresh(entry, content),
            (Some(false), _) => return Ok(AtAddress::Other(entry)),
            (None, _) => Usable::Nothing,
        }))
    }

    /// Reports whether a result may be replayed at all. An earlier call may have been asked to keep
    /// a failure; its lifetime is then cut to the one requested now.
    pub(crate) fn allows(
        &self,
        backend: &dyn Backend,
        entry: &mut Entry,
        content: &Content,
    ) -> Result<bool> {
        let failures = self.call.settings.failures;
        // In the default mode, the exit code need not be read.
        if failures == Failures::KeepAlike {
            return Ok(true);
        }
        let exit = recording::exit_code(backend, content)?;
        Ok(exit.is_none_or(|exit| exit == 0) || failures.allow(entry))
    }

    /// Reports whether an entry is a fresh result of this command.
    pub(crate) fn is_hit(&self, entry: &Entry, now: Timestamp) -> bool {
        self.is_ours(entry) && entry.is_fresh(now) && self.overdue(entry, now) == Duration::ZERO
    }

    /// Reports why an old result is not replayed.
    pub(crate) fn tell_stale(&self, entry: &Entry, now: Timestamp) {
        let expired = entry.expires_at.filter(|_| entry.is_expired(now));
        let written = entry.known_written_at(now);
        self.caller.on_unusable(match (expired, written) {
            (Some(end), _) => Unusable::Expired(now.since(end)),
            (None, Some(written)) => Unusable::TooOld(now.since(written)),
            (None, None) => Unusable::FromTheFuture,
        });
    }

    /// Returns how long ago a result expired or exceeded the maximum age; zero if neither.
    pub(crate) fn overdue(&self, entry: &Entry, now: Timestamp) -> Duration {
        let expired = entry.expires_at.map_or(Duration::ZERO, |end| {
            let written = entry.known_written_at(now);
            written.map_or(Duration::MAX, |_| now.since(end))
        });
        let too_old = self.call.settings.max_age.map(|most| {
            // An entry dated in the future is of unknown age, so it counts as too old.
            let written = entry.known_written_at(now);
            written.map_or(Duration::MAX, |at| now.since(at).saturating_sub(most))
        });
        expired.max(too_old.unwrap_or_default())
    }

    /// Reports whether a stale result is served at once.
    pub(crate) fn is_served(&self, entry: &Entry, now: Timestamp) -> bool {
        let stale = self.call.settings.stale;
        stale.is_some_and(|stale| self.overdue(entry, now) <= stale)
    }

    /// Starts a background process that runs the command again, unless one is running it already.
    ///
    /// The new process takes the lock and looks again, so that only one of several started at the
    /// same time runs the command.
    pub(crate) fn refresh_elsewhere(&self, store: &Path, ports: &Ports<'_>) -> Result<()> {
        if self.call.settings.mode != Mode::On || self.call.settings.on_miss == OnMiss::Fail {
            return Ok(());
        }
        let locks = FlightLocks::open(&live_output::locks(self.beside(store)));
        let is_free = locks.and_then(|locks| locks.try_lock(&self.flight()));
        if matches!(is_free, Ok(None)) {
            return Ok(());
        }
        drop(is_free);
        let started = self.caller.refresh(&ports.input);
        self.attempt(started.map_err(Error::Io)).map(drop)
    }

    /// Runs the command with its output buffered; prints a stale result instead if it fails.
    pub(crate) fn run_or_replay(
        &self,
        backend: &Arc<dyn Backend>,
        (entry, content): StoredResult,
        records: Receivers,
        ports: &mut Ports<'_>,
    ) -> Result<Report, CommandError> {
        let buffered =
            Buffered::new().map_err(|error| CommandError::Output(io::Error::other(error)))?;
        let streams = Streams {
            input: mem::replace(&mut ports.input, crate::command::Input::Nothing),
            stdout: &mut buffered.stream(Stream::Output),
            stderr: &mut buffered.stream(Stream::Error),
            signals: ports.signals,
        };
        let why = match self.execute(streams, Some(records), || {}) {
            Ok((mut ended, report)) if ended.status.success() || ended.interrupted => {
                let left_open = mem::take(&mut ended.left_open);
                match buffered.print(&mut ports.console) {
                    Ok(()) => {}
                    Err(ReplayError::Write(error)) => {
                        let exit = unread(error)?;
                        return Ok(Report { exit, ..report });
                    }
                    Err(error) => return Err(CommandError::Replay(io::Error::other(error))),
                }
                let backend = backend.as_ref();
                let report = self.keep_report(backend, ended, report)?;
                self.hand_over(left_open, Destination::Shown, Some(backend), &report)?;
                return Ok(report);
            }
            Ok((mut ended, report)) => {
                let left_open = mem::take(&mut ended.left_open);
                ended.publish_end(self.call, report.exit);
                self.hand_over(left_open, Destination::Dropped, None, &report)?;
                format!("it ended with {}", report.exit)
            }
            Err(error @ CommandError::Cache(_)) => return Err(error),
            Err(error) => error.to_string(),
        };
        self.caller.on_stale(&why);
        let found = (entry, content);
        let report = self.replay(backend, found, RunOutcome::Stale, ports)?;
        report.ok_or_else(lost)
    }
}

impl crate::command::Settings {
    /// Reports whether stale results are usable.
    pub(crate) fn uses_stale(&self) -> bool {
        self.stale.is_some() || self.on_failure == OnFailure::Stale || self.on_busy == OnBusy::Stale
    }
}
