//! The second entry of a command that prints to both streams, one entry for each form of output.
//!
//! The first result has the command's own entry, under the key that `ecache key` prints. As long as
//! that is a hit, a result of the other form is kept in an entry beside it. A user who prints to a
//! terminal and to a pipe in turn therefore has hits in both. The second entry counts only while it
//! is not older than the first: removing, replacing or refreshing the command's own entry is meant
//! for both.
//!
//! Alternatives considered: a separate key for each form (removing an entry by its key would leave
//! the other one, unnoticed), one entry for both (alternating runs would replace each other's
//! results), and both recordings in one value (each has its own age).

use super::stale::{AtAddress, Usable};
use crate::backend::{Backend, Lookup};
use crate::command::output::recording::{Form, form};
use crate::command::settings::{Mode, Outputs};
use crate::command::{Call, Runner};
use crate::entry::Entry;
use crate::error::Result;
use crate::time::Timestamp;

impl Runner<'_> {
    /// Looks up the entry beside a usable entry that has the other form.
    pub(crate) fn find_beside(
        &self,
        backend: &dyn Backend,
        own: &Entry,
        now: Timestamp,
    ) -> Result<Usable> {
        let call = self.call.beside();
        let runner = self.of(&call);
        let lookup = runner.look_up(|address, at| backend.lookup_unread(address, at), now)?;
        let AtAddress::Usable(kept) = runner.kept_there(backend, lookup, now)? else {
            return Ok(Usable::Nothing);
        };
        Ok(match &kept {
            Usable::Fresh(entry, _) | Usable::Stale(entry, _) if is_beside(entry, own) => kept,
            _ => Usable::Nothing,
        })
    }

    /// Returns the call whose entry is to hold a new result, `None` for the command's own entry.
    pub(crate) fn place(
        &self,
        backend: &dyn Backend,
        new: Form,
        now: Timestamp,
    ) -> Result<Option<Call>> {
        let answers_both = new.answers(Outputs::Apart) && new.answers(Outputs::Merged);
        if answers_both || self.call.settings.mode == Mode::Refresh {
            return Ok(None);
        }
        let lookup = backend.lookup_unread(&self.call.entry.address, now)?;
        if let Lookup::Hit(entry, content) = lookup
            && self.is_hit(&entry, now)
            && let Some(own) = form(backend, &content)?
            && !own.answers(self.outputs)
        {
            return Ok(Some(self.call.beside()));
        }
        Ok(None)
    }
}

/// Reports whether an entry beside the command's own is still valid: it must not be older.
pub(crate) fn is_beside(entry: &Entry, own: &Entry) -> bool {
    entry.written_at() >= own.written_at()
}
