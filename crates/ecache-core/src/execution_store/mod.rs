//! FiftyOne's `ExecutionStore` on any backend: keys and values that last, for one dataset or for
//! none.
//!
//! Follows FiftyOne's vocabulary and rules, with these defects fixed:
//!
//! | FiftyOne | here |
//! |---|---|
//! | an expired entry is served until MongoDB's monitor next runs | an entry is gone for readers when its time is over |
//! | overwriting does not renew the expiry | it renews the expiry and keeps the policy |
//! | `update_ttl` leaves the policy `persist` | a TTL makes an entry `evict`, `persist` takes its expiry away |
//! | a stored `None` cannot be distinguished from a miss | `get` gives `Some` of a JSON `null` |
//! | an entry can take the key `__store__`, and with it the store's metadata | the key is refused |
//!
//! FiftyOne's methods, of `ExecutionStore` and of `ExecutionStoreService`, one by one:
//!
//! | FiftyOne | here |
//! |---|---|
//! | `get`, `has`, `delete`, `list_keys`, `count_keys` | the same; expired entries are absent |
//! | `set`, `set_cache`, `set_if_absent` | the same; a `policy` is named with [`SetOptions`] |
//! | `compare_and_set` | the same, Python's `==` included; `persist` takes the expiry away |
//! | `get_metadata(key)` | [`ExecutionStore::get_entry`] |
//! | `update_ttl` | also without a TTL, and it makes the entry `evict` |
//! | `update_policy` | the same as documented; it raises `AttributeError` in FiftyOne 1.22.1 |
//! | `clear`, `clear_cache`, `delete_store`, `cleanup` | the same; they return the usage of the removed entries |
//! | `create_store`, `get_store` | [`ExecutionStores::create_store`], which returns `false` where FiftyOne raises; [`ExecutionStore::metadata`] |
//! | `has_store`, `list_stores`, `count_stores`, and with `_global` | the same, in [`ExecutionStores`] |
//! | `subscribe`, `unsubscribe` | [`ExecutionStore::subscribe`], and dropping what it returns |
//! | `ExecutionStore.create(default_policy)` | missing: each write names its policy |
//!
//! Reading does not record a hit; a caller that used the value does so with
//! [`Log::append`](crate::usage::Log::append).

mod options;
mod stores;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use self::options::expiry;
use crate::backend::{
    Backend, Condition, Expiry, Keep, Lookup, Put, PutOptions, Row, Rows, Scan, StoreMetadata,
    Touch, no_progress, read_value,
};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::{Filter, Freshness, Pattern, Usage};
use crate::key::Key;
use crate::python_json::Json;
use crate::scope::{Address, StoreAddress};
use crate::time::{Clock, Timestamp, whole_millis};
use crate::value::Value;

pub use crate::scope::STORE_KEY;
pub use options::{Lifetime, SetOptions};
pub use stores::ExecutionStores;
pub use subscription::{Change, POLL_INTERVAL, Subscription};

/// Maximum number of attempts to read a large value that is replaced in the meantime.
const READ_ATTEMPTS: usize = 3;

/// One execution store: a name, within a collection, for one dataset or for none.
///
/// Its methods fail with [`Error::ReservedKey`] where they are given the key [`STORE_KEY`], with
/// [`Error::TtlTooShort`] where a TTL is less than a millisecond, and with the backend's error
/// where it cannot be read or written, such as [`Error::Busy`], [`Error::Full`],
/// [`Error::Damaged`] or [`Error::Unreachable`].
///
/// ```
/// # use ecache_core::backend::sqlite::{Access, SqliteBackend};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use ecache_core::execution_store::ExecutionStore;
/// use ecache_core::key::Key;
/// use ecache_core::scope::StoreAddress;
/// use ecache_core::time::{ManualClock, Timestamp};
/// use ecache_core::value::Value;
///
/// # let folder = tempfile::tempdir()?;
/// # let backend = Arc::new(SqliteBackend::open(&folder.path().join("store.db"), Access::Write)?);
/// let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_415_570_948)));
/// let store = ExecutionStore::new(backend, clock.clone(), StoreAddress::new("thumbnails"));
/// let key = Key::new("cat.jpg")?;
///
/// store.set(&key, &Value::json("null")?, Some(Duration::from_secs(60)))?;
/// assert_eq!(store.get(&key)?, Some(Value::json("null")?));
///
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(store.get(&key)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ExecutionStore {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    address: Arc<StoreAddress>,
}

debug_fields!(ExecutionStore { address });

impl ExecutionStore {
    /// Returns the store at `address`, which exists from its first entry or its metadata on.
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, address: StoreAddress) -> Self {
        Self {
            backend,
            clock,
            address: Arc::new(address),
        }
    }

    /// Returns its collection, name and dataset.
    #[must_use]
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// Reads a value into memory; `None` if there is no fresh entry.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`] if the value differs from the one written, and
    /// [`Error::ForeignValue`] if another program wrote one that has no form here.
    pub fn get(&self, key: &Key) -> Result<Option<Value>> {
        let address = self.entry(key)?;
        for _ in 0..READ_ATTEMPTS {
            match self.backend.lookup(&address, self.clock.now())? {
                Lookup::Hit(entry, content) => {
                    match read_value(&*self.backend, entry.kind, content) {
                        Err(Error::Replaced) => {}
                        value => return value.map(Some),
                    }
                }
                Lookup::Stale(_) | Lookup::Missing => return Ok(None),
                Lookup::Damaged(address) => return Err(damaged(address)),
                Lookup::Foreign(entry, reason) => {
                    return Err(Error::foreign(entry.address, reason));
                }
            }
        }
        Err(Error::Replaced)
    }

    /// Reads everything known of a fresh entry but its value, which may be damaged; FiftyOne's
    /// `get_metadata`.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`] if its metadata cannot be read.
    pub fn get_entry(&self, key: &Key) -> Result<Option<Entry>> {
        let filter = fresh(self.one(key)?);
        let mut rows = self.rows(filter)?;
        rows.next().map(entry_of).transpose()
    }

    /// Reports whether there is a fresh entry, without checking that its value is intact.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says.
    pub fn has(&self, key: &Key) -> Result<bool> {
        let filter = fresh(self.one(key)?);
        Ok(self.usage(filter)?.entries > 0)
    }

    /// Writes a value that expires after a TTL and is of policy `evict`, or, without one, never
    /// expires and is of policy `persist`. An overwrite without a TTL keeps the policy.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and as [`ExecutionStore::set_with`].
    pub fn set(&self, key: &Key, value: &Value, ttl: Option<Duration>) -> Result<()> {
        let options = SetOptions::unnamed(ttl, Lifetime::Persist, Keep::POLICY);
        self.set_with(key, value, &options, &Condition::Always)?;
        Ok(())
    }

    /// Writes a value of policy `evict`: [`ExecutionStore::clear_cache`] removes it. An overwrite
    /// without a TTL keeps the policy, as FiftyOne's does.
    ///
    /// # Errors
    /// As [`ExecutionStore::set`].
    pub fn set_cache(&self, key: &Key, value: &Value, ttl: Option<Duration>) -> Result<()> {
        let options = SetOptions::unnamed(ttl, Lifetime::Evict, Keep::POLICY);
        self.set_with(key, value, &options, &Condition::Always)?;
        Ok(())
    }

    /// As [`ExecutionStore::set`], unless there is a fresh entry; returns whether it was written.
    ///
    /// # Errors
    /// As [`ExecutionStore::set`].
    pub fn set_if_absent(&self, key: &Key, value: &Value, ttl: Option<Duration>) -> Result<bool> {
        let lifetime = Lifetime::from_ttl(ttl, Lifetime::Persist);
        let put = self.set_with(key, value, &lifetime.into(), &Condition::IfAbsent)?;
        Ok(put != Put::Refused)
    }

    /// As [`ExecutionStore::set`], if the fresh entry's value is `expected`; returns whether it was
    /// written.
    ///
    /// Values are compared by Python's `==` ([`Value::equals`]). Without a TTL and a policy the
    /// entry keeps its own. A TTL makes it `evict`, whatever the policy. A policy alone leaves the
    /// expiry, unless it is `persist`: an entry that is to be kept has none.
    ///
    /// # Errors
    /// As [`ExecutionStore::set`]. A damaged value differs from any.
    pub fn compare_and_set(
        &self,
        key: &Key,
        expected: Value,
        value: &Value,
        ttl: Option<Duration>,
        policy: Option<Policy>,
    ) -> Result<bool> {
        let (lifetime, keep) = match policy {
            Some(Policy::Persist) => (Lifetime::Persist, Keep::EXPIRY),
            Some(Policy::Evict) => (Lifetime::Evict, Keep::EXPIRY),
            None => (Lifetime::Persist, Keep::LIFETIME),
        };
        let options = SetOptions::unnamed(ttl, lifetime, keep);
        let put = self.set_with(key, value, &options, &Condition::IfValue(expected))?;
        Ok(put != Put::Refused)
    }

    /// Writes a value with everything that can be known of it, if `condition` holds.
    ///
    /// An overwritten entry keeps its `created_at`, its hits and what [`SetOptions::keep`] says;
    /// nothing else of it stays.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and with [`Error::Name`] if a name of the entry is empty
    /// or too long, [`Error::OverLimit`] if a limit does not let it in, [`Error::TooLarge`] and
    /// [`Error::Unrepresentable`] if the backend has no form for the value, and [`Error::Replaced`]
    /// if writing a large value takes longer than a day.
    pub fn set_with(
        &self,
        key: &Key,
        value: &Value,
        options: &SetOptions,
        condition: &Condition,
    ) -> Result<Put> {
        let now = self.clock.now();
        let entry = Entry {
            policy: options.lifetime.policy(),
            expires_at: options.lifetime.expires_at(now)?,
            scopes: options.scopes.clone(),
            function: options.function.clone(),
            args: options.args.clone(),
            cost_ms: options.cost.map(whole_millis),
            ..Entry::new(self.entry(key)?, value.kind, now)
        };
        let content = self.backend.stage(&mut value.bytes.as_slice(), now)?;
        let options = PutOptions {
            condition: condition.clone(),
            keep: options.keep,
            expiry: match entry.expires_at {
                Some(_) => Expiry::Named,
                None => Expiry::Default,
            },
        };
        self.backend.put(&entry, &content, &options, now)
    }

    /// Gives a fresh entry that TTL from now on, which makes it `evict`, or with `None` takes its
    /// expiry away and leaves its policy; returns whether there was one.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and in a file with [`Error::DamagedLeft`] if the entry is
    /// damaged.
    pub fn update_ttl(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        let now = self.clock.now();
        let expires_at = ttl.map(|ttl| expiry(ttl, now)).transpose()?;
        let touch = Touch {
            expires_at: Some(expires_at),
            policy: expires_at.map(|_| Policy::Evict),
        };
        self.touch(key, touch, now)
    }

    /// Changes the policy of a fresh entry; returns whether there was one.
    ///
    /// `persist` takes its expiry away: FiftyOne's rule is that a TTL always means `evict`, so an
    /// entry that is to be kept has none.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and in a file with [`Error::DamagedLeft`] if the entry is
    /// damaged.
    pub fn update_policy(&self, key: &Key, policy: Policy) -> Result<bool> {
        let touch = Touch {
            expires_at: match policy {
                Policy::Persist => Some(None),
                Policy::Evict => None,
            },
            policy: Some(policy),
        };
        self.touch(key, touch, self.clock.now())
    }

    /// Removes an entry, whatever its policy; returns whether there was one, fresh or not.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says. A damaged entry is removed like any other.
    pub fn delete(&self, key: &Key) -> Result<bool> {
        let usage = remove(&*self.backend, self.one(key)?, self.clock.now())?;
        Ok(usage.entries > 0)
    }

    /// Removes the whole store: all entries, whatever their policy, and its metadata.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and with [`Error::DamagedLeft`] if an entry is so damaged
    /// that its store is unknown; the other entries are removed then.
    pub fn clear(&self) -> Result<Usage> {
        let all = Filter::store(&self.address);
        stores::delete(&*self.backend, &all, "clear", self.clock.now())
    }

    /// Removes the entries that are of policy `evict` or expire, fresh or not, and the metadata if
    /// it is of that policy.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and with [`Error::DamagedLeft`] if it is unknown of a
    /// damaged entry whether it is meant; the other entries are removed then.
    pub fn clear_cache(&self) -> Result<Usage> {
        let all = Filter::store(&self.address);
        stores::clear_cache(&*self.backend, &all, self.clock.now())
    }

    /// Returns the keys of the fresh entries, oldest first.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`] if an entry cannot be read.
    pub fn list_keys(&self) -> Result<Vec<Key>> {
        let rows = self.rows(fresh(Filter::store(&self.address)))?;
        rows.map(|row| Ok(entry_of(row)?.address.key)).collect()
    }

    /// Returns the number of fresh entries.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says.
    pub fn count_keys(&self) -> Result<u64> {
        Ok(self.usage(fresh(Filter::store(&self.address)))?.entries)
    }

    /// Returns the store's metadata, if it was created with some.
    ///
    /// # Errors
    /// Fails as [`ExecutionStore`] says, and with [`Error::DamagedEntry`] if the metadata is
    /// damaged, and [`Error::ForeignValue`] if another program wrote some that has no form here.
    pub fn metadata(&self) -> Result<Option<StoreMetadata>> {
        self.backend.document(&self.address)
    }

    /// Sets the store's metadata, which makes the store exist, with policy `persist`; a store that
    /// has metadata keeps its policy.
    ///
    /// # Errors
    /// As [`ExecutionStore::metadata`], which it reads to keep the policy, and with [`Error::Name`]
    /// if a name of the store is empty or too long.
    pub fn set_metadata(&self, value: &Json) -> Result<()> {
        self.set_document(value, Policy::Persist)
    }

    /// Sets the store's metadata; `policy` is that of a document that does not exist yet.
    fn set_document(&self, value: &Json, policy: Policy) -> Result<()> {
        let now = self.clock.now();
        let metadata = match self.metadata()? {
            Some(metadata) => StoreMetadata {
                value: value.dumps(),
                updated_at: Some(now),
                ..metadata
            },
            None => StoreMetadata {
                value: value.dumps(),
                created_at: now,
                updated_at: None,
                policy,
            },
        };
        self.backend.set_metadata(&self.address, Some(&metadata))
    }

    /// Calls `callback` for every change of an entry by any process, from now on until the
    /// subscription is dropped; see [`Subscription`].
    ///
    /// # Errors
    /// If the store cannot be read now. What goes wrong later is given to the callback.
    pub fn subscribe(
        &self,
        callback: impl FnMut(Result<Change>) + Send + 'static,
    ) -> Result<Subscription> {
        self.subscribe_every(POLL_INTERVAL, callback)
    }

    /// Subscribes as [`ExecutionStore::subscribe`] does, but polls at that interval.
    ///
    /// # Errors
    /// As [`ExecutionStore::subscribe`].
    pub fn subscribe_every(
        &self,
        interval: Duration,
        callback: impl FnMut(Result<Change>) + Send + 'static,
    ) -> Result<Subscription> {
        Subscription::start(self.clone(), interval, callback)
    }

    fn entry(&self, key: &Key) -> Result<Address> {
        match key.as_str() {
            STORE_KEY => Err(Error::ReservedKey),
            _ => Ok(Address {
                store: Arc::clone(&self.address),
                key: key.clone(),
            }),
        }
    }

    /// Returns the entry of that key, fresh or not.
    fn one(&self, key: &Key) -> Result<Filter> {
        let address = self.entry(key)?;
        Ok(Filter {
            keys: vec![Pattern::exact(address.key.as_str())],
            ..Filter::store(&self.address)
        })
    }

    fn rows(&self, filter: Filter) -> Result<Rows<'_>> {
        self.backend.scan(&Scan::new(filter), self.clock.now())
    }

    fn usage(&self, filter: Filter) -> Result<Usage> {
        self.backend.usage(&filter.into(), self.clock.now())
    }

    fn touch(&self, key: &Key, touch: Touch, now: Timestamp) -> Result<bool> {
        let filter = fresh(self.one(key)?);
        let touched = self
            .backend
            .touch(&filter.into(), touch, now, &mut no_progress)?;
        Ok(touched.entries > 0)
    }
}

fn fresh(filter: Filter) -> Filter {
    Filter {
        freshness: Some(Freshness::Fresh),
        ..filter
    }
}

fn entry_of(row: Result<Row>) -> Result<Entry> {
    match row? {
        Row::Entry(entry, _) => Ok(*entry),
        Row::Foreign(foreign) => Ok(foreign.entry),
        Row::Damaged(address) => Err(damaged(address)),
    }
}

fn damaged(address: Address) -> Error {
    Error::DamagedEntry {
        address: Box::new(address),
    }
}

fn remove(backend: &dyn Backend, filter: Filter, now: Timestamp) -> Result<Usage> {
    backend.remove(&filter.into(), now, &mut no_progress)
}
