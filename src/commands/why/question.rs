//! The command or call in question.

use anyhow::Result;
use ecache_core::command::{Failures, OPEN_INPUT, Settings};
use ecache_core::explain::Question;
use ecache_core::value::Kind;

use super::super::shared::address::abbreviated::whole_entry;
use super::super::shared::address::cut_name::Accept;
use super::super::shared::address::resolve::Request;
use super::super::shared::command::args::{
    CommandLine, Invocation, key_behind_dashes, refuse_options_of_none,
};
use super::super::shared::command::same_output::outputs;
use super::super::shared::command::settings::{failures, lifetime};
use crate::cli::WhyArgs;
use crate::cli::entry::EntryArgs;
use crate::context::Context;
use crate::error::usage_tip;

/// Returns the command or call in question, or the reason why it has no key.
pub(super) fn question(context: &Context, mut args: WhyArgs) -> Result<Result<Question, String>> {
    let words = &mut args.command.command;
    key_behind_dashes(&mut args.store, &mut args.key, words)?;
    let option = args.command.option().or_else(|| args.failures.option());
    refuse_options_of_none(&args.command.command, option)?;
    if args.command.command.is_empty() {
        if args.store.is_none() {
            return Err(usage_tip(
                "there is nothing to explain",
                "name a command after --, or a STORE and a KEY or arguments",
            ));
        }
        let entry = EntryArgs {
            store: args.store,
            key: args.key,
            call: args.call.clone(),
            scope: args.scope,
        };
        let backend = context.reader()?;
        let entry = whole_entry(context, backend.as_ref(), entry, Accept::Marked)?;
        let request = Request::new(context, entry)?;
        return Ok(Ok(Question {
            address: request.address,
            scopes: request.scopes,
            function: None,
            arguments: args.call.0,
            kind: None,
            failures: Failures::KeepAlike,
            outputs: None,
            beside: None,
        }));
    }
    let line = CommandLine {
        words: &args.command.command,
        store: args.command.command_store.as_deref(),
        version: args.command.version.as_deref(),
        identity: &args.command.identity,
        scope: &args.scope,
        lifetime: lifetime(args.command.ttl)?,
    };
    let invocation = Invocation::new(context, &line, Settings::default())?;
    if let Some(why) = invocation.unkeyed {
        return Ok(Err(why.to_string()));
    }
    let Some(call) = invocation.settle_unless_idle(context)? else {
        return Ok(Err(OPEN_INPUT.to_owned()));
    };
    Ok(Ok(Question {
        arguments: Some(call.identity.call()),
        function: Some(call.program().path.to_string_lossy().into()),
        beside: Some(call.beside().entry.address),
        address: call.entry.address,
        scopes: call.scopes,
        kind: Some(Kind::Command),
        failures: failures(args.failures),
        outputs: Some(outputs()),
    }))
}
