//! Undos that would take nothing back: each is refused, with the reason.

use ecache_core::backend::WriteBackend;

use super::*;

/// A store, and a clock that goes on by a second with each change.
struct Stage {
    backend: SqliteBackend,
    at: i64,
}

impl Stage {
    fn make(&mut self, step: Step) {
        self.at += 1000;
        make(&self.backend, &step, self.at);
    }

    fn set(&mut self, store: &str, key: &str) {
        self.at += 1000;
        let entry = Entry::new(address(store, key), Kind::Bytes, later(self.at));
        let content = Content::Inline(self.at.to_string().into_bytes());
        let put = self
            .backend
            .put(&entry, &content, &Condition::Always.into(), later(self.at));
        put.expect("an entry");
    }

    fn import(&mut self, key: &str) {
        let entry = Entry::new(address("a", key), Kind::Bytes, later(self.at));
        self.make(Step::Import(vec![(entry, 1)], None, OnConflict::Replace, 9));
    }

    fn rm(&mut self, store: &str, key: &str) {
        self.make(Step::Remove(one_of(store, key)));
    }

    fn clear(&mut self, store: &str) {
        self.make(Step::Remove(Filter::store(&StoreAddress::new(store))));
    }

    fn remove_for_good(&mut self, store: &str) {
        self.at += 1000;
        let selection = Filter::store(&StoreAddress::new(store)).into();
        let removed = self.backend.remove_for_good(
            &selection,
            None,
            &operation(),
            later(self.at),
            &mut no_progress,
        );
        removed.expect("a removal");
    }

    fn touch(&mut self, hours: Option<i64>) {
        let touch = Touch {
            expires_at: Some(hours.map(|hours| later(hours * 3_600_000))),
            policy: None,
        };
        self.make(Step::Touch(Filter::default(), touch));
    }

    fn rename(&mut self, from: &str, to: &str, keep: KeepForUndo) {
        self.at += 1000;
        let renamed = self.backend.rename_logged(
            (&StoreAddress::new(from), &StoreAddress::new(to)),
            OnExistingStore::Merge,
            keep,
            &operation(),
            later(self.at),
            &mut no_progress,
        );
        renamed.expect("a renaming");
    }

    fn document(&mut self, store: &str) {
        self.at += 1000;
        let Record::Store(record) = document(&StoreAddress::new(store), self.at) else {
            unreachable!()
        };
        self.backend
            .set_metadata(&StoreAddress::new(store), record.metadata.as_ref())
            .expect("a document");
    }

    fn undo(&mut self) {
        self.at += 1000;
        let undone = self
            .backend
            .undo(None, &operation(), later(self.at), &mut no_progress);
        undone.expect("an undo");
    }
}

fn address(store: &str, key: &str) -> Address {
    StoreAddress::new(store).entry(Key::new(key).expect("a key"))
}

fn one_of(store: &str, key: &str) -> Filter {
    Filter {
        keys: vec![ecache_core::filter::Pattern::exact(key)],
        ..Filter::store(&StoreAddress::new(store))
    }
}

/// The changes, the operation that is undone then, and the answer.
type Case = (fn(&mut Stage), u64, &'static str);

const CASES: &[Case] = &[
    // Lifetimes
    (
        |stage| {
            stage.set("a", "k");
            stage.touch(Some(1));
            stage.touch(Some(2));
        },
        1,
        "a k was changed again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.touch(Some(1));
            stage.set("a", "k");
        },
        1,
        "a k was changed again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.touch(Some(1));
            stage.touch(None);
        },
        1,
        "1 entry has its old lifetime already",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.touch(Some(1));
            stage.rm("a", "k");
        },
        1,
        "operation 2 removed its entry since then; undo operation 2 first",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.set("a", "l");
            stage.touch(Some(1));
            stage.clear("a");
            stage.set("a", "k");
        },
        1,
        "operation 2 removed its entries since then; undo operation 2 first",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.set("a", "l");
            stage.touch(Some(1));
            stage.remove_for_good("a");
        },
        1,
        "2 entries were removed or replaced since then",
    ),
    // Names
    (
        |stage| {
            stage.set("a", "k");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.set("a", "k");
        },
        1,
        "a k was written again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.rename("b", "c", KeepForUndo::Yes);
            stage.set("b", "new");
        },
        1,
        "operation 2 renamed the store b to c; undo operation 2 first",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.rename("b", "c", KeepForUndo::No);
        },
        1,
        "operation 2 renamed the store b to c",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.rename("b", "c", KeepForUndo::No);
            stage.set("b", "k");
        },
        1,
        "operation 2 renamed the store b to c",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.clear("b");
            stage.set("b", "new");
            stage.rename("b", "c", KeepForUndo::No);
        },
        1,
        "operation 2 removed its entry since then; undo operation 2 first",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.rename("b", "a", KeepForUndo::Yes);
        },
        1,
        "operation 2 renamed the store b to a; undo operation 2 first",
    ),
    (
        |stage| {
            stage.document("a");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.rename("b", "c", KeepForUndo::No);
        },
        1,
        "operation 2 renamed the store b to c",
    ),
    (
        |stage| {
            stage.document("a");
            stage.rename("a", "b", KeepForUndo::Yes);
            stage.document("b");
        },
        1,
        "the metadata of the store was changed since then",
    ),
    // Removals, and undos of their undos
    (
        |stage| {
            stage.set("a", "k");
            stage.rm("a", "k");
            stage.set("a", "k");
        },
        1,
        "a k was written again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.set("a", "l");
            stage.clear("a");
            ["k", "l", "m"].iter().for_each(|key| stage.set("a", key));
        },
        1,
        "2 entries were written again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.clear("a");
            stage.undo();
            stage.set("a", "k");
        },
        2,
        "a k was written again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rm("a", "k");
            stage.undo();
            stage.set("a", "k");
        },
        2,
        "a k was written again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.rm("a", "k");
            stage.undo();
            stage.clear("a");
        },
        2,
        "operation 3 removed its entry since then; undo operation 3 first",
    ),
    (
        |stage| {
            stage.document("a");
            stage.clear("a");
            stage.document("a");
        },
        1,
        "the metadata of a was changed since then",
    ),
    // Imports and edits
    (
        |stage| {
            stage.import("k");
            stage.set("a", "k");
        },
        1,
        "a k was written again since then",
    ),
    (
        |stage| {
            stage.import("k");
            stage.import("k");
        },
        1,
        "operation 2 replaced its entry since then; undo operation 2 first",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.import("k");
            stage.set("a", "k");
        },
        1,
        "a k was written again since then",
    ),
    (
        |stage| {
            stage.set("a", "k");
            stage.make(Step::Edit(address("a", "k"), 3));
            stage.set("a", "k");
        },
        1,
        "a k was written again since then",
    ),
    // Settings
    (
        |stage| {
            stage.make(Step::Set("x", Some(1)));
            stage.make(Step::Set("x", Some(2)));
        },
        1,
        "operation 2 changed the same since",
    ),
];

#[test]
fn an_undo_that_would_take_nothing_back_is_refused_and_changes_nothing() {
    for (number, (prepare, which, expected)) in CASES.iter().enumerate() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        let mut stage = Stage { backend, at: 0 };
        prepare(&mut stage);
        let backend = &stage.backend;
        let before = (contents(backend), backend.operations().expect("a log"));
        let now = later(stage.at + 1000);
        let (which, log) = (Some(*which), &before.1);
        let is_only = log.len() == 1;
        for which in [Some(which), is_only.then_some(None)].into_iter().flatten() {
            let rehearsed = backend.rehearse_undo(which, &operation(), now);
            let undone = backend.undo(which, &operation(), now, &mut no_progress);
            let (Err(Error::NotUndoable(rehearsed)), Err(Error::NotUndoable(why))) =
                (rehearsed, undone)
            else {
                panic!("case {number}: it is undone");
            };
            assert_eq!(rehearsed, why, "case {number}");
            let why = why.to_string();
            let (_, reason) = why.split_once(": ").unwrap_or_default();
            assert_eq!(reason, *expected, "case {number}");
        }
        let after = (contents(backend), backend.operations().expect("a log"));
        assert!(before == after, "case {number}");
    }
}

#[test]
fn an_undo_names_the_operation_before_one_that_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let mut stage = Stage { backend, at: 0 };
    stage.make(Step::Set("x", Some(1)));
    stage.set("a", "k");
    stage.clear("a");
    stage.set("a", "k");
    let undone = stage
        .backend
        .undo(None, &operation(), later(stage.at), &mut no_progress);
    let Err(Error::NotUndoable(why)) = undone else {
        panic!("{undone:?}")
    };
    let expected = "operation 2 cannot be undone: a k was written again since then; undoing \
                    operation 1 takes back the one before it";
    assert_eq!(why.to_string(), expected);
    let names_both = matches!(
        why,
        NotUndoable::NothingLeft {
            operation: 2,
            before: Some(1),
            ..
        }
    );
    assert!(names_both, "{why:?}");
    // It is possible as soon as the newer one is gone.
    stage.remove_for_good("a");
    stage.undo();
    assert_eq!(contents(&stage.backend).entries.len(), 1);
}
