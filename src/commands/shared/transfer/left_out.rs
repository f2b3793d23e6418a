//! Entries that are left out: those that cannot be kept, and those that a copy to another dataset
//! leaves behind, since FiftyOne's clones do.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Display;

use ecache_core::backend::Record;
use ecache_core::filter::Usage;
use ecache_core::transient_job::Job;

use crate::commands::shared::changes::deletion::amount;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human;
use crate::output::human::entries;
use crate::output::own_command;

/// Maximum number of omitted entries that are named one by one.
pub(in crate::commands) const NAMED: u64 = 10;

/// Names the first entries that cannot be taken along, and counts all of them.
pub(in crate::commands) struct Omissions<'a> {
    context: &'a Context,
    /// Completes the sentence `left out 3 entries, …`
    why: Cow<'static, str>,
    count: Cell<u64>,
}

impl<'a> Omissions<'a> {
    pub(in crate::commands) fn new(
        context: &'a Context,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        let count = Cell::new(0);
        Self {
            context,
            why: why.into(),
            count,
        }
    }

    /// Omits what another program wrote, and ecache can keep nowhere else.
    pub(in crate::commands) fn of_foreign(context: &'a Context) -> Self {
        let doctor = own_command("doctor");
        let why = format!("which would not be the same elsewhere; `{doctor}` says why");
        Self::new(context, why)
    }

    /// Leaves out one more entry, for a reason.
    pub(in crate::commands) fn add(&self, what: impl Display, reason: impl Display) {
        self.count.set(self.count.get() + 1);
        if self.count.get() <= NAMED {
            self.context.warn(&format!("{what} was left out: {reason}"));
        }
    }

    /// Reports how many were left out, and returns the exit code.
    pub(in crate::commands) fn finish(&self) -> Exit {
        self.context.summary.add_left_out(self.count.get());
        match self.count.get() {
            0 => Exit::Done,
            count => {
                let entries = entries(count);
                self.context
                    .warn(&format!("left out {entries}, {}", self.why));
                Exit::Failed
            }
        }
    }
}

/// Counts entries that are left out.
#[derive(Default)]
pub(in crate::commands) struct LeftOut {
    /// Entries of policy `persist`
    persistent: Cell<Usage>,
    /// Records of jobs
    jobs: Cell<Usage>,
}

impl LeftOut {
    /// Counts entries of policy `persist`.
    pub(in crate::commands) fn add_persistent(&self, usage: Usage) {
        add(&self.persistent, usage);
    }

    /// Reports whether a record is that of a job, and counts it then: no worker knows of its copy.
    pub(in crate::commands) fn is_job(&self, record: &Record) -> bool {
        let Record::Entry(entry, value) = record else {
            return false;
        };
        let is_job = Job::of(entry, value).is_some();
        if is_job {
            let (entries, bytes) = (1, entry.size);
            add(&self.jobs, Usage { entries, bytes });
        }
        is_job
    }

    /// Notes how many there were.
    pub(in crate::commands) fn note(&self, context: &Context) {
        let persistent = self.persistent.get();
        let left_out = persistent.entries + self.jobs.get().entries;
        context.summary.add_left_out(left_out);
        if persistent != Usage::default() {
            context.note(&format!(
                "{} of policy persist {} left out; --policy any copies them too",
                amount(persistent),
                human::plural(persistent.entries, "was", "were")
            ));
        }
        let jobs = self.jobs.get();
        if jobs != Usage::default() {
            context.note(&format!(
                "{} of jobs {} left out",
                amount(jobs),
                human::plural(jobs.entries, "was", "were")
            ));
        }
    }
}

fn add(total: &Cell<Usage>, usage: Usage) {
    let mut sum = total.get();
    sum += usage;
    total.set(sum);
}
