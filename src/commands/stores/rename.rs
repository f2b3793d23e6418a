//! `ecache stores rename`: gives a store another name.

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, OnExistingStore, Row, Scan};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern, Usage};
use ecache_core::scope::StoreAddress;

use super::super::shared::address::resolve::{check_name, check_written};
use super::super::shared::changes::deletion::{Run, amount, counting, keep_unless, open};
use super::super::shared::changes::operation::{tell_undo, this};
use super::super::shared::filter::words::words;
use super::{address, find};
use crate::cli::{LinkArgs, StoresRenameArgs};
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::human::{entries, plural};
use crate::signals;

pub(super) fn run(context: &Context, args: StoresRenameArgs) -> Result<Exit> {
    context
        .summary
        .begin("stores rename", args.summary.is_json());
    let old = address(context, &args.old, &args.link)?;
    let new = target(context, &args)?;
    if old == new {
        return Err(usage(format!("{old} has that name already")));
    }
    check_written("store", &new.store_name)?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    if find(context, backend.as_ref(), "rename", &old)?.is_none() {
        return Ok(Exit::No);
    }
    let has_document = has_document(backend.as_ref(), &old)?;
    let on_existing = if args.merge {
        OnExistingStore::Merge
    } else {
        OnExistingStore::Fail
    };
    let keeps_document = self::has_document(backend.as_ref(), &new)?;
    let now = context.now();
    let mut until = None;
    let renamed = match run {
        Run::Dry => rehearse(context, backend.as_ref(), (&old, &new), on_existing),
        Run::Wet => {
            signals::finish_batches()?;
            let mut bar = context.progress("renaming", None);
            let mut count = counting(&mut bar);
            let keep = keep_unless(args.no_undo);
            let operation = this(Cause::Removed, words(&Filter::store(&old).into()));
            let renamed =
                backend.rename_logged((&old, &new), on_existing, keep, &operation, now, &mut count);
            drop(count);
            bar.finish();
            let renamed = renamed.map_err(anyhow::Error::from);
            renamed.map(|renamed| {
                until = renamed.until;
                renamed.usage
            })
        }
    };
    let verb = match run {
        Run::Dry => "would rename",
        Run::Wet => "renamed",
    };
    match renamed {
        Ok(usage) => {
            let with_document = match (has_document, keeps_document) {
                (false, _) => "",
                (true, false) => " and its metadata",
                (true, true) => ", without its metadata, since the other store has some",
            };
            if let Some(until) = until {
                context.summary.set_undo_until(until);
            }
            if context.summary.takes(usage, 1) {
                context.finish_summary(args.dry_run)?;
                return Ok(Exit::Done);
            }
            let amount = amount(usage);
            context.note(&format!("{verb} {old} to {new}: {amount}{with_document}"));
            note_others(context, backend.as_ref(), &old, &new)?;
            if let Some(until) = until {
                tell_undo(context, until, now);
            }
            Ok(Exit::Done)
        }
        Err(error) => match error.downcast_ref() {
            Some(Error::Conflict { address, .. }) => {
                context.absent(
                    &format!(
                        "cannot rename {old} to {new}: both have {}",
                        address.key.as_str()
                    ),
                    Some("ecache rm removes one of them"),
                );
                Ok(Exit::No)
            }
            Some(Error::Interrupted { .. } | Error::Partial { .. }) => Err(error.context(
                "the store is partly renamed; continue with the same command and --merge",
            )),
            _ => Err(error.context(format!("cannot rename {old} to {new}"))),
        },
    }
}

/// Says which entries of stores of the old name, in other datasets, keep that name.
fn note_others(
    context: &Context,
    backend: &dyn Backend,
    old: &StoreAddress,
    new: &StoreAddress,
) -> Result<()> {
    let (mut staying, mut places) = (Usage::default(), Vec::new());
    for store in backend.stores()? {
        let other = &store.address;
        let is_other = other.store_name == old.store_name
            && other.collection == old.collection
            && **other != *old
            && **other != *new;
        if is_other {
            staying += backend.usage(&Filter::store(other).into(), context.now())?;
            places.push(match other.dataset_id.as_deref() {
                Some(dataset) => format!("in {dataset}"),
                None => "of no dataset".to_owned(),
            });
        }
    }
    if let [place, ..] = &*places {
        let more = match places.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let name = &old.store_name;
        let entries = entries(staying.entries);
        let stay = plural(staying.entries, "stays", "stay");
        context.note(&format!("{entries} of {name} {place}{more} {stay}"));
        let scope = if old.dataset_id.is_some() {
            ""
        } else {
            "; --dataset names one"
        };
        context.detail(&format!(
            "a store is renamed in one dataset at a time{scope}"
        ));
    }
    Ok(())
}

/// Reports whether a store has a document of its own, whatever wrote it.
fn has_document(backend: &dyn Backend, store: &StoreAddress) -> Result<bool, Error> {
    match backend.document(store) {
        Err(Error::ForeignValue { .. }) => Ok(true),
        document => Ok(document?.is_some()),
    }
}

/// Returns the address that the store gets.
fn target(context: &Context, args: &StoresRenameArgs) -> Result<StoreAddress> {
    let link = match (&args.to_dataset, args.to_no_dataset) {
        (None, false) => args.link.clone(),
        (dataset, _) => LinkArgs {
            dataset: dataset.clone(),
        },
    };
    let mut new = address(context, &args.new, &link)?;
    if let Some(collection) = &args.to_collection {
        new.collection = check_name("collection", collection)?.into();
    }
    Ok(new)
}

/// Finds what would be renamed, or why it could not be.
fn rehearse(
    context: &Context,
    backend: &dyn Backend,
    (old, new): (&StoreAddress, &StoreAddress),
    on_existing: OnExistingStore,
) -> Result<Usage> {
    let now = context.now();
    let stores = backend.stores()?;
    if stores.iter().any(|store| *store.address == *new) {
        if on_existing == OnExistingStore::Fail {
            let store = Box::new(new.clone());
            return Err(Error::StoreExists { store }.into());
        }
        for row in backend.scan(&Scan::new(Filter::store(old)), now)? {
            let address = match row? {
                Row::Foreign(foreign) => foreign.entry.address,
                Row::Entry(entry, _) => entry.address,
                Row::Damaged(address) => address,
            };
            let same_key = Filter {
                keys: vec![Pattern::exact(address.key.as_str())],
                ..Filter::store(new)
            };
            if backend.usage(&same_key.into(), now)?.entries > 0 {
                return Err(Error::Conflict {
                    address: Box::new(new.entry(address.key)),
                    written_at: now,
                }
                .into());
            }
        }
    }
    Ok(backend.usage(&Filter::store(old).into(), now)?)
}
