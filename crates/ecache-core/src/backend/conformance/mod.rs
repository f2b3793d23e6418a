//! The contract of [`Backend`] as tests that every backend passes, whatever its storage.
//!
//! A backend's own tests call [`check`] with a way to make an empty one; [`random`] holds two
//! backends, and a backend and [`Filter::matches`](crate::filter::Filter::matches), against each
//! other.

mod call;
mod future;
mod import;
mod large;
mod names;
pub(crate) mod random;
mod remove;
mod rename;
mod scan;
mod stats;
mod stores;
mod write;

use std::ops::{ControlFlow, Deref};
use std::sync::Arc;

use super::memory::MemoryBackend;
use super::sqlite::{Access, SqliteBackend};
use super::{Backend, Condition, Content, Put, Row, Rows, Scan, Values, Visitor};
use crate::entry::{Entry, EntryRef};
use crate::filter::Filter;
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::usage::{EntryUse, UsageBatch};
use crate::value::Kind;

/// One behaviour of an empty backend.
type Behaviour = (&'static str, fn(&dyn Backend));

/// Behaviours of every backend.
pub(crate) const EVERY: &[&[Behaviour]] = &[
    write::BEHAVIOURS,
    future::BEHAVIOURS,
    call::BEHAVIOURS,
    large::BEHAVIOURS,
    import::BEHAVIOURS,
    scan::BEHAVIOURS,
    remove::BEHAVIOURS,
    stores::BEHAVIOURS,
    rename::BEHAVIOURS,
    stats::BEHAVIOURS,
    names::BEHAVIOURS,
];

/// Behaviours of backends without FiftyOne's restrictions: any text names a dataset or a
/// collection, and large values are in chunks.
pub(crate) const UNBOUND: &[&[Behaviour]] = &[large::CHUNKED, names::ANY];

/// Checks behaviours, each on a backend of its own.
pub(crate) fn check<B: Deref<Target: Backend + Sized>>(
    behaviours: &[&[Behaviour]],
    make: impl Fn() -> B,
) {
    for (name, behaviour) in behaviours.iter().copied().flatten() {
        println!("{name}");
        behaviour(&*make());
    }
}

/// Adds hits of entries.
pub(crate) fn record_uses(
    backend: &(impl Backend + ?Sized),
    uses: &[EntryUse],
) -> crate::error::Result<()> {
    let batch = UsageBatch {
        uses: uses.to_vec(),
        ..UsageBatch::default()
    };
    backend.add_usage(&batch, None, NOW).map(drop)
}

/// A SQLite store in a folder of its own, and the folder.
struct TemporarySqlite {
    backend: SqliteBackend,
    _folder: tempfile::TempDir,
}

impl TemporarySqlite {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        Self {
            backend: SqliteBackend::open(&path, Access::Write).expect("a new store"),
            _folder: folder,
        }
    }
}

impl Deref for TemporarySqlite {
    type Target = SqliteBackend;

    fn deref(&self) -> &SqliteBackend {
        &self.backend
    }
}

#[test]
fn memory_keeps_the_contract() {
    let make = || Box::new(MemoryBackend::new());
    check(EVERY, make);
    check(UNBOUND, make);
}

#[test]
fn sqlite_keeps_the_contract() {
    check(EVERY, TemporarySqlite::new);
    check(UNBOUND, TemporarySqlite::new);
}

/// The moment at which the behaviours take place.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);
const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;

/// Two datasets as FiftyOne names them.
const DATASETS: [&str; 2] = ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2df5c682"];

/// Returns the moment that many milliseconds after [`NOW`].
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

fn address(store: &str, key: &str) -> Address {
    StoreAddress::new(store).entry(Key::new(key).expect("a valid key"))
}

/// Returns an entry of bytes, written at [`NOW`].
pub(crate) fn entry(store: &str, key: &str) -> Entry {
    Entry::new(address(store, key), Kind::Bytes, NOW)
}

fn expiring(store: &str, key: &str, expires_at: Timestamp) -> Entry {
    Entry {
        expires_at: Some(expires_at),
        ..entry(store, key)
    }
}

fn name(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

pub(crate) fn inline(bytes: impl Into<Vec<u8>>) -> Content {
    Content::Inline(bytes.into())
}

/// Writes an entry with a value of three bytes.
fn put(backend: &dyn Backend, entry: &Entry) -> Put {
    put_if(backend, entry, &Condition::Always)
}

fn put_if(backend: &dyn Backend, entry: &Entry, condition: &Condition) -> Put {
    backend
        .put(entry, &inline(*b"abc"), &condition.clone().into(), NOW)
        .expect("an entry is written")
}

/// Returns the entries of a scan; none is damaged.
fn entries(rows: Rows<'_>) -> Vec<(Entry, Option<Content>)> {
    let entry = |row| match row {
        Ok(Row::Entry(entry, content)) => (*entry, content),
        other => panic!("not an entry: {other:?}"),
    };
    rows.map(entry).collect()
}

/// Returns the entries of a scan. A visitor gets the same.
pub(crate) fn scan(backend: &dyn Backend, scan: &Scan) -> Vec<(Entry, Option<Content>)> {
    let found = entries(backend.scan(scan, NOW).expect("a scan"));
    let mut collector = Collector(Vec::new());
    let visited = backend.visit(scan, NOW, &mut collector);
    visited.expect("a visit");
    assert_eq!(collector.0, found, "{scan:?}");
    found
}

/// A visitor that keeps what it gets.
struct Collector(Vec<(Entry, Option<Content>)>);

impl Visitor for Collector {
    fn entry(&mut self, entry: &EntryRef<'_>, value: Option<&[u8]>) {
        self.0.push((entry.to_entry(), value.map(inline)));
    }

    fn row(&mut self, row: Row) -> ControlFlow<()> {
        let rows: Rows<'_> = Box::new([Ok(row)].into_iter());
        self.0.extend(entries(rows));
        ControlFlow::Continue(())
    }

    fn end_page(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Returns all entries of a collection, with values.
pub(crate) fn everything(backend: &dyn Backend) -> Vec<(Entry, Option<Content>)> {
    let values = Values::Include;
    let all = Scan::new(Filter::default());
    scan(backend, &Scan { values, ..all })
}

fn keys(entries: &[(Entry, Option<Content>)]) -> Vec<&str> {
    entries
        .iter()
        .map(|(entry, _)| entry.address.key.as_str())
        .collect()
}
