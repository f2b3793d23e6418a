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

use super::Verified;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::format::damage::{RowError, is_corrupt};
use crate::backend::sqlite::format::encoding::{StoredKey, stored_key};
use crate::backend::sqlite::query::Parameter;
use crate::backend::sqlite::query::key_index::find_ids;
use crate::backend::sqlite::row::{self, Known, Uses};
use crate::backend::{HitRef, LOOKUP_SIZE, LookedUp, Lookup};
use crate::error::Result;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// The rows of ids, in their order.
const ROWS: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", e.value FROM rarray(?1) AS k CROSS JOIN entries AS e NOT INDEXED ON e.id = k.value"
);

/// The place of an entry that the index of keys has.
#[derive(Clone, Copy)]
struct Place {
    id: i64,
    store: i64,
    /// The index of its address
    index: usize,
}

/// A batch of look-ups, and the one to whom their results are handed.
struct LookupBatch<'a> {
    addresses: &'a [Address],
    /// The keys of the addresses
    keys: Vec<StoredKey<'a>>,
    now: Timestamp,
    visit: &'a mut dyn FnMut(usize, LookedUp<'_>),
    /// The total size of the values so far
    size: usize,
}

impl LookupBatch<'_> {
    fn visit(&mut self, index: usize, found: LookedUp<'_>) {
        self.size += found.size();
        (self.visit)(index, found);
    }

    fn is_full(&self) -> bool {
        self.size > LOOKUP_SIZE
    }
}

impl SqliteBackend {
    /// Looks up entries in one snapshot, and hands the results to a visitor. Returns the number of
    /// those at the beginning that are done.
    ///
    /// An entry that cannot be read in this way is looked up by itself, which reports the fault.
    pub(super) fn visit_batch(
        &self,
        session: &Session,
        addresses: &[Address],
        now: Timestamp,
        visit: &mut dyn FnMut(usize, LookedUp<'_>),
    ) -> Result<usize> {
        let keys = addresses.iter().map(|one| stored_key(one.key.as_str()));
        let mut batch = LookupBatch {
            addresses,
            keys: keys.collect(),
            now,
            visit,
            size: 0,
        };
        let places = self.places(session, &batch);
        let mut places = places.map_err(|error| self.error(error))?;
        places.sort_unstable_by_key(|place| place.id);
        let mut is_there = vec![false; addresses.len()];
        for place in &places {
            is_there[place.index] = true;
        }
        for (index, is_there) in is_there.into_iter().enumerate() {
            if !is_there {
                batch.visit(index, LookedUp::Other(Lookup::Missing));
            }
        }
        let mut done = addresses.len();
        loop {
            let visited = self.visit_places(session, &mut batch, &places)?;
            if visited == places.len() {
                return Ok(done);
            }
            // The values of so many at the beginning most likely fit, so that most are visited.
            done = (done * visited / places.len()).max(1);
            places.drain(..visited);
            places.retain(|place| place.index < done);
            batch.size = 0;
        }
    }

    /// Visits entries until their values are too large; returns the number of the visited ones.
    fn visit_places(
        &self,
        session: &Session,
        batch: &mut LookupBatch<'_>,
        places: &[Place],
    ) -> Result<usize> {
        let sqlite = |error| self.error(error);
        let mut known = Known::default();
        let mut statement = session.prepare_cached(ROWS).map_err(sqlite)?;
        let ids = Parameter::many(places.iter().map(|place| place.id));
        let mut rows = statement.query([ids]).map_err(sqlite)?;
        let mut visited = 0;
        while visited < places.len() && !batch.is_full() {
            let row = match rows.next() {
                Ok(row) => row,
                Err(error) if is_corrupt(&error) => None,
                Err(error) => return Err(sqlite(error)),
            };
            let Some(row) = row else { break };
            let id: i64 = row.get(0).map_err(sqlite)?;
            while let Some(place) = places.get(visited)
                && place.id < id
                && !batch.is_full()
            {
                self.visit_alone(session, batch, place.index)?;
                visited += 1;
            }
            let Some(place) = places.get(visited).filter(|place| place.id == id) else {
                break;
            };
            match self.by_row(session, (row, &mut known), *place, batch) {
                Ok(true) => {}
                Err(RowError::Sqlite(error)) if !is_corrupt(&error) => return Err(sqlite(error)),
                Ok(false) | Err(_) => self.visit_alone(session, batch, place.index)?,
            }
            visited += 1;
        }
        // The table has no rows of them, or cannot be read there.
        while visited < places.len() && !batch.is_full() {
            self.visit_alone(session, batch, places[visited].index)?;
            visited += 1;
        }
        Ok(visited)
    }

    /// Looks up an entry by itself.
    fn visit_alone(
        &self,
        session: &Session,
        batch: &mut LookupBatch<'_>,
        index: usize,
    ) -> Result<()> {
        let address = &batch.addresses[index];
        let lookup = self.lookup_with(session, address, batch.now, Verified::Here)?;
        batch.visit(index, LookedUp::Other(lookup));
        Ok(())
    }

    /// Returns the places of those entries that the index of keys has.
    fn places(&self, session: &Session, batch: &LookupBatch<'_>) -> rusqlite::Result<Vec<Place>> {
        let mut stores: BTreeMap<&StoreAddress, Option<i64>> = BTreeMap::new();
        let mut last: Option<(&Arc<StoreAddress>, Option<i64>)> = None;
        let mut order = Vec::with_capacity(batch.addresses.len());
        for (index, address) in batch.addresses.iter().enumerate() {
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
            order.extend(store.map(|store| (rank(store, &batch.keys[index]), store, index)));
        }
        order.sort_unstable_by_key(|(rank, ..)| *rank);
        let mut places = Vec::with_capacity(order.len());
        for of_store in order.chunk_by(|(_, store, _), (_, next, _)| store == next) {
            let store = of_store[0].1;
            let keys = of_store.iter().map(|(.., index)| &batch.keys[*index]);
            find_ids(session, store, &keys.collect::<Vec<_>>(), |number, id| {
                let (.., index) = of_store[number];
                places.push(Place { id, store, index });
            })?;
        }
        Ok(places)
    }

    /// Visits the entry of a row, unless it has to be looked up by itself.
    fn by_row(
        &self,
        session: &Session,
        (row, known): (&Row<'_>, &mut Known),
        place: Place,
        batch: &mut LookupBatch<'_>,
    ) -> Result<bool, RowError> {
        let fields = row::fields(row)?;
        if fields.is_marked() {
            batch.visit(place.index, LookedUp::Other(Lookup::Missing));
            return Ok(true);
        }
        let mut digits = [0; 64];
        let entry = known.entry(session, &self.names, &fields, Uses::default(), &mut digits)?;
        // A damaged index can lead to the wrong row. The id of the store was read in this snapshot.
        if fields.store != place.store || entry.key != batch.addresses[place.index].key.as_str() {
            return Err(RowError::Damaged);
        }
        if !entry.is_fresh(batch.now) {
            batch.visit(place.index, LookedUp::Stale);
            return Ok(true);
        }
        let value = row::inline(&fields, row)?;
        if let Some(value) = value {
            batch.visit(place.index, LookedUp::Hit(HitRef::of(&entry), value));
        }
        Ok(value.is_some())
    }
}

/// Returns a number that orders keys of stores as the index of keys does, up to the first bytes of
/// a key.
fn rank(store: i64, key: &StoredKey<'_>) -> u128 {
    let (is_hash, begin) = key.begin();
    (store as u128) << 65 | u128::from(is_hash) << 64 | u128::from(begin)
}
