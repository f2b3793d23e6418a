//! Writing many entries exactly as they were elsewhere.

use super::*;
use crate::backend::{
    Commit, Imported, Lookup, OnConflict, Record, StoreMetadata, StoreRecord, fail_at_refused,
    no_progress, read_value,
};
use crate::entry::{MAX_COUNT, Policy};
use crate::error::{Error, Result};
use crate::filter::Freshness;
use crate::scope::{MAX_NAME_LENGTH, Scopes};
use crate::value::CHUNK_SIZE;

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    (
        "an import keeps every field, hits and large values",
        every_field,
    ),
    ("an import settles conflicts as it is told", conflicts),
    ("a whole import that fails leaves nothing", whole_or_nothing),
    (
        "an import in batches keeps the batches before it fails",
        batches,
    ),
    (
        "an import leaves out what it is told to, and takes the rest",
        leaves_out,
    ),
    ("an import brings the metadata of stores", metadata),
    (
        "an import settles conflicts of stores' metadata as it is told",
        metadata_conflicts,
    ),
    ("counts have an end, and stay there", largest_counts),
    ("filters find what was imported", filters),
];

const POLICIES: [OnConflict; 4] = [
    OnConflict::Replace,
    OnConflict::Keep,
    OnConflict::Newer,
    OnConflict::Fail,
];

fn record(entry: &Entry, value: &[u8]) -> Record {
    Record::Entry(Box::new(entry.clone()), value.to_vec())
}

fn import(
    backend: &dyn Backend,
    records: Vec<Result<Record>>,
    on_conflict: OnConflict,
    commit: Commit,
) -> Result<Imported> {
    backend.import(
        &mut records.into_iter(),
        on_conflict,
        commit,
        &mut fail_at_refused,
        &mut no_progress,
    )
}

/// Reports whether a record replaces an existing entry; it was written that much later.
fn replaces(on_conflict: OnConflict, written: i64) -> bool {
    match on_conflict {
        OnConflict::Replace => true,
        OnConflict::Newer => written > 0,
        OnConflict::Keep | OnConflict::Fail => false,
    }
}

fn used(key: &str, hits: u64) -> Entry {
    Entry {
        created_at: at(-9),
        updated_at: None,
        last_used_at: (hits > 1).then_some(at(-1)),
        hits,
        ..entry("s", key)
    }
}

fn every_field(backend: &dyn Backend) {
    put(backend, &entry("s", "b"));
    let one = EntryUse {
        saved_ms: 0,
        entry: address("s", "b").into(),
        used_at: NOW,
        written_at: NOW,
        hits: 7,
    };
    record_uses(backend, &[one]).expect("hits are recorded");
    let large = vec![3; CHUNK_SIZE + 1];
    let records = [
        (used("a", 5), large.clone()),
        (used("b", 0), b"small".to_vec()),
        (used("c", 1), Vec::new()),
        (used("d", 2), large),
    ];
    for _ in 0..2 {
        let all = records
            .iter()
            .map(|(entry, value)| Ok(record(entry, value)));
        import(backend, all.collect(), OnConflict::Replace, Commit::Whole).expect("an import");
        for (expected, value) in &records {
            let filter = Filter {
                keys: vec![crate::filter::Pattern::exact(expected.address.key.as_str())],
                ..Filter::default()
            };
            let values = Values::Include;
            let mut found = scan(
                backend,
                &Scan {
                    values,
                    ..Scan::new(filter)
                },
            );
            let (entry, content) = found.pop().expect("the entry");
            let size = value.len() as u64;
            assert_eq!(
                entry,
                Entry {
                    size,
                    ..expected.clone()
                }
            );
            let content = content.expect("a value");
            let read = read_value(backend, Kind::Bytes, content).expect("a value");
            assert!(read.bytes == *value);
        }
    }
}

fn conflicts(backend: &dyn Backend) {
    for on_conflict in POLICIES {
        for written in [-1, 0, 1] {
            let old = entry("s", "k");
            backend
                .put(&old, &inline("old"), &Condition::Always.into(), NOW)
                .expect("an entry is written");
            let new = Entry {
                updated_at: Some(at(written)),
                ..old.clone()
            };
            let records = vec![Ok(record(&new, b"new"))];
            let imported = import(backend, records, on_conflict, Commit::Whole);
            let replaces = replaces(on_conflict, written);
            match imported {
                Ok(imported) => {
                    let (replaced, kept) = (u64::from(replaces), u64::from(!replaces));
                    let expected = Imported {
                        replaced,
                        kept,
                        ..Imported::default()
                    };
                    assert_eq!(imported, expected);
                }
                Err(Error::Conflict {
                    address,
                    written_at,
                }) => {
                    assert_eq!(on_conflict, OnConflict::Fail);
                    assert_eq!((*address, written_at), (old.address, NOW));
                }
                Err(error) => panic!("{on_conflict:?}: {error}"),
            }
            let value = if replaces { "new" } else { "old" };
            assert_eq!(everything(backend)[0].1, Some(inline(value)));
        }
    }
}

/// Returns four records, and then one that cannot be read.
fn failing() -> Vec<Result<Record>> {
    let key = |number: usize| number.to_string();
    let mut records: Vec<_> = (0..4)
        .map(|number| Ok(record(&entry("s", &key(number)), b"value")))
        .collect();
    records.push(Err(Error::Input("broken".into())));
    records.push(Ok(record(&entry("s", "behind"), b"value")));
    records
}

fn whole_or_nothing(backend: &dyn Backend) {
    for before in 0..2 {
        let imported = import(backend, failing(), OnConflict::Replace, Commit::Whole);
        assert!(matches!(imported, Err(Error::Input(_))));
        assert_eq!(everything(backend).len(), before);
        put(backend, &entry("s", "other"));
    }
    filters(backend);
}

fn batches(backend: &dyn Backend) {
    let imported = import(backend, failing(), OnConflict::Replace, Commit::Every(3));
    assert!(matches!(imported, Err(Error::Input(_))));
    assert_eq!(keys(&everything(backend)), ["0", "1", "2"]);
    let rest = failing().into_iter().filter(Result::is_ok).collect();
    let imported = import(backend, rest, OnConflict::Keep, Commit::Every(2));
    let expected = Imported {
        created: 2,
        kept: 3,
        ..Imported::default()
    };
    assert_eq!(imported.expect("an import"), expected);
}

fn leaves_out(backend: &dyn Backend) {
    let too_long = Entry {
        scopes: Scopes {
            user_id: Some("u".repeat(MAX_NAME_LENGTH + 1).into()),
            ..Scopes::default()
        },
        ..entry("s", "refused")
    };
    let commits = [Commit::Rehearse, Commit::Every(1), Commit::Whole];
    for (commit, prefix) in commits.into_iter().zip(["r", "e", "w"]) {
        let names = [1, 2, 3].map(|number| format!("{prefix}{number}"));
        let [first, second, third] = names.each_ref().map(|key| record(&entry("s", key), b"v"));
        let refused = || record(&too_long, b"v");
        let records = [refused(), first, refused(), second, third, refused()];
        let mut left_out = Vec::new();
        let imported = backend.import(
            &mut records.into_iter().map(Ok),
            OnConflict::Fail,
            commit,
            &mut |address, error| {
                assert!(matches!(error, Error::Name(_)), "{error}");
                left_out.push(address.key.to_string());
                Ok(())
            },
            &mut no_progress,
        );
        assert_eq!(imported.expect("an import").created, 3);
        assert_eq!(left_out, ["refused"; 3]);
        let found = |name: &String| {
            let lookup = backend.lookup(&address("s", name), NOW);
            matches!(lookup, Ok(Lookup::Hit(..)))
        };
        assert!(
            names
                .iter()
                .all(|name| found(name) == (commit != Commit::Rehearse))
        );
    }
}

fn metadata(backend: &dyn Backend) {
    let store = StoreRecord::new(
        StoreAddress::new("s").into(),
        Some(StoreMetadata {
            value: "{}".into(),
            created_at: at(-1),
            updated_at: None,
            policy: Policy::Persist,
        }),
    );
    let records = vec![Ok(Record::Store(store.clone()))];
    let imported = import(backend, records, OnConflict::Fail, Commit::Whole);
    assert_eq!(imported.expect("an import").stores, 1);
    assert_eq!(backend.stores().expect("the stores"), [store]);
}

fn metadata_conflicts(backend: &dyn Backend) {
    let address = StoreAddress::new("s");
    let store = |value: &str, updated_at| {
        StoreRecord::new(
            address.clone().into(),
            Some(StoreMetadata {
                value: value.into(),
                created_at: at(-DAY),
                updated_at,
                policy: Policy::Persist,
            }),
        )
    };
    for on_conflict in POLICIES {
        for written in [-1, 0, 1] {
            let old = store("\"old\"", Some(NOW));
            let set = backend.set_metadata(&address, old.metadata.as_ref());
            set.expect("metadata");
            let new = store("\"new\"", Some(at(written)));
            // An entry before it in the same import is written only if the import succeeds.
            let key = format!("{on_conflict:?}{written}");
            let records = vec![
                Ok(record(&entry("other", &key), b"value")),
                Ok(Record::Store(new.clone())),
            ];
            let imported = import(backend, records, on_conflict, Commit::Whole);
            let replaces = replaces(on_conflict, written);
            match imported {
                Ok(imported) => {
                    let expected = Imported {
                        created: 1,
                        stores: u64::from(replaces),
                        stores_kept: u64::from(!replaces),
                        ..Imported::default()
                    };
                    assert_eq!(imported, expected);
                }
                Err(Error::Conflict {
                    address: conflict,
                    written_at,
                }) => {
                    assert_eq!(on_conflict, OnConflict::Fail);
                    assert_eq!((*conflict, written_at), (address.document(), NOW));
                    assert!(!keys(&everything(backend)).contains(&&*key));
                }
                Err(error) => panic!("{on_conflict:?}: {error}"),
            }
            let expected = if replaces { new } else { old };
            let stores = backend.stores().expect("the stores");
            assert!(stores.contains(&expected), "{on_conflict:?} {written}");
        }
    }
}

fn largest_counts(backend: &dyn Backend) {
    let largest = Entry {
        cost_ms: Some(u64::MAX),
        ..used("a", u64::MAX)
    };
    import(
        backend,
        vec![
            Ok(record(&largest, b"value")),
            Ok(record(&used("b", 1), b"value")),
        ],
        OnConflict::Fail,
        Commit::Whole,
    )
    .expect("an import");
    put(
        backend,
        &Entry {
            cost_ms: Some(u64::MAX),
            ..entry("s", "c")
        },
    );
    for hits in [1, MAX_COUNT, u64::MAX] {
        for key in ["a", "b", "c"] {
            let one = EntryUse {
                saved_ms: 0,
                entry: address("s", key).into(),
                used_at: NOW,
                written_at: NOW,
                hits,
            };
            record_uses(backend, &[one]).expect("hits are recorded");
        }
    }
    let all = everything(backend);
    let hits: Vec<_> = all.iter().map(|(entry, _)| entry.hits).collect();
    assert_eq!(hits, [MAX_COUNT; 3]);
    let costs: Vec<_> = all.iter().map(|(entry, _)| entry.cost_ms).collect();
    assert_eq!(costs, [Some(MAX_COUNT), None, Some(MAX_COUNT)]);
}

fn filters(backend: &dyn Backend) {
    let expired = expiring("filtered", "k", NOW);
    let records = vec![Ok(record(&expired, b"value"))];
    import(backend, records, OnConflict::Fail, Commit::Whole).expect("an import");
    let filter = Filter {
        freshness: Some(Freshness::Expired),
        ..Filter::default()
    };
    assert_eq!(keys(&scan(backend, &Scan::new(filter))), ["k"]);
}
