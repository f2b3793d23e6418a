//! `ecache import`: reads entries from JSON lines, MongoDB Extended JSON or a mongodump.

use std::io::BufRead;
use std::mem;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use ecache_core::backend::{Cause, Commit, ImportLog, Record};
use ecache_core::error::Error;
use ecache_core::interchange::{ReadError, Reader};
use ecache_core::location;

use super::shared::changes::deletion::{Run, counting, keep_unless};
use super::shared::changes::operation::{tell_undo, this};
use super::shared::filter::words::words;
use super::shared::filter::{DefaultSelection, filter};
use super::shared::transfer::left_out::Omissions;
use super::shared::transfer::record_filter::RecordFilter;
use super::shared::transfer::{note_beyond_undo, note_evicted, open_records, report};
use crate::cli::ImportArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::signals;

/// Records that are handed from one thread to the other at a time, or as many as have that many
/// bytes.
const CHUNK: usize = 512;
const CHUNK_SIZE: usize = 1 << 20;
const CHUNKS_AHEAD: usize = 4;

pub(crate) fn run(context: &Context, args: ImportArgs) -> Result<Exit> {
    let now = context.now();
    context.summary.begin("import", args.summary.is_json());
    let filter = filter(context, &args.filter, DefaultSelection::AnyCollection, now)?;
    let is_filtered = filter.is_narrowed();
    let input = open_records(&args.file)?;
    // Read before the store is created: a file that is none of these leaves no trace.
    let records = Reader::new(input, context.usual_collection(), now)
        .map_err(|error| Error::Input(Box::new(error)))?;
    let backend = if args.dry_run && !context.has_store()? {
        location::empty()
    } else {
        context.writer()?
    };
    let commit = commit_of(&args);
    signals::finish_batches()?;
    let mut bar = context.progress("importing", None);
    let words = words(&filter.clone().into(), now);
    let mut on_beyond = || note_beyond_undo(context);
    let mut log = ImportLog::new(
        this(Cause::Removed, words),
        keep_unless(args.no_undo),
        now,
        &mut on_beyond,
    );
    let mut wanted = RecordFilter::new(context, filter, now);
    let refused = Omissions::new(context, "which the store cannot keep");
    let imported = backend.import_logged(
        &mut read_ahead(records).filter_map(|read| wanted.take(read)),
        args.on_conflict,
        commit,
        &mut log,
        &mut |address, error| {
            refused.add(address, error);
            Ok(())
        },
        &mut counting(&mut bar),
    );
    bar.finish();
    let imported = imported.and_then(|imported| wanted.check().map(|()| imported));
    let verb = match commit {
        Commit::Rehearse => "would import",
        Commit::Whole | Commit::Every(_) => "imported",
    };
    let imported = imported.map_err(|error| {
        let what = what_is_in(commit, &error);
        anyhow::Error::new(error).context(what)
    })?;
    let run = Run::from(args.dry_run);
    report(context, verb, imported, run);
    note_evicted(context, log.evicted, run);
    if let Some(until) = log.until {
        tell_undo(context, until, now);
    }
    let refused = refused.finish();
    let exit = refused.max_trouble(wanted.finish());
    context.finish_summary(args.dry_run)?;
    let is_empty = imported.is_empty();
    if is_empty && exit == Exit::Done && is_filtered {
        context.absent(
            &format!("no entry in {} matches", args.file.display()),
            None,
        );
    }
    Ok(exit.max_trouble(args.filter.exit(is_empty)))
}

fn commit_of(args: &ImportArgs) -> Commit {
    match args.batch {
        _ if args.dry_run => Commit::Rehearse,
        Some(count) => Commit::Every(count as usize),
        None => Commit::Whole,
    }
}

/// Returns the words that say how much of a failed import is in the store.
fn what_is_in(commit: Commit, error: &Error) -> &'static str {
    match (commit, error) {
        // A server has no transactions.
        (Commit::Whole, Error::Partial { .. }) => "only a part was imported",
        (Commit::Whole, Error::Interrupted { done }) if done.entries > 0 => {
            "only a part was imported"
        }
        (Commit::Every(_), _) => "the import stopped; whole batches before this are in the store",
        (Commit::Whole | Commit::Rehearse, _) => "nothing was imported",
    }
}

/// Reads on a thread of its own: reading takes as long as writing, so that an import takes half the
/// time.
///
/// Reads on the calling thread if there is no room for another one.
fn read_ahead<R: BufRead + Send + 'static>(records: Reader<R>) -> Box<dyn Iterator<Item = Read>> {
    let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
    let records = Arc::new(Mutex::new(Some(records)));
    let take = |records: &Mutex<Option<Reader<R>>>| {
        let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
        let records = records.take().into_iter().flatten();
        records.map(|read| read.map(|(_, record)| record))
    };
    let theirs = Arc::clone(&records);
    let reading = thread::Builder::new().spawn(move || hand_on(take(&theirs), &sender));
    match reading {
        Ok(_) => Box::new(receiver.into_iter().flatten()),
        Err(_) => Box::new(take(&records)),
    }
}

type Read = Result<Record, ReadError>;

fn hand_on(records: impl Iterator<Item = Read>, sender: &SyncSender<Vec<Read>>) {
    let mut chunk = Vec::new();
    let mut size = 0;
    for record in records {
        if let Ok(Record::Entry(_, value)) = &record {
            size += value.len();
        }
        chunk.push(record);
        if chunk.len() == CHUNK || size >= CHUNK_SIZE {
            // A failed import receives no more batches.
            if sender.send(mem::take(&mut chunk)).is_err() {
                return;
            }
            size = 0;
        }
    }
    let _ = sender.send(chunk);
}
