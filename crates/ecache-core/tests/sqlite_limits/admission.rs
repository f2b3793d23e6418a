//! The entries that a limit admits, and their lifetimes.

use super::*;

#[test]
fn an_entry_that_is_larger_than_its_limit_evicts_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &everything(), bytes(10_000));
    put(&backend, "small", b"1").expect("room");
    for size in [10_000, 3 * CHUNK_SIZE] {
        let large = make(&backend, Made { size, ..USUAL }, 0);
        assert!(matches!(large, Err(Error::OverLimit { .. })), "{large:?}");
    }
    assert!(get(&backend, "small").expect("a look-up").is_some());
    let unnamed = backend.describe().expect("a description").unnamed;
    assert_eq!(unnamed.staged, Usage::default(), "its chunks are dropped");
}

fn lifetime(backend: &SqliteBackend, key: &str) -> Option<Duration> {
    let found = backend.lookup_unread(&common::address(key), NOW);
    let Lookup::Hit(entry, _) = found.expect("a look-up") else {
        panic!("no entry {key}");
    };
    entry.expires_at.map(|at| at.since(NOW))
}

#[test]
fn a_new_entry_that_names_no_lifetime_gets_that_of_the_narrowest_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let lasting = |ms| Bounds {
        default_ttl_ms: Some(ms),
        ..Bounds::default()
    };
    set(&backend, &everything(), lasting(1000));
    set(&backend, &each_user(), lasting(2000));
    let by_default = PutOptions {
        expiry: Expiry::Default,
        ..Condition::Always.into()
    };
    let put = |key: &str, user: Option<&str>, options: &PutOptions, change: fn(&mut Entry)| {
        let mut entry = Entry::new(common::address(key), Kind::Bytes, NOW);
        entry.scopes.user_id = user.map(Into::into);
        change(&mut entry);
        let content = Content::Inline(vec![1]);
        backend
            .put(&entry, &content, options, NOW)
            .expect("a write");
    };
    let (second, two) = (Duration::from_secs(1), Duration::from_secs(2));
    put("default", None, &by_default, |_| ());
    assert_eq!(lifetime(&backend, "default"), Some(second));
    put("of a user", Some("ann"), &by_default, |_| ());
    assert_eq!(lifetime(&backend, "of a user"), Some(two));
    put("named", None, &Condition::Always.into(), |_| ());
    assert_eq!(lifetime(&backend, "named"), None);
    // It goes before another default, such as that of a configuration.
    put("configured", None, &by_default, |entry| {
        entry.expires_at = Some(Timestamp::from_millis(NOW.as_millis() + 9000));
    });
    assert_eq!(lifetime(&backend, "configured"), Some(second));
    put("pinned", None, &by_default, |entry| {
        entry.policy = Policy::Persist
    });
    assert_eq!(lifetime(&backend, "pinned"), None);
    let mut imported = vec![Ok(Record::Entry(
        Box::new(Entry::new(common::address("imported"), Kind::Bytes, NOW)),
        vec![1],
    ))]
    .into_iter();
    backend
        .import(
            &mut imported,
            OnConflict::Replace,
            Commit::Whole,
            &mut |_, error| Err(error),
            &mut no_progress,
        )
        .expect("an import");
    assert_eq!(lifetime(&backend, "imported"), None);
}

#[test]
fn results_cheaper_than_the_minimal_cost_of_a_limit_are_not_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let bounds = Bounds {
        min_cost_ms: Some(50),
        ..Bounds::default()
    };
    set(&backend, &everything(), bounds);
    let cases = [
        (Some(49), Policy::Evict, false),
        (Some(50), Policy::Evict, true),
        (None, Policy::Evict, true),
        (Some(1), Policy::Persist, true),
    ];
    for (cost_ms, policy, is_kept) in cases {
        let made = Made {
            cost_ms,
            policy,
            ..USUAL
        };
        let put = make(&backend, made, 0);
        let is_refused = matches!(put, Err(Error::OverLimit { .. }));
        assert_eq!(is_refused, !is_kept, "{cost_ms:?} {policy:?} {put:?}");
    }
}
