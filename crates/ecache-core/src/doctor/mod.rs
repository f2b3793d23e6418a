//! Finds faults in the entries of a store, present ones and coming ones, in one pass, and sums up
//! the entries and bytes of each.
//!
//! Nothing is changed here. A [`Finding`] names its entries, so that a fix removes the entries that
//! were found.
//!
//! Weighed: a query for each check (each an own scan, and a backend would have to know all of
//! them), and one scan with values that every check looks at (chosen: one pass, and any backend
//! that can be scanned has a doctor).

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use self::examiner::Examiner;
use crate::backend::{
    Backend, CollectionDamage, Content, Foreign, Lookup, Progress, Row, Scan, Values, read_value,
};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern};
use crate::python_json::Json;
use crate::scope::{Address, STORE_KEY};
use crate::stored::why_fiftyone_raises;
use crate::time::Timestamp;
use crate::units::spelled;
use crate::value::Kind;

mod check;
mod examiner;
mod findings;
#[cfg(test)]
mod tests;

pub use check::{Check, Remedy, Severity};
pub use findings::{Examination, Finding, Growth};

/// The largest document that MongoDB takes, in bytes.
const DOCUMENT_SIZE: u64 = 16 << 20;

/// A value of this many bytes is near that: the arguments and names of an entry need some room,
/// too.
pub const NEAR_LIMIT: u64 = DOCUMENT_SIZE / 4 * 3;

/// Growth counts the entries written within this time.
pub const RECENT: Duration = Duration::from_secs(86_400);

/// Examines every entry of a collection that `filter` matches; the filter's own collections are
/// ignored.
///
/// Conditions on entries hide a part of each store, so that nothing is [`Check::SharedStores`] or
/// [`Check::OldVersions`] then. `live` are the datasets that exist; without them nothing is
/// [`Check::Orphaned`].
///
/// ```
/// use ecache_core::backend::{memory::MemoryBackend, no_progress};
/// use ecache_core::doctor::examine;
/// use ecache_core::filter::Filter;
/// use ecache_core::scope::DEFAULT_COLLECTION;
/// use ecache_core::time::Timestamp;
///
/// let now = Timestamp::from_millis(1_795_415_570_948);
/// let (store, all) = (MemoryBackend::new(), Filter::default());
/// let healthy = examine(&store, DEFAULT_COLLECTION, &all, None, now, &mut no_progress)?;
/// assert!(healthy.findings.is_empty());
/// # Ok::<(), ecache_core::error::Error>(())
/// ```
///
/// # Errors
/// Fails like [`ScanBackend::scan`](crate::backend::ScanBackend::scan), and with
/// [`Error::Interrupted`] if `progress` breaks off.
pub fn examine(
    backend: &dyn Backend,
    collection: &str,
    filter: &Filter,
    live: Option<&HashSet<Arc<str>>>,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Examination> {
    let filter = Filter {
        collections: vec![Pattern::exact(collection)],
        ..filter.clone()
    };
    let mut examiner = Examiner::new(live, now);
    let scanned = examine_entries(backend, &filter, &mut examiner, progress);
    examiner.unless_damaged(scanned)?;
    let read = examine_documents(backend, &filter, &mut examiner);
    examiner.unless_damaged(read)?;
    let read = examine_collection(backend, collection, &filter, &mut examiner);
    examiner.unless_damaged(read)?;
    let read = examine_limits(backend, collection, &mut examiner);
    examiner.unless_damaged(read)?;
    if filter.means_whole_stores() {
        examiner.note_stores();
    }
    Ok(examiner.finish())
}

fn examine_entries(
    backend: &dyn Backend,
    filter: &Filter,
    examiner: &mut Examiner<'_>,
    progress: Progress<'_>,
) -> Result<()> {
    let now = examiner.now;
    let scan = Scan {
        values: Values::Include,
        ..Scan::new(filter.clone())
    };
    for row in backend.scan(&scan, now)? {
        match row? {
            Row::Entry(entry, content) => {
                let reason = match content {
                    Some(content) => why_unreadable(backend, &entry, content)?,
                    None => None,
                };
                examiner.note(&entry, reason);
            }
            Row::Damaged(address) if address.key.as_str() == STORE_KEY => {
                examiner.find_document(Check::Damaged, address, None);
            }
            Row::Foreign(foreign) => {
                let Foreign {
                    entry,
                    content,
                    reason,
                } = *foreign;
                let unreadable = match content {
                    Some(content) => why_unreadable(backend, &entry, content)?,
                    None => None,
                };
                examiner.note(&entry, unreadable);
                examiner.find(Check::Foreign, &entry.address, entry.size, Some(reason));
            }
            Row::Damaged(address) => examiner.find(Check::Damaged, &address, 0, None),
        }
        if progress(examiner.usage.entries) == ControlFlow::Break(()) {
            return Err(Error::Interrupted {
                done: examiner.usage,
            });
        }
    }
    Ok(())
}

/// Looks at the stores' own documents.
fn examine_documents(
    backend: &dyn Backend,
    filter: &Filter,
    examiner: &mut Examiner<'_>,
) -> Result<()> {
    for store in backend.stores()? {
        let Some(policy) = store.policy() else {
            continue;
        };
        if !filter.matches_document(&store.address, Some(policy)) {
            continue;
        }
        let document = store.address.document();
        if examiner.is_orphaned(&store.address) {
            examiner.find_document(Check::Orphaned, document.clone(), None);
        }
        if let Some(foreign) = store.foreign {
            examiner.find_document(Check::Foreign, document, Some(foreign.reason));
        }
    }
    Ok(())
}

fn examine_collection(
    backend: &dyn Backend,
    collection: &str,
    filter: &Filter,
    examiner: &mut Examiner<'_>,
) -> Result<()> {
    for trouble in backend.collection_damage(collection)? {
        match trouble {
            CollectionDamage::PersistExpiry(address, size) => {
                if !filter.is_narrowed() || is_meant(backend, filter, &address, examiner.now)? {
                    examiner.find(Check::PersistExpiry, &address, size, None);
                }
            }
            CollectionDamage::MissingIndex(fields) => {
                let reason = format!("there is no index on {fields}");
                examiner.find_for_all(Check::MissingIndexes, reason);
            }
            CollectionDamage::Repeated(address, count) => {
                let reason = format!("{address} is there {count} times, and must not be");
                examiner.find_for_all(Check::MissingIndexes, reason);
            }
            CollectionDamage::Structure(fault) => examiner.find_for_all(Check::Structure, fault),
            CollectionDamage::Limit(fault) => examiner.find_for_all(Check::LimitCounts, fault),
        }
    }
    Ok(())
}

fn examine_limits(
    backend: &dyn Backend,
    collection: &str,
    examiner: &mut Examiner<'_>,
) -> Result<()> {
    for limit in backend.limits()? {
        let scope = limit.limit.scope.filter();
        if limit.is_thrashing() && scope.matches_collection(collection) {
            let finding = examiner.finding(Check::Thrashing);
            finding.usage += limit.used;
            finding.reasons.push(format!(
                "{}: {} of {} evicted results were computed again, which took {}",
                limit.name(),
                limit.losses,
                limit.evictions,
                spelled(Duration::from_millis(limit.lost_ms))
            ));
        }
    }
    Ok(())
}

/// Reports whether a filter means the entry of an address.
fn is_meant(
    backend: &dyn Backend,
    filter: &Filter,
    address: &Address,
    now: Timestamp,
) -> Result<bool> {
    Ok(match backend.lookup(address, now)? {
        Lookup::Hit(entry, _) | Lookup::Stale(entry) | Lookup::Foreign(entry, _) => {
            filter.matches(&entry, now)
        }
        Lookup::Missing | Lookup::Damaged(_) => false,
    })
}

/// Returns why FiftyOne's decorator raises on a value.
///
/// The decorator reads nothing but entries of policy `evict` whose keys are hashes. Everything else
/// is read by FiftyOne's stores, which take any value. A value that is too large for MongoDB cannot
/// come from there.
fn why_unreadable(
    backend: &dyn Backend,
    entry: &Entry,
    content: Content,
) -> Result<Option<String>> {
    const CLASS: &[u8] = b"\"_cls\"";
    let is_decorators = entry.policy == Policy::Evict && entry.address.key.is_hash();
    if !is_decorators || entry.kind != Kind::Json || entry.size > DOCUMENT_SIZE {
        return Ok(None);
    }
    let value = match read_value(backend, entry.kind, content) {
        Ok(value) => value,
        // The value was replaced after the scan; the new one is not examined.
        Err(Error::Replaced) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !value.bytes.windows(CLASS.len()).any(|word| word == CLASS) {
        return Ok(None);
    }
    Ok(Json::parse(&value.bytes)
        .ok()
        .and_then(|json| why_fiftyone_raises(&json)))
}
