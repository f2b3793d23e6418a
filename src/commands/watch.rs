//! `ecache watch`: prints what becomes of entries, and the calls of all processes, as they happen.
//!
//! Entries are compared with those of the look before; calls are read from the usage log. That an
//! entry was evicted, and not merely removed, is in the log before the entry is gone.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use ecache_core::backend::Backend;
use ecache_core::error::Error;
use ecache_core::filter::Filter;
use ecache_core::location::{self, Access};
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, LogTail, Outcome};
use ecache_core::watch::{Change, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::shared::filter::words::words;
use super::shared::filter::{DefaultSelection, filter, no_match, note_unknown_names};
use super::shared::view::fields::{self, Field};
use crate::cli::filter::FilterArgs;
use crate::cli::{WatchArgs, WatchFormat};
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage_tip};
use crate::output::own_command;
use crate::output::{Cell, Column, Format, Secrets, human, stdout};

pub(crate) fn run(context: &Context, args: WatchArgs) -> Result<Exit> {
    let format = match (args.format, args.json, args.null) {
        (Some(WatchFormat::Jsonl), ..) | (_, true, _) => Format::Jsonl,
        (_, _, true) => Format::Nul,
        _ => Format::default_for(&context.terminal),
    };
    let interval = Duration::from_millis(args.interval);
    check_lasting(&args.filter)?;
    let filter = filter(
        context,
        &args.filter,
        DefaultSelection::AnyPolicy,
        context.now(),
    )?;
    let mut watched = WatchedFile::of(context)?;
    let is_there = watched.is_there();
    let backend = context.reader()?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let waits = waiting(context, backend.as_ref(), &filter, format)?;
    let mut calls = Calls::follow(context, &filter);
    let mut watch = Watch::new(backend, context.shared_clock(), filter);
    if !is_there {
        context.note("there is no store yet; waiting for it");
    }
    watch.poll()?;
    match waits {
        Some(line) => context.footer(&line),
        None => context.detail("watching"),
    }
    let datasets = context.datasets()?;
    let fields = fields_of(context, format, &datasets)?;
    let columns = columns_of(&fields, format);
    let mut rows = context.rows(format, &columns)?;
    rows.stream();
    let mut left = args.count;
    let mut is_failing = false;
    loop {
        rest(watch.rest(interval))?;
        let changes = match poll_changes(context, &mut watched, &mut watch) {
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
        // Read after the changes: an eviction is logged before the entry is gone.
        let events = calls.new_ones(context);
        let most = left.unwrap_or(usize::MAX);
        let changes = &changes[..changes.len().min(most)];
        let events = &events[..events.len().min(most - changes.len())];
        left = left.map(|left| left - changes.len() - events.len());
        for change in changes {
            let now = context.now();
            let word = calls.word_of(change);
            let mut cells = vec![Cell::from(word), Cell::Time(now.as_millis())];
            let secrets = args.reveal.into();
            cells.extend(entry_cells(change, &fields, &datasets, secrets, now));
            cells.extend([Cell::Null, Cell::Null]);
            rows.row(&arranged(cells, format))?;
        }
        for event in events {
            rows.row(&arranged(call_cells(event, &fields, &datasets), format))?;
        }
        rows.flush()?;
        if left == Some(0) {
            return Ok(Exit::Done);
        }
    }
}

/// Returns the fields of an entry that a change is printed with. Those of a call stand in the place
/// of the entry's.
fn fields_of(context: &Context, format: Format, datasets: &Datasets) -> Result<Vec<Field>> {
    let mut fields = match format {
        Format::Jsonl => fields::parse(&["all".into()], datasets)?,
        _ => vec![Field::StoreName, Field::Key, Field::DatasetId, Field::Size],
    };
    if context.may_mix_collections() {
        fields::add_collection(&mut fields);
    }
    fields.retain(|field| *field != Field::SavedMs);
    Ok(fields)
}

fn columns_of(fields: &[Field], format: Format) -> Vec<Column> {
    let mut columns = if format == Format::Table {
        vec![
            Column::whole("seen_at").titled("TIME"),
            Column::whole("change").titled("EVENT"),
        ]
    } else {
        vec![Column::whole("change"), Column::whole("seen_at")]
    };
    columns.extend(fields.iter().map(|field| field.column()));
    columns.extend([Column::number("calls"), Column::number("saved_ms")]);
    columns
}

/// Says to a person that changes are awaited, since none may come for a while.
fn waiting(
    context: &Context,
    backend: &dyn Backend,
    filter: &Filter,
    format: Format,
) -> Result<Option<String>> {
    if format != Format::Table || !context.terminal.stderr_is_terminal {
        return Ok(None);
    }
    if let Some(reason) = no_match::instead(backend, filter, context.now())? {
        return Ok(Some(format!("{reason}; waiting for one, Ctrl-C ends it")));
    }
    let what = match words(&filter.clone().into(), context.now()).as_str() {
        "--all" => "changes and calls".to_owned(),
        words => format!("changes and calls of {words}"),
    };
    Ok(Some(format!("waiting for {what}, Ctrl-C ends it")))
}

/// Puts the time of day first, as a person reads it in a table.
fn arranged(mut cells: Vec<Cell<'_>>, format: Format) -> Vec<Cell<'_>> {
    if format == Format::Table {
        if let Cell::Time(at) = cells[1] {
            cells[1] = Cell::from(human::clock(at));
        }
        cells.swap(0, 1);
    }
    cells
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
            own_command("ls --fail-empty"),
        ));
    }
    match times.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((option, _)) => Err(usage_tip(
            format!("{option} depends on the clock, so it cannot be watched"),
            "choose entries by their names, kind, size, cost or policy",
        )),
    }
}

fn poll_changes(
    context: &Context,
    watched: &mut WatchedFile,
    watch: &mut Watch,
) -> Result<Vec<Change>> {
    let before = watched.file;
    if watched.has_moved()? {
        let (path, _) = context.location()?;
        watch.continue_with(match location::open(path.as_os_str(), Access::Read) {
            Ok(backend) => backend,
            // Also returned for a file that is about to become a store.
            Err(Error::Missing { .. }) => {
                watched.file = None;
                location::empty()
            }
            Err(error) => {
                watched.file = before;
                return Err(error.into());
            }
        });
    }
    Ok(watch.poll()?)
}

/// The file that is watched, which may be created, removed or replaced.
struct WatchedFile {
    /// `None` for a database
    path: Option<PathBuf>,
    file: Option<(u64, u64)>,
}

impl WatchedFile {
    fn of(context: &Context) -> Result<Self> {
        let (path, _) = context.location()?;
        let path = (!location::is_url(path.as_os_str())).then_some(path);
        let mut watched = Self { path, file: None };
        watched.has_moved()?;
        Ok(watched)
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

fn entry_cells<'a>(
    change: &'a Change,
    fields: &[Field],
    datasets: &'a Datasets,
    secrets: Secrets,
    now: Timestamp,
) -> Vec<Cell<'a>> {
    let cell = |field: &Field| match change {
        Change::Created(entry) | Change::Updated(entry) => {
            field.cell(&**entry, None, datasets, secrets, now)
        }
        Change::Deleted(address) => match field {
            Field::StoreName => Cell::from(&*address.store.store_name),
            Field::Key => Cell::from(address.key.as_str()),
            Field::DatasetId => Cell::from(address.store.dataset_id.as_deref()),
            Field::Collection => Cell::from(&*address.store.collection),
            Field::DatasetName => Cell::from(datasets.name(address.store.dataset_id.as_deref())),
            _ => Cell::Null,
        },
    };
    fields.iter().map(cell).collect()
}

fn call_cells<'a>(event: &'a Event, fields: &[Field], datasets: &'a Datasets) -> Vec<Cell<'a>> {
    let store = &event.store;
    let mut cells = vec![
        Cell::from(event.outcome.word()),
        Cell::Time(event.at.as_millis()),
    ];
    cells.extend(fields.iter().map(|field| match field {
        Field::StoreName => Cell::from(&*store.store_name),
        Field::Key => Cell::from(event.key.as_ref().map(|key| key.as_str())),
        Field::DatasetId => Cell::from(store.dataset_id.as_deref()),
        Field::Collection => Cell::from(&*store.collection),
        Field::DatasetName => Cell::from(datasets.name(store.dataset_id.as_deref())),
        Field::UserId => Cell::from(event.user.as_deref()),
        Field::OperatorUri => Cell::from(event.operator.as_deref()),
        _ => Cell::Null,
    }));
    cells.extend([Cell::Count(event.count), Cell::Duration(event.saved_ms)]);
    cells
}

/// The calls of all processes, from the usage log.
struct Calls {
    /// `None` if the log cannot be followed, or does not tell what the filter asks for
    follower: Option<LogTail>,
    filter: Filter,
    /// The entries that are evicted, or about to be
    evicted: HashMap<Address, Instant>,
}

impl Calls {
    /// Time for which an eviction is remembered: a removal in progress ends in a fraction of it.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn follow(context: &Context, filter: &Filter) -> Self {
        let follower = if filter.means_calls() {
            let log = context.usage_log();
            let follower = log.and_then(|log| Ok(log.tail()?));
            Self::or_say(context, follower)
        } else {
            context.detail("calls are not shown: the filter selects by what only entries have");
            None
        };
        Self {
            follower,
            filter: filter.clone(),
            evicted: HashMap::new(),
        }
    }

    fn or_say<T>(context: &Context, result: Result<T>) -> Option<T> {
        let say = |error| context.warn(&format!("calls are not shown: {error:#}"));
        result.map_err(say).ok()
    }

    /// Returns the calls since the last time that the filter matches.
    fn new_ones(&mut self, context: &Context) -> Vec<Event> {
        let Some(follower) = &mut self.follower else {
            return Vec::new();
        };
        let Some(mut events) = Self::or_say(context, follower.events().map_err(Into::into)) else {
            self.follower = None;
            return Vec::new();
        };
        self.evicted.retain(|_, at| at.elapsed() < Self::PATIENCE);
        for event in &events {
            if let (Outcome::Eviction, Some(key)) = (event.outcome, &event.key) {
                let address = event.store.entry(key.clone());
                self.evicted.insert(address, Instant::now());
            }
        }
        events.retain(|event| {
            let (user, operator) = (event.user.as_deref(), event.operator.as_deref());
            let filter = &self.filter;
            event.count > 0 && filter.matches_call(&event.store, user, operator, event.key.as_ref())
        });
        events
    }

    /// Names a change.
    fn word_of(&mut self, change: &Change) -> &'static str {
        match change {
            Change::Created(_) => "created",
            Change::Updated(_) => "updated",
            Change::Deleted(address) if self.is_evicted(address) => "evicted",
            Change::Deleted(_) => "removed",
        }
    }

    /// Reports whether the entry was evicted, and forgets it.
    fn is_evicted(&mut self, address: &Address) -> bool {
        self.evicted.remove(address).is_some()
    }
}
