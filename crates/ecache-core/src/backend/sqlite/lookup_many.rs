//! Looks up a batch of entries in two passes: their ids in the order of the index of keys, then
//! their rows in the order of the table.
//!
//! The index of keys and the table have their entries in different orders. Going from one to the
//! other for each key reads a page of the table each time; two passes read each page once. Both
//! see one snapshot, so an id is still that of its key in the second one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use rusqlite::Row;

use super::SqliteBackend;
use super::damage::{RowError, is_corrupt};
use super::key_index::find_ids;
use super::query::Parameter;
use super::read::Verified;
use super::row::{self, AFTER_USES, Known, USES, Uses};
use super::session::Session;
use crate::backend::{Content, LOOKUP_SIZE, LookedUp, Lookup};
use crate::error::Result;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// The rows of ids, each with the number of its id.
const ROWS: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", e.value, ",
    row::uses!(),
    ", k.rowid FROM rarray(?1) AS k CROSS JOIN entries AS e NOT INDEXED ON e.id = k.value \
     LEFT JOIN uses AS u ON u.entry = e.id"
);

/// The place of an entry that the index of keys has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    id: i64,
    store: i64,
    /// The index of its address
    index: usize,
}

impl SqliteBackend {
    /// Looks up entries in one snapshot, and hands the results to a visitor. Returns their number,
    /// or `None` if their values exceed [`LOOKUP_SIZE`].
    ///
    /// An entry that cannot be read in this way is looked up by itself, which reports the fault.
    pub(super) fn visit_batch(
        &self,
        session: &Session,
        addresses: &[Address],
        now: Timestamp,
        visit: &mut dyn FnMut(usize, LookedUp<'_>),
    ) -> Result<Option<usize>> {
        let sqlite = |error| self.error(error);
        let mut places = self.places(session, addresses).map_err(sqlite)?;
        places.sort_unstable();
        let mut is_there = vec![false; addresses.len()];
        for place in &places {
            is_there[place.index] = true;
        }
        for (index, is_there) in is_there.into_iter().enumerate() {
            if !is_there {
                visit(index, LookedUp::Other(Lookup::Missing));
            }
        }
        let mut size = 0;
        let mut visit = |index: usize, found: LookedUp<'_>| {
            size += match &found {
                LookedUp::Hit(_, value) => value.len(),
                LookedUp::Other(Lookup::Hit(_, Content::Inline(value))) => value.len(),
                LookedUp::Other(_) => 0,
            };
            visit(index, found);
            size <= LOOKUP_SIZE
        };
        let mut is_read = vec![false; places.len()];
        let mut known = Known::default();
        let mut statement = session.prepare_cached(ROWS).map_err(sqlite)?;
        let ids = Parameter::many(places.iter().map(|place| place.id));
        let mut rows = statement.query([ids]).map_err(sqlite)?;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) if is_corrupt(&error) => break,
                Err(error) => return Err(sqlite(error)),
            };
            let number = row.get::<_, usize>(AFTER_USES).map_err(sqlite)? - 1;
            let place = places[number];
            let address = &addresses[place.index];
            let mut has_room = true;
            let visit = &mut |found: LookedUp<'_>| has_room = visit(place.index, found);
            match self.by_row(session, (row, &mut known), place, address, now, visit) {
                Ok(()) => is_read[number] = true,
                Err(RowError::Sqlite(error)) if !is_corrupt(&error) => return Err(sqlite(error)),
                Err(_) => {}
            }
            if !has_room {
                return Ok(None);
            }
        }
        for (place, is_read) in places.iter().zip(is_read) {
            if !is_read {
                let address = &addresses[place.index];
                let lookup = self.lookup_with(session, address, now, Verified::Here)?;
                if !visit(place.index, LookedUp::Other(lookup)) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(addresses.len()))
    }

    /// Returns the places of those entries that the index of keys has.
    fn places(&self, session: &Session, addresses: &[Address]) -> rusqlite::Result<Vec<Place>> {
        let mut stores: BTreeMap<&StoreAddress, Option<i64>> = BTreeMap::new();
        let mut last: Option<(&Arc<StoreAddress>, Option<i64>)> = None;
        let mut order = Vec::with_capacity(addresses.len());
        for (index, address) in addresses.iter().enumerate() {
            let store = match last {
                Some((store, id)) if Arc::ptr_eq(store, &address.store) => id,
                _ => match stores.entry(&address.store) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        *new.insert(self.names.read_store_id(session, &address.store)?)
                    }
                },
            };
            last = Some((&address.store, store));
            order.extend(store.map(|store| (store, start(address.key.as_str()), index)));
        }
        order.sort_unstable();
        let mut places = Vec::with_capacity(order.len());
        for of_store in order.chunk_by(|(store, ..), (next, ..)| store == next) {
            let store = of_store[0].0;
            let keys = of_store
                .iter()
                .map(|(_, _, index)| addresses[*index].key.as_str());
            find_ids(session, store, keys, |number, id| {
                let (.., index) = of_store[number];
                places.push(Place { id, store, index });
            })?;
        }
        Ok(places)
    }

    /// Hands the entry of a row to the visitor.
    fn by_row(
        &self,
        session: &Session,
        (row, known): (&Row<'_>, &mut Known),
        place: Place,
        address: &Address,
        now: Timestamp,
        visit: &mut dyn FnMut(LookedUp<'_>),
    ) -> Result<(), RowError> {
        let fields = row::fields(row)?;
        if fields.is_marked() {
            visit(LookedUp::Other(Lookup::Missing));
            return Ok(());
        }
        let uses = Uses::of_row(row, USES.1)?;
        let mut digits = [0; 64];
        let entry = known.entry(session, &self.names, &fields, uses, &mut digits)?;
        // A damaged index can lead to the wrong row. The id of the store was read in this snapshot.
        if fields.store != place.store || entry.key != address.key.as_str() {
            return Err(RowError::Damaged);
        }
        if !entry.is_fresh(now) {
            let stale = Lookup::Stale(Box::new(entry.to_entry()));
            visit(LookedUp::Other(stale));
        } else if let Some(value) = row::inline(&fields, row)? {
            visit(LookedUp::Hit(&entry, value));
        } else {
            let content = row::content(session, &fields, row)?;
            let hit = Lookup::Hit(Box::new(entry.to_entry()), content);
            visit(LookedUp::Other(hit));
        }
        Ok(())
    }
}

/// Returns the first bytes of a key. Sorting by them finds most neighbours in the index.
fn start(key: &str) -> [u8; 16] {
    let mut start = [0; 16];
    let length = key.len().min(16);
    start[..length].copy_from_slice(&key.as_bytes()[..length]);
    start
}
