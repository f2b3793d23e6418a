//! Moving entries from one place to another, exactly as they are: times, hits and scopes included.
//!
//! [`Records`] and [`visit`] read the records of a backend, [`Importer`] writes them to another
//! one, and [`write_record`] to a file, which [`Reader`](crate::interchange::Reader) reads.
//!
//! Weighed for a copy from store to store: one transaction (all or nothing, but it would hold the
//! lock of one store for as long as the other takes to be read), and batches that are read before
//! the lock is taken, each of which stands by itself (chosen: a copy that was stopped is run again,
//! and [`OnConflict::Newer`] leaves existing entries).

mod records;

pub use self::records::{FoundRecord, RecordVisitor, Records, visit};

use std::collections::HashMap;

use crate::backend::{
    Backend, Commit, ImportLog, Imported, OnConflict, OnRefused, Record, no_progress,
};
use crate::error::{Error, Result};
use crate::filter::{Filter, Jobs};
use crate::interchange::{TooLarge, write_entry, write_store};
use crate::scope::Address;
use crate::time::Timestamp;
use crate::transient_job::Job;

/// Reports whether a copy with this `filter` includes the record: the rule of [`Records`], for
/// records of a file.
#[must_use]
pub fn matches(filter: &Filter, record: &Record, now: Timestamp) -> bool {
    match record {
        Record::Entry(entry, value) if filter.jobs == Some(Jobs::Only) => {
            let whatever_it_is = Filter {
                jobs: None,
                ..filter.clone()
            };
            whatever_it_is.matches(entry, now) && Job::of(entry, value).is_some()
        }
        Record::Entry(entry, _) => filter.matches(entry, now),
        Record::Store(store) => filter.matches_document(&store.address, store.policy()),
    }
}

/// Appends a record as one line.
///
/// # Errors
/// Fails like [`write_entry`].
pub fn write_record(record: &Record, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    match record {
        Record::Entry(entry, value) => write_entry(&**entry, value, out),
        Record::Store(store) => {
            write_store(store, out);
            Ok(())
        }
    }
}

/// Writes records to a backend in batches, which it holds in memory until they are large enough.
pub struct Importer<'a> {
    backend: &'a dyn Backend,
    on_conflict: OnConflict,
    on_refused: OnRefused<'a>,
    log: Option<ImportLog<'a>>,
    /// The entries that a rehearsal would have written, and their write times; `None` unless this
    /// is a rehearsal
    rehearsed: Option<HashMap<Address, Timestamp>>,
    batch: Vec<Record>,
    size: usize,
    done: Imported,
}

debug_fields!(Importer<'_> { on_conflict, size, done });

impl<'a> Importer<'a> {
    /// Maximum number of records in a batch.
    const BATCH: usize = 1000;
    /// Maximum number of bytes in the values of a batch, unless a single value is larger.
    const BATCH_SIZE: usize = 4 << 20;

    /// Begins to write to `backend`.
    pub fn new(
        backend: &'a dyn Backend,
        on_conflict: OnConflict,
        on_refused: OnRefused<'a>,
    ) -> Self {
        Self {
            backend,
            on_conflict,
            on_refused,
            log: None,
            rehearsed: None,
            batch: Vec::new(),
            size: 0,
            done: Imported::default(),
        }
    }

    /// Logs all batches as one operation.
    #[doc(hidden)]
    #[must_use]
    pub fn logging(self, log: ImportLog<'a>) -> Self {
        Self {
            log: Some(log),
            ..self
        }
    }

    /// Returns the operation, if it is one.
    #[doc(hidden)]
    #[must_use]
    pub fn log(&self) -> Option<&ImportLog<'a>> {
        self.log.as_ref()
    }

    /// Only counts what would be written.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self {
            rehearsed: Some(HashMap::new()),
            ..self
        }
    }

    /// Takes one more record, and writes a batch if there are enough.
    ///
    /// # Errors
    /// Fails like [`ImportBackend::import`](crate::backend::ImportBackend::import); the batches
    /// before this one are written.
    pub fn add(&mut self, record: Record) -> Result<()> {
        let size = match &record {
            Record::Entry(_, value) => value.len(),
            Record::Store(_) => 0,
        };
        if self.batch.len() >= Self::BATCH || self.size + size > Self::BATCH_SIZE {
            self.flush()?;
        }
        if self.is_repeated(&record)? {
            return Ok(());
        }
        self.size += size;
        self.batch.push(record);
        Ok(())
    }

    /// Writes the buffered batch.
    ///
    /// # Errors
    /// Fails like [`Importer::add`].
    pub fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.size = 0;
        let commit = match self.rehearsed {
            Some(_) => Commit::Rehearse,
            None => Commit::Whole,
        };
        let mut records = batch.into_iter().map(Ok);
        let (on_conflict, on_refused) = (self.on_conflict, &mut *self.on_refused);
        let imported = match &mut self.log {
            Some(log) => self.backend.import_logged(
                &mut records,
                on_conflict,
                commit,
                log,
                on_refused,
                &mut no_progress,
            ),
            None => self.backend.import(
                &mut records,
                on_conflict,
                commit,
                on_refused,
                &mut no_progress,
            ),
        };
        match imported {
            Ok(imported) => {
                self.done += imported;
                Ok(())
            }
            // Includes the batches written before this one.
            Err(Error::Partial {
                mut done,
                perhaps,
                cause,
            }) => {
                done.entries += self.done.created + self.done.replaced;
                Err(Error::Partial {
                    done,
                    perhaps,
                    cause,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the counts of the batches so far.
    #[must_use]
    pub fn done(&self) -> Imported {
        self.done
    }

    /// Counts a record of a rehearsal that comes for the second time: the first was not written.
    fn is_repeated(&mut self, record: &Record) -> Result<bool> {
        let (Some(rehearsed), Record::Entry(entry, _)) = (&mut self.rehearsed, record) else {
            return Ok(false);
        };
        let written_at = entry.written_at();
        let Some(before) = rehearsed.get_mut(&entry.address) else {
            rehearsed.insert(entry.address.clone(), written_at);
            return Ok(false);
        };
        if self
            .on_conflict
            .keeps(|| entry.address.clone(), *before, written_at)?
        {
            self.done.kept += 1
        } else {
            self.done.replaced += 1;
            *before = written_at;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::{StoreMetadata, StoreRecord, StoresBackend as _, fail_at_refused};
    use crate::entry::{Entry, Policy};
    use crate::filter::{DatasetPattern, Pattern};
    use crate::key::Key;
    use crate::scope::StoreAddress;
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
                FoundRecord::Record(record) => record,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn backend_with(records: impl IntoIterator<Item = Record>) -> MemoryBackend {
        let backend = MemoryBackend::new();
        import(&backend, OnConflict::Fail, records);
        backend
    }

    fn import(
        backend: &dyn Backend,
        on_conflict: OnConflict,
        records: impl IntoIterator<Item = Record>,
    ) -> Imported {
        let mut on_refused = fail_at_refused;
        let mut importer = Importer::new(backend, on_conflict, &mut on_refused);
        for record in records {
            importer.add(record).expect("it is written");
        }
        importer.flush().expect("it is written");
        importer.done()
    }

    #[test]
    fn a_copy_is_the_same_and_a_second_one_changes_nothing() {
        let store = StoreAddress::new("s").with_dataset("d");
        let metadata = Record::Store(StoreRecord::new(
            Arc::new(store.clone()),
            Some(StoreMetadata {
                value: "{}".into(),
                created_at: NOW,
                updated_at: None,
                policy: Policy::Persist,
            }),
        ));
        let from = backend_with([metadata, entry(&store, "a", "1"), entry(&store, "b", "2")]);
        let to = MemoryBackend::new();
        for (created, kept, stores) in [(2, 0, (1, 0)), (0, 2, (0, 1))] {
            let done = import(&to, OnConflict::Newer, found(&from, &Filter::default()));
            assert_eq!((done.created, done.kept), (created, kept));
            assert_eq!((done.stores, done.stores_kept), stores);
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
        let metadata = StoreMetadata {
            value: "{}".into(),
            created_at: NOW,
            updated_at: None,
            policy: Policy::Evict,
        };
        let address = Arc::new(StoreAddress::new("s"));
        let store = StoreRecord::new(address.clone(), Some(metadata.clone()));
        let store = Record::Store(store);
        assert!(matches(&whole, &store, NOW));
        assert!(!matches(&narrow, &store, NOW));
        let backend = MemoryBackend::new();
        let set = backend.set_metadata(&address, Some(&metadata));
        set.expect("metadata");
        for (policy, count) in [(Policy::Evict, 1), (Policy::Persist, 0)] {
            let of_policy = Filter {
                policy: Some(policy),
                ..Filter::default()
            };
            assert_eq!(matches(&of_policy, &store, NOW), count == 1);
            let found = Records::new(&backend, &of_policy, NOW).expect("a scan");
            assert_eq!(found.count(), count, "{policy}");
        }
    }

    #[test]
    fn a_refused_record_stops_no_other() {
        let to = MemoryBackend::new();
        let mut refused = Vec::new();
        let mut on_refused = |address: &Address, _| {
            refused.push(address.key.to_string());
            Ok(())
        };
        let mut importer = Importer::new(&to, OnConflict::Replace, &mut on_refused);
        let store = StoreAddress::new("s");
        let nameless = store.clone().with_dataset("");
        for record in [
            entry(&store, "a", "1"),
            entry(&nameless, "b", "2"),
            entry(&store, "c", "3"),
        ] {
            importer.add(record).expect("it is taken");
        }
        importer.flush().expect("it is written");
        assert_eq!(importer.done().created, 2);
        assert_eq!(refused, ["b"]);
    }

    #[test]
    fn a_rehearsal_writes_nothing_and_counts_what_the_real_one_does() {
        let store = StoreAddress::new("s");
        // Some keys come twice, in another batch.
        let keys: Vec<String> = (0..1500).map(|n| (n % 1400).to_string()).collect();
        let records = || keys.iter().map(|key| entry(&store, key, "1"));
        for on_conflict in [OnConflict::Replace, OnConflict::Keep, OnConflict::Newer] {
            let to = MemoryBackend::new();
            let mut on_refused = fail_at_refused;
            let mut rehearsal = Importer::new(&to, on_conflict, &mut on_refused).rehearsing();
            for record in records() {
                rehearsal.add(record).expect("it is taken");
            }
            rehearsal.flush().expect("it is counted");
            let rehearsed = rehearsal.done();
            assert!(found(&to, &Filter::default()).is_empty());
            assert_eq!(
                rehearsed,
                import(&to, on_conflict, records()),
                "{on_conflict:?}"
            );
        }
        let to = MemoryBackend::new();
        let mut on_refused = fail_at_refused;
        let mut rehearsal = Importer::new(&to, OnConflict::Fail, &mut on_refused).rehearsing();
        let mut added = records().map(|record| rehearsal.add(record));
        assert!(added.any(|added| matches!(added, Err(Error::Conflict { .. }))));
    }
}
