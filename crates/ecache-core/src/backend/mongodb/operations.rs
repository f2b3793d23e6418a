//! The log of operations, in the collection `ecache`: who removed or changed entries, and how.
//!
//! FiftyOne reads the same documents, so a removal stays one: nothing is kept for undo. The record
//! of an operation is inserted before its first change, and its counts follow it batch by batch. A
//! killed operation is therefore in the log, with what it had done by then.

use std::sync::Arc;

use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::change_counters::{self, COLLECTION};
use super::connection::is_duplicate;
use super::value::{date, number, timestamp};
use super::{ATTEMPTS, Changed, MongoBackend, import};
use crate::backend::{
    Cause, ChangeBackend, ChangeOutcome, ChangeReport, Commit, Content, Effect, ImportBackend,
    ImportLog, Imported, KeepForUndo, OnConflict, OnExistingStore, OnRefused, Operation,
    OperationRecord, Progress, Put, PutOptions, Record, RenameBackend, StoresBackend, Touch,
    UndoBackend, UndoState, WriteBackend, no_progress,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::StoreAddress;
use crate::sync::lock;
use crate::time::Timestamp;

/// Maximum number of operations that are kept; the oldest go first.
const MOST: i64 = 10_000;

/// Maximum number of stores that a record names.
const MOST_STORES: usize = 1000;

/// The field of a record's `_id` that has the number of the operation.
const NUMBER: &str = "operation";

/// The effects that the database can have.
const EFFECTS: [Effect; 4] = [
    Effect::Removed,
    Effect::Written,
    Effect::Touched,
    Effect::Renamed,
];

/// The counts of an operation.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    usage: Usage,
    replaced: u64,
    documents: u64,
}

impl UndoBackend for MongoBackend {
    fn logs_operations(&self) -> bool {
        true
    }

    fn remove_for_good(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeReport> {
        let logged = Logged::begin(self, operation, Effect::Removed, now)?;
        logged.run(progress, |backend, progress| {
            let usage = backend.remove(selection, now, progress)?;
            let documents = match documents {
                Some(filter) => backend
                    .remove_documents(filter, now)
                    .map_err(|error| error.after(usage, 0))?,
                None => 0,
            };
            Ok(Counts {
                usage,
                documents,
                ..Counts::default()
            })
        })
    }

    fn touch_logged(
        &self,
        selection: &Selection,
        touch: Touch,
        _keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeOutcome> {
        let logged = Logged::begin(self, operation, Effect::Touched, now)?;
        let touched = logged.run(progress, |backend, progress| {
            let usage = backend.touch(selection, touch, now, progress)?;
            Ok(Counts {
                usage,
                ..Counts::default()
            })
        });
        touched.map(ChangeOutcome::Done)
    }

    fn import_logged(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        log: &mut ImportLog<'_>,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        if commit == Commit::Rehearse {
            return self.import(records, on_conflict, commit, on_refused, progress);
        }
        let logged = Logged::begin(self, &log.operation, Effect::Written, log.now)?;
        let mut sum = Imported::default();
        // The progress of an import counts the records that are read, not those that are written.
        let backend = &logged.recording();
        let imported = import::import(backend, records, on_conflict, commit, on_refused, progress);
        let counts = imported.map(|(imported, bytes)| {
            sum = imported;
            Counts {
                usage: Usage {
                    entries: imported.created + imported.replaced,
                    bytes,
                },
                replaced: imported.replaced,
                documents: imported.stores,
            }
        });
        log.number = logged.finish(counts)?.operation.or(log.number);
        Ok(sum)
    }

    fn put_logged(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        _keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(Put, ChangeReport)> {
        let logged = Logged::begin(self, operation, Effect::Written, now)?;
        let mut put = Put::Refused;
        let report = logged.run(&mut no_progress, |backend, _| {
            put = backend.put(entry, content, options, now)?;
            let count = u64::from(put != Put::Refused);
            Ok(Counts {
                usage: Usage {
                    entries: count,
                    bytes: count * content.size(),
                },
                replaced: u64::from(put == Put::Replaced),
                documents: 0,
            })
        });
        Ok((put, report?))
    }

    fn rename_logged(
        &self,
        (from, to): (&StoreAddress, &StoreAddress),
        on_existing: OnExistingStore,
        _keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeReport> {
        let logged = Logged::begin(self, operation, Effect::Renamed, now)?;
        logged.run(progress, |backend, progress| {
            let has_document = backend.document(from)?.is_some();
            let usage = backend.rename_store(from, to, on_existing, progress)?;
            Ok(Counts {
                usage,
                documents: u64::from(has_document),
                ..Counts::default()
            })
        })
    }

    fn operations(&self) -> Result<Vec<OperationRecord>> {
        let records = self.database.collection::<RawDocumentBuf>(COLLECTION);
        let latest_first = records.find(between(0, i64::MAX)).sort(doc! { "_id": -1 });
        let mut operations = Vec::new();
        self.each(latest_first.batch(), |raw| operations.extend(read(raw)))?;
        Ok(operations)
    }

    fn operation_stores(&self, number: u64) -> Result<Vec<StoreAddress>> {
        let records = self.database.collection::<RawDocumentBuf>(COLLECTION);
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let record = self.run(records.find_one(doc! { "_id": { NUMBER: number } }))?;
        let stores = record.as_ref().and_then(|raw| raw.get_array("stores").ok());
        let stores = stores.into_iter().flatten().map_while(|store| {
            let store = store.ok()?;
            let store = store.as_document()?;
            Some(StoreAddress {
                collection: store.get_str("collection").ok()?.into(),
                store_name: store.get_str("store_name").ok()?.into(),
                dataset_id: store.get_str("dataset_id").map(Arc::from).ok(),
            })
        });
        Ok(stores.collect())
    }
}

/// An operation that is under way, and its record.
struct Logged<'a> {
    backend: &'a MongoBackend,
    number: i64,
    changed: Changed,
}

impl<'a> Logged<'a> {
    /// Inserts the record of an operation under the next number.
    fn begin(
        backend: &'a MongoBackend,
        operation: &Operation,
        effect: Effect,
        now: Timestamp,
    ) -> Result<Self> {
        backend.check_writable()?;
        let records = backend.database.collection::<Document>(COLLECTION);
        let mut record = doc! {
            "at": date(now),
            "user": &operation.user,
            "host": &operation.host,
            "command": &operation.command,
            "filter": &operation.filter,
            "did": effect.as_str(),
        };
        let mut attempts = 1..=ATTEMPTS;
        loop {
            let latest = records.find_one(between(0, i64::MAX));
            let latest = backend.run(latest.sort(doc! { "_id": -1 }))?;
            let latest =
                latest.and_then(|latest| latest.get_document("_id").ok()?.get_i64(NUMBER).ok());
            let number = latest.unwrap_or(0) + 1;
            record.insert("_id", doc! { NUMBER: number });
            match backend.driver.run(records.insert_one(&record)) {
                Ok(_) => {
                    backend.run(records.delete_many(between(0, number - MOST)))?;
                    return Ok(Self {
                        backend,
                        number,
                        changed: Changed::default(),
                    });
                }
                // Another process took the number.
                Err(error) if is_duplicate(&error) && attempts.next().is_some() => {}
                Err(error) => return Err(backend.error(error)),
            }
        }
    }

    /// Returns a backend whose changes are those of the operation.
    fn recording(&self) -> MongoBackend {
        self.backend.recording(&self.changed)
    }

    /// Changes entries. Their number is in the record after each batch.
    fn run(
        self,
        progress: Progress<'_>,
        change: impl FnOnce(&MongoBackend, Progress<'_>) -> Result<Counts>,
    ) -> Result<ChangeReport> {
        let noted = &mut |entries| {
            // Best effort: the end of the operation counts all of them.
            let _ = self.set(doc! { "entries": number(entries) });
            progress(entries)
        };
        let changed = change(&self.recording(), noted);
        self.finish(changed)
    }

    /// Completes the record, or removes it if nothing was changed.
    fn finish(self, changed: Result<Counts>) -> Result<ChangeReport> {
        let counts = match &changed {
            Ok(counts) => *counts,
            Err(Error::Interrupted { done } | Error::Partial { done, .. }) => Counts {
                usage: *done,
                ..Counts::default()
            },
            Err(_) => Counts::default(),
        };
        let is_unknown = matches!(changed, Err(Error::Partial { perhaps: 1.., .. }));
        let noted = if counts == Counts::default() && !is_unknown {
            let records = self.backend.database.collection::<Document>(COLLECTION);
            let own = doc! { "_id": { NUMBER: self.number } };
            self.backend.run(records.delete_one(own)).map(|_| None)
        } else {
            let set = doc! {
                "entries": number(counts.usage.entries),
                "bytes": number(counts.usage.bytes),
                "replaced": number(counts.replaced),
                "documents": number(counts.documents),
            };
            self.set(set).map(|()| Some(self.number.unsigned_abs()))
        };
        changed?;
        Ok(ChangeReport {
            usage: counts.usage,
            documents: counts.documents,
            operation: noted?,
            until: None,
        })
    }

    /// Writes fields of the record, and the stores that are changed by now.
    fn set(&self, mut fields: Document) -> Result<()> {
        {
            let changed = lock(&self.changed);
            // A part of them would look like all.
            let named = changed.iter().take_while(|_| changed.len() <= MOST_STORES);
            let stores: Vec<Document> = named
                .map(|store| change_counters::generation_id(store))
                .collect();
            fields.insert("stores", stores);
        }
        let update = doc! { "q": { "_id": { NUMBER: self.number } }, "u": { "$set": fields } };
        change_counters::update(self.backend, &[update])
    }
}

/// Selects the records of the operations with these numbers, by the index of `_id`.
fn between(first: i64, last: i64) -> Document {
    doc! { "_id": { "$gte": { NUMBER: first }, "$lte": { NUMBER: last } } }
}

/// Reads a record; `None` if it is none of ours.
fn read(raw: &RawDocument) -> Option<OperationRecord> {
    let text = |field| raw.get_str(field).map(str::to_owned).ok();
    let count = |field| u64::try_from(raw.get_i64(field).unwrap_or(0)).unwrap_or(0);
    let word = raw.get_str("did").ok()?;
    let effect = EFFECTS.into_iter().find(|one| one.as_str() == word)?;
    let operation = Operation {
        user: text("user")?,
        host: text("host")?,
        command: text("command")?,
        filter: text("filter")?,
        cause: Cause::default(),
    };
    Some(OperationRecord {
        id: u64::try_from(raw.get_document("_id").ok()?.get_i64(NUMBER).ok()?).ok()?,
        at: timestamp(raw.get_datetime("at").ok()?),
        operation,
        usage: Usage {
            entries: count("entries"),
            bytes: count("bytes"),
        },
        replaced: Usage {
            entries: count("replaced"),
            bytes: 0,
        },
        documents: count("documents"),
        undoes: None,
        settings: 0,
        effect,
        undo: UndoState::Impossible,
    })
}
