//! Refuses an undo that finds nothing to take back. It would count as done, and its target as
//! undone.

use rusqlite::Connection;

use super::findings::Findings;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::store_rows::store_row;
use crate::backend::sqlite::operations::{Chains, LoggedOperation};
use crate::backend::{Effect, OperationRecord};
use crate::error::{Error, NotUndoable};
use crate::time::Timestamp;

/// An undo that is about to end.
pub(super) struct Reversal<'a> {
    /// The operation that the user meant
    meant: &'a OperationRecord,
    /// The one that is reversed for it
    target: &'a LoggedOperation,
    undo: &'a LoggedOperation,
    findings: &'a Findings,
}

impl<'a> Reversal<'a> {
    pub(super) fn new(
        meant: &'a OperationRecord,
        target: &'a LoggedOperation,
        undo: &'a LoggedOperation,
        findings: &'a Findings,
    ) -> Self {
        Self {
            meant,
            target,
            undo,
            findings,
        }
    }

    /// Refuses the undo if it changed nothing.
    pub(super) fn check(
        &self,
        connection: &Connection,
        which: Option<u64>,
        now: Timestamp,
    ) -> SessionResult<()> {
        match self.refusal(connection, which, now)? {
            Some(why) => Err(Error::NotUndoable(why).into()),
            None => Ok(()),
        }
    }

    /// Returns why the undo is refused, if it changed nothing.
    pub(super) fn refusal(
        &self,
        connection: &Connection,
        which: Option<u64>,
        now: Timestamp,
    ) -> rusqlite::Result<Option<NotUndoable>> {
        let is_in_vain = self.findings.entries() == 0
            && !self.findings.has_stores
            && self.undo.changed.is_empty()
            && self.undo.settings.is_empty();
        if !is_in_vain {
            return Ok(None);
        }
        let log = Chains::read(connection)?;
        if log.is_undone_in_part(self.target, self.undo) {
            return Ok(None);
        }
        let operation = self.meant.id;
        if let Some((later, did)) = self.later(connection, &log)? {
            return Ok(Some(NotUndoable::Later {
                operation,
                later: later.number.unsigned_abs(),
                did,
                can_be_undone_first: log.can_be_undone(later, now),
            }));
        }
        let before = match which {
            None => log.before(operation, now).map(i64::unsigned_abs),
            Some(_) => None,
        };
        Ok(Some(NotUndoable::NothingLeft {
            operation,
            why: self.reasons(),
            before,
        }))
    }

    /// Returns the later operation that moved or removed all that could be taken back, and the
    /// words for that.
    fn later<'b>(
        &self,
        connection: &Connection,
        log: &'b Chains,
    ) -> rusqlite::Result<Option<(&'b LoggedOperation, String)>> {
        let gone = self.findings.gone_example.filter(|_| self.is_all_gone());
        let row = match gone {
            Some(id) => store_row(connection, store_of(id))?,
            None => None,
        };
        if let Some((_, name)) = &self.target.renamed
            && row.as_ref().is_none_or(|row| row.address != *name)
            && let Some(later) = log.moved_on_by(self.target)
            && let Some((_, to)) = &later.renamed
        {
            let (name, to) = (&name.store_name, &to.store_name);
            return Ok(Some((later, format!("renamed the store {name} to {to}"))));
        }
        let Some(id) = gone else {
            return Ok(None);
        };
        let taken = log.removed_by(connection, id, row.map_or(0, |row| row.retired))?;
        Ok(taken.map(|later| {
            let did = match later.effect {
                Effect::Written => "replaced",
                _ => "removed",
            };
            let its = match self.findings.gone {
                1 => "its entry",
                _ => "its entries",
            };
            (later, format!("{did} {its} since then"))
        }))
    }

    fn is_all_gone(&self) -> bool {
        let findings = self.findings;
        findings.newer + findings.damaged + findings.evicted + findings.unchanged == 0
    }

    /// Describes the findings.
    fn reasons(&self) -> String {
        let findings = self.findings;
        let mut reasons = Vec::new();
        if findings.newer > 0 {
            let changed = match self.target.effect {
                Effect::Touched => "changed",
                _ => "written",
            };
            reasons.push(match (findings.newer, findings.examples.first()) {
                (1, Some(address)) => {
                    let (store, key) = (&address.store.store_name, &address.key);
                    format!("{store} {} was {changed} again since then", key.as_str())
                }
                (count, _) => format!("{} {changed} again since then", were(count)),
            });
        }
        if findings.gone > 0 {
            reasons.push(format!(
                "{} removed or replaced since then",
                were(findings.gone)
            ));
        }
        if findings.unchanged > 0 {
            let count = entries(findings.unchanged);
            let have = if findings.unchanged == 1 {
                "has its"
            } else {
                "have their"
            };
            reasons.push(format!("{count} {have} old lifetime already"));
        }
        if findings.evicted > 0 {
            reasons.push(format!("{} evicted by a limit", were(findings.evicted)));
        }
        if findings.damaged > 0 {
            reasons.push(format!("{} damaged", were(findings.damaged)));
        }
        match self.target.changed.as_slice() {
            [] => {}
            [one] => {
                let store = &one.store.store_name;
                reasons.push(format!("the metadata of {store} was changed since then"));
            }
            _ if self.target.renamed.is_some() => {
                reasons.push("the metadata of the store was changed since then".into());
            }
            all => {
                let count = all.len();
                reasons.push(format!(
                    "the metadata of {count} stores was changed since then"
                ));
            }
        }
        if reasons.is_empty() {
            reasons.push("nothing of it is left".into());
        }
        reasons.join(", ")
    }
}

fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".into(),
        _ => format!("{count} entries"),
    }
}

fn were(count: u64) -> String {
    let were = if count == 1 { "was" } else { "were" };
    format!("{} {were}", entries(count))
}
