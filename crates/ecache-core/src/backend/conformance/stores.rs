//! Stores, their metadata and their order.

use super::*;
use crate::backend::{Dimension, Sort, StoreMetadata, StoreRecord};
use crate::entry::Policy;
use crate::filter::{Jobs, Pattern};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a store exists by its entries or its metadata", existence),
    ("stores come by collection, name and dataset", order),
    ("collections with the same names do not mix", collections),
    (
        "a filter of whole stores means their own documents",
        documents,
    ),
];

pub(super) fn metadata(value: &str) -> StoreMetadata {
    StoreMetadata {
        value: value.into(),
        created_at: at(-1),
        updated_at: Some(NOW),
        policy: Policy::Evict,
    }
}

fn existence(backend: &dyn Backend) {
    let store = StoreAddress::new("s").with_dataset(DATASETS[0]);
    let set = |metadata: Option<&StoreMetadata>| {
        backend.set_metadata(&store, metadata).expect("metadata")
    };
    let stores = || backend.stores().expect("the stores");
    assert_eq!(stores(), []);
    for value in ["{\"a\": 1}", "null"] {
        set(Some(&metadata(value)));
        let expected = StoreRecord::new(store.clone().into(), Some(metadata(value)));
        assert_eq!(stores(), [expected]);
    }
    set(None);
    assert_eq!(stores(), []);
    let entry = Entry::new(
        store.entry(Key::new("k").expect("a valid key")),
        Kind::Text,
        NOW,
    );
    put(backend, &entry);
    let expected = StoreRecord::new(store.clone().into(), None);
    assert_eq!(stores(), [expected]);
    let all = Filter::store(&store).into();
    let remove = backend.remove(&all, NOW, &mut crate::backend::no_progress);
    remove.expect("a removal");
    assert_eq!(stores(), []);
}

fn documents(backend: &dyn Backend) {
    use Policy::{Evict, Persist};
    let linked = StoreAddress::new("s").with_dataset(DATASETS[0]);
    let stores = [
        (StoreAddress::new("s"), Evict),
        (StoreAddress::new("t"), Persist),
        (linked.clone(), Persist),
        (in_collection("other", "s"), Evict),
    ];
    let create = || {
        for (store, policy) in &stores {
            let document = StoreMetadata {
                policy: *policy,
                ..metadata("{}")
            };
            let set = backend.set_metadata(store, Some(&document));
            set.expect("metadata");
        }
    };
    let s = || Filter {
        stores: vec![Pattern::exact("s")],
        ..Filter::default()
    };
    let of = |policy| Filter {
        policy: Some(policy),
        ..Filter::default()
    };
    let other = Filter {
        collections: vec![Pattern::exact("other")],
        ..s()
    };
    let keyed = Filter {
        keys: vec![Pattern::exact("k")],
        ..s()
    };
    let older = Filter {
        written_before: Some(at(DAY)),
        ..Filter::default()
    };
    let of_jobs = |jobs| Filter {
        jobs: Some(jobs),
        ..s()
    };
    for (filter, count) in [
        (of_jobs(Jobs::NotRunning), 2),
        (of_jobs(Jobs::Only), 0),
        (of_jobs(Jobs::Running), 0),
        (of_jobs(Jobs::Idle), 0),
        (s(), 2),
        (Filter::default(), 3),
        (Filter::store(&linked), 1),
        (of(Evict), 1),
        (of(Persist), 2),
        (other, 1),
        (keyed, 0),
        (older, 0),
    ] {
        create();
        let document = backend.document(&linked).expect("a document");
        assert_eq!(document.map(|known| known.policy), Some(Persist));
        put(backend, &entry("s", "k"));
        let generation = || {
            let store = StoreAddress::new("s");
            backend.generation(&store).expect("a generation")
        };
        let before = generation();
        let counted = backend.count_documents(&filter, NOW).expect("a count");
        let removed = backend.remove_documents(&filter, NOW).expect("a removal");
        assert_eq!((counted, removed), (count, count), "{filter:?}");
        assert_eq!(backend.count_documents(&filter, NOW).expect("a count"), 0);
        let stays = !filter.matches_document(&StoreAddress::new("s"), Some(Evict));
        let document = backend.document(&StoreAddress::new("s"));
        assert_eq!(document.expect("a document").is_some(), stays);
        assert_eq!(generation() == before, stays);
        assert_eq!(scan(backend, &Scan::new(s())).len(), 1, "entries stay");
    }
    let unknown = StoreAddress::new("unknown");
    assert_eq!(backend.document(&unknown).expect("no document"), None);
}

fn in_collection(collection: &str, store: &str) -> StoreAddress {
    StoreAddress {
        collection: collection.into(),
        ..StoreAddress::new(store)
    }
}

fn order(backend: &dyn Backend) {
    let expected = [
        in_collection("A", "z"),
        in_collection("b", "S"),
        in_collection("b", "s"),
        in_collection("b", "s").with_dataset(DATASETS[0]),
        in_collection("b", "s").with_dataset(DATASETS[1]),
        in_collection("b", "é"),
    ];
    for store in expected.iter().rev() {
        let set = backend.set_metadata(store, Some(&metadata("0")));
        set.expect("metadata");
    }
    let stores = backend.stores().expect("the stores");
    let stores: Vec<_> = stores
        .iter()
        .map(|store| (*store.address).clone())
        .collect();
    assert_eq!(stores, expected);
}

fn collections(backend: &dyn Backend) {
    for (collection, keys) in [("one", 1), ("two", 2)] {
        for key in 0..keys {
            let key = Key::new(key.to_string()).expect("a valid key");
            let address = in_collection(collection, "s").entry(key);
            put(backend, &Entry::new(address, Kind::Text, NOW));
        }
    }
    let filter = |collection: &str| Filter {
        collections: vec![Pattern::exact(collection)],
        ..Filter::default()
    };
    let count = |collection| scan(backend, &Scan::new(filter(collection))).len();
    assert_eq!([count("one"), count("two"), count("three")], [1, 2, 0]);
    several_collections(backend);
    let remove = backend.remove(&filter("two").into(), NOW, &mut crate::backend::no_progress);
    assert_eq!(remove.expect("a removal").entries, 2);
    assert_eq!([count("one"), count("two")], [1, 0]);
}

/// Reads three entries in two collections as one.
fn several_collections(backend: &dyn Backend) {
    let glob = Pattern::glob("t*").expect("a well-formed pattern");
    let named = |names: &[&str]| names.iter().copied().map(Pattern::exact).collect();
    for (collections, expected) in [
        (named(&["one", "two"]), 3),
        (named(&["two", "three"]), 2),
        (vec![glob], 2),
        (Vec::new(), 3),
    ] {
        let filter = Filter {
            collections,
            ..Filter::default()
        };
        let usage = backend.usage(&filter.clone().into(), NOW).expect("a count");
        assert_eq!(usage.entries, expected, "{filter:?}");
        for sort in [
            Sort::Any,
            Sort::Stored,
            Sort::Key,
            Sort::Created,
            Sort::Size,
        ] {
            for values in [Values::Omit, Values::Include] {
                let sorted = Scan {
                    sort,
                    values,
                    ..Scan::new(filter.clone())
                };
                let rows = scan(backend, &sorted);
                assert_eq!(rows.len() as u64, expected, "{sorted:?}");
                let limited = Scan {
                    limit: Some(2),
                    ..sorted
                };
                assert_eq!(scan(backend, &limited).len(), 2, "{limited:?}");
                if sort == Sort::Key {
                    let keys = rows.iter().map(|(entry, _)| entry.address.key.as_str());
                    assert!(keys.is_sorted(), "{rows:?}");
                }
            }
        }
        let groups = backend.groups(&filter, Dimension::Collection, NOW);
        let groups = groups.expect("groups").into_iter();
        let counts: Vec<u64> = groups.map(|group| group.usage.entries).collect();
        let apart = if expected == 3 { vec![1, 2] } else { vec![2] };
        assert_eq!(counts, apart, "{filter:?}");
    }
    let names = backend.names(Dimension::Collection).expect("the names");
    let is_ours = |name: &Arc<str>| matches!(&**name, "one" | "two");
    assert_eq!(names.into_iter().filter(is_ours).count(), 2);
}
