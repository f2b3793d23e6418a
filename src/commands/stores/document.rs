//! `ecache stores create` and `set`: a store's own document.

use anyhow::Result;
use ecache_core::backend::StoreMetadata;
use ecache_core::entry::Policy;
use ecache_core::error::Error;
use ecache_core::filter::Usage;
use ecache_core::python_json::Json;

use super::super::shared::address::resolve::check_written;
use super::{address, find};
use crate::cli::{StoresCreateArgs, StoresSetArgs};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::own_command;

pub(super) fn create(context: &Context, args: StoresCreateArgs) -> Result<Exit> {
    let value = match args.metadata {
        Some(text) => metadata(&text)?,
        None => "null".to_owned(),
    };
    let store = address(context, &args.store.store, &args.store.link)?;
    check_written("store", &store.store_name)?;
    let backend = context.writer()?;
    if backend.document(&store)?.is_some() {
        context.absent(
            &format!("{store} has metadata already"),
            Some(&format!("{} changes it", own_command("stores set"))),
        );
        return Ok(Exit::No);
    }
    let document = StoreMetadata {
        value,
        created_at: context.now(),
        updated_at: None,
        policy: args.policy,
    };
    backend.set_metadata(&store, Some(&document))?;
    context
        .summary
        .begin("stores create", args.summary.is_json());
    if context.summary.takes(Usage::default(), 1) {
        context.finish_summary(false)?;
        return Ok(Exit::Done);
    }
    context.note(&format!("created {store}, policy {}", document.policy));
    Ok(Exit::Done)
}

pub(super) fn set(context: &Context, args: StoresSetArgs) -> Result<Exit> {
    if args.metadata.is_none() && args.policy.is_none() {
        return Err(usage_tip(
            "nothing would be changed",
            "name --metadata or --policy",
        ));
    }
    let value = args.metadata.as_deref().map(metadata).transpose()?;
    let store = address(context, &args.store.store, &args.store.link)?;
    let backend = context.remover()?;
    let now = context.now();
    let Some(found) = find(context, backend.as_ref(), "change the metadata of", &store)? else {
        return Ok(Exit::No);
    };
    if let (Some(foreign), None) = (&found.foreign, &value) {
        // The rest of the document would not stay as it is.
        return Err(usage_tip(
            format!(
                "cannot change the policy of {store} alone: {}",
                foreign.reason
            ),
            "give it new metadata with --metadata",
        ));
    }
    let old = match backend.document(&store) {
        // A document that cannot be read may be replaced if new metadata is given.
        Err(Error::DamagedEntry { .. } | Error::ForeignValue { .. }) if value.is_some() => None,
        document => document?,
    };
    let old = old.unwrap_or(StoreMetadata {
        value: "null".to_owned(),
        created_at: now,
        updated_at: None,
        policy: Policy::Persist,
    });
    let document = StoreMetadata {
        value: value.unwrap_or(old.value),
        updated_at: Some(now),
        policy: args.policy.unwrap_or(old.policy),
        ..old
    };
    backend.set_metadata(&store, Some(&document))?;
    context.note(&format!(
        "changed the metadata of {store}, policy {}",
        document.policy
    ));
    Ok(Exit::Done)
}

/// Reads metadata as FiftyOne has it: a dict, or none.
fn metadata(text: &str) -> Result<String> {
    let invalid = |why: &dyn std::fmt::Display| {
        usage_tip(
            format!("invalid value {text:?} for --metadata: {why}"),
            "it is a JSON object, as in '{\"owner\": \"ann\"}'",
        )
    };
    match Json::parse(text.as_bytes()) {
        Ok(Json::Object(_) | Json::Null) => Ok(text.to_owned()),
        Ok(_) => Err(invalid(&"this is another type")),
        Err(error) => Err(invalid(&error)),
    }
}
