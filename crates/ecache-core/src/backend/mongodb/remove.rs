//! Counts, removes and touches the entries of a selection.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use mongodb::error::Result as DriverResult;
use tokio::join;

use super::id::DocumentId;
use super::read::{Listed, stored};
use super::value::date;
use super::{BATCH, MongoBackend, counters, query, usage};
use crate::backend::{Direction, Progress, STAGED_FOR, Sort, Touch};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{Filter, Judge, Latest, Pattern, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::usage::{Group, Outcome, Period, sum_by_group};

/// Number of documents removed at once: a tenth of a second, after which the server can serve
/// others.
const REMOVED: usize = 5000;

/// An entry to be removed.
pub(super) struct Meant {
    pub id: DocumentId,
    pub size: u64,
    pub store: Arc<StoreAddress>,
    /// The conditions under which its document is still the version that was read
    pub unchanged: Document,
    /// The notes on it
    pub notes: Vec<ObjectId>,
    /// The count of its removal, if a limit evicts it
    pub evicted: Option<Period>,
}

impl From<Listed> for Meant {
    fn from(listed: Listed) -> Self {
        let Listed {
            found,
            entry,
            notes,
            ..
        } = listed;
        Self {
            size: entry.size,
            unchanged: found.unchanged(),
            id: found.id,
            store: entry.address.store,
            notes,
            evicted: None,
        }
    }
}

fn one(size: u64) -> Usage {
    Usage {
        entries: 1,
        bytes: size,
    }
}

/// A selection, and the entries that it spares.
struct Chosen<'a> {
    backend: &'a MongoBackend,
    selection: &'a Selection,
    judge: Judge<'a>,
    now: Timestamp,
}

impl<'a> Chosen<'a> {
    fn new(backend: &'a MongoBackend, selection: &'a Selection, now: Timestamp) -> Result<Self> {
        let mut judge = Judge::new(selection, now);
        if let Some(latest) = &selection.spared.latest {
            let latest = find_latest(backend, latest, &judge, now)?;
            judge = judge.sparing(latest);
        }
        Ok(Self {
            backend,
            selection,
            judge,
            now,
        })
    }

    /// Finds the entries that the filter at `place` takes and no earlier filter does.
    fn first_meant_by(&self, place: usize) -> Result<impl Iterator<Item = Result<Listed>>> {
        let filter = self.judge.filters()[place];
        let entries = self.backend.entries(filter, self.now, None)?;
        Ok(entries.filter(move |listed| match listed {
            Ok(listed) => self.judge.is_first(place, &listed.entry),
            Err(_) => true,
        }))
    }

    /// Finds the entries beyond the capacity.
    fn beyond(&self) -> Result<Vec<Meant>> {
        let Some(capacity) = &self.selection.beyond else {
            return Ok(Vec::new());
        };
        let (sort, direction): (Sort, Direction) = capacity.order.into();
        let mut left = Vec::new();
        let mut usage = Usage::default();
        for listed in self.backend.entries(&capacity.scope, self.now, None)? {
            let listed = listed?;
            let entry = &listed.entry;
            if self.judge.takes(entry, &capacity.scope) {
                continue;
            }
            usage += one(entry.size);
            let order = (
                sort.rank(entry, self.now),
                entry.address.store.clone(),
                listed.found.id.clone(),
            );
            let group = Group::Of {
                store: entry.address.store.clone(),
                user: entry.scopes.user_id.clone(),
                operator: entry.scopes.operator_uri.clone(),
            };
            let may_go = entry.policy == Policy::Evict && !self.judge.spares(entry);
            let mut meant = Meant::from(listed);
            meant.evicted = Some(Period::of(group, Outcome::Eviction, 1, self.now));
            left.push((order, may_go, meant));
        }
        left.sort_by(|(one, ..), (two, ..)| one.cmp(two));
        if direction == Direction::Descending {
            left.reverse();
        }
        let mut beyond = Vec::new();
        for (_, may_go, meant) in left {
            if !capacity.fits(usage) && may_go {
                usage.entries -= 1;
                usage.bytes -= meant.size;
                beyond.push(meant);
            }
        }
        Ok(beyond)
    }
}

/// Finds the latest entries, which stay. Of those that are equal in time, the last ones of a scan
/// are the latest.
fn find_latest(
    backend: &MongoBackend,
    latest: &Latest,
    judge: &Judge<'_>,
    now: Timestamp,
) -> Result<BTreeSet<Address>> {
    let filter = latest.filter();
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for listed in backend.entries(&filter, now, None)? {
        let Listed { entry, found, .. } = listed?;
        if judge.may_be_latest(&entry, &filter) {
            let group = latest.per.and_then(|per| per.name(&entry));
            let place = (entry.written_at(), entry.address.store.clone(), found.id);
            let of_group = groups.entry(group).or_default();
            of_group.push((place, entry.address));
        }
    }
    let kept = latest.of_groups(groups);
    Ok(kept.map(|(_, address)| address).collect())
}

pub(super) fn usage(
    backend: &MongoBackend,
    selection: &Selection,
    now: Timestamp,
) -> Result<Usage> {
    let chosen = Chosen::new(backend, selection, now)?;
    let mut usage = Usage::default();
    for index in 0..chosen.judge.filters().len() {
        for listed in chosen.first_meant_by(index)? {
            usage += one(listed?.entry.size);
        }
    }
    for meant in chosen.beyond()? {
        usage += one(meant.size);
    }
    Ok(usage)
}

/// A removal in progress.
struct Removal<'a> {
    backend: &'a MongoBackend,
    progress: Progress<'a>,
    removed: Usage,
    /// Number of further entries that may have been removed: the server did not answer
    perhaps: u64,
}

pub(super) fn remove(
    backend: &MongoBackend,
    selection: &Selection,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Usage> {
    backend.check_writable()?;
    let mut removal = Removal {
        backend,
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
    let there = documents.find(doc! { "_id": { "$in": &ids } });
    let there = there.projection(doc! { "_id": 1 }).batch();
    backend.each(there, |raw| stayed.extend(DocumentId::read(raw, "_id")))?;
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
    let stayed = if one_half + other_half == batch.len() as u64 {
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
    counters::bump(backend, &stores)?;
    Ok(removed)
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
    let answer = backend.database.run_command(command).await?;
    let count = answer.get_i32("n").unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(super) fn touch(
    backend: &MongoBackend,
    selection: &Selection,
    touch: Touch,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Usage> {
    if touch == Touch::default() {
        return Ok(Usage::default());
    }
    backend.check_writable()?;
    let chosen = Chosen::new(backend, selection, now)?;
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
        touched += touch_batch(backend, batch, &set)
            .map_err(|error| error.after(touched, batch.len() as u64))?;
        if progress(touched.entries).is_break() {
            return Err(Error::Interrupted { done: touched });
        }
    }
    Ok(touched)
}

fn touch_batch(backend: &MongoBackend, batch: &[Meant], set: &Document) -> Result<Usage> {
    let collection = &*batch[0].store.collection;
    let ids: Vec<DocumentId> = batch.iter().map(|meant| meant.id.clone()).collect();
    let notes = backend.notes(collection)?;
    let on_these = doc! { "entry": { "$in": &ids }, "kind": { "$exists": true } };
    backend.run(notes.update_many(on_these, doc! { "$set": set.clone() }))?;
    let documents = backend.documents(collection)?;
    let these = doc! { "_id": { "$in": &ids } };
    backend.run(documents.update_many(these, doc! { "$set": set.clone() }))?;
    let stores = batch.iter().map(|meant| meant.store.clone()).collect();
    counters::bump(backend, &stores)?;
    let mut usage = Usage::default();
    for meant in batch {
        usage += one(meant.size);
    }
    Ok(usage)
}

/// Removes the notes on documents that are gone, and that no writer is about to write.
pub(super) fn collect_garbage(backend: &MongoBackend, now: Timestamp) -> Result<()> {
    backend.check_writable()?;
    let before = now.saturating_sub(STAGED_FOR).as_millis() / 1000;
    let before = u32::try_from(before.max(0)).unwrap_or(u32::MAX);
    let before = ObjectId::from_parts(before, [0; 5], [0; 3]);
    for collection in backend.collections()? {
        let notes = backend.notes(&collection)?;
        let pipeline = vec![
            doc! { "$match": { "_id": { "$lt": before } } },
            doc! { "$project": { "entry": 1 } },
            doc! { "$lookup": {
                "from": &collection,
                "let": { "entry": "$entry" },
                "pipeline": [
                    { "$match": { "$expr": { "$eq": ["$_id", "$$entry"] } } },
                    { "$project": { "_id": 1 } },
                ],
                "as": "documents",
            } },
            doc! { "$match": { "documents": [] } },
            doc! { "$project": { "_id": 1 } },
        ];
        let mut orphans = Vec::new();
        let found = notes.aggregate(pipeline).batch();
        backend.each(found, |raw| orphans.extend(raw.get_object_id("_id").ok()))?;
        for batch in orphans.chunks(BATCH) {
            backend.run(notes.delete_many(doc! { "_id": { "$in": batch } }))?;
        }
    }
    Ok(())
}
