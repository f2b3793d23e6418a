//! Entries kept for undo: their limits and their end.

use super::*;

#[test]
fn too_many_entries_are_not_removed_before_it_is_known() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let large = vec![7; 65 << 20];
    common::put(&backend, "large", &large).expect("an entry");
    let filter = Filter {
        keys: vec![Pattern::exact("large")],
        ..Filter::default()
    };
    let selection = filter.into();
    let removed = backend.remove_undoably(&selection, None, &operation(0), NOW, &mut no_progress);
    assert!(matches!(removed, Ok(ChangeOutcome::TooMany(usage)) if usage.entries == 1));
    assert!(common::get(&backend, "large").expect("a look-up").is_some());
    let removed = backend.remove_for_good(&selection, None, &operation(0), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").until, None);
    assert!(matches!(
        backend.undo(None, &operation(1), NOW, &mut no_progress),
        Err(Error::NotUndoable(_))
    ));
    let log = backend.operations().expect("a log");
    assert_eq!(log.len(), 1);
}

/// Removes a store as one operation, and returns its number.
fn clear(backend: &SqliteBackend, store: &str, now: Timestamp) -> u64 {
    let filter = Filter::store(&StoreAddress::new(store));
    let removal =
        backend.remove_undoably(&filter.into(), None, &operation(0), now, &mut no_progress);
    let Ok(ChangeOutcome::Done(removed)) = removal else {
        panic!("{removal:?}")
    };
    removed.operation.expect("a number")
}

#[test]
fn removed_entries_go_for_good_after_a_day() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let large = vec![7; 3 << 20];
    let day = 86_400_000;
    let later = |ms: i64| Timestamp::from_millis(NOW.as_millis() + ms);
    common::put(&backend, "a", &large).expect("an entry");
    common::put(&backend, "b", b"small").expect("an entry");
    clear(&backend, "s", NOW);
    common::put(&backend, "c", &large).expect("an entry");
    common::put(&backend, "d", b"stays").expect("an entry");
    let filter = Filter {
        keys: vec![Pattern::exact("c")],
        ..Filter::default()
    };
    backend
        .remove_undoably(
            &filter.into(),
            None,
            &operation(1),
            later(1000),
            &mut no_progress,
        )
        .expect("a removal");
    assert_eq!(backend.describe().expect("facts").entries, 1);
    backend.collect_garbage(later(day - 1)).expect("nothing");
    assert_eq!((rows(&path, "entries"), rows(&path, "chunks")), (4, 6));

    backend.collect_garbage(later(day)).expect("a purge");
    assert_eq!((rows(&path, "entries"), rows(&path, "chunks")), (2, 3));
    let undo = |which, now| backend.undo(which, &operation(2), now, &mut no_progress);
    assert!(matches!(
        undo(Some(1), later(day)),
        Err(Error::NotUndoable(_))
    ));
    // The other one has another second.
    backend.collect_garbage(later(day + 1000)).expect("a purge");
    assert_eq!((rows(&path, "entries"), rows(&path, "chunks")), (1, 0));
    assert!(matches!(
        undo(None, later(day + 1000)),
        Err(Error::NotUndoable(_))
    ));
    assert_eq!(backend.operations().expect("a log").len(), 2);
    assert_eq!(rows(&path, "stores"), 1);
    let kept = common::get(&backend, "d").expect("a look-up");
    assert_eq!(kept.as_deref(), Some(&b"stays"[..]));
}

#[test]
fn earlier_removals_go_first_where_they_take_too_much() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let value = vec![7; 1 << 20];
    let mut numbers = Vec::new();
    for store in ["a", "b", "c", "d"] {
        for key in 0..30 {
            let key = Key::new(key.to_string()).expect("a key");
            let entry = Entry::new(StoreAddress::new(store).entry(key), Kind::Bytes, NOW);
            import(&backend, &entry, &value);
        }
    }
    for store in ["a", "b", "c", "d"] {
        numbers.push(clear(&backend, store, NOW));
    }
    // Besides the latest 90 MiB are kept, and nothing is in use.
    let undo = |number| backend.undo(Some(number), &operation(2), NOW, &mut no_progress);
    assert!(matches!(undo(numbers[0]), Err(Error::NotUndoable(_))));
    for number in &numbers[1..] {
        assert_eq!(undo(*number).expect("an undo").usage.entries, 30);
    }
}

#[test]
fn overwritten_values_are_in_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let secret = b"a value that is not to be found again";
    let large: Vec<u8> = secret.iter().copied().cycle().take(3 << 20).collect();
    common::put(&backend, "large", &large).expect("an entry");
    common::put(&backend, "small", secret).expect("an entry");
    let is_there = || {
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
            bytes.windows(secret.len()).any(|window| window == secret)
        })
    };
    assert!(is_there());
    clear(&backend, "s", NOW);
    let dropped = backend.drop_kept(ecache_core::backend::DropKept::Overwritten);
    assert_eq!(dropped.expect("nothing is in the way"), 1);
    assert!(!is_there());
}

#[test]
fn a_second_removal_after_an_undo_has_a_day_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let day = 86_400_000;
    let later = |ms: i64| Timestamp::from_millis(NOW.as_millis() + ms);
    let filter = Filter {
        keys: vec![Pattern::exact("k")],
        ..Filter::default()
    };
    let remove = |at| {
        let selection = filter.clone().into();
        let removed =
            backend.remove_undoably(&selection, None, &operation(0), later(at), &mut no_progress);
        assert!(matches!(removed, Ok(ChangeOutcome::Done(removed)) if removed.usage.entries == 1));
    };
    let undo = |which, at| backend.undo(which, &operation(1), later(at), &mut no_progress);
    common::put(&backend, "k", b"v").expect("an entry");
    remove(0);
    undo(None, 1).expect("an undo");
    remove(1000);
    // The first removal and its undo are over.
    backend.collect_garbage(later(day + 999)).expect("a purge");
    assert_eq!(undo(None, day + 999).expect("an undo").usage.entries, 1);
    let kept = common::get(&backend, "k").expect("a look-up");
    assert_eq!(kept.as_deref(), Some(&b"v"[..]));
}

#[test]
fn the_rows_that_are_kept_are_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    for key in ["a", "b", "c"] {
        common::put(&backend, key, b"value").expect("an entry");
    }
    let remove = |key: Option<&str>| {
        let filter = Filter {
            keys: key.into_iter().map(Pattern::exact).collect(),
            ..Filter::store(&StoreAddress::new("s"))
        };
        backend
            .remove_undoably(&filter.into(), None, &operation(0), NOW, &mut no_progress)
            .expect("a removal");
    };
    let undo = |which| {
        backend
            .undo(Some(which), &operation(1), NOW, &mut no_progress)
            .expect("an undo");
    };
    let check = |entries: u64, step: &str| {
        let kept = backend.kept_for_undo().expect("a count");
        let live = backend.describe().expect("facts").entries;
        assert_eq!(kept.usage.entries, entries, "{step}");
        assert_eq!(kept.usage.bytes, entries * 5, "{step}");
        assert_eq!(rows(&path, "entries"), (live + entries) as i64, "{step}");
        assert_eq!(kept.until.is_some(), entries > 0, "{step}");
    };
    check(0, "nothing is removed");
    remove(Some("a"));
    check(1, "one is removed");
    remove(None);
    check(3, "the others are removed");
    undo(2);
    check(1, "the others are back");
    common::put(&backend, "a", b"newer").expect("an entry");
    let refused = backend.undo(Some(1), &operation(1), NOW, &mut no_progress);
    assert!(matches!(refused, Err(Error::NotUndoable(_))));
    check(1, "one has a newer one in its place");
    // A record of the operation still names entries that a limit evicted.
    remove(Some("b"));
    check(2, "another is removed");
    let connection = rusqlite::Connection::open(&path).expect("a database");
    let evicted = connection.execute("DELETE FROM entries WHERE kind >= 16", ());
    assert_eq!(evicted, Ok(2));
    check(0, "the rows are gone");
}

/// Returns the keys of all entries in the order of an export.
fn order(backend: &dyn Backend) -> Vec<String> {
    let rows = backend.scan(&Scan::new(Filter::default()), NOW);
    let rows = rows.expect("a scan").map(|row| match row.expect("a row") {
        Row::Entry(entry, _) => entry.address.key.to_string(),
        other => panic!("{other:?}"),
    });
    rows.collect()
}

#[test]
fn entries_come_back_in_their_order_among_those_that_stayed() {
    let later = |ms: i64| Timestamp::from_millis(NOW.as_millis() + ms);
    // A digit for each entry: whether it is of policy `persist`.
    for policies in ["01010", "10001", "11101", "00011", "11000"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        for (number, policy) in policies.chars().enumerate() {
            let key = Key::new(format!("k{number}")).expect("a valid key");
            let mut entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Text, NOW);
            entry.policy = [Policy::Evict, Policy::Persist][usize::from(policy == '1')];
            entry.size = 1;
            import(&backend, &entry, b"v");
        }
        let whole = order(&backend);
        let persistent: Vec<String> = whole
            .iter()
            .zip(policies.chars())
            .filter(|(_, policy)| *policy == '1')
            .map(|(key, _)| key.clone())
            .collect();
        let remove = |keys: &[&str], at| {
            let filter = Filter {
                policy: Some(Policy::Evict).filter(|_| keys.is_empty()),
                keys: keys.iter().map(|key| Pattern::exact(*key)).collect(),
                ..Filter::store(&StoreAddress::new("s"))
            };
            let (selection, at) = (filter.into(), later(at));
            let removed =
                backend.remove_undoably(&selection, None, &operation(0), at, &mut no_progress);
            assert!(matches!(removed, Ok(ChangeOutcome::Done(_))), "{policies}");
        };
        let undo = |which, at| {
            let undone = backend.undo(which, &operation(1), later(at), &mut no_progress);
            undone.unwrap_or_else(|error| panic!("{policies}: {error}"));
        };
        remove(&[], 1);
        assert_eq!(order(&backend), persistent, "{policies}");
        for round in 0..3 {
            undo(None, 10 + 2 * round);
            assert_eq!(order(&backend), whole, "{policies}, round {round}");
            // Undoes the undo.
            undo(Some(2 + 2 * round as u64), 11 + 2 * round);
            assert_eq!(order(&backend), persistent, "{policies}, round {round}");
        }
        undo(None, 20);
        assert_eq!(order(&backend), whole, "{policies}");
        // One that was removed before comes back to its place, and is none of those removed again.
        remove(&["k0"], 30);
        remove(&[], 31);
        undo(Some(10), 32);
        assert_eq!(order(&backend), whole[1..].to_vec(), "{policies}");
        undo(Some(9), 33);
        assert_eq!(order(&backend), whole, "{policies}");
        undo(Some(11), 34);
        let left: Vec<String> = whole
            .iter()
            .filter(|key| *key == "k0" || persistent.contains(key))
            .cloned()
            .collect();
        assert_eq!(order(&backend), left, "{policies}");
    }
}

/// Writes entries with these keys to a store, each a millisecond later than the one before.
fn write_all(backend: &SqliteBackend, store: &str, keys: &[String], at: i64) {
    let records = keys.iter().enumerate().map(|(number, key)| {
        let now = Timestamp::from_millis(NOW.as_millis() + at + number as i64);
        let key = Key::new(&**key).expect("a valid key");
        let entry = Entry::new(StoreAddress::new(store).entry(key), Kind::Bytes, now);
        Ok(Record::Entry(Box::new(entry), b"v".to_vec()))
    });
    let imported = backend.import(
        &mut { records },
        OnConflict::Fail,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
}

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{name} {number}"))
        .collect()
}

#[test]
fn entries_that_come_back_are_before_those_written_since() {
    let later = |ms: i64| Timestamp::from_millis(NOW.as_millis() + ms);
    let old = numbered("old", 3);
    for count in [0, 1, 9, 10_001] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        let new = numbered("new", count);
        write_all(&backend, "s", &old, 0);
        clear(&backend, "s", later(100));
        write_all(&backend, "s", &new, 200);
        let undone = backend.undo(None, &operation(1), later(20_000), &mut no_progress);
        assert_eq!(undone.expect("an undo").usage.entries, 3);
        let mut whole = [old.clone(), new.clone()].concat();
        if count > 10_000 {
            // The many stay where they are.
            whole = [new.clone(), old.clone()].concat();
        }
        assert!(order(&backend) == whole, "{count}: {:?}", order(&backend));

        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        let (from, to) = (StoreAddress::new("s"), StoreAddress::new("t"));
        write_all(&backend, "s", &old, 0);
        let renamed = backend.rename_logged(
            (&from, &to),
            OnExistingStore::Fail,
            KeepForUndo::Yes,
            &operation(0),
            later(100),
            &mut no_progress,
        );
        assert_eq!(renamed.expect("a renaming").usage.entries, 3);
        write_all(&backend, "s", &new, 200);
        let undone = backend.undo(None, &operation(1), later(20_000), &mut no_progress);
        assert_eq!(undone.expect("an undo").usage.entries, 3);
        assert!(order(&backend) == whole, "{count}: {:?}", order(&backend));
    }
}
