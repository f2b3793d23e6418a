//! `ecache clear`: removes the entries that a filter means.

use anyhow::Result;
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Usage};

use super::removal::{Run, amount, open, remove};
use super::request::{filter, require_narrowed};
use crate::cli::ClearArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: ClearArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, args.policy, now)?;
    require_narrowed(&filter, args.all, "remove")?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let selection = filter.clone().into();
    remove(context, backend.as_ref(), &selection, run, now)?;
    if filter.policy == Some(Policy::Evict) {
        let persistent = Filter {
            policy: Some(Policy::Persist),
            ..filter
        };
        let staying = backend.usage(&persistent.into(), now)?;
        if staying != Usage::default() {
            context.note(&format!(
                "{} of policy persist left in place; --policy any removes them too",
                amount(staying)
            ));
        }
    }
    Ok(Exit::Done)
}
