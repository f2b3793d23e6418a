//! `ecache copy`: entries from one store, database or file to another.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Record};
use ecache_core::error::Error;
use ecache_core::filter::{DatasetPattern, Filter, Usage};
use ecache_core::interchange::Reader;
use ecache_core::location::{self, Access};
use ecache_core::transfer::{Found, Importer, Records, Remap, Transferred, matches};

use super::removal::amount;
use super::request::{check_name, dataset_id, filter_among};
use super::transfer::{lines, open_records, pour, report, to_file, to_stdout};
use crate::cli::CopyArgs;
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage};
use crate::signals;

pub(crate) fn run(context: &Context, args: CopyArgs) -> Result<Exit> {
    let now = context.now();
    let place = |typed: &Path| match typed.as_os_str() == "-" {
        true => Ok(typed.to_owned()),
        false => context.location_of(typed),
    };
    let (from, to) = (place(&args.from)?, place(&args.to)?);
    if args.remap_dataset.is_empty() && is_same(&from, &to) {
        return Err(usage(
            "cannot copy entries to where they are; name another place, or --remap-dataset OLD=NEW",
        ));
    }
    let source = match Place::of_source(&from)? {
        Place::Store => Some(location::open(from.as_os_str(), Access::Read)?),
        Place::Lines => None,
    };
    // A dataset's name means what it does where the entries are, and where they go.
    let here = || match &source {
        Some(source) => Ok(Datasets::new(source.datasets()?)),
        None => Ok(Datasets::new(None)),
    };
    let there = || match location::is_url(to.as_os_str()) {
        true => Ok(Datasets::new(
            location::open(to.as_os_str(), Access::Read)?.datasets()?,
        )),
        false => Ok(Datasets::new(None)),
    };
    let remap = remap(&args.remap_dataset, &here, &there)?;
    let mut filter = filter_among(context, &args.filter, args.policy, now, &here)?;
    let sources = remap.sources().map(|id| DatasetPattern::exact(Some(id)));
    filter.datasets.extend(sources);
    let copy = Copy {
        context,
        args: &args,
        to,
        filter,
        remap,
    };
    match &source {
        Some(source) => {
            let total = match context.terminal.stderr_is_terminal {
                true => Some(source.usage(&copy.filter.clone().into(), now)?.entries),
                false => None,
            };
            let records = Records::new(source.as_ref(), &copy.filter, now)?;
            copy.pour(total, records)
        }
        None => {
            let input = open_records(&from)?;
            let collection = &copy.filter.collection;
            let records = Reader::new(input, collection, now)
                .map_err(|error| Error::Input(Box::new(error)))?
                .map(|record| match record {
                    Ok((_, record)) => Ok(record),
                    Err(error) => Err(Error::Input(Box::new(error))),
                })
                .filter(|record| match record {
                    Ok(record) => matches(&copy.filter, record, now),
                    Err(_) => true,
                })
                .map(|record| record.map(Found::Record));
            copy.pour(None, records)
        }
    }
}

struct Copy<'a> {
    context: &'a Context,
    args: &'a CopyArgs,
    to: PathBuf,
    filter: Filter,
    remap: Remap,
}

impl Copy<'_> {
    /// Copies what is found to its place.
    fn pour(
        &self,
        total: Option<u64>,
        found: impl Iterator<Item = Result<Found, Error>>,
    ) -> Result<Exit> {
        let to = &self.to;
        let remapped = found.map(|found| {
            found.map(|mut found| {
                if let Found::Record(record) = &mut found {
                    self.remap.apply(record);
                }
                found
            })
        });
        match Place::of_target(to) {
            Place::Store => self.to_store(total, remapped),
            Place::Lines if self.args.dry_run => {
                let mut usage = Usage::default();
                let exit = self.pour_into(total, remapped, |record| {
                    if let Record::Entry(entry, _) = record {
                        usage += Usage {
                            entries: 1,
                            bytes: entry.size,
                        };
                    }
                    Ok(())
                })?;
                self.context.note(&format!("would copy {}", amount(usage)));
                Ok(exit)
            }
            Place::Lines => {
                let write = |out: &mut dyn Write| self.pour_into(total, remapped, lines(out));
                match to.as_os_str() == "-" {
                    true => to_stdout(self.context, write),
                    false => to_file(to, write),
                }
            }
        }
    }

    fn pour_into(
        &self,
        total: Option<u64>,
        found: impl Iterator<Item = Result<Found, Error>>,
        take: impl FnMut(Record) -> Result<()>,
    ) -> Result<Exit> {
        pour(self.context, "copying", total, found, take)
    }

    fn to_store(
        &self,
        total: Option<u64>,
        found: impl Iterator<Item = Result<Found, Error>>,
    ) -> Result<Exit> {
        let backend = self.target()?;
        let mut importer = Importer::new(backend.as_ref(), self.args.on_conflict.into());
        if self.args.dry_run {
            importer = importer.rehearsing();
        }
        signals::finish_batches()?;
        let poured = self.pour_into(total, found, |record| Ok(importer.add(record)?));
        // What was read before something went wrong is written: a second copy begins behind it.
        let stopped = || "the copy stopped; run it again to go on";
        let done = importer.finish().with_context(stopped);
        let exit = poured.with_context(stopped);
        if let Ok(done) = &done {
            self.report(done);
        }
        let refused = !done?.refused.is_empty();
        Ok(match exit? {
            Exit::Done if refused => Exit::Failed,
            exit => exit,
        })
    }

    /// The store that is copied to. A dry run makes none.
    fn target(&self) -> Result<Arc<dyn Backend>> {
        let to = self.to.as_os_str();
        if !self.args.dry_run {
            return Ok(location::open(to, Access::Write)?);
        }
        match location::open(to, Access::Read) {
            Err(Error::Missing { .. }) => Ok(location::empty()),
            Ok(_) => Ok(location::open(to, Access::Write)?),
            Err(error) => Err(error.into()),
        }
    }

    fn report(&self, done: &Transferred) {
        for (address, error) in &done.refused {
            self.context
                .warn(&format!("{address} is left out: {error}"));
        }
        let verb = match self.args.dry_run {
            true => "would copy",
            false => "copied",
        };
        report(self.context, verb, done.imported);
    }
}

/// What is at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A store, which [`location::open`] opens
    Store,
    /// A file of entries, which has no index
    Lines,
}

impl Place {
    /// Tells a store from a dump by its first bytes; what is neither says so when it is read.
    fn of_source(path: &Path) -> Result<Self> {
        if location::is_url(path.as_os_str()) {
            return Ok(Self::Store);
        }
        if path.as_os_str() == "-" {
            return Ok(Self::Lines);
        }
        let attempt = || format!("cannot copy from {}", path.display());
        let kind = fs::metadata(path).with_context(attempt)?.file_type();
        // Reading from a pipe would take away what is read.
        if !kind.is_file() {
            return Ok(Self::Lines);
        }
        const MAGIC: &[u8] = b"SQLite format 3\0";
        let mut head = Vec::new();
        let file = File::open(path).with_context(attempt)?;
        file.take(MAGIC.len() as u64)
            .read_to_end(&mut head)
            .with_context(attempt)?;
        Ok(match head == MAGIC {
            true => Self::Store,
            false => Self::Lines,
        })
    }

    fn of_target(path: &Path) -> Self {
        let is_lines = path.extension().is_some_and(|name| name == "jsonl");
        match path.as_os_str() == "-" || (is_lines && !location::is_url(path.as_os_str())) {
            true => Self::Lines,
            false => Self::Store,
        }
    }
}

/// Whether two paths lead to one place.
fn is_same(one: &Path, two: &Path) -> bool {
    let place = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    one != OsStr::new("-") && place(one) == place(two)
}

fn remap(
    pairs: &[String],
    here: &dyn Fn() -> Result<Datasets>,
    there: &dyn Fn() -> Result<Datasets>,
) -> Result<Remap> {
    let mut remap = Remap::default();
    for pair in pairs {
        let (old, new) = pair.split_once('=').ok_or_else(|| {
            usage(format!(
                "invalid --remap-dataset {pair:?}: it is OLD=NEW, two datasets"
            ))
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
