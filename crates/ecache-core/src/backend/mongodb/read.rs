//! Reading entries: look-ups and scans.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::document::{DescribedEntry, Stores, read};
use super::driver::{Form, Notes, Page, Pages, Queries, notes_on};
use super::id::DocumentId;
use super::name::identity;
use super::side_document::Note;
use super::{BATCH, MongoBackend, query};
use crate::backend::{
    Content, Direction, Foreign, Lookup, Row, Rows, START_SIZE, Scan, Sort, Values,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern};
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Values of this many bytes are fetched at once, unless a single one has more.
const VALUES_SIZE: u64 = 4 << 20;

/// Documents of this many bytes, on the average, are read faster whole than the server leaves their
/// values out.
const SMALL: i64 = 4 << 10;

/// An entry of a listing.
pub(super) struct Listed {
    pub found: Box<DescribedEntry>,
    pub entry: Box<Entry>,
    /// The value, if it was asked for, or why it has no form
    pub content: Option<Result<Content, String>>,
    /// The notes that are on the document, of whichever version
    pub notes: Vec<ObjectId>,
}

/// In which order documents come; `None` where that does not matter.
pub(super) type ServerOrder = Option<Document>;

impl MongoBackend {
    /// The document of an address, whole.
    pub(super) fn document(&self, address: &Address) -> Result<Option<RawDocumentBuf>> {
        let Address { store, key } = address;
        let documents = self.documents(&store.collection)?;
        self.run(documents.find_one(identity(store, key.as_str())?))
    }

    /// Returns the notes on one document, with the exact bytes of its value if `values` says so.
    pub(super) fn notes_on(
        &self,
        collection: &str,
        document: DocumentId,
        values: Values,
    ) -> Result<Vec<Note>> {
        let notes = self.notes(collection)?;
        let mut read = self.run(notes_on(&notes, std::slice::from_ref(&document), values))?;
        Ok(read.remove(&document).unwrap_or_default())
    }

    /// Returns the collections that a filter can mean: those it names, or else the known ones that
    /// it matches.
    pub(super) fn meant_collections(&self, filter: &Filter) -> Result<Vec<String>> {
        let exact = filter.collections.iter().map(|pattern| match pattern {
            Pattern::Exact(name) => Some(name.clone()),
            Pattern::Glob(_) => None,
        });
        match exact.collect::<Option<BTreeSet<String>>>() {
            Some(named) if !named.is_empty() => Ok(named.into_iter().collect()),
            _ => {
                let mut known = self.collections()?;
                known.retain(|name| filter.matches_collection(name));
                Ok(known)
            }
        }
    }

    /// Finds the entries of one collection that a filter matches, page by page and in `order`, if
    /// there is one.
    ///
    /// With conditions that only notes can meet, the documents come in no order.
    pub(super) fn matching(
        &self,
        collection: &str,
        filter: &Filter,
        now: Timestamp,
        order: ServerOrder,
        values: Values,
        limit: Option<usize>,
    ) -> Result<Matching<'_>> {
        let documents = query::documents(filter, now);
        let (filters, order) = match query::notes(filter) {
            None => (vec![documents], order),
            Some(of_notes) => {
                let ids = self.noted(collection, of_notes)?;
                let among = |ids| doc! { "$and": [{ "_id": { "$in": ids } }, documents.clone()] };
                (ids.chunks(BATCH).map(among).collect(), None)
            }
        };
        let form = match values {
            Values::Omit if !self.has_small_documents(collection)? => Form::Sized,
            Values::Omit | Values::Start | Values::Include => Form::Whole,
        };
        Ok(Matching {
            stores: Stores::of(collection),
            pages: self.pages(Queries {
                documents: self.documents(collection)?,
                notes: self.notes(collection)?,
                filters,
                order,
                form,
                values,
                batch: limit.map_or(BATCH, |limit| limit.clamp(1, BATCH)),
            }),
            filter: decided(filter),
            now,
            values,
        })
    }

    /// Reports whether the documents of a collection are small on average; `false` if the server
    /// refuses the statistics.
    fn has_small_documents(&self, collection: &str) -> Result<bool> {
        let sizes = match self.run(self.database.run_command(doc! { "collStats": collection })) {
            Err(Error::Denied { .. } | Error::Server { .. }) => return Ok(false),
            sizes => sizes?,
        };
        Ok(match sizes.get("avgObjSize") {
            None => true,
            Some(average) => {
                let average = average.as_i64().or(average.as_i32().map(i64::from));
                average.is_some_and(|average| average <= SMALL)
            }
        })
    }

    /// Finds the entries that a filter matches in each of its collections, one after the other.
    pub(super) fn items(
        &self,
        filter: &Filter,
        now: Timestamp,
        order: ServerOrder,
        values: Values,
        limit: Option<usize>,
    ) -> Result<impl Iterator<Item = Result<Listed>> + '_> {
        let collections = self.meant_collections(filter)?.into_iter();
        let filter = filter.clone();
        let items = collections.flat_map(move |collection| {
            let pages = self.matching(&collection, &filter, now, order.clone(), values, limit);
            let (pages, failed) = match pages {
                Ok(pages) => (Some(flat(pages)), None),
                Err(error) => (None, Some(Err(error))),
            };
            pages.into_iter().flatten().chain(failed)
        });
        Ok(items)
    }

    /// Returns the entries that a filter means, without values.
    pub(super) fn entries(
        &self,
        filter: &Filter,
        now: Timestamp,
        order: ServerOrder,
    ) -> Result<impl Iterator<Item = Result<Listed>> + '_> {
        self.items(filter, now, order, Values::Omit, None)
    }

    /// The documents that have such notes.
    fn noted(&self, collection: &str, query: Document) -> Result<Vec<DocumentId>> {
        let notes = self.notes(collection)?;
        let mut ids = BTreeSet::new();
        let found = notes.find(query).projection(doc! { "entry": 1 }).batch();
        self.each(found, |raw| ids.extend(DocumentId::read(raw, "entry")))?;
        Ok(ids.into_iter().collect())
    }

    /// Reads listed entries again, with their values, as they are now.
    fn with_values(&self, listed: &[Listed], filter: &Filter, now: Timestamp) -> Result<Vec<Row>> {
        let place = |listed: &Listed| {
            let collection = &listed.entry.address.store.collection;
            (collection.clone(), listed.found.id.clone())
        };
        let mut by_place = HashMap::new();
        let mut ids: BTreeMap<Arc<str>, Vec<DocumentId>> = BTreeMap::new();
        for (collection, id) in listed.iter().map(place) {
            ids.entry(collection).or_default().push(id);
        }
        for (collection, ids) in ids {
            for (id, row) in self.rows_of(&collection, &ids, filter, now)? {
                by_place.insert((collection.clone(), id), row);
            }
        }
        let places = listed.iter().map(place);
        Ok(places.filter_map(|place| by_place.remove(&place)).collect())
    }

    /// Reads documents of one collection with their values.
    fn rows_of(
        &self,
        collection: &str,
        ids: &[DocumentId],
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Vec<(DocumentId, Row)>> {
        let pages = self.pages(Queries {
            documents: self.documents(collection)?,
            notes: self.notes(collection)?,
            filters: vec![doc! { "_id": { "$in": ids } }],
            order: None,
            form: Form::Whole,
            values: Values::Include,
            batch: BATCH,
        });
        let again = Matching {
            stores: Stores::of(collection),
            pages,
            filter: decided(filter),
            now,
            values: Values::Include,
        };
        let read = flat(again).map(|listed| {
            let listed = listed?;
            Ok((listed.found.id.clone(), row(listed)))
        });
        read.collect()
    }
}

/// Returns the conditions of a filter that the query leaves to the entries: it knows all jobs.
fn decided(filter: &Filter) -> Filter {
    Filter {
        jobs: None,
        ..filter.clone()
    }
}

/// The entries that a filter matches, read page by page.
pub(super) struct Matching<'a> {
    pages: Pages<'a>,
    stores: Stores,
    filter: Filter,
    now: Timestamp,
    values: Values,
}

impl Iterator for Matching<'_> {
    type Item = Result<Vec<Listed>>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = self.pages.next()?;
        Some(page.map(|page| self.items(&page)))
    }
}

impl Matching<'_> {
    fn items(&mut self, page: &Page) -> Vec<Listed> {
        let documents = page.documents();
        let items = documents.filter_map(|raw| self.item(raw, &page.notes));
        items.collect()
    }

    fn item(&mut self, raw: &RawDocument, notes: &Notes) -> Option<Listed> {
        let found = Box::new(read(raw, &mut self.stores)?);
        if found.is_stores() {
            return None;
        }
        let notes = notes.get(&found.id).map_or(&[][..], Vec::as_slice);
        let (entry, content) = match self.values {
            Values::Omit => (found.entry(found.note(notes)), None),
            Values::Start | Values::Include => {
                let (entry, content) = found.whole(raw, notes);
                (entry, Some(content))
            }
        };
        let is_meant = self.filter.matches(&entry, self.now);
        is_meant.then(|| Listed {
            notes: notes.iter().map(|note| note.id).collect(),
            found,
            entry,
            content,
        })
    }
}

/// Returns a row with the start of its value. A document is read whole in any case.
fn start(row: Row) -> Row {
    // No document is large enough to be in chunks.
    let start = |content| match content {
        Content::Inline(mut bytes) => {
            bytes.truncate(START_SIZE);
            Content::Inline(bytes)
        }
        chunked => chunked,
    };
    match row {
        Row::Entry(entry, content) => Row::Entry(entry, content.map(start)),
        Row::Foreign(mut foreign) => {
            foreign.content = foreign.content.map(start);
            Row::Foreign(foreign)
        }
        damaged @ Row::Damaged(_) => damaged,
    }
}

/// One after the other, whatever page they came with.
fn flat(pages: Matching<'_>) -> impl Iterator<Item = Result<Listed>> {
    let mut pages = pages;
    let mut items = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(item) = items.next() {
                return Some(Ok(item));
            }
            match pages.next()? {
                Ok(page) => items = page.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

/// Reads a document with its value, or why that has no form; `None` if it is none of a store.
pub(super) fn read_whole(
    raw: &RawDocument,
    notes: &[Note],
    stores: &mut Stores,
) -> Option<(Box<Entry>, Result<Content, String>)> {
    Some(read(raw, stores)?.whole(raw, notes))
}

pub(super) fn lookup(backend: &MongoBackend, address: &Address, now: Timestamp) -> Result<Lookup> {
    let Some(raw) = backend.document(address)? else {
        return Ok(Lookup::Missing);
    };
    let collection = &address.store.collection;
    let notes = match DocumentId::read(&raw, "_id") {
        Some(id) => backend.notes_on(collection, id, Values::Include)?,
        None => Vec::new(),
    };
    let whole = read_whole(&raw, &notes, &mut Stores::of(collection));
    Ok(match whole {
        Some((entry, _)) if !entry.is_fresh(now) => Lookup::Stale(entry),
        Some((entry, Ok(content))) => Lookup::Hit(entry, content),
        Some((entry, Err(reason))) => Lookup::Foreign(entry, reason),
        None => Lookup::Missing,
    })
}

/// Store by store and oldest first, from FiftyOne's index on the name, which has documents of one
/// name as they came.
pub(super) fn stored(direction: i32) -> ServerOrder {
    Some(doc! { "store_name": direction })
}

/// Returns the order that the server itself can bring documents into; `None` if they are to be
/// sorted here, as those of several collections are.
fn server_order(scan: &Scan, is_one_collection: bool) -> Option<ServerOrder> {
    if query::notes(&scan.filter).is_some() {
        return None;
    }
    let direction = match scan.direction {
        Direction::Ascending => 1,
        Direction::Descending => -1,
    };
    match scan.sort {
        // Where a page ended is only known of an order.
        Sort::Any => scan.after.is_none().then_some(None),
        Sort::Stored => Some(stored(direction)),
        _ if !is_one_collection => None,
        Sort::Key => Some(Some(doc! { "key": direction })),
        Sort::Created => Some(Some(doc! { "created_at": direction, "_id": direction })),
        _ => None,
    }
}

/// The place of an entry in an order. Entries that are equal in it come store by store, oldest
/// first, as the entries beyond a capacity do.
type Place = (Rank, Arc<StoreAddress>, DocumentId);

fn place(listed: &Listed, sort: Sort, now: Timestamp) -> Place {
    let store = listed.entry.address.store.clone();
    (
        rank(&listed.entry, sort, now),
        store,
        listed.found.id.clone(),
    )
}

/// The part of a place that the order decides. Where any order will do, it is that of the keys, so
/// that a page has an end to go on from.
type Rank = (Option<(Arc<str>, Arc<str>)>, Option<Key>, i128);

fn rank(entry: &Entry, sort: Sort, now: Timestamp) -> Rank {
    let store = &entry.address.store;
    let name =
        matches!(sort, Sort::Stored).then(|| (store.collection.clone(), store.store_name.clone()));
    let key = matches!(sort, Sort::Key | Sort::Any).then(|| entry.address.key.clone());
    (name, key, sort.rank(entry, now))
}

/// Returns the number of entries up to and with `after`. The order does not decide which of two
/// equal entries comes first, so the entry itself is looked for; if it is gone, the last entry that
/// is before it in the order.
fn page_start(listed: &[Listed], after: &Entry, scan: &Scan, now: Timestamp) -> usize {
    let rank = |entry: &Entry| rank(entry, scan.sort, now);
    let last = rank(after);
    let is_before = |entry: &Entry| match scan.direction {
        Direction::Ascending => rank(entry) < last,
        Direction::Descending => rank(entry) > last,
    };
    (listed.iter())
        .position(|item| item.entry.address == after.address)
        .or_else(|| listed.iter().rposition(|item| is_before(&item.entry)))
        .map_or(0, |last| last + 1)
}

/// Reads entries. An order that depends on notes is made here, and takes memory for each matching
/// entry.
pub(super) fn scan<'a>(backend: &'a MongoBackend, scan: &Scan, now: Timestamp) -> Result<Rows<'a>> {
    if scan.values == Values::Start {
        let whole = Scan {
            values: Values::Include,
            ..scan.clone()
        };
        let rows = self::scan(backend, &whole, now)?;
        return Ok(Box::new(rows.map(|row| row.map(start))));
    }
    let limit = usize::try_from(scan.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let filter = scan.filter.clone();
    let is_one = backend.meant_collections(&filter)?.len() == 1;
    let order = server_order(scan, is_one);
    let is_ordered = order.is_some();
    let order = order.flatten();
    if is_ordered && scan.after.is_none() {
        let items = backend.items(&filter, now, order, scan.values, Some(limit))?;
        return Ok(Box::new(items.take(limit).map(|item| item.map(row))));
    }
    let mut listed = Vec::new();
    for item in backend.items(&filter, now, order, Values::Omit, None)? {
        listed.push(item?);
    }
    if !is_ordered {
        let place = |item: &Listed| place(item, scan.sort, now);
        match scan.direction {
            Direction::Ascending => listed.sort_by_cached_key(place),
            Direction::Descending => listed.sort_by_cached_key(|item| Reverse(place(item))),
        }
    }
    if let Some(after) = scan.after.as_deref() {
        let start = page_start(&listed, after, scan, now);
        listed.drain(..start);
    }
    listed.truncate(limit);
    if scan.values == Values::Omit {
        return Ok(Box::new(listed.into_iter().map(|item| Ok(row(item)))));
    }
    let mut listed = listed.into_iter().peekable();
    let chunks = std::iter::from_fn(move || {
        listed.peek()?;
        let mut chunk = Vec::new();
        let mut size = 0;
        while chunk.len() < BATCH
            && size < VALUES_SIZE
            && let Some(item) = listed.next()
        {
            size = item.entry.size.saturating_add(size);
            chunk.push(item);
        }
        Some(backend.with_values(&chunk, &filter, now))
    });
    let rows = chunks.flat_map(|chunk| match chunk {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    });
    Ok(Box::new(rows))
}

fn row(listed: Listed) -> Row {
    let (content, no_form) = match listed.content {
        None => (None, None),
        Some(Ok(content)) => (Some(content), None),
        Some(Err(reason)) => (None, Some(reason)),
    };
    let reasons = listed.found.foreign().into_iter().chain(no_form);
    let reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() {
        Row::Entry(listed.entry, content)
    } else {
        Row::Foreign(Box::new(Foreign {
            entry: *listed.entry,
            content,
            reason: reasons.join("; "),
        }))
    }
}
