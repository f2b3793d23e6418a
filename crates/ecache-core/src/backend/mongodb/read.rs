//! Reading entries: look-ups and scans.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocumentBuf, doc};

use super::document::{Found, Reading, Stores, identity, read};
use super::note::{self, Note};
use super::{BATCH, MongoBackend, query};
use crate::backend::{Content, Direction, Lookup, Row, Rows, Scan, Sort, Values};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Values of this many bytes are fetched at once, unless a single one has more.
const VALUES_SIZE: u64 = 4 << 20;

/// An entry that was read without its value.
pub(super) struct Listed {
    pub found: Found,
    pub entry: Entry,
}

/// One document of a listing.
pub(super) enum Item {
    Listed(Box<Listed>),
    Damaged(ObjectId, Address),
}

/// Documents as they come, a batch at a time.
type Batches<'a> = Box<dyn Iterator<Item = Result<Vec<Item>>> + 'a>;

impl MongoBackend {
    /// The document of an address, whole.
    pub(super) fn document(&self, address: &Address) -> Result<Option<RawDocumentBuf>> {
        let Address { store, key } = address;
        let documents = self.documents(&store.collection)?;
        let found = documents.find_one(identity(store, key.as_str())?).run();
        found.map_err(|error| self.error(error))
    }

    /// The notes on documents; what is exact of their values only where values are wanted.
    pub(super) fn notes_on(
        &self,
        collection: &str,
        documents: &[ObjectId],
        values: Values,
    ) -> Result<Vec<Note>> {
        let notes = self.notes(collection)?;
        let find = notes.find(doc! { "entry": { "$in": documents } });
        let find = match values {
            Values::Include => find,
            Values::Omit => find.projection(doc! { "exact": 0 }),
        };
        let mut read = Vec::new();
        for raw in find.run().map_err(|error| self.error(error))? {
            read.extend(Note::read(&raw.map_err(|error| self.error(error))?));
        }
        Ok(read)
    }

    /// Documents that a pipeline makes of a collection.
    pub(super) fn aggregate(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
    ) -> Result<impl Iterator<Item = Result<RawDocumentBuf>> + '_> {
        let documents = self.documents(collection)?;
        let cursor = documents
            .aggregate(pipeline)
            .with_type::<RawDocumentBuf>()
            .allow_disk_use(true)
            .batch_size(BATCH as u32)
            .run()
            .map_err(|error| self.error(error))?;
        Ok(cursor.map(|raw| raw.map_err(|error| self.error(error))))
    }

    /// Reads documents, and puts what is known of them together.
    fn items(&self, collection: &str, documents: &[RawDocumentBuf]) -> Result<Vec<Item>> {
        let mut stores = Stores::of(collection);
        let readings: Vec<Reading> = documents
            .iter()
            .filter_map(|raw| read(raw, &mut stores))
            .collect();
        let ids: Vec<ObjectId> = readings
            .iter()
            .filter_map(|reading| match reading {
                Reading::Found(found) => Some(found.id),
                Reading::Damaged(..) => None,
            })
            .collect();
        let notes = by_entry(self.notes_on(collection, &ids, Values::Omit)?);
        let item = |reading| match reading {
            Reading::Damaged(id, address) => Item::Damaged(id, address),
            Reading::Found(found) => {
                let notes = notes.get(&found.id).map_or(&[][..], Vec::as_slice);
                let entry = found.entry(found.note(notes));
                let found = *found;
                Item::Listed(Box::new(Listed { found, entry }))
            }
        };
        Ok(readings.into_iter().map(item).collect())
    }

    /// What a filter means, without values, in that order if there is one.
    ///
    /// With a filter on what only notes say, the documents come in no order.
    pub(super) fn matching(
        &self,
        filter: &Filter,
        now: Timestamp,
        order: Option<Document>,
    ) -> Result<Batches<'_>> {
        let collection = filter.collection.clone();
        let mut queries = Vec::new();
        let documents = query::documents(filter, now);
        match query::notes(filter) {
            None => queries.push(documents),
            Some(of_notes) => {
                let ids = self.noted(&collection, of_notes)?;
                queries.extend(ids.chunks(BATCH).map(|ids| {
                    doc! { "$and": [{ "_id": { "$in": ids } }, documents.clone()] }
                }));
            }
        }
        let filter = filter.clone();
        let pages = queries.into_iter().flat_map(move |matched| {
            let mut pipeline = vec![doc! { "$match": matched }];
            pipeline.extend(query::size());
            pipeline.extend(order.clone().map(|order| doc! { "$sort": order }));
            match self.aggregate(&collection, pipeline) {
                Ok(documents) => pages(documents),
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        });
        Ok(Box::new(pages.map(move |page| {
            let mut items = self.items(&filter.collection, &page?)?;
            items.retain(|item| match item {
                Item::Listed(listed) => filter.matches(&listed.entry, now),
                Item::Damaged(_, address) => {
                    let key = address.key.as_str();
                    let mut keys = filter.keys.iter();
                    filter.matches_store(&address.store)
                        && (filter.keys.is_empty() || keys.any(|pattern| pattern.matches(key)))
                }
            });
            Ok(items)
        })))
    }

    /// The entries that a filter means; those that cannot be read are not among them.
    pub(super) fn entries(
        &self,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<impl Iterator<Item = Result<Listed>> + '_> {
        let batches = self.matching(filter, now, None)?;
        let listed = |item| match item {
            Item::Listed(listed) => Some(Ok(*listed)),
            Item::Damaged(..) => None,
        };
        Ok(batches.flat_map(move |batch| match batch {
            Ok(items) => items.into_iter().filter_map(listed).collect(),
            Err(error) => vec![Err(error)],
        }))
    }

    /// The documents that have such notes.
    fn noted(&self, collection: &str, query: Document) -> Result<Vec<ObjectId>> {
        let notes = self.notes(collection)?;
        let found = notes.find(query).projection(doc! { "entry": 1 }).run();
        let mut ids = BTreeSet::new();
        for raw in found.map_err(|error| self.error(error))? {
            let raw = raw.map_err(|error| self.error(error))?;
            ids.extend(raw.get_object_id("entry").ok());
        }
        Ok(ids.into_iter().collect())
    }

    /// Reads listed entries again, with their values, as they are now.
    fn with_values(
        &self,
        collection: &str,
        listed: &[Listed],
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Vec<Row>> {
        let ids: Vec<ObjectId> = listed.iter().map(|listed| listed.found.id).collect();
        let documents = self.documents(collection)?;
        let found = documents.find(doc! { "_id": { "$in": &ids } }).run();
        let mut by_id = HashMap::new();
        for raw in found.map_err(|error| self.error(error))? {
            let raw = raw.map_err(|error| self.error(error))?;
            if let Ok(id) = raw.get_object_id("_id") {
                by_id.insert(id, raw);
            }
        }
        let notes = by_entry(self.notes_on(collection, &ids, Values::Include)?);
        let mut stores = Stores::of(collection);
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(raw) = by_id.get(&id) else {
                continue;
            };
            let notes = notes.get(&id).map_or(&[][..], Vec::as_slice);
            match read_whole(raw, notes, &mut stores) {
                Some(Whole::Entry(entry, content)) if filter.matches(&entry, now) => {
                    rows.push(Row::Entry(entry, Some(content)));
                }
                Some(Whole::Damaged(address)) => rows.push(Row::Damaged(address)),
                _ => {}
            }
        }
        Ok(rows)
    }
}

fn by_entry(notes: Vec<Note>) -> HashMap<ObjectId, Vec<Note>> {
    let mut by_entry: HashMap<ObjectId, Vec<Note>> = HashMap::new();
    for note in notes {
        by_entry.entry(note.entry).or_default().push(note);
    }
    by_entry
}

/// Makes pages of documents; an error ends them.
fn pages<'a>(
    mut documents: impl Iterator<Item = Result<RawDocumentBuf>> + 'a,
) -> Box<dyn Iterator<Item = Result<Vec<RawDocumentBuf>>> + 'a> {
    Box::new(std::iter::from_fn(move || {
        let page: Result<Vec<_>> = documents.by_ref().take(BATCH).collect();
        match page {
            Ok(page) if page.is_empty() => None,
            page => Some(page),
        }
    }))
}

/// A document with its value.
pub(super) enum Whole {
    Entry(Box<Entry>, Content),
    Damaged(Address),
}

/// Reads a document with its value; `None` if it is not even a document of a store.
pub(super) fn read_whole(
    raw: &RawDocumentBuf,
    notes: &[Note],
    stores: &mut Stores,
) -> Option<Whole> {
    let found = match read(raw, stores)? {
        Reading::Damaged(_, address) => return Some(Whole::Damaged(address)),
        Reading::Found(found) => found,
    };
    let value = raw.get("value").ok().flatten();
    let whole = value.and_then(|value| found.with_value(notes, value).ok());
    Some(match whole {
        Some((entry, content)) => Whole::Entry(Box::new(entry), content),
        None => Whole::Damaged(found.address),
    })
}

pub(super) fn lookup(backend: &MongoBackend, address: &Address, now: Timestamp) -> Result<Lookup> {
    let Some(raw) = backend.document(address)? else {
        return Ok(Lookup::Missing);
    };
    let collection = &address.store.collection;
    let ids: Vec<ObjectId> = raw.get_object_id("_id").into_iter().collect();
    let notes = backend.notes_on(collection, &ids, Values::Include)?;
    let whole = read_whole(&raw, &notes, &mut Stores::of(collection));
    Ok(match whole {
        Some(Whole::Entry(entry, content)) if entry.is_fresh(now) => Lookup::Hit(entry, content),
        Some(Whole::Entry(entry, _)) => Lookup::Stale(entry),
        _ => Lookup::Damaged(address.clone()),
    })
}

/// A number for each entry that sorts as `sort` says; keys are compared by themselves.
fn rank(entry: &Entry, sort: Sort) -> i64 {
    match sort {
        Sort::Stored | Sort::Key => 0,
        Sort::Created => entry.created_at.as_millis(),
        Sort::Updated => entry.written_at().as_millis(),
        Sort::Expires => entry.expires_at.map_or(i64::MAX, Timestamp::as_millis),
        Sort::Used => entry.used_at().as_millis(),
        Sort::Size => note::number(entry.size),
        Sort::Hits => note::number(entry.hits),
        Sort::Cost => entry.cost_ms.map_or(-1, note::number),
    }
}

/// The order that the server itself can bring documents into.
fn server_order(scan: &Scan) -> Option<Document> {
    if query::notes(&scan.filter).is_some() {
        return None;
    }
    let first = match scan.sort {
        Sort::Stored => None,
        Sort::Key => Some("key"),
        Sort::Created => Some("created_at"),
        _ => return None,
    };
    let direction = match scan.direction {
        Direction::Ascending => 1_i32,
        Direction::Descending => -1,
    };
    let fields = first.into_iter().chain(["store_name", "dataset_id", "_id"]);
    Some(
        fields
            .map(|field| (field.to_owned(), direction.into()))
            .collect(),
    )
}

type Order = (Option<Key>, i64, Arc<StoreAddress>, ObjectId);

fn order(listed: &Listed, sort: Sort) -> Order {
    let Listed { found, entry } = listed;
    let key = (sort == Sort::Key).then(|| entry.address.key.clone());
    let store = entry.address.store.clone();
    (key, rank(entry, sort), store, found.id)
}

/// Reads entries. An order that only notes tell is made here, and takes memory for each entry that is meant.
pub(super) fn scan<'a>(backend: &'a MongoBackend, scan: &Scan, now: Timestamp) -> Result<Rows<'a>> {
    let Scan {
        filter,
        sort,
        direction,
        values,
        ..
    } = scan.clone();
    let limit = usize::try_from(scan.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let on_server = server_order(scan);
    let is_ordered = on_server.is_some();
    let batches = backend.matching(&filter, now, on_server)?;
    let batches: Batches<'a> = match is_ordered {
        true => batches,
        false => {
            let mut listed = Vec::new();
            let mut damaged = Vec::new();
            for batch in batches {
                for item in batch? {
                    match item {
                        Item::Listed(item) => listed.push(item),
                        Item::Damaged(id, address) => damaged.push(Item::Damaged(id, address)),
                    }
                }
            }
            match direction {
                Direction::Ascending => listed.sort_by_cached_key(|item| order(item, sort)),
                Direction::Descending => {
                    listed.sort_by_cached_key(|item| Reverse(order(item, sort)));
                }
            }
            let items = listed.into_iter().map(Item::Listed).chain(damaged);
            Box::new(items.map(|item| Ok(vec![item])))
        }
    };
    let mut items = batches
        .flat_map(|batch| match batch {
            Ok(items) => items.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
        .take(limit)
        .peekable();
    if values == Values::Omit {
        return Ok(Box::new(items.map(|item| {
            Ok(match item? {
                Item::Listed(listed) => Row::Entry(Box::new(listed.entry), None),
                Item::Damaged(_, address) => Row::Damaged(address),
            })
        })));
    }
    let collection = filter.collection.clone();
    let chunks = std::iter::from_fn(move || {
        let mut listed = Vec::new();
        let mut damaged = Vec::new();
        let mut size = 0;
        items.peek()?;
        while listed.len() < BATCH && size < VALUES_SIZE {
            match items.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(Item::Damaged(_, address))) => damaged.push(Row::Damaged(address)),
                Some(Ok(Item::Listed(item))) => {
                    size = size.saturating_add(item.entry.size);
                    listed.push(*item);
                }
            }
        }
        let rows = backend.with_values(&collection, &listed, &filter, now);
        Some(rows.map(|mut rows| {
            rows.extend(damaged);
            rows
        }))
    });
    Ok(Box::new(chunks.flat_map(|chunk| match chunk {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    })))
}

/// The error of a document that FiftyOne could not read either.
pub(super) fn damaged(address: &Address) -> Error {
    Error::DamagedEntry {
        address: Box::new(address.clone()),
    }
}
