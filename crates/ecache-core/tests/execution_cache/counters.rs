//! The counters of calls, in the process and in the store.

use super::*;
use ecache_core::execution_cache::Counters;
use ecache_core::scope::StoreAddress;
use ecache_core::time::Timestamp;

/// Returns the counters of the store `tests::function`, the only one that has any.
fn counted(ctx: &ExecutionContext) -> Counters {
    let backend = ctx.cache.backend().expect("a backend");
    let counters = backend.calls().expect("counters");
    let [(store, counters)] = &counters[..] else {
        panic!("{counters:?}");
    };
    assert_eq!(&*store.store_name, "tests::function");
    *counters
}

#[test]
fn the_store_has_what_the_process_has() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    for argument in ["a", "b", "a", "a"] {
        function.call(&ctx, argument, 1);
    }
    // The stored value has another type, which is an error and then a miss.
    function.call(&ctx, "b", "a text".to_owned());
    ctx.cache.flush();
    let mut expected = Counters::default();
    expected.memory_hits = 2;
    expected.misses = 3;
    expected.computations = 3;
    expected.errors = 1;
    assert_eq!(function.cache.counters(), expected);
    assert_eq!(counted(&ctx), expected);
}

#[test]
fn hits_in_the_store_are_told_from_hits_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    for hits in 0..3 {
        // Each cache acts as one of another process, and writes its counters when it is dropped.
        let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
        for _ in 0..=hits {
            function.call(&ctx, "a", 1);
        }
    }
    let counters = counted(&context(Cache::at(&path)));
    assert_eq!((counters.store_hits, counters.memory_hits), (2, 3));
    assert_eq!((counters.misses, counters.computations), (1, 1));
    assert_eq!(counters.calls(), 6);
}

#[test]
fn what_was_counted_stays_when_results_are_cleared() {
    let (function, ctx) = (Function::of(Residency::Transient), in_memory());
    function.call(&ctx, "a", 1);
    function.call(&ctx, "a", 1);
    ctx.cache.flush();
    let cleared = function.cache.clear_all_caches(&ctx, &Default::default());
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!((counted(&ctx).store_hits, counted(&ctx).misses), (1, 1));
}

#[test]
fn a_minute_later_misses_are_written_as_well() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = Function::of(Residency::Transient);
    function.call(&ctx, "a", 1);
    clock.set(Timestamp::from_millis(NOW.as_millis() + 60_000));
    function.call(&ctx, "b", 1);
    assert_eq!(counted(&ctx).misses, 2);
}

#[test]
fn calls_of_each_dataset_are_counted_apart() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    for dataset in ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2df5c682"] {
        function.call(&ctx.clone().with_dataset(dataset), "a", 1);
    }
    ctx.cache.flush();
    let backend = ctx.cache.backend().expect("a backend");
    let misses = |(store, counters): &(Arc<StoreAddress>, Counters)| {
        (store.dataset_id.is_some(), counters.misses)
    };
    let counters = backend.calls().expect("counters");
    let misses: Vec<_> = counters.iter().map(misses).collect();
    assert_eq!(misses, [(true, 1), (true, 1)]);
}

#[test]
fn what_a_busy_store_does_not_take_is_written_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    function.call(&ctx, "a", 1);
    function.call(&ctx, "a", 1);
    let other = common::lock(&path);
    ctx.cache.flush();
    other.execute_batch("ROLLBACK").expect("no lock");
    function.call(&ctx, "a", 1);
    ctx.cache.flush();
    let counters = counted(&ctx);
    assert_eq!((counters.memory_hits, counters.misses), (2, 1));
}

#[test]
fn what_is_only_in_memory_is_counted_in_the_process() {
    let (function, ctx) = (Function::of(Residency::Ephemeral), in_memory());
    function.call(&ctx, "a", 1);
    function.call(&ctx, "a", 1);
    ctx.cache.flush();
    assert_eq!(function.cache.counters().memory_hits, 1);
    let backend = ctx.cache.backend().expect("a backend");
    assert_eq!(backend.calls().expect("counters"), []);
}
