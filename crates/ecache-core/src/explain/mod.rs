//! Explains why a call is a hit or a miss: reports the entry under its key or, without one, the
//! entries nearest to the call.
//!
//! The work is bounded: at most [`CANDIDATES`] entries are read, the latest of the stores of that
//! name (a scan of their ids finds them), and the key is looked up in as many other stores. Removed
//! entries leave no trace, so a call that is in none of these was never stored, or it was removed.

mod difference;

pub use difference::{Difference, IdentityPart, differences};

use std::sync::Arc;

use self::difference::{of_arguments, of_scopes};
use crate::backend::{Backend, Content, Direction, Lookup, Row, Scan};
use crate::command::{self, Failures, Outputs};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern};
use crate::python_json::Json;
use crate::scope::{Address, Scopes};
use crate::time::Timestamp;
use crate::value::Kind;

/// Maximum number of entries read to find the nearest, and of stores searched.
pub const CANDIDATES: u64 = 1000;

/// Maximum number of nearest entries in an explanation.
const NEAREST: usize = 3;

/// A call that is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The address at which it would be stored
    pub address: Address,
    /// The scopes it is made in
    pub scopes: Scopes,
    /// The function or program that makes it, where that is recorded
    pub function: Option<Arc<str>>,
    /// Its arguments, `None` if it is asked for by its key
    pub arguments: Option<Vec<Json>>,
    /// The kind of its value, if known
    pub kind: Option<Kind>,
    /// Output destinations of the command; `None` if it is not a command
    pub outputs: Option<Outputs>,
    /// Address of the alternative entry for these outputs, used if the entry at `address` is for
    /// other outputs
    pub beside: Option<Address>,
    /// The failures that would be replayed, if it is a command
    pub failures: Failures,
}

/// The state of a call in the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Explanation {
    /// It is a hit
    Hit(Box<Entry>),
    /// There is one that is expired, or whose write time is in the future
    Stale(Box<Entry>),
    /// A recorded failure with this exit code, which may not be replayed
    Failure(Box<Entry>, u8),
    /// There is one, but its value differs from the one written
    Damaged,
    /// There is one under its key that something else made, as these differences say
    Another(Box<Entry>, Vec<Difference>),
    /// There is none
    Missing(Missing),
}

/// Entries that resemble a missing call.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Missing {
    /// Entries under its key in other stores, datasets or collections
    pub elsewhere: Vec<Entry>,
    /// The nearest entries in stores of its name, nearest first
    pub nearest: Vec<Near>,
    /// Number of entries read to find these
    pub read: u64,
}

/// An entry that resembles the requested call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Near {
    /// The entry
    pub entry: Entry,
    /// The differences
    pub differences: Vec<Difference>,
}

/// Explains what a look-up of a call finds, and changes nothing.
///
/// # Errors
/// If the store cannot be read.
pub fn explain(backend: &dyn Backend, question: &Question, now: Timestamp) -> Result<Explanation> {
    Ok(match backend.lookup(&question.address, now)? {
        // `run` treats a value that is not a recording as a miss.
        Lookup::Hit(entry, content)
            if question.outputs.is_some()
                && entry.kind == Kind::Command
                && command::form(backend, &content)?.is_none() =>
        {
            Explanation::Damaged
        }
        Lookup::Hit(entry, content) => {
            let mut differences = contradictions(question, &entry);
            if let Some(difference) = of_outputs(backend, question, &entry, &content)? {
                if differences.is_empty()
                    && let Some((entry, content)) = beside(backend, question, &entry, now)?
                {
                    return allowed(backend, question, (entry, content), now);
                }
                differences.push(difference);
            }
            if !differences.is_empty() {
                return Ok(Explanation::Another(entry, differences));
            }
            allowed(backend, question, (entry, content), now)?
        }
        Lookup::Stale(entry) => Explanation::Stale(entry),
        Lookup::Damaged(_) => Explanation::Damaged,
        Lookup::Foreign(entry, reason) => return Err(Error::foreign(entry.address, reason)),
        Lookup::Missing => Explanation::Missing(Missing {
            elsewhere: elsewhere(backend, question, now)?,
            ..nearest(backend, question, now)?
        }),
    })
}

/// Applies the policy on replaying failures to the entry found.
fn allowed(
    backend: &dyn Backend,
    question: &Question,
    (mut entry, content): (Box<Entry>, Content),
    now: Timestamp,
) -> Result<Explanation> {
    let exit = match entry.kind {
        Kind::Command => command::exit_code(backend, &content)?,
        _ => None,
    };
    Ok(match exit {
        None | Some(0) => Explanation::Hit(entry),
        Some(exit) if !question.failures.allow(&mut entry) => Explanation::Failure(entry, exit),
        Some(_) if !entry.is_fresh(now) => Explanation::Stale(entry),
        Some(_) => Explanation::Hit(entry),
    })
}

/// Looks up the alternative entry beside a command's own one, which was recorded for other outputs.
fn beside(
    backend: &dyn Backend,
    question: &Question,
    own: &Entry,
    now: Timestamp,
) -> Result<Option<(Box<Entry>, Content)>> {
    let Some(address) = &question.beside else {
        return Ok(None);
    };
    Ok(match backend.lookup(address, now)? {
        Lookup::Hit(entry, content) if command::is_beside(&entry, own) => {
            let differs = of_outputs(backend, question, &entry, &content)?;
            differs.is_none().then_some((entry, content))
        }
        _ => None,
    })
}

/// Returns the differences between a call and an entry under the same key; a scope or a function
/// that the entry does not record is not a difference.
fn contradictions(question: &Question, entry: &Entry) -> Vec<Difference> {
    let mut found = of_scopes(question, entry);
    found.retain(|difference| difference.recorded.is_some());
    found.extend(of_arguments(question, entry));
    found
}

/// Returns the difference in outputs, if the recording does not serve the requested ones.
fn of_outputs(
    backend: &dyn Backend,
    question: &Question,
    entry: &Entry,
    content: &Content,
) -> Result<Option<Difference>> {
    let Some(outputs) = question.outputs.filter(|_| entry.kind == Kind::Command) else {
        return Ok(None);
    };
    let form = command::form(backend, content)?;
    let (apart, one) = (Json::from("apart"), Json::from("one"));
    let (asked, recorded) = match outputs {
        Outputs::Apart => (apart, one),
        Outputs::Merged => (one, apart),
    };
    let difference = Difference::new(IdentityPart::Outputs, Some(asked), Some(recorded));
    Ok(difference.filter(|_| form.is_some_and(|form| !form.answers(outputs))))
}

/// Looks for the key in other stores.
fn elsewhere(backend: &dyn Backend, question: &Question, now: Timestamp) -> Result<Vec<Entry>> {
    let own = &*question.address.store;
    let mut stores = backend.stores()?;
    stores.retain(|store| *store.address != *own);
    // The stores that differ least come first, so that the limit does not cut them off.
    stores.sort_by_key(|store| {
        let store = &store.address;
        (
            store.store_name != own.store_name,
            store.dataset_id != own.dataset_id,
        )
    });
    stores.truncate(CANDIDATES as usize);
    let mut found = Vec::new();
    for store in &stores {
        let address = store.address.entry(question.address.key.clone());
        if let Lookup::Hit(entry, _) | Lookup::Stale(entry) = backend.lookup(&address, now)? {
            found.push(*entry);
        }
        if found.len() == NEAREST {
            break;
        }
    }
    Ok(found)
}

/// Finds the entries that differ least among the latest ones of the stores of that name.
fn nearest(backend: &dyn Backend, question: &Question, now: Timestamp) -> Result<Missing> {
    let mut missing = Missing::default();
    if question.arguments.is_none() {
        return Ok(missing);
    }
    let store = &question.address.store;
    let filter = Filter {
        collections: vec![Pattern::exact(&*store.collection)],
        stores: vec![Pattern::exact(&*store.store_name)],
        ..Filter::default()
    };
    let scan = Scan {
        direction: Direction::Descending,
        limit: Some(CANDIDATES),
        ..Scan::new(filter)
    };
    for row in backend.scan(&scan, now)? {
        let row = row?;
        if matches!(&row, Row::Entry(entry, _) if entry.is_input_record()) {
            continue;
        }
        missing.read += 1;
        let Row::Entry(entry, _) = row else { continue };
        // An entry with the same key is reported in `elsewhere`.
        if entry.address.key == question.address.key {
            continue;
        }
        // Without recorded arguments the distance is unknown.
        if entry.args.is_none() {
            continue;
        }
        let differences = differences(question, &entry);
        let rank = |near: &Near| near.differences.len();
        let at = missing
            .nearest
            .partition_point(|near| rank(near) <= differences.len());
        if at < NEAREST {
            missing.nearest.insert(
                at,
                Near {
                    entry: *entry,
                    differences,
                },
            );
            missing.nearest.truncate(NEAREST);
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests;
