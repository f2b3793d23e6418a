//! The ids of many keys, from the index of keys alone.

use std::cmp::Ordering;
use std::rc::Rc;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::backend::sqlite::format::damage::is_corrupt;
use crate::backend::sqlite::format::encoding::StoredKey;

/// Rows of the index that a walk may read for each key that it finds. Finding a key from the root
/// of the index takes six times as long as reading the next row.
const ROWS_PER_KEY: usize = 4;

/// Rows that a walk may read before it has found a key.
const FIRST_ROWS: usize = 1024;

/// Finds entries of one store, and passes the number of each key that has one, and its id.
///
/// Keys in the order of the index read each of its pages once. A part of the index is walked if
/// many of its keys are wanted. Keys that are not found in this way are looked for one by one: the
/// walk ends where few are wanted, and an index that is damaged in one place has others.
pub(in super::super) fn find_ids(
    connection: &Connection,
    store: i64,
    keys: &[&StoredKey<'_>],
    mut found: impl FnMut(usize, i64),
) -> rusqlite::Result<()> {
    let mut rest = Vec::new();
    walk(connection, store, keys, &mut found, &mut rest)?;
    if rest.is_empty() {
        return Ok(());
    }
    // One statement for all keys takes half as long as one for each.
    let wanted: Rc<Vec<Value>> = Rc::new(rest.iter().map(|key| keys[*key].into()).collect());
    let mut find = connection.prepare_cached(
        "SELECT k.rowid, e.id FROM rarray(?2) AS k \
         CROSS JOIN entries AS e INDEXED BY entries_key ON e.store = ?1 AND e.key = k.value",
    )?;
    let mut rows = find.query((store, wanted))?;
    while let Some(row) = rows.next()? {
        found(rest[row.get::<_, usize>(0)? - 1], row.get(1)?);
    }
    Ok(())
}

/// Walks the index from the first key on while many of its rows are wanted, and adds the numbers of
/// the keys that it has not found to `rest`.
fn walk(
    connection: &Connection,
    store: i64,
    keys: &[&StoredKey<'_>],
    found: &mut impl FnMut(usize, i64),
    rest: &mut Vec<usize>,
) -> rusqlite::Result<()> {
    let Some(first) = keys.first() else {
        return Ok(());
    };
    let mut walk = connection.prepare_cached(
        "SELECT key, id FROM entries INDEXED BY entries_key \
         WHERE store = ?1 AND key >= ?2 ORDER BY key",
    )?;
    let mut rows = walk.query((store, first))?;
    let mut number = 0;
    let mut may_read = FIRST_ROWS.min(keys.len());
    while number < keys.len() && may_read > 0 {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) if is_corrupt(&error) => break,
            Err(error) => return Err(error),
        };
        may_read -= 1;
        let key = row.get_ref(0)?;
        while let Some(wanted) = keys.get(number) {
            match wanted.compare(key) {
                Ordering::Less => rest.push(number),
                Ordering::Equal => {
                    found(number, row.get(1)?);
                    may_read += ROWS_PER_KEY;
                }
                Ordering::Greater => break,
            }
            number += 1;
        }
    }
    rest.extend(number..keys.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::format::encoding::stored_key;
    use crate::key::{Key, is_hash};

    /// Returns a number's key: a text or a hash.
    fn key(number: i64) -> String {
        match number % 3 {
            0 => number.to_string(),
            _ => Key::of_preimage(&number.to_string()).to_string(),
        }
    }

    /// Makes a store of the even numbers below 6000, between two others.
    fn connection() -> Connection {
        let connection = Connection::open_in_memory().expect("a connection");
        rusqlite::vtab::array::load_module(&connection).expect("arrays");
        connection
            .execute_batch(
                "CREATE TABLE entries(id INTEGER PRIMARY KEY, store INTEGER, key ANY) STRICT; \
                 CREATE UNIQUE INDEX entries_key ON entries(store, key); BEGIN",
            )
            .expect("a table");
        let sql = "INSERT INTO entries VALUES (?1, ?2, ?3)";
        let mut insert = connection.prepare(sql).expect("a statement");
        for (store, number) in (0..3).flat_map(|store| (0..3000).map(move |one| (store, 2 * one))) {
            let key = key(number);
            let row = (store * 6000 + number, store, stored_key(&key));
            insert.execute(row).expect("a row");
        }
        drop(insert);
        connection
    }

    #[test]
    fn every_key_is_found_whatever_the_walk_finds() {
        let connection = connection();
        let sets: [Vec<i64>; 6] = [
            (0..6000).collect(),
            (0..6000).step_by(50).collect(),
            (0..6000).chain(0..100).collect(),
            (0..600).map(|number| 2 * number + 1).collect(),
            vec![2],
            vec![],
        ];
        for numbers in sets {
            let mut sorted: Vec<_> = numbers.into_iter().map(|one| (one, key(one))).collect();
            sorted.sort_by_key(|(_, key)| (is_hash(key), key.clone()));
            let mut reversed = sorted.clone();
            reversed.reverse();
            for wanted in [sorted, reversed] {
                let keys: Vec<_> = wanted.iter().map(|(_, key)| stored_key(key)).collect();
                let keys: Vec<_> = keys.iter().collect();
                let mut found = vec![None; keys.len()];
                find_ids(&connection, 1, &keys, |number, id| {
                    assert_eq!(found[number].replace(id), None);
                })
                .expect("ids");
                let id = |number: i64| (number % 2 == 0).then_some(6000 + number);
                let expected: Vec<_> = wanted.iter().map(|(number, _)| id(*number)).collect();
                assert_eq!(found, expected);
            }
        }
    }
}
