//! Entries that a copy to another dataset leaves out, since FiftyOne's clones do.

use std::cell::Cell;

use ecache_core::backend::Record;
use ecache_core::filter::Usage;
use ecache_core::transient_job::Job;

use super::deletion::amount;
use crate::context::Context;

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

    /// Tells how many there were.
    pub(in crate::commands) fn note(&self, context: &Context) {
        let persistent = self.persistent.get();
        if persistent != Usage::default() {
            context.note(&format!(
                "{} of policy persist left out; --policy any copies them too",
                amount(persistent)
            ));
        }
        let jobs = self.jobs.get();
        if jobs != Usage::default() {
            context.note(&format!("{} of jobs left out", amount(jobs)));
        }
    }
}

fn add(total: &Cell<Usage>, usage: Usage) {
    let mut sum = total.get();
    sum += usage;
    total.set(sum);
}
