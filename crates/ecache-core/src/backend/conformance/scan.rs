//! Reading many entries.

use super::*;
use crate::backend::{Direction, START_SIZE, Sort, fail_at_refused, no_progress};
use crate::filter::Pattern;

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a scan sorts by every property, both ways", sorted),
    (
        "a scan comes store by store, and in each the oldest first",
        stored_order,
    ),
    ("a scan gives no more than its limit", limited),
    ("a scan goes on behind an entry, in every order", pages),
    ("a scan can read the start of each value", starts),
    ("a scan reads many pages of every kind", many_pages),
    (
        "what is written while a scan is read does not disturb it",
        written_while_read,
    ),
];

/// Three entries that differ in everything that can be sorted by: `b`, `a`, `c` are first, second,
/// last.
fn differing(backend: &dyn Backend) {
    for (rank, key) in [(1, "a"), (0, "b"), (2, "c")] {
        let entry = Entry {
            created_at: at(rank - 10),
            updated_at: Some(at(rank - 5)),
            expires_at: (rank < 2).then(|| at(DAY + rank)),
            cost_ms: (rank > 0).then_some(rank as u64),
            ..entry("s", key)
        };
        let content = inline(vec![0; 10 + rank as usize]);
        let put = backend.put(&entry, &content, &Condition::Always.into(), NOW);
        put.expect("an entry is written");
        if rank > 0 {
            let one = EntryUse {
                saved_ms: rank as u64 * 10,
                entry: entry.address.into(),
                used_at: at(rank),
                written_at: at(rank),
                hits: rank as u64,
            };
            record_uses(backend, &[one]).expect("hits are recorded");
        }
    }
}

fn sorted(backend: &dyn Backend) {
    differing(backend);
    for (sort, mut expected) in [
        (Sort::Stored, ["a", "b", "c"]),
        (Sort::Key, ["a", "b", "c"]),
        (Sort::Created, ["b", "a", "c"]),
        (Sort::Updated, ["b", "a", "c"]),
        (Sort::Expires, ["b", "a", "c"]),
        (Sort::Used, ["b", "a", "c"]),
        (Sort::Size, ["b", "a", "c"]),
        (Sort::Hits, ["b", "a", "c"]),
        (Sort::Cost, ["b", "a", "c"]),
        (Sort::Saved, ["b", "a", "c"]),
        // A hit just now leaves no waste.
        (Sort::Waste, ["a", "c", "b"]),
        // A cost that is not recorded counts as a second.
        (Sort::Worth, ["a", "c", "b"]),
    ] {
        for direction in [Direction::Ascending, Direction::Descending] {
            for limit in [None, Some(2)] {
                let found = scan(
                    backend,
                    &Scan {
                        sort,
                        direction,
                        limit,
                        ..Scan::new(Filter::default())
                    },
                );
                let expected = &expected[..limit.map_or(3, |_| 2)];
                assert_eq!(keys(&found), expected, "{sort:?} {direction:?}");
            }
            expected.reverse();
        }
    }
}

fn stored_order(backend: &dyn Backend) {
    for (store, key) in [("t", "z"), ("s", "a"), ("t", "y"), ("s", "b"), ("t", "x")] {
        put(backend, &entry(store, key));
    }
    put(backend, &entry("t", "z"));
    let all = everything(backend);
    let (t, s): (Vec<_>, Vec<_>) = all
        .iter()
        .cloned()
        .partition(|(entry, _)| &*entry.address.store.store_name == "t");
    assert_eq!((keys(&t), keys(&s)), (vec!["z", "y", "x"], vec!["a", "b"]));
    let together = [[&*t, &*s].concat(), [&*s, &*t].concat()];
    assert!(together.contains(&all), "a store stays together");
}

fn limited(backend: &dyn Backend) {
    differing(backend);
    for limit in 0..5 {
        let found = scan(
            backend,
            &Scan {
                limit: Some(limit),
                ..Scan::new(Filter::default())
            },
        );
        assert_eq!(found.len() as u64, limit.min(3));
    }
}

/// Every order that a list can be read in page by page.
pub(super) const ORDERS: [Sort; 11] = [
    Sort::Stored,
    Sort::Key,
    Sort::Created,
    Sort::Updated,
    Sort::Expires,
    Sort::Used,
    Sort::Size,
    Sort::Hits,
    Sort::Cost,
    Sort::Waste,
    Sort::Worth,
];

/// Entries of several stores, many of which are equal in each order.
fn pages(backend: &dyn Backend) {
    const PAGE: u64 = 4;
    for number in 0..23_u8 {
        let store = ["s", "t", "u"][usize::from(number) % 3];
        let key = match number {
            0..12 => format!("{number:02}"),
            _ => crate::key::hex(&[number; 32]),
        };
        let entry = Entry {
            created_at: at(-1000),
            updated_at: Some(at(-i64::from(number / 5))),
            cost_ms: Some(u64::from(number % 4)),
            ..entry(store, &key)
        };
        let content = inline(vec![0; usize::from(number % 3)]);
        let put = backend.put(&entry, &content, &Condition::Always.into(), NOW);
        put.expect("an entry is written");
    }
    let in_two = Filter {
        stores: vec![Pattern::exact("s"), Pattern::exact("u")],
        ..Filter::default()
    };
    for filter in [Filter::default(), in_two] {
        for sort in ORDERS {
            for direction in [Direction::Ascending, Direction::Descending] {
                let whole = Scan {
                    sort,
                    direction,
                    ..Scan::new(filter.clone())
                };
                let mut paged = Vec::new();
                let mut after: Option<Entry> = None;
                loop {
                    let page = Scan {
                        limit: Some(PAGE),
                        after: after.map(Box::new),
                        ..whole.clone()
                    };
                    let page = scan(backend, &page);
                    after = page.last().map(|(entry, _)| entry.clone());
                    if after.is_none() {
                        break;
                    }
                    paged.extend(page);
                }
                assert!(
                    keys(&paged) == keys(&scan(backend, &whole)),
                    "{sort:?} {direction:?}"
                );
            }
        }
    }
    behind_a_gone_entry(backend);
}

/// The rest of a list comes whole if the last entry of a page is gone.
fn behind_a_gone_entry(backend: &dyn Backend) {
    for sort in ORDERS.into_iter().filter(|sort| *sort != Sort::Stored) {
        let sorted = |after: Option<Entry>| Scan {
            sort,
            after: after.map(Box::new),
            ..Scan::new(Filter::default())
        };
        let all = scan(backend, &sorted(None));
        let middle = all.len() / 2;
        let gone = all[middle].0.clone();
        let filter = Filter {
            keys: vec![Pattern::exact(gone.address.key.as_str())],
            ..Filter::store(&gone.address.store)
        };
        let removed = backend.remove(&filter.into(), NOW, &mut no_progress);
        assert_eq!(removed.expect("a removal").entries, 1);
        let rest = scan(backend, &sorted(Some(gone)));
        let rest = keys(&rest);
        for key in keys(&all[middle + 1..]) {
            assert!(rest.contains(&key), "{sort:?}");
        }
    }
}

/// Returns enough entries, and enough bytes, for several pages of any size.
fn fill(backend: &dyn Backend, count: usize, size: usize) -> Vec<String> {
    let keys: Vec<String> = (0..count).map(|number| format!("{number:05}")).collect();
    let mut records = keys.iter().map(|key| {
        let user_id = name("ann");
        let mut entry = entry("s", key);
        entry.scopes.user_id = user_id;
        Ok(crate::backend::Record::Entry(
            Box::new(entry),
            vec![7; size],
        ))
    });
    let imported = backend.import(
        &mut records,
        crate::backend::OnConflict::Fail,
        crate::backend::Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
    drop(records);
    keys
}

fn many_pages(backend: &dyn Backend) {
    let expected = fill(backend, 2500, 4096);
    let by_user = Filter {
        users: vec![Pattern::exact("ann")],
        ..Filter::default()
    };
    for filter in [Filter::default(), by_user] {
        for sort in [Sort::Stored, Sort::Key] {
            for values in [Values::Omit, Values::Start, Values::Include] {
                let scan_all = Scan {
                    sort,
                    values,
                    ..Scan::new(filter.clone())
                };
                assert!(keys(&scan(backend, &scan_all)) == expected);
            }
        }
    }
}

/// The start of a value is its first bytes.
fn starts(backend: &dyn Backend) {
    let sizes = [0, 5, START_SIZE, START_SIZE + 1, 5000];
    for size in sizes {
        let value: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        let entry = entry("s", &size.to_string());
        let put = backend.put(&entry, &inline(value), &Condition::Always.into(), NOW);
        put.expect("an entry is written");
    }
    let scan = Scan {
        values: Values::Start,
        ..Scan::new(Filter::default())
    };
    let mut seen = 0;
    for row in backend.scan(&scan, NOW).expect("a scan") {
        let Row::Entry(entry, Some(Content::Inline(start))) = row.expect("a row") else {
            panic!("an entry with the start of its value");
        };
        let size = usize::try_from(entry.size).expect("small");
        let expected: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        assert_eq!(start, expected[..size.min(START_SIZE)]);
        seen += 1;
    }
    assert_eq!(seen, sizes.len());
}

fn written_while_read(backend: &dyn Backend) {
    let expected = fill(backend, 2500, 1);
    let scan = Scan {
        sort: Sort::Stored,
        ..Scan::new(Filter::default())
    };
    let mut rows = backend.scan(&scan, NOW).expect("a scan");
    rows.by_ref().take(10).for_each(drop);
    // If the scan held a lock, these would wait for it.
    put(backend, &entry("s", "new"));
    put(backend, &entry("s", &expected[0]));
    let removed = backend.remove(
        &Filter {
            keys: vec![Pattern::exact(&*expected[2400])],
            ..Filter::default()
        }
        .into(),
        NOW,
        &mut no_progress,
    );
    assert_eq!(removed.expect("a removal").entries, 1);
    backend.compact(NOW).expect("compacted");
    let rest = entries(rows);
    let seen = keys(&rest);
    let untouched = expected[10..2400].iter().chain(&expected[2401..]);
    let missing = untouched.filter(|key| !seen.contains(&key.as_str()));
    assert_eq!(missing.count(), 0, "what was not touched is read");
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), seen.len(), "nothing is read twice");
}
