//! Stores, their metadata, and statistics.

use super::*;
use crate::backend::{Dimension, Group, Lookup, OnExistingStore, Sort, StoreMetadata, StoreRecord};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{Pattern, Usage};
use crate::scope::{MAX_NAME_LENGTH, Scopes};
use crate::usage::{self, Event, Gap, HOUR, LogId, Outcome, Position};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a store exists by its entries or its metadata", existence),
    ("stores come by collection, name and dataset", order),
    ("collections with the same names do not mix", collections),
    (
        "a filter of whole stores means their own documents",
        documents,
    ),
    ("a store is renamed with all that is known of it", rename),
    ("a store is not renamed over another one", rename_over),
    ("groups add up what they are made of", groups),
    (
        "usage is counted by hour and group, exactly once, and outlives entries",
        usage_by_period,
    ),
    ("a description counts what is there", description),
];

fn metadata(value: &str) -> StoreMetadata {
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
        let expected = StoreRecord {
            address: store.clone().into(),
            metadata: Some(metadata(value)),
        };
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
    let expected = StoreRecord {
        address: store.clone().into(),
        metadata: None,
    };
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
    for (filter, count) in [
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
        let counted = backend.count_documents(&filter).expect("a count");
        let removed = backend.remove_documents(&filter).expect("a removal");
        assert_eq!((counted, removed), (count, count), "{filter:?}");
        assert_eq!(backend.count_documents(&filter).expect("a count"), 0);
        let stays = !filter.matches_document(&StoreAddress::new("s"), Some(Evict));
        let document = backend.document(&StoreAddress::new("s"));
        assert_eq!(document.expect("a document").is_some(), stays);
        assert_eq!(generation() == before, stays);
        assert_eq!(scan(backend, &Scan::new(s())).len(), 1, "entries stay");
    }
    let unknown = StoreAddress::new("unknown");
    assert_eq!(backend.document(&unknown).expect("no document"), None);
}

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
        address: full.address.clone(),
        used_at: NOW,
        written_at: NOW,
        hits: 3,
    };
    record_uses(backend, &[hit]).expect("hits");
    let set = backend.set_metadata(&one, Some(&metadata("{}")));
    set.expect("metadata");
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
    let expected = StoreRecord {
        address: new.into(),
        metadata: Some(metadata("2")),
    };
    assert_eq!(stores, [expected]);
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

fn groups(backend: &dyn Backend) {
    let scoped = |store: &str, key, user: Option<&str>, written, expires| {
        let address = StoreAddress::new(store).with_dataset(DATASETS[0]);
        Entry {
            created_at: at(written),
            updated_at: Some(at(written + 1)),
            expires_at: Some(at(expires)),
            cost_ms: Some(10),
            scopes: Scopes {
                user_id: user.map(Into::into),
                ..Scopes::default()
            },
            ..Entry::new(
                address.entry(Key::new(key).expect("a valid key")),
                Kind::Text,
                NOW,
            )
        }
    };
    let first = scoped("s", "a", Some("ann"), -5, 0);
    put(backend, &first);
    put(backend, &scoped("t", "a", Some("ann"), -9, DAY));
    put(backend, &scoped("t", "b", None, -7, DAY));
    let persistent = Entry {
        policy: Policy::Persist,
        ..entry("s", "c")
    };
    put(backend, &persistent);
    let one = EntryUse {
        saved_ms: 40,
        address: first.address,
        used_at: NOW,
        written_at: NOW,
        hits: 4,
    };
    record_uses(backend, &[one]).expect("hits are recorded");
    let groups = |by| {
        let groups = backend.groups(&Filter::default(), by, NOW);
        groups.expect("groups")
    };
    let usage = |entries| Usage {
        entries,
        bytes: entries * 3,
    };
    let ann = Group {
        name: name("ann"),
        usage: usage(2),
        expired: usage(1),
        persistent: 0,
        hits: 4,
        saved_ms: 40,
        oldest: Some(at(-9)),
        newest: Some(at(-4)),
    };
    let unnamed = Group {
        name: None,
        usage: usage(2),
        expired: usage(0),
        persistent: 1,
        hits: 0,
        saved_ms: 0,
        oldest: Some(at(-7)),
        newest: Some(NOW),
    };
    assert_eq!(groups(Dimension::User), [unnamed, ann]);
    let named = |by| {
        let groups = groups(by).into_iter();
        let named = groups.map(|group| (group.name.as_deref().map(String::from), group.usage));
        named.collect::<Vec<_>>()
    };
    let text = |name: &str| Some(name.to_owned());
    let stores = [(text("s"), usage(2)), (text("t"), usage(2))];
    assert_eq!(named(Dimension::Store), stores);
    let datasets = [(None, usage(1)), (text(DATASETS[0]), usage(3))];
    assert_eq!(named(Dimension::Dataset), datasets);
    assert_eq!(named(Dimension::Operator), [(None, usage(4))]);
    assert_eq!(named(Dimension::Prompt), [(None, usage(4))]);
}

fn usage_by_period(backend: &dyn Backend) {
    let linked = |dataset| Arc::new(StoreAddress::new("f").with_dataset(dataset));
    let (one, two) = (linked(DATASETS[0]), linked(DATASETS[1]));
    let event = |outcome, store: &Arc<StoreAddress>, hours: i64| Event {
        user: Some("ann".into()),
        saved_ms: 3,
        ..Event::new(outcome, at(hours * HOUR), store.clone(), &Scopes::default())
    };
    let add = |events: &[Event], position| {
        let added = backend.add_usage(&Batch::of(events), position, NOW);
        added.expect("usage is added")
    };
    let since = |hours: i64, logs: &[LogId]| {
        let recorded = backend.usage_since(at(hours * HOUR), logs);
        let mut recorded = recorded.expect("usage");
        recorded
            .periods
            .sort_by(|one, two| one.group.cmp(&two.group));
        recorded
    };
    assert_eq!(since(-9, &[LogId(7)]).folded, [0]);
    assert!(add(&[], None));
    let (hit, miss) = (Outcome::Hit, Outcome::Miss);
    let events = [
        event(hit, &one, 0),
        event(miss, &two, 0),
        event(hit, &one, -5),
    ];
    assert!(add(&events, None));
    // Exactly once: only from the offset up to which the log is folded.
    let part = |from, to| {
        Some(Position {
            log: LogId(7),
            from,
            to,
        })
    };
    assert!(add(&[event(miss, &one, 0)], part(0, 64)));
    assert!(!add(&[event(miss, &one, 0)], part(0, 64)));
    assert!(add(&[event(hit, &one, 0)], part(64, 256)));
    assert_eq!(backend.folded(LogId(7)).expect("an offset"), 256);
    assert_eq!(backend.folded(LogId(0)).expect("an offset"), 0);

    let hour = NOW.as_millis().div_euclid(HOUR) * HOUR;
    let recorded = since(0, &[LogId(7), LogId(8)]);
    assert_eq!(recorded.folded, [256, 0]);
    let seen = recorded.periods.iter().map(|period| {
        assert_eq!((period.begins_at, period.length), (hour, HOUR));
        let usage::Group::Of { store, user, .. } = &period.group else {
            panic!("{:?}", period.group);
        };
        assert_eq!(user.as_deref(), Some("ann"));
        let counts = period.counts;
        (store.clone(), counts.hits, counts.misses, counts.saved_ms)
    });
    let seen: Vec<_> = seen.collect();
    assert_eq!(seen, [(one.clone(), 2, 1, 9), (two, 0, 1, 3)]);
    assert_eq!(since(-5, &[]).periods.len(), 3);
    assert_eq!(backend.stores().expect("the stores"), [], "no entries");

    // It outlives entries, and no entry changed.
    let generation = backend.generation(&one).expect("a generation");
    add(&[event(miss, &one, 0)], None);
    assert_eq!(backend.generation(&one).expect("a generation"), generation);
    put(
        backend,
        &Entry::new(one.entry(Key::new("k").expect("a key")), Kind::Text, NOW),
    );
    let all = Filter::default().into();
    let removed = backend.remove(&all, NOW, &mut crate::backend::no_progress);
    assert_eq!(removed.expect("a removal").entries, 1);
    backend.compact(NOW).expect("compacted");
    assert_eq!(since(0, &[]).periods[0].counts.misses, 2);

    let nameless = Arc::new(StoreAddress::new("s").with_dataset(""));
    let batch = Batch::of(&[event(miss, &nameless, 0)]);
    assert!(backend.add_usage(&batch, None, NOW).is_err());
    let gap = Gap {
        from: at(HOUR),
        until: at(HOUR + 5),
    };
    let batch = Batch {
        gaps: vec![gap],
        ..Batch::default()
    };
    for _ in 0..2 {
        backend.add_usage(&batch, None, NOW).expect("a gap");
    }
    let gaps = since(0, &[]).gaps;
    assert!(gaps.iter().all(|known| *known == gap) && !gaps.is_empty());
}

fn description(backend: &dyn Backend) {
    put(backend, &entry("s", "a"));
    put(backend, &entry("t", "a"));
    let described = backend.describe().expect("a description");
    assert_eq!((described.stores, described.entries), (2, 2));
    assert_eq!(described.schema_version, described.known_schema_version);
}
