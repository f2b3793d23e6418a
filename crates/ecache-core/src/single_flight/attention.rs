//! Notices when a leader's future is woken and not polled.
//!
//! A task may keep a future that leads and await a call of the same key, as a `select!` in a loop
//! does with a future that it borrows. It would wait for itself: the leader is woken, and no poll
//! follows. Designs weighed: to refuse a wait within the leader's task (`join!` of two equal calls
//! is one task too, and must compute once), to let a follower poll the leader (its future borrows
//! arguments and need not be `Send`), and this one: a follower computes by itself when the leader
//! was woken [`UNATTENDED_AFTER`] ago and has not been polled since.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The time from a wake without a poll until followers no longer wait. An executor that is so busy
/// computes twice.
pub(super) const UNATTENDED_AFTER: Duration = Duration::from_secs(1);

/// The wakes and polls of a leader's future.
#[derive(Default)]
pub(crate) struct Attention(Mutex<State>);

#[derive(Default)]
struct State {
    /// The first wake since the last poll
    woken_at: Option<Instant>,
    /// The waker of the leader's task, while the future is pending
    task: Option<Waker>,
}

impl Attention {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// Reports whether the leader was woken and then not polled for [`UNATTENDED_AFTER`].
    pub(super) fn is_lost(&self) -> bool {
        let woken_at = self.state().woken_at;
        woken_at.is_some_and(|at| at.elapsed() >= UNATTENDED_AFTER)
    }

    /// Runs a part of the leader's work, and records its wakes and polls.
    pub(crate) async fn watch<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let waker = Waker::from(self.clone());
        std::future::poll_fn(|context| {
            self.polled(Some(context.waker()));
            let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                self.polled(None);
            }
            polled
        })
        .await
    }

    /// Records a poll, and the waker of the task that polls if more are needed.
    fn polled(&self, task: Option<&Waker>) {
        let mut state = self.state();
        state.woken_at = None;
        let is_known = match (&state.task, task) {
            (Some(known), Some(task)) => known.will_wake(task),
            (known, task) => known.is_none() && task.is_none(),
        };
        if !is_known {
            let replaced = std::mem::replace(&mut state.task, task.cloned());
            // Only now, without the lock: a waker may do anything then.
            drop(state);
            drop(replaced);
        }
    }
}

impl Wake for Attention {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        let Some(task) = state.task.clone() else {
            return;
        };
        state.woken_at.get_or_insert_with(Instant::now);
        drop(state);
        task.wake();
    }
}
