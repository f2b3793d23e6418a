//! Moving entries from one place to another, exactly as they are: times, hits and scopes included.
//!
//! [`Records`] is what a backend has to give, [`Importer`] writes what comes to another one, and
//! [`write_record`] to a file, which [`Reader`](crate::interchange::Reader) reads.
//!
//! Weighed for a copy from store to store: one transaction (all or nothing, but it would hold the lock of one
//! store for as long as the other takes to be read), and batches that are read before the lock is taken, each of
//! which stands by itself (chosen: a copy that was stopped is run again, and
//! [`OnConflict::Newer`] leaves what is there already).

use std::collections::HashMap;
use std::sync::Arc;
use std::vec;

use crate::backend::{
    Backend, Commit, Imported, OnConflict, Record, Row, Rows, Scan, StoreRecord, Values,
    no_progress, read_value,
};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::interchange::{TooLarge, check_size, write_entry, write_store};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Something that a backend has to give.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// An entry with its value, or the metadata of a store
    Record(Record),
    /// An entry whose value is not what was written
    Damaged(Address),
    /// An entry that is too large to be held in memory or written as a line; its length in bytes
    TooLarge(Address, u64),
}

/// What a filter means in a backend: the metadata of stores, then entries with their values.
///
/// Metadata goes along if the filter names nothing but stores and datasets. One value at a time is in memory.
///
/// ```
/// use ecache_core::backend::Backend;
/// use ecache_core::backend::memory::MemoryBackend;
/// use ecache_core::filter::Filter;
/// use ecache_core::time::Timestamp;
/// use ecache_core::transfer::Records;
///
/// let backend = MemoryBackend::new();
/// let now = Timestamp::from_millis(1_795_415_570_948);
/// assert_eq!(Records::new(&backend, &Filter::default(), now)?.count(), 0);
/// # Ok::<(), ecache_core::error::Error>(())
/// ```
pub struct Records<'a> {
    backend: &'a dyn Backend,
    stores: vec::IntoIter<StoreRecord>,
    rows: Rows<'a>,
}

impl<'a> Records<'a> {
    /// Begins to read what `filter` means at `now`.
    ///
    /// # Errors
    /// Those of [`Backend::stores`] and [`Backend::scan`].
    pub fn new(backend: &'a dyn Backend, filter: &Filter, now: Timestamp) -> Result<Self> {
        let mut stores = Vec::new();
        if names_whole_stores(filter) {
            stores = backend.stores()?;
            stores.retain(|store| store.metadata.is_some() && filter.matches_store(&store.address));
        }
        let scan = Scan {
            values: Values::Include,
            ..Scan::new(filter.clone())
        };
        Ok(Self {
            backend,
            stores: stores.into_iter(),
            rows: backend.scan(&scan, now)?,
        })
    }

    fn found(&self, row: Row) -> Result<Option<Found>> {
        Ok(match row {
            Row::Entry(entry, Some(content)) => Some(match check_size(&entry) {
                Ok(()) => {
                    let value = read_value(self.backend, entry.kind, content)?;
                    Found::Record(Record::Entry(entry, value.bytes))
                }
                Err(TooLarge { address, size }) => Found::TooLarge(address, size),
            }),
            Row::Entry(_, None) => None,
            Row::Damaged(address) => Some(Found::Damaged(address)),
        })
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(store) = self.stores.next() {
            return Some(Ok(Found::Record(Record::Store(store))));
        }
        loop {
            let row = self.rows.next()?;
            match row.and_then(|row| self.found(row)) {
                Ok(None) => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Whether the filter names stores and datasets only: then the stores' metadata goes along.
fn names_whole_stores(filter: &Filter) -> bool {
    let stores = Filter {
        collection: filter.collection.clone(),
        stores: filter.stores.clone(),
        datasets: filter.datasets.clone(),
        ..Filter::default()
    };
    *filter == stores
}

/// Whether a copy of what `filter` means takes that record along: as [`Records`] does, for records of a file.
pub fn matches(filter: &Filter, record: &Record, now: Timestamp) -> bool {
    match record {
        Record::Entry(entry, _) => filter.matches(entry, now),
        Record::Store(store) => names_whole_stores(filter) && filter.matches_store(&store.address),
    }
}

/// Appends a record as one line.
///
/// # Errors
/// Those of [`write_entry`].
pub fn write_record(record: &Record, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    match record {
        Record::Entry(entry, value) => write_entry(entry, value, out),
        Record::Store(store) => {
            write_store(store, out);
            Ok(())
        }
    }
}

/// Which dataset the entries of another one go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap {
    datasets: HashMap<Arc<str>, Arc<str>>,
}

impl Remap {
    /// Sends the entries of dataset `from` to dataset `to`. Says whether `from` had no other place to go.
    pub fn insert(&mut self, from: Arc<str>, to: Arc<str>) -> bool {
        self.datasets.insert(from, to).is_none()
    }

    /// The datasets whose entries go elsewhere.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<str>> {
        self.datasets.keys()
    }

    /// Changes a record's dataset. Its key stays: a dataset is no part of it.
    pub fn apply(&self, record: &mut Record) {
        let store = match record {
            Record::Entry(entry, _) => &mut entry.address.store,
            Record::Store(store) => &mut store.address,
        };
        let target = |dataset| self.datasets.get(dataset);
        if let Some(to) = store.dataset_id.as_ref().and_then(target) {
            *store = Arc::new(StoreAddress {
                dataset_id: Some(to.clone()),
                ..(**store).clone()
            });
        }
    }
}

/// What an [`Importer`] did.
#[derive(Debug, Default)]
pub struct Transferred {
    /// What was written, and what stayed
    pub imported: Imported,
    /// What the backend does not take, and why
    pub refused: Vec<(Address, Error)>,
}

/// Writes records to a backend in batches, which it holds in memory until they are large enough.
///
/// A record that the backend does not keep, such as a value that is too large for it, is left out.
pub struct Importer<'a> {
    backend: &'a dyn Backend,
    on_conflict: OnConflict,
    commit: Commit,
    batch: Vec<Record>,
    size: usize,
    done: Transferred,
}

impl<'a> Importer<'a> {
    /// A batch has so many records at the most, or as many as have that many bytes.
    const BATCH: usize = 1000;
    const BATCH_SIZE: usize = 4 << 20;

    /// Begins to write to `backend`.
    pub fn new(backend: &'a dyn Backend, on_conflict: OnConflict) -> Self {
        Self {
            backend,
            on_conflict,
            commit: Commit::Whole,
            batch: Vec::new(),
            size: 0,
            done: Transferred::default(),
        }
    }

    /// Only counts what would be written.
    pub fn rehearsing(self) -> Self {
        Self {
            commit: Commit::Rehearse,
            ..self
        }
    }

    /// Takes one more record, and writes a batch if there are enough.
    ///
    /// # Errors
    /// Those of [`Backend::import`]; the batches before this one are written.
    pub fn add(&mut self, record: Record) -> Result<()> {
        if let Record::Entry(_, value) = &record {
            self.size += value.len();
        }
        self.batch.push(record);
        match self.batch.len() >= Self::BATCH || self.size >= Self::BATCH_SIZE {
            true => self.write(),
            false => Ok(()),
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of [`Importer::add`].
    pub fn finish(mut self) -> Result<Transferred> {
        self.write()?;
        Ok(self.done)
    }

    /// What was done so far, in whole batches.
    pub fn done(&self) -> &Transferred {
        &self.done
    }

    fn write(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.size = 0;
        match self.import(&batch) {
            Err(error) if is_of_one_record(&error) => {
                for record in batch {
                    match self.import(std::slice::from_ref(&record)) {
                        Err(error) if is_of_one_record(&error) => {
                            self.done.refused.push((address(&record), error));
                        }
                        result => result?,
                    }
                }
                Ok(())
            }
            result => result,
        }
    }

    fn import(&mut self, records: &[Record]) -> Result<()> {
        let mut records = records.iter().cloned().map(Ok);
        let (on_conflict, commit) = (self.on_conflict, self.commit);
        let imported = self
            .backend
            .import(&mut records, on_conflict, commit, &mut no_progress)?;
        self.done.imported += imported;
        Ok(())
    }
}

fn address(record: &Record) -> Address {
    match record {
        Record::Entry(entry, _) => entry.address.clone(),
        Record::Store(store) => store.address.document(),
    }
}

/// Whether an error says that the backend does not keep one of the records, and nothing of the others.
fn is_of_one_record(error: &Error) -> bool {
    matches!(
        error,
        Error::TooLarge { .. } | Error::Name { .. } | Error::ReservedKey
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::StoreMetadata;
    use crate::backend::memory::MemoryBackend;
    use crate::entry::{Entry, Policy};
    use crate::filter::{DatasetPattern, Pattern};
    use crate::key::Key;
    use crate::value::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn entry(store: &StoreAddress, key: &str, value: &str) -> Record {
        let address = store.entry(Key::new(key).expect("a valid key"));
        let mut entry = Entry::new(address, Kind::Text, NOW);
        entry.size = value.len() as u64;
        entry.hits = 3;
        Record::Entry(Box::new(entry), value.into())
    }

    fn found(backend: &dyn Backend, filter: &Filter) -> Vec<Record> {
        let records = Records::new(backend, filter, NOW).expect("it is read");
        records
            .map(|found| match found.expect("it is read") {
                Found::Record(record) => record,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn backend_with(records: impl IntoIterator<Item = Record>) -> MemoryBackend {
        let backend = MemoryBackend::new();
        let mut importer = Importer::new(&backend, OnConflict::Fail);
        for record in records {
            importer.add(record).expect("it is written");
        }
        importer.finish().expect("it is written");
        backend
    }

    #[test]
    fn a_copy_is_the_same_and_a_second_one_changes_nothing() {
        let store = StoreAddress::new("s").with_dataset("d");
        let metadata = Record::Store(StoreRecord {
            address: Arc::new(store.clone()),
            metadata: Some(StoreMetadata {
                value: "{}".into(),
                created_at: NOW,
                updated_at: None,
                policy: Policy::Persist,
            }),
        });
        let from = backend_with([metadata, entry(&store, "a", "1"), entry(&store, "b", "2")]);
        let to = MemoryBackend::new();
        for (created, kept) in [(2, 0), (0, 3)] {
            let mut importer = Importer::new(&to, OnConflict::Newer);
            for record in found(&from, &Filter::default()) {
                importer.add(record).expect("it is written");
            }
            let done = importer.finish().expect("it is written").imported;
            assert_eq!((done.created, done.kept), (created, kept));
        }
        assert_eq!(
            found(&to, &Filter::default()),
            found(&from, &Filter::default())
        );
    }

    #[test]
    fn metadata_goes_along_with_whole_stores_only() {
        let whole = Filter {
            datasets: vec![DatasetPattern::Unlinked],
            ..Filter::default()
        };
        let narrow = Filter {
            keys: vec![Pattern::exact("a")],
            ..Filter::default()
        };
        let store = Record::Store(StoreRecord {
            address: Arc::new(StoreAddress::new("s")),
            metadata: None,
        });
        assert!(matches(&whole, &store, NOW));
        assert!(!matches(&narrow, &store, NOW));
    }

    #[test]
    fn what_one_record_is_refused_for_stops_no_other() {
        let to = MemoryBackend::new();
        let mut importer = Importer::new(&to, OnConflict::Replace);
        let store = StoreAddress::new("s");
        let nameless = store.clone().with_dataset("");
        for record in [
            entry(&store, "a", "1"),
            entry(&nameless, "b", "2"),
            entry(&store, "c", "3"),
        ] {
            importer.add(record).expect("it is taken");
        }
        let done = importer.finish().expect("it is written");
        assert_eq!(done.imported.created, 2);
        let refused: Vec<_> = done.refused.iter().map(|(at, _)| at.key.as_str()).collect();
        assert_eq!(refused, ["b"]);
    }

    #[test]
    fn a_rehearsal_writes_nothing() {
        let to = MemoryBackend::new();
        let mut importer = Importer::new(&to, OnConflict::Replace).rehearsing();
        importer
            .add(entry(&StoreAddress::new("s"), "a", "1"))
            .expect("it is taken");
        let done = importer.finish().expect("it is counted");
        assert_eq!(done.imported.created, 1);
        assert!(found(&to, &Filter::default()).is_empty());
    }

    #[test]
    fn a_dataset_is_remapped_and_the_key_stays() {
        let mut remap = Remap::default();
        assert!(remap.insert("old".into(), "new".into()));
        assert!(!remap.insert("old".into(), "other".into()));
        let mut remap = Remap::default();
        remap.insert("old".into(), "new".into());
        let store = StoreAddress::new("s");
        let mut old = entry(&store.clone().with_dataset("old"), "a", "1");
        let mut unlinked = entry(&store, "a", "1");
        remap.apply(&mut old);
        remap.apply(&mut unlinked);
        assert_eq!(old, entry(&store.clone().with_dataset("new"), "a", "1"));
        assert_eq!(unlinked, entry(&store, "a", "1"));
    }
}
