//! The summary of a change as one JSON object, in the place of the sentence that reports it.

use std::cell::{Cell as Slot, RefCell};

use ecache_core::backend::Imported;
use ecache_core::filter::Usage;
use ecache_core::time::Timestamp;

use super::Cell;

/// The fields of the object.
type Fields = Vec<(&'static str, Cell<'static>)>;

/// Collects what a change reports, if it was asked for as JSON.
#[derive(Default)]
pub(crate) struct Summary {
    operation: Slot<Option<&'static str>>,
    facts: RefCell<Facts>,
}

#[derive(Default)]
struct Facts {
    entries: u64,
    bytes: Option<u64>,
    stores: u64,
    persist_left: Option<u64>,
    undo_until: Option<Timestamp>,
    imported: Option<Imported>,
    /// Entries that could not be taken along
    left_out: u64,
    /// For a dry run: the cost of the entries to remove, and some of them as a JSON array
    going: Option<(u64, String)>,
}

impl Summary {
    /// Starts to collect the facts of an operation, if they were asked for as JSON.
    pub(crate) fn begin(&self, operation: &'static str, is_json: bool) {
        if is_json {
            self.operation.set(Some(operation));
        }
    }

    /// Reports whether the facts were asked for as JSON.
    pub(crate) fn is_wanted(&self) -> bool {
        self.operation.get().is_some()
    }

    /// Takes the affected entries and documents of stores. Returns whether a sentence reports them
    /// instead.
    pub(crate) fn takes(&self, usage: Usage, stores: u64) -> bool {
        let mut facts = self.facts.borrow_mut();
        facts.entries += usage.entries;
        facts.bytes = Some(facts.bytes.unwrap_or(0) + usage.bytes);
        facts.stores += stores;
        self.operation.get().is_some()
    }

    /// Takes the entries that were imported.
    pub(crate) fn takes_imported(&self, imported: Imported) -> bool {
        let mut facts = self.facts.borrow_mut();
        facts.entries = imported.created + imported.replaced;
        facts.stores = imported.stores;
        facts.imported = Some(imported);
        self.operation.get().is_some()
    }

    /// Adds entries that an import or a copy left out.
    pub(crate) fn add_left_out(&self, entries: u64) {
        self.facts.borrow_mut().left_out += entries;
    }

    /// Sets the number of entries of policy `persist` that stay.
    pub(crate) fn set_persist_left(&self, entries: u64) {
        self.facts.borrow_mut().persist_left = Some(entries);
    }

    /// Takes the entries that a dry run would remove, as a JSON array, and the cost of all.
    pub(crate) fn set_going(&self, cost_ms: u64, entries: String) {
        self.facts.borrow_mut().going = Some((cost_ms, entries));
    }

    /// Sets the time until which the operation can be undone.
    pub(crate) fn set_undo_until(&self, until: Timestamp) {
        self.facts.borrow_mut().undo_until = Some(until);
    }

    /// Reports whether the operation found nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let facts = self.facts.borrow();
        facts.entries + facts.stores == 0 && facts.imported.is_none_or(Imported::is_empty)
    }

    /// Returns the number of affected entries.
    pub(crate) fn entries(&self) -> u64 {
        self.facts.borrow().entries
    }

    /// Returns the operation and the fields of its object, if that was asked for.
    pub(crate) fn fields(&self, dry_run: bool) -> Option<(&'static str, Fields)> {
        let operation = self.operation.get()?;
        let facts = self.facts.borrow();
        let count = |count: Option<u64>| count.map_or(Cell::Null, Cell::Count);
        // An import does not count bytes; another change that found nothing changed none.
        let nothing = facts.imported.is_none().then_some(0);
        let until = facts.undo_until.map(Timestamp::as_millis);
        let mut fields = vec![
            ("operation", Cell::from(operation)),
            ("dry_run", Cell::Bool(dry_run)),
            ("entries", Cell::Count(facts.entries)),
            ("bytes", count(facts.bytes.or(nothing))),
            ("stores", Cell::Count(facts.stores)),
            ("persist_left", count(facts.persist_left)),
            ("undo_until", until.map_or(Cell::Null, Cell::Time)),
        ];
        if let Some(imported) = facts.imported {
            fields.extend([
                ("created", Cell::Count(imported.created)),
                ("replaced", Cell::Count(imported.replaced)),
                ("kept", Cell::Count(imported.kept)),
                ("evicted", Cell::Count(imported.evicted)),
                ("left_out", Cell::Count(facts.left_out)),
            ]);
        }
        if let Some((cost_ms, entries)) = &facts.going {
            fields.extend([
                ("cost_ms", Cell::Duration(*cost_ms)),
                ("going", Cell::Json(entries.clone().into())),
            ]);
        }
        Some((operation, fields))
    }
}
