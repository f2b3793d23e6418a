//! Stale results are served at once, while one thread recomputes them.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Barrier, Mutex, OnceLock};
use std::time::Instant;

use ecache_core::execution_cache;
use ecache_core::execution_cache::Datasets;
use ecache_core::single_flight::FlightLocks;
use sha2::{Digest, Sha256};

use super::*;

const TTL: Duration = Duration::from_secs(10);

/// Returns a function whose results are fresh for 10 s and then served stale for 100 s.
fn refreshed(residency: Residency) -> &'static Function {
    Box::leak(Box::new(Function::new(options(
        "tests::refreshed",
        |options| {
            options.residency = residency;
            options.ttl = Some(TTL);
            options.stale = Some(10 * TTL);
        },
    ))))
}

impl Function {
    /// Calls it with the argument `"a"`; `value` is the result of a computation.
    fn call_refreshing(&'static self, ctx: &ExecutionContext, value: i32) -> i32 {
        self.cache.call_refreshing(ctx, StoredForm, one("a"), || {
            move || {
                self.computed.fetch_add(1, Ordering::SeqCst);
                value
            }
        })
    }
}

/// Waits for a condition that another thread is about to meet.
fn until(is_done: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_done() {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "nothing is done"
        );
        std::thread::yield_now();
    }
}

#[test]
fn stale_results_are_served_at_once_and_refreshed_once() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (ctx, clock) = with_clock(Cache::at(folder.path().join("store.db")));
        let function = refreshed(residency);
        assert_eq!(function.call_refreshing(&ctx, 1), 1);
        clock.advance(TTL - Duration::from_millis(1));
        assert_eq!(function.call_refreshing(&ctx, 2), 1);
        assert_eq!(function.cache.counters().stale_hits, 0, "{residency:?}");

        clock.advance(Duration::from_millis(1));
        let barrier = Barrier::new(8);
        let call = || {
            barrier.wait();
            function.call_refreshing(&ctx, 3)
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
            for thread in threads {
                // One that comes after the refresh has its result.
                let result = thread.join().expect("a result");
                assert!(matches!(result, 1 | 3), "{residency:?}: {result}");
            }
        });
        until(|| function.call_refreshing(&ctx, 4) == 3);
        assert!(function.cache.counters().stale_hits > 0);
        assert_eq!(function.computed(), 2, "{residency:?}");
        assert_eq!(ctx.cache.failures(), 0);
    }
}

#[test]
fn a_caller_does_not_wait_for_the_refresh() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = refreshed(Residency::Hybrid);
    function.call_refreshing(&ctx, 1);
    clock.advance(TTL);
    let (go_on, may_go_on) = channel::<()>();
    let slow = function
        .cache
        .call_refreshing(&ctx, StoredForm, one("a"), || {
            move || {
                may_go_on.recv().expect("the test says so");
                2
            }
        });
    assert_eq!(slow, 1);
    // No other caller begins a refresh, and none waits for this one.
    assert_eq!(function.call_refreshing(&ctx, 3), 1);
    go_on.send(()).expect("the refresh listens");
    until(|| function.call_refreshing(&ctx, 4) == 2);
    assert_eq!(function.computed(), 1);
}

#[test]
fn a_result_that_is_too_old_is_computed_by_its_caller() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = refreshed(Residency::Hybrid);
    assert_eq!(function.call_refreshing(&ctx, 1), 1);
    clock.advance(11 * TTL);
    assert_eq!(function.call_refreshing(&ctx, 2), 2);
    assert_eq!(function.cache.counters().stale_hits, 0);
}

#[test]
fn a_call_that_cannot_refresh_computes_what_is_old_anew() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = refreshed(Residency::Hybrid);
    assert_eq!(function.call(&ctx, "a", 1), 1);
    clock.advance(TTL);
    assert_eq!(function.call(&ctx, "a", 2), 2);
}

#[test]
fn a_refresh_that_fails_or_panics_leaves_what_is_old() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = refreshed(Residency::Hybrid);
    function.call_refreshing(&ctx, 1);
    clock.advance(TTL);
    let computations = || function.cache.counters().computations;
    for panics in [true, false] {
        let before = computations();
        // Again and again: as long as the refresh before it is ending, a call begins none.
        until(|| {
            let failing = function
                .cache
                .try_call_refreshing(&ctx, StoredForm, one("a"), || {
                    move || match panics {
                        true => panic!("the refresh panics"),
                        false => Err::<i32, &str>("no"),
                    }
                });
            assert_eq!(failing, Ok(1));
            computations() > before
        });
    }
    until(|| function.call_refreshing(&ctx, 2) == 2);
}

#[test]
fn a_refresh_from_before_a_clear_is_not_kept() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = refreshed(Residency::Hybrid);
    function.call_refreshing(&ctx, 1);
    clock.advance(TTL);
    let (go_on, may_go_on) = channel::<()>();
    let (begins, has_begun) = channel::<()>();
    let (done, is_done) = channel();
    function
        .cache
        .call_refreshing(&ctx, StoredForm, one("a"), || {
            move || {
                begins.send(()).expect("the test waits");
                may_go_on.recv().expect("the test says so");
                // Dropped when the thread is through with it.
                let _done: Sender<()> = done;
                2
            }
        });
    has_begun.recv().expect("the refresh begins");
    let cleared = function.cache.clear_all_caches(&ctx, &Datasets::All);
    assert_eq!(cleared.expect("cleared").entries, 1);
    go_on.send(()).expect("the refresh listens");
    assert!(is_done.recv().is_err());
    assert_eq!(function.call_refreshing(&ctx, 3), 3);
    assert_eq!(function.call_refreshing(&ctx, 4), 3);
}

#[test]
fn a_result_that_another_process_refreshes_is_not_refreshed_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (ctx, clock) = with_clock(Cache::at(&path));
    let function = refreshed(Residency::Hybrid);
    function.call_refreshing(&ctx, 1);
    clock.advance(TTL);
    // As a process that is at it would.
    let locks = FlightLocks::open(&folder.path().join("store.db-locks")).expect("locks");
    let hash = Sha256::digest(r#"["a"]"#).into();
    let lock = locks.try_lock(&hash).expect("locks work");
    assert!(lock.is_some());
    for _ in 0..100 {
        assert_eq!(function.call_refreshing(&ctx, 2), 1);
    }
    assert_eq!(function.computed(), 1);
    drop(lock);
    until(|| function.call_refreshing(&ctx, 2) == 2);
}

/// The hour in the results of the functions below.
static HOUR: OnceLock<Mutex<u32>> = OnceLock::new();

fn hour() -> &'static Mutex<u32> {
    HOUR.get_or_init(Mutex::default)
}

#[execution_cache(ttl = "10s", stale = "100s")]
fn at(
    _ctx: &ExecutionContext,
    name: &str,
    path: impl AsRef<Path>,
    tags: &[u8],
    n: Vec<u8>,
) -> String {
    let hour = hour().lock().expect("no panic");
    format!(
        "{name} {} {tags:?} {n:?} at {hour}",
        path.as_ref().display()
    )
}

#[execution_cache(ttl = 10, stale = 100, cache_none = false)]
fn some_at(_ctx: &ExecutionContext, n: u32) -> Option<u32> {
    Some(*hour().lock().expect("no panic") + n)
}

#[derive(Clone)]
struct Station {
    name: String,
}

impl Station {
    #[execution_cache(ttl = 10, stale = 100, self_key = self.name)]
    fn departure(&self, _ctx: &ExecutionContext, to: &str) -> Result<String, String> {
        let hour = hour().lock().expect("no panic");
        Ok(format!("{} to {to} at {hour}", self.name))
    }
}

#[test]
fn the_attribute_refreshes_functions_and_methods() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let station = Station {
        name: "here".to_owned(),
    };
    let all = || {
        (
            at(&ctx, "x", "a/b", &[1], vec![2]),
            some_at(&ctx, 5),
            station.departure(&ctx, "there"),
        )
    };
    let expected = |hour: u32| {
        (
            format!("x a/b [1] [2] at {hour}"),
            Some(hour + 5),
            Ok(format!("here to there at {hour}")),
        )
    };
    assert_eq!(all(), expected(0));
    *hour().lock().expect("no panic") = 1;
    assert_eq!(all(), expected(0));
    clock.advance(TTL);
    assert_eq!(all(), expected(0));
    until(|| all() == expected(1));
    let counters = [
        at::counters(),
        some_at::counters(),
        Station::departure_counters(),
    ];
    assert_eq!(counters.map(|counters| counters.computations), [2; 3]);
}
