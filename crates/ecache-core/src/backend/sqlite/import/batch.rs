//! One transaction of an import: its records, store by store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::log::Recorder;
use super::seen_keys::SeenKeys;
use crate::backend::sqlite::connection::failure::{SessionError, SessionResult};
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::counters::row_changes;
use crate::backend::sqlite::entry_rows::{self, Existing, Write};
use crate::backend::sqlite::format::encoding::{StoredKey, stored_key};
use crate::backend::sqlite::format::schema;
use crate::backend::sqlite::names::interned::Interned;
use crate::backend::sqlite::names::{self, NameKind, store_rows};
use crate::backend::sqlite::operations::DocumentChange;
use crate::backend::sqlite::stores::{self, OwnDocument, own_document};
use crate::backend::sqlite::{SqliteBackend, blobs};
use crate::backend::{
    Content, Imported, OnConflict, OnRefused, Record, StoreMetadata, StoreRecord,
};
use crate::entry::{Entry, MAX_COUNT};
use crate::error::{Error, Result};
use crate::scope::StoreAddress;
use crate::time::Timestamp;
use crate::value::CHUNK_SIZE;

/// Maximum number of records sorted by store at a time, and bytes of values at which there are
/// enough.
pub(super) const SORTED_AT_ONCE: u64 = 8192;
const SORTED_BYTES: usize = 8 << 20;

/// One transaction of an import, and the ids that are known while it holds the lock.
pub(super) struct ImportBatch<'a, 'b> {
    backend: &'a SqliteBackend,
    transaction: &'a Session,
    on_conflict: OnConflict,
    /// The id of each store, and the last of its entries' ids
    stores: HashMap<Arc<StoreAddress>, (i64, i64)>,
    names: HashMap<(NameKind, Arc<str>), i64>,
    /// Time of the latest write or use among the records: an import is not told the time
    latest: Timestamp,
    /// The entry that was written last. It stays where others make room, as one that is set does,
    /// so that a store in which nothing may go refuses an import.
    last: Option<i64>,
    pub(super) recorder: Option<Recorder<'a, 'b>>,
    /// The keys that were written, while there is no index of them
    pub(super) seen: Option<SeenKeys>,
}

impl<'a, 'b> ImportBatch<'a, 'b> {
    pub(super) fn new(
        backend: &'a SqliteBackend,
        transaction: &'a Session,
        on_conflict: OnConflict,
        recorder: Option<Recorder<'a, 'b>>,
    ) -> Self {
        Self {
            backend,
            transaction,
            on_conflict,
            stores: HashMap::new(),
            names: HashMap::new(),
            latest: Timestamp::from_millis(0),
            last: None,
            recorder,
            seen: None,
        }
    }

    /// Takes up to `most` of the next records, and puts those of a store side by side in their
    /// order. Reports whether there are no more.
    pub(super) fn take(
        &mut self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        most: u64,
        on_refused: OnRefused<'_>,
    ) -> Result<(Vec<Record>, bool)> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        let mut ended = false;
        while (taken.len() as u64) < most && bytes < SORTED_BYTES {
            let Some(record) = records.next() else {
                ended = true;
                break;
            };
            let record = record?;
            if let Err(error) = record.check() {
                on_refused(&record.address(), error)?;
                continue;
            }
            let address = match &record {
                Record::Store(store) => &store.address,
                Record::Entry(entry, value) => {
                    bytes += value.len();
                    &entry.address.store
                }
            };
            // Stores are numbered as they come, so that an export of them has the same order again.
            let store = self
                .store(address)
                .map_err(|error| self.backend.error(error))?;
            taken.push((store.0, record));
        }
        taken.sort_by_key(|(store, _)| *store);
        let taken = taken.into_iter().map(|(_, record)| record).collect();
        Ok((taken, ended))
    }

    pub(super) fn write(
        &mut self,
        record: Record,
        imported: &mut Imported,
        on_refused: OnRefused<'_>,
    ) -> SessionResult<()> {
        match record {
            Record::Store(store) => self.write_metadata(&store, imported),
            Record::Entry(entry, value) => match self.write_entry(&entry, value, imported) {
                Err(SessionError::Other(error @ Error::OverLimit { .. })) => {
                    Ok(on_refused(&entry.address, error)?)
                }
                written => written,
            },
        }
    }

    fn write_metadata(
        &mut self,
        store: &StoreRecord,
        imported: &mut Imported,
    ) -> SessionResult<()> {
        let StoreRecord {
            address, metadata, ..
        } = store;
        let existing = store_rows::metadata_written_at(self.transaction, address)?;
        if let Some(old) = existing {
            let new = metadata.as_ref().map_or(old, StoreMetadata::written_at);
            if self.on_conflict.keeps(|| address.document(), old, new)? {
                imported.stores_kept += 1;
                return Ok(());
            }
        }
        imported.stores += 1;
        let mut change = || -> rusqlite::Result<()> {
            if let Some(recorder) = &mut self.recorder {
                let id = store_rows::intern_store(self.transaction, address)?;
                let old = match own_document(self.transaction, id)? {
                    OwnDocument::Intact(document) => Some(document),
                    OwnDocument::None | OwnDocument::Damaged => None,
                };
                if old != *metadata {
                    recorder.document(DocumentChange {
                        store: StoreAddress::clone(address),
                        old,
                        new: metadata.clone(),
                    });
                }
            }
            store_rows::set_metadata(self.transaction, address, metadata.as_ref())
        };
        Ok(change()?)
    }

    fn write_entry(
        &mut self,
        entry: &Entry,
        value: Vec<u8>,
        imported: &mut Imported,
    ) -> SessionResult<()> {
        let (interned, next) = self.intern(entry)?;
        let next = next.ok_or_else(|| entry_rows::full_store(&entry.address.store))?;
        if self.transaction.has_limits() {
            let footprint = row_changes::footprint_of(entry, value.len() as u64);
            let names = interned.name_ids();
            self.backend
                .check_fits(self.transaction, names, footprint)?;
            let used_at = entry.last_used_at.unwrap_or(entry.written_at());
            self.latest = self.latest.max(entry.written_at()).max(used_at);
        }
        let key = stored_key(entry.address.key.as_str());
        let is_new = self.is_surely_new(interned.store, &key)?;
        let is_large = value.len() > CHUNK_SIZE;
        let content = Content::Inline(value);
        if !is_large && self.insert(Write::InsertNew, next, &interned, entry, &content)? {
            imported.created += 1;
            return self.finish(entry, next, &interned);
        }
        let existing = if is_new {
            None
        } else {
            let now = Timestamp::from_millis(0);
            entry_rows::existing(self.transaction, interned.store, entry, now)?
        };
        if let Some(existing) = &existing {
            let address = || entry.address.clone();
            let (old, new) = (existing.written_at, entry.written_at());
            if self.on_conflict.keeps(address, old, new)? {
                imported.kept += 1;
                return Ok(());
            }
        }
        let content = match content {
            Content::Inline(bytes) if is_large => {
                Content::Chunked(blobs::insert(self.transaction, &bytes)?)
            }
            content => content,
        };
        let id = match existing {
            None => {
                self.insert(Write::Insert, next, &interned, entry, &content)?;
                imported.created += 1;
                next
            }
            Some(existing) => {
                imported.replaced += 1;
                self.replace(&existing, next, &interned, entry, &content)?
            }
        };
        self.finish(entry, id, &interned)
    }

    /// Inserts a row with a new id. Reports whether it did: the key may be there.
    fn insert(
        &mut self,
        how: Write,
        id: i64,
        interned: &Interned,
        entry: &Entry,
        content: &Content,
    ) -> rusqlite::Result<bool> {
        let transaction = self.transaction;
        if entry_rows::write(transaction, how, id, interned, entry, content, None)? == 0 {
            return Ok(false);
        }
        if let Some((_, last)) = self.stores.get_mut(&entry.address.store) {
            *last = id.max(*last);
        }
        if let Some(recorder) = &mut self.recorder {
            let written_at = entry.written_at().as_millis();
            recorder.add(transaction, (id, written_at), content.size())?;
        }
        Ok(true)
    }

    /// Replaces an entry: its row is overwritten, or set aside for undo and followed by a new one,
    /// with the id `next`. Returns the id of the row that has the new value.
    fn replace(
        &mut self,
        existing: &Existing,
        next: i64,
        interned: &Interned,
        entry: &Entry,
        content: &Content,
    ) -> rusqlite::Result<i64> {
        let transaction = self.transaction;
        if let Some(recorder) = &mut self.recorder {
            if recorder.set_aside(transaction, (interned.store, next), existing)? {
                self.insert(Write::Insert, next, interned, entry, content)?;
                return Ok(next);
            }
            let written = (existing.id, entry.written_at().as_millis());
            recorder.overwrite(interned.store, written, content.size());
        }
        entry_rows::replace(transaction, existing, interned, entry, content, None)?;
        entry_rows::forget_uses(transaction, existing.id)?;
        Ok(existing.id)
    }

    /// Writes the hits of an entry beside its row, and the loss if a limit had evicted it.
    fn finish(&mut self, entry: &Entry, id: i64, interned: &Interned) -> SessionResult<()> {
        self.last = Some(id);
        if self.transaction.has_limits() {
            let (backend, transaction) = (self.backend, self.transaction);
            backend.count_loss(transaction, interned.name_ids(), entry, self.latest)?;
        }
        Ok(self.write_uses(entry, id)?)
    }

    /// Makes room for the written entries. Of the replaced ones, which are kept for undo, as many
    /// as possible stay.
    pub(super) fn make_room(&mut self, imported: &mut Imported) -> SessionResult<()> {
        let none = HashSet::new();
        let spared = match &self.recorder {
            Some(recorder) => recorder.all_set_aside(),
            None => &none,
        };
        let (transaction, latest) = (self.transaction, self.latest);
        let gone = self
            .backend
            .make_room(transaction, self.last, spared, latest)?;
        imported.evicted += gone.evicted;
        if let Some(recorder) = &mut self.recorder {
            recorder.add_evicted(gone.kept);
        }
        Ok(())
    }

    /// Reports whether no entry has that key, which is known while there is no index of keys. A key
    /// that may be there makes it necessary.
    fn is_surely_new(&mut self, store: i64, key: &StoredKey<'_>) -> rusqlite::Result<bool> {
        let is_new = match &mut self.seen {
            Some(seen) => seen.insert(store, key),
            None => return Ok(false),
        };
        if !is_new {
            self.index_keys()?;
        }
        Ok(is_new)
    }

    /// Builds the index of keys, unless it is there.
    pub(super) fn index_keys(&mut self) -> rusqlite::Result<()> {
        match self.seen.take() {
            Some(seen) => {
                // Sorting takes the memory.
                drop(seen);
                schema::create_key_index(self.transaction)
            }
            None => Ok(()),
        }
    }

    /// Returns the id of a store, and that of its last entry.
    fn store(&mut self, address: &Arc<StoreAddress>) -> rusqlite::Result<(i64, i64)> {
        if let Some(known) = self.stores.get(address) {
            return Ok(*known);
        }
        let store = store_rows::intern_store(self.transaction, address)?;
        let last = stores::last_id(self.transaction, store)?;
        self.stores.insert(address.clone(), (store, last));
        if let Some(recorder) = &mut self.recorder {
            recorder.begin_store(store, last);
        }
        Ok((store, last))
    }

    /// Returns the ids of an entry's names, and the next free id of its store.
    fn intern(&mut self, entry: &Entry) -> rusqlite::Result<(Interned, Option<i64>)> {
        let store = self.store(&entry.address.store)?;
        let scopes = &entry.scopes;
        let interned = Interned {
            store: store.0,
            user: self.name(NameKind::User, &scopes.user_id)?,
            operator: self.name(NameKind::Operator, &scopes.operator_uri)?,
            prompt: self.name(NameKind::Prompt, &scopes.prompt_id)?,
            function: self.name(NameKind::Function, &entry.function)?,
            split: None,
        };
        let next = entry_rows::id_after(self.transaction, store.0, store.1)?;
        Ok((interned, next))
    }

    fn name(&mut self, kind: NameKind, name: &Option<Arc<str>>) -> rusqlite::Result<Option<i64>> {
        let Some(name) = name else { return Ok(None) };
        if let Some(id) = self.names.get(&(kind, name.clone())) {
            return Ok(Some(*id));
        }
        let id = names::intern_name(self.transaction, kind, name)?;
        self.names.insert((kind, name.clone()), id);
        Ok(Some(id))
    }

    fn write_uses(&self, entry: &Entry, id: i64) -> rusqlite::Result<()> {
        if entry.last_used_at.is_none() && entry.hits == 0 {
            return Ok(());
        }
        let used_at = entry.last_used_at.map(Timestamp::as_millis);
        self.transaction
            .prepare_cached(
                "INSERT INTO uses(entry, last_used_at, hits, saved_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((
                id,
                used_at,
                entry.hits.min(MAX_COUNT),
                entry.saved_ms.min(MAX_COUNT),
            ))?;
        Ok(())
    }
}
