//! Shared parts of export, import and copy: files that appear once complete, the loop over the
//! records, and the report.

mod atomic_file;
pub(in crate::commands) mod left_out;
pub(in crate::commands) mod record_filter;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, LineWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ecache_core::backend::{Imported, Record};
use ecache_core::error::Error;
use ecache_core::filter::Usage;
use ecache_core::transfer::{FoundRecord, write_record};

use super::changes::deletion::{Run, metadata};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::escape::shell;
use crate::output::human::entries;
use crate::output::own_command;
use crate::output::{JsonToTerminal, human, stdin, stdout};
use crate::signals;
use left_out::Omissions;

/// Passes the records to `take`, with progress, until the end or until the user interrupts it.
///
/// Damaged and oversized records are reported and left out, and change the exit code. The caller
/// reports the number of `foreign` ones after its own report.
pub(in crate::commands) fn pour(
    context: &Context,
    verb: &'static str,
    total: Option<u64>,
    found: impl Iterator<Item = Result<FoundRecord, Error>>,
    foreign: &Omissions<'_>,
    mut take: impl FnMut(Record) -> Result<()>,
) -> Result<Exit> {
    let mut bar = context.progress(verb, total);
    let mut exit = Exit::Done;
    let mut done = 0;
    for found in found {
        check_interrupted(done)?;
        match found? {
            FoundRecord::Record(record) => {
                let is_entry = matches!(record, Record::Entry(..));
                take(record)?;
                done += u64::from(is_entry);
                bar.advance(u64::from(is_entry));
            }
            other => exit = exit.max_trouble(leave_out(context, other, foreign)),
        }
    }
    bar.finish();
    Ok(exit)
}

/// Takes a record by writing it as a line.
pub(in crate::commands) fn lines(out: &mut dyn Write) -> impl FnMut(Record) -> Result<()> {
    let mut line = Vec::new();
    move |record| {
        line.clear();
        write_record(&record, &mut line)?;
        Ok(out.write_all(&line)?)
    }
}

/// Fails once the user has interrupted the work, of which this many entries are done.
pub(in crate::commands) fn check_interrupted(entries: u64) -> Result<(), Error> {
    match signals::interrupted() {
        Some(_) => Err(Error::Interrupted {
            done: Usage { entries, bytes: 0 },
        }),
        None => Ok(()),
    }
}

/// Reports an entry that is left out, and returns its exit code.
pub(in crate::commands) fn leave_out(
    context: &Context,
    found: FoundRecord,
    foreign: &Omissions<'_>,
) -> Exit {
    match found {
        FoundRecord::Record(_) => Exit::Done,
        FoundRecord::Damaged(address) => {
            context.warn_damaged(&address);
            Exit::Damaged
        }
        FoundRecord::Foreign(address, reason) => {
            foreign.add(address, reason);
            Exit::Done
        }
        FoundRecord::TooLarge(address, size) => {
            context.warn(&format!(
                "{address} was left out: its value of {} is too large",
                human::size(size)
            ));
            Exit::Failed
        }
    }
}

/// Writes lines of JSON to standard output, which may be a terminal.
pub(in crate::commands) fn to_stdout(
    context: &Context,
    write: impl FnOnce(&mut dyn Write) -> Result<Exit>,
) -> Result<Exit> {
    let mut out: Box<dyn Write> = if context.terminal.stdout_is_terminal {
        Box::new(JsonToTerminal::new(LineWriter::new(stdout())))
    } else {
        Box::new(BufWriter::with_capacity(1 << 16, stdout()))
    };
    let exit = write(&mut out)?;
    out.flush()?;
    Ok(exit)
}

/// Writes a file that appears once complete, readable only by its owner. A path that is not a
/// regular file, such as a device or a named pipe, is written to directly.
///
/// A file that holds something is not replaced by nothing, which a misspelt name would do to a
/// backup.
pub(in crate::commands) fn to_file(
    context: &Context,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<Exit>,
) -> Result<Exit> {
    let attempt = || format!("cannot write {}", path.display());
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(usage_tip(
                format!("cannot write {}: it is a folder", path.display()),
                "name a file in it",
            ));
        }
        Ok(there) if there.is_file() && is_database(path).with_context(attempt)? => {
            return Err(usage_tip(
                format!("cannot write lines to {}: it is a database", path.display()),
                "name another file",
            ));
        }
        Ok(there) if !there.is_file() => {
            let there = fs::OpenOptions::new().write(true).open(path);
            let mut out = BufWriter::new(there.with_context(attempt)?);
            let exit = write(&mut out).with_context(attempt)?;
            out.flush().with_context(attempt)?;
            return Ok(exit);
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
    // The original error names the temporary file, which the user does not know.
    let file = atomic_file::create(&folder);
    let file = file.map_err(|error| io::Error::from(error.kind()));
    let mut file = file.with_context(attempt)?;
    let mut out = BufWriter::with_capacity(1 << 16, file.as_file_mut());
    let exit = write(&mut out).with_context(attempt)?;
    out.flush().with_context(attempt)?;
    drop(out);
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    if length(file.path()) == 0 && length(path) > 0 {
        context.warn(&format!(
            "nothing to export: {} stays as it is",
            path.display()
        ));
        return Ok(exit.max_trouble(Exit::No));
    }
    file.as_file().sync_all().with_context(attempt)?;
    let persisted = file.persist(path).map_err(|error| error.error);
    persisted.with_context(attempt)?;
    Ok(exit)
}

/// Opens a file of records; `-` is standard input. The content of a pipe is spooled to a file
/// first: a sender that stalls must not keep other writers waiting.
pub(in crate::commands) fn open_records(path: &Path) -> Result<BufReader<File>> {
    let file = if path.as_os_str() == "-" {
        spool(stdin()).context("cannot keep standard input in a temporary file")?
    } else {
        let attempt = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(attempt)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(usage_tip(
                format!("cannot read {}: it is a folder", path.display()),
                "name a file in it",
            ));
        }
        if kind.is_file() {
            file
        } else {
            spool(file).with_context(attempt)?
        }
    };
    let mut records = BufReader::with_capacity(1 << 16, file);
    // A file that cannot be read is reported by its reader.
    match unpacker(records.fill_buf().unwrap_or_default()) {
        Some(unpacker) => Err(compressed(path, unpacker)),
        None => Ok(records),
    }
}

/// Returns the program that prints the content of a compressed file, by its first bytes.
fn unpacker(head: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "zcat"),
        (b"BZh", "bzcat"),
        (b"\xfd7zXZ\0", "xzcat"),
        (b"\x28\xb5\x2f\xfd", "zstdcat"),
    ];
    let found = FORMATS.iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, unpacker)| *unpacker)
}

fn compressed(path: &Path, unpacker: &str) -> anyhow::Error {
    let import = own_command("import -");
    if path.as_os_str() == "-" {
        return usage_tip(
            "standard input is compressed",
            format!("put {unpacker} before it: {unpacker} | {import}"),
        );
    }
    let file = path.to_string_lossy();
    usage_tip(
        format!("{file} is compressed"),
        format!("{unpacker} {} | {import}", shell(&file)),
    )
}

/// Reports whether a file is a SQLite database.
pub(in crate::commands) fn is_database(path: &Path) -> io::Result<bool> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::new();
    let file = File::open(path)?;
    file.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    Ok(head == MAGIC)
}

fn spool(mut pipe: impl Read) -> io::Result<File> {
    let mut spool = tempfile::tempfile()?;
    io::copy(&mut pipe, &mut spool)?;
    spool.rewind()?;
    Ok(spool)
}

/// Notes that an import replaces more than can be brought back.
pub(in crate::commands) fn note_beyond_undo(context: &Context) {
    context.note("undo cannot take this back: it replaces too many entries");
}

/// Notes that a limit takes some of the replaced entries at once.
pub(in crate::commands) fn note_evicted(context: &Context, count: u64, run: Run) {
    if count > 0 {
        let evicted = match run {
            Run::Dry => "would be evicted",
            Run::Wet => human::plural(count, "was evicted", "were evicted"),
        };
        context.note(&format!(
            "{} that it replaces {evicted} by a limit: undo cannot restore what was replaced",
            entries(count)
        ));
    }
}

/// Reports the written entries: `imported 3 entries (2 new, 1 replaced)`.
pub(in crate::commands) fn report(context: &Context, verb: &str, imported: Imported, run: Run) {
    if context.summary.takes_imported(imported) {
        return;
    }
    let mut message = format!(
        "{verb} {} ({} new, {} replaced",
        entries(imported.created + imported.replaced),
        human::count(imported.created),
        human::count(imported.replaced)
    );
    if imported.kept > 0 {
        message.push_str(&format!(
            ", {} kept as they were",
            human::count(imported.kept)
        ));
    }
    message.push(')');
    if imported.evicted > 0 {
        let evict = match run {
            Run::Dry => "would evict",
            Run::Wet => "evicted",
        };
        let evicted = human::count(imported.evicted);
        message.push_str(&format!("; limits {evict} {evicted}"));
    }
    if imported.stores > 0 {
        message.push_str(&format!(" and {}", metadata(imported.stores)));
    }
    if imported.stores_kept > 0 {
        let them = human::plural(imported.stores_kept, "it was", "they were");
        message.push_str(&format!(
            "; {} stays as {them}",
            metadata(imported.stores_kept)
        ));
    }
    context.note(&message);
}
