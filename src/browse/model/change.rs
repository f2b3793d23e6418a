//! The entries that a change is for, and the marks that say so.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Pattern, Selection, Usage};
use ecache_core::scope::{Address, StoreAddress};

use super::{Marks, Mode, Model, Removal, Renewal};
use crate::browse::events::Request;
use crate::browse::keys::Key;
use crate::browse::line::Line;
use crate::browse::list::{ListPart, Row, Sought};
use crate::units::parse_ttl;

impl Model {
    /// Returns the marked entries and their sizes, or the current one.
    fn targets(&self) -> BTreeMap<Address, u64> {
        match &self.marks {
            Marks::These(marks) if !marks.is_empty() => marks.clone(),
            _ => {
                let current = self.list.current();
                current
                    .map(|row| (row.address().clone(), row.entry.size))
                    .into_iter()
                    .collect()
            }
        }
    }

    pub(super) fn ask_to_remove(&mut self) {
        let removal = if self.marks == Marks::All {
            let mut filter = self.meaning();
            // As `clear` does.
            filter.policy = filter.policy.or(Some(Policy::Evict));
            Removal {
                selection: filter.into(),
                usage: self.counts.as_ref().map(|counts| counts.found),
                is_of_filter: true,
            }
        } else {
            let targets = self.targets();
            if targets.is_empty() {
                return;
            }
            let usage = Usage {
                entries: targets.len() as u64,
                bytes: targets.values().sum(),
            };
            Removal {
                selection: selection(targets.into_keys()),
                usage: Some(usage),
                is_of_filter: false,
            }
        };
        self.mode = Mode::Remove(Box::new(removal));
    }

    /// Pins the marked entries, or unpins them if the current entry is pinned.
    pub(super) fn pin(&mut self) -> Vec<Request> {
        let Some(row) = self.list.current() else {
            return Vec::new();
        };
        let policy = match row.entry.policy {
            Policy::Persist => Policy::Evict,
            Policy::Evict => Policy::Persist,
        };
        vec![Request::SetPolicy(self.marked(), policy)]
    }

    /// Asks for the lifetime of the marked entries.
    pub(super) fn ask_for_lifetime(&mut self) {
        let entries = match &self.marks {
            Marks::All => self.counts.as_ref().map(|counts| counts.found.entries),
            Marks::These(_) => Some(self.targets().len() as u64),
        };
        if self.list.current().is_some() {
            self.mode = Mode::Lifetime(Box::new(Renewal {
                selection: self.marked(),
                entries,
                line: Line::default(),
                problem: None,
            }));
        }
    }

    pub(super) fn key_in_lifetime(&mut self, key: &Key, mut renewal: Renewal) -> Vec<Request> {
        let typed = renewal.line.text().trim().to_owned();
        match key {
            Key::Esc => self.mode = Mode::List,
            Key::Enter if matches!(typed.as_str(), "" | "keep") => self.mode = Mode::List,
            Key::Enter => match parse_ttl(&typed) {
                Ok(ttl) => {
                    self.mode = Mode::List;
                    return vec![Request::SetLifetime(renewal.selection, ttl)];
                }
                Err(problem) => {
                    renewal.problem = Some(problem.to_string());
                    self.mode = Mode::Lifetime(Box::new(renewal));
                }
            },
            key => {
                renewal.line.take(key);
                renewal.problem = None;
                self.mode = Mode::Lifetime(Box::new(renewal));
            }
        }
        Vec::new()
    }

    /// Selects the marked entries, or else the current one.
    fn marked(&self) -> Selection {
        match &self.marks {
            Marks::All => self.meaning().into(),
            Marks::These(_) => selection(self.targets().into_keys()),
        }
    }

    /// Begins to look for the next marked entry, or the one before.
    pub(super) fn seek_mark(&mut self, part: ListPart) {
        match &self.marks {
            Marks::These(marks) if marks.is_empty() => {
                self.message = Some("nothing is marked: space marks an entry".to_owned());
            }
            _ => self.seek = Some(part),
        }
    }

    /// Moves the cursor to the marked entry that is looked for, as far as rows were read.
    pub(super) fn look_for_mark(&mut self) {
        let Some(part) = self.seek else {
            return;
        };
        let found = match &self.marks {
            Marks::All => self.list.seek(part, false, |_| true),
            Marks::These(marks) => {
                let is_marked = |row: &Row| marks.contains_key(row.address());
                let here = self.list.rows().iter().filter(|row| is_marked(row));
                let are_here = here.count() == marks.len();
                self.list.seek(part, are_here, is_marked)
            }
        };
        if found == Sought::Unread {
            return;
        }
        self.seek = None;
        if found == Sought::Nothing {
            let place = if part == ListPart::After {
                "below this one"
            } else {
                "above this one"
            };
            self.message = Some(format!("no marked entry {place}"));
        }
    }
}

/// Selects entries by their addresses.
fn selection(addresses: impl Iterator<Item = Address>) -> Selection {
    let mut keys: BTreeMap<Arc<StoreAddress>, Vec<Pattern>> = BTreeMap::new();
    for Address { store, key } in addresses {
        let keys = keys.entry(store).or_default();
        keys.push(Pattern::exact(key.as_str()));
    }
    let of_store = |(store, keys): (Arc<StoreAddress>, Vec<Pattern>)| Filter {
        keys,
        ..Filter::store(&store)
    };
    Selection::of(keys.into_iter().map(of_store).collect())
}
