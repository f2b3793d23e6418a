//! Random writes, removals and undos, against a model of the store.

use super::*;
use crate::generate::KEYS;

const DATASETS: [Option<&str>; 3] = [None, Some("one"), Some("two")];

/// A change of a store.
#[derive(Clone, Debug)]
enum Step {
    Write(Box<Entry>, u8),
    /// Removes whole stores, or single entries by user and key
    Remove(Filter),
    RemoveForGood(Filter),
    /// Undoes the latest operation that can be undone
    Undo,
    /// Undoes an operation by its place in the log
    UndoOne(prop::sample::Index),
    Metadata(StoreAddress, bool),
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
        lifetime in proptest::option::of(1..100_i64),
    ) -> Entry {
        let mut entry = Entry::new(store.entry(Key::new(key).expect("a key")), Kind::Bytes, NOW);
        entry.policy = policy;
        entry.scopes.user_id = user.map(Into::into);
        entry.hits = hits;
        entry.last_used_at = (hits > 0).then_some(NOW);
        entry.expires_at = lifetime
            .filter(|_| policy == Policy::Evict)
            .map(|hours| Timestamp::from_millis(NOW.as_millis() + hours * 3_600_000));
        entry.cost_ms = Some(hits * 7);
        entry
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let policy = prop_oneof![
        3 => Just(Some(Policy::Evict)),
        1 => Just(Some(Policy::Persist)),
        1 => Just(None)
    ];
    generate::filter(&STORES, &DATASETS, policy)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (entry(), any::<u8>()).prop_map(|(entry, value)| Step::Write(Box::new(entry), value)),
        4 => filter().prop_map(Step::Remove),
        1 => filter().prop_map(Step::RemoveForGood),
        2 => Just(Step::Undo),
        2 => any::<prop::sample::Index>().prop_map(Step::UndoOne),
        1 => (store(), any::<bool>()).prop_map(|(store, is_there)| Step::Metadata(store, is_there)),
    ]
}

/// The changes of an operation in the model.
#[derive(Clone, Debug)]
struct Change {
    number: u64,
    is_undo: bool,
    undone_by: Option<u64>,
    /// `true` if the entries were removed, `false` if they came back
    is_removal: bool,
    entries: Contents,
    documents: BTreeMap<StoreAddress, StoreMetadata>,
    /// Entries of the operation that this undid, which it left as they were
    left: Contents,
    /// Entries that the undo had left which this undid
    inherited: Contents,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.documents.is_empty()
    }
}

/// Undoes an operation; `None` if it cannot be.
fn undo(
    backend: &SqliteBackend,
    which: Option<u64>,
    number: usize,
    now: Timestamp,
) -> Option<Undone> {
    let operation = operation(number);
    let rehearsed = backend.rehearse_undo(which, &operation, now);
    match backend.undo(which, &operation, now, &mut no_progress) {
        Ok(undone) => {
            assert_eq!(rehearsed.ok().as_ref(), Some(&undone));
            assert_eq!(undone.evicted, 0, "there are no limits");
            Some(undone)
        }
        Err(error @ Error::NotUndoable(_)) => {
            assert_eq!(
                rehearsed.expect_err("the same").to_string(),
                error.to_string()
            );
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The store as it should be.
#[derive(Default)]
struct Model {
    contents: Contents,
    documents: BTreeMap<StoreAddress, StoreMetadata>,
    changes: Vec<Change>,
}

fn time(step: usize) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + step as i64)
}

fn documents(backend: &dyn Backend) -> BTreeMap<StoreAddress, StoreMetadata> {
    let stores = backend.stores().expect("the stores").into_iter();
    stores
        .filter_map(|store| Some((StoreAddress::clone(&store.address), store.metadata?)))
        .collect()
}

impl Model {
    fn step(&mut self, backend: &SqliteBackend, number: usize, step: &Step) {
        let now = time(number);
        match step {
            Step::Write(entry, value) => {
                let mut entry = Entry::clone(entry);
                (entry.created_at, entry.updated_at) = (now, Some(now));
                let value = vec![*value; usize::from(*value)];
                entry.size = value.len() as u64;
                import(backend, &entry, &value);
                self.contents.insert(entry.address.clone(), (entry, value));
            }
            Step::Metadata(store, is_there) => {
                let metadata = is_there.then(|| StoreMetadata {
                    value: format!("{{\"step\": {number}}}"),
                    policy: Policy::Evict,
                    created_at: now,
                    updated_at: None,
                });
                backend
                    .set_metadata(store, metadata.as_ref())
                    .expect("metadata");
                match metadata {
                    Some(metadata) => drop(self.documents.insert(store.clone(), metadata)),
                    None => drop(self.documents.remove(store)),
                }
            }
            Step::Remove(filter) => {
                let removal = backend.remove_undoably(
                    &filter.clone().into(),
                    Some(filter),
                    &operation(number),
                    now,
                    &mut no_progress,
                );
                let Ok(ChangeOutcome::Done(removed)) = removal else {
                    panic!("{removal:?}")
                };
                let (entries, documents) = self.remove(filter, now);
                assert_eq!(removed.usage.entries, entries.len() as u64);
                assert_eq!(removed.documents, documents.len() as u64);
                assert_eq!(removed.operation.is_some(), removed.until.is_some());
                let is_any = !entries.is_empty() || !documents.is_empty();
                assert_eq!(removed.operation.is_some(), is_any);
                if let Some(number) = removed.operation {
                    self.changes.push(Change {
                        number,
                        is_undo: false,
                        undone_by: None,
                        is_removal: true,
                        entries,
                        documents,
                        left: Contents::new(),
                        inherited: Contents::new(),
                    });
                }
            }
            Step::RemoveForGood(filter) => {
                let removed = backend.remove_for_good(
                    &filter.clone().into(),
                    Some(filter),
                    &operation(number),
                    now,
                    &mut no_progress,
                );
                let (entries, _) = self.remove(filter, now);
                assert_eq!(
                    removed.expect("a removal").usage.entries,
                    entries.len() as u64
                );
            }
            Step::Undo => {
                let changes = self.changes.iter().rev();
                let in_force = changes.filter(|change| !change.is_undo && self.is_in_force(change));
                let in_force: Vec<_> = in_force.collect();
                match undo(backend, None, number, now) {
                    Some(undone) => {
                        let meant = undone.undone.id;
                        let place = in_force.iter().position(|one| one.number == meant);
                        let later = &in_force[..place.expect("it is in force")];
                        assert!(later.iter().all(|later| self.last(later).is_empty()));
                        self.undo(&undone);
                    }
                    None => {
                        let mut kept = in_force.iter().map(|one| (*one, self.last(one)));
                        let latest = kept.find(|(_, last)| !last.is_empty());
                        let is_vain = |(meant, last)| self.reversed(meant, last).0.is_empty();
                        assert!(latest.is_none_or(is_vain));
                    }
                }
            }
            Step::UndoOne(index) if !self.changes.is_empty() => {
                let change = &self.changes[index.index(self.changes.len())];
                let is_in_force = self.is_in_force(change);
                match undo(backend, Some(change.number), number, now) {
                    Some(undone) => {
                        assert!(is_in_force);
                        assert_eq!(undone.undone.id, change.number);
                        self.undo(&undone);
                    }
                    // One that would change nothing is refused.
                    None => {
                        let (reversed, _) = self.reversed(change, self.last(change));
                        assert!(!is_in_force || reversed.is_empty());
                    }
                }
            }
            Step::UndoOne(_) => {}
        }
    }

    fn remove(
        &mut self,
        filter: &Filter,
        now: Timestamp,
    ) -> (Contents, BTreeMap<StoreAddress, StoreMetadata>) {
        let (entries, contents) = std::mem::take(&mut self.contents)
            .into_iter()
            .partition(|(_, (entry, _))| filter.matches(entry, now));
        self.contents = contents;
        let (removed, documents) = std::mem::take(&mut self.documents)
            .into_iter()
            .partition(|(store, metadata)| filter.matches_document(store, Some(metadata.policy)));
        self.documents = documents;
        (entries, removed)
    }

    fn change(&self, number: u64) -> &Change {
        let mut changes = self.changes.iter();
        let found = changes.find(|change| change.number == number);
        found.expect("a known operation")
    }

    /// Returns the undos of an operation, each of which undid the one before.
    fn undos(&self, change: &Change) -> Vec<u64> {
        std::iter::successors(change.undone_by, |by| self.change(*by).undone_by).collect()
    }

    fn is_in_force(&self, change: &Change) -> bool {
        self.undos(change).len().is_multiple_of(2)
    }

    fn last<'a>(&'a self, change: &'a Change) -> &'a Change {
        let last = self.undos(change).pop();
        last.map_or(change, |number| self.change(number))
    }

    /// Returns what undoing an operation changes, by reversing the last of its chain, and the
    /// number of entries that stay as they are.
    fn reversed(&self, meant: &Change, target: &Change) -> (Change, u64) {
        let is_of_chain = meant.number != target.number;
        let (mut entries, mut documents) = (target.entries.clone(), target.documents.clone());
        let mut left = Contents::new();
        if is_of_chain {
            entries.extend(target.inherited.clone());
            for (store, metadata) in &meant.documents {
                let added = documents.entry(store.clone());
                added.or_insert_with(|| metadata.clone());
            }
        } else {
            left.extend(target.inherited.clone());
        }
        let is_possible = |address: &Address, entry: &_| {
            let there = self.contents.get(address);
            if target.is_removal {
                there.is_none()
            } else {
                there == Some(entry)
            }
        };
        let (entries, staying): (Contents, Contents) = entries
            .into_iter()
            .partition(|(address, entry)| is_possible(address, entry));
        let newer = staying.len() as u64;
        left.extend(staying);
        documents.retain(|store, metadata| {
            let there = self.documents.get(store);
            if target.is_removal {
                there.is_none()
            } else {
                there == Some(metadata)
            }
        });
        let changed = Change {
            number: 0,
            is_undo: true,
            undone_by: None,
            is_removal: !target.is_removal,
            entries,
            documents,
            left,
            inherited: target.left.clone(),
        };
        (changed, newer)
    }

    fn undo(&mut self, undone: &Undone) {
        let last = self.last(self.change(undone.undone.id)).number;
        let (meant, last_change) = (self.change(undone.undone.id), self.change(last));
        let (mut changed, newer) = self.reversed(meant, last_change);
        assert!(!changed.is_empty(), "{undone:?}");
        changed.number = undone.operation;
        let mut changes = self.changes.iter_mut();
        let target = changes.find(|change| change.number == last);
        let target = target.expect("a known operation");
        target.undone_by = Some(undone.operation);
        assert_eq!((undone.effect == Effect::Restored), target.is_removal);
        if target.is_removal {
            self.contents.extend(changed.entries.clone());
            self.documents.extend(changed.documents.clone());
            assert_eq!((undone.newer, undone.gone), (newer, 0));
        } else {
            let is_meant = |address: &Address| changed.entries.contains_key(address);
            self.contents.retain(|address, _| !is_meant(address));
            let documents = &changed.documents;
            self.documents
                .retain(|store, _| !documents.contains_key(store));
        }
        assert_eq!(undone.usage.entries, changed.entries.len() as u64);
        assert!(undone.newer + undone.gone <= newer, "{undone:?}");
        self.changes.push(changed);
    }

    fn check(&self, backend: &SqliteBackend, now: Timestamp) {
        assert_eq!(contents(backend, now), self.contents);
        assert_eq!(documents(backend), self.documents);
        let all = Filter::default();
        let counted = backend.usage(&all.into(), now).expect("a count");
        assert_eq!(counted.entries, self.contents.len() as u64);
        for store in STORES.into_iter().map(StoreAddress::new) {
            for key in KEYS {
                let address = store.entry(Key::new(key).expect("a key"));
                let found = backend.lookup(&address, now).expect("a look-up");
                let is_hit = matches!(found, ecache_core::backend::Lookup::Hit(..));
                assert_eq!(is_hit, self.contents.contains_key(&address), "{address}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_is_what_its_writes_removals_and_undos_make_it(
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let (ours, theirs) = (write(&path), write(&path));
        let mut model = Model::default();
        for (number, step) in steps.iter().enumerate() {
            // Another process knows other ids.
            let (backend, other) = match number % 3 {
                0 => (&theirs, &ours),
                _ => (&ours, &theirs),
            };
            model.step(backend, number, step);
            model.check(other, time(number));
        }
        model.check(&write(&path), time(steps.len()));
    }

    #[test]
    fn undoing_all_removals_restores_the_store(
        entries in prop::collection::vec((entry(), any::<u8>()), 1..30),
        filters in prop::collection::vec(filter(), 1..50),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        let mut model = Model::default();
        for (entry, value) in &entries {
            model.step(&backend, 0, &Step::Write(Box::new(entry.clone()), *value));
        }
        let before = contents(&backend, NOW);
        for (number, filter) in filters.iter().enumerate() {
            model.step(&backend, number, &Step::Remove(filter.clone()));
        }
        for number in 0..=filters.len() {
            model.step(&backend, filters.len() + number, &Step::Undo);
        }
        prop_assert_eq!(contents(&backend, NOW), before);
    }
}
