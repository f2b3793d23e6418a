//! `ecache watch`: prints what becomes of entries, as it happens.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::Backend;
use ecache_core::error::Error;
use ecache_core::location::{self, Access};
use ecache_core::watch::{Change, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fields::{self, Field};
use super::request::filter;
use crate::cli::WatchArgs;
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage};
use crate::output::{Cell, Column, Format};

pub(crate) fn run(context: &Context, args: WatchArgs) -> Result<Exit> {
    let format = match context.format(args.format) {
        Format::Jsonl => Format::Jsonl,
        // What ends a table, or an array, would never come.
        Format::Table | Format::Plain if args.format.format.is_none() => Format::Plain,
        _ => {
            return Err(usage(
                "what is watched has no end: --format is jsonl, or nothing",
            ));
        }
    };
    let interval = Duration::from_millis(args.interval);
    let filter = filter(context, &args.filter, args.policy, context.now())?;
    let mut watch = match open(context)? {
        Some(backend) => Watch::new(backend, context.shared_clock(), filter),
        None => {
            context.note("there is no store yet; waiting for it");
            let backend = loop {
                rest(interval)?;
                if let Some(backend) = open(context)? {
                    break backend;
                }
            };
            Watch::new(backend, context.shared_clock(), filter).from_nothing()
        }
    };
    let mut changes = watch.poll()?;
    context.detail("watching");
    let datasets = context.datasets()?;
    let fields = match format {
        Format::Jsonl => fields::parse(&["all".into()], &datasets)?,
        _ => vec![Field::StoreName, Field::Key, Field::DatasetId, Field::Size],
    };
    let mut columns = vec![Column::whole("change"), Column::whole("seen_at")];
    columns.extend(fields.iter().map(|field| field.column()));
    let mut left = args.count;
    loop {
        let count = left.map_or(changes.len(), |left| changes.len().min(left));
        left = left.map(|left| left - count);
        // One writer a poll: it hands on what it has when it is finished.
        let mut rows = context.rows(format, &columns)?;
        for change in &changes[..count] {
            rows.row(&cells(context, change, &fields, &datasets))?;
        }
        rows.finish()?;
        if left == Some(0) {
            return Ok(Exit::Done);
        }
        rest(interval)?;
        changes = watch.poll()?;
    }
}

/// The store, `None` as long as there is none.
fn open(context: &Context) -> Result<Option<Arc<dyn Backend>>> {
    let (path, _) = context.location()?;
    match location::open(path.as_os_str(), Access::Read) {
        Err(Error::Missing { .. }) => Ok(None),
        result => Ok(result.map(Some)?),
    }
}

/// Waits for the next look, and ends like `tail -f` does when nobody reads any more.
fn rest(interval: Duration) -> Result<()> {
    let stdout = io::stdout();
    let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty())];
    let interval = Timespec::try_from(interval).unwrap_or(Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    });
    match poll(&mut fds, Some(&interval)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(()),
        Ok(_) => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

fn cells<'a>(
    context: &Context,
    change: &'a Change,
    fields: &[Field],
    datasets: &'a Datasets,
) -> Vec<Cell<'a>> {
    let word = match change {
        Change::Created(_) => "created",
        Change::Updated(_) => "updated",
        Change::Deleted(_) => "removed",
    };
    let mut cells = vec![Cell::from(word), Cell::Time(context.now().as_millis())];
    cells.extend(fields.iter().map(|field| match (change, field) {
        (Change::Created(entry) | Change::Updated(entry), _) => field.cell(entry, None, datasets),
        (Change::Deleted(address), Field::StoreName) => Cell::from(&*address.store.store_name),
        (Change::Deleted(address), Field::Key) => Cell::from(address.key.as_str()),
        (Change::Deleted(address), Field::DatasetId) => {
            Cell::from(address.store.dataset_id.as_deref())
        }
        (Change::Deleted(address), Field::DatasetName) => {
            Cell::from(datasets.name(address.store.dataset_id.as_deref()))
        }
        (Change::Deleted(_), _) => Cell::Null,
    }));
    cells
}
