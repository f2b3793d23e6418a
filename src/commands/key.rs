//! `ecache key`: the key of a call, and the text that is hashed for it.

use anyhow::Result;
use ecache_core::key::{Key, preimage};

use super::shared::address::abbreviated::whole_scope;
use super::shared::address::resolve::{call_scopes, token};
use super::shared::command::args::{meant_call, refuse_options_of_none};
use crate::cli::KeyArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format};

pub(crate) fn run(context: &Context, mut args: KeyArgs) -> Result<Exit> {
    refuse_options_of_none(&args.command.command, args.command.option())?;
    whole_scope(context, &mut args.scope)?;
    let text = if args.command.command.is_empty() {
        let token = token(&args.scope)?;
        let scopes = call_scopes(&args.scope, token.as_deref());
        preimage(&args.call.0.unwrap_or_default(), &scopes)
    } else {
        meant_call(context, &args.command, &args.scope)?.preimage()
    };
    let key = Key::of_preimage(&text);
    // A token is a secret: the text that is shown has its hash in its place.
    let shown = match &args.scope.jwt_file {
        Some(_) => "(not shown: it contains the token)",
        None => &text,
    };
    let mut fields = vec![(Column::whole("key"), Cell::from(key.as_str()))];
    if args.explain {
        fields.push((Column::text("preimage"), Cell::from(shown)));
    }
    let format = context.format(args.format.chosen());
    if matches!(format, Format::Json | Format::Jsonl) {
        context.record(format, fields)?;
        return Ok(Exit::Done);
    }
    let (columns, cells): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let mut rows = context.rows(format, &columns)?;
    rows.row(&cells)?;
    rows.finish()?;
    Ok(Exit::Done)
}
