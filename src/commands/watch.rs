//! `ecache watch`: prints what becomes of entries, as it happens.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use ecache_core::error::Error;
use ecache_core::location::{self, Access};
use ecache_core::watch::{Change, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::shared::fields::{self, Field};
use super::shared::filter::{Unless, filter, note_unknown_names};
use crate::cli::filter::FilterArgs;
use crate::cli::{WatchArgs, WatchFormat};
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage_tip};
use crate::output::{Cell, Column, Format, Secrets, stdout};

pub(crate) fn run(context: &Context, args: WatchArgs) -> Result<Exit> {
    let format = match (args.format, args.json, args.null) {
        (Some(WatchFormat::Jsonl), ..) | (_, true, _) => Format::Jsonl,
        (_, _, true) => Format::Nul,
        _ => Format::Plain,
    };
    let interval = Duration::from_millis(args.interval);
    check_lasting(&args.filter)?;
    let filter = filter(context, &args.filter, Unless::AnyPolicy, context.now())?;
    let mut place = Place::of(context)?;
    let is_there = place.is_there();
    let backend = context.reader()?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let mut watch = Watch::new(backend, context.shared_clock(), filter);
    if !is_there {
        context.note("there is no store yet; waiting for it");
    }
    watch.poll()?;
    context.detail("watching");
    let datasets = context.datasets()?;
    let mut fields = match format {
        Format::Jsonl => fields::parse(&["all".into()], &datasets)?,
        _ => vec![Field::StoreName, Field::Key, Field::DatasetId, Field::Size],
    };
    if context.may_mix_collections() {
        fields::add_collection(&mut fields);
    }
    let mut columns = vec![Column::whole("change"), Column::whole("seen_at")];
    columns.extend(fields.iter().map(|field| field.column()));
    let mut left = args.count;
    let mut is_failing = false;
    loop {
        rest(watch.rest(interval))?;
        let changes = match look(context, &mut place, &mut watch) {
            Ok(changes) => changes,
            // It is told once; the changes are not lost.
            Err(error) => {
                if !is_failing {
                    context.warn(&format!("{error:#}; watching goes on"));
                }
                is_failing = true;
                continue;
            }
        };
        is_failing = false;
        let count = left.map_or(changes.len(), |left| changes.len().min(left));
        left = left.map(|left| left - count);
        // One writer per poll: a writer flushes its rows when it is finished.
        let mut rows = context.rows(format, &columns)?;
        for change in &changes[..count] {
            rows.row(&cells(
                context,
                change,
                &fields,
                &datasets,
                args.reveal.into(),
            ))?;
        }
        rows.finish()?;
        if left == Some(0) {
            return Ok(Exit::Done);
        }
    }
}

/// Refuses conditions on times, which come to be true without any change.
fn check_lasting(filter: &FilterArgs) -> Result<()> {
    let times = [
        ("--expired", filter.expired),
        ("--fresh", filter.fresh),
        ("--older-than", filter.older_than.is_some()),
        ("--newer-than", filter.newer_than.is_some()),
        ("--unused-for", filter.unused_for.is_some()),
        ("--expiring-within", filter.expiring_within.is_some()),
    ];
    if filter.fail_empty {
        return Err(usage_tip(
            "watch waits for changes, so it is never empty",
            "ecache ls --fail-empty",
        ));
    }
    match times.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((option, _)) => Err(usage_tip(
            format!("{option} becomes true without a change, so it cannot be watched"),
            "choose entries by their names, kind, size, cost or policy",
        )),
    }
}

fn look(context: &Context, place: &mut Place, watch: &mut Watch) -> Result<Vec<Change>> {
    let before = place.file;
    if place.has_moved()? {
        let (path, _) = context.location()?;
        watch.continue_with(match location::open(path.as_os_str(), Access::Read) {
            Ok(backend) => backend,
            // Also returned for a file that is about to become a store.
            Err(Error::Missing { .. }) => {
                place.file = None;
                location::empty()
            }
            Err(error) => {
                place.file = before;
                return Err(error.into());
            }
        });
    }
    Ok(watch.poll()?)
}

/// The file that is watched, which may be created, removed or replaced.
struct Place {
    /// `None` for a database
    path: Option<PathBuf>,
    file: Option<(u64, u64)>,
}

impl Place {
    fn of(context: &Context) -> Result<Self> {
        let (path, _) = context.location()?;
        let path = (!location::is_url(path.as_os_str())).then_some(path);
        let mut place = Self { path, file: None };
        place.has_moved()?;
        Ok(place)
    }

    fn is_there(&self) -> bool {
        self.path.is_none() || self.file.is_some()
    }

    /// Reports whether the file was created, removed or replaced since the last call.
    fn has_moved(&mut self) -> Result<bool> {
        let Some(path) = &self.path else {
            return Ok(false);
        };
        let file = match fs::metadata(path) {
            Ok(file) => Some((file.dev(), file.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(std::mem::replace(&mut self.file, file) != file)
    }
}

/// Waits for the next poll. Fails once the reader of standard output is gone, as `tail -f` does.
fn rest(interval: Duration) -> Result<()> {
    let stdout = stdout();
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
    secrets: Secrets,
) -> Vec<Cell<'a>> {
    let word = match change {
        Change::Created(_) => "created",
        Change::Updated(_) => "updated",
        Change::Deleted(_) => "removed",
    };
    let mut cells = vec![Cell::from(word), Cell::Time(context.now().as_millis())];
    cells.extend(fields.iter().map(|field| match (change, field) {
        (Change::Created(entry) | Change::Updated(entry), _) => {
            field.cell(entry, None, datasets, secrets)
        }
        (Change::Deleted(address), Field::StoreName) => Cell::from(&*address.store.store_name),
        (Change::Deleted(address), Field::Key) => Cell::from(address.key.as_str()),
        (Change::Deleted(address), Field::DatasetId) => {
            Cell::from(address.store.dataset_id.as_deref())
        }
        (Change::Deleted(address), Field::Collection) => Cell::from(&*address.store.collection),
        (Change::Deleted(address), Field::DatasetName) => {
            Cell::from(datasets.name(address.store.dataset_id.as_deref()))
        }
        (Change::Deleted(_), _) => Cell::Null,
    }));
    cells
}
