//! Operations that are not counted yet. The entries of whole stores are counted after the
//! transaction that removes or restores them, and the process may be killed in between.

use rusqlite::{Connection, Params};

use super::{LoggedOperation, OperationPart};
use crate::backend::Effect;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::format::encoding::UNMARKED;
use crate::backend::sqlite::query::{Parameter, Range};
use crate::error::Result;
use crate::filter::Usage;

impl SqliteBackend {
    /// Counts an operation if that is still to be done, and writes that to its record. The write
    /// lock is held for the record alone, which another process may have changed meanwhile.
    pub(in super::super) fn count_operation(&self, stored: &mut LoggedOperation) -> Result<()> {
        if stored.usage.is_some() {
            return Ok(());
        }
        let counted = stored.count(&*self.connection()?);
        counted.map_err(|error| self.error(error))?;
        self.transaction(|transaction| {
            let current = LoggedOperation::read(transaction, stored.number)?;
            if let Some(mut current) = current.filter(|current| current.usage.is_none()) {
                current.usage = stored.usage;
                current.write(transaction)?;
            }
            Ok(())
        })
    }
}

impl LoggedOperation {
    /// Reports whether it changed whole stores alone.
    pub(in super::super) fn is_of_stores(&self, connection: &Connection) -> rusqlite::Result<bool> {
        for number in 1..=self.parts {
            if !matches!(
                self.part(connection, number)?,
                OperationPart::Stayed(_) | OperationPart::Left(..)
            ) {
                return Ok(false);
            }
        }
        Ok(!self.swaps.is_empty())
    }

    /// Counts its entries, if that is still to be done.
    pub(in super::super) fn count(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.usage.is_some() {
            return Ok(());
        }
        let is_removal = self.effect == Effect::Removed;
        let mut usage = Usage::default();
        for swap in &self.swaps {
            usage += if is_removal {
                usage_within(connection, Range::store(swap.retired))?
            } else {
                usage_within(connection, restored(swap.used, swap.last))?
            };
        }
        let is_of_store = |id: &i64| {
            let mut stores = self.swaps.iter();
            stores.any(|swap| restored(swap.used, swap.last).contains(*id))
        };
        let mut stayed = Usage::default();
        for number in 1..=self.parts {
            match self.part(connection, number)? {
                OperationPart::Removed(ids) if is_removal => {
                    usage += usage_of_all(connection, ids)?
                }
                OperationPart::Added(added) if !is_removal => {
                    let mut ids = added.ids;
                    ids.retain(|id| !is_of_store(id));
                    usage += usage_of_all(connection, ids)?;
                }
                OperationPart::Stayed(places) if !is_removal => {
                    let ids = places.into_keys().filter(is_of_store).collect();
                    stayed += usage_of_all(connection, ids)?;
                }
                _ => {}
            }
        }
        self.usage = Some((0, 0));
        self.add_usage(Usage {
            entries: usage.entries.saturating_sub(stayed.entries),
            bytes: usage.bytes.saturating_sub(stayed.bytes),
        });
        Ok(())
    }
}

/// Returns the ids up to the last that a store had when it came back.
fn restored(store: i64, last: i64) -> Range {
    Range {
        end: last,
        ..Range::store(store)
    }
}

fn usage_within(connection: &Connection, Range { after, end }: Range) -> rusqlite::Result<Usage> {
    let sql = format!(
        "SELECT count(*), coalesce(sum(size), 0) FROM entries AS e NOT INDEXED \
         WHERE id > ?1 AND id <= ?2 AND {UNMARKED}"
    );
    usage(connection, &sql, (after, end))
}

/// Counts rows, whether they are marked or not.
fn usage_of_all(connection: &Connection, ids: Vec<i64>) -> rusqlite::Result<Usage> {
    let sql = "SELECT count(*), coalesce(sum(e.size), 0) FROM rarray(?1) AS k \
               CROSS JOIN entries AS e NOT INDEXED ON e.id = k.value";
    usage(connection, sql, [Parameter::many(ids)])
}

fn usage(connection: &Connection, sql: &str, parameters: impl Params) -> rusqlite::Result<Usage> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(parameters, |row| {
        Ok(Usage {
            entries: row.get(0)?,
            bytes: row.get(1)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::backend::sqlite::operations::LoggedOperation;
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::backend::{Condition, Content, Operation, UndoBackend, WriteBackend, no_progress};
    use crate::entry::Entry;
    use crate::filter::{Filter, Usage};
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::Timestamp;
    use crate::value::Kind;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    /// Takes the count out of the record of an operation, as if its process had been killed before
    /// it counted.
    fn forget_count(backend: &SqliteBackend, number: i64) {
        let forgotten = backend.transaction(|transaction| {
            let stored = LoggedOperation::read(transaction, number)?;
            let mut stored = stored.expect("an operation");
            stored.usage = None;
            Ok(stored.write(transaction)?)
        });
        forgotten.expect("a record");
    }

    #[test]
    fn operations_that_were_killed_before_they_were_counted_are_counted() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
        for number in 0..5_u8 {
            let key = Key::new(number.to_string()).expect("a key");
            let mut entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Bytes, NOW);
            if number == 4 {
                entry.policy = crate::entry::Policy::Persist;
            }
            let content = Content::Inline(vec![number; 3]);
            let put = backend.put(&entry, &content, &Condition::Always.into(), NOW);
            put.expect("an entry");
        }
        let operation = Operation::default();
        let evict = Filter {
            policy: Some(crate::entry::Policy::Evict),
            ..Filter::default()
        };
        let removed =
            backend.remove_undoably(&evict.into(), None, &operation, NOW, &mut no_progress);
        removed.expect("a removal");
        let expected = Usage {
            entries: 4,
            bytes: 12,
        };
        for number in 1..4 {
            if number > 1 {
                let which = Some(number as u64 - 1);
                let undone = backend.undo(which, &operation, NOW, &mut no_progress);
                assert_eq!(undone.expect("an undo").usage, expected, "{number}");
            }
            let logged = || backend.operations().expect("a log")[0].usage;
            assert_eq!(logged(), expected, "{number}");
            forget_count(&backend, number);
            assert_eq!(logged(), expected, "{number}");
            let connection = backend.connection().expect("a connection");
            let stored = LoggedOperation::read(&connection, number).expect("a record");
            drop(connection);
            let mut stored = stored.expect("an operation");
            backend.count_operation(&mut stored).expect("a count");
            assert_eq!(stored.usage, Some((4, 12)), "{number}");
            if number < 3 {
                forget_count(&backend, number);
            }
        }
    }
}
