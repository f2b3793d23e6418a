//! The faster ways of reading and writing many entries change nothing but time: each is compared
//! with the general one.

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use common::{NOW, integrity, random, write};
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Commit, Content, ImportBackend, Imported, LOOKUP_SIZE, LookedUp, Lookup, OnConflict,
    ReadBackend, Record, Row, Scan, ScanBackend, Sort, Values, Visitor, fail_at_refused,
    no_progress, read_value,
};
use ecache_core::entry::{Entry, EntryRef, Policy};
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::{CHUNK_SIZE, Kind};

const STORES: [&str; 3] = ["one", "two", "three"];

fn address(number: usize) -> Address {
    let key = if number.is_multiple_of(3) {
        Key::of_preimage(&number.to_string())
    } else {
        Key::new(number.to_string()).expect("a short key")
    };
    StoreAddress::new(STORES[number % STORES.len()]).entry(key)
}

/// Returns an entry of every shape, and its value.
fn entry(number: usize, seed: &mut u64) -> (Entry, Vec<u8>) {
    let written_at = NOW.saturating_sub(Duration::from_secs(60 + random(seed) as u64 % 1000));
    let kind = [Kind::Json, Kind::Text, Kind::Bytes][random(seed) % 3];
    let mut entry = Entry::new(address(number), kind, written_at);
    if number.is_multiple_of(7) {
        entry.hits = 1 + number as u64;
        entry.saved_ms = 3;
        entry.last_used_at = Some(NOW);
    }
    if number.is_multiple_of(5) {
        entry.policy = Policy::Persist;
    } else if number.is_multiple_of(4) {
        let distance = Duration::from_secs(random(seed) as u64 % 30);
        entry.expires_at = Some(NOW.saturating_add(distance).saturating_sub(distance / 2));
        entry.args = Some(format!("[{number}]"));
        entry.cost_ms = Some(random(seed) as u64 % 1000);
    }
    if number.is_multiple_of(6) {
        entry.scopes.user_id = Some(format!("user {}", number % 9).into());
        entry.scopes.operator_uri = Some("@an/operator".into());
        entry.function = Some(format!("f{}", number % 4).into());
        entry.scopes.jwt_sha256 = Some([number as u8; 32]);
    }
    let value = if number.is_multiple_of(1500) {
        vec![number as u8; CHUNK_SIZE + 1]
    } else {
        format!("\"{number} {}\"", random(seed)).into_bytes()
    };
    entry.size = value.len() as u64;
    (entry, value)
}

fn import(
    backend: &SqliteBackend,
    entries: &[(Entry, Vec<u8>)],
    on_conflict: OnConflict,
) -> Imported {
    let records = entries.iter().cloned();
    let mut records = records.map(|(entry, value)| Ok(Record::Entry(Box::new(entry), value)));
    backend
        .import(
            &mut records,
            on_conflict,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import")
}

/// Returns all entries with their values, by a scan in the order of keys.
fn by_key(backend: &SqliteBackend) -> Vec<(Entry, Vec<u8>)> {
    let scan = Scan {
        sort: Sort::Key,
        values: Values::Include,
        ..Scan::new(Filter::default())
    };
    let mut found = Vec::new();
    for row in backend.scan(&scan, NOW).expect("a scan") {
        match row.expect("a row") {
            Row::Entry(entry, Some(content)) => found.push((*entry, whole(backend, content))),
            other => panic!("{other:?}"),
        }
    }
    found
}

fn whole(backend: &SqliteBackend, content: Content) -> Vec<u8> {
    let value = read_value(backend, Kind::Bytes, content);
    value.expect("a value").bytes
}

/// Takes entries as they are lent.
struct Collector<'a> {
    backend: &'a SqliteBackend,
    found: Vec<(Entry, Vec<u8>)>,
    lent: usize,
}

impl Visitor for Collector<'_> {
    fn entry(&mut self, entry: &EntryRef<'_>, value: Option<&[u8]>) {
        self.lent += 1;
        let value = value.expect("the scan includes values").to_vec();
        self.found.push((entry.to_entry(), value));
    }

    fn row(&mut self, row: Row) -> ControlFlow<()> {
        match row {
            Row::Entry(entry, Some(content)) => {
                let value = whole(self.backend, content);
                self.found.push((*entry, value));
            }
            other => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    }

    fn end_page(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

fn sorted(mut entries: Vec<(Entry, Vec<u8>)>) -> Vec<(Entry, Vec<u8>)> {
    entries.sort_by(|(one, _), (other, _)| one.address.cmp(&other.address));
    entries
}

#[test]
fn lent_entries_are_those_of_a_scan() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = write(&folder.path().join("store.db"));
    let mut seed = 1;
    let entries: Vec<_> = (0..3500).map(|number| entry(number, &mut seed)).collect();
    import(&backend, &entries, OnConflict::Fail);
    let expected = sorted(by_key(&backend));
    assert_eq!(expected, sorted(entries));
    for sort in [Sort::Any, Sort::Stored, Sort::Updated] {
        let scan = Scan {
            sort,
            values: Values::Include,
            ..Scan::new(Filter::default())
        };
        let mut collector = Collector {
            backend: &backend,
            found: Vec::new(),
            lent: 0,
        };
        backend.visit(&scan, NOW, &mut collector).expect("a visit");
        assert!(collector.lent > 3400, "{}", collector.lent);
        assert_eq!(sorted(collector.found), expected, "{sort:?}");
    }
}

#[test]
fn an_import_into_an_empty_file_settles_keys_as_any_other() {
    let mut seed = 2;
    // Each second key comes twice, some in the same batch and some in another one.
    let mut entries: Vec<_> = (0..9000).map(|number| entry(number, &mut seed)).collect();
    for number in (0..9000).step_by(2) {
        let place = number + random(&mut seed) % (entries.len() - number);
        entries.insert(place, entry(number, &mut seed));
    }
    for count in [entries.len(), 9, 1] {
        let entries = &entries[..count];
        for on_conflict in [OnConflict::Replace, OnConflict::Keep, OnConflict::Newer] {
            let folder = tempfile::tempdir().expect("a folder");
            let [empty, other] = ["empty.db", "other.db"].map(|name| folder.path().join(name));
            let (empty_store, other_store) = (write(&empty), write(&other));
            // With one entry, the file keeps its indexes.
            let last = StoreAddress::new("zzz").entry(Key::new("last").expect("a key"));
            let mut last = (Entry::new(last, Kind::Text, NOW), b"last".to_vec());
            last.0.size = 4;
            import(&other_store, &[last.clone()], on_conflict);
            let imported = import(&empty_store, entries, on_conflict);
            assert_eq!(imported, import(&other_store, entries, on_conflict));
            let mut expected = sorted(by_key(&other_store));
            assert_eq!(expected.pop(), Some(last));
            assert_eq!(sorted(by_key(&empty_store)), expected, "{on_conflict:?}");
            drop((empty_store, other_store));
            assert_eq!(integrity(&empty), "ok");
        }
    }
}

#[test]
fn many_look_ups_find_what_single_ones_find() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = write(&folder.path().join("store.db"));
    let mut seed = 3;
    let entries: Vec<_> = (0..1200).map(|number| entry(number, &mut seed)).collect();
    import(&backend, &entries, OnConflict::Fail);
    let mut addresses: Vec<Address> = (0..1000)
        .map(|_| address(random(&mut seed) % 1500))
        .collect();
    addresses.push(address(0));
    addresses.push(StoreAddress::new("none").entry(Key::new("1").expect("a key")));
    for now in [
        NOW,
        NOW.saturating_add(Duration::from_secs(10)),
        Timestamp::from_millis(0),
    ] {
        let expected = singles(&backend, &addresses, now);
        let mut found = vec![None; addresses.len()];
        let mut lent = 0;
        let done = backend.visit_many(&addresses, now, &mut |index, looked_up| {
            lent += usize::from(matches!(looked_up, LookedUp::Hit(..)));
            assert_eq!(found[index].replace(Seen::of(looked_up)), None);
        });
        assert_eq!(done.expect("look-ups"), addresses.len());
        assert!(lent > 400, "{lent}");
        assert_eq!(found, expected);
    }
}

/// An answer to a reader of many values.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Hit {
        kind: Kind,
        scopes: [Option<String>; 2],
        written_at: Timestamp,
        cost_ms: Option<u64>,
        content: Content,
    },
    Stale,
    Other(Lookup),
}

impl Seen {
    fn of(found: LookedUp<'_>) -> Self {
        let text = |name: Option<&Arc<str>>| name.map(ToString::to_string);
        match found {
            LookedUp::Hit(hit, value) => Self::Hit {
                kind: hit.kind,
                scopes: [text(hit.user_id), text(hit.operator_uri)],
                written_at: hit.written_at,
                cost_ms: hit.cost_ms,
                content: Content::Inline(value.to_vec()),
            },
            LookedUp::Other(Lookup::Hit(entry, content)) => Self::Hit {
                kind: entry.kind,
                scopes: [
                    text(entry.scopes.user_id.as_ref()),
                    text(entry.scopes.operator_uri.as_ref()),
                ],
                written_at: entry.written_at(),
                cost_ms: entry.cost_ms,
                content,
            },
            LookedUp::Stale | LookedUp::Other(Lookup::Stale(_)) => Self::Stale,
            LookedUp::Other(other) => Self::Other(other),
        }
    }
}

/// Looks up entries one by one.
fn singles(backend: &SqliteBackend, addresses: &[Address], now: Timestamp) -> Vec<Option<Seen>> {
    let single = |address| backend.lookup(address, now).expect("a look-up");
    let seen = |address| Some(Seen::of(LookedUp::Other(single(address))));
    addresses.iter().map(seen).collect()
}

#[test]
fn many_look_ups_end_where_their_values_are_too_much() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = write(&folder.path().join("store.db"));
    let mut seed = 4;
    // The last ones are large, so that what fits is not a share of the keys.
    let size = |number: usize| if number < 60 { 400_000 } else { 900_000 };
    let entries = (1..80).map(|number| {
        let (mut entry, _) = entry(number, &mut seed);
        (entry.kind, entry.expires_at) = (Kind::Bytes, None);
        entry.size = size(number) as u64;
        (entry, vec![number as u8; size(number)])
    });
    import(&backend, &entries.collect::<Vec<_>>(), OnConflict::Fail);
    for is_descending in [false, true] {
        let mut addresses: Vec<Address> = (1..80).map(address).collect();
        if is_descending {
            addresses.reverse();
        }
        let expected = singles(&backend, &addresses, NOW);
        let (mut found, mut calls, mut most) = (Vec::new(), 0, 0);
        while found.len() < addresses.len() {
            let rest = &addresses[found.len()..];
            let mut answers = vec![None; rest.len()];
            let mut size = 0;
            let done = backend.visit_many(rest, NOW, &mut |index, looked_up| {
                size += match &looked_up {
                    LookedUp::Hit(_, value) => value.len(),
                    LookedUp::Stale | LookedUp::Other(_) => 0,
                };
                assert_eq!(answers[index].replace(Seen::of(looked_up)), None);
            });
            found.extend(answers.drain(..done.expect("look-ups")));
            calls += 1;
            most = most.max(size);
        }
        assert!(found == expected);
        // 42 MB, at most 8 MiB at a time that are wanted and twice as many that are not.
        assert!((5..20).contains(&calls), "{calls}");
        assert!(most < 3 * LOOKUP_SIZE, "{most}");
    }
}
