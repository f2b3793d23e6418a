//! The caller of a run: prints troubles at once, with `-v`, and keeps reasons for the report.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;

use ecache_core::command::{Call, Caller, Input, LeftOpen, Outputs, Unusable};
use ecache_core::error::{Error, Result};
use ecache_core::usage::Outcome;

use super::count;
use crate::commands::shared::command::background;
use crate::context::Context;
use crate::unreachable;

/// The caller of a [`Runner`](ecache_core::command::Runner).
pub(super) struct Teller<'a> {
    pub(super) context: &'a Context,
    pub(super) call: &'a Call,
    pub(super) outputs: Outputs,
    /// Location of the store
    pub(super) store: Option<&'a Path>,
    /// Path beside which this host keeps what belongs to a store on a server
    pub(super) beside: Option<&'a Path>,
    /// Any trouble ends the run
    pub(super) is_strict: bool,
    /// A damaged result is found at lookup and again at replacement; it is reported once
    pub(super) is_damage_told: Cell<bool>,
    pub(super) told: Told,
}

/// The reasons that a run gave while it went on.
#[derive(Default)]
pub(super) struct Told {
    /// The reason for not replaying a result
    pub(super) unusable: Cell<Option<Unusable>>,
    /// The reason for replaying a stale result
    pub(super) stale: RefCell<Option<String>>,
    /// The stale result is refreshed in the background
    pub(super) is_refreshing: Cell<bool>,
    /// The reason for not keeping the new result
    pub(super) unkept: RefCell<Option<String>>,
}

impl Teller<'_> {
    fn note_failure(&self, error: &Error) {
        // Counting does not try a server again that is known to be unreachable.
        if let Some(beside) = self.beside {
            unreachable::remember(beside, error, self.context.now());
        }
        count(self.context, Outcome::Error, self.call);
    }
}

impl Caller for Teller<'_> {
    fn on_trouble(&self, error: Error) -> Result<()> {
        if self.is_strict {
            return Err(error);
        }
        let is_damage = matches!(error, Error::DamagedEntry { .. });
        if is_damage && self.is_damage_told.replace(true) {
            return Ok(());
        }
        self.note_failure(&error);
        self.context.detail(&if is_damage {
            format!("miss: {error}")
        } else {
            format!("bypass: {error}; running without the cache")
        });
        Ok(())
    }

    fn on_late_trouble(&self, error: Error) -> Result<()> {
        if self.is_strict {
            return Err(error);
        }
        self.note_failure(&error);
        self.context.detail(&format!(
            "the command ran, but then the cache failed: {error}"
        ));
        Ok(())
    }

    fn on_unkept(&self, why: &str) {
        self.told.unkept.replace(Some(why.to_owned()));
    }

    fn on_unusable(&self, why: Unusable) {
        self.told.unusable.set(Some(why));
    }

    fn on_stale(&self, why: &str) {
        self.told.stale.replace(Some(why.to_owned()));
    }

    fn on_stopped(&self, pid: i32) {
        self.context.absent(
            &format!(
                "process {pid} is running the same command and is stopped, so it is not waited for"
            ),
            Some(&format!(
                "kill -CONT {pid} continues it, kill {pid} ends it"
            )),
        );
    }

    fn refresh(&self, input: &Input) -> io::Result<()> {
        self.told.is_refreshing.set(true);
        background::start(self.call, input, self.outputs)
    }

    fn left_open(&self, open: LeftOpen) -> io::Result<()> {
        background::forward(self.store, open)
    }
}
