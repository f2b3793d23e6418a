//! Counters and samples are compared with the entries, and made anew.

use ecache_core::backend::CollectionDamage;
use ecache_core::scope::DEFAULT_COLLECTION;

use super::*;

/// Returns the faults of limits that a check of the file finds.
pub(crate) fn faults(path: &Path) -> Vec<String> {
    let reader = SqliteBackend::open(path, Access::Read);
    let collection_damage = reader
        .expect("a store")
        .collection_damage(DEFAULT_COLLECTION);
    let fault = |trouble| match trouble {
        CollectionDamage::Limit(fault) => fault,
        other => panic!("{other:?}"),
    };
    collection_damage
        .expect("a check")
        .into_iter()
        .map(fault)
        .collect()
}

#[test]
fn the_counts_and_samples_of_a_limit_are_compared_with_the_entries() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(100));
    set(&backend, &each_user(), entries(50));
    for number in 0..40 {
        let made = Made {
            key: &format!("{number}"),
            user: Some(["ann", "bob"][number % 2]),
            ..USUAL
        };
        make(&backend, made, number as i64).expect("room");
    }
    let healthy = used(&backend);
    assert_eq!(healthy.iter().map(|one| one.used.entries).max(), Some(40));
    assert_eq!(faults(&path), Vec::<String>::new());
    let first = "(SELECT min(id) FROM entries_sample)";
    for (damage, expected) in [
        (
            format!("DELETE FROM entries_sample WHERE id = {first}"),
            "samples that differ from their entries: 1",
        ),
        (
            "UPDATE entries_sample SET cost_ms = cost_ms + 1".to_owned(),
            "samples that differ from their entries: 40",
        ),
        (
            format!("UPDATE entries_sample SET place = place + 1 WHERE id = {first}"),
            "samples that differ from their entries: 2",
        ),
        (
            "INSERT INTO entries_sample(place, id) VALUES (7, 7)".to_owned(),
            "samples that differ from their entries: 1",
        ),
        (
            "DROP TABLE entries_sample".to_owned(),
            "the table of samples is missing",
        ),
        (
            "UPDATE history SET body = zeroblob(length(body)) WHERE kind = 7".to_owned(),
            "the counter of a limit is damaged",
        ),
    ] {
        let connection = rusqlite::Connection::open(&path).expect("a database");
        connection.execute_batch(&damage).expect("damage");
        drop(connection);
        assert_eq!(faults(&path), [expected], "{damage}");
        backend.count_limits_again().expect("counted");
        assert_eq!(faults(&path), Vec::<String>::new(), "{damage}");
        assert_eq!(used(&backend), healthy, "{damage}");
    }
    // Another program removed an entry.
    let connection = rusqlite::Connection::open(&path).expect("a database");
    let sql = format!("DELETE FROM entries WHERE id = {first}");
    connection.execute_batch(&sql).expect("a removal");
    let found = faults(&path);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("are counted, and there are"), "{found:?}");
    backend.count_limits_again().expect("counted");
    assert_eq!(faults(&path), Vec::<String>::new());
    assert_eq!(
        used(&backend).iter().map(|one| one.used.entries).max(),
        Some(39)
    );
}
