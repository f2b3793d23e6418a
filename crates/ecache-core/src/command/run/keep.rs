//! Stores the recording of a command as an entry, if it may be kept.

use std::time::Duration;

use super::feed::InputUse;
use super::pass_on::Ended;
use crate::backend::{Backend, Condition, Expiry, Lookup, PutOptions};
use crate::command::output::recorder::NotRecorded;
use crate::command::settings::{Arguments, Failures, Report};
use crate::command::{InputLeft, Runner};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::time::{Timestamp, whole_millis};
use crate::units::spelled;
use crate::value::Kind;

impl Runner<'_> {
    /// Keeps the recording, and sets the outcome of the report.
    pub(crate) fn keep_report(
        &self,
        backend: &dyn Backend,
        ended: Ended,
        mut report: Report,
    ) -> Result<Report> {
        report.outcome = self.call.settings.outcome_of_run();
        self.keep(backend, ended, &mut report)?;
        Ok(report)
    }

    /// Keeps the recording if it may be kept. Adds its size and lifetime to the report.
    pub(crate) fn keep(
        &self,
        backend: &dyn Backend,
        ended: Ended,
        report: &mut Report,
    ) -> Result<()> {
        let Some(mut records) = ended.records else {
            return Ok(());
        };
        match ended.status.code() {
            None => return self.leave("a signal ended it"),
            _ if ended.interrupted => return self.leave("it was interrupted"),
            // Followers run it themselves: their files may not have changed.
            Some(_) if let Some(file) = self.call.changed_file() => {
                return self.leave(&format!("{} changed while it ran", file.display()));
            }
            // Followers get all of it, whether it is kept or not.
            Some(_) => records.end(report.exit),
        }
        let settings = &self.call.settings;
        let (ttl, expiry) = match (report.exit, settings.failures) {
            (0, _) | (_, Failures::KeepAlike) => (settings.ttl, settings.expiry),
            (_, Failures::KeepFor(ttl)) => (ttl, Expiry::Named),
            (_, Failures::Forget) => return self.leave("it failed"),
        };
        if let Some(cost) = report.cost.filter(|cost| *cost < settings.min_cost) {
            let [took, least] = [cost, settings.min_cost].map(spelled);
            return self.leave(&if took == least {
                format!("took less than the {least} of --min-cost")
            } else {
                format!("took {took}, below the {least} of --min-cost")
            });
        }
        match ended.input {
            InputUse::Unknown(why) => return self.leave(why),
            InputUse::LeftAt(position) => records.leave_input(InputLeft {
                position,
                saw_end: false,
            }),
            InputUse::Took(taken) => records.leave_input(InputLeft {
                position: taken.bytes,
                saw_end: taken.saw_end,
            }),
            InputUse::Known => {}
        }
        let recording = records
            .recorder
            .and_then(|r| Ok((r.form(), r.finish(report.exit)?)));
        let (form, mut recording) = match recording {
            Ok(recording) => recording,
            Err(NotRecorded::Spool(error)) => {
                self.attempt_late::<()>(Err(Error::Io(error)))?;
                return Ok(());
            }
            Err(other) => return self.leave(&other.to_string()),
        };
        let now = self.clock.now();
        let beside = self.attempt_late(self.place(backend, form, now))?.flatten();
        let call = beside.as_ref().unwrap_or(self.call);
        let policy = self.of(call).policy(backend, now);
        // A persistent entry has no lifetime.
        let ttl = ttl.filter(|_| policy == Policy::Evict);
        let entry = Entry {
            policy,
            expires_at: ttl.map(|ttl| now.saturating_add(ttl)),
            scopes: self.call.scopes.clone(),
            function: Some(self.function()),
            args: self.of(call).recorded_args(),
            cost_ms: report.cost.map(whole_millis),
            ..Entry::new(call.entry.address.clone(), Kind::Command, now)
        };
        let kept = backend.stage(&mut recording, now).and_then(|content| {
            let options = PutOptions {
                expiry,
                ..Condition::Always.into()
            };
            backend.put(&entry, &content, &options, now)?;
            Ok(content.size())
        });
        if let Err(error @ Error::OverLimit { .. }) = &kept {
            return self.leave(&error.to_string());
        }
        report.size = self.attempt_late(kept)?;
        report.key = report.size.map(|_| entry.address.key.clone());
        report.kept_at = report.size.map(|_| now);
        if let (Some(_), Some(publisher)) = (report.size, records.publisher) {
            publisher.settle();
        }
        report.ttl_left = report.size.and(match expiry {
            Expiry::Named => ttl,
            Expiry::Default => self.ttl_left(backend, &entry, now),
        });
        Ok(())
    }

    /// Returns the lifetime of an entry that was just written: a limit may have given it another.
    fn ttl_left(&self, backend: &dyn Backend, entry: &Entry, now: Timestamp) -> Option<Duration> {
        let expires_at = match backend.lookup_unread(&entry.address, now) {
            Ok(Lookup::Hit(written, _)) => written.expires_at,
            _ => entry.expires_at,
        };
        expires_at.map(|expires_at| expires_at.since(now))
    }

    /// Returns the arguments to record with an entry of the call.
    pub(crate) fn recorded_args(&self) -> Option<String> {
        match self.call.settings.arguments {
            Arguments::Record => Some(self.call.entry.args.clone()),
            Arguments::Forget => None,
        }
    }

    /// Returns the policy of the present result, which a new one keeps.
    fn policy(&self, backend: &dyn Backend, now: Timestamp) -> Policy {
        match backend.lookup_unread(&self.call.entry.address, now) {
            Ok(Lookup::Hit(entry, _) | Lookup::Stale(entry)) if self.is_ours(&entry) => {
                entry.policy
            }
            _ => Policy::Evict,
        }
    }

    pub(crate) fn leave(&self, why: &str) -> Result<()> {
        self.caller.on_unkept(why);
        Ok(())
    }
}
