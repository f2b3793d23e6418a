//! Opens the store of a command, and counts its calls.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Lookup};
use ecache_core::error::{Error, Result as CoreResult};
use ecache_core::location::{self, Access, BUSY_TIMEOUT};
use ecache_core::scope::Address;
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Appended, Event, Log, Recorded, SHORT_LOG};

use super::Context;
use super::location::Origin;
use crate::output::escape::shell;
use crate::output::stderr;
use crate::unreachable;

impl Context {
    /// Returns the store if it is in a database. Connects once.
    pub(super) fn remote(&self, path: &Path) -> Result<Option<Arc<dyn Backend>>> {
        if !location::is_url(path.as_os_str()) {
            return Ok(None);
        }
        if let Some(remote) = self.remote.get() {
            return Ok(Some(remote.clone()));
        }
        let remote = location::open(path.as_os_str(), self.access)?;
        for option in location::ignored_options(path.as_os_str()) {
            self.detail(&format!("the location's option {option} is ignored"));
        }
        if let Some(beside) = self.beside(path) {
            unreachable::forget(&beside);
        }
        Ok(Some(self.remote.get_or_init(|| remote).clone()))
    }

    /// Returns the store if it is in a database that this process has connected to.
    pub(crate) fn connected(&self) -> Option<&Arc<dyn Backend>> {
        self.remote.get()
    }

    /// Reports whether the store exists; that of a server is assumed to.
    pub(crate) fn has_store(&self) -> Result<bool> {
        let (path, _) = self.location()?;
        Ok(location::may_exist(path.as_os_str()))
    }

    /// Opens the store for reading. A store that does not exist yet is empty.
    pub(crate) fn reader(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        if let Some(remote) = self.remote(&path)? {
            return Ok(remote);
        }
        match location::open(path.as_os_str(), Access::Read) {
            Err(Error::Missing { path }) => {
                self.note_no_file(&path);
                Ok(location::empty())
            }
            result => Ok(result?),
        }
    }

    /// Takes a store that is not there for a miss from now on, as a look-up of one entry does.
    pub(crate) fn expect_misses(&self) {
        self.expects_misses.set(true);
    }

    fn detail_no_file(&self, path: &Path) {
        let path = path.to_owned();
        self.detail(&format!("{} yet", Error::Missing { path }));
    }

    /// Notes that there is no store yet: where it was named, since the name may be misspelt, and
    /// with `--verbose`. A script that looks up an entry is not told.
    fn note_no_file(&self, path: &Path) {
        /// Similarity from which the name of a file is suggested.
        const SIMILAR: f64 = 0.8;
        let is_named = matches!(self.location(), Ok((_, origin)) if origin != Origin::Default);
        let is_told = stderr().is_terminal() || !self.expects_misses.get();
        // An empty file is a store to be.
        if !(is_named && is_told) || path.exists() {
            self.detail_no_file(path);
            return;
        }
        if self.quiet || self.has_noted_no_file.replace(true) {
            return;
        }
        if let Ok(target) = path.read_link() {
            let (link, target) = (path.display(), target.display());
            self.note(&format!("there is no store at {link}, a link to {target}"));
            return;
        }
        let missing = Error::Missing {
            path: path.to_owned(),
        };
        self.note(&missing.to_string());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let files = std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter();
        let files = files.flatten().flatten().map(|file| file.file_name());
        let similarity = |file: &OsString| {
            strsim::normalized_damerau_levenshtein(&name, &file.to_string_lossy())
        };
        let near = files.map(|file| (similarity(&file), file));
        let near = near.filter(|(similarity, _)| *similarity >= SIMILAR);
        if let Some((_, near)) = near.max_by(|one, other| one.0.total_cmp(&other.0)) {
            let near = path.with_file_name(near);
            self.voice
                .tip_below(&format!("did you mean {}?", shell(&near.to_string_lossy())));
        }
    }

    /// Reads the calls that were counted since a time. If the log cannot be read, its calls are
    /// missing, and the error says why.
    pub(crate) fn calls_since(
        &self,
        backend: &dyn Backend,
        from: Timestamp,
    ) -> Result<(Recorded, Option<Error>)> {
        let (log, now) = (self.usage_log()?, self.now());
        Ok(match statistics::read(backend, Some(&log), from, now) {
            Ok(recorded) => (recorded, None),
            Err(error) => (statistics::read(backend, None, from, now)?, Some(error)),
        })
    }

    /// Opens the store for reading, and looks up one entry, in the fastest way. The backend must be
    /// dropped before this process writes to the store.
    pub(crate) fn look_up_once(
        &self,
        address: &Address,
        now: Timestamp,
    ) -> Result<(Arc<dyn Backend>, Lookup)> {
        let (path, _) = self.location()?;
        if let Some(remote) = self.remote(&path)? {
            let lookup = remote.lookup_unread(address, now)?;
            return Ok((remote, lookup));
        }
        match location::look_up_once(path.as_os_str(), BUSY_TIMEOUT, address, now) {
            Err(Error::Missing { path }) => {
                self.detail_no_file(&path);
                Ok((location::empty(), Lookup::Missing))
            }
            result => Ok(result?),
        }
    }

    /// Opens the store for writing, and creates it if it does not exist.
    ///
    /// Adds a part of a long usage log first if there are limits: a write that evicts entries reads
    /// only the end of it. Best effort.
    pub(crate) fn writer(&self) -> Result<Arc<dyn Backend>> {
        let writer = self.open_writer()?;
        if let Ok(log) = self.usage_log()
            && log.size() > SHORT_LOG
            && writer.has_limits().is_ok_and(|has| has)
        {
            let _ = statistics::fold_some(writer.as_ref(), &log, 0, self.now());
        }
        Ok(writer)
    }

    fn open_writer(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        if let Some(remote) = self.remote(&path)? {
            return Ok(remote);
        }
        let missing = path
            .parent()
            .filter(|folder| self.verbose && !folder.exists());
        let missing = missing.map(|folder| folder.display().to_string());
        let backend = location::open(path.as_os_str(), self.access)?;
        if let Some(folder) = missing.filter(|folder| !folder.is_empty()) {
            self.detail(&format!("created the folder {folder}, for you alone"));
        }
        Ok(backend)
    }

    /// Opens the store for removals. A store that does not exist yet is empty, and is not created.
    pub(crate) fn remover(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        match path.try_exists() {
            Ok(false) if !location::is_url(path.as_os_str()) => self.reader(),
            _ => {
                // The hits of entries that go must not count for later ones of their keys.
                let writer = self.open_writer()?;
                if let Ok(log) = self.usage_log() {
                    let _ = statistics::fold(writer.as_ref(), &log, self.now());
                }
                Ok(writer)
            }
        }
    }

    /// Returns the usage log of the store: beside its file, or for a server on this host.
    pub(crate) fn usage_log(&self) -> Result<Log> {
        let (path, _) = self.location()?;
        Ok(Log::beside(&self.beside(&path).unwrap_or(path)))
    }

    /// Appends calls to the usage log. Best effort: a store that cannot be written to is read all
    /// the same.
    pub(crate) fn count(&self, events: &[Event]) {
        let appended = self.usage_log().and_then(|log| {
            let is_hit = events.iter().any(|event| event.outcome.is_use());
            // A store that does not exist gets no log either.
            if !is_hit && !self.has_store()? {
                return Ok(Appended::default());
            }
            // A file that is not a store gets none beside it.
            if !is_hit && log.size() == 0 && location::is_taken(self.location()?.0.as_os_str()) {
                return Ok(Appended::default());
            }
            Ok(log.append(events)?)
        });
        match appended {
            Ok(appended)
                if appended.is_due(statistics::FOLD_NOW_ABOVE) && !self.is_server_away() =>
            {
                // Of a new log, any part is enough to be missed later.
                let is_large = appended.is_above(statistics::FOLD_NOW_ABOVE);
                let own = if is_large { events.len() } else { 0 };
                self.fold_with(|backend, log, now| statistics::fold_some(backend, log, own, now));
            }
            Ok(_) => {}
            Err(error) => self.detail(&format!("the call was not counted: {error:#}")),
        }
    }

    /// Reports whether the server of the store was unreachable a moment ago. A call that did
    /// without it must not wait for it to be counted.
    fn is_server_away(&self) -> bool {
        let beside = self
            .location()
            .ok()
            .and_then(|(path, _)| self.beside(&path));
        beside.is_some_and(|beside| unreachable::remembered(&beside, self.now()).is_some())
    }

    /// Moves what the usage log counted into the store, for commands that show or select by use.
    /// Best effort: what cannot be moved now is still in the log.
    pub(crate) fn fold_usage(&self) {
        self.fold_with(statistics::fold);
    }

    /// Moves what the usage log of a store at another location counted into that store, as
    /// [`Context::fold_usage`] does.
    pub(crate) fn fold_usage_of(&self, location: &Path) {
        self.fold_best_effort(|| {
            let beside = self.beside(location);
            let log = Log::beside(beside.as_deref().unwrap_or(location));
            let is_there = location::is_url(location.as_os_str()) || location.exists();
            if log.size() == 0 || !is_there {
                return Ok(());
            }
            let open = |access| Ok(location::open(location.as_os_str(), access)?);
            self.fold_into(open, &log, statistics::fold)
        });
    }

    fn fold_with(&self, fold: impl FnOnce(&dyn Backend, &Log, Timestamp) -> CoreResult<()>) {
        self.fold_best_effort(|| {
            let log = self.usage_log()?;
            if log.size() == 0 || !self.has_store()? {
                return Ok(());
            }
            let open = |access| match access {
                Access::Read => self.reader(),
                Access::Write | Access::WriteDurably => self.open_writer(),
            };
            self.fold_into(open, &log, fold)
        });
    }

    /// Folds a log into the store that `open` opens.
    fn fold_into(
        &self,
        open: impl Fn(Access) -> Result<Arc<dyn Backend>>,
        log: &Log,
        fold: impl FnOnce(&dyn Backend, &Log, Timestamp) -> CoreResult<()>,
    ) -> Result<()> {
        // Opening a store to write takes longer than a look at the offset.
        let is_folded = statistics::is_folded(open(Access::Read)?.as_ref(), log)?;
        if !is_folded {
            fold(open(self.access)?.as_ref(), log, self.now())?;
        }
        Ok(())
    }

    fn fold_best_effort(&self, fold: impl FnOnce() -> Result<()>) {
        if let Err(error) = fold() {
            self.detail(&format!("the latest hits are not counted in: {error:#}"));
        }
    }
}
