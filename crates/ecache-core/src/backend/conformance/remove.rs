//! Removing, counting and touching the entries of a selection.

use std::ops::ControlFlow;

use super::*;
use crate::backend::{
    Commit, Direction, OnConflict, Record, Sort, Touch, fail_at_refused, no_progress,
};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{
    Capacity, EvictionOrder, Freshness, Latest, Pattern, Per, Selection, Spared, Usage,
};
use crate::usage::{CallGroup, HOUR};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("nothing selected, nothing removed", nothing),
    ("a union removes what any of its filters means, once", union),
    (
        "a capacity takes the least recently used of policy evict",
        capacity,
    ),
    (
        "a capacity counts what is left by the union",
        capacity_after_union,
    ),
    ("a capacity takes entries in its order", orders),
    (
        "costly and latest entries are spared until they expire",
        spared,
    ),
    ("what a capacity takes is counted as evicted", evictions),
    ("a removal forgets the hits", forgets_hits),
    (
        "a hit of an earlier entry of its key is not counted",
        earlier_hits,
    ),
    ("a touch changes lifetime and policy alone", touch),
    ("what a touch changes is counted once", touched_once),
    ("a stopped change says how far it came", stopped),
];

fn remove(backend: &dyn Backend, selection: &Selection) -> Usage {
    let counted = backend.usage(selection, NOW).expect("a count");
    let removed = backend.remove(selection, NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal"), counted, "the dry run is true");
    counted
}

fn by_key(patterns: &[&str]) -> Filter {
    Filter {
        keys: patterns.iter().copied().map(Pattern::exact).collect(),
        ..Filter::default()
    }
}

fn three(entries: u64) -> Usage {
    Usage {
        entries,
        bytes: 3 * entries,
    }
}

fn nothing(backend: &dyn Backend) {
    put(backend, &entry("s", "k"));
    assert_eq!(remove(backend, &Selection::default()), three(0));
    assert_eq!(remove(backend, &by_key(&["none"]).into()), three(0));
    assert_eq!(everything(backend).len(), 1);
}

fn union(backend: &dyn Backend) {
    for key in ["a", "b", "c", "d"] {
        put(backend, &entry("s", key));
    }
    let selection = Selection {
        any_of: vec![by_key(&["c", "a"]), by_key(&["a", "b"]), by_key(&["x"])],
        ..Selection::default()
    };
    assert_eq!(remove(backend, &selection), three(3));
    assert_eq!(keys(&everything(backend)), ["d"]);
}

fn beyond(max_size: Option<u64>, max_entries: Option<u64>) -> Option<Capacity> {
    Some(Capacity {
        scope: Filter::default(),
        max_size,
        max_entries,
        order: EvictionOrder::Use,
    })
}

/// Entries `0` to `4`, used in that order; `1` is of policy `persist`.
fn used_in_order(backend: &dyn Backend) {
    for number in [3, 1, 0, 4, 2] {
        let policy = match number {
            1 => Policy::Persist,
            _ => Policy::Evict,
        };
        let entry = Entry {
            policy,
            ..entry("s", &number.to_string())
        };
        put(backend, &entry);
        let one = EntryUse {
            saved_ms: 0,
            entry: entry.address.into(),
            // Some beyond the present: a clock that was set back does not keep entries for ever.
            used_at: at(number * 10 - 20),
            written_at: at(number * 10 - 20),
            hits: 1,
        };
        record_uses(backend, &[one]).expect("hits are recorded");
    }
}

fn capacity(backend: &dyn Backend) {
    used_in_order(backend);
    let limit = |beyond| Selection {
        beyond,
        ..Selection::default()
    };
    assert_eq!(remove(backend, &limit(beyond(None, None))), three(0));
    assert_eq!(remove(backend, &limit(beyond(Some(15), Some(5)))), three(0));
    assert_eq!(remove(backend, &limit(beyond(Some(14), None))), three(1));
    let mut left = everything(backend);
    left.sort_by(|one, two| one.0.address.cmp(&two.0.address));
    assert_eq!(keys(&left), ["1", "2", "3", "4"]);
    assert_eq!(remove(backend, &limit(beyond(None, Some(2)))), three(2));
    assert_eq!(keys(&everything(backend)).len(), 2);
    assert_eq!(remove(backend, &limit(beyond(Some(0), None))), three(1));
    assert_eq!(keys(&everything(backend)), ["1"], "what persists stays");
}

/// Entries of one minute each, and what tells them apart.
fn valued(backend: &dyn Backend) {
    let write = |key: &str, cost_ms: Option<u64>, size: usize, minutes: i64, user: Option<&str>| {
        let mut entry = entry("s", key);
        entry.created_at = at(-60_000 * minutes);
        entry.updated_at = Some(entry.created_at);
        entry.cost_ms = cost_ms;
        entry.scopes.user_id = user.and_then(name);
        let content = inline(vec![b'x'; size]);
        let put = backend.put(
            &entry,
            &content,
            &Condition::Always.into(),
            entry.created_at,
        );
        put.expect("an entry is written");
    };
    // For each byte of some 170, and the square root of the seconds: 6.6, 0.066, 0.007, 6.6.
    write("costly", Some(60_000), 10, 50, Some("ann"));
    write("usual", Some(500), 10, 40, Some("ann"));
    write("large", Some(500), 1500, 30, None);
    write("unknown", None, 10, 20, Some("bob"));
    let expired = Entry {
        expires_at: Some(at(-1)),
        cost_ms: Some(600_000),
        ..entry("s", "expired")
    };
    let put = backend.put(
        &expired,
        &inline("x"),
        &Condition::Always.into(),
        at(-600_000),
    );
    put.expect("an entry is written");
}

fn left(backend: &dyn Backend) -> Vec<String> {
    let mut left: Vec<String> = everything(backend)
        .iter()
        .map(|(entry, _)| entry.address.key.to_string())
        .collect();
    left.sort();
    left
}

fn orders(backend: &dyn Backend) {
    for (order, expected) in [
        (
            EvictionOrder::Worth,
            ["expired", "large", "usual", "unknown"],
        ),
        (EvictionOrder::Use, ["costly", "usual", "large", "unknown"]),
        (EvictionOrder::Age, ["costly", "usual", "large", "unknown"]),
        (EvictionOrder::Size, ["large", "unknown", "usual", "costly"]),
    ] {
        valued(backend);
        let (sort, direction): (Sort, Direction) = order.into();
        for (gone, key) in expected.iter().enumerate() {
            // A dry run lists the entries in this order.
            let rows = Scan {
                sort,
                direction,
                ..Scan::new(Filter::default())
            };
            let first = scan(backend, &rows).remove(0).0;
            assert_eq!(first.address.key.as_str(), *key, "{order:?}");
            let selection = Selection {
                beyond: beyond(None, Some(4 - gone as u64))
                    .map(|capacity| Capacity { order, ..capacity }),
                ..Selection::default()
            };
            let removed = remove(backend, &selection);
            assert_eq!(removed.entries, 1, "{order:?} {key}");
            assert!(
                !left(backend).contains(&(*key).to_owned()),
                "{order:?} {key}"
            );
        }
    }
}

fn spared(backend: &dyn Backend) {
    let latest = |count, per| {
        Some(Latest {
            scope: Filter::default(),
            count,
            per,
        })
    };
    let cases = [
        (Some(1_000), None, vec!["costly"]),
        (Some(499), None, vec!["costly", "large", "usual"]),
        (None, latest(2, None), vec!["large", "unknown"]),
        (
            None,
            latest(1, Some(Per::User)),
            vec!["large", "unknown", "usual"],
        ),
        (
            Some(60_000 - 1),
            latest(1, Some(Per::Store)),
            vec!["costly", "unknown"],
        ),
        (None, latest(0, Some(Per::Function)), vec![]),
    ];
    for (cost_above, latest, expected) in cases {
        for is_beyond in [false, true] {
            valued(backend);
            let spared = Spared {
                cost_above,
                latest: latest.clone(),
            };
            let selection = if is_beyond {
                Selection {
                    beyond: beyond(None, Some(0)),
                    spared,
                    ..Selection::default()
                }
            } else {
                Selection {
                    unless_spared: vec![Filter::default()],
                    spared,
                    ..Selection::default()
                }
            };
            remove(backend, &selection);
            assert_eq!(left(backend), expected, "{selection:?}");
        }
    }
    valued(backend);
    let selection = Selection {
        any_of: vec![by_key(&["unknown"])],
        unless_spared: vec![Filter::default()],
        spared: Spared {
            cost_above: None,
            latest: latest(1, None),
        },
        ..Selection::default()
    };
    remove(backend, &selection);
    assert_eq!(left(backend), ["large"], "the latest that is not gone");
}

fn earlier_hits(backend: &dyn Backend) {
    let write = |at_ms| {
        let mut entry = entry("s", "k");
        entry.created_at = at(at_ms);
        let options = Condition::Always.into();
        backend
            .put(&entry, &inline("old"), &options, at(at_ms))
            .expect("an entry")
    };
    let hit = |written: i64, used: i64| {
        let one = EntryUse {
            entry: address("s", "k").into(),
            hits: 1,
            saved_ms: 7,
            used_at: at(used),
            written_at: at(written),
        };
        record_uses(backend, &[one]).expect("hits are recorded");
        let (entry, _) = everything(backend).pop().expect("an entry");
        (entry.hits, entry.saved_ms)
    };
    write(0);
    remove(backend, &by_key(&["k"]).into());
    write(10);
    assert_eq!(hit(0, 20), (0, 0), "of the one that was removed");
    assert_eq!(hit(10, 20), (1, 7));
    write(30);
    assert_eq!(
        hit(10, 40),
        (2, 14),
        "of an earlier value of the same entry"
    );
    assert_eq!(hit(0, 50), (2, 14));
}

fn evictions(backend: &dyn Backend) {
    let ann = name("ann");
    for (key, user, policy) in [
        ("1", &ann, Policy::Evict),
        ("2", &ann, Policy::Evict),
        ("3", &None, Policy::Evict),
        ("4", &ann, Policy::Persist),
        ("5", &ann, Policy::Evict),
    ] {
        let mut entry = entry("s", key);
        entry.policy = policy;
        entry.scopes.user_id = user.clone();
        put(backend, &entry);
    }
    // The first is named, and therefore removed and not evicted.
    let selection = Selection {
        any_of: vec![by_key(&["1"])],
        beyond: beyond(None, Some(1)),
        ..Selection::default()
    };
    assert_eq!(remove(backend, &selection), three(4));
    let evicted = || {
        let recorded = backend.usage_since(at(-1), &[]).expect("counts");
        let counts = recorded.periods.into_iter().map(|period| {
            let CallGroup::Of { store, user, .. } = period.group else {
                panic!("a store");
            };
            assert_eq!(&*store.store_name, "s");
            assert!((0..HOUR).contains(&(NOW.as_millis() - period.begins_at)));
            (user, period.counts.evictions)
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort();
        counts
    };
    assert_eq!(evicted(), [(None, 1), (ann.clone(), 2)]);
    put(backend, &entry("s", "6"));
    remove(
        backend,
        &Selection {
            beyond: beyond(None, Some(0)),
            ..Selection::default()
        },
    );
    assert_eq!(evicted(), [(None, 2), (ann, 2)]);
}

fn capacity_after_union(backend: &dyn Backend) {
    used_in_order(backend);
    let selection = Selection {
        any_of: vec![by_key(&["4"])],
        beyond: beyond(None, Some(3)),
        ..Selection::default()
    };
    assert_eq!(remove(backend, &selection), three(2));
    let mut left = everything(backend);
    left.sort_by(|one, two| one.0.address.cmp(&two.0.address));
    assert_eq!(keys(&left), ["1", "2", "3"]);
}

fn forgets_hits(backend: &dyn Backend) {
    used_in_order(backend);
    assert_eq!(remove(backend, &Filter::default().into()), three(5));
    put(backend, &entry("s", "0"));
    let (entry, _) = everything(backend).remove(0);
    assert_eq!((entry.last_used_at, entry.hits), (None, 0));
}

fn touch(backend: &dyn Backend) {
    let old = expiring("s", "a", at(DAY));
    put(backend, &old);
    put(backend, &entry("s", "b"));
    let touch = |expires_at, policy| {
        let touch = Touch { expires_at, policy };
        let touched = backend.touch(&by_key(&["a"]).into(), touch, NOW, &mut no_progress);
        let (entry, _) = everything(backend).remove(0);
        (touched.expect("a touch"), entry)
    };
    let size = 3;
    let expected = Entry { size, ..old };
    assert_eq!(touch(None, None), (three(0), expected.clone()));
    let expected = Entry {
        policy: Policy::Persist,
        ..expected
    };
    let persist = Some(Policy::Persist);
    assert_eq!(touch(None, persist), (three(1), expected.clone()));
    let expected = Entry {
        expires_at: Some(at(1)),
        ..expected
    };
    assert_eq!(touch(Some(Some(at(1))), None), (three(1), expected.clone()));
    let expected = Entry {
        expires_at: None,
        policy: Policy::Evict,
        ..expected
    };
    let evict = Some(Policy::Evict);
    assert_eq!(touch(Some(None), evict), (three(1), expected));
    let (other, _) = everything(backend).remove(1);
    assert_eq!((other.policy, other.expires_at), (Policy::Evict, None));
}

fn touched_once(backend: &dyn Backend) {
    put(backend, &expiring("s", "a", NOW));
    let expired = Filter {
        freshness: Some(Freshness::Expired),
        ..Filter::default()
    };
    let selection = Selection {
        any_of: vec![expired.clone(), by_key(&["a"]), expired],
        ..Selection::default()
    };
    let touch = Touch {
        expires_at: Some(Some(at(-1))),
        policy: None,
    };
    let touched = backend
        .touch(&selection, touch, NOW, &mut no_progress)
        .expect("a touch");
    assert_eq!(touched, three(1));
}

fn stopped(backend: &dyn Backend) {
    let record = |number: usize| {
        let entry = entry("s", &number.to_string());
        Ok(Record::Entry(Box::new(entry), b"123".to_vec()))
    };
    let mut records = (0..3000).map(record);
    backend
        .import(
            &mut records,
            OnConflict::Replace,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
    // A backend may do everything in one batch.
    let done = |result: Result<Usage>| match result {
        Ok(usage) | Err(Error::Interrupted { done: usage }) => usage,
        Err(error) => panic!("{error}"),
    };
    let count = |filter: &Filter| backend.usage(&filter.clone().into(), NOW).expect("a count");
    let mut stop = |entries| match entries {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let all = Filter::default();
    let touch = Touch {
        expires_at: None,
        policy: Some(Policy::Persist),
    };
    let touched = done(backend.touch(&all.clone().into(), touch, NOW, &mut stop));
    let persistent = Filter {
        policy: Some(Policy::Persist),
        ..Filter::default()
    };
    assert!(touched.entries > 0);
    assert_eq!(touched, count(&persistent));
    let removed = done(backend.remove(&all.clone().into(), NOW, &mut stop));
    assert!(removed.entries > 0);
    assert_eq!(count(&all), three(3000 - removed.entries));
}
