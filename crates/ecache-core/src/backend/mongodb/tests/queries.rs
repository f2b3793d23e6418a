//! Filters as queries: what they find, and the indexes that answer them.

use super::*;

/// Some dataset of FiftyOne's for each name.
fn dataset(name: &str) -> String {
    let mut hex = crate::key::hex(name.as_bytes());
    hex.truncate(24);
    format!("{hex:0<24}")
}

fn with_datasets_of_fiftyones(record: Record) -> Record {
    let Record::Entry(mut entry, value) = record else {
        return record;
    };
    let mut store = (*entry.address.store).clone();
    store.dataset_id = store.dataset_id.map(|name| dataset(&name).into());
    entry.address.store = store.into();
    Record::Entry(entry, value)
}

fn means_datasets_of_fiftyones(mut filter: Filter) -> Filter {
    for pattern in &mut filter.datasets {
        if let DatasetPattern::Id(Pattern::Exact(name)) = pattern {
            *name = dataset(name);
        }
    }
    filter
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "needs a MongoDB server: tests/mongodb/with"]
    fn a_filter_means_what_its_definition_says(
        records in records(),
        filters in proptest::collection::vec(filters(), 8),
    ) {
        let backend = TemporaryDatabase::new();
        let records: Vec<Record> = records.into_iter().map(with_datasets_of_fiftyones).collect();
        fill(&*backend, &records);
        let any_collection = Filter { collections: Vec::new(), ..Filter::default() };
        let all = scan(&*backend, &Scan::new(any_collection));
        for filter in filters.into_iter().map(means_datasets_of_fiftyones) {
            let mut expected: Vec<&Entry> =
                all.iter().map(|(entry, _)| entry).filter(|entry| filter.matches(entry, NOW)).collect();
            let found = scan(&*backend, &Scan::new(filter.clone()));
            let mut found: Vec<&Entry> = found.iter().map(|(entry, _)| entry).collect();
            let by_address = |entry: &&Entry| entry.address.clone();
            expected.sort_by_key(by_address);
            found.sort_by_key(by_address);
            prop_assert_eq!(&found, &expected);
            let bytes = expected.iter().map(|entry| entry.size).sum();
            let entries = expected.len() as u64;
            let usage = backend.usage(&filter.clone().into(), NOW).expect("a count");
            prop_assert_eq!(usage, Usage { entries, bytes });
        }
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn queries_are_answered_from_indexes() {
    let backend = TemporaryDatabase::new();
    write(&backend, &full(), "1");
    let exactly = |name: &str| vec![Pattern::exact(name)];
    let prefix = || vec![Pattern::glob("a*").expect("a pattern")];
    let filters = [
        Filter {
            stores: exactly("s"),
            ..Filter::default()
        },
        Filter {
            stores: prefix(),
            ..Filter::default()
        },
        Filter {
            keys: exactly("k"),
            ..Filter::default()
        },
        Filter {
            keys: prefix(),
            ..Filter::default()
        },
        Filter {
            datasets: vec![DatasetPattern::Unlinked],
            ..Filter::default()
        },
        Filter {
            freshness: Some(Freshness::Expired),
            ..Filter::default()
        },
        Filter {
            expires_by: Some(NOW),
            ..Filter::default()
        },
        Filter {
            written_before: Some(NOW),
            ..Filter::default()
        },
        Filter {
            policy: Some(Policy::Persist),
            ..Filter::default()
        },
    ];
    let plan = |collection: &str, query: Document| {
        let explain = doc! { "explain": { "find": collection, "filter": query }, "verbosity": "queryPlanner" };
        let answer = backend
            .run(backend.database.run_command(explain))
            .expect("a plan");
        answer
            .get_document("queryPlanner")
            .expect("a planner")
            .to_string()
    };
    for filter in filters {
        let plan = plan(DEFAULT_COLLECTION, query::documents(&filter, NOW));
        assert!(
            plan.contains("IXSCAN") && !plan.contains("COLLSCAN"),
            "{filter:?}: {plan}"
        );
    }
    let scoped = [
        Filter {
            users: exactly("ann"),
            ..Filter::default()
        },
        Filter {
            operators: exactly("ann"),
            ..Filter::default()
        },
        Filter {
            prompts: exactly("ann"),
            ..Filter::default()
        },
    ];
    for filter in scoped {
        let notes = query::notes(&filter).expect("notes say it");
        let plan = plan(&side_document::collection(DEFAULT_COLLECTION), notes);
        assert!(
            plan.contains("IXSCAN") && !plan.contains("COLLSCAN"),
            "{filter:?}: {plan}"
        );
    }
}
