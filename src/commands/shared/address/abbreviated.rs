//! Finds the whole names and keys for those that were pasted from a table, which cuts them.
//!
//! `5b7f5a53d9c3…` stands for the one key that begins so, `…f5c505` for the one dataset that ends
//! so. Without the mark a key is always whole where something may be changed, so that an absent key
//! in a script never stands for another one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension, Row, Scan};
use ecache_core::filter::{DatasetPattern, Filter, Pattern};
use ecache_core::scope::{Address, STORE_KEY};
use ecache_core::time::Timestamp;

use super::ambiguous::{LISTED, MOST, ambiguous, in_datasets, is_one_key};
use super::cut_name::{Accept, CutName, is_marked};
use crate::cli::entry::{CallArgs, EntryArgs, ScopeArgs};
use crate::cli::filter::FilterArgs;
use crate::context::Context;
use crate::datasets::dataset_id;
use crate::error::usage_tip;
use crate::near_names;
use crate::output::cut::MARK;
use crate::output::escape::{is_unsafe, shell};
use crate::output::own_command;

/// Returns the whole name that a typed one stands for.
///
/// # Errors
/// If it has a mark, and stands for no name or for several.
fn whole_name(
    backend: &dyn Backend,
    (of, what): (Dimension, &str),
    typed: &str,
    accept: Accept,
) -> Result<String> {
    let Some(cut) = CutName::read(typed, accept) else {
        return Ok(typed.to_owned());
    };
    let known = backend.names(of)?;
    if known.iter().any(|name| **name == *typed) {
        return Ok(typed.to_owned());
    }
    let mut found: Vec<&Arc<str>> = known.iter().filter(|name| cut.matches(name)).collect();
    found.dedup();
    match found.as_slice() {
        [name] => Ok(name.to_string()),
        [] if typed.contains(MARK) || typed.contains("...") => Err(usage_tip(
            format!("there is no {what} {typed}"),
            "name it in full",
        )),
        [] => Ok(typed.to_owned()),
        several => {
            let names: Vec<_> = several
                .iter()
                .take(LISTED)
                .map(|name| shell(name))
                .collect();
            Err(usage_tip(
                format!("{typed} may be {} {what}s", several.len()),
                format!("name one of {}", names.join(", ")),
            ))
        }
    }
}

/// Replaces the names of an entry's scopes that were pasted by whole ones.
fn whole_scopes(backend: &dyn Backend, scope: &mut ScopeArgs, accept: Accept) -> Result<()> {
    for (of, what, typed) in [
        (Dimension::Dataset, "dataset", &mut scope.dataset),
        (Dimension::User, "user", &mut scope.user),
        (Dimension::Operator, "operator", &mut scope.operator),
        (Dimension::Prompt, "prompt", &mut scope.prompt),
    ] {
        if let Some(typed) = typed {
            *typed = whole_name(backend, (of, what), typed, accept)?;
        }
    }
    Ok(())
}

/// Replaces the names of scopes that were pasted by whole ones, where no entry is looked for.
///
/// # Errors
/// If one stands for nothing, or for several.
pub(in crate::commands) fn whole_scope(context: &Context, scope: &mut ScopeArgs) -> Result<()> {
    let names = [&scope.dataset, &scope.user, &scope.operator, &scope.prompt];
    if names.into_iter().flatten().any(|name| is_marked(name)) {
        whole_scopes(context.reader()?.as_ref(), scope, Accept::Marked)?;
    }
    Ok(())
}

/// Returns the whole name of a dataset that was pasted.
///
/// # Errors
/// If it stands for no dataset, or for several.
pub(super) fn whole_dataset<'a>(context: &Context, typed: &'a str) -> Result<Cow<'a, str>> {
    if !is_marked(typed) {
        return Ok(Cow::Borrowed(typed));
    }
    let dataset = (Dimension::Dataset, "dataset");
    whole_name(context.reader()?.as_ref(), dataset, typed, Accept::Marked).map(Cow::Owned)
}

/// Returns the whole name of a store that was pasted.
///
/// # Errors
/// If it stands for no store, or for several.
pub(in crate::commands) fn whole_store(context: &Context, typed: &str) -> Result<String> {
    if !is_marked(typed) {
        return Ok(typed.to_owned());
    }
    let store = (Dimension::Store, "store");
    whole_name(context.reader()?.as_ref(), store, typed, Accept::Marked)
}

/// Replaces pasted names and keys of a filter by whole ones.
///
/// # Errors
/// If one stands for nothing, or for several.
pub(in crate::commands) fn whole_filter(
    context: &Context,
    typed: &FilterArgs,
) -> Result<Option<FilterArgs>> {
    let names = [
        &*typed.store,
        &typed.dataset,
        &typed.user,
        &typed.operator,
        &typed.prompt,
        &typed.key,
    ];
    let has_mark = |name: &String| is_marked(name);
    if typed.glob || !names.into_iter().flatten().any(has_mark) {
        return Ok(None);
    }
    let backend = context.reader()?;
    let mut whole = typed.clone();
    for (of, what, names) in [
        (Dimension::Store, "store", whole.store.names_mut()),
        (Dimension::Dataset, "dataset", whole.dataset.as_mut_slice()),
        (Dimension::User, "user", whole.user.as_mut_slice()),
        (
            Dimension::Operator,
            "operator",
            whole.operator.as_mut_slice(),
        ),
        (Dimension::Prompt, "prompt", whole.prompt.as_mut_slice()),
    ] {
        for name in names {
            *name = whole_name(backend.as_ref(), (of, what), name, Accept::Marked)?;
        }
    }
    let exact = |names: &[String]| names.iter().map(Pattern::exact).collect();
    let within = Filter {
        collections: Vec::new(),
        stores: exact(&whole.store),
        ..Filter::default()
    };
    for key in &mut whole.key {
        let found = find(
            backend.as_ref(),
            &within,
            key,
            Accept::Marked,
            context.now(),
        )?;
        let keys: BTreeSet<&str> = found.iter().map(|address| address.key.as_str()).collect();
        match keys.len() {
            0 => {}
            1 => *key = found[0].key.as_str().to_owned(),
            _ => return Err(ambiguous(key, &found)),
        }
    }
    Ok(Some(whole))
}

/// Returns the addresses that a typed key stands for in some stores; the key itself comes first.
fn find(
    backend: &dyn Backend,
    within: &Filter,
    typed: &str,
    accept: Accept,
    now: Timestamp,
) -> Result<Vec<Address>> {
    let addresses = |keys: Pattern| -> Result<Vec<Address>> {
        let filter = Filter {
            keys: vec![keys],
            ..within.clone()
        };
        let mut found = Vec::new();
        let pasted = CutName::read(typed, accept);
        for row in backend.scan(&Scan::new(filter), now)? {
            let address = match row? {
                Row::Entry(entry, _) => entry.address,
                Row::Foreign(foreign) => foreign.entry.address,
                Row::Damaged(address) => address,
            };
            let key = address.key.as_str();
            let is_meant = key == typed || pasted.as_ref().is_some_and(|it| it.matches(key));
            if is_meant && key != STORE_KEY {
                found.push(address);
            }
            if found.len() >= MOST {
                break;
            }
        }
        Ok(found)
    };
    let exact = addresses(Pattern::exact(typed))?;
    match CutName::read(typed, accept) {
        Some(pasted) if exact.is_empty() => addresses(pasted.pattern()?),
        _ => Ok(exact),
    }
}

/// Replaces pasted names of an entry by the full ones.
///
/// A key without a mark is left as it is. A lone argument with a mark is a key of any store.
///
/// # Errors
/// If it stands for several entries; the error says what to add.
pub(in crate::commands) fn whole_entry(
    context: &Context,
    backend: &dyn Backend,
    mut args: EntryArgs,
    accept: Accept,
) -> Result<EntryArgs> {
    whole_scopes(backend, &mut args.scope, accept)?;
    let store = args.store()?;
    if args.key.is_none() && args.call.0.is_none() {
        let lone = store.to_owned();
        if is_marked(&lone) {
            return settle(context, backend, args, None, &lone, Accept::Marked);
        }
        let stores = backend.names(Dimension::Store)?;
        if !stores.iter().any(|name| **name == *lone) {
            // A double click selects the digits of a key without its mark.
            if accept == Accept::Shown && CutName::read(&lone, accept).is_some() {
                return settle(context, backend, args, None, &lone, accept);
            }
            return Err(no_store_alone(context, backend, &lone, &stores)?);
        }
    }
    let store = whole_name(backend, (Dimension::Store, "store"), store, accept)?;
    args.store = Some(store.clone());
    let Some(key) = args.key.clone() else {
        return Ok(args);
    };
    settle(context, backend, args, Some(&store), &key, accept)
}

/// Replaces the lone argument of a filter by the one entry whose key it is cut from, unless it is
/// cut from the name of a store.
///
/// # Errors
/// If it stands for no entry, or for several.
pub(in crate::commands) fn whole_touched(context: &Context, typed: &mut FilterArgs) -> Result<()> {
    let [lone] = &**typed.store else {
        return Ok(());
    };
    let Some(cut) = CutName::read(lone, Accept::Marked) else {
        return Ok(());
    };
    if typed.glob || !typed.key.is_empty() || typed.store.argument().is_none() {
        return Ok(());
    }
    let backend = context.reader()?;
    let stores = backend.names(Dimension::Store)?;
    if stores
        .iter()
        .any(|name| **name == **lone || cut.matches(name))
    {
        return Ok(());
    }
    let entry = EntryArgs {
        store: Some(lone.clone()),
        key: None,
        call: CallArgs::default(),
        scope: ScopeArgs {
            dataset: typed.dataset.first().cloned(),
            ..ScopeArgs::default()
        },
    };
    let entry = whole_entry(context, backend.as_ref(), entry, Accept::Marked)?;
    typed.store = entry.store.into_iter().collect();
    typed.key.extend(entry.key);
    typed.no_dataset = entry.scope.dataset.is_none();
    typed.dataset = entry.scope.dataset.into_iter().collect();
    Ok(())
}

/// Returns the error for a lone argument, if it is not a store.
pub(in crate::commands) fn not_a_store(
    context: &Context,
    typed: &str,
) -> Result<Option<anyhow::Error>> {
    let backend = context.reader()?;
    let stores = backend.names(Dimension::Store)?;
    if stores.iter().any(|name| **name == *typed) {
        return Ok(None);
    }
    no_store_alone(context, backend.as_ref(), typed, &stores).map(Some)
}

/// Returns the error for a lone argument that is not a store: it may be a key of one.
fn no_store_alone(
    context: &Context,
    backend: &dyn Backend,
    typed: &str,
    stores: &[Arc<str>],
) -> Result<anyhow::Error> {
    let within = Filter {
        collections: vec![Pattern::exact(context.collection()?)],
        ..Filter::default()
    };
    let found = find(backend, &within, typed, Accept::Marked, context.now())?;
    let (mut message, near) = near_names::no_store(typed, stores);
    let tip = match found.first() {
        Some(address) => {
            let store = &address.store.store_name;
            message = format!("{message}, but {store} has this key");
            let dataset = address.store.dataset_id.as_deref();
            let dataset = dataset.map_or(String::new(), |id| format!(" --dataset {id}"));
            format!(
                "name its store, too: {} {}{dataset}",
                shell(store),
                shell(typed)
            )
        }
        None => near.unwrap_or_else(|| {
            let ls = own_command("ls");
            format!("name a STORE and a KEY, as {ls} prints them")
        }),
    };
    Ok(usage_tip(message, tip))
}

/// Reports whether any name of an entry has the mark of a cut.
pub(in super::super) fn is_pasted(args: &EntryArgs) -> bool {
    let scope = &args.scope;
    let names = [
        &args.store,
        &args.key,
        &scope.dataset,
        &scope.user,
        &scope.operator,
        &scope.prompt,
    ];
    names.into_iter().flatten().any(|name| is_marked(name))
}

/// Finds the one entry that a key stands for, in a store or in all.
fn settle(
    context: &Context,
    backend: &dyn Backend,
    mut args: EntryArgs,
    store: Option<&str>,
    typed: &str,
    accept: Accept,
) -> Result<EntryArgs> {
    let is_pasted = CutName::read(typed, accept).is_some();
    if !is_pasted && accept == Accept::Marked {
        return Ok(args);
    }
    let named = args.scope.dataset.as_deref();
    let id = |named| dataset_id(named, &|| context.datasets());
    let dataset = named.map(id).transpose()?;
    let within = Filter {
        collections: vec![Pattern::exact(context.collection()?)],
        stores: store.map(Pattern::exact).into_iter().collect(),
        datasets: dataset
            .map(|id| DatasetPattern::Id(Pattern::exact(&*id)))
            .into_iter()
            .collect(),
        ..Filter::default()
    };
    let found = find(backend, &within, typed, accept, context.now())?;
    let address = match found.as_slice() {
        [] if store.is_none() => {
            return Err(usage_tip(
                format!("no entry has the key {typed}"),
                format!("{} shows keys that can be pasted", own_command("ls")),
            ));
        }
        [] => return Ok(args),
        [address] => address,
        several => {
            // A key without a dataset is meant where it is typed without one.
            let unlinked = several.iter().find(|it| it.store.dataset_id.is_none());
            match unlinked {
                Some(address) if is_one_key(several) => address,
                _ => return Err(ambiguous(typed, several)),
            }
        }
    };
    args.store = Some(address.store.store_name.to_string());
    args.key = Some(address.key.as_str().to_owned());
    if args.scope.dataset.is_none() {
        args.scope.dataset = address.store.dataset_id.as_deref().map(str::to_owned);
    }
    Ok(args)
}

/// Returns a message that names the datasets that have a key of a store, and a tip that says what
/// to add; `None` if no dataset has it.
pub(in crate::commands) fn elsewhere(
    backend: &dyn Backend,
    address: &Address,
    now: Timestamp,
) -> Result<Option<(String, String)>> {
    let within = Filter {
        collections: vec![Pattern::exact(&*address.store.collection)],
        stores: vec![Pattern::exact(&*address.store.store_name)],
        ..Filter::default()
    };
    let mut found = find(backend, &within, address.key.as_str(), Accept::Marked, now)?;
    found.retain(|found| found.store.dataset_id != address.store.dataset_id);
    Ok((!found.is_empty()).then(|| in_datasets(&found)))
}

/// Returns a tip with the key of a store that a table shows so: it begins with these digits, which
/// lack the mark that a part of a key needs, or has characters that are shown as these escapes.
pub(in crate::commands) fn shown_so(
    backend: &dyn Backend,
    address: &Address,
    now: Timestamp,
) -> Result<Option<String>> {
    let begins = CutName::read(address.key.as_str(), Accept::Shown);
    if begins.is_none() {
        return Ok(None);
    }
    let within = Filter::store(&address.store);
    let found = find(backend, &within, address.key.as_str(), Accept::Shown, now)?;
    let [found] = found.as_slice() else {
        return Ok(None);
    };
    let key = found.key.as_str();
    Ok(Some(if key.contains(is_unsafe) {
        format!("did you mean {}?", shell(key))
    } else {
        format!("did you mean {key}? A part of a key ends with its mark")
    }))
}
