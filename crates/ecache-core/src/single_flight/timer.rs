//! Wakes tasks at a point in time without a runtime's clock: one thread serves all waiting tasks,
//! and ends when none is left.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The waiting tasks, by their deadline and a number of their own.
static WAITING: Mutex<Waiting> = Mutex::new(Waiting {
    wakers: BTreeMap::new(),
    next: 0,
    has_thread: false,
});

/// Tells the thread that a new waiter may be due first, or that no waiter is left.
static CHANGED: Condvar = Condvar::new();

struct Waiting {
    wakers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    has_thread: bool,
}

fn waiting() -> MutexGuard<'static, Waiting> {
    lock(&WAITING)
}

/// Holds the waiting tasks still during a fork.
pub(super) struct Still(MutexGuard<'static, Waiting>);

impl Still {
    pub(super) fn hold() -> Self {
        Self(waiting())
    }

    /// Forgets the tasks and the thread of the parent, in a forked child.
    pub(super) fn in_child(mut self) {
        // Not dropped: a waker may do anything.
        std::mem::forget(std::mem::take(&mut self.0.wakers));
        self.0.has_thread = false;
    }
}

/// Wakes a task when its time is over, unless it is dropped before.
pub(crate) struct Timer {
    at: Instant,
    number: Option<u64>,
}

impl Timer {
    /// Returns a timer that fires after `duration` from now.
    pub(crate) fn after(duration: Duration) -> Self {
        /// A time beyond the clock's range never comes.
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        Self {
            at: Instant::now() + duration.min(YEAR),
            number: None,
        }
    }

    /// Reports whether the time has come.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Waits until the time has come: `waker` is woken then. Without a thread that could wake it,
    /// returns at once.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        let replaced;
        let mut waiting = waiting();
        let number = *self.number.get_or_insert_with(|| {
            waiting.next += 1;
            waiting.next
        });
        replaced = waiting.wakers.insert((self.at, number), waker.clone());
        if !waiting.has_thread {
            let thread = thread::Builder::new().name("ecache-timer".into());
            if thread.spawn(ring).is_err() {
                // Rather than wait without an end, it does not wait.
                return Poll::Ready(());
            }
            waiting.has_thread = true;
        }
        drop(waiting);
        CHANGED.notify_one();
        // Only now, without the lock: a waker may do anything then.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let removed = waiting().wakers.remove(&(self.at, number));
            CHANGED.notify_one();
            // Only now, without the lock.
            drop(removed);
        }
    }
}

/// Wakes waiters that are due, until none is left.
fn ring() {
    let mut guard = waiting();
    while let Some(((at, _), _)) = guard.wakers.first_key_value() {
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let waited = CHANGED.wait_timeout(guard, left);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else if let Some((_, waker)) = guard.wakers.pop_first() {
            drop(guard);
            waker.wake();
            guard = waiting();
        }
    }
    guard.has_thread = false;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::task::Wake;

    use super::*;

    struct Tell(Mutex<Sender<()>>);

    impl Wake for Tell {
        fn wake(self: Arc<Self>) {
            // The waiter may be gone.
            let _ = self.0.lock().expect("no panic").send(());
        }
    }

    #[test]
    fn rings_when_its_time_is_over_and_not_once_it_is_dropped() {
        let (told, is_told) = channel();
        let waker = Waker::from(Arc::new(Tell(Mutex::new(told))));
        let mut dropped = Timer::after(Duration::from_millis(5));
        assert!(dropped.poll(&waker).is_pending());
        drop(dropped);
        let started = Instant::now();
        let mut timer = Timer::after(Duration::from_millis(20));
        assert!(timer.poll(&waker).is_pending());
        is_told.recv().expect("it rings");
        assert!(started.elapsed() >= Duration::from_millis(20));
        assert!(timer.poll(&waker).is_ready());
    }
}
