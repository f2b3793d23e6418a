//! Scans: entries page by page, in the server's order or sorted here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mongodb::bson::doc;

use super::id::DocumentId;
use super::read::{Listed, ServerOrder, stored};
use super::{BATCH, MongoBackend, query};
use crate::backend::{
    Content, Direction, Foreign, Row, Rows, START_SIZE, Scan, ScanBackend, Sort, Values,
};
use crate::entry::Entry;
use crate::error::Result;
use crate::filter::Filter;
use crate::key::Key;
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Values of this many bytes are fetched at once, unless a single one has more.
const VALUES_SIZE: u64 = 4 << 20;

// Sorting by fields of notes is done here, and takes memory for each matching entry.
impl ScanBackend for MongoBackend {
    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        if scan.values == Values::Start {
            let whole = Scan {
                values: Values::Include,
                ..scan.clone()
            };
            let rows = self.scan(&whole, now)?;
            return Ok(Box::new(rows.map(|row| row.map(start))));
        }
        let limit = usize::try_from(scan.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let filter = scan.filter.clone();
        let is_one = self.meant_collections(&filter)?.len() == 1;
        let order = match server_order(scan, is_one) {
            Some(_) if scan.sort == Sort::Key && self.has_renamed_keys(&filter, now)? => None,
            order => order,
        };
        let is_ordered = order.is_some();
        let order = order.flatten();
        if is_ordered && scan.after.is_none() {
            let items = self.items(&filter, now, order, scan.values, Some(limit))?;
            return Ok(Box::new(items.take(limit).map(|item| item.map(row))));
        }
        let mut listed = Vec::new();
        for item in self.items(&filter, now, order, Values::Omit, None)? {
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
            Some(self.with_values(&chunk, &filter, now))
        });
        let rows = chunks.flat_map(|chunk| match chunk {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        Ok(Box::new(rows))
    }
}

impl MongoBackend {
    /// Reports whether the server orders some of the keys otherwise than their names.
    fn has_renamed_keys(&self, filter: &Filter, now: Timestamp) -> Result<bool> {
        for collection in self.meant_collections(filter)? {
            let these = [query::renamed_keys(), query::documents(filter, now)];
            let documents = self.documents(&collection)?;
            let found = documents.find(doc! { "$and": these.to_vec() });
            let mut is_any = false;
            let found = found.projection(doc! { "_id": 1 }).limit(1).batch();
            self.each(found, |_| is_any = true)?;
            if is_any {
                return Ok(true);
            }
        }
        Ok(false)
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
            for listed in self.again(&collection, &ids, filter, now)? {
                let listed = listed?;
                by_place.insert(place(&listed), row(listed));
            }
        }
        let places = listed.iter().map(place);
        Ok(places.filter_map(|place| by_place.remove(&place)).collect())
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

/// Returns the order in which the server can return documents; `None` if they must be sorted here,
/// as those of several collections.
fn server_order(scan: &Scan, is_one_collection: bool) -> Option<ServerOrder> {
    if query::notes(&scan.filter).is_some() {
        return None;
    }
    let direction = match scan.direction {
        Direction::Ascending => 1,
        Direction::Descending => -1,
    };
    match scan.sort {
        // The end of a page is known only in an order.
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

fn row(listed: Listed) -> Row {
    let (content, no_form) = match listed.content {
        None => (None, None),
        Some(Ok(content)) => (Some(content), None),
        Some(Err(reason)) => (None, Some(reason)),
    };
    let foreign = listed.found.foreign;
    let mut reasons = foreign.map_or_else(Vec::new, |foreign| foreign.reasons);
    if let Some(reason) = no_form
        && !reasons.contains(&reason)
    {
        reasons.push(reason);
    }
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
