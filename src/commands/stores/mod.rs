//! `ecache stores`: lists stores, and administers one and its own document.

mod document;
mod ls;
mod rename;
mod rm;
mod show;

use anyhow::Result;
use ecache_core::backend::{Backend, StoreRecord};
use ecache_core::scope::StoreAddress;

use super::shared::address::abbreviated::whole_store;
use super::shared::address::resolve::store_address;
use crate::cli::entry::ScopeArgs;
use crate::cli::filter::FilterArgs;
use crate::cli::{LinkArgs, StoresArgs, StoresVerb};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::near_names::did_you_mean;
use crate::output::escape::shell;
use crate::output::own_command;

pub(crate) fn run(context: &Context, args: StoresArgs) -> Result<Exit> {
    let Some(verb) = args.verb else {
        return ls::run(context, args.list);
    };
    if args.list.format.chosen().is_some() {
        return Err(usage_tip(
            "--format goes after the verb",
            own_command("stores ls --format json"),
        ));
    }
    if args.list.filter != FilterArgs::default() {
        return Err(usage_tip(
            "filters go after the verb",
            own_command("stores ls --dataset ID"),
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

/// Returns the address of a store that exists. Its name may be pasted from a table.
fn known(context: &Context, store: &str, link: &LinkArgs) -> Result<StoreAddress> {
    address(context, &whole_store(context, store)?, link)
}

/// Returns the address of the store of that name and dataset.
fn address(context: &Context, store: &str, link: &LinkArgs) -> Result<StoreAddress> {
    let scope = ScopeArgs {
        dataset: link.dataset.clone(),
        ..ScopeArgs::default()
    };
    store_address(context, store, &scope)
}

/// Returns the options to change of those that named one store, so that they name the other.
fn change(typed: &StoreAddress, other: &StoreAddress) -> String {
    let mut add = String::new();
    let mut leave_out = "";
    match &other.dataset_id {
        Some(dataset) if typed.dataset_id != other.dataset_id => {
            add.push_str(&format!(" --dataset {}", shell(dataset)));
        }
        None if typed.dataset_id.is_some() => leave_out = "leave out --dataset",
        _ => {}
    }
    if typed.collection != other.collection {
        add.push_str(&format!(" --collection {}", shell(&other.collection)));
    }
    match (leave_out, &*add) {
        (leave_out, "") => leave_out.to_owned(),
        ("", add) => format!("add{add}"),
        (leave_out, add) => format!("{leave_out} and add{add}"),
    }
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
    let mut datasets = Vec::new();
    for StoreRecord { address: other, .. } in &stores {
        if other.store_name == address.store_name {
            places.push(change(address, other));
            if other.collection == address.collection {
                datasets.extend(other.dataset_id.as_deref());
            }
        }
    }
    if address.dataset_id.is_none() && datasets.len() > 1 && datasets.len() == places.len() {
        let name = &address.store_name;
        let message = format!("{name} is in {} datasets", datasets.len());
        let last = datasets.pop().unwrap_or_default();
        let others = datasets.join(", ");
        context.absent(&message, Some(&format!("add --dataset {others} or {last}")));
        return Ok(None);
    }
    let tip = if places.is_empty() {
        let names: Vec<_> = stores
            .iter()
            .map(|store| store.address.store_name.clone())
            .collect();
        did_you_mean(&address.store_name, &names)
    } else {
        Some(places.join(", or "))
    };
    let message = format!("cannot {attempt} {address}: there is no such store");
    context.absent(&message, tip.as_deref());
    Ok(None)
}
