//! Records of an entry that is gone: the operation that keeps it, or its tombstone.

mod common;

use common::{NOW, address, put, write};
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Cause, ChangeBackend, Condition, Content, DropKept, Effect, Fate, MaintainBackend, Operation,
    UndoBackend, WriteBackend, no_progress,
};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::filter::{Capacity, EvictionOrder, Filter, Freshness, Pattern, Selection};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

const DAY: i64 = 86_400_000;

fn later(ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + ms)
}

fn operation(cause: Cause) -> Operation {
    Operation {
        user: "ann".into(),
        command: format!("{cause:?}"),
        cause,
        ..Operation::default()
    }
}

fn key(key: &str) -> Filter {
    Filter {
        keys: vec![Pattern::exact(key)],
        ..Filter::default()
    }
}

fn remove(backend: &SqliteBackend, selection: impl Into<Selection>, cause: Cause) {
    let operation = operation(cause);
    backend
        .remove_undoably(
            &selection.into(),
            None,
            &operation,
            later(1),
            &mut no_progress,
        )
        .expect("a removal");
}

fn remove_for_good(backend: &SqliteBackend, selection: impl Into<Selection>, cause: Cause) {
    let operation = operation(cause);
    let removed = backend.remove_for_good(
        &selection.into(),
        None,
        &operation,
        later(1),
        &mut no_progress,
    );
    assert!(removed.expect("a removal").operation.is_some());
}

/// Returns the cause for which an entry went for good, and the command that removed it.
fn gone(backend: &SqliteBackend, key: &str) -> Option<(Cause, Option<String>)> {
    match backend.fate(&address(key)).expect("a look-up") {
        Some(Fate::Gone(tombstone)) => {
            let operation = tombstone.operation;
            Some((
                tombstone.cause,
                operation.map(|known| known.operation.command),
            ))
        }
        Some(Fate::Kept(..)) => panic!("it is kept"),
        None => None,
    }
}

fn kept(backend: &SqliteBackend, key: &str) -> Option<Cause> {
    match backend.fate(&address(key)).expect("a look-up")? {
        Fate::Kept(operation, entry) => {
            assert_eq!(entry.address, address(key));
            Some(operation.operation.cause)
        }
        Fate::Gone(tombstone) => panic!("it is gone: {tombstone:?}"),
    }
}

#[test]
fn every_removal_leaves_a_cause() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    for key in ["excess", "cleared", "removed", "erased", "stays"] {
        put(&backend, key, b"value").expect("an entry");
    }
    let mut expired = Entry::new(address("expired"), Kind::Bytes, NOW);
    expired.expires_at = Some(NOW);
    let content = Content::Inline(b"value".to_vec());
    backend
        .put(&expired, &content, &Condition::Always.into(), NOW)
        .expect("an entry");
    assert_eq!(gone(&backend, "never"), None);

    let is_expired = Filter {
        freshness: Some(Freshness::Expired),
        ..Filter::default()
    };
    remove_for_good(&backend, is_expired, Cause::Orphaned);
    let excess = Selection::default().with_capacity(Some(Capacity {
        scope: key("excess"),
        max_size: None,
        max_entries: Some(0),
        order: EvictionOrder::Use,
    }));
    remove_for_good(&backend, excess, Cause::Pruned);
    remove_for_good(&backend, key("erased"), Cause::Removed);
    remove(&backend, key("removed"), Cause::Removed);
    let by = |cause: Cause, command: Cause| Some((cause, Some(format!("{command:?}"))));
    let dead = by(Cause::Expired, Cause::Orphaned);
    assert_eq!(gone(&backend, "expired"), dead);
    assert_eq!(gone(&backend, "excess"), by(Cause::Pruned, Cause::Pruned));
    assert_eq!(gone(&backend, "erased"), by(Cause::Removed, Cause::Removed));
    assert_eq!(kept(&backend, "removed"), Some(Cause::Removed));
    assert_eq!(kept(&backend, "stays"), None);

    // Removed without an operation, as by a program.
    backend
        .remove(&key("stays").into(), NOW, &mut no_progress)
        .expect("a removal");
    assert_eq!(gone(&backend, "stays"), Some((Cause::Removed, None)));

    // What undo kept is known after it went for good, too, whether its row was marked or retired.
    remove(&backend, Filter::default(), Cause::Cleared);
    assert_eq!(kept(&backend, "cleared"), Some(Cause::Cleared));
    backend.collect_garbage(later(DAY + 1)).expect("a purge");
    assert_eq!(
        gone(&backend, "cleared"),
        by(Cause::Cleared, Cause::Cleared)
    );
    assert_eq!(
        gone(&backend, "removed"),
        by(Cause::Removed, Cause::Removed)
    );
    assert_eq!(gone(&backend, "never"), None);
    let expired = backend.fate(&address("expired")).expect("a look-up");
    let Some(Fate::Gone(expired)) = expired else {
        panic!("{expired:?}")
    };
    assert_eq!((expired.at, expired.expired_at), (later(1), Some(NOW)));
}

#[test]
fn a_later_removal_tells_more_than_an_earlier_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    put(&backend, "a", b"value").expect("an entry");
    remove_for_good(&backend, key("a"), Cause::Removed);
    put(&backend, "a", b"value").expect("an entry");
    let operation = operation(Cause::Cleared);
    backend
        .remove_undoably(
            &key("a").into(),
            None,
            &operation,
            later(2),
            &mut no_progress,
        )
        .expect("a removal");
    assert_eq!(kept(&backend, "a"), Some(Cause::Cleared));
    backend.drop_kept(DropKept::Deleted).expect("a purge");
    let (cause, _) = gone(&backend, "a").expect("a tombstone");
    assert_eq!(cause, Cause::Cleared);
}

#[test]
fn settings_change_as_operations_and_change_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let operation = operation(Cause::Removed);
    let change = |changes: &[(&str, Option<&str>)]| {
        let changed = backend.change_settings(changes, &operation, NOW);
        changed.expect("a change")
    };
    let settings = || {
        let settings = backend.settings().expect("the settings");
        Vec::from_iter(settings)
    };
    let is = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(change(&[("a", Some("1")), ("b", Some("2"))]), Some(1));
    assert_eq!(change(&[("a", Some("1"))]), None);
    assert_eq!(change(&[("a", None), ("b", Some("3"))]), Some(2));
    assert_eq!(settings(), [is("b", "3")]);
    let undo = |which| backend.undo(which, &operation, NOW, &mut no_progress);
    let undone = undo(None).expect("an undo");
    assert_eq!((undone.effect, undone.settings), (Effect::Set, 2));
    assert_eq!(settings(), [is("a", "1"), is("b", "2")]);
    // Undoing an undo; entries changed since stay.
    assert_eq!(change(&[("b", Some("4"))]), Some(4));
    assert_eq!(undo(Some(3)).expect("an undo").settings, 1);
    assert_eq!(settings(), [is("b", "4")]);
    // All that it changed was changed since.
    assert!(matches!(undo(Some(1)), Err(Error::NotUndoable(_))));
    drop(backend);
    let again = write(&folder.path().join("store.db"));
    assert_eq!(again.settings().expect("the settings").len(), 1);
}
