//! The counters of calls, in the process and in the store.

use std::collections::BTreeMap;

use super::*;
use ecache_core::execution_cache::Counters;
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{CallGroup, Counts, Log};

/// Returns the counts of each store, by whether it has a dataset. All are of `tests::function`.
fn by_dataset(ctx: &ExecutionContext, log: Option<&Log>) -> BTreeMap<Option<Arc<str>>, Counts> {
    let backend = ctx.cache.backend().expect("a backend");
    let from = Timestamp::from_millis(0);
    let usage = statistics::read(backend.as_ref(), log, from, NOW).expect("usage");
    assert_eq!(usage.gaps, []);
    let mut sums: BTreeMap<_, Counts> = BTreeMap::new();
    for period in usage.periods {
        let CallGroup::Of { store, .. } = period.group else {
            panic!("{:?}", period.group);
        };
        assert_eq!(&*store.store_name, "tests::function");
        let sum = sums.entry(store.dataset_id.clone()).or_default();
        sum.add(&period.counts);
    }
    sums
}

/// Returns the counts of a store without a log.
fn counted(ctx: &ExecutionContext) -> Counts {
    by_dataset(ctx, None).remove(&None).unwrap_or_default()
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
    let counts = counted(&ctx);
    assert_eq!((counts.hits, counts.misses, counts.errors), (2, 3, 1));
}

#[test]
fn hits_of_several_processes_add_up_in_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    for hits in 0..3 {
        // Each cache acts as one of another process, and writes its counters when it is dropped.
        let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
        for _ in 0..=hits {
            function.call(&ctx, "a", 1);
        }
    }
    let log = Log::beside(&path);
    let ctx = context(Cache::at(&path));
    let before = by_dataset(&ctx, Some(&log));
    let counts = before[&None];
    assert_eq!((counts.hits, counts.misses, counts.calls()), (5, 1, 6));
    // Folding moves the counts, and adds none.
    let backend = ctx.cache.backend().expect("a backend");
    for _ in 0..2 {
        statistics::fold(backend.as_ref(), &log, NOW).expect("folded");
        assert_eq!(by_dataset(&ctx, Some(&log)), before);
        assert_eq!(by_dataset(&ctx, None), before);
    }
}

#[test]
fn counts_stay_when_results_are_cleared() {
    let (function, ctx) = (Function::of(Residency::Transient), in_memory());
    function.call(&ctx, "a", 1);
    function.call(&ctx, "a", 1);
    ctx.cache.flush();
    let cleared = function.cache.clear_all_caches(&ctx, &Default::default());
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!((counted(&ctx).hits, counted(&ctx).misses), (1, 1));
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
    let counts = by_dataset(&ctx, None);
    let misses = counts
        .iter()
        .map(|(dataset, counts)| (dataset.is_some(), counts.misses));
    assert_eq!(misses.collect::<Vec<_>>(), [(true, 1), (true, 1)]);
}

#[test]
fn a_busy_store_keeps_no_call_from_being_counted() {
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
    let counts = by_dataset(&ctx, Some(&Log::beside(&path)))[&None];
    assert_eq!((counts.hits, counts.misses), (2, 1));
}

#[test]
fn results_only_in_memory_are_counted_in_the_process() {
    let (function, ctx) = (Function::of(Residency::Ephemeral), in_memory());
    function.call(&ctx, "a", 1);
    function.call(&ctx, "a", 1);
    ctx.cache.flush();
    assert_eq!(function.cache.counters().memory_hits, 1);
    assert_eq!(counted(&ctx), Counts::default());
}

#[test]
fn a_shared_result_is_a_hit_of_its_entry() {
    let (function, ctx, barrier) = (
        Function::of(Residency::Hybrid),
        in_memory(),
        std::sync::Barrier::new(8),
    );
    let call = || {
        barrier.wait();
        function.cache.call(&ctx, &StoredForm, one("a"), || {
            std::thread::sleep(Duration::from_millis(50));
            7
        })
    };
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(call))));
    assert!(function.cache.counters().followers > 0);
    ctx.cache.flush();
    let counts = counted(&ctx);
    assert_eq!((counts.hits, counts.misses), (7, 1));
    let backend = ctx.cache.backend().expect("a backend");
    assert_eq!(entries(backend.as_ref())[0].hits, 7);
}

#[test]
fn a_refresh_in_the_background_is_no_miss() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function: &'static Function = Box::leak(Box::new(Function::new(options(
        "tests::function",
        |options| {
            options.ttl = Some(Duration::from_secs(10));
            options.stale = Some(Duration::from_secs(100));
        },
    ))));
    let call = || {
        function
            .cache
            .call_refreshing(&ctx, StoredForm, one("a"), || {
                || function.computed.fetch_add(1, Ordering::SeqCst)
            })
    };
    assert_eq!(call(), 0);
    clock.advance(Duration::from_secs(10));
    assert_eq!(call(), 0);
    let begun = std::time::Instant::now();
    let mut calls = 2;
    while call() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is refreshed");
        calls += 1;
    }
    ctx.cache.flush();
    let counts = counted(&ctx);
    assert_eq!((counts.misses, counts.refreshes), (1, 1));
    assert_eq!((counts.calls(), counts.hits), (calls + 1, calls));
}
