//! Entries that a clock ahead of this one has written.

use std::collections::BTreeSet;

use super::*;
use crate::backend::{Lookup, no_progress};
use crate::entry::CLOCK_SKEW;
use crate::filter::{Freshness, Usage};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    (
        "an entry from the future is neither served nor removed",
        clock_skew,
    ),
    (
        "an entry from the future is older than any age",
        unknown_ages,
    ),
];

fn clock_skew(backend: &dyn Backend) {
    let skew = i64::try_from(CLOCK_SKEW.as_millis()).expect("a short time");
    let future = |key, written| Entry {
        created_at: at(written),
        updated_at: Some(at(written)),
        ..expiring("s", key, at(10 * DAY))
    };
    put(backend, &future("skewed", skew));
    put(backend, &future("future", skew + 1));
    let lookup = |key| backend.lookup(&address("s", key), NOW).expect("a look-up");
    assert!(matches!(lookup("skewed"), Lookup::Hit(..)));
    assert!(matches!(lookup("future"), Lookup::Stale(_)));
    let matching = |freshness| {
        let filter = Filter {
            freshness: Some(freshness),
            ..Filter::default()
        };
        scan(backend, &Scan::new(filter))
    };
    assert_eq!(keys(&matching(Freshness::Fresh)), ["skewed"]);
    assert!(matching(Freshness::Expired).is_empty());
    let expired = Filter {
        freshness: Some(Freshness::Expired),
        ..Filter::default()
    };
    let removed = backend.remove(&expired.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal"), Usage::default());
    let absent = put_if(backend, &entry("s", "future"), &Condition::IfAbsent);
    assert_eq!(absent, Put::Replaced);
}

fn unknown_ages(backend: &dyn Backend) {
    let skew = i64::try_from(CLOCK_SKEW.as_millis()).expect("a short time");
    for (key, written) in [("old", -2 * DAY), ("skewed", skew), ("future", skew + 1)] {
        let endless = Entry {
            created_at: at(written),
            updated_at: Some(at(written)),
            ..entry("s", key)
        };
        put(backend, &endless);
    }
    let day_ago = Some(at(-DAY));
    let older = Filter {
        written_before: day_ago,
        ..Filter::default()
    };
    let newer = Filter {
        written_after: day_ago,
        ..Filter::default()
    };
    let unused = Filter {
        unused_since: day_ago,
        ..Filter::default()
    };
    for (filter, expected) in [
        (&older, &["future", "old"][..]),
        (&newer, &["skewed"]),
        (&unused, &["future", "old"]),
    ] {
        let found = scan(backend, &Scan::new(filter.clone()));
        let found: BTreeSet<&str> = keys(&found).into_iter().collect();
        assert_eq!(
            found,
            BTreeSet::from_iter(expected.iter().copied()),
            "{filter:?}"
        );
    }
    let removed = backend.remove(&older.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 2);
    let left = scan(backend, &Scan::new(Filter::default()));
    assert_eq!(keys(&left), ["skewed"]);
}
