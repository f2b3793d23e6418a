//! Removes and touches the entries of a selection.

use std::collections::{BTreeSet, HashSet};

use mongodb::bson::{Document, RawDocument, doc};
use mongodb::error::Result as DriverResult;
use tokio::join;

use super::chosen::{Chosen, Meant, one};
use super::id::{DocumentId, raw};
use super::read::stored;
use super::value::date;
use super::{BATCH, MongoBackend, change_counters, query, usage};
use crate::backend::{ChangeBackend, Progress, Touch};
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern, Selection, Usage};
use crate::time::Timestamp;
use crate::usage::sum_by_group;

/// Number of documents removed at once: a tenth of a second, after which the server can serve
/// others.
const REMOVED: usize = 5000;

impl ChangeBackend for MongoBackend {
    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        self.check_writable()?;
        let mut removal = Removal {
            backend: self,
            progress,
            removed: Usage::default(),
            perhaps: 0,
        };
        let result = removal.all(selection, now);
        let Removal {
            removed, perhaps, ..
        } = removal;
        result.map_err(|error| error.after(removed, perhaps))?;
        Ok(removed)
    }

    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        if touch == Touch::default() {
            return Ok(Usage::default());
        }
        self.check_writable()?;
        let chosen = Chosen::new(self, selection, now)?;
        // All of them are found first: a touched entry may no longer match, or match again.
        let mut meant: Vec<Meant> = Vec::new();
        for index in 0..chosen.judge.filters().len() {
            for listed in chosen.first_meant_by(index)? {
                meant.push(listed?.into());
                if meant.len().is_multiple_of(BATCH) && progress(0).is_break() {
                    return Err(Error::Interrupted {
                        done: Usage::default(),
                    });
                }
            }
        }
        meant.extend(chosen.beyond()?);
        let mut set = Document::new();
        if let Some(expires_at) = touch.expires_at {
            set.insert("expires_at", expires_at.map(date));
        }
        if let Some(policy) = touch.policy {
            set.insert("policy", policy.as_str());
        }
        let mut touched = Usage::default();
        meant.sort_by(|one, two| one.store.collection.cmp(&two.store.collection));
        for batch in meant
            .chunk_by(|one, two| one.store.collection == two.store.collection)
            .flat_map(|of_collection| of_collection.chunks(BATCH))
        {
            // The entries do not show which part of a failed batch was changed.
            touched += touch_batch(self, batch, &set)
                .map_err(|error| error.after(touched, batch.len() as u64))?;
            if progress(touched.entries).is_break() {
                return Err(Error::Interrupted { done: touched });
            }
        }
        Ok(touched)
    }
}

/// A removal in progress.
struct Removal<'a> {
    backend: &'a MongoBackend,
    progress: Progress<'a>,
    removed: Usage,
    /// Number of further entries that may have been removed: the server did not answer
    perhaps: u64,
}

impl Removal<'_> {
    fn all(&mut self, selection: &Selection, now: Timestamp) -> Result<()> {
        let backend = self.backend;
        let mut batch: Vec<Meant> = Vec::new();
        for filter in of_one_collection(backend, &selection.any_of)? {
            let filter = &filter;
            let condition =
                query::is_told_by_documents(filter).then(|| query::documents(filter, now));
            // Removed entries are not listed again, so nothing is counted twice.
            // Iterates store by store, so that a batch touches few stores.
            for listed in backend.entries(filter, now, stored(1))? {
                batch.push(listed?.into());
                if batch.len() == REMOVED {
                    self.batch(&mut batch, condition.as_ref())?;
                } else if batch.len().is_multiple_of(BATCH) {
                    self.go_on()?;
                }
            }
            if !batch.is_empty() {
                self.batch(&mut batch, condition.as_ref())?;
            }
        }
        let rest = Selection {
            any_of: Vec::new(),
            ..selection.clone()
        };
        // The rest of the selection, once the entries of its other filters are gone.
        let chosen = Chosen::new(backend, &rest, now)?;
        let mut meant = Vec::new();
        for index in 0..chosen.judge.filters().len() {
            for listed in chosen.first_meant_by(index)? {
                meant.push(listed?.into());
            }
        }
        meant.extend(chosen.beyond()?);
        // A batch is one collection's.
        meant.sort_by(|one, two| one.store.collection.cmp(&two.store.collection));
        while let Some(first) = meant.first() {
            let collection = first.store.collection.clone();
            let is_other = |meant: &Meant| meant.store.collection != collection;
            let end = meant.iter().position(is_other).unwrap_or(meant.len());
            let rest = meant.split_off(end.min(REMOVED));
            self.batch(&mut meant, None)?;
            meant = rest;
        }
        Ok(())
    }

    fn batch(&mut self, batch: &mut Vec<Meant>, condition: Option<&Document>) -> Result<()> {
        match delete(self.backend, batch, condition) {
            Ok(removed) => self.removed += removed,
            Err(error) => {
                match self.count_gone(batch, &error) {
                    Some(gone) => self.removed += gone,
                    None => self.perhaps = batch.len() as u64,
                }
                return Err(error);
            }
        }
        batch.clear();
        self.go_on()
    }

    /// Counts the removed entries of a batch whose removal failed, if the server still answers.
    fn count_gone(&self, batch: &[Meant], error: &Error) -> Option<Usage> {
        let is_asked = !matches!(error, Error::Unreachable { .. });
        let stayed = is_asked.then(|| stayed(self.backend, batch).ok())??;
        let gone = batch.iter().filter(|meant| !stayed.contains(&meant.id));
        let mut usage = Usage::default();
        gone.for_each(|meant| usage += one(meant.size));
        Some(usage)
    }

    fn go_on(&mut self) -> Result<()> {
        if (self.progress)(self.removed.entries).is_break() {
            Err(Error::Interrupted { done: self.removed })
        } else {
            Ok(())
        }
    }
}

/// Returns filters that mean the same, each in one collection.
fn of_one_collection(backend: &MongoBackend, filters: &[Filter]) -> Result<Vec<Filter>> {
    let mut split = Vec::new();
    for filter in filters {
        for collection in backend.meant_collections(filter)? {
            split.push(Filter {
                collections: vec![Pattern::exact(collection)],
                ..filter.clone()
            });
        }
    }
    Ok(split)
}

/// Returns the documents of a batch that still exist.
fn stayed(backend: &MongoBackend, batch: &[Meant]) -> Result<HashSet<DocumentId>> {
    let mut stayed = HashSet::new();
    let Some(first) = batch.first() else {
        return Ok(stayed);
    };
    let ids: Vec<DocumentId> = batch.iter().map(|meant| meant.id.clone()).collect();
    let documents = backend.documents(&first.store.collection)?;
    let there = [
        doc! { "$match": { "_id": { "$in": &ids } } },
        doc! { "$project": { "_id": 1 } },
    ];
    let take = |raw: &RawDocument| stayed.extend(DocumentId::read(raw, "_id"));
    backend.each_of(&documents, there, take)?;
    Ok(stayed)
}

/// Removes entries of one collection that still meet the condition, or else are still as they were
/// found.
pub(super) fn delete(
    backend: &MongoBackend,
    batch: &[Meant],
    condition: Option<&Document>,
) -> Result<Usage> {
    let Some(first) = batch.first() else {
        return Ok(Usage::default());
    };
    let collection = &*first.store.collection;
    // A server removes on one thread for each command.
    let (one_half, other_half) = batch.split_at(batch.len() / 2);
    let (one_half, other_half) = backend.run(async {
        let delete = |half| delete_documents(backend, collection, half, condition);
        // Both halves run to completion, since the progress is counted afterwards.
        let (one_half, other_half) = join!(delete(one_half), delete(other_half));
        Ok((one_half?, other_half?))
    })?;
    let count = one_half + other_half;
    let stayed = if count == batch.len() as u64 {
        HashSet::new()
    } else {
        stayed(backend, batch)?
    };
    let mut removed = Usage::default();
    let mut stores = BTreeSet::new();
    let (mut notes, mut evicted) = (Vec::new(), Vec::new());
    for meant in batch.iter().filter(|meant| !stayed.contains(&meant.id)) {
        evicted.extend(meant.evicted.clone());
        removed += one(meant.size);
        stores.insert(meant.store.clone());
        notes.extend_from_slice(&meant.notes);
    }
    // A note that is not there yet is that of a writer, who will find the document gone and take it
    // back.
    if !notes.is_empty() {
        let on_these = doc! { "_id": { "$in": notes } };
        backend.run(backend.notes(collection)?.delete_many(on_these))?;
    }
    usage::add_periods(backend, sum_by_group(evicted))?;
    change_counters::bump(backend, &stores)?;
    Ok(own_part(removed, count))
}

/// Returns the part of the entries that are gone which this process removed. The server does not
/// say which ones another process removed at the same time, so the bytes are shared out evenly.
fn own_part(gone: Usage, count: u64) -> Usage {
    if count >= gone.entries {
        return gone;
    }
    let bytes = u128::from(gone.bytes) * u128::from(count) / u128::from(gone.entries);
    Usage {
        entries: count,
        bytes: u64::try_from(bytes).expect("a part is no larger"),
    }
}

/// Removes documents that still meet the condition, or else are still as they were found, and
/// returns how many.
async fn delete_documents(
    backend: &MongoBackend,
    collection: &str,
    batch: &[Meant],
    condition: Option<&Document>,
) -> DriverResult<u64> {
    if batch.is_empty() {
        return Ok(0);
    }
    // The server would rather try its other indexes, most of which say nothing here.
    let unchanged =
        |meant: &Meant| doc! { "q": meant.unchanged.clone(), "limit": 1, "hint": "_id_" };
    let deletes: Vec<Document> = match condition {
        Some(condition) => {
            let ids: Vec<DocumentId> = batch.iter().map(|meant| meant.id.clone()).collect();
            let these = doc! { "_id": { "$in": ids } };
            let both = doc! { "$and": [these, condition.clone()] };
            vec![doc! { "q": both, "limit": 0, "hint": "_id_" }]
        }
        None => batch.iter().map(unchanged).collect(),
    };
    let command = doc! { "delete": collection, "deletes": deletes, "ordered": false };
    let answer = backend.run_write(raw(&command)).await?;
    let count = answer.get_i32("n").unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

fn touch_batch(backend: &MongoBackend, batch: &[Meant], set: &Document) -> Result<Usage> {
    let collection = &*batch[0].store.collection;
    let ids: Vec<DocumentId> = batch.iter().map(|meant| meant.id.clone()).collect();
    let these = doc! { "_id": { "$in": ids } };
    let count = backend.update_all(collection, these, doc! { "$set": set.clone() })?;
    let stores = batch.iter().map(|meant| meant.store.clone()).collect();
    change_counters::bump(backend, &stores)?;
    let mut usage = Usage::default();
    for meant in batch {
        usage += one(meant.size);
    }
    Ok(own_part(usage, count))
}
