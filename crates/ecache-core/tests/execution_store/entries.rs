//! Entries: their lifetimes, policies, conditions and values.

use super::*;

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
        let mut options = SetOptions::from(Lifetime::Expire(MINUTE));
        options.scopes.user_id = Some("u".into());
        options.function = Some("module.function".into());
        options.args = Some(r#"["cat.jpg"]"#.into());
        options.cost = Some(Duration::from_millis(1500));
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
