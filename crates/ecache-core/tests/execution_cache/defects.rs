//! Defects of FiftyOne that a cached function does not have: one test for each defect of the list
//! in `main.rs`. Defects 8 to 11 are in `codecs` and `values`.

use std::sync::Barrier;

use ecache_core::backend::no_progress;
use ecache_core::entry::Policy;
use ecache_core::execution_cache;
use ecache_core::execution_cache::Datasets;
use ecache_core::filter::Pattern;

use super::*;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Returns another number for each computation.
fn next() -> u64 {
    COUNT.fetch_add(1, Ordering::SeqCst)
}

#[execution_cache(ttl = 60)]
fn number(_ctx: &ExecutionContext, _path: &str, _scale: u8) -> u64 {
    next()
}

#[test]
fn defect_01_memory_tells_datasets_apart() {
    let ctx = in_memory();
    let of = |dataset: &str| number(&ctx.clone().with_dataset(dataset), "a", 1);
    let (one, two) = (of("1"), of("2"));
    assert_ne!(one, two);
    assert_eq!((of("1"), of("2")), (one, two));
}

#[test]
fn defect_02_every_argument_is_in_the_key() {
    let ctx = in_memory();
    let (one, other) = (number(&ctx, "a", 1), number(&ctx, "a", 2));
    assert_ne!(one, other);
    assert_ne!(number(&ctx, "b", 1), one);
    assert_eq!((number(&ctx, "a", 1), number(&ctx, "a", 2)), (one, other));
}

#[execution_cache(store_name = "defect 3", operator_scoped)]
fn first(_ctx: &ExecutionContext, _path: &str) -> u64 {
    next()
}

#[execution_cache(store_name = "defect 3")]
fn second(_ctx: &ExecutionContext, _path: &str, _operator: &str) -> u64 {
    next()
}

#[execution_cache(store_name = "defect 3", operator_scoped)]
fn third(_ctx: &ExecutionContext, _path: &str) -> u64 {
    next()
}

#[test]
fn defect_03_functions_of_one_store_and_scopes_like_arguments_are_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let all = |ctx: &ExecutionContext| {
        let scoped = ctx.clone().with_operator("X");
        [
            first(&scoped, "p"),
            second(ctx, "p", "X"),
            third(&scoped, "p"),
        ]
    };
    let computed = all(&context(Cache::at(&path)));
    let [one, two, three] = computed;
    assert!(one != two && two != three && three != one);
    assert_eq!(
        all(&context(Cache::at(&path))),
        computed,
        "in another process"
    );
}

#[test]
fn defect_04_a_ttl_ends_when_it_says() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let one = number(&ctx, "ttl", 1);
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(number(&ctx, "ttl", 1), one);
    clock.advance(Duration::from_millis(1));
    assert_ne!(number(&ctx, "ttl", 1), one);
}

#[test]
fn defect_05_overwriting_renews_expiry_and_policy() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let backend = ctx.cache.backend().expect("a backend");
    let make_persist = || {
        let touch = ecache_core::backend::Touch {
            policy: Some(Policy::Persist),
            expires_at: Some(None),
        };
        let touched = backend.touch(&Filter::default().into(), touch, NOW, &mut no_progress);
        assert_eq!(touched.expect("touched").entries, 1);
    };
    let lifetime = || {
        let entry = entries(&**backend).remove(0);
        (entry.policy, entry.expires_at)
    };
    number(&ctx, "renewed", 1);
    make_persist();
    clock.advance(Duration::from_secs(59));
    number::set_cache(&ctx, "renewed", 1, 7_u64).expect("kept");
    let expected = NOW.saturating_add(Duration::from_secs(119));
    assert_eq!(lifetime(), (Policy::Evict, Some(expected)));
    clock.advance(Duration::from_secs(59));
    assert_eq!(number(&ctx, "renewed", 1), 7);

    // A function without a TTL names no lifetime, so a policy that was set with `touch` stays.
    number::clear_all_caches(&ctx, Datasets::All).expect("cleared");
    nothing(&ctx);
    make_persist();
    nothing::set_cache(&ctx, None).expect("kept");
    assert_eq!(lifetime(), (Policy::Persist, None));
}

#[execution_cache(residency = "transient")]
fn nothing(_ctx: &ExecutionContext) -> Option<u64> {
    None
}

#[test]
fn defect_06_a_cached_none_is_a_hit() {
    let ctx = in_memory();
    assert_eq!((nothing(&ctx), nothing(&ctx)), (None, None));
    assert_eq!(nothing::counters().store_hits, 1);
    assert_eq!(nothing::get(&ctx), Some(None));
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Classified {
    _cls: String,
    label: String,
}

#[execution_cache(residency = "transient")]
fn classified(_ctx: &ExecutionContext) -> Vec<Classified> {
    vec![Classified {
        _cls: "Classification".to_owned(),
        label: "cat".to_owned(),
    }]
}

#[test]
fn defect_07_a_dict_with_its_own_cls_is_a_hit() {
    let ctx = in_memory();
    let computed = classified(&ctx);
    assert_eq!(classified(&ctx), computed);
    assert_eq!(classified::counters().store_hits, 1);
}

#[test]
fn defect_12_clearing_reaches_memory_here_and_elsewhere_and_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (here, elsewhere) = (coherent(&path), coherent(&path));
    let before = number(&here, "cleared", 1);
    assert_eq!(number(&elsewhere, "cleared", 1), before);
    let cleared = number::clear_all_caches(&here, Datasets::All);
    assert_eq!(cleared.expect("cleared").entries, 1);
    let after = number(&elsewhere, "cleared", 1);
    assert_ne!(after, before);
    assert_eq!(number(&here, "cleared", 1), after);
}

#[execution_cache(user_scoped, prompt_scoped, jwt_scoped)]
fn of_callers(_ctx: &ExecutionContext) -> u64 {
    next()
}

#[test]
fn defect_13_one_users_results_can_be_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = coherent(&folder.path().join("store.db")).with_user_request_token("secret");
    let of = |user: &str| of_callers(&ctx.clone().with_user(user));
    let (ann, bob) = (of("ann"), of("bob"));
    let filter = Filter {
        users: vec![Pattern::exact("ann")],
        ..Filter::default()
    };
    let backend = ctx.cache.backend().expect("a backend");
    let removed = backend.remove(&filter.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("removed").entries, 1);
    assert_eq!(of("bob"), bob);
    assert_ne!(of("ann"), ann);
}

#[execution_cache]
fn at_once(_ctx: &ExecutionContext) -> u64 {
    next()
}

#[execution_cache]
async fn awaited(_ctx: &ExecutionContext) -> u64 {
    next()
}

#[test]
fn defect_14_eight_threads_compute_once_and_async_functions_are_cached() {
    let (ctx, start) = (in_memory(), Barrier::new(8));
    let call = || {
        start.wait();
        at_once(&ctx)
    };
    let results: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results.map(|result| result.expect("a result")).collect()
    });
    assert_eq!(results, [results[0]; 8]);
    assert_eq!(at_once::counters().computations, 1);
    let twice = futures_executor::block_on(async { (awaited(&ctx).await, awaited(&ctx).await) });
    assert_eq!(twice.0, twice.1);
}

#[test]
fn defect_15_switched_off_clearing_still_clears() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let before = number(&context(Cache::at(&path)), "off", 1);
    let off = context(Cache::at(&path).switched_off());
    assert_ne!(number(&off, "off", 1), before, "it computes");
    let cleared = number::clear_cache(&off, "off", 1);
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_ne!(number(&context(Cache::at(&path)), "off", 1), before);
}

#[test]
fn defect_16_results_of_prompts_and_tokens_can_be_found_and_go() {
    let ctx = in_memory()
        .with_user("ann")
        .with_user_request_token("secret");
    for prompt in ["p1", "p2"] {
        of_callers(&ctx.clone().with_prompt(prompt));
    }
    let backend = ctx.cache.backend().expect("a backend");
    let kept = entries(&**backend);
    assert!(kept.iter().all(|entry| entry.policy == Policy::Evict));
    assert!(kept.iter().all(|entry| entry.scopes.jwt_sha256.is_some()));
    let filter = Filter {
        prompts: vec![Pattern::exact("p1")],
        policy: Some(Policy::Evict),
        ..Filter::default()
    };
    let removed = backend.remove(&filter.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("removed").entries, 1);
    assert_eq!(entries(&**backend).len(), 1);
}

#[execution_cache(max_size = 0, version = 0)]
fn of_zero(_ctx: &ExecutionContext) -> u64 {
    next()
}

#[test]
fn defect_17_zero_is_a_size_and_a_version() {
    let ctx = in_memory();
    assert_eq!(of_zero(&ctx), of_zero(&ctx));
    let counters = of_zero::counters();
    assert_eq!((counters.memory_hits, counters.store_hits), (0, 1));
    let store = of_zero::execution_cache().options().store();
    assert_eq!(store, "execution_cache::defects::of_zero#v0");
}
