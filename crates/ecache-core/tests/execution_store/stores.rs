//! Stores: their policies, metadata and datasets.

use ecache_core::backend::Content;
use ecache_core::entry::Entry;
use ecache_core::value::Kind;

use super::*;

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
            "the key \"__store__\" is reserved for the store's metadata"
        );
        let metadata = store.metadata().unwrap().expect("it was just set");
        assert_eq!(metadata.value, r#""about this store""#);
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
fn clearing_the_cache_removes_what_expires_whatever_its_policy_as_fiftyones_does() {
    on_every_backend(|fixture| {
        let (store, now) = (&fixture.store, fixture.clock.now());
        // As FiftyOne's `update_ttl` leaves an entry that persists.
        for (name, lifetime) in [("expired", Duration::ZERO), ("expiring", MINUTE)] {
            let mut entry = Entry::new(store.address().entry(key(name)), Kind::Text, now);
            entry.policy = Policy::Persist;
            entry.expires_at = Some(now.saturating_add(lifetime));
            let value = Content::Inline(b"v".to_vec());
            let put = fixture
                .backend
                .put(&entry, &value, &Condition::Always.into(), now);
            assert_eq!(put.unwrap(), Put::Created);
        }
        store.set(&key("kept"), &text("1"), None).unwrap();
        assert_eq!(fixture.policy("expiring"), Policy::Persist);
        assert_eq!(store.clear_cache().unwrap().entries, 2);
        assert_eq!(store.list_keys().unwrap(), [key("kept")]);
    });
}

#[test]
fn a_removal_of_stores_is_one_operation_that_can_be_undone() {
    on_every_backend(|fixture| {
        let Fixture { backend, clock, .. } = &fixture;
        let stores = fixture.stores(Some(DATASET));
        let (metadata, kept) = (Json::from("notes"), text("v"));
        let created = stores.create_store("a", Some(&metadata), Policy::Evict);
        assert!(created.unwrap());
        let store = stores.store("a");
        store.set_cache(&key("k"), &kept, None).unwrap();
        store.set(&key("p"), &kept, None).unwrap();
        type Removal<'a> = (&'a str, &'a dyn Fn() -> Usage, u64);
        let removals: [Removal<'_>; 4] = [
            ("clear_cache", &|| store.clear_cache().unwrap(), 1),
            ("clear", &|| store.clear().unwrap(), 2),
            ("cleanup", &|| stores.cleanup().unwrap(), 2),
            ("delete_store", &|| stores.delete_store("a").unwrap(), 2),
        ];
        for (call, remove, entries) in removals {
            let before = backend.operations().unwrap().len();
            assert_eq!(remove().entries, entries, "{call}");
            let operations = backend.operations().unwrap();
            assert_eq!(operations.len(), before + 1, "{call}");
            let latest = operations.iter().max_by_key(|one| one.id).unwrap();
            let command = &latest.operation.command;
            assert!(command.starts_with(&format!("{call}(")), "{command}");
            assert!(command.contains(DATASET), "{command}");

            let undo = Operation::default();
            let undone = backend.undo(None, &undo, clock.now(), &mut no_progress);
            undone.unwrap();
            assert_eq!(
                store.get(&key("k")).unwrap().as_ref(),
                Some(&kept),
                "{call}"
            );
            assert_eq!(
                store.get(&key("p")).unwrap().as_ref(),
                Some(&kept),
                "{call}"
            );
            let restored = store.metadata().unwrap().expect("the metadata is back");
            assert_eq!(restored.value, metadata.dumps(), "{call}");
        }
        stores.delete_store("none").unwrap();
        assert_eq!(
            backend.operations().unwrap().len(),
            8,
            "nothing was removed"
        );
    });
}
