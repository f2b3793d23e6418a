//! Worker threads on which asynchronous calls read and write the store, encode and decode.
//!
//! Designs considered: the runtime's own blocking threads (they have no common interface, and a
//! program may have no runtime), one thread per call (hundreds while a store is locked), and this
//! one: at most [`MOST`] threads for the process, which end when they are idle.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::sync::lock;

/// Maximum number of threads. Reading a local store takes microseconds; meanwhile some may be
/// waiting for a lock.
const MOST: usize = 4;

/// Time that an idle thread waits for the next job before it ends.
const IDLE_FOR: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Workers {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static WORKERS: Mutex<Workers> = Mutex::new(Workers {
    jobs: VecDeque::new(),
    threads: 0,
    idle: 0,
});

/// Wakes one idle thread for a job.
static WORK: Condvar = Condvar::new();

/// Holds the workers' queue still during a fork.
pub(super) struct Still(MutexGuard<'static, Workers>);

impl Still {
    pub(super) fn hold() -> Self {
        Self(lock(&WORKERS))
    }

    /// Forgets the jobs and the threads of the parent, in a forked child.
    pub(super) fn in_child(mut self) {
        // Not dropped: a job may hold anything.
        std::mem::forget(std::mem::take(&mut self.0.jobs));
        (self.0.threads, self.0.idle) = (0, 0);
    }
}

/// Runs `job` on a worker, or here if there is no worker and no thread can be started.
pub(super) fn spawn(job: impl FnOnce() + Send + 'static) {
    let mut workers = lock(&WORKERS);
    workers.jobs.push_back(Box::new(job));
    if workers.jobs.len() <= workers.idle || workers.threads == MOST {
        drop(workers);
        return WORK.notify_one();
    }
    workers.threads += 1;
    drop(workers);
    let thread = thread::Builder::new().name("ecache-worker".into());
    if thread.spawn(work).is_err() {
        let mut workers = lock(&WORKERS);
        workers.threads -= 1;
        // The remaining threads, if any, run the job.
        let job = match workers.threads {
            0 => workers.jobs.pop_back(),
            _ => None,
        };
        drop(workers);
        job.into_iter().for_each(|job| job());
    }
}

/// Runs jobs until there have been none for [`IDLE_FOR`].
fn work() {
    let mut workers = lock(&WORKERS);
    loop {
        if let Some(job) = workers.jobs.pop_front() {
            drop(workers);
            // The waiting task receives the panic; this thread goes on with the next job.
            let _ = catch_unwind(AssertUnwindSafe(job));
            workers = lock(&WORKERS);
            continue;
        }
        workers.idle += 1;
        let waited = WORK.wait_timeout(workers, IDLE_FOR);
        let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        workers = guard;
        workers.idle -= 1;
        if timeout.timed_out() && workers.jobs.is_empty() {
            workers.threads -= 1;
            return;
        }
    }
}

/// The result of a job, and the waker of the task that waits for it.
struct Outcome<T> {
    result: Option<thread::Result<T>>,
    waker: Option<Waker>,
}

/// Runs `work` on a worker, as a future for any runtime. The work continues if the future is
/// dropped.
///
/// # Panics
/// If `work` panics.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let outcome = Arc::new(Mutex::new(Outcome {
        result: None,
        waker: None,
    }));
    let theirs = outcome.clone();
    spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        let mut outcome = lock(&theirs);
        outcome.result = Some(result);
        let waker = outcome.waker.take();
        drop(outcome);
        waker.into_iter().for_each(Waker::wake);
    });
    let result = std::future::poll_fn(|context| {
        let mut outcome = lock(&outcome);
        match outcome.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                outcome.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await;
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use futures_executor::block_on;

    use super::*;

    #[test]
    fn a_few_threads_do_all_the_work_and_hand_on_panics() {
        let jobs: Vec<_> = (0..100)
            .map(|n| {
                Box::pin(run(move || {
                    thread::sleep(Duration::from_micros(100));
                    (n, thread::current().id())
                }))
            })
            .collect();
        let mut threads = HashSet::new();
        for (expected, job) in jobs.into_iter().enumerate() {
            let (n, thread) = block_on(job);
            assert_eq!(n, expected);
            threads.insert(thread);
        }
        assert!(threads.len() <= MOST, "{threads:?}");
        let panic = catch_unwind(|| block_on(run(|| panic!("on purpose"))));
        let panic = panic.expect_err("the caller panics");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(block_on(run(|| 1)), 1);
    }
}
