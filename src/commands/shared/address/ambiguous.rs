//! The keys to type instead of one that stands for several entries.

use std::collections::BTreeSet;

use ecache_core::scope::Address;

use crate::error::usage_tip;
use crate::output::escape::shell;

/// Number of entries from which an ambiguous key is not searched further.
pub(super) const MOST: usize = 20;

/// Number of candidates that an error lists.
pub(super) const LISTED: usize = 4;

/// `my_labels has this key in 2 datasets`, and `add --dataset 6b03… or --dataset 6b03…`
pub(super) fn in_datasets(found: &[Address]) -> (String, String) {
    let store = &found[0].store.store_name;
    let options: Vec<String> = found.iter().take(LISTED).map(option).collect();
    let place = match found {
        [_] => "in another dataset".to_owned(),
        several => format!("in {} datasets", several.len()),
    };
    (
        format!("{store} has this key {place}"),
        format!("add {}", options.join(" or ")),
    )
}

/// Returns the option that names the dataset of an entry.
fn option(address: &Address) -> String {
    match &address.store.dataset_id {
        Some(id) => format!("--dataset {id}"),
        None => "no --dataset".to_owned(),
    }
}

/// Reports whether entries have one key of one store, and so differ in their datasets alone.
pub(super) fn is_one_key(found: &[Address]) -> bool {
    let first = &found[0];
    found
        .iter()
        .all(|it| it.key == first.key && it.store.store_name == first.store.store_name)
}

/// Returns the error for a key that stands for several entries.
pub(super) fn ambiguous(typed: &str, found: &[Address]) -> anyhow::Error {
    if is_one_key(found) {
        let (message, tip) = in_datasets(found);
        return usage_tip(message, tip);
    }
    let stores: BTreeSet<&str> = found.iter().map(|it| &*it.store.store_name).collect();
    let keys: BTreeSet<&str> = found.iter().map(|it| it.key.as_str()).collect();
    let list = |names: &BTreeSet<&str>| {
        let names: Vec<_> = names.iter().take(LISTED).map(|name| shell(name)).collect();
        names.join(", ")
    };
    if keys.len() == 1 {
        return usage_tip(
            format!("{} is in {} stores", found[0].key.as_str(), stores.len()),
            format!("name one of {}", list(&stores)),
        );
    }
    let many = if found.len() < MOST { "" } else { "at least " };
    usage_tip(
        format!("{typed} may be {many}{} keys", keys.len()),
        format!("name one of {}", list(&keys)),
    )
}
