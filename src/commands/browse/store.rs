//! The store of `ecache browse`, read and changed on any thread.

use std::ffi::OsString;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use ecache_core::backend::{
    Backend, Cause, ChangeOutcome, ContentReader, Dimension, KeepForUndo, Lookup, Operation,
    OperationRecord, Row as Scanned, Scan, Spread, Values, no_progress, read_value,
};
use ecache_core::command::replay;
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Selection, Usage};
use ecache_core::location::{self, Access};
use ecache_core::scope::Address;
use ecache_core::time::{Clock, Timestamp};
use ecache_core::value::{Kind, Value};

use super::super::shared::changes::deletion::{Run, amount, change_beyond_undo};
use super::super::shared::changes::jobs::spare_running_at;
use super::super::shared::changes::lifetime::{LifetimeChange, changed, fresh_unless_chosen};
use super::super::shared::changes::{operation, undo_text};
use super::super::shared::filter::words::{words, words_of_touched};
use super::super::shared::view::{call_text, entry};
use crate::browse::{Changed, Counts, Figures, Place, Row, StoreAccess, Whole};
use crate::cli::value::TtlChange;
use crate::output::escape::{for_line, for_terminal, shell};
use crate::output::human::entries;
use crate::output::own_command;
use crate::output::{Secrets, human};
use crate::units::Ttl;

/// Maximum number of bytes of a value that are read for the screen.
const SHOWN: u64 = 256 * 1024;

/// Reads and changes the store, on any thread.
pub(super) struct Store {
    pub(super) backend: Arc<dyn Backend>,
    /// Opened for the first change
    pub(super) writer: Mutex<Option<Arc<dyn Backend>>>,
    pub(super) path: OsString,
    pub(super) access: Access,
    pub(super) clock: Arc<dyn Clock>,
    /// All entries of the collections
    pub(super) whole: Filter,
    pub(super) operation: Operation,
    pub(super) secrets: Secrets,
}

impl Store {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn writer(&self) -> Result<Arc<dyn Backend>> {
        if location::is_url(&self.path) {
            return Ok(Arc::clone(&self.backend));
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            *writer = Some(location::open(&self.path, self.access)?);
        }
        Ok(Arc::clone(writer.as_ref().expect("it was opened above")))
    }

    /// Reads an entry, and its value as far as it is shown.
    fn entry(&self, address: &Address) -> Result<Option<(Entry, Option<Value>, bool)>> {
        let read = |values| entry::find(self.backend.as_ref(), address, values, self.now());
        let Some(entry) = read(Values::Omit)?.map(|stored| stored.entry) else {
            return Ok(None);
        };
        if entry.size > SHOWN {
            let content = match self.backend.lookup_unread(address, self.now())? {
                Lookup::Hit(_, content) => content,
                _ => return Ok(Some((entry, None, true))),
            };
            let mut bytes = Vec::new();
            let value = ContentReader::new(self.backend.as_ref(), content);
            value.take(SHOWN).read_to_end(&mut bytes)?;
            let kind = entry.kind;
            return Ok(Some((entry, Some(Value { kind, bytes }), true)));
        }
        let content = match read(Values::Include) {
            Ok(stored) => stored.and_then(|stored| stored.content),
            // The facts are shown without it.
            Err(Error::DamagedEntry { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let value = content.map(|content| read_value(self.backend.as_ref(), entry.kind, content));
        Ok(Some((entry, value.transpose()?, false)))
    }
}

/// A change, as the log of operations names it.
struct Change<'a> {
    /// The command that would make it
    verb: &'a str,
    /// The words that select its entries
    filter: String,
    cause: Cause,
}

impl Store {
    /// Describes a change for the log of operations, by the command that would make it.
    fn operation(&self, change: &Change<'_>) -> Operation {
        Operation {
            command: operation::cut(format!("browse: {} {}", change.verb, change.filter)),
            filter: change.filter.clone(),
            cause: change.cause,
            ..self.operation.clone()
        }
    }

    /// Changes fresh entries, as an operation of the log where that can be undone.
    fn touch(&self, verb: &str, selection: &Selection, change: LifetimeChange) -> Result<Touched> {
        let (writer, now) = (self.writer()?, self.now());
        let touch = change.touch(now)?;
        let meant = selection.map(|filter| fresh_unless_chosen(filter.clone()));
        let other = meant
            .any_of
            .iter()
            .flat_map(|filter| changed(filter, touch));
        let selection = Selection::of(other.collect());
        let operation = self.operation(&Change {
            verb,
            filter: words_of_touched(&meant, now),
            cause: self.operation.cause,
        });
        let change = |keep| {
            let progress = &mut no_progress;
            Ok(writer.touch_logged(&selection, touch, keep, &operation, now, progress)?)
        };
        let mut is_beyond_undo = false;
        let touched = change_beyond_undo(KeepForUndo::Yes, change, |_| is_beyond_undo = true)?;
        let entries = touched.usage.entries;
        let undo = touched.until.and(touched.operation);
        let unchanged = match entries {
            0 => writer.usage(&meant, now)?.entries,
            _ => 0,
        };
        Ok(Touched {
            entries,
            unchanged,
            undo,
            is_beyond_undo,
        })
    }
}

/// The number of entries that were changed, and the operation that can be undone.
struct Touched {
    entries: u64,
    /// If none was changed, the number of those that already were as they should be
    unchanged: u64,
    undo: Option<u64>,
    /// Set if the entries are too many for undo
    is_beyond_undo: bool,
}

impl Touched {
    /// Makes the answer: `message` describes the change, `expired` the reason for none.
    fn into_changed(
        self,
        what: &str,
        expired: &str,
        message: impl FnOnce(&str) -> String,
    ) -> Changed {
        let message = match (self.entries, self.unchanged) {
            (0, 0) => expired.to_owned(),
            (0, unchanged) => {
                let have = human::plural(unchanged, "has", "have");
                format!("{} {have} this {what} already", entries(unchanged))
            }
            (count, _) if self.is_beyond_undo => {
                message(&entries(count)) + "; u does not take it back: they are too many"
            }
            (count, _) => message(&entries(count)) + taken_back(self.undo),
        };
        Changed {
            message,
            undo: self.undo,
        }
    }
}

impl StoreAccess for Store {
    fn rows(&self, scan: &Scan) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for row in self.backend.scan(scan, self.now())? {
            match row? {
                Scanned::Entry(entry, start) => rows.push(Row {
                    entry: *entry,
                    start,
                }),
                Scanned::Foreign(found) => rows.push(Row {
                    entry: found.entry,
                    start: found.content,
                }),
                // `doctor` names it.
                Scanned::Damaged(_) => {}
            }
        }
        Ok(rows)
    }

    fn count(&self, filter: &Filter, everywhere: &Filter) -> Result<Counts> {
        let now = self.now();
        let stores = self.backend.groups(everywhere, Dimension::Store, now)?;
        let datasets = self.backend.groups(everywhere, Dimension::Dataset, now)?;
        let mut sum = Usage::default();
        stores.iter().for_each(|store| sum += store.usage);
        let mut places = vec![(Place::All, sum)];
        let named = |name: Option<Arc<str>>| name.map(Place::Store);
        places.extend(
            stores
                .into_iter()
                .filter_map(|group| named(group.name).map(|place| (place, group.usage))),
        );
        let is_linked = datasets.iter().any(|dataset| dataset.name.is_some());
        if is_linked {
            let datasets = datasets.into_iter();
            places.extend(datasets.map(|group| (Place::Dataset(group.name), group.usage)));
        }
        let usage = |filter: &Filter| self.backend.usage(&filter.clone().into(), now);
        Ok(Counts {
            found: if filter == everywhere {
                sum
            } else {
                usage(filter)?
            },
            all: if *everywhere == self.whole {
                sum
            } else {
                usage(&self.whole)?
            },
            places,
        })
    }

    fn whole(&self, address: &Address) -> Result<Whole> {
        let Some((entry, value, is_cut)) = self.entry(address)? else {
            return Ok(Whole::default());
        };
        let facts = entry::facts(&entry, self.secrets, self.now());
        let mut text = match &value {
            // Beside the list there is no room for more.
            Some(value) if entry::is_binary(value) => entry::binary(value, entry.size, 39),
            Some(value) if is_cut => for_terminal(&value.bytes).into_owned(),
            Some(value) => entry::value(value, 78, false),
            None => String::new(),
        };
        if is_cut && !value.as_ref().is_some_and(entry::is_binary) {
            let (store, key) = (&entry.address.store.store_name, entry.address.key.as_str());
            let shown = value.as_ref().map_or(0, |value| value.bytes.len() as u64);
            let get = own_command(&format!("get {} {}", shell(store), shell(key)));
            let more = human::size(entry.size - shown);
            text.push_str(&format!("\n{more} more: {get}"));
        }
        let lines = |text: &str| -> Vec<String> {
            text.lines()
                .map(|line| line.replace('\t', "    "))
                .collect()
        };
        Ok(Whole {
            facts: lines(&facts),
            value: lines(&text),
            preview: value.as_ref().map_or_else(String::new, preview),
        })
    }

    fn remove(&self, selection: &Selection) -> Result<Changed> {
        // FiftyOne's running jobs stay, as with `clear`.
        let selection = selection.map(|filter| spare_running_at(&self.path, filter));
        let is_named = selection
            .any_of
            .iter()
            .all(|filter| !filter.keys.is_empty());
        let (verb, cause) = if is_named {
            ("rm", Cause::Removed)
        } else {
            ("clear", Cause::Cleared)
        };
        let (writer, now) = (self.writer()?, self.now());
        let operation = self.operation(&Change {
            verb,
            filter: words(&selection, now),
            cause,
        });
        let removal =
            writer.remove_undoably(&selection, None, &operation, now, &mut no_progress)?;
        match removal {
            ChangeOutcome::Done(removed) => {
                let undo = removed.until.and(removed.operation);
                let how = taken_back(undo);
                let message = format!("removed {}{how}", amount(removed.usage));
                Ok(Changed { message, undo })
            }
            ChangeOutcome::TooMany(usage) => bail!(
                "{} are more than undo keeps, and stay: `{}` removes them for good",
                amount(usage),
                own_command("clear")
            ),
        }
    }

    fn set_policy(&self, selection: &Selection, policy: Policy) -> Result<Changed> {
        let change = LifetimeChange::new(None, Some(policy.into()))?;
        let verb = format!("touch --policy {policy}");
        let touched = self.touch(&verb, selection, change)?;
        let expired = "nothing was pinned: expired entries are not revived";
        Ok(
            touched.into_changed("policy", expired, |count| match policy {
                Policy::Persist => format!("pinned {count}: policy persist, never expires"),
                Policy::Evict => format!("unpinned {count}: policy evict, never expires"),
            }),
        )
    }

    fn set_lifetime(&self, selection: &Selection, ttl: Ttl) -> Result<Changed> {
        let change = LifetimeChange::new(Some(TtlChange::To(ttl)), None)?;
        let touched = self.touch("touch", selection, change)?;
        let lifetime = change.describe(self.now()).unwrap_or_default();
        let expired = "nothing was changed: what is expired stays so";
        Ok(touched.into_changed("lifetime", expired, |count| format!("{count}: {lifetime}")))
    }

    fn operations(&self) -> Result<Option<Vec<OperationRecord>>> {
        if !self.backend.logs_operations() {
            return Ok(None);
        }
        let mut operations = self.backend.operations()?;
        for operation in &mut operations {
            operation.undo = operation.undo.at(self.now());
        }
        Ok(Some(operations))
    }

    fn figures(&self, filter: &Filter) -> Result<Figures> {
        let mut spread = Spread::default();
        let stores =
            self.backend
                .groups_with_spread(filter, Dimension::Store, self.now(), &mut spread)?;
        Ok(Figures { stores, spread })
    }

    fn undo(&self, operation: u64) -> Result<Changed> {
        let writer = self.writer()?;
        let undone = writer.undo(
            Some(operation),
            &self.operation,
            self.now(),
            &mut no_progress,
        )?;
        let mut said = vec![undo_text::describe(&undone, Run::Wet)];
        said.extend(undo_text::left(&undone, Run::Wet));
        Ok(Changed {
            message: said.join("; "),
            undo: None,
        })
    }

    fn token(&self) -> Result<Option<u64>> {
        if self.backend.tells_every_change() {
            Ok(Some(self.backend.change_token()?))
        } else {
            Ok(None)
        }
    }
}

/// Returns the words that say how to take a change back, where it can be.
fn taken_back(undo: Option<u64>) -> &'static str {
    undo.map_or("", |_| "; u takes it back")
}

/// Returns the beginning of a value on one line: of a command what it printed.
fn preview(value: &Value) -> String {
    const LONGEST: usize = 1024;
    let mut printed = Vec::new();
    let bytes = if value.kind == Kind::Command {
        // A recording that was cut off is shown as far as it goes.
        let _ = replay(&value.bytes[..], &mut printed, &mut std::io::sink());
        &printed
    } else {
        &value.bytes
    };
    let start = &bytes[..bytes.len().min(LONGEST)];
    if value.kind == Kind::Bytes && str::from_utf8(&value.bytes).is_err() {
        return call_text::kind_of_bytes(start).to_owned();
    }
    let text = String::from_utf8_lossy(start);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    if value.kind == Kind::Json {
        line = call_text::unescaped(&line);
    }
    for_line(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use ecache_core::backend::ChangeReport;

    use super::*;

    #[test]
    fn a_change_of_too_many_entries_is_made_and_says_that_undo_does_not_take_it_back() {
        let mut too_many = None;
        let usage = Usage {
            entries: 3,
            bytes: 9,
        };
        let mut done = ChangeReport::default();
        done.usage = usage;
        let report = change_beyond_undo(
            KeepForUndo::Yes,
            |keep| {
                Ok(match keep {
                    KeepForUndo::Yes => ChangeOutcome::TooMany(usage),
                    KeepForUndo::No => ChangeOutcome::Done(done),
                })
            },
            |usage| too_many = Some(usage.entries),
        );
        let entries = report.expect("the change was made").usage.entries;
        assert_eq!((too_many, entries), (Some(3), 3));
        let changed = |is_beyond_undo: bool| {
            let touched = Touched {
                entries,
                unchanged: 0,
                undo: Some(1).filter(|_| !is_beyond_undo),
                is_beyond_undo,
            };
            touched.into_changed("policy", "", |count| format!("pinned {count}"))
        };
        let said = "pinned 3 entries; u does not take it back: they are too many";
        assert_eq!(changed(true).message, said);
        assert_eq!(changed(false).message, "pinned 3 entries; u takes it back");
    }
}
