//! Requests to a backend, and its answers.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::sync::Arc;

use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::{Filter, Usage};
use crate::key::Key;
use crate::scope::{Address, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Kind, Value};

/// A value as a backend hands it out or takes it in: in memory, or a name for its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The whole value
    Inline(Vec<u8>),
    /// A value above [`CHUNK_SIZE`] that stays in the store;
    /// [`ContentReader`](super::ContentReader) reads it
    Chunked(Chunked),
}

/// Names a value that is stored in chunks. It is immutable: replacing the entry makes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// The backend's own name for it
    pub id: i64,
    /// Its length in bytes
    pub size: u64,
}

impl Chunked {
    /// Returns the number of its chunks.
    pub fn chunks(&self) -> u64 {
        self.size.div_ceil(CHUNK_SIZE as u64)
    }
}

impl Content {
    /// Returns the value's length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunked(chunked) => chunked.size,
        }
    }
}

/// The result of a look-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// A fresh entry and its verified value
    Hit(Box<Entry>, Content),
    /// An entry that is not fresh: its expiry has passed, or it claims to be from the future
    Stale(Box<Entry>),
    /// An entry whose value or fields fail verification; never served
    Damaged(Address),
    /// A fresh entry of another program whose value has no form here, and why
    Foreign(Box<Entry>, String),
    /// Nothing
    Missing,
}

/// A cached call as its entry is found and recognised.
#[derive(Clone, Copy, Debug)]
pub struct CallIdentity<'a> {
    /// The store
    pub store: &'a Arc<StoreAddress>,
    /// The SHA-256 of the call's preimage, whose hex digits are the entry's key
    pub hash: &'a [u8; 32],
    /// The function
    pub function: &'a Arc<str>,
    /// The scopes it is made in
    pub scopes: &'a Scopes,
    /// The call's preimage
    pub preimage: &'a str,
    /// Length in bytes of the arguments in the preimage, without the closing bracket; the rest is
    /// scopes
    pub arguments_length: usize,
    /// Requests the store's generation together with a result
    pub with_generation: bool,
}

impl<'a> CallIdentity<'a> {
    /// Returns the arguments as JSON text with sorted keys.
    pub fn args(&self) -> Cow<'a, str> {
        if self.preimage.len() == self.arguments_length + 1 {
            Cow::Borrowed(self.preimage)
        } else {
            Cow::Owned([&self.preimage[..self.arguments_length], "]"].concat())
        }
    }

    /// Encodes in one number how the preimage is to be read: the length of its arguments, and which
    /// scopes follow them.
    ///
    /// The preimage alone does not tell. Calls of one function with the same hash and the same
    /// split are the same.
    pub(super) fn split(&self) -> i64 {
        let scopes = self.scopes;
        let is_known = [
            scopes.operator_uri.is_some(),
            scopes.prompt_id.is_some(),
            scopes.jwt_sha256.is_some(),
            scopes.user_id.is_some(),
        ];
        let length = i64::try_from(self.arguments_length).expect("memory is not that large");
        is_known
            .into_iter()
            .fold(length, |split, is_known| split << 1 | i64::from(is_known))
    }

    /// Returns the address of the call's result.
    pub fn address(&self) -> Address {
        Address {
            store: self.store.clone(),
            key: Key::of_hash(self.hash),
        }
    }
}

/// The result of a look-up of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallLookup {
    /// A fresh result of this call, verified
    Hit(CallResult),
    /// An entry whose value or fields fail verification; never served
    Damaged(Address),
    /// A fresh result of another call with the same key, and the function of that call, if recorded
    Other(Option<Arc<str>>),
    /// No fresh result
    Missing,
}

/// The fields of an entry that a hit of a call needs.
#[derive(Clone, Debug, PartialEq)]
pub struct CallResult {
    /// Kind of the value
    pub kind: Kind,
    /// The value
    pub content: Content,
    /// Time at which it expires
    pub expires_at: Option<Timestamp>,
    /// Time that computing it took, in milliseconds
    pub cost_ms: Option<u64>,
    /// The store's generation, no newer than the result, if it was wanted
    pub generation: Option<u64>,
}

/// The condition under which a write takes place.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Always
    Always,
    /// Only if there is no fresh entry
    IfAbsent,
    /// Only if there is a fresh entry with that value ([`Value::equals`])
    IfValue(Value),
}

/// The options of a write, for an entry that has its address already.
#[derive(Clone, Debug, PartialEq)]
pub struct PutOptions {
    /// Condition under which the write takes place
    pub condition: Condition,
    /// Parts of the replaced entry's lifetime that stay
    pub keep: Keep,
}

impl From<Condition> for PutOptions {
    /// Keeps neither policy nor expiry.
    fn from(condition: Condition) -> Self {
        Self {
            condition,
            keep: Keep::default(),
        }
    }
}

impl PutOptions {
    /// Returns the options with which [`WriteBackend::put_call`](super::WriteBackend::put_call)
    /// writes a result, unconditionally.
    ///
    /// A result with an expiry renews policy and expiry, since a TTL means `evict`. One without
    /// names no lifetime and keeps the policy, such as one that `touch` made `persist`.
    pub fn of_call(result: &Entry) -> Self {
        let keep = match result.expires_at {
            Some(_) => Keep::default(),
            None => Keep::POLICY,
        };
        Self {
            condition: Condition::Always,
            keep,
        }
    }
}

/// The parts of an entry's lifetime that an overwrite keeps, because the writer did not name them.
///
/// An expired entry no longer exists for its readers, so no part of its lifetime is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Keeps the policy; an entry that stays `persist` gets no expiry
    pub policy: bool,
    /// Keeps the expiry, or its absence; an entry that becomes `persist` loses it
    pub expiry: bool,
}

impl Keep {
    /// Keeps the policy and renews the expiry.
    pub const POLICY: Self = Self {
        policy: true,
        expiry: false,
    };
    /// Keeps the expiry and renews the policy.
    pub const EXPIRY: Self = Self {
        policy: false,
        expiry: true,
    };
    /// Keeps policy and expiry.
    pub const LIFETIME: Self = Self {
        policy: true,
        expiry: true,
    };

    /// Returns the policy and the expiry of an entry that replaces another one at `now`.
    pub(super) fn lifetime(self, new: Lifespan, old: Lifespan, now: Timestamp) -> Lifespan {
        let (policy, expires_at) = match old {
            (_, Some(expires_at)) if expires_at <= now => return new,
            old if self == Self::LIFETIME => return old,
            (policy, expires_at) => (
                if self.policy { policy } else { new.0 },
                if self.expiry { expires_at } else { new.1 },
            ),
        };
        (policy, expires_at.filter(|_| policy == Policy::Evict))
    }
}

/// A policy, and an expiry.
pub(super) type Lifespan = (Policy, Option<Timestamp>);

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The entry is new
    Created,
    /// An existing entry was replaced
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

/// A record to import: an entry exactly as it was elsewhere, or a store's metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An entry with its times, and its value
    Entry(Box<Entry>, Vec<u8>),
    /// A store's own document, which FiftyOne keeps under the key `__store__`
    Store(StoreRecord),
}

/// A store and its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreRecord {
    /// The store
    pub address: Arc<StoreAddress>,
    /// Its metadata, if it was created with some
    pub metadata: Option<StoreMetadata>,
}

/// Damage to a collection that no entry shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An entry of policy `persist` with an expiry, at which the engine removes it all the same;
    /// its length in bytes
    PersistExpiry(Address, u64),
    /// An index that queries depend on is missing
    MissingIndex(String),
    /// The engine's own check of its pages and indexes found a fault
    Structure(String),
}

/// The entries of a collection that were touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The entries at these addresses, some of which may be gone
    These(BTreeSet<Address>),
    /// Any entries: the engine did not say which
    Any,
    /// The engine has stopped reporting changes
    Unknown,
}

/// A dataset of the database that a store is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Its id, as [`StoreAddress::dataset_id`] has it
    pub id: Arc<str>,
    /// Its name
    pub name: String,
}

/// The value of a store's own document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreMetadata {
    /// Any JSON
    pub value: String,
    /// Time at which the store was created
    pub created_at: Timestamp,
    /// Time of its last change, if there was one
    pub updated_at: Option<Timestamp>,
    /// The document's policy
    pub policy: Policy,
}

impl Record {
    /// Returns the address of the entry, or of the store's own document.
    pub fn address(&self) -> Address {
        match self {
            Self::Entry(entry, _) => entry.address.clone(),
            Self::Store(store) => store.address.document(),
        }
    }

    /// Refuses a record with an invalid name.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Entry(entry, _) => entry.check(),
            Self::Store(store) => store.address.check(),
        }
    }
}

impl StoreMetadata {
    /// Returns the time of its last change, or else of its creation.
    pub fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

/// The treatment of a conflict between an imported record and an existing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The imported one replaces it
    Replace,
    /// The existing one stays
    Keep,
    /// The one that was written later stays
    Newer,
    /// The import fails
    Fail,
}

impl OnConflict {
    /// Reports whether the existing record of an address, written at `old`, stays and the imported
    /// one, written at `new`, is skipped.
    pub(crate) fn keeps(
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

/// The treatment of an existing store that has the new name of a renamed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExistingStore {
    /// The renaming fails
    Fail,
    /// The entries join the existing ones, unless a key is in both stores; of two own documents the
    /// existing one stays
    Merge,
}

/// The extent of an import's transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All or nothing
    Whole,
    /// One transaction per this many records
    Every(usize),
    /// Dry run: nothing stays written, and the outcome of a real import is returned
    Rehearse,
}

/// The outcome of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// New entries
    pub created: u64,
    /// Existing entries that were replaced
    pub replaced: u64,
    /// Existing entries that stay, and stores whose existing metadata stays
    pub kept: u64,
    /// Stores whose metadata was written
    pub stores: u64,
}

impl AddAssign for Imported {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.replaced += other.replaced;
        self.kept += other.kept;
        self.stores += other.stores;
    }
}

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sort {
    /// The backend's own: store by store, oldest first; it streams
    #[default]
    Stored,
    /// The fastest one
    Any,
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

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Smallest, earliest first
    #[default]
    Ascending,
    /// Largest, latest first
    Descending,
}

/// Maximum length of the start of a value that a scan with [`Values::Start`] reads.
pub const START_SIZE: usize = 256;

/// The parts of an entry that a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Metadata only
    Omit,
    /// Metadata, and the first [`START_SIZE`] bytes of values, which are not verified: for previews
    Start,
    /// Metadata and verified values
    Include,
}

/// A request to read entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Filter of the entries
    pub filter: Filter,
    /// Order of the rows
    pub sort: Sort,
    /// Direction of the order
    pub direction: Direction,
    /// Maximum number of rows
    pub limit: Option<u64>,
    /// With or without values
    pub values: Values,
}

impl Scan {
    /// Returns a scan of all entries that `filter` matches, in the backend's own order, without
    /// values.
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
    /// An entry that cannot be read or fails verification
    Damaged(Address),
    /// An entry of another program that cannot be kept elsewhere as it is
    Foreign(Box<Foreign>),
}

/// An entry of another program, with something that an entry of ours cannot have.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// The entry, as far as it can be read
    pub entry: Entry,
    /// The value, where the scan includes values and this one has a form
    pub content: Option<Content>,
    /// The reason why it is foreign, as in `its created_at is no date`
    pub reason: String,
}

/// Rows as they come; no transaction is held between them.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<Row>> + 'a>;

/// The field by which entries are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The collection
    Collection,
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
    /// Returns the name in this dimension of an entry with that store and those scopes.
    pub fn name(self, store: &StoreAddress, scopes: &Scopes) -> Option<Arc<str>> {
        match self {
            Self::Collection => Some(store.collection.clone()),
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
    /// Time of the first creation
    pub oldest: Option<Timestamp>,
    /// Time of the latest write
    pub newest: Option<Timestamp>,
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

/// Large values that no entry names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnnamedValues {
    /// Values being written
    pub staged: Usage,
    /// Values whose writers died
    pub abandoned: Usage,
    /// Replaced values retained for their readers
    pub replaced: Usage,
}

/// Facts about a backend.
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
    /// Large values that no entry names
    pub unnamed: UnnamedValues,
    /// The version of the schema
    pub schema_version: i64,
    /// The newest version of the schema that this release knows
    pub known_schema_version: i64,
    /// Stores, empty ones included
    pub stores: u64,
    /// Entries of all collections
    pub entries: u64,
}
