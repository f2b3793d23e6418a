//! Tells beforehand which removals undo could not take back, and why.

use std::collections::BTreeSet;
use std::sync::Arc;

use ecache_core::backend::{Backend, KeepForUndo, MAX_UNDO_BYTES, MAX_UNDO_ENTRIES};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{Filter, Selection, Usage};

use super::operation;
use crate::context::Context;
use crate::output::own_command;

/// The amount of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Affected {
    pub(in crate::commands) usage: Usage,
    /// Number of stores' own documents
    pub(in crate::commands) documents: u64,
}

impl Affected {
    pub(in crate::commands) fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl From<Usage> for Affected {
    fn from(usage: Usage) -> Self {
        let documents = 0;
        Self { usage, documents }
    }
}

/// The fate of the entries of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Keeping {
    /// Undo restores them
    Kept,
    /// They are kept for undo, and deleted at once with all that is
    Dropped,
    /// They go for good, since keeping them frees no space
    Unkept,
    /// They go for good, as was asked for or as they are of no use
    Forgone,
}

impl Keeping {
    /// Takes the option `--no-undo`.
    pub(in crate::commands) fn unless(no_undo: bool) -> Self {
        if no_undo { Self::Forgone } else { Self::Kept }
    }

    pub(super) fn for_undo(self) -> KeepForUndo {
        match self {
            Self::Kept | Self::Dropped => KeepForUndo::Yes,
            Self::Unkept | Self::Forgone => KeepForUndo::No,
        }
    }

    /// Reports whether a removal takes for good what its caller might expect to be kept for undo.
    pub(super) fn is_final(self, backend: &dyn Backend) -> bool {
        match self {
            Self::Kept => !backend.keeps_for_undo(),
            Self::Dropped | Self::Unkept => true,
            Self::Forgone => false,
        }
    }
}

/// Says on a terminal that a removal cannot be taken back, and how to be able to before `next`.
pub(super) fn tell_final(context: &Context, how: &str, next: &str) {
    let copy = own_command(operation::COPY);
    context.tip(&format!(
        "they {how} here; before {next} removal, {copy} keeps a copy"
    ));
}

/// The reason why undo could not restore the entries of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::commands) enum Loss {
    /// Such removals keep nothing
    ForGood,
    /// They are more than one operation keeps
    TooMany,
    /// The disk is nearly full
    NoRoom,
}

/// The stores of entries, and what computing these took.
#[derive(Debug, Default)]
pub(in crate::commands) struct Weight {
    pub(super) stores: BTreeSet<Arc<str>>,
    pub(super) cost_ms: u64,
}

impl Weight {
    /// Adds an entry.
    pub(in crate::commands) fn count(&mut self, entry: &Entry) {
        let store = &entry.address.store.store_name;
        if !self.stores.contains(store) {
            self.stores.insert(store.clone());
        }
        self.cost_ms = self.cost_ms.saturating_add(entry.cost_ms.unwrap_or(0));
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.stores.extend(other.stores.iter().cloned());
        self.cost_ms = self.cost_ms.saturating_add(other.cost_ms);
    }
}

/// The amount that one operation would remove, and whether it would be lost.
pub(in crate::commands) struct Foretold<'a> {
    pub(in crate::commands) selection: &'a Selection,
    pub(in crate::commands) affected: Affected,
    pub(in crate::commands) loss: Option<Loss>,
    pub(in crate::commands) keeping: Keeping,
    /// The weight of the entries, where the selection alone does not tell them
    pub(in crate::commands) weight: Option<Weight>,
}

impl<'a> Foretold<'a> {
    pub(in crate::commands) fn new(
        backend: &dyn Backend,
        selection: &'a Selection,
        affected: Affected,
        keeping: Keeping,
    ) -> Self {
        let usage = affected.usage;
        let is_large = usage.entries > MAX_UNDO_ENTRIES || usage.bytes > MAX_UNDO_BYTES;
        let loss = if affected.is_none() {
            None
        } else if keeping.is_final(backend) {
            Some(Loss::ForGood)
        } else if keeping == Keeping::Forgone {
            None
        } else if !backend.has_room_for_undo() {
            Some(Loss::NoRoom)
        } else {
            (is_large && !is_of_stores(selection)).then_some(Loss::TooMany)
        };
        Self {
            selection,
            affected,
            loss,
            keeping,
            weight: None,
        }
    }
}

/// Reports whether whole stores are selected, which undo restores whatever their size.
pub(super) fn is_of_stores(selection: &Selection) -> bool {
    let is_whole = |filter: &Filter| {
        Filter {
            policy: None,
            ..filter.clone()
        }
        .means_whole_stores()
            && filter.policy != Some(Policy::Persist)
    };
    selection.beyond.is_none() && selection.any_of.iter().all(is_whole)
}

/// Returns the sum of what several operations would remove.
pub(super) fn sum<'a>(foretold: impl Iterator<Item = &'a Foretold<'a>>) -> Affected {
    let mut all = Affected::default();
    for one in foretold {
        all.usage += one.affected.usage;
        all.documents += one.affected.documents;
    }
    all
}
