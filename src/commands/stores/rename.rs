//! `ecache stores rename`: gives a store another name.

use anyhow::Result;
use ecache_core::backend::{Backend, OnExistingStore, Row, Scan};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern, Usage};
use ecache_core::scope::StoreAddress;

use super::super::shared::deletion::{Run, amount, counting, open};
use super::super::shared::resolve::check_written;
use super::{address, find};
use crate::cli::StoresRenameArgs;
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::escape::shell;
use crate::signals;

pub(super) fn run(context: &Context, args: StoresRenameArgs) -> Result<Exit> {
    if args.old == args.new {
        return Err(usage(format!(
            "{:?} is the name that the store has",
            args.old
        )));
    }
    let old = address(context, &args.old, &args.link)?;
    let new = address(context, &args.new, &args.link)?;
    check_written("store", &new.store_name)?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    if find(context, backend.as_ref(), "rename", &old)?.is_none() {
        return Ok(Exit::No);
    }
    let has_document = backend.document(&old)?.is_some();
    let on_existing = if args.merge {
        OnExistingStore::Merge
    } else {
        OnExistingStore::Fail
    };
    let keeps_document = backend.document(&new)?.is_some();
    let renamed = match run {
        Run::Dry => rehearse(context, backend.as_ref(), (&old, &new), on_existing),
        Run::Wet => {
            signals::finish_batches()?;
            let mut bar = context.progress("renaming", None);
            let mut count = counting(&mut bar);
            let renamed = backend.rename_store(&old, &new, on_existing, &mut count);
            drop(count);
            bar.finish();
            renamed.map_err(anyhow::Error::from)
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
            let amount = amount(usage);
            context.note(&format!("{verb} {old} to {new}: {amount}{with_document}"));
            Ok(Exit::Done)
        }
        Err(error) => match error.downcast_ref() {
            Some(Error::Conflict { address, .. }) => {
                context.note(&format!(
                    "cannot rename {old} to {new}: both have the key {:?}",
                    address.key.as_str()
                ));
                Ok(Exit::No)
            }
            Some(Error::Interrupted { .. } | Error::Partial { .. }) => {
                let (from, to) = (shell(&args.old), shell(&args.new));
                let attempt = format!(
                    "the store is partly renamed; continue with `ecache stores rename {from} {to} --merge`"
                );
                Err(error.context(attempt))
            }
            _ => Err(error.context(format!("cannot rename {old} to {new}"))),
        },
    }
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
