//! Records of FiftyOne's transient jobs, which workers own while they run.

use anyhow::Result;
use ecache_core::backend::{Backend, Row, Scan};
use ecache_core::filter::{Filter, Jobs, Usage};
use ecache_core::location;
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;

use super::removal::amount;
use crate::context::Context;

/// Reports whether jobs may run: workers run them in FiftyOne's database alone.
fn may_run(context: &Context) -> Result<bool> {
    let (path, _) = context.location()?;
    Ok(location::is_url(path.as_os_str()))
}

/// Returns the part of a filter that a removal takes: running jobs stay.
pub(in crate::commands) fn without_running(context: &Context, filter: &Filter) -> Result<Filter> {
    let jobs = match filter.jobs {
        Some(Jobs::Only) => Some(Jobs::Idle),
        None if may_run(context)? => Some(Jobs::NotRunning),
        jobs => jobs,
    };
    Ok(Filter {
        jobs,
        ..filter.clone()
    })
}

/// Returns the running jobs of a filter.
fn running(filter: &Filter) -> Filter {
    Filter {
        jobs: Some(Jobs::Running),
        ..filter.clone()
    }
}

/// Tells how many running jobs a removal has left in place.
pub(in crate::commands) fn note_running(
    context: &Context,
    backend: &dyn Backend,
    filter: &Filter,
    now: Timestamp,
) -> Result<()> {
    if !may_run(context)? {
        return Ok(());
    }
    let left = backend.usage(&running(filter).into(), now)?;
    if left != Usage::default() {
        context.note(&format!(
            "{} of running jobs left in place; --jobs removes them too",
            amount(left)
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
