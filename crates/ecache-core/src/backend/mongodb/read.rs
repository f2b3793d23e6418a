//! Reads the entries that a filter matches, page by page.

use std::collections::BTreeSet;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawDocument, doc};

use super::document::{DescribedEntry, read};
use super::driver::{Form, Page, Pages, Queries};
use super::id::DocumentId;
use super::interned::Stores;
use super::{BATCH, MongoBackend, query};
use crate::backend::{Content, Values};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern};
use crate::time::Timestamp;

/// Documents of this many bytes, on the average, are read faster whole than the server leaves their
/// values out.
const SMALL: i64 = 4 << 10;

/// An entry of a listing.
pub(super) struct Listed {
    pub found: Box<DescribedEntry>,
    pub entry: Box<Entry>,
    /// The requested value, or the reason why it has no form
    pub content: Option<Result<Content, String>>,
    /// The notes on the document, of any version
    pub notes: Vec<ObjectId>,
}

/// The order of documents; `None` where it does not matter.
pub(super) type ServerOrder = Option<Document>;

impl MongoBackend {
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

    /// Returns the documents that have such notes.
    fn noted(&self, collection: &str, query: Document) -> Result<Vec<DocumentId>> {
        let notes = self.notes(collection)?;
        let mut ids = BTreeSet::new();
        let found = notes.find(query).projection(doc! { "entry": 1 }).batch();
        self.each(found, |raw| ids.extend(DocumentId::read(raw, "entry")))?;
        Ok(ids.into_iter().collect())
    }

    /// Reads documents of one collection as they are now, with their values.
    pub(super) fn again(
        &self,
        collection: &str,
        ids: &[DocumentId],
        filter: &Filter,
        now: Timestamp,
    ) -> Result<impl Iterator<Item = Result<Listed>>> {
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
        Ok(flat(again))
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
        let items = documents.filter_map(|raw| self.item(raw, page));
        items.collect()
    }

    fn item(&mut self, raw: &RawDocument, page: &Page) -> Option<Listed> {
        let mut found = Box::new(read(raw, &mut self.stores)?);
        found.kind = page.kind(&found);
        if found.is_stores() {
            return None;
        }
        let notes = page.notes.get(&found.id).map_or(&[][..], Vec::as_slice);
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

/// Flattens pages into entries.
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

/// Returns the order by store, oldest first, which is that of FiftyOne's index on the name: it has
/// documents of one name as they came.
pub(super) fn stored(direction: i32) -> ServerOrder {
    Some(doc! { "store_name": direction })
}
