//! The reaction of a cache to its own failures.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::panics::caught;
use crate::sync::lock;

/// Minimum time between two warnings of the same kind.
const WARN_AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// Time for which reads or writes are paused after one timed out on a locked store.
pub(in super::super) const PAUSE: Duration = Duration::from_secs(10);

/// The function concerned, if any, and the operation that failed.
type TroubleKind = (Option<Arc<str>>, &'static str);

/// The reaction to a failure of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// Counts it, logs a warning at most once an hour for each kind, and computes the function
    #[default]
    Compute,
    /// Panics: for tests that must notice a cache that does not work
    Panic,
}

/// The failures of a cache.
#[derive(Default)]
pub(in super::super) struct Failures {
    pub(super) reaction: Reaction,
    count: AtomicU64,
    /// Time of the last warning for each kind of trouble
    warned: Mutex<HashMap<TroubleKind, Instant>>,
}

impl Failures {
    pub(in super::super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts an operation that was not attempted because an earlier one failed.
    pub(in super::super) fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts and reports a failed operation of a function.
    ///
    /// # Panics
    /// If the reaction is [`Reaction::Panic`].
    #[cold]
    pub(super) fn complain(
        &self,
        function: Option<&Arc<str>>,
        what: &'static str,
        error: &dyn fmt::Display,
    ) {
        self.note();
        let whose = match function {
            Some(function) => format!(" of {function}"),
            None => String::new(),
        };
        if self.reaction == Reaction::Panic {
            panic!("the execution cache{whose} could not {what}: {error}");
        }
        let level = if self.is_news(function, what) {
            log::Level::Warn
        } else {
            log::Level::Debug
        };
        report(
            level,
            format_args!("the execution cache{whose} could not {what}: {error}"),
        );
    }

    /// Reports whether the last warning of this kind is at least an hour old; if so, records a new
    /// one.
    fn is_news(&self, function: Option<&Arc<str>>, what: &'static str) -> bool {
        let mut warned = lock(&self.warned);
        let kind = (function.cloned(), what);
        let is_news = warned
            .get(&kind)
            .is_none_or(|at| at.elapsed() >= WARN_AGAIN_AFTER);
        if is_news {
            warned.insert(kind, Instant::now());
        }
        is_news
    }
}

/// Logs a message; a logger of the program's own may panic.
pub(in super::super) fn report(level: log::Level, message: fmt::Arguments<'_>) {
    let logged = caught(|| {
        log::log!(level, "{message}");
        Ok::<(), String>(())
    });
    // There is no other place to report it.
    drop(logged);
}

/// A period in which the store is not used, after it was found locked.
#[derive(Default)]
pub(in super::super) struct Pause {
    is_on: AtomicBool,
    until: Mutex<Option<Instant>>,
}

impl Pause {
    pub(in super::super) fn begin(&self) {
        let mut until = lock(&self.until);
        *until = Some(Instant::now() + PAUSE);
        self.is_on.store(true, Ordering::Release);
    }

    pub(in super::super) fn is_on(&self) -> bool {
        if !self.is_on.load(Ordering::Acquire) {
            return false;
        }
        let until = *lock(&self.until);
        let is_on = until.is_some_and(|until| Instant::now() < until);
        if !is_on {
            self.is_on.store(false, Ordering::Release);
        }
        is_on
    }
}
