//! Random stores and random operations: SQLite against the definition of a filter, and against the
//! model.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::scan::ORDERS;
use super::*;
use crate::backend::{
    Commit, CountBackend, Dimension, Direction, Expiry, Keep, OnConflict, PutOptions, Record,
    Spread, StoreMetadata, StoreRecord, Touch, fail_at_refused, no_progress,
};
use crate::entry::Policy;
use crate::error::Error;
use crate::filter::{
    Capacity, DatasetPattern, EvictionOrder, Freshness, Latest, Pattern, Per, Selection, Spared,
    Usage,
};
use crate::glob::Glob;
use crate::scope::Scopes;
use crate::value::Value;

/// Few names, so that filters meet them, and each with a look-alike.
const NAMES: [&str; 6] = ["a", "A", "a\0b", "*", "語", "ab"];
const HASH: &str = "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88";
const GLOBS: [&str; 7] = ["*", "a*", "?", "[ab]*", "\\*", "ad1e85*", "*b"];
const ARGUMENTS: [&str; 5] = ["[\"a\", 1]", "[{\"b\": 1}]", "[]", "\"a\"", "not JSON"];

/// Moments around [`NOW`], some of them beyond the clock skew.
fn time() -> impl Strategy<Value = Timestamp> {
    select(vec![-1_000_000_000_000, -400, -1, 0, 1, 200, 300, 301, 500])
        .prop_map(|s| at(s * SECOND))
}

fn maybe<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.3, value)
}

fn names() -> impl Strategy<Value = &'static str> {
    select(NAMES.to_vec())
}

fn scope() -> impl Strategy<Value = Option<Arc<str>>> {
    proptest::option::of(names().prop_map(Arc::from))
}

fn stores() -> impl Strategy<Value = StoreAddress> {
    let collection = select(vec![crate::scope::DEFAULT_COLLECTION, "other"]);
    (collection, names(), scope()).prop_map(|(collection, store, dataset_id)| StoreAddress {
        collection: collection.into(),
        dataset_id,
        ..StoreAddress::new(store)
    })
}

fn addresses() -> impl Strategy<Value = Address> {
    let key = prop_oneof![4 => names(), 1 => Just(HASH)];
    (stores(), key).prop_map(|(store, key)| store.entry(Key::new(key).expect("a valid key")))
}

prop_compose! {
    fn entries()(
        address in addresses(),
        policy in select(vec![Policy::Persist, Policy::Evict]),
        kind in select(vec![Kind::Text, Kind::Bytes, Kind::Command]),
        created_at in time(),
        (updated_at, expires_at, last_used_at) in (maybe(time()), maybe(time()), maybe(time())),
        hits in 0..5_u64,
        (user_id, operator_uri, prompt_id) in (scope(), scope(), scope()),
        args in maybe(select(ARGUMENTS.to_vec())),
        cost_ms in maybe(0..9_u64),
    ) -> Entry {
        Entry {
            policy,
            created_at,
            updated_at,
            expires_at,
            last_used_at,
            hits,
            scopes: Scopes { user_id, operator_uri, prompt_id, jwt_sha256: None },
            args: args.map(String::from),
            cost_ms,
            ..Entry::new(address, kind, NOW)
        }
    }
}

/// Values of few lengths, around those that filters ask for.
fn values() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![8 => 0..4_usize, 1 => 65_535..65_538_usize];
    length.prop_map(|length| vec![b'x'; length])
}

pub(crate) fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (entries(), values());
    let record = record.prop_map(|(entry, value)| Record::Entry(Box::new(entry), value));
    proptest::collection::vec(record, 0..30)
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let glob = select(GLOBS.to_vec());
    prop_oneof![
        names().prop_map(Pattern::exact),
        Just(Pattern::exact(HASH)),
        glob.prop_map(|glob| Pattern::Glob(Glob::new(glob).expect("a well-formed pattern"))),
    ]
}

/// Mostly no condition, so that filters with one or two conditions are the rule.
fn few<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    proptest::option::weighted(0.2, proptest::collection::vec(value, 1..3))
        .prop_map(Option::unwrap_or_default)
}

fn rarely<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.15, value)
}

/// Filters, on the heap: the generated values nest deeper than a test's stack allows.
pub(crate) fn filters() -> BoxedStrategy<Filter> {
    any_filter().boxed()
}

prop_compose! {
    fn any_filter()(
        stores in few(patterns()),
        datasets in few(prop_oneof![
            Just(DatasetPattern::Unlinked),
            patterns().prop_map(DatasetPattern::Id),
        ]),
        keys in few(patterns()),
        (users, operators, prompts) in (few(patterns()), few(patterns()), few(patterns())),
        arguments in few(prop_oneof![
            patterns(),
            select(vec!["1", "{\"b\": 1}"]).prop_map(Pattern::exact),
        ]),
        collections in prop_oneof![
            6 => Just(Filter::default().collections),
            1 => Just(Vec::new()),
            1 => Just(vec![Pattern::exact("other")]),
            1 => few(select(vec![crate::scope::DEFAULT_COLLECTION, "other", "none"])
                .prop_map(Pattern::exact)),
            1 => Just(vec![Pattern::Glob(Glob::new("o*").expect("a well-formed pattern"))]),
        ],
        kinds in few(select(vec![Kind::Json, Kind::Text, Kind::Bytes, Kind::Command])),
        policy in rarely(select(vec![Policy::Persist, Policy::Evict])),
        (freshness, expired_for) in (
            rarely(select(vec![Freshness::Fresh, Freshness::Expired, Freshness::Endless])),
            select(vec![0, 0, 1, 5]).prop_map(Duration::from_millis),
        ),
        (written_before, written_after) in (rarely(time()), rarely(time())),
        (unused_since, expires_by, min_hits, never_used) in (
            rarely(time()),
            rarely(time()),
            rarely(select(vec![0, 1, 3, u64::MAX])),
            proptest::bool::weighted(0.1),
        ),
        larger_than in rarely(select(vec![0, 2, 65_535, 65_536, u64::MAX])),
        (smaller_than, cost_above) in (
            rarely(select(vec![0, 2, 65_537, u64::MAX])),
            rarely(select(vec![0, 3, 8, u64::MAX]).prop_map(Duration::from_millis)),
        ),
    ) -> Filter {
        Filter {
            collections, stores, datasets, keys, users, operators, prompts, arguments, kinds, policy,
            freshness, expired_for, written_before, written_after, unused_since, expires_by, larger_than,
            smaller_than, cost_above, min_hits, never_used, jobs: None,
        }
    }
}

prop_compose! {
    fn selections()(
        any_of in proptest::collection::vec(filters(), 0..3),
        unless_spared in proptest::collection::vec(filters(), 0..2),
        beyond in rarely((filters(), maybe(0..9_u64), maybe(0..9_u64), select(vec![
            EvictionOrder::Worth,
            EvictionOrder::Use,
            EvictionOrder::Age,
            EvictionOrder::Size,
        ]))),
        cost_above in rarely(select(vec![0, 3, 8, u64::MAX])),
        latest in rarely((filters(), 0..3_u64, maybe(select(vec![
            Per::Store,
            Per::Dataset,
            Per::User,
            Per::Operator,
            Per::Function,
        ])))),
    ) -> Selection {
        let beyond = beyond.map(|(scope, max_size, max_entries, order)| Capacity {
            scope,
            max_size,
            max_entries,
            order,
        });
        let latest = latest.map(|(scope, count, per)| Latest { scope, count, per });
        Selection { any_of, unless_spared, beyond, spared: Spared { cost_above, latest } }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Put(Entry, Vec<u8>, PutOptions),
    Import(Vec<Record>, OnConflict, Commit),
    Remove(Selection),
    Touch(Selection, Touch),
    Uses(Vec<EntryUse>),
    Metadata(StoreAddress, Option<StoreMetadata>),
}

fn operations() -> impl Strategy<Value = Operation> {
    let condition = prop_oneof![
        Just(Condition::Always),
        Just(Condition::IfAbsent),
        values().prop_map(|value| Condition::IfValue(Value::bytes(value))),
        time().prop_map(Condition::UnlessNewer),
    ];
    let options = (condition, any::<bool>(), any::<bool>());
    let options = options.prop_map(|(condition, policy, expiry)| PutOptions {
        condition,
        keep: Keep { policy, expiry },
        expiry: Expiry::Named,
    });
    let on_conflict = vec![
        OnConflict::Replace,
        OnConflict::Keep,
        OnConflict::Newer,
        OnConflict::Fail,
    ];
    let touch = (
        maybe(maybe(time())),
        maybe(select(vec![Policy::Persist, Policy::Evict])),
    );
    let touch = touch.prop_map(|(expires_at, policy)| Touch { expires_at, policy });
    let one = (addresses(), time(), 0..5_u64).prop_map(|(address, used_at, hits)| EntryUse {
        saved_ms: 0,
        entry: address.into(),
        used_at,
        written_at: used_at,
        hits,
    });
    let metadata = (time(), maybe(time())).prop_map(|(created_at, updated_at)| StoreMetadata {
        value: "{}".into(),
        created_at,
        updated_at,
        policy: Policy::Persist,
    });
    prop_oneof![
        6 => (entries(), values(), options).prop_map(|(e, v, o)| Operation::Put(e, v, o)),
        2 => (records(), select(on_conflict), select(vec![Commit::Whole, Commit::Every(3)]))
            .prop_map(|(r, o, c)| Operation::Import(r, o, c)),
        2 => selections().prop_map(Operation::Remove),
        2 => (selections(), touch).prop_map(|(s, t)| Operation::Touch(s, t)),
        2 => proptest::collection::vec(one, 0..5).prop_map(Operation::Uses),
        1 => (stores(), maybe(metadata)).prop_map(|(s, m)| Operation::Metadata(s, m)),
    ]
}

/// Runs one operation, and returns its result as text: errors cannot be compared.
fn run(backend: &dyn Backend, operation: &Operation) -> String {
    match operation {
        Operation::Put(entry, value, options) => {
            let put = backend.put(entry, &inline(value.clone()), options, NOW);
            format!("{put:?}")
        }
        Operation::Import(records, on_conflict, commit) => {
            let mut records = records.iter().cloned().map(Ok);
            let imported = backend.import(
                &mut records,
                *on_conflict,
                *commit,
                &mut fail_at_refused,
                &mut no_progress,
            );
            match imported {
                // Any of several conflicts may be named.
                Err(Error::Conflict { .. }) => "a conflict".into(),
                imported => format!("{imported:?}"),
            }
        }
        Operation::Remove(selection) => {
            let usage = backend.usage(selection, NOW).expect("a count");
            let removed = backend.remove(selection, NOW, &mut no_progress);
            assert_eq!(removed.expect("a removal"), usage);
            format!("{usage:?}")
        }
        Operation::Touch(selection, touch) => {
            format!(
                "{:?}",
                backend.touch(selection, *touch, NOW, &mut no_progress)
            )
        }
        Operation::Uses(uses) => format!("{:?}", record_uses(backend, uses)),
        Operation::Metadata(store, metadata) => {
            format!("{:?}", backend.set_metadata(store, metadata.as_ref()))
        }
    }
}

pub(crate) fn fill(backend: &dyn Backend, records: &[Record]) {
    let mut records = records.iter().cloned().map(Ok);
    let imported = backend.import(
        &mut records,
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
}

/// Returns the entries of all collections, with values.
fn contents(backend: &dyn Backend) -> Vec<(Entry, Option<Content>)> {
    let all = Scan {
        values: Values::Include,
        ..Scan::new(Filter {
            collections: Vec::new(),
            ..Filter::default()
        })
    };
    scan(backend, &all)
}

const DIMENSIONS: [Dimension; 6] = [
    Dimension::Collection,
    Dimension::Store,
    Dimension::Dataset,
    Dimension::User,
    Dimension::Operator,
    Dimension::Prompt,
];

fn facts(
    backend: &dyn Backend,
    filter: &Filter,
) -> (Vec<Vec<Entry>>, Vec<Vec<super::super::Group>>) {
    let sorted = |sort, direction, limit| {
        let scan_sorted = Scan {
            sort,
            direction,
            limit,
            ..Scan::new(filter.clone())
        };
        let rows = scan(backend, &scan_sorted);
        rows.into_iter().map(|(entry, _)| entry).collect::<Vec<_>>()
    };
    let scans = ORDERS.iter().flat_map(|sort| {
        [
            sorted(*sort, Direction::Ascending, None),
            sorted(*sort, Direction::Descending, Some(3)),
        ]
    });
    let mut meant = Spread::default();
    let all = scan(backend, &Scan::new(filter.clone()));
    all.iter().for_each(|(entry, _)| meant.add(entry, NOW));
    let groups = DIMENSIONS.iter().map(|by| {
        let mut spread = Spread::default();
        let groups = backend.groups_with_spread(filter, *by, NOW, &mut spread);
        assert_eq!(spread, meant, "{filter:?}");
        groups.expect("groups")
    });
    (scans.collect(), groups.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_means_what_its_definition_says(
        records in records(),
        filters in proptest::collection::vec(filters(), 8),
    ) {
        let sqlite = TemporarySqlite::new();
        fill(&*sqlite, &records);
        let all: Vec<Entry> = contents(&*sqlite).into_iter().map(|(entry, _)| entry).collect();
        for filter in filters {
            let expected: Vec<&Entry> = all.iter().filter(|e| filter.matches(e, NOW)).collect();
            let found = scan(&*sqlite, &Scan::new(filter.clone()));
            prop_assert_eq!(found.iter().map(|(entry, _)| entry).collect::<Vec<_>>(), expected.clone());
            let usage = sqlite.usage(&filter.into(), NOW).expect("a count");
            let bytes = expected.iter().map(|entry| entry.size).sum();
            prop_assert_eq!(usage, Usage { entries: expected.len() as u64, bytes });
        }
    }

    #[test]
    fn sqlite_does_what_the_model_does(
        operations in proptest::collection::vec(operations(), 1..12),
        filter in filters(),
    ) {
        let (sqlite, model) = (TemporarySqlite::new(), MemoryBackend::new());
        for operation in &operations {
            prop_assert_eq!(run(&*sqlite, operation), run(&model, operation), "{:?}", operation);
        }
        prop_assert_eq!(contents(&*sqlite), contents(&model));
        prop_assert_eq!(facts(&*sqlite, &filter), facts(&model, &filter));
        let stores = |backend: &dyn Backend| -> Vec<StoreRecord> { backend.stores().expect("the stores") };
        prop_assert_eq!(stores(&*sqlite), stores(&model));
    }
}
