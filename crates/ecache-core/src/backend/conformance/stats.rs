//! Groups, counted uses and the description.

use super::*;
use crate::backend::{Dimension, Group, Holds};
use crate::entry::Policy;
use crate::filter::Usage;
use crate::scope::Scopes;
use crate::usage::{self, Event, Gap, HOUR, LogId, LogRange, Outcome};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("groups add up what they are made of", groups),
    (
        "usage is counted by hour and group, exactly once, and outlives entries",
        usage_by_period,
    ),
    ("a description counts what is there", description),
];

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
        entry: first.address.into(),
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
    let values = |values| Holds {
        values,
        ..Holds::default()
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
        holds: values(2),
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
        holds: values(2),
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
        let added = backend.add_usage(&UsageBatch::of(events), position, NOW);
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
        Some(LogRange {
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
        let usage::CallGroup::Of { store, user, .. } = &period.group else {
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
    let batch = UsageBatch::of(&[event(miss, &nameless, 0)]);
    assert!(backend.add_usage(&batch, None, NOW).is_err());
    let gap = Gap {
        from: at(HOUR),
        until: at(HOUR + 5),
    };
    let batch = UsageBatch {
        gaps: vec![gap],
        ..UsageBatch::default()
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
