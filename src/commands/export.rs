//! `ecache export`: entries as JSON lines, which `import` reads.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Row, Scan, Values, read_value};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Usage};
use ecache_core::interchange::{check_size, write_entry, write_store};
use ecache_core::time::Timestamp;

use super::request::filter;
use crate::cli::ExportArgs;
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::JsonToTerminal;
use crate::signals;

pub(crate) fn run(context: &Context, args: ExportArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, args.policy, now)?;
    let backend = context.reader()?;
    let export = Export {
        context,
        backend: backend.as_ref(),
        filter,
        now,
    };
    match &args.output {
        Some(path) => export.to_file(path),
        None if context.terminal.stdout_is_terminal => {
            export.write(JsonToTerminal::new(io::stdout().lock()))
        }
        None => export.write(BufWriter::with_capacity(1 << 16, io::stdout().lock())),
    }
}

struct Export<'a> {
    context: &'a Context,
    backend: &'a dyn Backend,
    filter: Filter,
    now: Timestamp,
}

impl Export<'_> {
    /// Writes to a file that appears when it is complete, readable for its owner alone; what is no file, such as
    /// a device or a named pipe, is written to as it is.
    fn to_file(&self, path: &Path) -> Result<Exit> {
        let attempt = || format!("cannot export to {}", path.display());
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => {
                return Err(usage(format!(
                    "cannot export to {}: it is a folder; name a file in it",
                    path.display()
                )));
            }
            Ok(there) if !there.is_file() => {
                let there = fs::OpenOptions::new().write(true).open(path);
                return self.write(BufWriter::new(there.with_context(attempt)?));
            }
            _ => {}
        }
        // A link stays, and what it leads to is replaced.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::metadata(&folder).with_context(attempt)?;
        signals::finish_batches()?;
        // The error as it comes has the name of the temporary file, which nobody asked for.
        let file = tempfile::NamedTempFile::new_in(folder);
        let file = file.map_err(|error| io::Error::from(error.kind()));
        let mut file = file.with_context(attempt)?;
        let exit = self.write(BufWriter::new(&mut file))?;
        file.as_file().sync_all().with_context(attempt)?;
        let persisted = file.persist(path).map_err(|error| error.error);
        persisted.with_context(attempt)?;
        Ok(exit)
    }

    fn write(&self, mut out: impl Write) -> Result<Exit> {
        let mut line = Vec::new();
        if self.takes_whole_stores() {
            for store in self.backend.stores()? {
                if store.metadata.is_some() && self.filter.matches_store(&store.address) {
                    line.clear();
                    write_store(&store, &mut line);
                    out.write_all(&line)?;
                }
            }
        }
        let scan = Scan {
            values: Values::Include,
            ..Scan::new(self.filter.clone())
        };
        let mut bar = self.context.progress("exporting", None);
        let (mut count, mut damaged) = (0_u64, 0_u64);
        for row in self.backend.scan(&scan, self.now)? {
            if signals::interrupted().is_some() {
                let done = Usage {
                    entries: count,
                    bytes: 0,
                };
                return Err(Error::Interrupted { done }.into());
            }
            match row? {
                Row::Entry(entry, Some(content)) => {
                    check_size(&entry)?;
                    let value = read_value(self.backend, entry.kind, content)?;
                    line.clear();
                    write_entry(&entry, &value.bytes, &mut line)?;
                    out.write_all(&line)?;
                    count += 1;
                    bar.advance(1);
                }
                Row::Entry(_, None) => {}
                Row::Damaged(address) => {
                    damaged += 1;
                    self.context
                        .warn(&format!("{address} is damaged and left out"));
                }
            }
        }
        out.flush()?;
        bar.finish();
        Ok(match damaged {
            0 => Exit::Done,
            _ => Exit::Damaged,
        })
    }

    /// Whether the filter names stores and datasets only: then their metadata goes along.
    fn takes_whole_stores(&self) -> bool {
        let stores = Filter {
            collection: self.filter.collection.clone(),
            stores: self.filter.stores.clone(),
            datasets: self.filter.datasets.clone(),
            ..Filter::default()
        };
        self.filter == stores
    }
}
