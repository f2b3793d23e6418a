//! Stores the recording of a command as an entry, if it may be kept.

use std::time::Duration;

use super::pass_on::Ended;
use crate::backend::{Backend, Condition, Expiry, Lookup, PutOptions};
use crate::command::Runner;
use crate::command::output::recorder::NotRecorded;
use crate::command::settings::{Arguments, Failures, Report};
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
        mut ended: Ended,
        report: &mut Report,
    ) -> Result<()> {
        let Some(mut records) = ended.records.take() else {
            return Ok(());
        };
        if let Err(why) = self.check_end(&ended) {
            return self.leave(&why);
        }
        // Followers get all of it, whether it is kept or not.
        records.end(report.exit);
        let lifetime = self.lifetime(report);
        let is_known = lifetime.and_then(|lifetime| {
            records.add_input(ended.input)?;
            Ok(lifetime)
        });
        let (ttl, expiry) = match is_known {
            Ok(lifetime) => lifetime,
            Err(why) => return self.leave(&why),
        };
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
        let Some(size) = self.attempt_late(kept)? else {
            return Ok(());
        };
        if let Some(publisher) = records.publisher {
            publisher.settle();
        }
        report.size = Some(size);
        report.key = Some(entry.address.key.clone());
        report.kept_at = Some(now);
        report.ttl_left = match expiry {
            Expiry::Named => ttl,
            Expiry::Default => self.ttl_left(backend, &entry, now),
        };
        Ok(())
    }

    /// Returns the reason if the output of a run may not be that of the whole command.
    fn check_end(&self, ended: &Ended) -> Result<(), String> {
        match (ended.status.code(), self.call.changed_file()) {
            (None, _) => Err("a signal ended it".into()),
            _ if ended.interrupted => Err("it was interrupted".into()),
            // Followers run it themselves: their files may not have changed.
            (_, Some(file)) => Err(format!("{} changed while it ran", file.display())),
            _ => Ok(()),
        }
    }

    /// Returns for how long the result of a run is kept, or why it is not.
    fn lifetime(&self, report: &Report) -> Result<(Option<Duration>, Expiry), String> {
        let settings = &self.call.settings;
        let lifetime = match (report.exit, settings.failures) {
            (0, _) | (_, Failures::KeepAlike) => (settings.ttl, settings.expiry),
            (_, Failures::KeepFor(ttl)) => (ttl, Expiry::Named),
            (_, Failures::Forget) => return Err("it failed".into()),
        };
        match report.cost.filter(|cost| *cost < settings.min_cost) {
            Some(cost) => {
                let [took, least] = [cost, settings.min_cost].map(spelled);
                Err(if took == least {
                    format!("took less than the {least} of --min-cost")
                } else {
                    format!("took {took}, below the {least} of --min-cost")
                })
            }
            None => Ok(lifetime),
        }
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
