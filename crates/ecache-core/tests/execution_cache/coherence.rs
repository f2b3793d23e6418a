//! Results removed by any handle or process do not come back out of memory.

use super::*;
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{ChangeBackend, no_progress};
use ecache_core::execution_cache::Datasets;
use ecache_core::filter::Usage;

#[test]
fn results_that_another_handle_removes_or_replaces_leave_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (Function::of(Residency::Hybrid), coherent(&path));
    let elsewhere = SqliteBackend::open(&path, Access::Write);
    assert_eq!(function.call(&ctx, "a", 1), 1);
    assert_eq!(function.call(&ctx, "a", 2), 1);

    let elsewhere = elsewhere.expect("a store");
    let removed = elsewhere.remove(&Filter::default().into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("removed").entries, 1);
    assert_eq!(function.call(&ctx, "a", 3), 3);

    let other = Function::of(Residency::Hybrid);
    let kept = other
        .cache
        .set_cache(&coherent(&path), &StoredForm, one("a"), 4);
    assert!(kept.expect("kept"));
    assert_eq!(function.call(&ctx, "a", 5), 4);
}

#[test]
fn it_is_noticed_within_the_coherence_time_and_looked_for_no_more_often() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let function = Function::of(Residency::Hybrid);
    let lazy = context(Cache::at(&path).with_coherence(Duration::from_secs(3600)));
    let prompt = context(Cache::at(&path).with_coherence(Duration::from_millis(20)));
    function.call(&lazy, "a", 1);
    function.call(&prompt, "a", 1);
    let elsewhere = SqliteBackend::open(&path, Access::Write).expect("a store");
    let removed = elsewhere.remove(&Filter::default().into(), NOW, &mut no_progress);
    removed.expect("removed");
    assert_eq!(function.call(&lazy, "a", 2), 1);
    std::thread::sleep(Duration::from_millis(21));
    assert_eq!(function.call(&prompt, "a", 3), 3);
}

#[test]
fn clearing_reaches_memory_and_store_and_says_how_many() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let linked = ctx.clone().with_dataset("1");
    function.call(&ctx, "a", 1);
    function.call(&ctx, "b", 1);
    function.call(&linked, "a", 1);

    let one_call = function.cache.clear_cache(&ctx, one("a")).expect("cleared");
    assert_eq!(
        one_call,
        Usage {
            entries: 1,
            bytes: 1
        }
    );
    assert_eq!(function.call(&ctx, "a", 2), 2);
    assert_eq!(function.call(&ctx, "b", 2), 1);

    let of_dataset = function.cache.clear_all_caches(&ctx, &"1".into());
    assert_eq!(of_dataset.expect("cleared").entries, 1);
    assert_eq!(function.call(&linked, "a", 3), 3);
    assert_eq!(function.call(&ctx, "b", 3), 1);

    let unlinked = function.cache.clear_all_caches(&ctx, &Datasets::Unlinked);
    assert_eq!(unlinked.expect("cleared").entries, 2);
    assert_eq!(function.call(&linked, "a", 4), 3);

    let all = function.cache.clear_all_caches(&ctx, &Datasets::All);
    assert_eq!(all.expect("cleared").entries, 1);
}

#[test]
fn an_ephemeral_functions_caches_are_cleared_as_well() {
    let (function, ctx) = (Function::of(Residency::Ephemeral), in_memory());
    let other_cache = in_memory();
    function.call(&ctx, "a", 1);
    function.call(&other_cache, "a", 1);
    let cleared = function.cache.clear_all_caches(&ctx, &Datasets::All);
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!(function.call(&ctx, "a", 2), 2);
    assert_eq!(function.call(&other_cache, "a", 2), 1);
}

#[test]
fn a_computation_that_was_going_on_during_a_clear_is_not_kept() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let (function, ctx) = (Function::of(residency), in_memory());
        let before = function.cache.call(&ctx, &StoredForm, one("a"), || {
            let cleared = function.cache.clear_all_caches(&ctx, &Datasets::All);
            cleared.expect("cleared");
            // A call after the clear does not wait for a computation from before it.
            assert_eq!(function.call(&ctx, "a", 2), 2);
            1
        });
        assert_eq!(before, 1);
        assert_eq!(function.call(&ctx, "a", 3), 2, "{residency:?}");
    }
}

#[test]
fn two_functions_that_share_a_store_clear_each_others_memory() {
    let named = |function| {
        Function::new(options(function, |options| {
            options.store_name = Some("shared".into());
        }))
    };
    let (one, two, ctx) = (named("tests::one"), named("tests::two"), in_memory());
    one.call(&ctx, "a", 1);
    let cleared = two.cache.clear_all_caches(&ctx, &Datasets::All);
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!(one.call(&ctx, "a", 2), 2);
}
