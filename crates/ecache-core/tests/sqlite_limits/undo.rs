//! Undoing operations of which a limit took what they kept.

use std::collections::BTreeSet;

use ecache_core::backend::{DropKept, UndoState, Undone};

use super::*;

/// Imports entries whose values are as long as `size`, in transactions of `batch`, as an operation.
/// Returns the number of replaced ones that went at once.
fn import(backend: &SqliteBackend, keys: &[u32], size: usize, batch: usize, at: i64) -> u64 {
    let now = Timestamp::from_millis(NOW.as_millis() + at);
    let records = keys.iter().map(|key| {
        let mut entry = Entry::new(common::address(&key.to_string()), Kind::Bytes, now);
        entry.cost_ms = Some(1000);
        Ok(Record::Entry(Box::new(entry), vec![7; size]))
    });
    let mut on_beyond = || panic!("they are few");
    let mut log = ImportLog::new(Operation::default(), KeepForUndo::Yes, now, &mut on_beyond);
    let imported = backend.import_logged(
        &mut { records },
        OnConflict::Replace,
        Commit::Every(batch),
        &mut log,
        &mut |_, error| Err(error),
        &mut no_progress,
    );
    imported.expect("room");
    log.evicted
}

fn undo(backend: &SqliteBackend, which: Option<u64>, at: i64) -> Undone {
    let now = Timestamp::from_millis(NOW.as_millis() + at);
    let dry = backend.rehearse_undo(which, &Operation::default(), now);
    let undone = backend.undo(which, &Operation::default(), now, &mut no_progress);
    let undone = undone.expect("an undo");
    assert_eq!(dry.expect("an undo"), undone);
    undone
}

fn clear(backend: &SqliteBackend, selection: &Selection, at: i64) {
    let now = Timestamp::from_millis(NOW.as_millis() + at);
    let operation = Operation::default();
    let cleared = backend.remove_undoably(selection, None, &operation, now, &mut no_progress);
    cleared.expect("a removal");
}

/// Returns the size of an entry, or `None` if there is none.
fn size(backend: &SqliteBackend, key: &str) -> Option<u64> {
    let found = backend.lookup_unread(&common::address(key), NOW);
    match found.expect("a look-up") {
        Lookup::Hit(entry, _) => Some(entry.size),
        _ => None,
    }
}

fn live(backend: &SqliteBackend) -> BTreeSet<String> {
    let rows = backend.scan(&Scan::new(Filter::default()), NOW);
    rows.expect("a scan")
        .map(|row| match row.expect("a row") {
            Row::Entry(entry, _) => entry.address.key.as_str().to_owned(),
            row => panic!("{row:?}"),
        })
        .collect()
}

#[test]
fn an_import_whose_replaced_entry_went_to_a_limit_is_not_undone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(2));
    make_usual(&backend, 1..3, 0);
    assert_eq!(import(&backend, &[1], 5, 100, 1), 1);
    let log = backend.operations().expect("the log");
    assert_eq!(log[0].undo, UndoState::Evicted);
    let kept = || backend.kept_for_undo().expect("a count");
    assert_eq!((kept().usage.entries, kept().evicted), (0, 1));
    for which in [Some(2), None] {
        let undone = backend.undo(which, &Operation::default(), NOW, &mut no_progress);
        assert!(matches!(undone, Err(Error::NotUndoable(_))), "{undone:?}");
    }
    assert_eq!(size(&backend, "1"), Some(5));
    assert_eq!(undo(&backend, Some(1), 2).undone.id, 1);
}

#[test]
fn an_import_is_undone_as_far_as_a_limit_left_what_it_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(5));
    make_usual(&backend, 1..4, 0);
    // Three are replaced, of which one has to go.
    assert_eq!(import(&backend, &[1, 2, 3], 5, 100, 1), 1);
    let kept = || backend.kept_for_undo().expect("a count");
    assert_eq!((kept().usage.entries, kept().evicted), (2, 1));
    let undone = undo(&backend, None, 2);
    assert_eq!((kept().usage.entries, kept().evicted), (2, 0));
    assert_eq!((undone.usage.entries, undone.replaced.entries), (2, 2));
    assert_eq!(undone.evicted, 1);
    let sizes = ["1", "2", "3"].map(|key| size(&backend, key).expect("an entry"));
    assert_eq!(
        sizes.iter().filter(|size| **size == 5).count(),
        1,
        "{sizes:?}"
    );
    // Undoing that brings the imported ones back, but for one that went meanwhile.
    make(&backend, Made { key: "4", ..USUAL }, 3).expect("room");
    let again = undo(&backend, Some(undone.operation), 4);
    assert_eq!((again.usage.entries, again.evicted), (1, 1));
    assert_eq!(live(&backend).len(), 4);
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn an_undo_under_a_limit_empties_no_key() {
    for mut seed in 0..60 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = write(&path);
        let most = 6 + random(&mut seed) as u64 % 8;
        set(&backend, &everything(), entries(most));
        let held = 3 + random(&mut seed) as u32 % 4;
        make_usual(&backend, 0..held, 0);
        let mut keys = Vec::new();
        for _ in 0..6 {
            keys.push(random(&mut seed) as u32 % held);
        }
        import(&backend, &keys, 5, 1 + random(&mut seed) % 4, 1);
        let number = backend.operations().expect("the log")[0].id;
        for key in 0..random(&mut seed) as u32 % 4 {
            make_usual(&backend, 100 + key..101 + key, 2);
        }
        let mut target = number;
        for at in 3..9 {
            let before = live(&backend);
            let now = Timestamp::from_millis(NOW.as_millis() + at);
            let operation = Operation::default();
            match backend.undo(Some(target), &operation, now, &mut no_progress) {
                Ok(undone) => target = undone.operation,
                Err(Error::NotUndoable(_)) => break,
                Err(error) => panic!("{error}"),
            }
            assert_eq!(live(&backend), before, "seed {seed}");
            if random(&mut seed).is_multiple_of(3) {
                make_usual(&backend, 200..201, at);
            }
        }
        drop(backend);
        assert_eq!(used(&write(&path)), counted_again(&path));
    }
}

#[test]
fn an_undo_tells_what_went_to_a_limit() {
    let whole: Selection = store("s").into();
    let some: Selection = Filter {
        keys: vec![Pattern::glob("?").expect("a pattern")],
        ..store("s")
    }
    .into();
    for removed in [whole, some] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        set(&backend, &everything(), entries(3));
        make_usual(&backend, 1..3, 0);
        clear(&backend, &removed, 1);
        let other = Made {
            store: "t",
            ..USUAL
        };
        make(&backend, other, 2).expect("room");
        make(&backend, Made { key: "2", ..other }, 2).expect("room");
        let undone = undo(&backend, None, 3);
        assert_eq!((undone.usage.entries, undone.evicted), (1, 1));
        clear(&backend, &removed, 4);
        for key in ["3", "4"] {
            make(&backend, Made { key, ..other }, 5).expect("room");
        }
        let log = backend.operations().expect("the log");
        assert_eq!(log[0].undo, UndoState::Evicted);
        let refused = backend.undo(
            Some(log[0].id),
            &Operation::default(),
            NOW,
            &mut no_progress,
        );
        assert!(matches!(refused, Err(Error::NotUndoable(_))), "{refused:?}");
        backend.drop_kept(DropKept::Deleted).expect("a purge");
        let log = backend.operations().expect("the log");
        assert_eq!(log[0].undo, UndoState::Impossible);
    }
}
