//! `ecache rm`: removes entries by key, whatever their policy.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Cause, Row, Scan};
use ecache_core::filter::{Filter, Pattern, Selection, Usage};
use ecache_core::scope::{Address, StoreAddress};

use super::shared::address::abbreviated::{not_a_store, whole_entry};
use super::shared::address::cut_name::{Accept, is_marked};
use super::shared::address::keys_from::{self, Line, Listed};
use super::shared::address::resolve::{Request, note_missing, note_other_call, store_address};
use super::shared::changes::confirmation::step_confirmed;
use super::shared::changes::deletion::{Run, Step, open, remove_logged};
use super::shared::changes::loss::Keeping;
use super::shared::command::args::{
    entries_of, keys_behind_dashes, meant_call, refuse_options_of_none,
};
use crate::cli::RmArgs;
use crate::cli::entry::EntryArgs;
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::escape::shell;
use crate::output::own_command;

pub(crate) fn run(context: &Context, args: RmArgs) -> Result<Exit> {
    context.summary.begin("rm", args.summary.is_json());
    let dry_run = args.dry_run;
    let exit = remove_named(context, args)?;
    context.finish_summary(dry_run)?;
    Ok(exit)
}

/// Removes the named entries.
fn remove_named(context: &Context, mut args: RmArgs) -> Result<Exit> {
    let words = &mut args.command.command;
    args.keys
        .extend(keys_behind_dashes(&mut args.store, words)?);
    let requests = requests(context, &mut args)?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let now = context.now();
    let mut exit = Exit::Done;
    let mut keys: BTreeMap<Arc<StoreAddress>, Vec<Pattern>> = BTreeMap::new();
    // The result of a command is in one of two entries.
    let is_command = !args.command.command.is_empty();
    for request in &requests {
        let key = Pattern::exact(request.address.key.as_str());
        let filter = Filter {
            keys: vec![key.clone()],
            ..Filter::store(&request.address.store)
        };
        match backend.scan(&Scan::new(filter), now)?.next().transpose()? {
            Some(Row::Entry(entry, _)) if request.contradicts(&entry) => {
                note_other_call(context, &entry.address);
                exit = Exit::No;
            }
            // Also a damaged one: this is how to get rid of it.
            Some(_) => {
                let store = request.address.store.clone();
                keys.entry(store).or_default().push(key);
            }
            None if is_command => {}
            None => {
                note_missing(context, backend.as_ref(), &request.address)?;
                exit = Exit::No;
            }
        }
    }
    if keys.is_empty() {
        if let (true, Some(own)) = (is_command, requests.first()) {
            context.absent(&format!("there is no {}", own.address), None);
            return Ok(Exit::No);
        }
        if requests.is_empty() && !context.summary.takes(Usage::default(), 0) {
            context.note("nothing to remove: the list is empty");
        }
        return Ok(exit);
    }
    let of_store = |(store, keys): (Arc<StoreAddress>, Vec<Pattern>)| Filter {
        keys,
        ..Filter::store(&store)
    };
    let selection = Selection::of(keys.into_iter().map(of_store).collect());
    let step = Step {
        selection: &selection,
        documents: None,
        keeping: Keeping::unless(args.no_undo),
        cause: Cause::Removed,
    };
    if run == Run::Wet && !step_confirmed(context, backend.as_ref(), args.confirm, &step, now)? {
        return Ok(Exit::No);
    }
    remove_logged(context, backend.as_ref(), &step, run, now)?;
    Ok(exit)
}

/// Returns the entries of a command: its results, and the record of its inputs once no result is
/// left that needs it.
fn of_command(context: &Context, args: &RmArgs) -> Result<Vec<Request>> {
    let call = meant_call(context, &args.command, &args.scope)?;
    let backend = context.reader()?;
    let record = call.own_input_record(backend.as_ref(), context.now())?;
    let record = record.map(Request::of_address);
    Ok(entries_of(&call).into_iter().chain(record).collect())
}

/// Returns the entries that were named.
fn requests(context: &Context, args: &mut RmArgs) -> Result<Vec<Request>> {
    if !args.command.command.is_empty() {
        return of_command(context, args);
    }
    refuse_options_of_none(&args.command.command, args.command.option())?;
    let listed = |file: &Path, line| -> Result<Vec<Request>> {
        let request = |address: Result<Address>| Ok(Request::of_address(address?));
        Listed::open(file, line)?.map(request).collect()
    };
    if let Some(file) = &args.entries_from {
        return listed(file, keys_from::entries(context));
    }
    let Some(store) = &args.store else {
        return Err(usage_tip(
            "no entry is named",
            format!("{}, or a command after --", own_command("rm STORE KEY...")),
        ));
    };
    if let Some(file) = &args.keys_from {
        let store = store_address(context, store, &args.scope)?;
        return listed(file, Line::key(store, args.null));
    }
    let mut named: Vec<Option<String>> = args.keys.drain(..).map(Some).collect();
    if named.is_empty() && (args.call.0.is_some() || is_marked(store)) {
        named.push(None);
    }
    if named.is_empty() {
        if let Ok(Some(error)) = not_a_store(context, store) {
            return Err(error);
        }
        return Err(usage_tip(
            format!("no key of {store} is named"),
            format!(
                "{} says what clearing it would remove",
                own_command(&format!("clear {} -n", shell(store)))
            ),
        ));
    }
    // A shortened key that was pasted from a table is looked up.
    let backend = context.reader()?;
    let request = |key| {
        let entry = EntryArgs {
            store: Some(store.clone()),
            key,
            call: args.call.clone(),
            scope: args.scope.clone(),
        };
        let entry = whole_entry(context, backend.as_ref(), entry, Accept::Marked)?;
        Request::new(context, entry)
    };
    named.into_iter().map(request).collect()
}
