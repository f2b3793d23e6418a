//! The limits of a store hold for what functions write, too.

use super::*;
use ecache_core::backend::limit::{Bounds, LimitScope};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{ChangeBackend, LimitBackend, Operation, UndoBackend};
use ecache_core::entry::Policy;

fn limited(path: &Path, bounds: Bounds) -> SqliteBackend {
    let backend = SqliteBackend::open(path, Access::Write).expect("a store");
    let everything = LimitScope::new(&Filter::default(), false);
    let (name, value) = (everything.setting(), bounds.setting());
    backend
        .change_settings(&[(&name, Some(&value))], &Operation::default(), NOW)
        .expect("a limit");
    backend
}

#[test]
fn results_of_functions_make_room_for_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let backend = limited(
        &path,
        Bounds {
            max_entries: Some(5),
            ..Bounds::default()
        },
    );
    for (round, residency) in [Residency::Transient, Residency::Hybrid]
        .into_iter()
        .enumerate()
    {
        let (function, ctx) = (Function::of(residency), coherent(&path));
        for number in round * 20..round * 20 + 20 {
            assert_eq!(function.call(&ctx, &number.to_string(), number), number);
            assert!(entries(&backend).len() <= 5);
        }
        assert_eq!(function.computed(), 20);
        let latest = round * 20 + 19;
        let found = function.call(&ctx, &latest.to_string(), 0);
        assert_eq!(found, latest, "the latest is there");
    }
    let used = backend.limits().expect("the limits");
    assert_eq!((used[0].used.entries, used[0].evictions), (5, 35));
}

#[test]
fn a_default_lifetime_ends_in_the_store_and_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let week = Duration::from_secs(7 * 86_400);
    limited(
        &path,
        Bounds {
            default_ttl_ms: Some(week.as_millis() as u64),
            ..Bounds::default()
        },
    );
    for residency in [Residency::Transient, Residency::Hybrid] {
        let (ctx, clock) = with_clock(Cache::at(&path));
        let argument = format!("{residency:?}");
        let function = Function::of(residency);
        assert_eq!(function.call(&ctx, &argument, 1), 1);
        clock.advance(week - Duration::from_secs(1));
        assert_eq!(function.call(&ctx, &argument, 2), 1);
        clock.advance(Duration::from_secs(2));
        assert_eq!(function.call(&ctx, &argument, 3), 3, "{residency:?}");

        let endless = Function::new(options("tests::own_lifetime", |options| {
            options.residency = residency;
            options.ttl = Some(2 * week);
        }));
        assert_eq!(endless.call(&ctx, &argument, 4), 4);
        clock.advance(week + Duration::from_secs(1));
        assert_eq!(
            endless.call(&ctx, &argument, 5),
            4,
            "an attribute goes before it"
        );
    }
}

#[test]
fn a_function_computes_without_an_error_if_no_entry_may_be_evicted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let backend = limited(
        &path,
        Bounds {
            max_entries: Some(1),
            ..Bounds::default()
        },
    );
    let (function, ctx) = (Function::of(Residency::Hybrid), coherent(&path));
    assert_eq!(function.call(&ctx, "a", 1), 1);
    let kept = entries(&backend).remove(0);
    let touch = ecache_core::backend::Touch {
        policy: Some(Policy::Persist),
        ..Default::default()
    };
    let all = Filter::default().into();
    use ecache_core::backend::no_progress;
    backend
        .touch(&all, touch, NOW, &mut no_progress)
        .expect("a touch");
    for value in [2, 3] {
        assert_eq!(function.call(&ctx, "b", value), value);
    }
    let left = entries(&backend);
    assert_eq!((left.len(), &left[0].address), (1, &kept.address));
    assert_eq!(function.cache.counters().errors, 0);
}
