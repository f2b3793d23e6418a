//! An asynchronous call never blocks the executor, even if the store is locked or slow.
//!
//! The executor has one thread. A blocked one runs nothing else until the call returns. The tests
//! therefore check an order and no time: another task runs before the call has its result.

use std::sync::mpsc;
use std::time::Instant;

use super::*;
use ecache_core::execution_cache;
use ecache_core::execution_cache::{Codec, CodecError};
use ecache_core::single_flight::FlightLocks;
use ecache_core::value::Value;
use futures_executor::ThreadPool;
use sha2::{Digest, Sha256};

/// Maximum wait for something that a blocked executor never does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Attempts at an order that a blocked executor never has, and a starved one may miss.
const ATTEMPTS: usize = 20;

/// An executor with one thread.
#[derive(Clone)]
struct Executor {
    pool: ThreadPool,
}

impl Executor {
    fn start() -> Self {
        let pool = ThreadPool::builder().pool_size(1).create().expect("a pool");
        Self { pool }
    }

    /// Checks that another task runs now, while calls wait for something that the test holds.
    fn goes_on(&self) {
        let (done, ran) = mpsc::channel();
        self.pool.spawn_ok(async move {
            let _ = done.send(());
        });
        assert_eq!(ran.recv_timeout(PATIENCE), Ok(()), "it is blocked");
    }

    /// Runs a call and then another task; returns the result, and whether the task came first.
    fn run_beside<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> (T, bool) {
        let (done, events) = mpsc::channel();
        let task_done = done.clone();
        self.pool.spawn_ok(async move {
            let _ = done.send(Some(call.await));
        });
        self.pool.spawn_ok(async move {
            let _ = task_done.send(None);
        });
        let events: Vec<Option<T>> = events.iter().collect();
        let is_first = events[0].is_none();
        let result = events.into_iter().flatten().next();
        (result.expect("the call returns"), is_first)
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
}

fn of_residency(residency: Residency) -> &'static ExecutionCache {
    let mut options = Options::new("tests::executor");
    options.residency = residency;
    Box::leak(Box::new(ExecutionCache::new(options)))
}

/// Calls a function whose store is locked, and reports whether another task ran meanwhile.
fn goes_on_beside_a_locked_store() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (of_residency(Residency::Hybrid), context(Cache::at(&path)));
    let executor = Executor::start();
    let call = |argument: &'static str| {
        let ctx = ctx.clone();
        async move {
            let key = one(argument);
            function
                .call_async(&ctx, StoredForm, key, async { 1 })
                .await
        }
    };
    executor.run_beside(call("first"));
    let _locked = common::lock(&path);
    let (result, is_first) = executor.run_beside(call("second"));
    assert_eq!(result, 1);
    is_first
}

#[test]
fn a_store_that_is_locked_blocks_no_executor() {
    assert!((0..ATTEMPTS).any(|_| goes_on_beside_a_locked_store()));
}

#[test]
fn a_store_that_is_locked_costs_two_seconds_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (of_residency(Residency::Hybrid), context(Cache::at(&path)));
    let executor = Executor::start();
    let first = executor.call_each(function, &ctx, StoredForm, 0..1);
    assert_eq!(first.iter().count(), 1);
    let _locked = common::lock(&path);

    let started = Instant::now();
    let results = executor.call_each(function, &ctx, StoredForm, 1..200);
    assert_eq!(results.iter().count(), 199);
    // If each waited for two seconds, four at a time, it would take 100 seconds.
    assert!(
        started.elapsed() < Duration::from_secs(50),
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
    assert!(ctx.cache.failures() >= 100);
}

#[test]
fn a_locked_store_costs_a_blocking_caller_two_seconds_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    function.call(&ctx, "a", 1);
    let _locked = common::lock(&path);
    let started = Instant::now();
    for argument in 0..40 {
        assert_eq!(
            function.call(&ctx, &format!("b{argument}"), argument),
            argument
        );
    }
    // Without the pause of ten seconds it would take forty times two seconds.
    assert!(
        started.elapsed() < Duration::from_secs(40),
        "{:?}",
        started.elapsed()
    );
    assert_eq!((function.call(&ctx, "a", 2), ctx.cache.failures()), (1, 40));
}

#[execution_cache]
async fn refreshed(_ctx: &ExecutionContext, key: u8) -> u8 {
    key
}

#[test]
fn a_refresh_beside_a_slow_write_blocks_no_executor() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (ctx, executor) = (context(Cache::at(&path)), Executor::start());
    let call = |key| {
        let ctx = ctx.clone();
        async move { refreshed(&ctx, key).await }
    };
    executor.run_beside(call(0));
    let _locked = common::lock(&path);
    // Its write waits for the store for two seconds.
    let (done, is_done) = mpsc::channel();
    let slow = call(1);
    executor.pool.spawn_ok(async move {
        let _ = done.send(slow.await);
    });
    let mut tasks = 0;
    while is_done.recv_timeout(Duration::from_millis(10)).is_err() {
        if tasks == 10 {
            let ctx = ctx.clone();
            executor.pool.spawn_ok(async move {
                refreshed::refresh(&ctx, 2).await;
            });
        }
        executor.goes_on();
        tasks += 1;
    }
    assert!(tasks > 20, "only {tasks} tasks ran while a write waited");
}

/// A codec that takes until the executor has run another task.
#[derive(Clone)]
struct Slow(Executor);

impl Codec<usize> for Slow {
    fn encode(&self, result: &usize) -> Result<Value, CodecError> {
        self.0.goes_on();
        StoredForm.encode(result)
    }

    fn decode(&self, value: Value) -> Result<usize, CodecError> {
        self.0.goes_on();
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
            let results = executor.call_each(function, &ctx, Slow(executor.clone()), 7..8);
            assert_eq!(results.iter().collect::<Vec<_>>(), [7], "{residency:?}");
        }
        assert_eq!(function.counters().computations, 1);
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
        let call = |elements| {
            let (ctx, numbers) = (ctx.clone(), vec![0.5_f32; elements]);
            let call = async move {
                let compute = async { numbers };
                let key = one("a");
                function.call_async(&ctx, StoredForm, key, compute).await
            };
            let (result, is_first) = executor.run_beside(call);
            assert_eq!(result.len(), ELEMENTS);
            is_first
        };
        // A miss, which takes seconds, and hits in memory.
        assert!(call(ELEMENTS), "{residency:?}: a miss");
        assert!((0..ATTEMPTS).any(|_| call(0)), "{residency:?}: a hit");
        assert!(function.counters().memory_hits > 0);
        assert_eq!(function.counters().computations, 1);
    }
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
    // The calls are polled before this.
    executor.goes_on();
    assert!(results.try_recv().is_err(), "all wait");
    // Other tests start threads as well, but not hundreds.
    assert!(threads() < before + 100, "{} after {before}", threads());
    drop(held);
    assert_eq!(results.iter().count(), KEYS);
}
