//! Groups entries by several of their fields while a backend lends them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ecache_core::backend::{Group, Row, Spread, Visitor};
use ecache_core::entry::EntryRef;
use ecache_core::time::Timestamp;

use super::{Name, Stats};
use crate::cli::GroupBy;

/// Groups entries as they are read. Those of one group mostly follow each other.
pub(super) struct Grouping<'a> {
    by: &'a [GroupBy],
    now: Timestamp,
    groups: &'a mut BTreeMap<Name, Stats>,
    spread: &'a mut Spread,
    /// The name of the last entry's group
    name: Name,
    /// The entries of that group which followed each other
    current: Group,
}

impl<'a> Grouping<'a> {
    /// Begins to add entries to groups.
    pub(super) fn new(
        by: &'a [GroupBy],
        now: Timestamp,
        groups: &'a mut BTreeMap<Name, Stats>,
        spread: &'a mut Spread,
    ) -> Self {
        Self {
            by,
            now,
            groups,
            spread,
            name: Name::new(),
            current: Group::default(),
        }
    }

    fn add(&mut self, entry: &EntryRef<'_>) {
        self.spread.add(*entry, self.now);
        let name = |by: &GroupBy| match by.dimension() {
            Some(dimension) => dimension.name(*entry),
            None => entry.function,
        };
        let by = self.by;
        let names = by.iter().map(name);
        let is_same = self.name.len() == by.len()
            && names
                .clone()
                .zip(&self.name)
                .all(|(name, last)| name == last.as_ref());
        if !is_same {
            self.end_group();
            self.name = names.map(Option::<&Arc<str>>::cloned).collect();
        }
        self.current.merge(Group::of(*entry, self.now));
    }

    /// Adds the entries of the last group.
    pub(super) fn end_group(&mut self) {
        let entries = std::mem::take(&mut self.current);
        if entries.usage.entries > 0 {
            let name = std::mem::take(&mut self.name);
            self.groups.entry(name).or_default().entries.merge(entries);
        }
    }
}

impl Visitor for Grouping<'_> {
    fn entry(&mut self, entry: &EntryRef<'_>, _: Option<&[u8]>) {
        self.add(entry);
    }

    fn row(&mut self, row: Row) -> ControlFlow<()> {
        if let Row::Entry(entry, _) = row {
            self.add(&EntryRef::from(&*entry));
        }
        ControlFlow::Continue(())
    }

    fn end_page(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
