//! Calls compute their results when the cache fails.

use std::time::Instant;

use super::*;
use ecache_core::execution_cache::{Codec, CodecError, Datasets, Reaction};
use ecache_core::value::Value;

/// Checks that calls compute if the store cannot be opened, and that each counts as trouble.
fn computes_without_a_store(path: &Path) {
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(path)));
    assert_eq!(function.call(&ctx, "a", 1), 1);
    assert_eq!(function.call(&ctx, "a", 2), 2);
    assert_eq!(ctx.cache.failures(), 2);
    let cleared = function.cache.clear_all_caches(&ctx, &Datasets::All);
    assert!(cleared.is_err(), "who clears is told");
}

#[test]
fn a_store_that_cannot_be_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    computes_without_a_store(folder.path());
    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, "a text").expect("a file");
    computes_without_a_store(&foreign);
    assert_eq!(std::fs::read(&foreign).expect("the file"), b"a text");
}

#[test]
fn a_store_of_a_newer_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    drop(common::write(&path));
    let connection = rusqlite::Connection::open(&path).expect("a database");
    connection
        .pragma_update(None, "user_version", 1000)
        .expect("a newer version");
    drop(connection);
    computes_without_a_store(&path);
}

#[test]
fn a_store_that_can_be_opened_again_is_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    std::fs::create_dir(&path).expect("a folder where the store should be");
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    assert_eq!(function.call(&ctx, "a", 1), 1);
    std::fs::remove_dir(&path).expect("an empty folder");
    std::thread::sleep(Duration::from_millis(1001));
    assert_eq!(function.call(&ctx, "a", 2), 2);
    assert_eq!(function.call(&ctx, "a", 3), 2);
}

#[test]
fn a_damaged_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    Function::of(Residency::Transient).call(&context(Cache::at(&path)), "a", "x".repeat(100));
    let connection = rusqlite::Connection::open(&path).expect("a database");
    let damaged = connection.execute("UPDATE entries SET value = CAST('y' AS BLOB)", ());
    assert_eq!(damaged, Ok(1));

    let (function, ctx) = (
        Function::of(Residency::Transient),
        context(Cache::at(&path)),
    );
    assert_eq!(function.call(&ctx, "a", "z".to_owned()), "z");
    assert_eq!(ctx.cache.failures(), 1);
}

#[test]
fn a_store_that_is_written_to_by_others_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (
        Function::of(Residency::Transient),
        context(Cache::at(&path)),
    );
    function.call(&ctx, "a", 1);
    let connection = common::lock(&path);
    std::thread::scope(|scope| {
        let hit = scope.spawn(|| function.call(&ctx, "a", 2));
        assert_eq!(hit.join().expect("a result"), 1, "readers do not wait");
        let miss = scope.spawn(|| function.call(&ctx, "b", 3));
        std::thread::sleep(Duration::from_millis(50));
        connection.execute_batch("COMMIT").expect("the end of it");
        assert_eq!(miss.join().expect("a result"), 3);
    });
    assert_eq!(function.call(&ctx, "b", 4), 3);
    assert_eq!(ctx.cache.failures(), 0);
}

#[test]
fn a_store_that_stays_locked_holds_a_caller_up_for_two_seconds_at_most() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    function.call(&ctx, "a", 1);
    let connection = common::lock(&path);
    let started = Instant::now();
    assert_eq!(function.call(&ctx, "b", 2), 2);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(ctx.cache.failures(), 1);
    connection.execute_batch("COMMIT").expect("the end of it");
    assert_eq!(function.call(&ctx, "b", 3), 3, "it was not kept");
}

struct Unstorable;

impl Codec<i32> for Unstorable {
    fn encode(&self, _: &i32) -> Result<Value, CodecError> {
        Err(CodecError::new("no stored form"))
    }

    fn decode(&self, _: Value) -> Result<i32, CodecError> {
        unreachable!("nothing is stored")
    }
}

#[test]
fn a_result_without_a_stored_form_is_returned() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    for value in [1, 2] {
        let result = function.cache.call(&ctx, &Unstorable, one("a"), || value);
        assert_eq!(result, value);
    }
    assert_eq!(ctx.cache.failures(), 2);
}

#[test]
fn an_argument_without_a_stored_form_is_not_cached() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let arguments = || one(&std::collections::HashMap::from([(vec![1], 1)]));
    assert_eq!(function.cache.call(&ctx, &StoredForm, arguments(), || 1), 1);
    assert_eq!(
        (ctx.cache.failures(), function.cache.counters().bypasses),
        (1, 1)
    );
    assert!(
        function
            .cache
            .set_cache(&ctx, &StoredForm, arguments(), 1)
            .is_err()
    );
    assert!(function.cache.clear_cache(&ctx, arguments()).is_err());
}

#[test]
fn a_stored_value_of_another_type_is_computed_anew() {
    let ctx = in_memory();
    Function::of(Residency::Transient).call(&ctx, "a", "text".to_owned());
    let function = Function::of(Residency::Transient);
    assert_eq!(function.call(&ctx, "a", 1), 1);
    assert_eq!(ctx.cache.failures(), 1);
    assert_eq!(function.call(&ctx, "a", 2), 1);
}

#[test]
#[should_panic(expected = "the execution cache could not open the store: ")]
fn trouble_panics_where_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(Cache::at(folder.path()).with_reaction(Reaction::Panic));
    Function::of(Residency::Hybrid).call(&ctx, "a", 1);
}

#[test]
fn switched_off_it_computes_and_clears() {
    let backend: Arc<dyn Backend> =
        Arc::new(ecache_core::backend::memory::MemoryBackend::default());
    let on = context(Cache::on(backend.clone()));
    let off = context(Cache::on(backend.clone()).switched_off());
    let function = Function::of(Residency::Hybrid);
    function.call(&on, "a", 1);
    assert_eq!(function.call(&off, "a", 2), 2);
    let kept = function.cache.set_cache(&off, &StoredForm, one("a"), 3);
    assert!(!kept.expect("no error"));
    let cleared = function.cache.clear_cache(&off, one("a"));
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!(entries(&*backend), []);
}

#[test]
fn there_is_one_warning_and_it_says_what_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let warnings = warnings_of(|| computes_without_a_store(folder.path()));
    let path = folder.path().display();
    let expected =
        format!("the execution cache could not open the store: {path} is a folder, not a store");
    assert_eq!(warnings, [expected]);
}
