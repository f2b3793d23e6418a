//! Makes `fork` safe for programs whose language forks, as Python's `multiprocessing` does.
//!
//! A child inherits locks without the threads that hold them, lock files whose locks it shares with
//! its parent, and the connections of SQLite, which forbids that. Designs considered: refusing to
//! work in a child (pools of workers are where a cache helps most), making the inherited objects
//! work again (each lock would need a way back), and this one: the connections are closed before a
//! fork, and the child leaves all that it inherits untouched and makes caches of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::execution_cache::{Cache, workers};
use crate::single_flight;

/// Maximum time that a fork waits for operations on a store.
const PATIENCE: Duration = Duration::from_secs(2);

/// Number of forks between the first process and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Returns the number of forks between the first process and this one.
pub(in super::super) fn count() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// A fork of the process that is about to happen. It begins and ends on the thread that forks.
///
/// ```
/// use std::sync::Arc;
/// use ecache_core::execution_cache::{Cache, Fork};
///
/// let caches = vec![Arc::new(Cache::in_memory())];
/// let fork = Fork::prepare(caches);
/// // Here the process forks.
/// # let is_child = false;
/// if is_child {
///     fork.in_child(); // All caches and functions are made anew, and these never dropped.
/// } else {
///     fork.in_parent();
/// }
/// ```
#[must_use]
pub struct Fork {
    caches: Vec<Arc<Cache>>,
    is_clean: bool,
    flights: single_flight::Still,
    workers: workers::Still,
}

debug_fields!(Fork { caches, is_clean });

impl Fork {
    /// Closes the connections of these caches, and waits until no thread is in a lock of the
    /// library. Operations on the stores wait until the fork is over.
    pub fn prepare(caches: Vec<Arc<Cache>>) -> Self {
        let mut is_clean = true;
        for cache in &caches {
            is_clean &= cache.suspend(PATIENCE);
        }
        Self {
            caches,
            is_clean,
            workers: workers::Still::hold(),
            flights: single_flight::Still::hold(),
        }
    }

    /// Lets the parent go on.
    pub fn in_parent(self) {
        self.caches.iter().for_each(|cache| cache.resume());
    }

    /// Leaves the parent's caches to the parent. Returns `false` if an operation on a store was
    /// still under way: the child must not use that store.
    #[must_use]
    pub fn in_child(self) -> bool {
        FORKS.fetch_add(1, Ordering::Relaxed);
        self.flights.in_child();
        self.workers.in_child();
        for cache in self.caches {
            cache.leave_to_parent();
            // A drop would append counts that are the parent's.
            std::mem::forget(cache);
        }
        self.is_clean
    }
}
