//! Operations that are undone while later ones are in force.

use super::*;

/// Undoes an operation, and reports whether it could be.
pub fn undo_one(backend: &SqliteBackend, number: u64, at: i64) -> bool {
    let before = contents(backend);
    let rehearsed = backend.rehearse_undo(Some(number), &operation(), later(at));
    let undone = backend.undo(Some(number), &operation(), later(at), &mut no_progress);
    match undone {
        Ok(undone) => {
            assert_eq!(rehearsed.ok().as_ref(), Some(&undone));
            true
        }
        Err(Error::NotUndoable(why)) => {
            let rehearsed = rehearsed.expect_err("the same");
            assert_eq!(rehearsed.to_string(), why.to_string());
            assert!(contents(backend) == before, "it is refused: {why}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the number of the latest operation, or 0.
pub fn latest(backend: &SqliteBackend) -> u64 {
    let log = backend.operations().expect("a log");
    log.first().map_or(0, |one| one.id)
}

fn import_of(key: &str, value: u8) -> Step {
    let entry = Entry::new(common::address(key), Kind::Bytes, NOW);
    Step::Import(vec![(entry, value)], None, OnConflict::Replace, 9)
}

fn all_of_store() -> Step {
    Step::Remove(Filter::store(&StoreAddress::new("s")))
}

/// An undo leaves entries that were changed or removed since. If it is undone, and the later change
/// as well, the next undo finds them.
#[test]
fn an_undo_that_left_something_is_undone_and_repeated() {
    let touch = Touch {
        expires_at: Some(Some(later(3_600_000))),
        policy: None,
    };
    let (from, to) = (StoreAddress::new("s"), StoreAddress::new("t"));
    let key = Filter {
        keys: vec![ecache_core::filter::Pattern::exact("k")],
        ..Filter::default()
    };
    let rename = Step::Rename(from, to, OnExistingStore::Fail);
    // Each is undone while the next one is in force.
    let cases = [
        (all_of_store(), import_of("k", 3)),
        (Step::Remove(key.clone()), import_of("k", 3)),
        (import_of("k", 2), all_of_store()),
        (import_of("k", 2), Step::Remove(key.clone())),
        (Step::Touch(Filter::default(), touch), Step::Remove(key)),
        (Step::Touch(Filter::default(), touch), all_of_store()),
        (rename, import_of("k", 3)),
    ];
    for (first, second) in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = write(&path);
        for key in ["k", "l", "m"] {
            common::put(&backend, key, key.as_bytes()).expect("an entry");
        }
        let before = contents(&backend);
        make(&backend, &first, 1000);
        make(&backend, &second, 2000);
        let both = contents(&backend);
        let mut at = 3000;
        let mut undo = |number| {
            at += 1000;
            undo_one(&backend, number, at)
        };
        if undo(1) {
            assert!(undo(3), "{first:?}");
            assert_eq!(contents(&backend), both, "{first:?}");
        }
        assert!(undo(2), "{first:?}");
        assert!(undo(1), "{first:?}");
        assert_eq!(contents(&backend), before, "{first:?}");
        assert_eq!(common::integrity(&path), "ok");
    }
}

/// The undo of an undo leaves the older entry if that was removed since. If that is undone, and the
/// entry is back, the next undo takes it away.
#[test]
fn an_undo_of_an_undo_that_left_something_is_undone_and_repeated() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let import = |value, at| make(&backend, &import_of("k", value), at);
    import(1, 1000);
    import(2, 2000);
    let both = contents(&backend);
    let undo = |number, at| assert!(undo_one(&backend, number, at), "operation {number}");
    undo(2, 3000);
    undo(1, 4000);
    assert!(contents(&backend).entries.is_empty());
    // The value 2 is back, and 1 is removed.
    undo(3, 5000);
    assert_eq!(contents(&backend), both);
    undo(5, 6000);
    undo(4, 7000);
    undo(3, 8000);
    assert_eq!(contents(&backend), both);
    assert_eq!(common::integrity(&path), "ok");
}

/// An undo reverses what the operation did that is meant, and not what an earlier one of its chain
/// did: here an entry that the redo of an import left, since a newer one was there.
#[test]
fn an_undo_in_a_chain_leaves_entries_of_earlier_operations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let imported = |key| (Entry::new(common::address(key), Kind::Bytes, NOW), 1);
    let both = vec![imported("k"), imported("m")];
    let undo = |number| {
        let at = 1000 * (1 + latest(&backend) as i64);
        assert!(undo_one(&backend, number, at), "operation {number}");
        contents(&backend)
    };
    make(
        &backend,
        &Step::Import(both, None, OnConflict::Replace, 9),
        1000,
    );
    undo(1);
    make(&backend, &import_of("k", 2), 3000);
    undo(2);
    let with_one = undo(3);
    assert_eq!(with_one.entries.len(), 1);
    let with_none = undo(4);
    assert_eq!(undo(6), with_one);
    assert_eq!(undo(7), with_none);
    assert_eq!(undo(6), with_one);
}

/// The same with the document of a store, which was removed when an import was undone.
#[test]
fn an_undo_in_a_chain_leaves_documents_of_earlier_operations() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let store = StoreAddress::new("t");
    let entry = Entry::new(common::address("k"), Kind::Bytes, NOW);
    let undo = |number| {
        let at = 1000 * (1 + latest(&backend) as i64);
        assert!(undo_one(&backend, number, at), "operation {number}");
        contents(&backend)
    };
    let import = Step::Import(
        vec![(entry, 1)],
        Some(store.clone()),
        OnConflict::Replace,
        9,
    );
    make(&backend, &import, 1000);
    undo(1);
    undo(2);
    make(&backend, &Step::Remove(Filter::store(&store)), 4000);
    let without_document = contents(&backend);
    let with_none = undo(1);
    undo(2);
    assert_eq!(undo(6), with_none);
    assert_eq!(undo(5), without_document);
}

/// Older entries that an undo left in the file are counted, and go with the others kept for undo.
#[test]
fn entries_that_an_undo_left_are_kept_and_dropped() {
    for step in [
        all_of_store(),
        Step::Remove(Filter {
            keys: vec![ecache_core::filter::Pattern::exact("k")],
            ..Filter::store(&StoreAddress::new("s"))
        }),
    ] {
        for how in [DropKept::Deleted, DropKept::Overwritten] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("store.db");
            let backend = write(&path);
            for key in ["k", "l", "m"] {
                common::put(&backend, key, b"a value that is kept").expect("an entry");
            }
            make(&backend, &step, 1000);
            for key in ["k", "l"] {
                common::put(&backend, key, b"newer").expect("an entry");
            }
            undo_one(&backend, 1, 2000);
            let rows = || -> u64 {
                let connection = rusqlite::Connection::open(&path).expect("a database");
                let sql = "SELECT count(*) FROM entries";
                let rows = connection.query_row(sql, (), |row| row.get(0));
                rows.expect("a count")
            };
            let kept = backend.kept_for_undo().expect("a count").usage.entries;
            assert!(kept > 0, "{step:?}");
            assert_eq!(rows(), 3 + kept, "{step:?}");
            backend.drop_kept(how).expect("dropped");
            let kept = backend.kept_for_undo().expect("a count").usage.entries;
            assert_eq!((kept, rows()), (0, 3), "{step:?}");
            assert_eq!(contents(&backend).entries.len(), 3);
        }
    }
}
