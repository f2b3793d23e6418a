//! `ecache stores`: lists stores, and administers one and its own document.

mod document;
mod ls;
mod rename;
mod rm;
mod show;

use anyhow::Result;
use ecache_core::backend::{Backend, StoreRecord};
use ecache_core::scope::StoreAddress;

use super::shared::near_names::did_you_mean;
use super::shared::resolve::store_address;
use crate::cli::entry::ScopeArgs;
use crate::cli::filter::FilterArgs;
use crate::cli::{LinkArgs, StoresArgs, StoresVerb};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::escape::shell;

pub(crate) fn run(context: &Context, args: StoresArgs) -> Result<Exit> {
    let Some(verb) = args.verb else {
        return ls::run(context, args.list);
    };
    if args.list.format.chosen().is_some() {
        return Err(usage_tip(
            "--format goes after the verb",
            "ecache stores ls --format json",
        ));
    }
    if args.list.filter != FilterArgs::default() {
        return Err(usage_tip(
            "filters go after the verb",
            "ecache stores ls --dataset ID",
        ));
    }
    match verb {
        StoresVerb::Ls(args) => ls::run(context, *args),
        StoresVerb::Show(args) => show::run(context, args),
        StoresVerb::Create(args) => document::create(context, args),
        StoresVerb::Set(args) => document::set(context, args),
        StoresVerb::Rm(args) => rm::run(context, args),
        StoresVerb::Rename(args) => rename::run(context, args),
    }
}

/// Returns the address of the store of that name and dataset.
fn address(context: &Context, store: &str, link: &LinkArgs) -> Result<StoreAddress> {
    let scope = ScopeArgs {
        dataset: link.dataset.clone(),
        ..ScopeArgs::default()
    };
    store_address(context, store, &scope)
}

/// Finds a store, or says that there is none and where stores of that name are.
fn find(
    context: &Context,
    backend: &dyn Backend,
    attempt: &str,
    address: &StoreAddress,
) -> Result<Option<StoreRecord>> {
    let stores = backend.stores()?;
    if let Some(store) = stores.iter().find(|store| *store.address == *address) {
        return Ok(Some(store.clone()));
    }
    let mut places = Vec::new();
    for StoreRecord { address: other, .. } in &stores {
        if other.store_name == address.store_name {
            let mut place = match &other.dataset_id {
                Some(dataset) => format!("--dataset {}", shell(dataset)),
                None => "no --dataset".to_owned(),
            };
            if other.collection != address.collection {
                place.push_str(&format!(" --collection {}", shell(&other.collection)));
            }
            places.push(place);
        }
    }
    let tip = if places.is_empty() {
        let names: Vec<_> = stores
            .iter()
            .map(|store| store.address.store_name.clone())
            .collect();
        did_you_mean(&address.store_name, &names)
    } else {
        Some(format!("add {}", places.join(" or ")))
    };
    let message = format!("cannot {attempt} {address}: there is no such store");
    context.absent(&message, tip.as_deref());
    Ok(None)
}
