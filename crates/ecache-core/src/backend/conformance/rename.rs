//! Renaming stores.

use std::collections::BTreeMap;

use super::stores::metadata;
use super::*;
use crate::backend::{Lookup, OnExistingStore, StoreRecord};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{Pattern, Usage};
use crate::scope::{MAX_NAME_LENGTH, Scopes};
use crate::usage::{CallGroup, Outcome, Period};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a store is renamed with all that is known of it", rename),
    ("a store is not renamed over another one", rename_over),
];

fn renamed(
    backend: &dyn Backend,
    from: &StoreAddress,
    to: &StoreAddress,
    on_existing: OnExistingStore,
) -> Result<Usage> {
    backend.rename_store(from, to, on_existing, &mut crate::backend::no_progress)
}

fn rename(backend: &dyn Backend) {
    let [one, two] = DATASETS.map(|id| StoreAddress::new("old").with_dataset(id));
    let new = StoreAddress::new("new").with_dataset(DATASETS[0]);
    let key = |text: &str| Key::new(text).expect("a valid key");
    let full = Entry {
        policy: Policy::Persist,
        scopes: Scopes {
            user_id: name("u"),
            ..Scopes::default()
        },
        function: name("f"),
        args: Some("[1]".into()),
        cost_ms: Some(7),
        ..Entry::new(one.entry(key("k")), Kind::Text, at(-5))
    };
    put(backend, &full);
    put(backend, &Entry::new(two.entry(key("k")), Kind::Text, NOW));
    let expired = Entry {
        expires_at: Some(at(-1)),
        ..Entry::new(one.entry(key("expired")), Kind::Bytes, at(-5))
    };
    put(backend, &expired);
    let hit = EntryUse {
        saved_ms: 0,
        entry: full.address.clone().into(),
        used_at: NOW,
        written_at: NOW,
        hits: 3,
    };
    record_uses(backend, &[hit]).expect("hits");
    let set = backend.set_metadata(&one, Some(&metadata("{}")));
    set.expect("metadata");
    let group = |store: &StoreAddress| CallGroup::Of {
        store: store.clone().into(),
        user: name("u"),
        operator: None,
    };
    let hits = |store, count| Period::of(group(store), Outcome::Hit, count, NOW);
    let batch = UsageBatch {
        periods: vec![hits(&one, 3), hits(&two, 5), hits(&new, 7)],
        ..UsageBatch::default()
    };
    backend.add_usage(&batch, None, NOW).expect("counts");
    let counted = || {
        let recorded = backend.usage_since(at(-1), &[]).expect("counts");
        let periods = recorded.periods.into_iter();
        let counts = periods.map(|period| (period.group, period.counts.hits));
        counts.collect::<BTreeMap<_, _>>()
    };
    let all = |store: &StoreAddress| {
        let values = Values::Include;
        let mut found = scan(
            backend,
            &Scan {
                values,
                ..Scan::new(Filter::store(store))
            },
        );
        found.sort_by(|(one, _), (two, _)| one.address.cmp(&two.address));
        found
    };
    let before = all(&one);
    assert_eq!(before.len(), 2);
    let generation = |store| backend.generation(store).expect("a generation");
    let generations = (generation(&one), generation(&new));

    let unknown = StoreAddress::new("unknown");
    let fail = OnExistingStore::Fail;
    let nothing = renamed(backend, &unknown, &new, fail).expect("nothing to rename");
    assert_eq!(nothing, Usage::default());
    let itself = renamed(backend, &one, &one, fail).expect("nothing to rename");
    assert_eq!(itself, Usage::default());
    let too_long = StoreAddress::new(&"n".repeat(MAX_NAME_LENGTH + 1));
    assert!(renamed(backend, &one, &too_long, fail).is_err());
    assert_eq!(all(&one), before);

    let moved = renamed(backend, &one, &new, fail).expect("a renaming");
    assert_eq!(
        moved,
        Usage {
            entries: 2,
            bytes: 6
        }
    );
    assert_eq!(all(&one), []);
    let expected: Vec<_> = before
        .into_iter()
        .map(|(entry, content)| {
            let address = new.entry(entry.address.key.clone());
            (Entry { address, ..entry }, content)
        })
        .collect();
    assert_eq!(all(&new), expected);
    assert_eq!(
        counted(),
        BTreeMap::from([(group(&two), 5), (group(&new), 10)])
    );
    let document = |store| backend.document(store).expect("no damage");
    assert_eq!(
        (document(&one), document(&new)),
        (None, Some(metadata("{}")))
    );
    assert!(generation(&one) > generations.0 && generation(&new) > generations.1);
    assert_eq!(all(&two).len(), 1, "another dataset's store stays");
    let lookup = backend.lookup(&new.entry(key("k")), NOW);
    assert!(matches!(lookup, Ok(Lookup::Hit(entry, _)) if entry.hits == 3));
    put(backend, &Entry::new(one.entry(key("k")), Kind::Text, NOW));
    put(
        backend,
        &Entry::new(new.entry(key("another")), Kind::Text, NOW),
    );
    let before_moving = all(&new);
    assert_eq!((all(&one).len(), before_moving.len()), (1, 3));

    let elsewhere = StoreAddress {
        collection: "elsewhere".into(),
        ..StoreAddress::new("$new")
    };
    let moved = renamed(backend, &new, &elsewhere, fail).expect("a renaming");
    assert_eq!(moved.entries, 3);
    let expected: Vec<_> = before_moving
        .into_iter()
        .map(|(entry, content)| {
            let address = elsewhere.entry(entry.address.key.clone());
            (Entry { address, ..entry }, content)
        })
        .collect();
    assert_eq!((all(&new), all(&elsewhere)), (Vec::new(), expected));
    assert_eq!(counted()[&group(&elsewhere)], 10);
    assert_eq!(
        (document(&new), document(&elsewhere)),
        (None, Some(metadata("{}")))
    );
}

fn rename_over(backend: &dyn Backend) {
    let (old, new) = (StoreAddress::new("old"), StoreAddress::new("new"));
    put(backend, &entry("old", "a"));
    put(backend, &entry("old", "b"));
    put(backend, &entry("new", "b"));
    let counts = || {
        ["old", "new"].map(|store| {
            let filter = Filter::store(&StoreAddress::new(store));
            scan(backend, &Scan::new(filter)).len()
        })
    };
    let fails = renamed(backend, &old, &new, OnExistingStore::Fail);
    assert!(matches!(fails, Err(Error::StoreExists { store }) if *store == new));
    let both = renamed(backend, &old, &new, OnExistingStore::Merge);
    let conflict = address("new", "b");
    assert!(matches!(both, Err(Error::Conflict { address, .. }) if *address == conflict));
    assert_eq!(counts(), [2, 1], "nothing was moved");

    let filter = Filter {
        keys: vec![Pattern::exact("b")],
        ..Filter::store(&new)
    };
    let removed = backend.remove(&filter.into(), NOW, &mut crate::backend::no_progress);
    assert_eq!(removed.expect("a removal").entries, 1);
    for (store, value) in [(&old, "1"), (&new, "2")] {
        let set = backend.set_metadata(store, Some(&metadata(value)));
        set.expect("metadata");
    }
    let fails = renamed(backend, &old, &new, OnExistingStore::Fail);
    assert!(
        matches!(fails, Err(Error::StoreExists { .. })),
        "a document makes a store"
    );
    let moved = renamed(backend, &old, &new, OnExistingStore::Merge).expect("a renaming");
    assert_eq!(moved.entries, 2);
    assert_eq!(counts(), [0, 2]);
    let stores = backend.stores().expect("the stores");
    let expected = StoreRecord::new(new.into(), Some(metadata("2")));
    assert_eq!(stores, [expected]);
}
