//! `ecache stores rename`: gives a store another name.

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, KeepForUndo, OnExistingStore, Row, Scan};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern, Usage};
use ecache_core::scope::StoreAddress;
use ecache_core::time::Timestamp;

use super::super::shared::address::resolve::{check_name, check_written};
use super::super::shared::changes::deletion::{Run, amount, counting, keep_unless, open};
use super::super::shared::changes::operation::{tell_undo, this};
use super::super::shared::filter::words::words;
use super::{address, find, known};
use crate::cli::{LinkArgs, StoresRenameArgs};
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::human::{entries, plural};
use crate::output::own_command;
use crate::signals;

pub(super) fn run(context: &Context, args: StoresRenameArgs) -> Result<Exit> {
    context
        .summary
        .begin("stores rename", args.summary.is_json());
    let old = known(context, &args.old, &args.link)?;
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
    let document = DocumentMove::of(backend.as_ref(), &old, &new)?;
    let renaming = Renaming {
        old: &old,
        new: &new,
        on_existing: if args.merge {
            OnExistingStore::Merge
        } else {
            OnExistingStore::Fail
        },
        now: context.now(),
    };
    let renamed = match run {
        Run::Dry => renaming
            .rehearse(backend.as_ref())
            .map(|usage| Renamed { usage, until: None }),
        Run::Wet => {
            signals::finish_batches()?;
            renaming.run(context, backend.as_ref(), keep_unless(args.no_undo))
        }
    };
    let renamed = match renamed {
        Ok(renamed) => renamed,
        Err(error) => return renaming.fail(context, error),
    };
    if let Some(until) = renamed.until {
        context.summary.set_undo_until(until);
    }
    if context.summary.takes(renamed.usage, 1) {
        context.finish_summary(args.dry_run)?;
        return Ok(Exit::Done);
    }
    let verb = match run {
        Run::Dry => "would rename",
        Run::Wet => "renamed",
    };
    let (amount, document) = (amount(renamed.usage), document.as_str());
    context.note(&format!("{verb} {old} to {new}: {amount}{document}"));
    note_others(context, backend.as_ref(), &old, &new)?;
    if let Some(until) = renamed.until {
        tell_undo(context, until, renaming.now);
    }
    Ok(Exit::Done)
}

/// A new name of a store.
struct Renaming<'a> {
    old: &'a StoreAddress,
    new: &'a StoreAddress,
    on_existing: OnExistingStore,
    now: Timestamp,
}

/// The amount of a renaming, and the time until which it can be undone.
struct Renamed {
    usage: Usage,
    until: Option<Timestamp>,
}

impl Renaming<'_> {
    fn run(&self, context: &Context, backend: &dyn Backend, keep: KeepForUndo) -> Result<Renamed> {
        let (stores, now) = ((self.old, self.new), self.now);
        let operation = this(Cause::Removed, words(&Filter::store(self.old).into(), now));
        let mut bar = context.progress("renaming", None);
        let mut count = counting(&mut bar);
        let renamed =
            backend.rename_logged(stores, self.on_existing, keep, &operation, now, &mut count);
        drop(count);
        bar.finish();
        let renamed = renamed?;
        Ok(Renamed {
            usage: renamed.usage,
            until: renamed.until,
        })
    }

    /// Finds what would be renamed, or why it could not be.
    fn rehearse(&self, backend: &dyn Backend) -> Result<Usage> {
        let (old, new, now) = (self.old, self.new, self.now);
        let stores = backend.stores()?;
        if stores.iter().any(|store| *store.address == *new) {
            if self.on_existing == OnExistingStore::Fail {
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

    /// Reports why the store was not renamed.
    fn fail(&self, context: &Context, error: anyhow::Error) -> Result<Exit> {
        let (old, new) = (self.old, self.new);
        match error.downcast_ref() {
            Some(Error::Conflict { address, .. }) => {
                context.absent(
                    &format!(
                        "cannot rename {old} to {new}: both have {}",
                        address.key.as_str()
                    ),
                    Some(&format!("{} removes one of them", own_command("rm"))),
                );
                Ok(Exit::No)
            }
            Some(Error::Interrupted { .. } | Error::Partial { .. }) => Err(error.context(
                "the store is partly renamed; continue with the same command and --merge",
            )),
            _ => Err(error.context(format!("cannot rename {old} to {new}"))),
        }
    }
}

/// The way of a store's own document when the store is renamed.
enum DocumentMove {
    /// There is none
    None,
    Moved,
    /// The other store keeps its own
    Left,
}

impl DocumentMove {
    fn of(backend: &dyn Backend, old: &StoreAddress, new: &StoreAddress) -> Result<Self> {
        Ok(if !has_document(backend, old)? {
            Self::None
        } else if has_document(backend, new)? {
            Self::Left
        } else {
            Self::Moved
        })
    }

    /// Returns the words that say so behind the amount of entries.
    fn as_str(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Moved => " and its metadata",
            Self::Left => ", without its metadata, since the other store has some",
        }
    }
}

/// Notes which entries of stores of the old name, in other datasets, keep that name.
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
