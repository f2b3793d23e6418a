//! The contract between the cache and the storage of its entries.
//!
//! A program opens a [`SqliteBackend`](sqlite::SqliteBackend), a
//! [`MemoryBackend`](memory::MemoryBackend) or, with the feature `mongodb`, a `MongoBackend`, and
//! passes it on as a [`Backend`]. The traits that a backend consists of, and the types that only
//! they use, are the contract of engines. They are not shown here: they are unstable, and for the
//! `ecache` command.
//!
//! A backend stores opaque values under addresses and answers filters. It never reads the clock:
//! `now` is passed in. The tests in `conformance` define the duties of every backend.
//!
//! Designs weighed: a minimal key-value trait with filters evaluated above it (every verb would
//! read the whole store), a query language handed through (each backend would differ in what it
//! understands), and this one: one [`Filter`] type whose [`Filter::matches`] is the definition, and
//! whole verbs in the trait, so that a backend can answer each with one indexed query or one
//! transaction.

mod access;
mod calls;
#[cfg(test)]
mod conformance;
mod effect;
mod import_log;
#[doc(hidden)]
pub mod limit;
mod logged_removal;
mod maintain;
pub mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
mod operation;
pub mod sqlite;
mod stores;
mod types;
mod undo;
mod usage_log;

pub use access::Access;
pub use types::put::{Condition, Keep, Put};
pub use types::record::{
    ForeignDocument, Imported, OnConflict, Record, StoreMetadata, StoreRecord,
};

// The contract of engines. Unstable; for the `ecache` command.
#[doc(hidden)]
pub use self::{
    calls::*,
    effect::Effect,
    import_log::ImportLog,
    maintain::*,
    operation::*,
    stores::*,
    types::{description::*, lookup::*, put::*, record::*, scan::*, spread::*},
    undo::*,
    usage_log::*,
};

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::time::Duration;

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::value::{Kind, Value};

/// Age from which a staged value that no entry names counts as abandoned by a process that died.
const STAGED_FOR: Duration = Duration::from_secs(86_400);

/// Time for which a replaced large value stays readable, unless its space is needed.
const REPLACED_FOR: Duration = Duration::from_secs(60);

/// A callback that is passed the number of entries done, and decides whether to continue.
#[doc(hidden)]
pub type Progress<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Always continues.
#[doc(hidden)]
pub fn no_progress(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A callback for a record that the backend cannot keep, such as a value that has no form there.
///
/// It leaves the record out by returning `Ok`, and ends the import by returning an error.
pub type OnRefused<'a> = &'a mut dyn FnMut(&Address, Error) -> Result<()>;

/// Ends an import at the first record that is refused.
///
/// # Errors
/// Always.
pub fn fail_at_refused(address: &Address, error: Error) -> Result<()> {
    Err(error.of(address))
}

/// Maximum size, in bytes, of a value that is verified whole before any of it is read.
#[doc(hidden)]
pub const WHOLE_SIZE: u64 = 8 << 20;

/// A storage for entries, by use: an engine implements each trait beside the code of its verbs.
///
/// The methods of all of them are those of a `dyn Backend`. A caller that holds an engine's own
/// type imports the traits that it uses. Implementing them is unstable: a release may add methods.
pub trait Backend:
    CallBackend
    + ScanBackend
    + CountBackend
    + UndoBackend
    + LimitBackend
    + CallCountBackend
    + MaintainBackend
    + ForkBackend
    + Send
    + Sync
{
}

impl<T> Backend for T where
    T: CallBackend
        + ScanBackend
        + CountBackend
        + UndoBackend
        + LimitBackend
        + CallCountBackend
        + MaintainBackend
        + ForkBackend
        + Send
        + Sync
{
}

/// Looks up entries.
#[doc(hidden)]
pub trait ReadBackend: ObserveBackend {
    /// Reports whether FiftyOne reads this backend. If so, a call's result is stored only where
    /// FiftyOne looks for it.
    fn is_fiftyones(&self) -> bool {
        false
    }

    /// Looks up one entry and verifies its value.
    ///
    /// # Errors
    /// If the store cannot be read. A damaged entry is reported as [`Lookup::Damaged`].
    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup>;

    /// Looks up an entry like [`ReadBackend::lookup`], for a caller that reads the value once, from
    /// its beginning. A backend need not verify a value above [`WHOLE_SIZE`]: [`ContentReader`]
    /// verifies each chunk as it is read.
    ///
    /// Damage may then be found after part of the value was used. Call [`ReadBackend::lookup`] if
    /// that is unacceptable.
    ///
    /// # Errors
    /// As [`ReadBackend::lookup`].
    fn lookup_unread(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        self.lookup(address, now)
    }

    /// Looks up the first of many entries of any stores, and returns the number of addresses that
    /// are done: at least one, and all of them unless their values exceed [`LOOKUP_SIZE`]. The
    /// caller asks again for the rest.
    ///
    /// The visitor gets the index of an address and what was found, in any order, within a read
    /// transaction if the backend has them: it neither waits nor uses the backend. It ignores
    /// indexes behind those that are done.
    ///
    /// # Errors
    /// If the store cannot be read; some addresses may have been visited before.
    fn visit_many(
        &self,
        addresses: &[Address],
        now: Timestamp,
        visit: &mut dyn FnMut(usize, LookedUp<'_>),
    ) -> Result<usize> {
        let mut size = 0;
        for (index, address) in addresses.iter().enumerate() {
            let found = LookedUp::Other(self.lookup(address, now)?);
            size += found.size();
            visit(index, found);
            if size > LOOKUP_SIZE {
                return Ok(index + 1);
            }
        }
        Ok(addresses.len())
    }

    /// Reads one chunk of a value into `bytes`, replacing its contents, and verifies it.
    ///
    /// # Errors
    /// If the chunk is damaged, or [`Error::Replaced`] if the value was removed, or replaced more
    /// than a minute ago. The contents of `bytes` are unspecified then.
    fn read_chunk(&self, chunked: &Chunked, index: u64, bytes: &mut Vec<u8>) -> Result<()>;
}

/// Reads many entries.
#[doc(hidden)]
pub trait ScanBackend {
    /// Reads entries.
    ///
    /// # Errors
    /// If the store cannot be read, which a row may also report. A damaged entry is reported as
    /// [`Row::Damaged`].
    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>>;

    /// Reads entries as [`ScanBackend::scan`] does, with whole values or none, for a visitor that
    /// needs to own none of them.
    ///
    /// # Errors
    /// As [`ScanBackend::scan`], also after some rows.
    fn visit(&self, scan: &Scan, now: Timestamp, visitor: &mut dyn Visitor) -> Result<()> {
        for row in self.scan(scan, now)? {
            if visitor.row(row?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Counts entries.
#[doc(hidden)]
pub trait CountBackend {
    /// Counts the entries that `selection` matches.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage>;

    /// Groups the entries that `filter` matches, by name, entries without a name first.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn groups(&self, filter: &Filter, by: Dimension, now: Timestamp) -> Result<Vec<Group>> {
        self.groups_with_spread(filter, by, now, &mut Spread::default())
    }

    /// Like [`CountBackend::groups`], and adds every entry to `spread`.
    ///
    /// # Errors
    /// If the store cannot be read. The contents of `spread` are unspecified then.
    fn groups_with_spread(
        &self,
        filter: &Filter,
        by: Dimension,
        now: Timestamp,
        spread: &mut Spread,
    ) -> Result<Vec<Group>>;
}

/// Writes entries.
#[doc(hidden)]
pub trait WriteBackend: ReadBackend {
    /// Stages a value's bytes until a [`WriteBackend::put`] names them.
    ///
    /// Up to [`CHUNK_SIZE`](crate::value::CHUNK_SIZE) they stay in memory. A longer value goes to
    /// the store chunk by chunk, with no lock held in between. [`MaintainBackend::collect_garbage`]
    /// removes a staged value that no entry names after a day, or once its process has died.
    ///
    /// # Errors
    /// [`Error::Replaced`] if reading the value takes longer than a day.
    fn stage(&self, value: &mut dyn Read, now: Timestamp) -> Result<Content>;

    /// Writes an entry. Its size is its content's. An overwrite keeps `created_at` and the recorded
    /// hits of the old entry, and the parts of its lifetime that [`PutOptions::keep`] names;
    /// everything else is the new entry's. A new entry has no hits.
    ///
    /// A staged value belongs to one entry only, and one that is refused or fails to be written is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::Replaced`] if the staged value is no longer there, [`Error::Name`] as
    /// [`Entry::check`] says.
    fn put(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put>;
}

/// Writes many entries as they were elsewhere.
#[doc(hidden)]
pub trait ImportBackend {
    /// Writes records exactly as they are, times and hits included. Passes a record that the
    /// backend cannot keep to `on_refused`, with the reason.
    ///
    /// # Errors
    /// [`Error::Conflict`] on a conflict with [`OnConflict::Fail`], and those of `records` and
    /// `on_refused`.
    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported>;
}

/// Removes and changes the entries of a selection.
#[doc(hidden)]
pub trait ChangeBackend {
    /// Removes the entries that `selection` matches, and returns their number and size.
    ///
    /// On an unchanged store this removes exactly what [`CountBackend::usage`] counts for the same
    /// selection. Large removals are many short transactions; `progress` may stop them in between.
    ///
    /// # Errors
    /// [`Error::DamagedLeft`] if damaged entries may be among those selected,
    /// [`Error::Interrupted`] if `progress` stops it, and others if the store cannot be written.
    /// Entries removed before stay removed.
    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage>;

    /// Changes the lifetime or the policy of the selected entries, and returns their number and
    /// size. `progress` may stop it between two transactions, as in [`ChangeBackend::remove`].
    ///
    /// # Errors
    /// As [`ChangeBackend::remove`].
    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage>;
}

/// Observes the changes of a storage.
#[doc(hidden)]
pub trait ObserveBackend {
    /// Returns a number that grows whenever an entry of the store is replaced or removed, by any
    /// process.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn generation(&self, store: &StoreAddress) -> Result<u64>;

    /// Returns a number that changes whenever entries of the store are removed by anything but
    /// their expiry or a limit, even if none were found. `None` where that is not counted, or
    /// cannot be now: it does not wait for other writers.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn clears(&self, _store: &StoreAddress) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Returns a number that changes whenever anything in the backend may have changed; cheap to
    /// ask for.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn change_token(&self) -> Result<u64>;

    /// Reports whether [`ObserveBackend::change_token`] covers every change. It does not where
    /// other programs write past it.
    fn tells_every_change(&self) -> bool {
        true
    }

    /// Follows the changes of these collections from now on, or of all stores if there are none, by
    /// any process. Returns `None` where the engine does not report them.
    ///
    /// # Errors
    /// If the engine reports changes, and cannot now.
    fn follow(&self, _collections: &[Pattern]) -> Result<Option<Box<dyn ChangeFeed>>> {
        Ok(None)
    }
}

/// Reports which entries were touched.
#[doc(hidden)]
pub trait ChangeFeed: Send {
    /// Returns the entries touched since the last call, as far as they are known by now.
    ///
    /// # Errors
    /// If changes cannot be received at the moment. Those missed meanwhile are reported as
    /// [`Touched::Any`] afterwards.
    fn touched(&mut self) -> Result<Touched>;
}

/// Reads a value of any size, holding one chunk of it at a time.
///
/// Each chunk is verified as it is read, even if the look-up verified it already. If the value is
/// replaced meanwhile, the reader continues with the old one for up to a minute. Errors of the
/// store are wrapped in the `io::Error`: see [`Error::in_io`].
#[doc(hidden)]
pub struct ContentReader<'a> {
    backend: &'a dyn Backend,
    content: Content,
    next_chunk: u64,
    buffer: Vec<u8>,
    position: usize,
}

debug_fields!(ContentReader<'_> { content, position });

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

impl BufRead for ContentReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.buffer.len()
            && let Content::Chunked(chunked) = &self.content
            && self.next_chunk < chunked.chunks()
        {
            let (chunk, buffer) = (self.next_chunk, &mut self.buffer);
            self.position = 0;
            if let Err(error) = self.backend.read_chunk(chunked, chunk, buffer) {
                // Unverified bytes are not handed out.
                buffer.clear();
                return Err(io::Error::other(error));
            }
            self.next_chunk += 1;
        }
        Ok(&self.buffer[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let count = bytes.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

/// Reads a whole value into memory.
///
/// # Errors
/// If a chunk is damaged, or was replaced in the meantime.
#[doc(hidden)]
pub fn read_value(backend: &dyn Backend, kind: Kind, content: Content) -> Result<Value> {
    let bytes = match content {
        Content::Inline(bytes) => bytes,
        Content::Chunked(chunked) => {
            let mut bytes = Vec::with_capacity(usize::try_from(chunked.size).unwrap_or(0));
            let mut chunk = Vec::new();
            for index in 0..chunked.chunks() {
                backend.read_chunk(&chunked, index, &mut chunk)?;
                bytes.extend_from_slice(&chunk);
            }
            bytes
        }
    };
    Ok(Value { kind, bytes })
}
