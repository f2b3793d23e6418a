//! Expired results leave the store: a few with each stored result, or all at once.

use super::*;

const TTL: Duration = Duration::from_secs(10);

fn of_name(name: &'static str) -> Function {
    Function::new(options(name, |options| {
        options.ttl = Some(TTL);
        options.residency = Residency::Transient;
    }))
}

/// Calls a function with `count` arguments, beginning with `from`.
fn fill(function: &Function, ctx: &ExecutionContext, from: usize, count: usize) {
    for n in from..from + count {
        function.call(ctx, &n.to_string(), n);
    }
}

/// Runs a test with a store in memory and with one in a file.
fn in_every_store(test: impl Fn(Cache)) {
    test(Cache::in_memory());
    let folder = tempfile::tempdir().expect("a folder");
    test(Cache::at(folder.path().join("store.db")));
}

#[test]
fn a_function_removes_a_few_of_its_expired_results_with_each_that_it_keeps() {
    in_every_store(|cache| {
        let (ctx, clock) = with_clock(cache);
        let (function, other) = (of_name("tests::one"), of_name("tests::other"));
        let endless = Function::of(Residency::Transient);
        let dataset = ctx.clone().with_dataset("6b03de1228195dbc2df5c505");
        fill(&function, &ctx, 0, 60);
        fill(&function, &dataset, 0, 20);
        fill(&other, &ctx, 0, 10);
        fill(&endless, &ctx, 0, 5);
        assert_eq!(keys(&ctx).len(), 95);
        clock.advance(TTL);
        // The last search for expired results is less than a minute ago.
        fill(&function, &ctx, 100, 1);
        assert_eq!(keys(&ctx).len(), 96);
        clock.advance(Duration::from_secs(60));
        let mut before = 96;
        for n in 200..204 {
            fill(&function, &ctx, n, 1);
            let left = keys(&ctx).len();
            assert!(before + 1 - left <= 32, "a few at once: {before}, {left}");
            before = left;
        }
        // Left are four new results, and those of other functions.
        assert_eq!(before, 4 + 10 + 5);
        assert_eq!(ctx.cache.failures(), 0);
    });
}

#[test]
fn pruning_removes_what_expired_of_all_functions_and_says_how_much() {
    in_every_store(|cache| {
        let (ctx, clock) = with_clock(cache);
        let elsewhere = Function::new(options("tests::elsewhere", |options| {
            options.collection_name = "elsewhere".into();
            options.ttl = Some(TTL);
        }));
        fill(&of_name("tests::one"), &ctx, 0, 100);
        fill(&of_name("tests::other"), &ctx, 0, 10);
        fill(&elsewhere, &ctx, 0, 1);
        fill(&Function::of(Residency::Transient), &ctx, 0, 5);
        assert_eq!(ctx.cache.prune().expect("pruned").entries, 0);
        clock.advance(TTL);
        let removed = ctx.cache.prune().expect("pruned");
        assert_eq!((removed.entries, removed.bytes > 0), (111, true));
        assert_eq!(keys(&ctx).len(), 5);
    });
}
