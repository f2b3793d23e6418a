//! An asynchronous call never blocks the executor, whatever the store does.
//!
//! The executor has one thread. A ticker runs on it beside the calls: another thread wakes it every
//! five milliseconds, and it records how late it is. The asserted bound is far above the delay
//! measured on a calm machine (`--nocapture` prints it), and far below the delay of a blocked
//! executor.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::*;
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::execution_cache;
use ecache_core::execution_cache::{Codec, CodecError, Datasets};
use ecache_core::single_flight::FlightLocks;
use ecache_core::value::Value;
use futures_executor::{ThreadPool, block_on};
use sha2::{Digest, Sha256};

/// Maximum delay of the ticker.
const LATE: Duration = Duration::from_millis(300);

/// The time of the ticker's last wake-up, its waker, and its longest delay.
#[derive(Default)]
struct Tick {
    woken_at: Option<Instant>,
    waker: Option<Waker>,
    latest: Duration,
}

/// An executor with one thread, and a ticker on it.
struct Executor {
    pool: ThreadPool,
    tick: Arc<Mutex<Tick>>,
    is_over: Arc<AtomicBool>,
}

impl Executor {
    fn start() -> Self {
        let pool = ThreadPool::builder().pool_size(1).create().expect("a pool");
        let executor = Self {
            pool,
            tick: Arc::default(),
            is_over: Arc::default(),
        };
        let (tick, is_over) = (executor.tick.clone(), executor.is_over.clone());
        executor.pool.spawn_ok(std::future::poll_fn(move |context| {
            let mut tick = tick.lock().expect("no panic");
            if let Some(woken_at) = tick.woken_at.take() {
                tick.latest = tick.latest.max(woken_at.elapsed());
            }
            tick.waker = Some(context.waker().clone());
            match is_over.load(Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
        let (tick, is_over) = (executor.tick.clone(), executor.is_over.clone());
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(5));
                let mut tick = tick.lock().expect("no panic");
                if tick.woken_at.is_none()
                    && let Some(waker) = tick.waker.take()
                {
                    tick.woken_at = Some(Instant::now());
                    drop(tick);
                    waker.wake();
                }
            }
        });
        executor
    }

    /// Runs one call per argument, all at once; returns the results.
    fn call_each<C>(
        &self,
        function: &'static ExecutionCache,
        ctx: &ExecutionContext,
        codec: C,
        arguments: std::ops::Range<usize>,
    ) -> mpsc::Receiver<usize>
    where
        C: Codec<usize> + Clone + Send + Sync + 'static,
    {
        let (done, results) = mpsc::channel();
        for argument in arguments {
            let (ctx, codec, done) = (ctx.clone(), codec.clone(), done.clone());
            self.pool.spawn_ok(async move {
                let key = one(&argument.to_string());
                let result = function
                    .call_async(&ctx, codec, key, async { argument })
                    .await;
                // A test that does not wait for the result has dropped the receiver.
                let _ = done.send(result);
            });
        }
        results
    }

    /// Ends the executor; returns the longest delay of the ticker.
    fn latest(self) -> Duration {
        self.is_over.store(true, Ordering::Release);
        let latest = self.tick.lock().expect("no panic").latest;
        println!("the ticker was late by {latest:?} at most");
        latest
    }
}

fn of_residency(residency: Residency) -> &'static ExecutionCache {
    let mut options = Options::new("tests::executor");
    options.residency = residency;
    Box::leak(Box::new(ExecutionCache::new(options)))
}

#[test]
fn a_store_that_is_locked_costs_two_seconds_once_and_blocks_no_executor() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (of_residency(Residency::Hybrid), context(Cache::at(&path)));
    let executor = Executor::start();
    let first = executor.call_each(function, &ctx, StoredForm, 0..1);
    assert_eq!(first.iter().count(), 1);
    let connection = rusqlite::Connection::open(&path).expect("a database");
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock");

    let started = Instant::now();
    let results = executor.call_each(function, &ctx, StoredForm, 1..100);
    assert_eq!(results.iter().count(), 99);
    // Each alone would have taken two seconds.
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    let started = Instant::now();
    let results = executor.call_each(function, &ctx, StoredForm, 100..200);
    assert_eq!(results.iter().count(), 100);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        executor
            .call_each(function, &ctx, StoredForm, 0..1)
            .iter()
            .count(),
        1
    );
    assert_eq!(
        function.counters().memory_hits + function.counters().store_hits,
        1,
        "hits go on"
    );
    let late = executor.latest();
    assert!(late < LATE, "{late:?}");
    assert!(ctx.cache.troubles() >= 100);
}

#[test]
fn a_locked_store_costs_a_blocking_caller_two_seconds_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    function.call(&ctx, "a", 1);
    let connection = rusqlite::Connection::open(&path).expect("a database");
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock");
    let started = Instant::now();
    for argument in 0..20 {
        assert_eq!(
            function.call(&ctx, &format!("b{argument}"), argument),
            argument
        );
    }
    // Without the pause it would take twenty times two seconds.
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    assert_eq!((function.call(&ctx, "a", 2), ctx.cache.troubles()), (1, 20));
}

/// A slow codec.
#[derive(Clone, Copy)]
struct Slow;

impl Codec<usize> for Slow {
    fn encode(&self, result: &usize) -> Result<Value, CodecError> {
        std::thread::sleep(Duration::from_secs(1));
        StoredForm.encode(result)
    }

    fn decode(&self, value: Value) -> Result<usize, CodecError> {
        std::thread::sleep(Duration::from_secs(1));
        StoredForm.decode(value)
    }
}

#[test]
fn encoding_and_decoding_block_no_executor() {
    for residency in [
        Residency::Hybrid,
        Residency::Transient,
        Residency::Ephemeral,
    ] {
        let (function, ctx) = (of_residency(residency), in_memory());
        let executor = Executor::start();
        for _ in 0..2 {
            let results = executor.call_each(function, &ctx, Slow, 7..8);
            assert_eq!(results.iter().collect::<Vec<_>>(), [7]);
        }
        assert_eq!(function.counters().computations, 1);
        let late = executor.latest();
        assert!(late < LATE, "{residency:?}: {late:?}");
    }
}

#[test]
fn a_hundred_megabytes_block_no_executor() {
    const ELEMENTS: usize = 25_000_000;
    for residency in [Residency::Hybrid, Residency::Ephemeral] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = Options::new("tests::executor");
        (options.residency, options.max_bytes) = (residency, 1 << 30);
        let function: &ExecutionCache = Box::leak(Box::new(ExecutionCache::new(options)));
        let ctx = context(Cache::at(folder.path().join("store.db")));
        let executor = Executor::start();
        // A miss, and two hits in memory.
        for elements in [ELEMENTS, 0, 0] {
            let (done, result) = mpsc::channel();
            let (ctx, numbers) = (ctx.clone(), vec![0.5_f32; elements]);
            executor.pool.spawn_ok(async move {
                let compute = async { numbers };
                let call = function.call_async(&ctx, StoredForm, one("a"), compute);
                done.send(call.await).expect("the test listens");
            });
            assert_eq!(result.recv().expect("a result").len(), ELEMENTS);
        }
        assert_eq!(function.counters().memory_hits, 2);
        let late = executor.latest();
        assert!(late < LATE, "{residency:?}: {late:?}");
    }
}

/// Names of the threads that encoded and decoded results of [`rate`].
static CODED_ON: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The result of the next computation of [`rate`], if it succeeds.
static RATE: Mutex<Option<u64>> = Mutex::new(None);

fn coded(rate: u64) -> u64 {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default().to_owned();
    CODED_ON.lock().expect("no panic").insert(name);
    rate
}

#[execution_cache(
    residency = "transient",
    ttl = 60,
    stale_if_error = 60,
    serialize = |rate: &u64| coded(*rate),
    deserialize = coded
)]
async fn rate(_ctx: &ExecutionContext) -> Result<u64, String> {
    let rate = RATE.lock().expect("no panic").take();
    rate.ok_or_else(|| "no rate".to_owned())
}

#[test]
fn results_are_encoded_and_decoded_on_other_threads() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let next_is = |rate| *RATE.lock().expect("no panic") = Some(rate);
    block_on(async {
        assert!(!rate::contains(&ctx).await);
        next_is(1);
        assert_eq!(rate(&ctx).await, Ok(1));
        assert_eq!(rate(&ctx).await, Ok(1));
        assert_eq!(rate::get(&ctx).await, Some(Ok(1)));
        assert!(rate::contains(&ctx).await);
        assert!(rate::with_status(&ctx).await.1.is_hit);
        next_is(2);
        assert_eq!(rate::refresh(&ctx).await, Ok(2));
        assert!(rate::set_cache(&ctx, 3).await.expect("kept"));
        clock.advance(Duration::from_secs(60));
        assert_eq!(rate(&ctx).await, Ok(3), "it is served after the error");
    });
    assert_eq!(rate::counters().stale_hits, 1);
    let threads = CODED_ON.lock().expect("no panic");
    assert_eq!(threads.iter().collect::<Vec<_>>(), ["ecache-worker"]);
}

#[execution_cache]
async fn length(_ctx: &ExecutionContext, text: &str) -> usize {
    text.len()
}

/// Runs a companion while `lock` keeps the store from being written, which must not block its task.
fn run_beside<T>(lock: &rusqlite::Connection, companion: impl Future<Output = T>) -> T {
    let mut companion = std::pin::pin!(companion);
    lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let mut context = std::task::Context::from_waker(Waker::noop());
    let polled = companion.as_mut().poll(&mut context);
    assert!(polled.is_pending(), "it waited on the task's thread");
    lock.execute_batch("COMMIT").expect("the end of the lock");
    block_on(companion)
}

#[test]
fn companions_of_an_async_function_wait_for_the_store_on_other_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let patience = Duration::from_secs(600);
    let backend = SqliteBackend::open_within(&path, Access::Write, patience).expect("a store");
    let ctx = context(Cache::on(Arc::new(backend)));
    let lock = rusqlite::Connection::open(&path).expect("a database");
    let kept = run_beside(&lock, length::set_cache(&ctx, "abc", 4));
    assert!(kept.expect("no trouble"));
    assert_eq!(block_on(length(&ctx, "abc")), 4);
    let removed = run_beside(&lock, length::clear_cache(&ctx, "abc"));
    assert_eq!(removed.expect("no trouble").entries, 1);
    assert_eq!(run_beside(&lock, length::refresh(&ctx, "abc")), 3);
    let removed = run_beside(&lock, length::clear_all_caches(&ctx, Datasets::All));
    assert_eq!(removed.expect("no trouble").entries, 1);
    assert_eq!(ctx.cache.troubles(), 0);
}

/// Returns the number of threads of this process.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux").count()
}

#[test]
#[cfg(target_os = "linux")]
fn waiting_for_another_process_takes_no_thread_per_key_and_blocks_no_executor() {
    const KEYS: usize = 200;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (of_residency(Residency::Hybrid), context(Cache::at(&path)));
    let executor = Executor::start();
    assert_eq!(
        executor
            .call_each(function, &ctx, StoredForm, KEYS..KEYS + 1)
            .iter()
            .count(),
        1
    );
    // These locks treat another open file like another process.
    let elsewhere = FlightLocks::open(&folder.path().join("store.db-locks")).expect("locks");
    let held: Vec<_> = (0..KEYS)
        .map(|argument| {
            let hash = Sha256::digest(format!("[\"{argument}\"]"));
            elsewhere
                .try_lock(&hash.into())
                .expect("locks work")
                .expect("it is free")
        })
        .collect();
    let before = threads();
    let results = executor.call_each(function, &ctx, StoredForm, 0..KEYS);
    std::thread::sleep(Duration::from_millis(500));
    assert!(results.try_recv().is_err(), "all wait");
    // Other tests start threads as well, but not hundreds.
    assert!(threads() < before + 100, "{} after {before}", threads());
    drop(held);
    assert_eq!(results.iter().count(), KEYS);
    let late = executor.latest();
    assert!(late < LATE, "{late:?}");
}
