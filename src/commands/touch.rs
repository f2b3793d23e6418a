//! `ecache touch`: changes the lifetime or the policy of entries.

use std::mem;

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension};
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Freshness, Selection};
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;

use super::shared::address::abbreviated::whole_touched;
use super::shared::address::resolve::note_missing;
use super::shared::changes::deletion::{Renewal, Run, Verb, keep_unless, open, touch_logged};
use super::shared::changes::lifetime::{LifetimeChange, changed, fresh_unless_chosen};
use super::shared::command::args::{
    are_keys, entries_of, keys_behind_dashes, meant_call, refuse_options_of_none, scope_of,
};
use super::shared::command::identity::lifetime_mark;
use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::{DefaultSelection, filter, note_unknown_names, require_narrowed};
use crate::cli::TouchArgs;
use crate::cli::entry::CommandArgs;
use crate::cli::filter::{FilterArgs, StoreNames};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::human;
use crate::output::human::entries;
use crate::units::Lifetime;

pub(crate) fn run(context: &Context, mut args: TouchArgs) -> Result<Exit> {
    let named = take_names(context, &mut args)?;
    let now = context.now();
    context.summary.begin("touch", args.summary.is_json());
    let change = LifetimeChange::new(args.ttl, args.new_policy)?;
    let touch = change.touch(now)?;
    let filter = meant(context, &args, change, now)?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    if let Named::Keys(_) = &named {
        note_unknown_names(context, backend.as_ref(), &filter)?;
    }
    // Entries that already have the new lifetime and policy are neither changed nor counted.
    let selection = Selection::of(changed(&filter, touch));
    let meant = Selection::from(filter);
    let all = backend.usage(&meant, now)?;
    if let (Named::Command(own), 0) = (&named, all.entries) {
        note_missing_command(context, backend.as_ref(), &args.filter, own)?;
        context.finish_summary(args.dry_run)?;
        return Ok(Exit::No);
    }
    let lifetime = change
        .describe(now)
        .filter(|_| context.terminal.stderr_is_terminal);
    let verb = Verb {
        detail: lifetime.as_deref(),
        ..Verb::CHANGE
    };
    let renewal = Renewal {
        selection: &selection,
        meant: &meant,
        touch,
        keep: keep_unless(args.no_undo),
    };
    let touched = touch_logged(context, backend.as_ref(), &renewal, verb, run, now)?;
    let already = all.entries.saturating_sub(touched.entries);
    if already > 0 && meant != selection {
        let have = human::plural(already, "has", "have");
        let what = match (args.ttl, args.new_policy) {
            (None, _) => "this policy",
            (_, None) => "this lifetime",
            _ => "this lifetime and policy",
        };
        context.note(&format!("{} {have} {what} already", entries(already)));
    }
    note_elsewhere(context, backend.as_ref(), &meant, now)?;
    let is_missing = match &named {
        Named::Keys(keys) if all.entries < keys.len() as u64 => {
            note_missing_keys(context, backend.as_ref(), &args.filter, keys)?
        }
        Named::Keys(_) | Named::Command(_) => false,
    };
    context.finish_summary(args.dry_run)?;
    Ok(match args.filter.exit(all.entries == 0) {
        Exit::Done if is_missing => Exit::No,
        exit => exit,
    })
}

/// The entries that arguments name, beside the filter.
enum Named {
    Keys(Vec<String>),
    /// The result of a command, which is at this address unless its lifetime gives it another
    Command(Address),
}

/// Adds what the arguments name to the filter.
fn take_names(context: &Context, args: &mut TouchArgs) -> Result<Named> {
    let are_keys = are_keys(args.filter.store.argument(), &args.command);
    let mut store = match &args.filter.store {
        stores if are_keys => stores.first().cloned(),
        // The store of a command is an option.
        stores => stores.argument().cloned(),
    };
    let keys = keys_behind_dashes(&mut store, &mut args.command)?;
    if are_keys {
        args.filter.store = StoreNames::from_iter(store);
        args.filter.key.extend(keys);
    }
    args.filter.key.append(&mut args.keys);
    let option = args.version.as_ref().map(|_| "--version");
    refuse_options_of_none(&args.command, option.or_else(|| args.identity.option()))?;
    if args.command.is_empty() {
        whole_touched(context, &mut args.filter)?;
        Ok(Named::Keys(args.filter.key.clone()))
    } else {
        Ok(Named::Command(select_command(context, args)?))
    }
}

/// Returns the filter of the entries that are meant.
fn meant(
    context: &Context,
    args: &TouchArgs,
    change: LifetimeChange,
    now: Timestamp,
) -> Result<Filter> {
    let filter = filter(context, &args.filter, DefaultSelection::AnyPolicy, now)?;
    require_narrowed(&filter, args.filter.policy, args.all, "change")?;
    let mut filter = fresh_unless_chosen(filter);
    if change.is_for_evictable() {
        if filter.policy == Some(Policy::Persist) {
            return Err(usage_tip(
                "--policy keep gives no lifetime to entries of policy persist",
                "leave out --if-policy",
            ));
        }
        filter.policy = Some(Policy::Evict);
    }
    Ok(filter)
}

/// Notes which of the named keys are not in their store, and reports whether there are any.
fn note_missing_keys(
    context: &Context,
    backend: &dyn Backend,
    typed: &FilterArgs,
    named: &[String],
) -> Result<bool> {
    let Some(store) = typed.store.first().filter(|_| !typed.glob) else {
        return Ok(false);
    };
    // A store that is not there was named before.
    if !backend
        .names(Dimension::Store)?
        .iter()
        .any(|name| **name == **store)
    {
        return Ok(true);
    }
    let mut is_missing = false;
    for name in named {
        is_missing |= note_if_missing(context, backend, typed, store, name)?;
    }
    Ok(is_missing)
}

/// Notes why a key of a store was not touched, and reports whether that is so.
fn note_if_missing(
    context: &Context,
    backend: &dyn Backend,
    typed: &FilterArgs,
    store: &str,
    key: &str,
) -> Result<bool> {
    let now = context.now();
    let of_key = FilterArgs {
        key: vec![key.to_owned()],
        ..typed.clone()
    };
    let selected = filter(context, &of_key, DefaultSelection::AnyPolicy, now)?;
    let selected = fresh_unless_chosen(selected);
    let freshness = selected.freshness;
    if backend.usage(&selected.into(), now)?.entries > 0 {
        return Ok(false);
    }
    let by_name = FilterArgs {
        store: typed.store.clone(),
        dataset: typed.dataset.clone(),
        no_dataset: typed.no_dataset,
        key: of_key.key,
        ..FilterArgs::default()
    };
    let there = filter(context, &by_name, DefaultSelection::AnyPolicy, now)?;
    let address = StoreAddress {
        collection: context.usual_collection().into(),
        ..StoreAddress::new(store)
    }
    .entry(Key::new(key)?);
    if backend.usage(&there.clone().into(), now)?.entries == 0 {
        note_missing(context, backend, &address)?;
        return Ok(true);
    }
    let of_freshness = Filter { freshness, ..there };
    let is_left_out = backend.usage(&of_freshness.into(), now)?.entries > 0;
    let (why, tip) = match freshness {
        _ if is_left_out => ("is not what the other options select", None),
        Some(Freshness::Expired) => ("is not expired", None),
        Some(Freshness::Endless) => ("expires", None),
        Some(Freshness::Fresh) | None => ("is expired", Some("--expired changes it all the same")),
    };
    context.absent(&format!("{address} {why}"), tip);
    Ok(true)
}

/// Says that a command has no result to change, or none of that freshness.
fn note_missing_command(
    context: &Context,
    backend: &dyn Backend,
    typed: &FilterArgs,
    own: &Address,
) -> Result<()> {
    let now = context.now();
    let there = filter(context, typed, DefaultSelection::AnyPolicy, now)?;
    let of_any_age = Filter {
        freshness: None,
        ..there
    };
    let (message, tip) = if backend.usage(&of_any_age.into(), now)?.entries == 0 {
        (format!("there is no {own}"), None)
    } else if typed.expired {
        (format!("{own} is not expired"), None)
    } else {
        let tip = "--expired changes it all the same";
        (format!("{own} is expired"), Some(tip))
    };
    context.absent(&message, tip);
    Ok(())
}

/// Makes the filter select the entries that a command's result may be in, and returns the address
/// of its own.
fn select_command(context: &Context, args: &mut TouchArgs) -> Result<Address> {
    let expired = mem::take(&mut args.filter.expired);
    let fail_empty = mem::take(&mut args.filter.fail_empty);
    let (store, scope) = scope_of(&args.filter, None)?;
    let command = CommandArgs {
        command: args.command.clone(),
        command_store: store.map(str::to_owned),
        version: args.version.clone(),
        ttl: None,
        identity: args.identity.clone(),
    };
    let call = meant_call(context, &command, &scope)?;
    // A result of a boot or a session has a key of its own, and --ttl names the new lifetime here.
    let of_lifetime = |lifetime| Some(call.with_mark(lifetime_mark(lifetime).ok()??));
    let calls = [Lifetime::Boot, Lifetime::Session].map(of_lifetime);
    let calls = [Some(call.clone())].into_iter().chain(calls).flatten();
    let entries: Vec<_> = calls.flat_map(|call| entries_of(&call)).collect();
    let address = entries[0].address.clone();
    args.filter = FilterArgs {
        store: StoreNames::from_iter([address.store.store_name.to_string()]),
        dataset: Vec::from_iter(address.store.dataset_id.as_deref().map(str::to_owned)),
        no_dataset: address.store.dataset_id.is_none(),
        key: entries
            .iter()
            .map(|entry| entry.address.key.as_str().to_owned())
            .collect(),
        expired,
        fail_empty,
        ..FilterArgs::default()
    };
    Ok(address)
}
