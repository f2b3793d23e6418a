//! Looks up the result of a command without running it.

use std::cell::Cell;
use std::io;
use std::path::Path;

use crate::backend::{Backend, Content, Lookup};
use crate::command::output::recording::{Form, form};
use crate::command::run::stale::Usable;
use crate::command::settings::{Outputs, Unusable};
use crate::command::{Call, Caller, Input, LeftOpen, Mode, Runner};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::time::Clock;

impl Call {
    /// Looks up the result of the command.
    ///
    /// # Errors
    /// Fails if the store cannot be read. A damaged entry counts as missing.
    pub fn find(&self, backend: &dyn Backend, clock: &dyn Clock) -> Result<Existing> {
        let caller = Looking::default();
        let unusable = &caller.unusable;
        let runner = self.runner((Outputs::Apart, None), clock, &caller);
        Ok(match backend.lookup(&self.entry.address, clock.now())? {
            Lookup::Hit(mut entry, content) => {
                let is_allowed = runner.allows(backend, &mut entry, &content)?;
                let is_hit = is_allowed && runner.is_hit(&entry, clock.now());
                if !is_allowed {
                    unusable.set(Some(Unusable::Failure));
                } else if !is_hit {
                    runner.tell_stale(&entry, clock.now());
                }
                let form = form(backend, &content)?.filter(|_| is_hit);
                match form.map(|form| form.answers(runner.outputs)) {
                    Some(true) => Existing::Fresh(entry, content),
                    Some(false) => match runner.find_beside(backend, &entry, clock.now())? {
                        Usable::Fresh(entry, content) => Existing::Fresh(entry, content),
                        Usable::Stale(..) | Usable::Nothing => {
                            let why = Unusable::OtherOutputs(runner.outputs);
                            Existing::Stale(entry, Some(why))
                        }
                    },
                    None => Existing::Stale(entry, unusable.get()),
                }
            }
            Lookup::Stale(entry) => {
                runner.tell_stale(&entry, clock.now());
                Existing::Stale(entry, unusable.get())
            }
            Lookup::Damaged(_) | Lookup::Foreign(..) | Lookup::Missing => Existing::Nothing,
        })
    }

    /// Returns the output form: separate streams, which answer most callers. A refresh keeps the
    /// recorded form.
    pub(super) fn outputs(&self, backend: &dyn Backend, clock: &dyn Clock) -> Result<Outputs> {
        if self.settings.mode == Mode::Refresh
            && let Lookup::Hit(_, content) =
                backend.lookup_unread(&self.entry.address, clock.now())?
            && form(backend, &content)? == Some(Form::Merged)
        {
            return Ok(Outputs::Merged);
        }
        Ok(Outputs::Apart)
    }

    pub(super) fn runner<'a>(
        &'a self,
        (outputs, store): (Outputs, Option<&'a Path>),
        clock: &'a dyn Clock,
        caller: &'a dyn Caller,
    ) -> Runner<'a> {
        Runner {
            call: self,
            store,
            connected: None,
            beside: None,
            outputs,
            clock,
            caller,
        }
    }
}

/// A caller that runs nothing: a damaged entry counts as missing.
#[derive(Default)]
struct Looking {
    unusable: Cell<Option<Unusable>>,
}

impl Caller for Looking {
    fn on_trouble(&self, error: Error) -> Result<()> {
        match error {
            Error::DamagedEntry { .. } => Ok(()),
            error => Err(error),
        }
    }

    fn on_unusable(&self, why: Unusable) {
        self.unusable.set(Some(why));
    }

    fn refresh(&self, _: &Input) -> io::Result<()> {
        Ok(())
    }

    fn left_open(&self, _: LeftOpen) -> io::Result<()> {
        Ok(())
    }
}

/// The entry found for a command.
#[derive(Clone, Debug)]
pub enum Existing {
    /// A result that can be replayed
    Fresh(Box<Entry>, Content),
    /// An entry that cannot be replayed, such as a stale one, and the reason as far as it is known
    Stale(Box<Entry>, Option<Unusable>),
    /// No entry
    Nothing,
}
