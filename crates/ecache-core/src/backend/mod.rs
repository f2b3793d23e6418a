//! The contract between the cache and where it keeps its entries.
//!
//! A backend stores opaque values under addresses and answers filters. It never reads the clock: `now` is
//! passed in. What every backend must do is written down as tests in `conformance`.
//!
//! Designs weighed: a minimal key-value trait with filters evaluated above it (every verb would read the
//! whole store), a query language handed through (each backend would differ in what it understands), and
//! this one: one [`Filter`] type whose [`Filter::matches`] is the definition, and whole verbs in the trait, so
//! that a backend can answer each with one indexed query or one transaction.

#[cfg(test)]
mod conformance;
pub mod memory;
pub mod sqlite;

use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Kind, Value};

/// A value as a backend hands it out or takes it in: in memory, or a name for its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The whole value
    Inline(Vec<u8>),
    /// A value above [`CHUNK_SIZE`] that stays in the store; [`ContentReader`] reads it
    Chunked(Chunked),
}

/// Names a value that is kept in chunks. It is immutable: replacing the entry makes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// The backend's own name for it
    pub id: i64,
    /// Its length in bytes
    pub size: u64,
}

impl Chunked {
    /// How many chunks it has.
    pub fn chunks(&self) -> u64 {
        self.size.div_ceil(CHUNK_SIZE as u64)
    }
}

impl Content {
    /// The value's length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunked(chunked) => chunked.size,
        }
    }
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// A fresh entry and its verified value
    Hit(Box<Entry>, Content),
    /// An entry that is not fresh: its expiry has passed, or it claims to be from the future
    Stale(Box<Entry>),
    /// An entry whose value is not what was written; never served
    Damaged(Address),
    /// Nothing
    Missing,
}

/// When a write takes place.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Always
    Always,
    /// Only if there is no fresh entry
    IfAbsent,
    /// Only if there is a fresh entry with that value
    IfValue(Value),
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was no entry
    Created,
    /// There was one, and it is replaced
    Replaced,
    /// The condition did not hold, and nothing was written
    Refused,
}

/// A change of lifetime or policy; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// The new expiry, `Some(None)` for no expiry
    pub expires_at: Option<Option<Timestamp>>,
    /// The new policy
    pub policy: Option<Policy>,
}

/// A hit to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The entry
    pub address: Address,
    /// When it was last hit
    pub used_at: Timestamp,
    /// How many hits are recorded by this
    pub hits: u64,
}

impl Use {
    /// A hit is recorded if the last one that was is older than this: not every hit is a write.
    const RECORD_AFTER: Duration = Duration::from_secs(600);

    /// The record of a hit at `now`, or `None` if one was recorded lately.
    pub fn due(entry: &Entry, now: Timestamp) -> Option<Self> {
        let is_recent = |used: Timestamp| used <= now && now.since(used) < Self::RECORD_AFTER;
        (!entry.last_used_at.is_some_and(is_recent)).then(|| Self {
            address: entry.address.clone(),
            used_at: now,
            hits: 1,
        })
    }
}

/// What is imported: an entry exactly as it was elsewhere, or a store's metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An entry with its times, and its value
    Entry(Box<Entry>, Vec<u8>),
    /// A store's own document, which FiftyOne keeps under the key `__store__`
    Store(StoreRecord),
}

/// A store and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreRecord {
    /// The store
    pub address: Arc<StoreAddress>,
    /// Its metadata, if it was created with some
    pub metadata: Option<StoreMetadata>,
}

/// The value of a store's own document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreMetadata {
    /// Any JSON
    pub value: String,
    /// When the store was created
    pub created_at: Timestamp,
    /// When it was last changed, if it was
    pub updated_at: Option<Timestamp>,
    /// The document's policy
    pub policy: Policy,
}

impl Record {
    /// Refuses what a backend does not keep.
    fn check(&self) -> Result<()> {
        match self {
            Self::Entry(entry, _) => entry.check(),
            Self::Store(store) => store.address.check(),
        }
    }
}

impl StoreMetadata {
    /// When it was last changed.
    pub fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

/// What an import does with an entry, or with a store's metadata, that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The imported one replaces it
    Replace,
    /// It stays
    Keep,
    /// The one that was written later stays
    Newer,
    /// The import fails
    Fail,
}

impl OnConflict {
    /// Whether what is there at an address, written at `old`, stays and what was written at `new` is left out.
    fn keeps(
        self,
        address: impl FnOnce() -> Address,
        old: Timestamp,
        new: Timestamp,
    ) -> Result<bool> {
        match self {
            Self::Replace => Ok(false),
            Self::Keep => Ok(true),
            Self::Newer => Ok(old >= new),
            Self::Fail => Err(Error::Conflict {
                address: Box::new(address()),
                written_at: old,
            }),
        }
    }
}

/// How much an import writes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All or nothing
    Whole,
    /// A transaction for each so many records
    Every(usize),
    /// Everything is done and then undone: what is returned is what an import would do
    Rehearse,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Entries that were not there
    pub created: u64,
    /// Entries that were there and are replaced
    pub replaced: u64,
    /// Entries that were there and stay, and stores whose metadata does
    pub kept: u64,
    /// Stores whose metadata was written
    pub stores: u64,
}

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sort {
    /// The backend's own: store by store, oldest first; it streams
    #[default]
    Stored,
    /// By key
    Key,
    /// By creation
    Created,
    /// By last write
    Updated,
    /// By expiry, those without last
    Expires,
    /// By last use
    Used,
    /// By size
    Size,
    /// By recorded hits
    Hits,
    /// By recorded cost, those without first
    Cost,
}

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Smallest, earliest first
    #[default]
    Ascending,
    /// Largest, latest first
    Descending,
}

/// Whether a scan reads values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Metadata only
    Omit,
    /// Metadata and verified values
    Include,
}

/// A request to read entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Which entries
    pub filter: Filter,
    /// In which order
    pub sort: Sort,
    /// Which way round
    pub direction: Direction,
    /// How many at the most
    pub limit: Option<u64>,
    /// With or without values
    pub values: Values,
}

impl Scan {
    /// All entries that `filter` means, in the backend's own order, without values.
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            sort: Sort::default(),
            direction: Direction::default(),
            limit: None,
            values: Values::Omit,
        }
    }
}

/// One row of a scan.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// An entry, with its value where the scan includes values
    Entry(Box<Entry>, Option<Content>),
    /// An entry that cannot be read, or whose value is not what was written
    Damaged(Address),
}

/// Rows as they come; no transaction is held between them.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<Row>> + 'a>;

/// What entries are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The store's name
    Store,
    /// The dataset
    Dataset,
    /// The user
    User,
    /// The operator
    Operator,
    /// The prompt
    Prompt,
}

impl Dimension {
    /// The name that an entry of that store and those scopes has in it.
    pub fn name(self, store: &StoreAddress, scopes: &Scopes) -> Option<Arc<str>> {
        match self {
            Self::Store => Some(store.store_name.clone()),
            Self::Dataset => store.dataset_id.clone(),
            Self::User => scopes.user_id.clone(),
            Self::Operator => scopes.operator_uri.clone(),
            Self::Prompt => scopes.prompt_id.clone(),
        }
    }
}

/// The entries of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The group's name; `None` for entries that have none
    pub name: Option<Arc<str>>,
    /// All of its entries
    pub usage: Usage,
    /// Those of them that are expired
    pub expired: Usage,
    /// Entries of policy `persist`
    pub persistent: u64,
    /// Recorded hits
    pub hits: u64,
    /// Milliseconds that the recorded hits saved, by the recorded costs
    pub saved_ms: u64,
    /// When the first was created
    pub oldest: Option<Timestamp>,
    /// When the latest was written
    pub newest: Option<Timestamp>,
}

/// What a backend says of itself: name and value, in a fixed order.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The engine, as in `SQLite 3.54.1`
    pub engine: String,
    /// The file, if it is one
    pub path: Option<PathBuf>,
    /// Bytes of the file
    pub file_size: u64,
    /// Bytes of the write-ahead log
    pub wal_size: u64,
    /// Bytes within the file that are free
    pub free_size: u64,
    /// The version of the schema
    pub schema_version: i64,
    /// The newest version of the schema that this release knows
    pub known_schema_version: i64,
    /// Stores, empty ones included
    pub stores: u64,
    /// Entries of all collections
    pub entries: u64,
}

/// A value that was staged but is named by no entry after this long belongs to a process that died.
const STAGED_FOR: Duration = Duration::from_secs(86_400);

/// Told how many entries are done; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Goes on whatever was done.
pub fn no_progress(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Values of this many bytes are enough for one [`Backend::lookup_many`].
pub const LOOKUP_SIZE: usize = 4 << 20;

/// Looks up entries one after the other until their values are enough.
fn lookup_enough(
    addresses: &[Address],
    mut lookup: impl FnMut(&Address) -> Result<Lookup>,
) -> Result<Vec<Lookup>> {
    let mut lookups = Vec::new();
    let mut size = 0;
    for address in addresses {
        let found = lookup(address)?;
        if let Lookup::Hit(_, Content::Inline(value)) = &found {
            size += value.len();
        }
        lookups.push(found);
        if size > LOOKUP_SIZE {
            break;
        }
    }
    Ok(lookups)
}

/// Where entries are kept.
pub trait Backend: Send + Sync {
    /// Looks up one entry and verifies its value.
    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup>;

    /// Looks up the first of many entries of any stores, in the order of `addresses`, as of one moment.
    ///
    /// As many as there are, but no more than the one with which their values exceed [`LOOKUP_SIZE`]: at least
    /// one. Whoever wants the others asks again.
    fn lookup_many(&self, addresses: &[Address], now: Timestamp) -> Result<Vec<Lookup>>;

    /// Keeps a value's bytes apart from any entry until a [`Backend::put`] names them.
    ///
    /// Up to [`CHUNK_SIZE`] they stay in memory. A longer value goes to the store chunk by chunk, without
    /// a lock in between; what no entry names within a day is removed by [`Backend::collect_garbage`].
    ///
    /// # Errors
    /// [`Error::Replaced`] if a day passed while it was read.
    fn stage(&self, value: &mut dyn Read, now: Timestamp) -> Result<Content>;

    /// Reads one chunk of a value and verifies it.
    fn read_chunk(&self, chunked: &Chunked, index: u64) -> Result<Vec<u8>>;

    /// Writes an entry. Its size is its content's; replacing one keeps `created_at` and the recorded hits
    /// of the old, and takes everything else from the new: lifetime and policy are renewed. A new one
    /// has no hits.
    ///
    /// A staged value belongs to one entry only, and one that is refused or fails to be written is dropped.
    ///
    /// # Errors
    /// [`Error::Replaced`] if the staged value is no longer there, [`Error::Name`] as [`Entry::check`] says.
    fn put(
        &self,
        entry: &Entry,
        content: &Content,
        condition: &Condition,
        now: Timestamp,
    ) -> Result<Put>;

    /// Writes records exactly as they are, times and hits included.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is told to fail then, [`Error::Name`] as [`Entry::check`] says.
    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        progress: Progress<'_>,
    ) -> Result<Imported>;

    /// Reads entries.
    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>>;

    /// Counts the entries that `selection` means.
    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage>;

    /// Removes the entries that `selection` means, and returns how many and how large they were.
    ///
    /// On an unchanged store this removes exactly what [`Backend::usage`] counts for the same selection. Large
    /// removals are many short transactions; `progress` may stop them in between.
    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage>;

    /// Changes lifetime or policy of the entries that `selection` means.
    fn touch(&self, selection: &Selection, touch: Touch, now: Timestamp) -> Result<Usage>;

    /// Records hits; those of entries that are gone are dropped.
    ///
    /// Does not wait long for other writers: it fails with [`Error::Busy`] then, and
    /// may be tried again.
    fn record_uses(&self, uses: &[Use]) -> Result<()>;

    /// The stores that have entries or metadata, by collection, name and dataset.
    fn stores(&self) -> Result<Vec<StoreRecord>>;

    /// Sets a store's metadata, which makes it exist, or removes it.
    ///
    /// # Errors
    /// [`Error::Name`] as [`StoreAddress::check`] says.
    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()>;

    /// Groups what `filter` means, by name, entries without a name first.
    fn groups(&self, filter: &Filter, by: Dimension, now: Timestamp) -> Result<Vec<Group>>;

    /// The names that a dimension has anywhere in the backend, in order; it may have some whose entries are
    /// gone.
    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>>;

    /// A number that grows whenever an entry of the store is replaced or removed, by any process.
    fn generation(&self, store: &StoreAddress) -> Result<u64>;

    /// A number that changes whenever anything in the backend may have changed; cheap to ask for.
    fn change_token(&self) -> Result<u64>;

    /// Removes what no entry names any more: values that were staged more than a day ago, as by processes
    /// that were killed, and names.
    ///
    /// One short transaction, which need not succeed for anything else to be right.
    fn collect_garbage(&self, now: Timestamp) -> Result<()>;

    /// Collects garbage, and gives free space back to the file system.
    fn compact(&self, now: Timestamp) -> Result<()>;

    /// Facts about the backend.
    fn describe(&self) -> Result<Description>;
}

/// Reads a value whatever its size, holding one chunk of it at a time.
///
/// The chunks were verified when they were looked up; each is verified again as it is read. What the store says
/// then is within the `io::Error`: see [`Error::in_io`].
pub struct ContentReader<'a> {
    backend: &'a dyn Backend,
    content: Content,
    next_chunk: u64,
    buffer: Vec<u8>,
    position: usize,
}

impl<'a> ContentReader<'a> {
    /// Reads `content`, which `backend` handed out.
    pub fn new(backend: &'a dyn Backend, content: Content) -> Self {
        let (buffer, content) = match content {
            Content::Inline(bytes) => (bytes, Content::Inline(Vec::new())),
            chunked => (Vec::new(), chunked),
        };
        Self {
            backend,
            content,
            next_chunk: 0,
            buffer,
            position: 0,
        }
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        if self.position == self.buffer.len()
            && let Content::Chunked(chunked) = &self.content
            && self.next_chunk < chunked.chunks()
        {
            self.buffer = self
                .backend
                .read_chunk(chunked, self.next_chunk)
                .map_err(std::io::Error::other)?;
            self.next_chunk += 1;
            self.position = 0;
        }
        let count = target.len().min(self.buffer.len() - self.position);
        target[..count].copy_from_slice(&self.buffer[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}

/// Reads a whole value into memory.
///
/// # Errors
/// If a chunk is damaged, or was replaced in the meantime.
pub fn read_value(backend: &dyn Backend, kind: Kind, content: Content) -> Result<Value> {
    let bytes = match content {
        Content::Inline(bytes) => bytes,
        Content::Chunked(chunked) => {
            let mut bytes = Vec::new();
            for index in 0..chunked.chunks() {
                bytes.extend_from_slice(&backend.read_chunk(&chunked, index)?);
            }
            bytes
        }
    };
    Ok(Value { kind, bytes })
}

impl Group {
    /// Adds another group's entries to this one's, whose name it keeps.
    pub fn merge(&mut self, other: Self) {
        self.usage += other.usage;
        self.expired += other.expired;
        self.persistent += other.persistent;
        self.hits = self.hits.saturating_add(other.hits);
        self.saved_ms = self.saved_ms.saturating_add(other.saved_ms);
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
        self.newest = self.newest.into_iter().chain(other.newest).max();
    }
}
