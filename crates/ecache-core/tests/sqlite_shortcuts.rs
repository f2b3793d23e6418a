//! The faster ways of reading and writing many entries change nothing but time: each is compared
//! with the general one.

mod common;

use std::ops::ControlFlow;
use std::time::Duration;

use common::{NOW, integrity, random, write};
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Commit, Content, ImportBackend, Imported, LookedUp, Lookup, OnConflict, ReadBackend, Record,
    Row, Scan, ScanBackend, Sort, Values, Visitor, fail_at_refused, no_progress, read_value,
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
        let mut found: Vec<Option<Lookup>> = vec![None; addresses.len()];
        let mut lent = 0;
        let done = backend.visit_many(&addresses, now, &mut |index, looked_up| {
            let lookup = match looked_up {
                LookedUp::Hit(entry, value) => {
                    lent += 1;
                    Lookup::Hit(Box::new(entry.to_entry()), Content::Inline(value.to_vec()))
                }
                LookedUp::Other(lookup) => lookup,
            };
            assert_eq!(found[index].replace(lookup), None);
        });
        assert_eq!(done.expect("look-ups"), addresses.len());
        assert!(lent > 400, "{lent}");
        for (address, found) in addresses.iter().zip(found) {
            let single = backend.lookup(address, now).expect("a look-up");
            assert_eq!(found, Some(single), "{address}");
        }
    }
}

#[test]
fn many_look_ups_end_with_the_value_that_is_too_much() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = write(&folder.path().join("store.db"));
    let mut seed = 4;
    let entries = (1..40).map(|number| {
        let (mut entry, _) = entry(number, &mut seed);
        (entry.kind, entry.expires_at, entry.size) = (Kind::Bytes, None, 400_000);
        (entry, vec![number as u8; 400_000])
    });
    import(&backend, &entries.collect::<Vec<_>>(), OnConflict::Fail);
    let addresses: Vec<Address> = (1..40).rev().map(address).collect();
    let lookups = backend.lookup_many(&addresses, NOW).expect("look-ups");
    // 21 of them have more than 8 MiB.
    assert_eq!(lookups.len(), 21);
    for (address, lookup) in addresses.iter().zip(lookups) {
        assert_eq!(lookup, backend.lookup(address, NOW).expect("a look-up"));
    }
}
