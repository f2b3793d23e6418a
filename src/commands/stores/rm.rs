//! `ecache stores rm`: removes a store with all that it has, as FiftyOne's `delete_store` does.

use anyhow::Result;
use ecache_core::backend::Cause;
use ecache_core::entry::Policy;
use ecache_core::filter::Filter;

use super::super::shared::changes::confirmation::step_confirmed;
use super::super::shared::changes::deletion::{Run, Step, open, remove_logged};
use super::super::shared::changes::loss::Keeping;
use super::{find, known};
use crate::cli::StoresRmArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human::entries;

pub(super) fn run(context: &Context, args: StoresRmArgs) -> Result<Exit> {
    context.summary.begin("stores rm", args.summary.is_json());
    let store = known(context, &args.store.store, &args.store.link)?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let now = context.now();
    if find(context, backend.as_ref(), "remove", &store)?.is_none() {
        return Ok(Exit::No);
    }
    let all = Filter::store(&store);
    let persistent = Filter {
        policy: Some(Policy::Persist),
        ..all.clone()
    };
    let persistent = backend.usage(&persistent.into(), now)?.entries;
    let selection = all.clone().into();
    let step = Step {
        selection: &selection,
        documents: Some(&all),
        keeping: Keeping::Kept,
        cause: Cause::Cleared,
    };
    if run == Run::Wet && !step_confirmed(context, backend.as_ref(), args.confirm, &step, now)? {
        return Ok(Exit::No);
    }
    remove_logged(context, backend.as_ref(), &step, run, now)?;
    if persistent > 0 && !context.summary.is_wanted() {
        context.note(&format!(
            "including {} of policy persist",
            entries(persistent)
        ));
    }
    context.finish_summary(args.dry_run)?;
    Ok(Exit::Done)
}
