//! Flips every bit of every page of a small store, one at a time.
//!
//! Whichever bit is wrong, a read returns an entry as written, a miss or an error: never another
//! entry's value, and never an expired one. A removal deletes no entry that its filter does not
//! match.
//!
//! The space between a page's cell pointers and its cells is left out, since SQLite never reads it.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{NOW, beside, write};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    CallIdentity, CallLookup, Commit, Content, Lookup, MaintainBackend, OnConflict, ReadBackend,
    Record, Row, Scan, StoreMetadata, StoreRecord, Touch, Values, WriteBackend, fail_at_refused,
    no_progress,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{Filter, Freshness, Pattern};
use ecache_core::key::Key;
use ecache_core::scope::{Address, Scopes, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;
use rusqlite::Connection;

const PAGE: usize = 4096;

/// The contents of a store: entries with their values, sorted by address.
type Contents = BTreeMap<Address, (Entry, Vec<u8>)>;

fn hours(hours: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + hours * 3_600_000)
}

fn filter(store: &StoreAddress) -> Filter {
    Filter::store(store)
}

/// Returns the stores: two names, one of them also in a dataset, with the same keys in each.
fn stores() -> [StoreAddress; 3] {
    let alpha = StoreAddress::new("alpha");
    [
        alpha.clone(),
        StoreAddress::new("beta"),
        alpha.with_dataset("64a000000000000000000001"),
    ]
}

/// Returns entries with every kind of lifetime, policy and scope, and `more` plain ones.
fn entries(more: usize) -> Contents {
    let mut contents = Contents::new();
    for (number, store) in stores().iter().enumerate() {
        let mut keys: Vec<String> = ["endless", "expired", "later"].map(String::from).into();
        keys.extend((0..more).map(|key| format!("plain {key}")));
        for key in keys {
            let address = store.entry(Key::new(&*key).expect("a valid key"));
            let mut entry = Entry::new(address.clone(), Kind::Text, NOW);
            entry.created_at = hours(-48);
            entry.updated_at = Some(hours(-24 - number as i64));
            let name = |text: &str| Some(Arc::from(text));
            match &*key {
                "endless" => {
                    entry.policy = Policy::Persist;
                    entry.scopes.user_id = name(["bob", "eve", "bob"][number]);
                    entry.scopes.jwt_sha256 = Some([number as u8; 32]);
                    entry.args = Some(format!("[\"argument {number}\"]"));
                }
                "expired" => {
                    entry.expires_at = Some(hours(-1));
                    entry.scopes.user_id = name(["eve", "bob", "bob"][number]);
                    entry.cost_ms = Some(1000 + number as u64);
                }
                "later" => {
                    entry.expires_at = Some(hours(1 + number as i64));
                    entry.scopes.operator_uri = name(["@x/one", "@x/two", "@x/one"][number]);
                    entry.scopes.prompt_id = name(["p1", "p2", "p3"][number]);
                    entry.function = name("f");
                }
                _ => entry.args = Some(format!("[\"{}\"]", "padding ".repeat(40))),
            }
            let value = format!("value {number} of {key:?}").into_bytes();
            entry.size = value.len() as u64;
            contents.insert(address, (entry, value));
        }
    }
    contents
}

/// Writes a store, with all of it in the main file.
fn build(path: &Path, more: usize) -> Contents {
    let mut contents = entries(more);
    let backend = write(path);
    let metadata = StoreRecord {
        address: Arc::new(stores()[1].clone()),
        metadata: Some(StoreMetadata {
            value: "{\"owner\": \"beta\"}".into(),
            created_at: hours(-50),
            updated_at: None,
            policy: Policy::Persist,
        }),
    };
    let records = contents.values().cloned();
    let records = records.map(|(entry, value)| Record::Entry(Box::new(entry), value));
    let mut records = records.chain([Record::Store(metadata)]).map(Ok);
    backend
        .import(
            &mut records,
            OnConflict::Fail,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
    for (hash, expires_at) in CALLS {
        let call = Call::new(hash);
        let mut entry = Entry::new(call.address(), Kind::Text, hours(-2));
        entry.function = Some(call.function.clone());
        entry.expires_at = expires_at.map(hours);
        let value = format!("call {hash}").into_bytes();
        entry.size = value.len() as u64;
        let put = backend.put_call(
            &call.identity(),
            &entry,
            &Content::Inline(value.clone()),
            NOW,
        );
        put.expect("a result");
        contents.insert(entry.address.clone(), (entry, value));
    }
    backend.compact(NOW).expect("compacted");
    drop(backend);
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
    contents
}

/// The calls: the byte that fills the hash, and the hours until the result expires.
const CALLS: [(u8, Option<i64>); 3] = [(7, None), (8, Some(-1)), (9, Some(1))];

struct Call {
    store: Arc<StoreAddress>,
    hash: [u8; 32],
    function: Arc<str>,
    scopes: Scopes,
}

impl Call {
    fn new(hash: u8) -> Self {
        Self {
            store: Arc::new(StoreAddress::new("calls")),
            hash: [hash; 32],
            function: format!("function {}", hash % 2).into(),
            scopes: Scopes::default(),
        }
    }

    fn identity(&self) -> CallIdentity<'_> {
        CallIdentity {
            store: &self.store,
            hash: &self.hash,
            function: &self.function,
            scopes: &self.scopes,
            preimage: "[]",
            arguments_length: 1,
            with_generation: true,
        }
    }

    fn address(&self) -> Address {
        self.store.entry(Key::of_hash(&self.hash))
    }
}

/// A page of the file, with its kind and the bytes of it that SQLite reads.
struct Page {
    is_index: bool,
    is_interior: bool,
    used: Vec<Range<usize>>,
}

/// Reads the page headers. The second page has none: it maps pages to their parents.
fn pages(file: &[u8]) -> Vec<Page> {
    let count = file.len() / PAGE;
    (0..count)
        .map(|number| {
            let start = number * PAGE;
            if number == 1 {
                return Page {
                    is_index: false,
                    is_interior: false,
                    used: std::iter::once(start..start + 5 * count).collect(),
                };
            }
            let header = start + if number == 0 { 100 } else { 0 };
            let two = |at: usize| usize::from(u16::from_be_bytes([file[at], file[at + 1]]));
            let kind = file[header];
            assert!([2, 5, 10, 13].contains(&kind), "page {number} is a tree's");
            let is_interior = kind <= 5;
            let length = if is_interior { 12 } else { 8 };
            let pointers = header + length + 2 * two(header + 3);
            Page {
                is_index: matches!(kind, 2 | 10),
                is_interior,
                used: vec![start..pointers, start + two(header + 5)..start + PAGE],
            }
        })
        .collect()
}

/// Returns the bits to flip: one in `of_index` of index and interior pages, one in `of_table` of
/// the rest.
fn bits(file: &[u8], of_index: usize, of_table: usize) -> Vec<usize> {
    let pages = pages(file);
    let of_page = |page: &Page| -> Vec<usize> {
        let is_dense = page.is_index || page.is_interior;
        let stride = if is_dense { of_index } else { of_table };
        let used = page.used.iter().cloned();
        let bits = used.flat_map(|bytes| bytes.start * 8..bytes.end * 8);
        bits.step_by(stride).collect()
    };
    pages.iter().flat_map(of_page).collect()
}

/// A store whose bits are flipped in place.
struct Flipped {
    file: File,
    path: PathBuf,
    whole: Vec<u8>,
}

impl Flipped {
    fn new(path: &Path) -> Self {
        let file = OpenOptions::new().write(true).open(path);
        Self {
            file: file.expect("the store"),
            path: path.into(),
            whole: fs::read(path).expect("the store"),
        }
    }

    fn flip(&self, bit: usize) {
        let byte = self.whole[bit / 8] ^ (1 << (bit % 8));
        let written = self.file.write_all_at(&[byte], (bit / 8) as u64);
        written.expect("a byte is written");
    }

    /// Flips a bit back.
    fn unflip(&self, bit: usize) {
        let byte = self.whole[bit / 8];
        let written = self.file.write_all_at(&[byte], (bit / 8) as u64);
        written.expect("a byte is written");
    }

    /// Restores the original file.
    fn restore(&self) {
        self.file
            .set_len(self.whole.len() as u64)
            .expect("a length");
        self.file.write_all_at(&self.whole, 0).expect("the store");
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

/// Wrong answers by operation: their number, and the first of them.
#[derive(Debug, Default)]
struct Wrong(BTreeMap<&'static str, (usize, String)>);

impl Wrong {
    fn add(&mut self, how: &'static str, bit: usize, what: impl FnOnce() -> String) {
        let (page, bit) = (bit / (PAGE * 8), bit % (PAGE * 8));
        let first = || (0, format!("bit {bit} of page {}: {}", page + 1, what()));
        self.0.entry(how).or_insert_with(first).0 += 1;
    }

    fn merge(&mut self, other: Self) {
        for (how, (count, first)) in other.0 {
            self.0.entry(how).or_insert((0, first)).0 += count;
        }
    }
}

/// Reports whether an entry is as written, apart from its hits.
fn is_as_written(entry: &Entry, written: &Entry) -> bool {
    let entry = Entry {
        hits: written.hits,
        last_used_at: written.last_used_at,
        ..entry.clone()
    };
    entry == *written
}

/// Looks up everything in every way; records answers that are not right, a miss or an error.
fn read(path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong) -> usize {
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return 0;
    };
    let mut hits = 0;
    for (address, (written, value)) in contents {
        match backend.lookup(address, NOW) {
            Ok(Lookup::Hit(entry, Content::Inline(found))) => {
                hits += 1;
                if found != *value || !written.is_fresh(NOW) {
                    wrong.add("value", bit, || {
                        format!("{address} is {found:?} of {entry:?}")
                    });
                } else if !is_as_written(&entry, written) {
                    wrong.add("fields", bit, || format!("{address} is {entry:?}"));
                }
            }
            Ok(Lookup::Stale(entry)) => {
                if !is_as_written(&entry, written) || written.is_fresh(NOW) {
                    wrong.add("stale", bit, || format!("{address} is stale: {entry:?}"));
                }
            }
            Ok(Lookup::Hit(..)) => wrong.add("get", bit, || format!("{address} is large")),
            Ok(Lookup::Foreign(..)) => wrong.add("get", bit, || format!("{address} is foreign")),
            Ok(Lookup::Missing | Lookup::Damaged(_)) | Err(_) => {}
        }
    }
    for (hash, _) in CALLS {
        let call = Call::new(hash);
        if let Ok(CallLookup::Hit(result)) = backend.lookup_call(&call.identity(), NOW) {
            let (written, value) = &contents[&call.address()];
            let is_right = result.content == Content::Inline(value.clone())
                && (result.kind, result.expires_at, result.cost_ms)
                    == (written.kind, written.expires_at, written.cost_ms)
                && written.is_fresh(NOW);
            if !is_right {
                wrong.add("call", bit, || format!("call {hash} is {result:?}"));
            }
        }
    }
    let filters = filters();
    let one = 1 + (bit / 8 + bit) % (filters.len() - 1);
    for filter in [&filters[0], &filters[one]] {
        let scan = Scan {
            values: Values::Include,
            ..Scan::new(filter.clone())
        };
        let mut seen = Vec::new();
        for row in backend.scan(&scan, NOW).into_iter().flatten() {
            let Ok(Row::Entry(entry, Some(Content::Inline(found)))) = row else {
                continue;
            };
            let address = entry.address.clone();
            let is_right = contents.get(&address).is_some_and(|(written, value)| {
                found == *value && is_as_written(&entry, written) && filter.matches(written, NOW)
            });
            if !is_right || seen.contains(&address) {
                wrong.add("list", bit, || format!("{filter:?} lists {entry:?}"));
            }
            seen.push(address);
        }
    }
    for store in backend.stores().into_iter().flatten() {
        let name = &*store.address.store_name;
        let is_known = name == "(unreadable)"
            || contents
                .keys()
                .any(|address| address.store == store.address);
        let metadata = store.metadata.as_ref().map(|metadata| &metadata.value);
        let is_right = metadata.is_none_or(|value| name == "beta" && value.contains("\"beta\""));
        if !is_known || !is_right {
            wrong.add("stores", bit, || format!("there is {store:?}"));
        }
    }
    hits
}

/// Returns the filters to list and remove by: whole stores, and parts of each kind.
fn filters() -> Vec<Filter> {
    let [alpha, beta, _] = stores();
    let exact = |name: &str| vec![Pattern::exact(name)];
    vec![
        Filter::default(),
        filter(&beta),
        Filter {
            keys: exact("endless"),
            ..filter(&alpha)
        },
        Filter {
            users: exact("bob"),
            ..Filter::default()
        },
        Filter {
            users: exact("bob"),
            policy: Some(Policy::Evict),
            ..filter(&beta)
        },
        Filter {
            freshness: Some(Freshness::Expired),
            ..Filter::default()
        },
        Filter {
            policy: Some(Policy::Persist),
            ..Filter::default()
        },
        Filter {
            written_before: Some(hours(-24)),
            policy: Some(Policy::Evict),
            ..filter(&alpha)
        },
        Filter {
            operators: vec![Pattern::exact("@x/one")],
            ..Filter::default()
        },
    ]
}

/// Returns the entries that are currently readable.
fn readable(path: &Path, contents: &Contents) -> Vec<Address> {
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return Vec::new();
    };
    let is_found = |address: &&Address| {
        let lookup = backend.lookup(address, NOW);
        matches!(lookup, Ok(Lookup::Hit(..) | Lookup::Stale(_)))
    };
    contents.keys().filter(is_found).cloned().collect()
}

/// Reports whether a value is still in the file, since SQLite overwrites removed ones. A value that
/// a damaged page order hides is not gone.
fn is_in_file(path: &Path, value: &[u8]) -> bool {
    let database = Connection::open(path).expect("the store");
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let blocked = database.query_row(checkpoint, (), |row| row.get(0));
    assert_eq!(blocked, Ok(0), "no other connection is open");
    let file = fs::read(path).expect("the store");
    file.windows(value.len()).any(|bytes| bytes == value)
}

/// Removes the entries of a filter; records others that are gone, and those that should be.
fn remove(path: &Path, contents: &Contents, filter: &Filter, bit: usize, wrong: &mut Wrong) {
    let before = readable(path, contents);
    let Ok(backend) = SqliteBackend::open(path, Access::Write) else {
        return;
    };
    let removed = backend.remove(&filter.clone().into(), NOW, &mut no_progress);
    drop(backend);
    let after = readable(path, contents);
    for address in &before {
        let (written, value) = &contents[address];
        let is_meant = filter.matches(written, NOW);
        if !is_meant && !after.contains(address) && !is_in_file(path, value) {
            wrong.add("remove", bit, || {
                format!("{filter:?} removes {address}: {removed:?}")
            });
        }
    }
}

/// Makes the entries of a filter expire; records others that changed.
fn touch(path: &Path, contents: &Contents, filter: &Filter, bit: usize, wrong: &mut Wrong) {
    let before = readable(path, contents);
    let Ok(backend) = SqliteBackend::open(path, Access::Write) else {
        return;
    };
    let touch = Touch {
        expires_at: Some(Some(hours(-2))),
        policy: None,
    };
    let touched = backend.touch(&filter.clone().into(), touch, NOW, &mut no_progress);
    drop(backend);
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return;
    };
    for address in &before {
        let written = &contents[address].0;
        let (Ok(Lookup::Hit(entry, _)) | Ok(Lookup::Stale(entry))) = backend.lookup(address, NOW)
        else {
            continue;
        };
        let is_meant = filter.matches(written, NOW);
        if !is_meant && !is_as_written(&entry, written) {
            wrong.add("touch", bit, || {
                format!("{filter:?} touches {address}: {touched:?}")
            });
        }
    }
}

/// The state of the file after a check.
enum Left {
    Alone,
    Changed,
}

/// Flips each selected bit, and runs `check` on the result.
fn flip_all(
    more: usize,
    bits_of: impl Fn(&[u8]) -> Vec<usize>,
    check: impl Fn(&Path, &Contents, usize, &mut Wrong) -> Left + Sync,
) {
    let flips = std::sync::atomic::AtomicUsize::new(0);
    let mut wrong = Wrong::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (check, bits_of, flips) = (&check, &bits_of, &flips);
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path = folder.path().join("store.db");
                let contents = build(&path, more);
                let bits = bits_of(&fs::read(&path).expect("the store"));
                scope.spawn(move || {
                    let _folder = folder;
                    let flipped = Flipped::new(&path);
                    let mut wrong = Wrong::default();
                    for bit in bits.into_iter().skip(thread).step_by(2) {
                        flipped.flip(bit);
                        match check(&path, &contents, bit, &mut wrong) {
                            Left::Alone => flipped.unflip(bit),
                            Left::Changed => flipped.restore(),
                        }
                        flips.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                    wrong
                })
            })
            .collect();
        for thread in threads {
            let found = thread.join().expect("no thread panics");
            wrong.merge(found);
        }
    });
    let flips = flips.into_inner();
    assert!(
        wrong.0.is_empty(),
        "wrong after {flips} flips: {:#?}",
        wrong.0
    );
    assert!(flips > 1000, "only {flips} bits were flipped");
}

#[test]
fn no_flipped_bit_serves_what_was_not_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let contents = build(&path, 0);
    let mut wrong = Wrong::default();
    let fresh = contents.values().filter(|(entry, _)| entry.is_fresh(NOW));
    assert_eq!(read(&path, &contents, 0, &mut wrong), fresh.count());
    assert!(wrong.0.is_empty(), "of a store that is whole: {wrong:#?}");
    let check = |path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong| {
        read(path, contents, bit, wrong);
        Left::Alone
    };
    flip_all(0, |file| bits(file, 1, 11), check);
}

#[test]
fn no_flipped_bit_above_other_pages_serves_what_was_not_written() {
    let of_interior = |file: &[u8]| -> Vec<usize> {
        let pages = pages(file);
        let interior = pages.iter().filter(|page| page.is_interior);
        let used = interior.flat_map(|page| page.used.iter().cloned());
        used.flat_map(|bytes| bytes.start * 8..bytes.end * 8)
            .collect()
    };
    let check = |path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong| {
        read(path, contents, bit, wrong);
        Left::Alone
    };
    flip_all(40, of_interior, check);
}

#[test]
fn no_flipped_bit_removes_or_changes_what_is_not_meant() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let contents = build(&path, 0);
    let beta = filter(&stores()[1]);
    let removed = write(&path).remove(&beta.clone().into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 3);
    for (written, value) in contents.values() {
        let is_there = is_in_file(&path, value);
        assert_eq!(
            is_there,
            !beta.matches(written, NOW),
            "of a store that is whole"
        );
    }
    let flipped_and_changed = |path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong| {
        let filters = filters();
        // Gives neighbouring bits different filters.
        let filter = &filters[(bit / 8 + bit) % filters.len()];
        match bit % 5 {
            0 => touch(path, contents, filter, bit, wrong),
            _ => remove(path, contents, filter, bit, wrong),
        }
        Left::Changed
    };
    flip_all(0, |file| bits(file, 3, 41), flipped_and_changed);
}
