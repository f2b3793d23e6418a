//! The advice for a damaged store works: export the readable entries, then empty the store or
//! delete the file.
//!
//! Each page of each table and index is damaged in turn: zeroed, filled with noise, or with some
//! bits flipped.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{NOW, get, integrity, put, random, rewrite, write};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    ChangeBackend, Commit, Dimension, ImportBackend, Lookup, MaintainBackend, OnConflict,
    ReadBackend, Record, StoreMetadata, StoreRecord, StoresBackend, fail_at_refused, no_progress,
};
use ecache_core::entry::{Entry, EntryRef, Policy};
use ecache_core::error::Error;
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::transfer::{FoundRecord, RecordVisitor, Records, visit};
use ecache_core::value::Kind;
use rusqlite::Connection;

const PAGE: usize = 4096;

/// The kind of damage to a page.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Zeros,
    Noise,
    Bits,
}

impl Damage {
    fn apply(self, page: &mut [u8], seed: &mut u64) {
        match self {
            Self::Zeros => page.fill(0),
            Self::Noise => page.fill_with(|| random(seed) as u8),
            Self::Bits => {
                // Its header, its first pointers, and its cells, which are at its end.
                for place in [
                    3,
                    4,
                    9,
                    PAGE - 1 - random(seed) % 300,
                    PAGE - 1 - random(seed) % 300,
                ] {
                    page[place] ^= 1 << (random(seed) % 8);
                }
            }
        }
    }
}

fn entries() -> BTreeMap<Address, (Entry, Vec<u8>)> {
    let mut entries = BTreeMap::new();
    for store in ["alpha", "beta", "gamma"] {
        for number in 0..100 {
            let key = Key::new(format!("{store} {number}")).expect("a valid key");
            let address = StoreAddress::new(store).entry(key);
            let mut entry = Entry::new(address.clone(), Kind::Text, NOW);
            entry.scopes.user_id = (number % 3 == 0).then(|| Arc::from("bob"));
            entry.scopes.operator_uri = (number % 4 == 0).then(|| Arc::from("@x/op"));
            entry.scopes.prompt_id = (number % 5 == 0).then(|| Arc::from("p"));
            if number % 7 == 0 {
                entry.expires_at = Some(NOW.saturating_add(Duration::from_secs(60)));
            } else if number % 11 == 0 {
                entry.policy = Policy::Persist;
            }
            entry.hits = number;
            entry.last_used_at = (number > 0).then_some(NOW);
            entry.args = Some(format!("[{number}]"));
            let value = format!("{store} {number} ").repeat(10).into_bytes();
            entry.size = value.len() as u64;
            entries.insert(address, (entry, value));
        }
    }
    entries
}

fn build(path: &Path) -> BTreeMap<Address, (Entry, Vec<u8>)> {
    let entries = entries();
    let backend = import(path, entries.values().cloned());
    backend.compact(NOW).expect("compacted");
    entries
}

/// Writes the entries of all stores in turn, so that the pages of the table are in no order.
fn build_mixed(path: &Path) -> BTreeMap<Address, (Entry, Vec<u8>)> {
    let entries = entries();
    for number in 0..10 {
        let some = entries.values().skip(number).step_by(10);
        import(path, some.cloned());
    }
    let database = Connection::open(path).expect("a database");
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let cut = database.query_row(sql, (), |_| Ok(()));
    cut.expect("a checkpoint");
    entries
}

fn import(path: &Path, entries: impl Iterator<Item = (Entry, Vec<u8>)>) -> SqliteBackend {
    let store = StoreRecord::new(
        Arc::new(StoreAddress::new("beta")),
        Some(StoreMetadata {
            value: "{}".into(),
            created_at: NOW,
            updated_at: None,
            policy: Policy::Persist,
        }),
    );
    let records = entries.map(|(entry, value)| Record::Entry(Box::new(entry), value));
    let mut records = records.chain([Record::Store(store)]).map(Ok);
    let backend = write(path);
    backend
        .import(
            &mut records,
            OnConflict::Replace,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
    backend
}

/// Returns the pages of every non-empty table and index, with its name.
fn trees(path: &Path) -> BTreeMap<usize, String> {
    let database = Connection::open(path).expect("a database");
    let mut statement = database
        .prepare("SELECT name, rootpage FROM sqlite_schema")
        .expect("the schema");
    let roots = statement
        .query_map((), |row| Ok((row.get(0)?, row.get::<_, usize>(1)?)))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<(String, usize)>>>)
        .expect("the trees");
    let file = fs::read(path).expect("the file");
    let number = |at: usize, length: usize| {
        let bytes = &file[at..at + length];
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let mut pages = BTreeMap::new();
    for (name, root) in roots {
        let mut left = vec![root];
        while let Some(page) = left.pop() {
            let start = (page - 1) * PAGE;
            let cells = number(start + 3, 2);
            let is_above = matches!(file[start], 2 | 5);
            if is_above {
                let cell = |cell| start + number(start + 12 + 2 * cell, 2);
                left.extend((0..cells).map(|index| number(cell(index), 4)));
                left.push(number(start + 8, 4));
            }
            if is_above || cells > 0 {
                pages.insert(page, name.clone());
            }
        }
    }
    pages
}

#[test]
fn the_advice_for_a_damaged_store_works() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let entries = build(&path);
    let trees = trees(&path);
    let whole = fs::read(&path).expect("the file");
    let names: BTreeSet<&str> = trees.values().map(|name| &**name).collect();
    assert!(names.len() == 14, "only {names:?} are damaged");
    let above = |name| trees.values().filter(|tree| *tree == name).count() > 2;
    assert!(
        above("entries") && above("entries_key"),
        "with pages above others"
    );
    let mut seed = 1;
    let mut is_refused = BTreeSet::new();
    let mut exported = 0;
    for (page, name) in &trees {
        for damage in [Damage::Zeros, Damage::Noise, Damage::Bits, Damage::Bits] {
            let what = format!("{damage:?} on page {page} of {name}");
            let mut damaged = whole.clone();
            damage.apply(&mut damaged[(page - 1) * PAGE..page * PAGE], &mut seed);
            rewrite(&path, &damaged);
            exported += export(&path, &entries, &what);
            rewrite(&path, &damaged);
            if !clear(&path, &what) {
                is_refused.insert(name.as_str());
            }
        }
    }
    assert!(
        exported > 3 * trees.len() * entries.len(),
        "most can be saved: {exported}"
    );
    let hopeless = BTreeSet::from(["stores", "names", "sqlite_sequence"]);
    assert!(
        is_refused.is_subset(&hopeless),
        "{is_refused:?} cannot be cleared"
    );
}

#[test]
fn a_file_without_many_of_its_pages_gives_what_the_others_have() {
    const GONE: usize = 8;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let entries = build_mixed(&path);
    let trees = trees(&path);
    let whole = fs::read(&path).expect("the file");
    let pages = whole.len() / PAGE;
    let cut = (1..pages).map(|left| (format!("the first {left} pages"), left..pages));
    let zeroed = (1..pages - GONE).map(|left| {
        (
            format!("{GONE} pages gone behind {left}"),
            left..left + GONE,
        )
    });
    let mut parts = 0;
    for (what, gone) in cut.chain(zeroed) {
        let mut file = whole.clone();
        if gone.end == pages {
            file.truncate(gone.start * PAGE);
        } else {
            file[gone.start * PAGE..gone.end * PAGE].fill(0);
        }
        rewrite(&path, &file);
        let Ok(backend) = SqliteBackend::open(&path, Access::Read) else {
            continue;
        };
        // Its stores cannot be named.
        if backend.names(Dimension::Store).is_err() {
            continue;
        }
        let found: BTreeSet<Address> = visited(&backend, &what)
            .into_iter()
            .filter_map(|found| match found {
                FoundRecord::Record(Record::Entry(entry, value)) => {
                    assert_eq!(value, entries[&entry.address].1, "{what}");
                    Some(entry.address)
                }
                _ => None,
            })
            .collect();
        for address in entries.keys() {
            if let Ok(Lookup::Hit(..)) = backend.lookup(address, NOW) {
                assert!(found.contains(address), "{what}: {address} is readable");
            }
        }
        // The rows of a leaf of the table need the pages above it, and those of names.
        let (mut rows, mut is_needed_gone) = (0, false);
        for (page, tree) in &trees {
            let (start, is_gone) = ((page - 1) * PAGE, gone.contains(&(page - 1)));
            let is_leaf = tree == "entries" && whole[start] == 13;
            if is_leaf && !is_gone {
                rows += usize::from(u16::from_be_bytes([whole[start + 3], whole[start + 4]]));
            }
            let is_needed = !is_leaf && (tree == "entries" || !tree.starts_with("entries_"));
            is_needed_gone |= is_gone && is_needed;
        }
        if !is_needed_gone {
            assert_eq!(found.len(), rows, "{what}");
            parts += usize::from((1..entries.len()).contains(&rows));
        }
    }
    assert!(parts > 15, "{parts} parts are saved");
}

/// Returns all records, which are the same when they are not borrowed.
fn visited(backend: &SqliteBackend, what: &str) -> Vec<FoundRecord> {
    #[derive(Default)]
    struct Collector(Vec<FoundRecord>);

    impl RecordVisitor for Collector {
        fn entry(&mut self, entry: &EntryRef<'_>, value: &[u8]) {
            let record = Record::Entry(Box::new(entry.to_entry()), value.to_vec());
            self.0.push(FoundRecord::Record(record));
        }

        fn found(&mut self, found: FoundRecord) -> ControlFlow<()> {
            self.0.push(found);
            ControlFlow::Continue(())
        }

        fn end_page(&mut self) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
    }

    let mut collector = Collector::default();
    let visited = visit(backend, &Filter::default(), NOW, &mut collector);
    visited.unwrap_or_else(|error| panic!("{what}: {error}"));
    let owned = Records::new(backend, &Filter::default(), NOW).expect(what);
    let owned: Vec<FoundRecord> = owned.collect::<Result<_, _>>().expect(what);
    assert_eq!(collector.0, owned, "{what}");
    owned
}

/// Exports the readable entries. Each is right, every one a look-up finds is among them, and
/// missing ones are counted.
fn export(path: &Path, entries: &BTreeMap<Address, (Entry, Vec<u8>)>, what: &str) -> usize {
    let backend = SqliteBackend::open(path, Access::Read).expect(what);
    let (mut found, mut lost) = (BTreeSet::new(), 0);
    for record in visited(&backend, what) {
        match record {
            FoundRecord::Record(Record::Entry(entry, value)) => {
                let (written, bytes) = &entries[&entry.address];
                assert_eq!(value, *bytes, "{what}");
                // Hits are history, and are lost with their table.
                let mut entry = *entry;
                entry.hits = written.hits;
                entry.last_used_at = written.last_used_at;
                assert_eq!(entry, *written, "{what}");
                assert!(found.insert(entry.address), "{what}: it comes once");
            }
            FoundRecord::Record(Record::Store(store)) => {
                assert_eq!(&*store.address.store_name, "beta", "{what}");
            }
            FoundRecord::Damaged(_) => lost += 1,
            FoundRecord::Foreign(..) | FoundRecord::TooLarge(..) => {
                panic!("{what}: nothing is large")
            }
        }
    }
    for address in entries.keys() {
        if let Ok(Lookup::Hit(..)) = backend.lookup(address, NOW) {
            assert!(found.contains(address), "{what}: {address} is readable");
        }
    }
    let counted = found.len() + lost;
    assert!(
        counted >= entries.len(),
        "{what}: {} saved, {lost} lost",
        found.len()
    );
    found.len()
}

/// Empties the store, which is usable afterwards; otherwise the removal reports the damage.
fn clear(path: &Path, what: &str) -> bool {
    let backend = SqliteBackend::open(path, Access::Write).expect(what);
    match backend.remove(&Filter::default().into(), NOW, &mut no_progress) {
        Ok(_) => {
            let is_entry = |found: &FoundRecord| match found {
                FoundRecord::Record(Record::Store(_)) => false,
                // A store's own document is not cleared.
                FoundRecord::Damaged(address) => *address != address.store.document(),
                _ => true,
            };
            let left = visited(&backend, what);
            assert_eq!(
                left.iter().filter(|found| is_entry(found)).count(),
                0,
                "{what}"
            );
            put(&backend, "new", b"value").expect(what);
            drop(backend);
            let found = get(&write(path), "new").expect(what);
            assert_eq!(found.as_deref(), Some(&b"value"[..]), "{what}");
            true
        }
        Err(error @ (Error::Damaged { .. } | Error::DamagedLeft { .. })) => {
            eprintln!("{what}: {error}");
            drop(backend);
            // The advice in that case.
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(PathBuf::from(format!("{}{suffix}", path.display())));
            }
            put(&write(path), "new", b"value").expect(what);
            assert_eq!(integrity(path), "ok");
            false
        }
        Err(error) => panic!("{what}: {error}"),
    }
}
