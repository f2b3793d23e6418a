//! Random operations, which are all undone.

use super::*;
use crate::generate::KEYS;

const DATASETS: [Option<&str>; 2] = [None, Some("one")];
const STORES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
pub enum Step {
    Remove(Filter),
    Touch(Filter, Touch),
    Import(Vec<(Entry, u8)>, Option<StoreAddress>, OnConflict, usize),
    /// Copies what a filter selects of another store
    Copy(Vec<(Entry, u8)>, Option<StoreAddress>, Filter, OnConflict),
    Rename(StoreAddress, StoreAddress, OnExistingStore),
    /// Gives an entry another value
    Edit(Address, u8),
    Set(&'static str, Option<u8>),
    /// Takes the latest of the others back
    Undo,
}

fn store() -> impl Strategy<Value = StoreAddress> {
    generate::store(&STORES, &DATASETS)
}

prop_compose! {
    fn entry()(
        store in store(),
        key in select(KEYS.to_vec()),
        policy in prop_oneof![3 => Just(Policy::Evict), 1 => Just(Policy::Persist)],
        user in proptest::option::of(select(vec!["ann", "bob"])),
        hits in 0..3_u64,
        created in -1000..1000_i64,
        updated in proptest::option::of(-1000..1000_i64),
        lifetime in proptest::option::of(1..100_i64),
    ) -> Entry {
        let address = store.entry(Key::new(key).expect("a key"));
        let mut entry = Entry::new(address, Kind::Bytes, later(created));
        // Some claim to have been written later than the operations.
        entry.updated_at = updated.map(later);
        entry.policy = policy;
        entry.scopes.user_id = user.map(Into::into);
        entry.hits = hits;
        entry.saved_ms = hits * 5;
        entry.last_used_at = (hits > 0).then_some(NOW);
        entry.expires_at = lifetime
            .filter(|_| policy == Policy::Evict)
            .map(|hours| later(hours * 3_600_000));
        entry.cost_ms = Some(hits * 7);
        entry
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let policy = proptest::option::of(select(vec![Policy::Evict, Policy::Persist]));
    generate::filter(&STORES, &DATASETS, policy)
}

fn touch() -> impl Strategy<Value = Touch> {
    let expiry = proptest::option::of(proptest::option::of(1..9_i64));
    let policy = proptest::option::of(select(vec![Policy::Evict, Policy::Persist]));
    (expiry, policy).prop_map(|(expiry, policy)| Touch {
        expires_at: expiry.map(|at| at.map(|hours| later(hours * 3_600_000))),
        policy,
    })
}

pub fn step() -> impl Strategy<Value = Step> {
    let entries = || prop::collection::vec((entry(), any::<u8>()), 1..8);
    let conflict = || {
        select(vec![
            OnConflict::Replace,
            OnConflict::Keep,
            OnConflict::Newer,
        ])
    };
    let document = || proptest::option::weighted(0.3, store());
    let existing = select(vec![OnExistingStore::Fail, OnExistingStore::Merge]);
    prop_oneof![
        3 => filter().prop_map(Step::Remove),
        2 => (filter(), touch()).prop_map(|(filter, touch)| Step::Touch(filter, touch)),
        3 => (entries(), document(), conflict(), 1..9_usize).prop_map(
            |(entries, document, conflict, size)| Step::Import(entries, document, conflict, size)
        ),
        2 => (entries(), document(), filter(), conflict()).prop_map(
            |(entries, document, filter, conflict)| Step::Copy(entries, document, filter, conflict)
        ),
        2 => (store(), store(), existing).prop_map(|(from, to, existing)| {
            Step::Rename(from, to, existing)
        }),
        3 => (entry(), any::<u8>()).prop_map(|(entry, value)| Step::Edit(entry.address, value)),
        1 => (select(vec!["x", "y"]), proptest::option::of(any::<u8>()))
            .prop_map(|(name, value)| Step::Set(name, value)),
        2 => Just(Step::Undo),
    ]
}

/// Imports a record into a store that logs nothing.
fn import_into(backend: &dyn Backend, record: Record) {
    let mut records = std::iter::once(Ok(record));
    let imported = backend.import(
        &mut records,
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
}

pub fn make(backend: &SqliteBackend, step: &Step, at: i64) {
    let (operation, now) = (operation(), later(at));
    match step {
        Step::Remove(filter) => {
            let selection = filter.clone().into();
            let removal = backend.remove_undoably(
                &selection,
                Some(filter),
                &operation,
                now,
                &mut no_progress,
            );
            assert!(matches!(removal, Ok(ChangeOutcome::Done(_))), "{removal:?}");
        }
        Step::Touch(filter, touch) => {
            let touched = backend.touch_logged(
                &filter.clone().into(),
                *touch,
                KeepForUndo::Yes,
                &operation,
                now,
                &mut no_progress,
            );
            assert!(matches!(touched, Ok(ChangeOutcome::Done(_))), "{touched:?}");
        }
        Step::Import(entries, store, on_conflict, size) => {
            let mut records: Vec<Record> = entries.iter().map(record).collect();
            records.extend(store.as_ref().map(|store| document(store, at)));
            import(backend, records, (*on_conflict, *size), at);
        }
        Step::Copy(entries, store, filter, on_conflict) => {
            let other = MemoryBackend::new();
            let mut records: Vec<Record> = entries.iter().map(record).collect();
            records.extend(store.as_ref().map(|store| document(store, at)));
            for record in records {
                import_into(&other, record);
            }
            let mut on_beyond = || panic!("they are few");
            let log = ImportLog::new(operation, KeepForUndo::Yes, now, &mut on_beyond);
            let mut refused = fail_at_refused;
            let mut importer = Importer::new(backend, *on_conflict, &mut refused).logging(log);
            for found in Records::new(&other, filter, now).expect("a scan") {
                let FoundRecord::Record(record) = found.expect("a record") else {
                    panic!("all can be copied")
                };
                importer.add(record).expect("copied");
            }
            importer.flush().expect("copied");
        }
        Step::Rename(from, to, on_existing) => {
            let renamed = backend.rename_logged(
                (from, to),
                *on_existing,
                KeepForUndo::Yes,
                &operation,
                now,
                &mut no_progress,
            );
            match renamed {
                Ok(_) | Err(Error::StoreExists { .. } | Error::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        Step::Edit(address, value) => edit(backend, address, *value, now),
        Step::Set(name, value) => {
            let value = value.map(|value| value.to_string());
            backend
                .change_settings(&[(*name, value.as_deref())], &operation, now)
                .expect("a change");
        }
        Step::Undo => drop(undo(backend, None, at)),
    }
}

/// Gives an entry another value, if there is one; it keeps its lifetime and its hits.
fn edit(backend: &SqliteBackend, address: &Address, value: u8, now: Timestamp) {
    let Lookup::Hit(old, content) = backend.lookup(address, now).expect("a look-up") else {
        return;
    };
    let old_value = read_value(backend, old.kind, content).expect("a value");
    let mut entry = Entry::new(address.clone(), old.kind, now);
    entry.scopes = old.scopes.clone();
    entry.cost_ms = old.cost_ms;
    let options = PutOptions {
        condition: Condition::IfValue(old_value),
        keep: Keep::LIFETIME,
        expiry: Expiry::Named,
    };
    let content = Content::Inline(vec![value; usize::from(value) + 1]);
    let keep = KeepForUndo::Yes;
    let put = backend.put_logged(&entry, &content, &options, keep, &operation(), now);
    let (put, report) = put.expect("a write");
    assert_eq!((put, report.until.is_some()), (Put::Replaced, true));
    let Lookup::Hit(edited, _) = backend.lookup(address, now).expect("a look-up") else {
        panic!("it is there");
    };
    let kept = |entry: &Entry| (entry.hits, entry.last_used_at, entry.saved_ms);
    assert_eq!(kept(&edited), kept(&old));
    let lifetime = |entry: &Entry| (entry.policy, entry.expires_at, entry.created_at);
    assert_eq!(lifetime(&edited), lifetime(&old));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn undoing_everything_restores_the_store_and_undoing_that_the_operations(
        entries in prop::collection::vec((entry(), any::<u8>()), 1..20),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = write(&path);
        let mut records: Vec<Record> = entries.iter().map(record).collect();
        records.push(document(&StoreAddress::new("a"), 0));
        backend
            .import(
                &mut records.into_iter().map(Ok),
                OnConflict::Replace,
                Commit::Whole,
                &mut fail_at_refused,
                &mut no_progress,
            )
            .expect("an import");
        let before = contents(&backend);
        for (number, step) in steps.iter().enumerate() {
            make(&backend, step, 1 + number as i64);
        }
        let after = contents(&backend);
        let mut undos = Vec::new();
        while let Some(undone) = undo(&backend, None, 100) {
            undos.push(undone.operation);
        }
        prop_assert_eq!(contents(&backend), before.clone());
        // And again, by way of the undos.
        let mut redos = Vec::new();
        for number in undos.iter().rev() {
            redos.extend(undo(&backend, Some(*number), 200).map(|undone| undone.operation));
        }
        prop_assert_eq!(contents(&write(&path)), after);
        // They are in force again, and are undone by themselves or by way of the redos.
        if redos.len().is_multiple_of(2) {
            while undo(&backend, None, 300).is_some() {}
        } else {
            for number in redos.iter().rev() {
                undo(&backend, Some(*number), 300);
            }
        }
        prop_assert_eq!(contents(&backend), before);
    }
}
