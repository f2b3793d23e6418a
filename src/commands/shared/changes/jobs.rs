//! Records of FiftyOne's transient jobs, which workers own while they run.

use std::ffi::OsStr;

use anyhow::Result;
use ecache_core::backend::{Backend, Row, Scan};
use ecache_core::filter::{Filter, Jobs, Selection, Usage};
use ecache_core::location;
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;

use super::deletion::amount;
use crate::context::Context;
use crate::output::human;

/// Reports whether jobs may run: workers run them in FiftyOne's database alone.
fn may_run(context: &Context) -> Result<bool> {
    let (path, _) = context.location()?;
    Ok(location::is_url(path.as_os_str()))
}

/// Returns the part of a filter that a removal from the store at `path` takes, as
/// [`spare_running`] does.
pub(in crate::commands) fn spare_running_at(path: &OsStr, filter: &Filter) -> Filter {
    spared(location::is_url(path), filter)
}

/// Returns the part of a selection that a removal takes: running jobs stay unless `--jobs` is
/// typed, and do not count towards a capacity.
pub(in crate::commands) fn without_running(
    context: &Context,
    selection: &Selection,
) -> Result<Selection> {
    let may_run = may_run(context)?;
    Ok(selection.map(|filter| spared(may_run, filter)))
}

/// Returns the part of a filter that a removal takes. The metadata of a store with running jobs
/// stays.
pub(in crate::commands) fn spare_running(context: &Context, filter: &Filter) -> Result<Filter> {
    Ok(spared(may_run(context)?, filter))
}

fn spared(may_run: bool, filter: &Filter) -> Filter {
    Filter {
        jobs: match filter.jobs {
            Some(Jobs::Only) => Some(Jobs::Idle),
            None if may_run => Some(Jobs::NotRunning),
            jobs => jobs,
        },
        ..filter.clone()
    }
}

/// Returns the running jobs of a filter.
fn running(filter: &Filter) -> Filter {
    Filter {
        jobs: Some(Jobs::Running),
        ..filter.clone()
    }
}

/// Notes how many running jobs a removal of `selection` has left in place.
///
/// `going` is what a dry run has found to be removed.
pub(in crate::commands) fn note_running(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    going: Usage,
    now: Timestamp,
) -> Result<()> {
    if !may_run(context)? {
        return Ok(());
    }
    let mut jobs: Vec<Filter> = selection.filters().map(running).collect();
    if let Some(capacity) = &selection.beyond {
        let there = backend.usage(&capacity.scope.clone().into(), now)?;
        let left = Usage {
            entries: there.entries.saturating_sub(going.entries),
            bytes: there.bytes.saturating_sub(going.bytes),
        };
        if !capacity.fits(left) {
            jobs.push(running(&capacity.scope));
        }
    }
    let jobs = Selection::of(jobs);
    let left = backend.usage(&jobs, now)?;
    if left != Usage::default() {
        context.note(&format!(
            "{} of running jobs {}; --jobs removes them too",
            amount(left),
            human::plural(left.entries, "stays", "stay")
        ));
    }
    Ok(())
}

/// Returns the running jobs that a filter means, and their size.
pub(in crate::commands) fn find_running(
    context: &Context,
    backend: &dyn Backend,
    filter: &Filter,
    now: Timestamp,
) -> Result<(Vec<Address>, Usage)> {
    let mut found = (Vec::new(), Usage::default());
    if !may_run(context)? {
        return Ok(found);
    }
    for row in backend.scan(&Scan::new(running(filter)), now)? {
        if let Row::Entry(entry, _) = row? {
            let (entries, bytes) = (1, entry.size);
            found.1 += Usage { entries, bytes };
            found.0.push(entry.address);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removals_spare_running_jobs_where_workers_run_them() {
        let database = OsStr::new("mongodb://host/name");
        for (path, jobs, taken) in [
            (database, None, Some(Jobs::NotRunning)),
            (database, Some(Jobs::Only), Some(Jobs::Idle)),
            (database, Some(Jobs::Running), Some(Jobs::Running)),
            (OsStr::new("store.db"), None, None),
        ] {
            let filter = Filter {
                jobs,
                ..Filter::default()
            };
            assert_eq!(spare_running_at(path, &filter).jobs, taken, "{jobs:?}");
        }
    }
}
