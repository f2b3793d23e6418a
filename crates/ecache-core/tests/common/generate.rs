//! Random stores and filters.

use ecache_core::entry::Policy;
use ecache_core::filter::{DatasetPattern, Filter, Pattern};
use ecache_core::scope::StoreAddress;
use proptest::prelude::*;
use proptest::sample::select;

/// Keys, of which the last is a hash.
pub const KEYS: [&str; 4] = [
    "k",
    "l",
    "m",
    "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88",
];

/// Generates one of these stores, linked to one of these datasets.
pub fn store(
    names: &[&'static str],
    datasets: &[Option<&'static str>],
) -> impl Strategy<Value = StoreAddress> {
    (select(names.to_vec()), select(datasets.to_vec())).prop_map(|(name, dataset)| {
        let store = StoreAddress::new(name);
        match dataset {
            Some(dataset) => store.with_dataset(dataset),
            None => store,
        }
    })
}

/// Generates a filter by some of these names.
pub fn filter(
    names: &[&'static str],
    datasets: &[Option<&'static str>],
    policy: impl Strategy<Value = Option<Policy>>,
) -> impl Strategy<Value = Filter> {
    let stores = proptest::option::of(select(names.to_vec()));
    let datasets = proptest::option::of(select(datasets.to_vec()));
    let users = proptest::option::weighted(0.3, select(vec!["ann", "bob"]));
    let keys = proptest::option::weighted(0.3, select(KEYS.to_vec()));
    (stores, datasets, policy, users, keys).prop_map(|(store, dataset, policy, user, key)| Filter {
        stores: store.map(Pattern::exact).into_iter().collect(),
        datasets: dataset.map(DatasetPattern::exact).into_iter().collect(),
        users: user.map(Pattern::exact).into_iter().collect(),
        keys: key.map(Pattern::exact).into_iter().collect(),
        policy,
        ..Filter::default()
    })
}
