//! A cache lists, counts and clears the entries of its store, by filter.

use super::*;
use ecache_core::execution_store::ExecutionStore;
use ecache_core::scope::StoreAddress;
use ecache_core::{Key, Pattern, Policy, Usage, Value};

#[test]
fn entries_are_listed_counted_and_cleared_by_filter_and_leave_memory() {
    for path in [None, Some(tempfile::tempdir().expect("a folder"))] {
        let cache = match &path {
            None => Cache::in_memory(),
            Some(folder) => Cache::at(folder.path().join("store.db")),
        };
        let cache = Arc::new(cache.with_clock(Arc::new(ManualClock::new(NOW))));
        let ctx = ExecutionContext::new(&cache);
        let function = Function::new(options("tests::function", |options| {
            options.user_scoped = true;
        }));
        for (user, argument) in [("ann", "a"), ("ann", "b"), ("bob", "a")] {
            function.call(&ctx.clone().with_user(user), argument, 1);
        }
        let backend = cache.backend().expect("a store");
        let clock = Arc::new(ManualClock::new(NOW));
        let address = StoreAddress::new("tests::function");
        let settings = ExecutionStore::new(backend.clone(), clock, address);
        let set = settings.set(
            &Key::new("setting").expect("a key"),
            &Value::text("x"),
            None,
        );
        set.expect("set");

        let of_ann = Filter {
            users: vec![Pattern::exact("ann")],
            ..Filter::default()
        };
        let entries = cache.entries(&of_ann).expect("entries");
        let args: Vec<_> = entries.iter().map(|entry| entry.args.as_deref()).collect();
        assert_eq!(args, [Some("[\"a\"]"), Some("[\"b\"]")]);
        let usage = Usage {
            entries: 2,
            bytes: entries.iter().map(|entry| entry.size).sum(),
        };
        assert_eq!(cache.usage(&of_ann).expect("usage"), usage);
        assert_eq!(cache.clear(&of_ann).expect("cleared"), usage);
        assert_eq!(cache.usage(&of_ann).expect("usage"), Usage::default());

        assert_eq!(function.call(&ctx.clone().with_user("ann"), "a", 2), 2);
        assert_eq!(function.call(&ctx.clone().with_user("bob"), "a", 2), 1);

        let all = Filter::default();
        assert_eq!(cache.clear(&all).expect("cleared").entries, 2);
        let left = cache.entries(&all).expect("entries");
        assert_eq!(left.len(), 1, "what is set to persist stays: {left:?}");
        let persistent = Filter {
            policy: Some(Policy::Persist),
            ..all.clone()
        };
        assert_eq!(cache.clear(&persistent).expect("cleared").entries, 1);
        assert!(cache.entries(&all).expect("entries").is_empty());
    }
}
