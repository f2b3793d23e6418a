//! The cache that calls share: its store, its clock and its counters.
//!
//! `administration` lists and removes the entries of the store. A `context` refers to a cache and
//! the scopes of a call. `failures` has a cache's reaction to its
//! own failures; `guard` and `holder` keep panics of the program's own code away from calls.

mod administration;
pub(super) mod context;
pub(super) mod failures;
mod flush;
pub(super) mod fork;
pub(super) mod guard;
pub(super) mod holder;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::counters::marker::PendingMarker;
use super::counters::pending::PendingCounters;
use super::memory::coherence::Coherence;
use super::memory::sweeper::MemorySweeper;
use crate::backend::{Backend, no_progress};
use crate::error::{Error, Result, Unsupported};
use crate::filter::{Filter, Freshness, Usage};
use crate::location::{self, Access};
use crate::sidecar::Sidecar;
use crate::single_flight::FlightLocks;
use crate::sync::lock;
use crate::time::{Clock, Moment, SystemClock, Timestamp};
use failures::{Failures, PAUSE, Pause, Reaction};

/// Default time within which a removal by another process is noticed in memory.
pub const DEFAULT_COHERENCE: Duration = Duration::from_millis(100);

/// Default time that a follower waits for the leader before it computes by itself.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(60);

/// Maximum wait for other processes that write to the store. It is short, because a cache must not
/// hold up its function.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// Time after which a store that could not be opened is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A store and how calls use it. One for a program, in an [`Arc`], is usual.
///
/// A call never fails because of its cache. The first call that needs the store opens it. A failure
/// is counted ([`Cache::failures`]) and logged, and the call goes on without the cache, unless
/// [`Reaction::Panic`] is set. A panic in the program's own code that the cache runs, such as the
/// `Clone` of a result or the expression of an option, is a failure of the cache, too. While
/// another process writes to the store, a call waits for at most two seconds; then it returns its
/// result without storing it.
pub struct Cache {
    pub(super) id: u64,
    /// The location, unless the backend was open already
    path: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    coherence: Coherence,
    pub(super) patience: Duration,
    is_on: bool,
    backend: OnceLock<Arc<dyn Backend>>,
    /// Time from which opening the store may be retried after a failure; locked during an attempt
    retry_at: Mutex<Option<Instant>>,
    /// Set while the store must not be opened, because the process is about to fork
    is_suspended: AtomicBool,
    reads: Pause,
    writes: Pause,
    locks: OnceLock<Option<FlightLocks>>,
    pub(super) pending: PendingCounters,
    marker: PendingMarker,
    sweeper: OnceLock<Arc<MemorySweeper>>,
    failures: Failures,
}

impl Cache {
    /// Creates a cache at a location: a file, which is created if it does not exist, or a URL.
    #[must_use]
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self::new(Some(path.as_ref().into()), OnceLock::new())
    }

    /// Creates a cache on an open backend. Its processes do not wait for each other's computations.
    #[must_use]
    pub fn on(backend: Arc<dyn Backend>) -> Self {
        Self::new(None, OnceLock::from(backend))
    }

    /// Creates a cache that ends with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::on(location::empty())
    }

    /// Creates a cache that keeps nothing and finds nothing.
    pub(super) fn unusable() -> Self {
        Self::new(None, OnceLock::new()).switched_off()
    }

    /// Checks that it has a store.
    ///
    /// # Errors
    /// If it has none.
    pub(super) fn check_usable(&self) -> Result<()> {
        if self.path.is_some() || self.is_open() {
            return Ok(());
        }
        Err(Unsupported::ContextPanicked.into())
    }

    fn new(path: Option<PathBuf>, backend: OnceLock<Arc<dyn Backend>>) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            path,
            clock: Arc::new(SystemClock),
            coherence: Coherence::every(DEFAULT_COHERENCE),
            patience: DEFAULT_PATIENCE,
            is_on: true,
            backend,
            retry_at: Mutex::default(),
            is_suspended: AtomicBool::new(false),
            reads: Pause::default(),
            writes: Pause::default(),
            locks: OnceLock::new(),
            pending: PendingCounters::default(),
            marker: PendingMarker::default(),
            sweeper: OnceLock::new(),
            failures: Failures::default(),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the time within which a removal by another process is noticed; with zero, at every hit.
    #[must_use]
    pub fn with_coherence(mut self, coherence: Duration) -> Self {
        self.coherence = Coherence::every(coherence);
        self
    }

    /// Sets the maximum time that a follower waits for the leader.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the reaction to failures of the cache.
    #[must_use]
    pub fn with_reaction(mut self, trouble: Reaction) -> Self {
        self.failures.reaction = trouble;
        self
    }

    /// Switches the cache off: functions compute, while clearing still works.
    #[must_use]
    pub fn switched_off(mut self) -> Self {
        self.is_on = false;
        self
    }

    pub(super) fn reaction(&self) -> Reaction {
        self.failures.reaction
    }

    /// Returns the number of operations of the cache that failed or were paused after a failure.
    pub fn failures(&self) -> u64 {
        self.failures.count()
    }

    /// Returns the store, and opens it first if it is not open.
    ///
    /// # Errors
    /// Fails like [`location::open`].
    pub fn backend(&self) -> Result<&Arc<dyn Backend>> {
        note_use();
        match self.backend.get() {
            Some(backend) => Ok(backend),
            None => self.open(&mut lock(&self.retry_at)),
        }
    }

    fn open(&self, retry_at: &mut Option<Instant>) -> Result<&Arc<dyn Backend>> {
        if let Some(backend) = self.backend.get() {
            return Ok(backend);
        }
        self.check_usable()?;
        let path = self
            .path
            .as_ref()
            .expect("a cache without a path has its backend");
        while self.is_suspended.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_micros(200));
        }
        match location::open_within(path.as_os_str(), Access::Write, STORE_PATIENCE) {
            Ok(backend) => Ok(self.backend.get_or_init(|| backend)),
            Err(error) => {
                let pause = if is_busy(&error) { PAUSE } else { RETRY_AFTER };
                *retry_at = Some(Instant::now() + pause);
                Err(error)
            }
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn moment(&self) -> Moment<'_> {
        Moment::now(&*self.clock)
    }

    pub(super) fn is_open(&self) -> bool {
        self.backend.get().is_some()
    }

    /// Returns the store for a call, or `None` while it cannot be opened or reads are paused.
    pub(super) fn store(&self) -> Option<&Arc<dyn Backend>> {
        note_use();
        match self.backend.get() {
            Some(_) if self.reads.is_on() => {
                self.failures.note();
                None
            }
            Some(backend) => Some(backend),
            None => self.open_for_call(),
        }
    }

    #[cold]
    fn open_for_call(&self) -> Option<&Arc<dyn Backend>> {
        let mut retry_at = lock(&self.retry_at);
        if retry_at.is_some_and(|at| Instant::now() < at) {
            self.failures.note();
            return None;
        }
        let opened = self.open(&mut retry_at);
        drop(retry_at);
        self.attempt("open the store", opened)
    }

    /// Pauses reads if one timed out on a locked store.
    pub(super) fn pause_reads_if_busy<T>(&self, result: &Result<T>) {
        if result.as_ref().is_err_and(is_busy) {
            self.reads.begin();
        }
    }

    /// Pauses writes if one timed out on a locked store; a store locked for writing can still be
    /// read.
    pub(super) fn pause_writes_if_busy<T>(&self, result: &Result<T>) {
        if result.as_ref().is_err_and(is_busy) {
            self.writes.begin();
        }
    }

    /// Reports whether writes are paused, and counts that as trouble.
    pub(super) fn writes_are_paused(&self) -> bool {
        let are_paused = self.writes.is_on();
        if are_paused {
            self.failures.note();
        }
        are_paused
    }

    /// Returns the value of a successful operation; handles a failure as [`Reaction`] says.
    pub(super) fn attempt<T, E: fmt::Display>(
        &self,
        what: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        self.attempt_for(None, what, result)
    }

    /// Like [`Cache::attempt`], for a function that a warning names.
    pub(super) fn attempt_for<T, E: fmt::Display>(
        &self,
        function: Option<&Arc<str>>,
        what: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failures.complain(function, what, &error);
                None
            }
        }
    }

    /// Returns the locks that keep processes from computing the same result, if the store is a
    /// file. A database server has no place for them.
    pub(super) fn locks(&self) -> Option<&FlightLocks> {
        let open = || {
            note_use();
            let path = self.path.as_deref()?;
            if location::is_url(path.as_os_str()) {
                return None;
            }
            let locks = FlightLocks::open(&Sidecar::Locks.path(path));
            self.attempt("open its locks", locks)
        };
        self.locks.get_or_init(open).as_ref()
    }

    /// Reports whether [`Cache::locks`] needs to open no file.
    pub(super) fn has_tried_locks(&self) -> bool {
        self.locks.get().is_some() || !self.is_open()
    }

    /// Closes the store's connections before a fork; see [`Fork`](super::Fork).
    pub(super) fn suspend(&self, patience: Duration) -> bool {
        // Waits for an attempt to open the store.
        let attempt = lock(&self.retry_at);
        self.is_suspended.store(true, Ordering::Release);
        drop(attempt);
        self.backend
            .get()
            .is_none_or(|backend| backend.suspend(patience))
    }

    /// Ends a suspension, in the parent.
    pub(super) fn resume(&self) {
        self.is_suspended.store(false, Ordering::Release);
        if let Some(backend) = self.backend.get() {
            backend.resume();
        }
    }

    /// Leaves the locks of keys to the parent, in a forked child.
    pub(super) fn leave_to_parent(&self) {
        if let Some(Some(locks)) = self.locks.get() {
            // Best effort: otherwise the parent's keys stay locked for as long as the child lives.
            let _ = locks.leave_to_parent();
        }
        self.marker.leave_to_parent();
    }

    /// Returns the epoch, or `None` if a check of the store is due.
    pub(super) fn known_epoch(&self) -> Option<u64> {
        match self.coherence.due() {
            Some(_) => None,
            None => Some(self.coherence.last_epoch()),
        }
    }

    /// Returns a number that moves when something in the store may have changed; checks the store
    /// as often as the coherence requires.
    pub(super) fn epoch(&self) -> u64 {
        if let Some(now) = self.coherence.due()
            && let Some(backend) = self.store()
        {
            self.coherence.check(now, || {
                self.attempt("look for changes", backend.change_token())
            });
            self.flush_if_due(self.now());
        }
        self.coherence.last_epoch()
    }

    /// Makes each result in memory be checked at its next use, as after a change of the store by
    /// this process that was not made through a function.
    #[doc(hidden)]
    pub fn advance_epoch(&self) {
        self.coherence.advance();
    }

    /// Returns the sweeper of this cache's results in memory.
    pub(super) fn sweeper(&self) -> &Arc<MemorySweeper> {
        self.sweeper
            .get_or_init(|| MemorySweeper::new(self.id, self.clock.clone()))
    }

    /// Removes the expired results of all functions from the store; returns their number and size.
    ///
    /// Each function removes a few of its own expired results whenever it stores one. A program
    /// whose functions come and go, or that has left many `version`s behind, calls this now and
    /// then, in a thread of its own or at startup. `ecache prune --expired` does the same from the
    /// command line and can also bound the size of the store.
    ///
    /// ```
    /// use ecache_core::execution_cache::Cache;
    ///
    /// let cache = Cache::in_memory();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| cache.prune());
    /// });
    /// ```
    ///
    /// # Errors
    /// If the store cannot be opened, or fails.
    pub fn prune(&self) -> Result<Usage> {
        let (backend, now) = (self.backend()?, self.now());
        let expired = Filter {
            collections: Vec::new(),
            freshness: Some(Freshness::Expired),
            ..Filter::default()
        };
        let removed = backend.remove(&expired.into(), now, &mut no_progress)?;
        backend.collect_garbage(now)?;
        Ok(removed)
    }
}

#[cfg(test)]
thread_local! {
    /// Number of times that this thread used the store or its files
    pub(super) static USES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts a use of the store by this thread, for a test.
fn note_use() {
    #[cfg(test)]
    USES.set(USES.get() + 1);
}

fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Busy)
}

impl Drop for Cache {
    fn drop(&mut self) {
        // No caller is left that could handle a panic.
        self.failures.reaction = Reaction::Compute;
        self.flush();
        if let Some(sweeper) = self.sweeper.get() {
            sweeper.clear();
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("path", &self.path)
            .field("is_on", &self.is_on)
            .finish_non_exhaustive()
    }
}
