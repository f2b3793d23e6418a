//! A selection in the words of the options, without secrets, for the log of operations.

use ecache_core::filter::{DatasetPattern, Filter, Freshness, Order, Pattern, Selection};
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::secrets::mask;
use ecache_core::time::Timestamp;

use crate::output::escape::shell;

/// Maximum number of names of one kind that are listed.
const MOST: usize = 5;

/// Describes the entries that a selection means, as in `--store thumbs --user ann`.
pub(in crate::commands) fn words(selection: &Selection) -> String {
    let mut parts: Vec<String> = selection.filters().map(of_filter).collect();
    if let Some(capacity) = &selection.beyond {
        let mut words = vec![of_filter(&capacity.scope)];
        words.extend(capacity.max_size.map(|size| format!("--max-size {size}")));
        let entries = capacity.max_entries;
        words.extend(entries.map(|count| format!("--max-entries {count}")));
        if capacity.order != Order::default() {
            words.push(format!("--order {}", capacity.order.as_str()));
        }
        words.retain(|word| !word.is_empty());
        parts.push(words.join(" "));
    }
    parts.retain(|part| !part.is_empty());
    let mut words = if parts.is_empty() {
        "--all".to_owned()
    } else {
        parts.join(", or ")
    };
    if let Some(cost) = selection.spared.cost_above {
        words.push_str(&format!(" --keep-cost-above {cost}ms"));
    }
    if let Some(latest) = &selection.spared.latest {
        words.push_str(&format!(" --keep-last {}", latest.count));
        if let Some(per) = latest.per {
            words.push_str(&format!(" --per {}", per.as_str()));
        }
    }
    words
}

fn of_filter(filter: &Filter) -> String {
    let mut words = Vec::new();
    let mut named = |option: &str, patterns: &[Pattern]| {
        for pattern in patterns.iter().take(MOST) {
            words.push(format!("{option} {}", shell(&mask(pattern.as_str()))));
        }
        if let Some(more) = patterns.len().checked_sub(MOST).filter(|more| *more > 0) {
            words.push(format!("and {more} more"));
        }
    };
    if filter.collections != [Pattern::exact(DEFAULT_COLLECTION)] {
        named("--collection", &filter.collections);
    }
    named("--store", &filter.stores);
    for dataset in &filter.datasets {
        match dataset {
            DatasetPattern::Unlinked => {
                // A store that is named without a dataset is the one that has none.
                if filter.stores.is_empty() {
                    named("--no-dataset", &[]);
                }
            }
            DatasetPattern::Id(pattern) => named("--dataset", std::slice::from_ref(pattern)),
        }
    }
    named("--key", &filter.keys);
    named("--user", &filter.users);
    named("--operator", &filter.operators);
    named("--prompt", &filter.prompts);
    named("--arg", &filter.arguments);
    words.extend(
        filter
            .kinds
            .iter()
            .map(|kind| format!("--kind {}", kind.as_str())),
    );
    words.extend(filter.policy.map(|policy| format!("--policy {policy}")));
    words.extend(filter.freshness.map(|freshness| match freshness {
        Freshness::Fresh => "--fresh".to_owned(),
        Freshness::Expired => "--expired".to_owned(),
        Freshness::Endless => "--no-expiry".to_owned(),
    }));
    if filter.expired_for_ms > 0 {
        words.push(format!("--keep-stale {}ms", filter.expired_for_ms));
    }
    let time = |option: &str, time: Option<Timestamp>| time.map(|time| format!("{option} {time}"));
    words.extend(time("--older-than", filter.written_before));
    words.extend(time("--newer-than", filter.written_after));
    words.extend(time("--unused-for", filter.unused_since));
    words.extend(time("--expires-by", filter.expires_by));
    words.extend(filter.min_hits.map(|hits| format!("--min-hits {hits}")));
    words.extend(filter.never_used.then(|| "--never-used".to_owned()));
    words.extend(
        filter
            .larger_than
            .map(|size| format!("--larger-than {size}")),
    );
    words.extend(
        filter
            .smaller_than
            .map(|size| format!("--smaller-than {size}")),
    );
    words.extend(
        filter
            .cost_above
            .map(|cost| format!("--cost-above {cost}ms")),
    );
    words.join(" ")
}
