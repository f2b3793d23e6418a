//! `ecache export`: entries as JSON lines, which `import` reads.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Result;
use ecache_core::backend::Record;
use ecache_core::entry::EntryRef;
use ecache_core::interchange::{TooLarge, write_entry};
use ecache_core::transfer::{FoundRecord, RecordVisitor, visit, write_record};

use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::no_match::note_none_listed;
use super::shared::filter::{DefaultSelection, filter, note_unknown_names};
use super::shared::transfer::left_out::Omissions;
use super::shared::transfer::{check_interrupted, leave_out, to_file, to_stdout};
use crate::cli::ExportArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Progress, human};

pub(crate) fn run(context: &Context, args: ExportArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, DefaultSelection::AnyPolicy, now)?;
    context.fold_usage();
    let backend = context.reader()?;
    let foreign = Omissions::of_foreign(context);
    let (mut is_empty, mut done) = (true, 0);
    let write = |out: &mut dyn Write| {
        let mut lines = Lines {
            context,
            foreign: &foreign,
            out,
            page: Vec::new(),
            too_large: Vec::new(),
            bar: context.progress("exporting", None),
            done: 0,
            is_empty: true,
            exit: Exit::Done,
            failed: None,
        };
        visit(backend.as_ref(), &filter, now, &mut lines)?;
        (is_empty, done) = (lines.is_empty, lines.done);
        lines.finish()
    };
    let file = args.output.as_ref().filter(|path| path.as_os_str() != "-");
    let exit = match file {
        Some(path) => to_file(context, path, write),
        None => to_stdout(context, write),
    }?;
    // A file is not replaced by nothing, which was said.
    let is_kept = is_empty && exit == Exit::No;
    if let Some(path) = file.filter(|_| !is_kept) {
        let count = human::entries(done);
        context.note(&format!("exported {count} to {}", path.display()));
    }
    let exit = exit.max_trouble(foreign.finish());
    note_unknown_names(context, backend.as_ref(), &filter)?;
    if is_empty {
        note_none_listed(context, backend.as_ref(), &filter, now);
    }
    note_elsewhere(context, backend.as_ref(), &filter.into(), now)?;
    Ok(exit.max_trouble(args.filter.exit(is_empty)))
}

/// Writes records as lines, those of a page at its end.
struct Lines<'a> {
    context: &'a Context,
    foreign: &'a Omissions<'a>,
    out: &'a mut dyn Write,
    page: Vec<u8>,
    too_large: Vec<TooLarge>,
    bar: Progress,
    /// Number of entries that were written
    done: u64,
    is_empty: bool,
    exit: Exit,
    /// The failure that ends the export
    failed: Option<anyhow::Error>,
}

impl Lines<'_> {
    fn write_page(&mut self) -> Result<()> {
        self.bar.set_done(self.done);
        for TooLarge { address, size } in std::mem::take(&mut self.too_large) {
            self.leave_out(FoundRecord::TooLarge(address, size));
        }
        self.out.write_all(&self.page)?;
        self.page.clear();
        Ok(check_interrupted(self.done)?)
    }

    fn leave_out(&mut self, found: FoundRecord) {
        let exit = leave_out(self.context, found, self.foreign);
        self.exit = self.exit.max_trouble(exit);
    }

    fn write_record(&mut self, record: &Record) -> Result<()> {
        self.done += u64::from(matches!(record, Record::Entry(..)));
        write_record(record, &mut self.page)?;
        self.write_page()
    }

    fn finish(self) -> Result<Exit> {
        self.bar.finish();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.exit),
        }
    }

    fn go_on(&mut self, done: Result<()>) -> ControlFlow<()> {
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl RecordVisitor for Lines<'_> {
    fn entry(&mut self, entry: &EntryRef<'_>, value: &[u8]) {
        self.is_empty = false;
        match write_entry(*entry, value, &mut self.page) {
            Ok(()) => self.done += 1,
            Err(error) => self.too_large.push(error),
        }
    }

    fn found(&mut self, found: FoundRecord) -> ControlFlow<()> {
        self.is_empty = false;
        let written = match found {
            FoundRecord::Record(record) => self.write_record(&record),
            other => {
                self.leave_out(other);
                Ok(())
            }
        };
        self.go_on(written)
    }

    fn end_page(&mut self) -> ControlFlow<()> {
        let written = self.write_page();
        self.go_on(written)
    }
}
