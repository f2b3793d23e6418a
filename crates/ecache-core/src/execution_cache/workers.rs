//! A few threads of our own for work that no caller is to wait for: at most [`MOST`] for the
//! process, which end when there is nothing to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Threads at the most. Reading a local store takes microseconds; some may be waiting for a lock
/// meanwhile.
const MOST: usize = 4;

/// How long a thread waits for the next job before it ends.
const IDLE_FOR: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

struct Workers {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static WORKERS: Mutex<Workers> = Mutex::new(Workers {
    jobs: VecDeque::new(),
    threads: 0,
    idle: 0,
});

/// Tells one idle thread of a job.
static WORK: Condvar = Condvar::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a worker run `job`, or runs it here if there is none and no thread can be started.
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
        // The other threads, if there are any, come to it.
        let job = match workers.threads {
            0 => workers.jobs.pop_back(),
            _ => None,
        };
        drop(workers);
        job.into_iter().for_each(|job| job());
    }
}

/// Runs jobs until there are none for a while.
fn work() {
    let mut workers = lock(&WORKERS);
    loop {
        if let Some(job) = workers.jobs.pop_front() {
            drop(workers);
            // Whoever waits for the job is told of its panic; this thread is for the next one.
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
