//! Look-ups in memory, then in the store: the tier of a hit, its lifetime and its scopes.

use std::collections::BTreeMap;

use super::*;
use ecache_core::backend::{Operation, no_progress};
use ecache_core::execution_cache::Datasets;
use ecache_core::time::{Clock, SystemClock};

#[test]
fn memory_is_asked_first_then_the_store_then_the_function() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let function = Function::of(Residency::Hybrid);
    let ctx = context(Cache::at(&path));
    assert_eq!(function.call(&ctx, "a", 1), 1);
    assert_eq!(function.call(&ctx, "a", 2), 1);

    // A new process has the store only.
    let (later, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    assert_eq!(later.call(&ctx, "a", 3), 1);
    assert_eq!(later.call(&ctx, "a", 4), 1);
    let counters = later.cache.counters();
    assert_eq!((counters.store_hits, counters.memory_hits), (1, 1));
    assert_eq!((function.computed(), later.computed()), (1, 0));
    let counters = function.cache.counters();
    assert_eq!((counters.misses, counters.computations), (1, 1));
}

#[test]
fn each_residency_keeps_where_it_says() {
    for (residency, in_store, in_memory_hits) in [
        (Residency::Transient, 1, 0),
        (Residency::Ephemeral, 0, 1),
        (Residency::Hybrid, 1, 1),
    ] {
        let (function, ctx) = (Function::of(residency), in_memory());
        function.call(&ctx, "a", 1);
        function.call(&ctx, "a", 2);
        assert_eq!(function.computed(), 1, "{residency:?}");
        let backend = ctx.cache.backend().expect("a backend");
        assert_eq!(entries(&**backend).len(), in_store, "{residency:?}");
        assert_eq!(function.cache.counters().memory_hits, in_memory_hits);
    }
}

#[test]
fn a_dataset_never_gets_the_result_of_another() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let (one, two) = (ctx.clone().with_dataset("1"), ctx.clone().with_dataset("2"));
    assert_eq!(function.call(&one, "a", 1), 1);
    assert_eq!(function.call(&two, "a", 2), 2);
    assert_eq!(function.call(&ctx, "a", 3), 3);
    assert_eq!(function.call(&one, "a", 4), 1);

    let unlinked = Function::new(options("tests::unlinked", |options| {
        options.link_to_dataset = false;
    }));
    assert_eq!(unlinked.call(&one, "a", 1), 1);
    assert_eq!(unlinked.call(&two, "a", 2), 1);
}

#[test]
fn a_ttl_ends_in_memory_and_in_the_store() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let function = Function::new(options("tests::ttl", |options| {
            options.residency = residency;
            options.ttl = Some(Duration::from_secs(1));
        }));
        let (ctx, clock) = with_clock(Cache::in_memory());
        assert_eq!(function.call(&ctx, "a", 1), 1);
        clock.advance(Duration::from_millis(999));
        assert_eq!(function.call(&ctx, "a", 2), 1, "{residency:?}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(function.call(&ctx, "a", 3), 3, "{residency:?}");
    }
}

#[test]
fn a_result_read_from_the_store_keeps_its_own_expiry_in_memory() {
    let options = options("tests::ttl", |options| {
        options.ttl = Some(Duration::from_secs(10));
    });
    let (ctx, clock) = with_clock(Cache::in_memory());
    Function::new(options.clone()).call(&ctx, "a", 1);
    clock.advance(Duration::from_secs(9));
    let later = Function::new(options);
    assert_eq!(later.call(&ctx, "a", 2), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(later.call(&ctx, "a", 3), 3);
}

#[test]
fn setting_again_renews_the_ttl() {
    let function = Function::new(options("tests::ttl", |options| {
        options.ttl = Some(Duration::from_secs(10));
    }));
    let (ctx, clock) = with_clock(Cache::in_memory());
    function.call(&ctx, "a", 1);
    clock.advance(Duration::from_secs(9));
    let kept = function.cache.set_cache(&ctx, &StoredForm, one("a"), 2);
    assert!(kept.expect("it is kept"));
    clock.advance(Duration::from_secs(9));
    assert_eq!(function.call(&ctx, "a", 3), 2);
}

#[test]
fn a_size_of_0_is_no_memory() {
    for (max_size, memory_hits) in [(0, 0), (1, 1)] {
        let function = Function::new(options("tests::size", |options| {
            options.max_size = max_size;
        }));
        let ctx = in_memory();
        function.call(&ctx, "a", 1);
        function.call(&ctx, "a", 2);
        assert_eq!(function.computed(), 1);
        assert_eq!(function.cache.counters().memory_hits, memory_hits);
    }
}

#[test]
fn memory_is_bounded() {
    let function = Function::new(options("tests::size", |options| {
        options.max_size = 10;
        options.residency = Residency::Ephemeral;
    }));
    let ctx = in_memory();
    for number in 0..100 {
        function.call(&ctx, &number.to_string(), number);
    }
    let cleared = function.cache.clear_all_caches(&ctx, &Datasets::All);
    let entries = cleared.expect("cleared").entries;
    assert!((1..=10).contains(&entries), "{entries}");
}

#[test]
fn a_dict_with_its_own_cls_is_a_hit() {
    let value = BTreeMap::from([
        ("_cls".to_owned(), "bytes".to_owned()),
        ("value".to_owned(), "not base64".to_owned()),
    ]);
    let (function, ctx) = (Function::of(Residency::Transient), in_memory());
    function.call(&ctx, "a", value.clone());
    assert_eq!(function.call(&ctx, "a", BTreeMap::new()), value);
    assert_eq!(function.computed(), 1);
}

#[test]
fn a_value_larger_than_a_chunk_is_a_hit() {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(Cache::at(folder.path().join("store.db")));
    let (function, value) = (Function::of(Residency::Transient), "x".repeat(3 << 20));
    function.call(&ctx, "a", value.clone());
    assert!(function.call(&ctx, "a", String::new()) == value);
    assert_eq!((function.computed(), ctx.cache.failures()), (1, 0));
}

#[test]
fn hits_of_every_tier_are_written_to_the_store() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let function = Function::of(Residency::Hybrid);
    function.call(&ctx, "a", 1);
    clock.advance(Duration::from_secs(60));
    for _ in 0..5 {
        function.call(&ctx, "a", 1);
    }
    Function::of(Residency::Transient).call(&ctx, "a", 1);
    ctx.cache.flush();
    ctx.cache.flush();
    let backend = ctx.cache.backend().expect("a backend");
    let [entry] = &entries(&**backend)[..] else {
        panic!("one entry")
    };
    assert_eq!(entry.hits, 6);
    assert_eq!(
        entry.last_used_at,
        Some(NOW.saturating_add(Duration::from_secs(60)))
    );
}

#[test]
fn a_dropped_cache_has_written_its_hits() {
    let backend: Arc<dyn Backend> =
        Arc::new(ecache_core::backend::memory::MemoryBackend::default());
    let ctx = context(Cache::on(backend.clone()));
    let function = Function::of(Residency::Hybrid);
    function.call(&ctx, "a", 1);
    function.call(&ctx, "a", 1);
    drop(ctx);
    assert_eq!(entries(&*backend)[0].hits, 1);
}

#[test]
fn verification_computes_a_share_of_the_hits_again_and_returns_what_is_right() {
    let function = Function::new(options("tests::verified", |options| {
        options.verify_every = 2;
    }));
    let ctx = in_memory();
    let results: Vec<i32> = (0..5).map(|now| function.call(&ctx, "a", now)).collect();
    // Computed, hit, hit and verified, hit, hit and verified.
    assert_eq!(results, [0, 0, 2, 2, 4]);
    assert_eq!(function.cache.counters().mismatches, 2);
}

#[test]
fn a_clear_of_a_function_is_an_operation_that_can_be_undone() {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(Cache::at(folder.path().join("store.db")));
    let function = Function::of(Residency::Hybrid);
    let (one, two) = (ctx.clone().with_dataset("1"), ctx.clone().with_dataset("2"));
    assert_eq!(
        [function.call(&one, "a", 1), function.call(&two, "a", 2)],
        [1, 2]
    );

    let cleared = function.cache.clear_all_caches(&ctx, &Datasets::from("1"));
    assert_eq!(cleared.expect("cleared").entries, 1);
    let backend = ctx.cache.backend().expect("a backend");
    let operations = backend.operations().expect("a log");
    let [clear] = operations.as_slice() else {
        panic!("one operation: {operations:?}");
    };
    assert!(clear.operation.command.starts_with("clear_all_caches("));
    assert!(clear.operation.command.ends_with(", dataset 1)"));
    assert_eq!(clear.usage.entries, 1);

    let undo = Operation::default();
    let undone = backend.undo(Some(clear.id), &undo, SystemClock.now(), &mut no_progress);
    assert_eq!(undone.expect("undone").usage.entries, 1);
    let later = context(Cache::at(folder.path().join("store.db")));
    assert_eq!(function.call(&later.with_dataset("1"), "a", 3), 1);
    assert_eq!(function.computed(), 2);
}
