//! `ecache copy`: entries from one store, database or file to another.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Cause, ImportLog, OnConflict, Record};
use ecache_core::entry::Policy;
use ecache_core::error::Error;
use ecache_core::filter::{DatasetPattern, Filter, Usage};
use ecache_core::interchange::Reader;
use ecache_core::location::{self, Access, has_password};
use ecache_core::remap::Remap;
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;
use ecache_core::transfer::{FoundRecord, Importer, Records};

use super::shared::address::resolve::check_name;
use super::shared::changes::deletion::{Run, amount, keep_unless};
use super::shared::changes::operation::{tell_undo_by, this};
use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::no_match::note_none_listed;
use super::shared::filter::words::words;
use super::shared::filter::{DefaultSelection, filter_among, note_unknown_names};
use super::shared::transfer::left_out::{LeftOut, Omissions};
use super::shared::transfer::record_filter::RecordFilter;
use super::shared::transfer::{
    is_database, lines, note_beyond_undo, note_evicted, open_records, pour, report, to_file,
    to_stdout,
};
use crate::cli::CopyArgs;
use crate::context::Context;
use crate::datasets::{Datasets, dataset_id};
use crate::error::{Exit, usage, usage_tip};
use crate::output::own_command_at;
use crate::signals;

pub(crate) fn run(context: &Context, args: CopyArgs) -> Result<Exit> {
    if args.summary.is_json() && args.to.as_os_str() == "-" && !args.dry_run {
        return Err(usage_tip(
            "the entries go to standard output, and the summary would be one of them",
            "leave out --json, or name a file",
        ));
    }
    context.summary.begin("copy", args.summary.is_json());
    let (dry_run, is_strict) = (args.dry_run, args.filter.fail_empty);
    let exit = copy(context, args)?;
    context.finish_summary(dry_run)?;
    if is_strict && context.summary.is_empty() {
        return Ok(exit.max_trouble(Exit::No));
    }
    Ok(exit)
}

fn copy(context: &Context, args: CopyArgs) -> Result<Exit> {
    let now = context.now();
    let place = |typed: &Path| {
        if typed.as_os_str() == "-" {
            Ok(typed.to_owned())
        } else {
            context.location_of(typed)
        }
    };
    let (from, to) = (place(&args.from)?, place(&args.to)?);
    context.refuse_unused_location([&args.from, &args.to])?;
    if args.remap_dataset.is_empty() && is_same(&from, &to) {
        return Err(usage_tip(
            "cannot copy entries to where they are",
            "name another place, or --remap-dataset OLD=NEW",
        ));
    }
    let source = match Endpoint::of_source(&from)? {
        Endpoint::Store => {
            context.fold_usage_of(&from);
            Some(location::open(from.as_os_str(), Access::Read)?)
        }
        Endpoint::Lines => None,
    };
    // A dataset's name means what it does where the entries are, and where they go.
    let here = || match &source {
        Some(source) => context.datasets_of(source.datasets()?),
        None => context.datasets_of(None),
    };
    let there = || {
        if location::is_url(to.as_os_str()) {
            context.datasets_of(location::open(to.as_os_str(), Access::Read)?.datasets()?)
        } else {
            context.datasets_of(None)
        }
    };
    let remap = remap(&args.remap_dataset, &here, &there)?;
    if is_same(&from, &to) && remap.is_chained() {
        return Err(usage_tip(
            "a dataset cannot be both OLD and NEW within one store",
            "copy by way of a file",
        ));
    }
    // The entries of a file were selected when it was written; those of a store were not.
    let unless = match (&source, remap.is_empty()) {
        (Some(_), true) => DefaultSelection::AnyPolicy,
        (Some(_), false) => DefaultSelection::Evictable,
        (None, true) => DefaultSelection::AnyCollection,
        (None, false) => DefaultSelection::EvictableOfAnyCollection,
    };
    let mut filter = filter_among(context, &args.filter, unless, now, &here)?;
    let sources = remap.sources().map(|id| DatasetPattern::exact(Some(id)));
    filter.datasets.extend(sources);
    let copy = Copy {
        context,
        now,
        args: &args,
        to,
        filter,
        remap,
        left_out: LeftOut::default(),
    };
    match &source {
        Some(source) => copy.store(source.as_ref()),
        None => copy.lines(&from),
    }
}

struct Copy<'a> {
    context: &'a Context,
    now: Timestamp,
    args: &'a CopyArgs,
    to: PathBuf,
    filter: Filter,
    remap: Remap,
    left_out: LeftOut,
}

impl Copy<'_> {
    /// Copies from a store.
    fn store(self, source: &dyn Backend) -> Result<Exit> {
        let (context, now) = (self.context, self.now);
        let total = if context.terminal.stderr_is_terminal {
            Some(source.usage(&self.filter.clone().into(), now)?.entries)
        } else {
            None
        };
        if let Some(left) = self.left() {
            let usage = source.usage(&left.into(), now)?;
            self.left_out.add_persistent(usage);
        }
        let found = Cell::new(0_u64);
        let records = Records::new(source, &self.filter, now)?;
        let records = records.inspect(|_| found.set(found.get() + 1));
        let exit = self.pour(total, records)?;
        note_unknown_names(context, source, &self.filter)?;
        if found.get() == 0 {
            note_none_listed(context, source, &self.filter, now);
        }
        note_elsewhere(context, source, &self.filter.into(), now)?;
        Ok(exit)
    }

    /// Copies from the lines of a file or of standard input.
    fn lines(self, from: &Path) -> Result<Exit> {
        let (context, now) = (self.context, self.now);
        let input = open_records(from)?;
        let left = self.left();
        let mut wanted = RecordFilter::new(context, self.filter.clone(), now);
        let records = Reader::new(input, context.usual_collection(), now)
            .map_err(|error| Error::Input(Box::new(error)))?
            .map(|read| read.map(|(_, record)| record))
            .inspect(|read| {
                if let (Some(left), Ok(Record::Entry(entry, _))) = (&left, read)
                    && left.matches(entry, now)
                {
                    let (entries, bytes) = (1, entry.size);
                    self.left_out.add_persistent(Usage { entries, bytes });
                }
            })
            .filter_map(|read| wanted.take(read))
            .map(|record| record.map(FoundRecord::Record));
        let exit = self.pour(None, records)?;
        wanted.check()?;
        Ok(exit.max_trouble(wanted.finish()))
    }

    /// Returns the filter of the persistent entries that are left out because no policy was typed.
    fn left(&self) -> Option<Filter> {
        let is_left = !self.remap.is_empty() && self.args.filter.policy.is_none();
        is_left.then(|| Filter {
            policy: Some(Policy::Persist),
            ..self.filter.clone()
        })
    }

    /// Copies the records that were found to the target.
    fn pour(
        &self,
        total: Option<u64>,
        found: impl Iterator<Item = Result<FoundRecord, Error>>,
    ) -> Result<Exit> {
        let to = &self.to;
        let is_clone = !self.remap.is_empty();
        let remapped = found.filter_map(|found| match found {
            Ok(FoundRecord::Record(record)) if is_clone && self.left_out.is_job(&record) => None,
            Ok(FoundRecord::Record(mut record)) => {
                self.remap.apply(&mut record);
                Some(Ok(FoundRecord::Record(record)))
            }
            other => Some(other),
        });
        let exit = match Endpoint::of_target(to)? {
            Endpoint::Store => self.to_store(total, remapped),
            Endpoint::Lines => self.to_lines(total, remapped),
        }?;
        self.left_out.note(self.context);
        Ok(exit)
    }

    fn to_lines(
        &self,
        total: Option<u64>,
        found: impl Iterator<Item = Result<FoundRecord, Error>>,
    ) -> Result<Exit> {
        let to = &self.to;
        // Lines are not looked up, so nothing that is there can stay.
        if to.as_os_str() != "-"
            && fs::metadata(to).is_ok_and(|there| there.is_file())
            && self.args.on_conflict != OnConflict::Replace
        {
            return Err(usage_tip(
                format!("{} already exists", to.display()),
                "add --on-conflict replace, or name another file",
            ));
        }
        let mut usage = Usage::default();
        let counted = found.inspect(|found| {
            if let Ok(FoundRecord::Record(Record::Entry(entry, _))) = found {
                usage += Usage {
                    entries: 1,
                    bytes: entry.size,
                };
            }
        });
        let foreign = Omissions::of_foreign(self.context);
        let write = |out: &mut dyn Write| {
            let take = lines(out);
            pour(self.context, "copying", total, counted, &foreign, take)
        };
        let exit = match (self.args.dry_run, to.as_os_str() == "-") {
            (true, _) => write(&mut io::sink()),
            (false, true) => to_stdout(self.context, write),
            (false, false) => to_file(self.context, to, write),
        }?;
        let verb = if self.args.dry_run {
            "would copy"
        } else {
            "copied"
        };
        if !self.context.summary.takes(usage, 0) {
            self.context.note(&format!("{verb} {}", amount(usage)));
        }
        Ok(exit.max_trouble(foreign.finish()))
    }

    fn to_store(
        &self,
        total: Option<u64>,
        found: impl Iterator<Item = Result<FoundRecord, Error>>,
    ) -> Result<Exit> {
        let backend = self.target()?;
        let foreign = Omissions::of_foreign(self.context);
        let refused = Omissions::new(self.context, "which TO cannot keep");
        let mut on_refused = |address: &Address, error| {
            refused.add(address, error);
            Ok(())
        };
        let on_conflict = self.args.on_conflict;
        let mut on_beyond = || note_beyond_undo(self.context);
        let now = self.context.now();
        let log = ImportLog::new(
            this(Cause::Removed, words(&self.filter.clone().into(), now)),
            keep_unless(self.args.no_undo),
            now,
            &mut on_beyond,
        );
        let importer = Importer::new(backend.as_ref(), on_conflict, &mut on_refused);
        let mut importer = importer.logging(log);
        if self.args.dry_run {
            importer = importer.rehearsing();
        }
        signals::finish_batches()?;
        let add = |record| Ok(importer.add(record)?);
        let poured = pour(self.context, "copying", total, found, &foreign, add);
        // Records read before an error are written, so that another copy can continue behind them.
        let flushed = importer.flush();
        let verb = if self.args.dry_run {
            "would copy"
        } else {
            "copied"
        };
        let run = Run::from(self.args.dry_run);
        report(self.context, verb, importer.done(), run);
        let evicted = importer.log().map_or(0, |log| log.evicted);
        note_evicted(self.context, evicted, run);
        if let Some(until) = importer.log().and_then(|log| log.until) {
            // The operation is in the log of the other store.
            if !has_password(self.to.as_os_str()) {
                tell_undo_by(
                    self.context,
                    &own_command_at(&self.to, "undo"),
                    "this",
                    until,
                    now,
                );
            }
        }
        let omitted = refused.finish().max_trouble(foreign.finish());
        let exit = poured.and_then(|exit| Ok(flushed.map(|()| exit)?));
        let exit = exit.map_err(|error| {
            if is_passing(&error) {
                error.context("the copy stopped; run it again to go on")
            } else {
                error.context("the copy stopped")
            }
        })?;
        Ok(exit.max_trouble(omitted))
    }

    /// Opens the store that is copied to. A dry run does not create it.
    fn target(&self) -> Result<Arc<dyn Backend>> {
        let to = self.to.as_os_str();
        if !self.args.dry_run {
            return Ok(location::open(to, self.context.access)?);
        }
        match location::open(to, Access::Read) {
            Err(Error::Missing { .. }) => Ok(location::empty()),
            Ok(_) => Ok(location::open(to, self.context.access)?),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reports whether an error is transient, so that running the copy again may succeed.
fn is_passing(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(Error::Interrupted { .. } | Error::Busy | Error::Full { .. })
    )
}

/// The kind of a copy's source or target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    /// A store, which [`location::open`] opens
    Store,
    /// A file of entries, which has no index
    Lines,
}

impl Endpoint {
    /// Distinguishes a store from a dump by its first bytes. Any other file fails when it is read.
    fn of_source(path: &Path) -> Result<Self> {
        if location::is_url(path.as_os_str()) {
            return Ok(Self::Store);
        }
        if path.as_os_str() == "-" {
            return Ok(Self::Lines);
        }
        let attempt = || format!("cannot copy from {}", path.display());
        let kind = fs::metadata(path).with_context(attempt)?.file_type();
        // Bytes read from a pipe could not be read again.
        Ok(
            if kind.is_file() && is_database(path).with_context(attempt)? {
                Self::Store
            } else {
                Self::Lines
            },
        )
    }

    /// Recognizes a file of lines by its name, so that no store is created by mistake.
    fn of_target(path: &Path) -> Result<Self> {
        if location::is_url(path.as_os_str()) {
            return Ok(Self::Store);
        }
        let is_no_file = |path: &Path| {
            let there = fs::metadata(path);
            there.is_ok_and(|there| !there.is_file() && !there.is_dir())
        };
        if path.as_os_str() == "-" || is_no_file(path) {
            return Ok(Self::Lines);
        }
        let extension = path.extension().map(|name| name.to_ascii_lowercase());
        match extension.as_deref().and_then(OsStr::to_str) {
            Some("jsonl" | "ndjson") => Ok(Self::Lines),
            Some(name @ ("json" | "bson" | "gz" | "zst" | "csv" | "tsv")) => Err(usage_tip(
                format!("cannot write .{name} files"),
                "TO is a store, or a file of JSON lines: name it FILE.jsonl",
            )),
            _ => Ok(Self::Store),
        }
    }
}

/// Reports whether two paths lead to the same file or database.
fn is_same(one: &Path, two: &Path) -> bool {
    let file = |path: &Path| {
        let there = fs::metadata(path).ok()?;
        Some((there.dev(), there.ino()))
    };
    match (file(one), file(two)) {
        (Some(one), Some(two)) => one == two,
        _ => one != OsStr::new("-") && one == two,
    }
}

fn remap(
    pairs: &[String],
    here: &dyn Fn() -> Result<Datasets>,
    there: &dyn Fn() -> Result<Datasets>,
) -> Result<Remap> {
    let mut remap = Remap::default();
    for pair in pairs {
        let (old, new) = pair.split_once('=').ok_or_else(|| {
            usage_tip(
                format!("invalid --remap-dataset {pair:?}"),
                "it is OLD=NEW, two datasets",
            )
        })?;
        let from = dataset_id(check_name("dataset", old)?, here)?;
        let to = dataset_id(check_name("dataset", new)?, there)?;
        if !remap.insert(from, to) {
            return Err(usage(format!(
                "--remap-dataset names dataset {old:?} twice"
            )));
        }
    }
    Ok(remap)
}
