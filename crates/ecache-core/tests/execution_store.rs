//! FiftyOne's execution store on every backend, and defects of FiftyOne that it does not have.

#![allow(
    clippy::unwrap_used,
    reason = "an error of a store that is expected to work fails the test"
)]

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{Backend, Condition, Put};
use ecache_core::entry::Policy;
use ecache_core::error::{Error, Result};
use ecache_core::execution_store::{
    Change, ExecutionStore, ExecutionStores, Lifetime, STORE_KEY, SetOptions, Subscription,
};
use ecache_core::filter::Usage;
use ecache_core::key::Key;
use ecache_core::python_json::Json;
use ecache_core::scope::{DEFAULT_COLLECTION, Scopes, StoreAddress};
use ecache_core::time::{Clock, ManualClock, Timestamp};
use ecache_core::value::{CHUNK_SIZE, Value};

const MINUTE: Duration = Duration::from_secs(60);
const DATASET: &str = "6b03de2ec1f4a9d3b7e05c18";

/// A store on one kind of backend, and the clock that it reads.
struct Fixture {
    backend: Arc<dyn Backend>,
    clock: Arc<ManualClock>,
    store: ExecutionStore,
}

impl Fixture {
    fn new(backend: Arc<dyn Backend>) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_415_570_948)));
        let address = StoreAddress::new("thumbnails");
        let store = ExecutionStore::new(Arc::clone(&backend), clock.clone(), address);
        Self {
            backend,
            clock,
            store,
        }
    }

    fn stores(&self, dataset_id: Option<&str>) -> ExecutionStores {
        let backend = Arc::clone(&self.backend);
        ExecutionStores::new(backend, self.clock.clone(), DEFAULT_COLLECTION, dataset_id)
    }

    fn policy(&self, name: &str) -> Policy {
        let entry = self.store.get_entry(&key(name)).expect("readable");
        entry.expect("there").policy
    }
}

fn on_every_backend(test: impl Fn(Fixture)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    test(Fixture::new(sqlite(&folder.path().join("store.db"))));
}

fn sqlite(path: &Path) -> Arc<dyn Backend> {
    Arc::new(SqliteBackend::open(path, Access::Write).expect("a store in a temporary folder"))
}

fn key(name: &str) -> Key {
    Key::new(name).expect("a short key is valid")
}

fn text(text: &str) -> Value {
    Value::text(text)
}

#[test]
fn an_entry_is_gone_for_readers_when_its_time_is_over() {
    on_every_backend(|Fixture { store, clock, .. }| {
        store.set(&key("k"), &text("v"), Some(MINUTE)).unwrap();
        clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(store.get(&key("k")).unwrap(), Some(text("v")));
        assert!(store.has(&key("k")).unwrap());
        assert_eq!(store.list_keys().unwrap(), [key("k")]);
        assert_eq!(store.count_keys().unwrap(), 1);

        clock.advance(Duration::from_millis(1));
        assert_eq!(store.get(&key("k")).unwrap(), None);
        assert_eq!(store.get_entry(&key("k")).unwrap(), None);
        assert!(!store.has(&key("k")).unwrap());
        assert!(store.list_keys().unwrap().is_empty());
        assert_eq!(store.count_keys().unwrap(), 0);
    });
}

#[test]
fn overwriting_renews_the_expiry_and_keeps_the_policy() {
    on_every_backend(|fixture| {
        let Fixture { store, clock, .. } = &fixture;
        store.set(&key("k"), &text("1"), Some(MINUTE)).unwrap();
        clock.advance(MINUTE / 2);
        store.set(&key("k"), &text("2"), Some(MINUTE)).unwrap();
        clock.advance(MINUTE / 2);
        assert_eq!(store.get(&key("k")).unwrap(), Some(text("2")));
        assert_eq!(fixture.policy("k"), Policy::Evict);

        store.set(&key("k"), &text("3"), None).unwrap();
        clock.advance(MINUTE * 60);
        assert_eq!(store.get(&key("k")).unwrap(), Some(text("3")));
        assert_eq!(fixture.policy("k"), Policy::Evict);
    });
}

#[test]
fn a_stored_none_is_a_hit() {
    on_every_backend(|Fixture { store, .. }| {
        let none = Value::json("null").unwrap();
        store.set(&key("k"), &none, None).unwrap();
        assert_eq!(store.get(&key("k")).unwrap(), Some(none));
        assert_eq!(store.get(&key("other")).unwrap(), None);
    });
}

#[test]
fn a_ttl_makes_an_entry_evict_and_none_takes_it_away() {
    on_every_backend(|fixture| {
        let Fixture { store, clock, .. } = &fixture;
        store.set(&key("k"), &text("v"), None).unwrap();
        assert!(store.update_ttl(&key("k"), Some(MINUTE)).unwrap());
        assert_eq!(fixture.policy("k"), Policy::Evict);

        assert!(store.update_ttl(&key("k"), None).unwrap());
        clock.advance(MINUTE);
        assert_eq!(fixture.policy("k"), Policy::Evict);
        assert_eq!(store.clear_cache().unwrap().entries, 1);
    });
}

#[test]
fn persist_takes_an_expiry_away() {
    on_every_backend(|fixture| {
        let Fixture { store, clock, .. } = &fixture;
        store.set(&key("k"), &text("v"), Some(MINUTE)).unwrap();
        assert!(store.update_policy(&key("k"), Policy::Persist).unwrap());
        clock.advance(MINUTE);
        assert_eq!(fixture.policy("k"), Policy::Persist);
        assert_eq!(store.clear_cache().unwrap(), Usage::default());

        assert!(store.update_policy(&key("k"), Policy::Evict).unwrap());
        assert_eq!(store.clear_cache().unwrap().entries, 1);
    });
}

#[test]
fn an_expired_entry_is_not_revived() {
    on_every_backend(|Fixture { store, clock, .. }| {
        store.set(&key("k"), &text("v"), Some(MINUTE)).unwrap();
        clock.advance(MINUTE);
        assert!(!store.update_ttl(&key("k"), None).unwrap());
        assert!(!store.update_policy(&key("k"), Policy::Persist).unwrap());
        assert_eq!(store.get(&key("k")).unwrap(), None);
        assert!(store.delete(&key("k")).unwrap());
        assert!(!store.delete(&key("k")).unwrap());
    });
}

#[test]
fn set_if_absent_writes_where_nothing_is_fresh() {
    on_every_backend(|Fixture { store, clock, .. }| {
        let set = |value| store.set_if_absent(&key("k"), &text(value), Some(MINUTE));
        assert!(set("1").unwrap());
        assert!(!set("2").unwrap());
        assert_eq!(store.get(&key("k")).unwrap(), Some(text("1")));
        clock.advance(MINUTE);
        assert!(set("3").unwrap());
        assert_eq!(store.get(&key("k")).unwrap(), Some(text("3")));
    });
}

#[test]
fn compare_and_set_compares_what_json_says() {
    on_every_backend(|Fixture { store, .. }| {
        let json = |text: &str| Value::json(text).unwrap();
        let swap = |from, to| store.compare_and_set(&key("k"), json(from), &json(to), None, None);
        assert!(!swap("1", "2").unwrap(), "there is nothing to compare with");
        store
            .set(&key("k"), &json(r#"{"a":1,"b":2}"#), None)
            .unwrap();
        assert!(!swap(r#"{"a":1}"#, "2").unwrap());
        assert!(swap(r#"{"b": 2, "a": 1}"#, "2").unwrap());
        assert_eq!(store.get(&key("k")).unwrap(), Some(json("2")));
    });
}

#[test]
fn an_overwrite_keeps_the_policy_and_a_compare_and_set_the_lifetime() {
    on_every_backend(|Fixture { store, clock, .. }| {
        let expires_at = Some(clock.now().saturating_add(MINUTE));
        let lifetime = || {
            let entry = store.get_entry(&key("k")).unwrap().expect("it is fresh");
            (entry.policy, entry.expires_at)
        };
        let swap = |ttl| {
            let swapped = store.compare_and_set(&key("k"), text("v"), &text("v"), ttl, None);
            assert!(swapped.unwrap());
        };
        store.set(&key("k"), &text("v"), None).unwrap();
        store.set_cache(&key("k"), &text("v"), None).unwrap();
        assert_eq!(lifetime(), (Policy::Persist, None));
        swap(None);
        assert_eq!(lifetime(), (Policy::Persist, None));
        swap(Some(MINUTE));
        assert_eq!(lifetime(), (Policy::Evict, expires_at));
        swap(None);
        assert_eq!(lifetime(), (Policy::Evict, expires_at));
        store.set(&key("k"), &text("v"), None).unwrap();
        assert_eq!(lifetime(), (Policy::Evict, None));
        store.update_policy(&key("k"), Policy::Persist).unwrap();
        store
            .set_cache(&key("k"), &text("v"), Some(MINUTE))
            .unwrap();
        assert_eq!(lifetime(), (Policy::Evict, expires_at));
        clock.advance(MINUTE);
        assert!(store.set_if_absent(&key("k"), &text("v"), None).unwrap());
        assert_eq!(lifetime(), (Policy::Persist, None), "what expired is gone");
    });
}

#[test]
fn a_compare_and_set_takes_a_policy_and_keeps_the_expiry() {
    on_every_backend(|Fixture { store, clock, .. }| {
        let expires_at = Some(clock.now().saturating_add(MINUTE));
        let after = |ttl, policy| {
            let swapped = store.compare_and_set(&key("k"), text("v"), &text("v"), ttl, policy);
            assert!(swapped.unwrap());
            let entry = store.get_entry(&key("k")).unwrap().expect("it is fresh");
            (entry.policy, entry.expires_at)
        };
        store.set(&key("k"), &text("v"), None).unwrap();
        let (persist, evict) = (Some(Policy::Persist), Some(Policy::Evict));
        assert_eq!(after(None, evict), (Policy::Evict, None));
        assert_eq!(after(Some(MINUTE), persist), (Policy::Evict, expires_at));
        assert_eq!(after(None, evict), (Policy::Evict, expires_at));
        assert_eq!(after(None, persist), (Policy::Persist, None));
        assert_eq!(after(None, None), (Policy::Persist, None));
    });
}

#[test]
fn a_store_is_created_with_a_policy_which_later_metadata_keeps() {
    on_every_backend(|fixture| {
        let stores = fixture.stores(None);
        assert!(stores.create_store("cache", None, Policy::Evict).unwrap());
        assert!(stores.create_store("state", None, Policy::Persist).unwrap());
        stores.store("cache").set_metadata(&Json::from(1)).unwrap();
        let policy = |name| {
            stores
                .store(name)
                .metadata()
                .unwrap()
                .map(|found| found.policy)
        };
        assert_eq!(policy("cache"), Some(Policy::Evict));
        stores.clear_cache().unwrap();
        assert_eq!(policy("cache"), None, "as FiftyOne's clear_cache does");
        assert_eq!(policy("state"), Some(Policy::Persist));
    });
}

#[test]
fn the_key_of_a_stores_own_document_is_no_key() {
    on_every_backend(|Fixture { store, .. }| {
        store.set_metadata(&Json::from("about this store")).unwrap();
        assert!(store.list_keys().unwrap().is_empty());
        assert_eq!(store.count_keys().unwrap(), 0);

        let reserved = key(STORE_KEY);
        let refused = |result: Result<bool>| matches!(result, Err(Error::ReservedKey));
        assert!(refused(store.get(&reserved).map(|_| true)));
        assert!(refused(store.get_entry(&reserved).map(|_| true)));
        assert!(refused(store.has(&reserved)));
        assert!(refused(store.set_if_absent(&reserved, &text("v"), None)));
        assert!(refused(store.update_ttl(&reserved, None)));
        assert!(refused(store.update_policy(&reserved, Policy::Evict)));
        assert!(refused(store.delete(&reserved)));
        let message = store.set(&reserved, &text("v"), None).unwrap_err();
        assert_eq!(
            message.to_string(),
            "the key \"__store__\" is the store's own document, and no entry's"
        );
        let metadata = store.metadata().unwrap().expect("it was just set");
        assert_eq!(metadata.value, r#""about this store""#);
    });
}

#[test]
fn a_ttl_under_a_millisecond_is_refused_and_nothing_written() {
    on_every_backend(|Fixture { store, .. }| {
        store.set(&key("k"), &text("v"), None).unwrap();
        for ttl in [Duration::ZERO, Duration::from_micros(999)] {
            let set = store.set_cache(&key("k"), &text("new"), Some(ttl));
            assert!(matches!(set, Err(Error::TtlTooShort { .. })));
            let updated = store.update_ttl(&key("k"), Some(ttl));
            assert!(matches!(updated, Err(Error::TtlTooShort { .. })));
        }
        assert_eq!(store.get(&key("k")).unwrap(), Some(text("v")));
    });
}

#[test]
fn keeps_what_is_known_of_an_entry() {
    on_every_backend(|Fixture { store, clock, .. }| {
        let options = SetOptions {
            lifetime: Lifetime::Expire(MINUTE),
            scopes: Scopes {
                user_id: Some("u".into()),
                ..Scopes::default()
            },
            function: Some("module.function".into()),
            args: Some(r#"["cat.jpg"]"#.into()),
            cost: Some(Duration::from_millis(1500)),
            ..SetOptions::default()
        };
        let created_at = clock.now();
        store.set(&key("k"), &text("v"), None).unwrap();
        clock.advance(MINUTE);
        let set = store.set_with(&key("k"), &text("new"), &options, &Condition::Always);
        assert_eq!(set.unwrap(), Put::Replaced);

        let entry = store.get_entry(&key("k")).unwrap().expect("it was written");
        assert_eq!(entry.created_at, created_at);
        assert_eq!(entry.updated_at, Some(clock.now()));
        assert_eq!(entry.expires_at, Some(clock.now().saturating_add(MINUTE)));
        assert_eq!(entry.policy, Policy::Evict);
        assert_eq!(entry.size, 3);
        assert_eq!(entry.scopes, options.scopes);
        assert_eq!(entry.function, options.function);
        assert_eq!(entry.args, options.args);
        assert_eq!(entry.cost_ms, Some(1500));
    });
}

#[test]
fn a_value_larger_than_a_chunk_comes_back_whole() {
    on_every_backend(|Fixture { store, .. }| {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(CHUNK_SIZE * 2 + 1).collect();
        let value = Value::bytes(bytes);
        store.set(&key("k"), &value, None).unwrap();
        assert_eq!(store.get(&key("k")).unwrap().as_ref(), Some(&value));
        assert!(
            store
                .compare_and_set(&key("k"), value, &text("v"), None, None)
                .unwrap()
        );
    });
}

#[test]
fn clearing_the_cache_leaves_what_persists_and_clearing_nothing() {
    on_every_backend(|fixture| {
        let store = &fixture.store;
        let linked = fixture.stores(Some(DATASET)).store("thumbnails");
        linked.set_cache(&key("k"), &text("linked"), None).unwrap();
        store.set(&key("kept"), &text("1"), None).unwrap();
        store.set_cache(&key("cached"), &text("22"), None).unwrap();
        store
            .set(&key("expiring"), &text("333"), Some(MINUTE))
            .unwrap();
        store.set_metadata(&Json::Null).unwrap();

        let (entries, bytes) = (2, 5);
        assert_eq!(store.clear_cache().unwrap(), Usage { entries, bytes });
        assert!(store.metadata().unwrap().is_some(), "it persists");
        assert_eq!(store.list_keys().unwrap(), [key("kept")]);
        let (entries, bytes) = (1, 1);
        assert_eq!(store.clear().unwrap(), Usage { entries, bytes });
        assert_eq!(store.count_keys().unwrap(), 0);
        assert_eq!(store.metadata().unwrap(), None);
        assert_eq!(linked.get(&key("k")).unwrap(), Some(text("linked")));
    });
}

#[test]
fn metadata_keeps_when_it_was_created() {
    on_every_backend(|Fixture { store, clock, .. }| {
        let created_at = clock.now();
        store.set_metadata(&Json::from(1)).unwrap();
        clock.advance(MINUTE);
        store.set_metadata(&Json::from(2)).unwrap();
        let metadata = store.metadata().unwrap().expect("it was set");
        assert_eq!(metadata.value, "2");
        assert_eq!(metadata.created_at, created_at);
        assert_eq!(metadata.updated_at, Some(clock.now()));
    });
}

#[test]
fn a_store_exists_with_entries_or_metadata() {
    on_every_backend(|fixture| {
        let stores = fixture.stores(None);
        assert!(stores.list_stores().unwrap().is_empty());
        assert!(stores.create_store("empty", None, Policy::Persist).unwrap());
        let again = Some(&Json::from(1));
        assert!(!stores.create_store("empty", again, Policy::Evict).unwrap());
        stores
            .store("filled")
            .set(&key("k"), &text("v"), None)
            .unwrap();

        let found = stores.list_stores().unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|store| &*store.address.store_name)
            .collect();
        assert_eq!(names, ["empty", "filled"]);
        let metadata = found[0].metadata.as_ref().expect("it was created");
        assert_eq!(metadata.value, "null");
        assert_eq!(stores.count_stores().unwrap(), 2);
        assert!(stores.has_store("empty").unwrap());
        assert!(!stores.has_store("other").unwrap());

        assert_eq!(stores.delete_store("empty").unwrap(), Usage::default());
        assert_eq!(stores.delete_store("filled").unwrap().entries, 1);
        assert_eq!(stores.count_stores().unwrap(), 0);
    });
}

#[test]
fn a_datasets_stores_are_its_own() {
    on_every_backend(|fixture| {
        let (linked, unlinked) = (fixture.stores(Some(DATASET)), fixture.stores(None));
        for stores in [&linked, &unlinked] {
            stores.create_store("a", None, Policy::Persist).unwrap();
            stores
                .store("a")
                .set_cache(&key("k"), &text("v"), None)
                .unwrap();
            stores.store("b").set(&key("k"), &text("v"), None).unwrap();
        }
        assert_eq!(linked.count_stores().unwrap(), 2);
        assert_eq!(linked.count_stores_global().unwrap(), 4);
        assert_eq!(linked.clear_cache().unwrap().entries, 1);
        assert_eq!(linked.cleanup().unwrap().entries, 1);
        assert_eq!(linked.count_stores().unwrap(), 0);
        assert!(!linked.has_store("a").unwrap());
        assert!(linked.has_store_global("a").unwrap());

        linked.store("b").set(&key("k"), &text("v"), None).unwrap();
        assert_eq!(linked.delete_store_global("b").unwrap().entries, 2);
        let left = unlinked.list_stores_global().unwrap();
        let names: Vec<_> = left
            .iter()
            .map(|store| &*store.address.store_name)
            .collect();
        assert_eq!(names, ["a"]);
    });
}

#[test]
fn a_damaged_value_is_an_error_and_never_a_miss() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let Fixture { store, .. } = Fixture::new(sqlite(&path));
    store.set(&key("k"), &text("v"), None).unwrap();
    let connection = rusqlite::Connection::open(&path).expect("the store's file");
    connection
        .execute("UPDATE entries SET value = x'00'", ())
        .unwrap();

    assert!(matches!(
        store.get(&key("k")),
        Err(Error::DamagedEntry { .. })
    ));
    assert!(store.has(&key("k")).unwrap());
    assert!(store.get_entry(&key("k")).unwrap().is_some());
    store.set(&key("k"), &text("new"), None).unwrap();
    assert_eq!(store.get(&key("k")).unwrap(), Some(text("new")));
}

/// A subscription to a file that another handle writes to.
struct Watched {
    store: ExecutionStore,
    notices: Receiver<Result<Change>>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

/// Subscribes through one handle with a callback that passes everything on.
fn watch() -> (Watched, Subscription) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let watching = Fixture::new(sqlite(&path)).store;
    let (sender, notices) = mpsc::channel();
    let subscription = watching
        .subscribe_every(Duration::from_millis(1), move |notice| {
            let _ = sender.send(notice);
        })
        .expect("a readable store");
    let watched = Watched {
        store: Fixture::new(sqlite(&path)).store,
        notices,
        path,
        _folder: folder,
    };
    (watched, subscription)
}

impl Watched {
    fn next(&self) -> Result<Change> {
        let notice = self.notices.recv_timeout(Duration::from_secs(120));
        notice.expect("a notice within half a minute")
    }
}

#[test]
fn a_subscriber_hears_of_another_handles_changes() {
    let (watched, _subscription) = watch();
    let store = &watched.store;
    store.set(&key("k"), &text("v"), None).unwrap();
    let Change::Created(entry) = watched.next().unwrap() else {
        panic!("it was not there before")
    };
    assert_eq!(store.get_entry(&key("k")).unwrap(), Some(*entry));

    store.update_ttl(&key("k"), Some(MINUTE)).unwrap();
    let Change::Updated(entry) = watched.next().unwrap() else {
        panic!("it was there before")
    };
    assert_eq!(entry.policy, Policy::Evict);

    store.delete(&key("k")).unwrap();
    let deleted = watched.next().unwrap();
    assert!(
        matches!(&deleted, Change::Deleted(address) if address.key == key("k")),
        "{deleted:?}"
    );
}

#[test]
fn an_error_is_told_once_and_changes_go_on_after_it() {
    let (watched, _subscription) = watch();
    watched.store.set(&key("k"), &text("v"), None).unwrap();
    assert!(matches!(watched.next(), Ok(Change::Created(_))));
    let connection = rusqlite::Connection::open(&watched.path).expect("the store's file");
    connection
        .execute_batch("ALTER TABLE uses RENAME TO elsewhere")
        .unwrap();
    assert!(watched.next().is_err());
    connection
        .execute_batch("ALTER TABLE elsewhere RENAME TO uses")
        .unwrap();
    watched.store.delete(&key("k")).unwrap();
    let mut deleted = watched.next().unwrap();
    // An entry that is as old as the last look may be reported as updated once too often.
    while matches!(&deleted, Change::Updated(entry) if entry.address.key == key("k")) {
        deleted = watched.next().unwrap();
    }
    assert!(
        matches!(&deleted, Change::Deleted(address) if address.key == key("k")),
        "{deleted:?}"
    );
}

#[test]
fn dropping_a_subscription_ends_its_thread_at_once() {
    on_every_backend(|Fixture { store, .. }| {
        let (sender, notices) = mpsc::channel();
        let subscription = store
            .subscribe_every(Duration::from_secs(3600), move |notice| {
                let _ = sender.send(notice);
            })
            .unwrap();
        store.set(&key("k"), &text("v"), None).unwrap();
        drop(subscription);
        // The thread owned the only sender.
        let notice = notices.recv_timeout(Duration::ZERO);
        assert!(matches!(notice, Err(RecvTimeoutError::Disconnected)));
    });
}

#[test]
fn a_callback_may_drop_its_own_subscription() {
    on_every_backend(|Fixture { store, .. }| {
        let subscription = Arc::new(Mutex::new(None));
        let (sender, notices) = mpsc::channel();
        let own = Arc::clone(&subscription);
        let started = store.subscribe_every(Duration::from_millis(1), move |_| {
            drop(own.lock().unwrap().take());
            sender.send(()).unwrap();
        });
        *subscription.lock().unwrap() = Some(started.unwrap());
        store.set(&key("k"), &text("v"), None).unwrap();
        assert_eq!(notices.recv_timeout(Duration::from_secs(120)), Ok(()));
        let ended = notices.recv_timeout(Duration::from_secs(120));
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected));
    });
}
