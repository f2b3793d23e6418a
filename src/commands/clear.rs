//! `ecache clear`: removes the entries that a filter selects.

use anyhow::Result;
use ecache_core::backend::Cause;
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Selection, Usage};

use super::shared::changes::confirmation::step_confirmed;
use super::shared::changes::deletion::{Run, Step, amount_with, open, remove_logged};
use super::shared::changes::dry_run::list_stores;
use super::shared::changes::jobs::{note_running, spare_running};
use super::shared::changes::loss::Keeping;
use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::{
    DefaultSelection, filter, note_unknown_names, refuse_keys, require_narrowed,
};
use crate::cli::ClearArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human;

pub(crate) fn run(context: &Context, args: ClearArgs) -> Result<Exit> {
    let now = context.now();
    context.summary.begin("clear", args.summary.is_json());
    let filter = filter(context, &args.filter, DefaultSelection::Evictable, now)?;
    require_narrowed(&filter, args.filter.policy, args.all, "remove")?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    refuse_keys(backend.as_ref(), &filter)?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let taken = if args.jobs {
        filter.clone()
    } else {
        spare_running(context, &filter)?
    };
    let selection = Selection::from(taken.clone());
    if run == Run::Dry {
        list_stores(context, backend.as_ref(), &selection, now)?;
    }
    let step = Step {
        selection: &selection,
        documents: Some(&taken),
        keeping: Keeping::unless(args.no_undo),
        cause: Cause::Cleared,
    };
    if run == Run::Wet && !step_confirmed(context, backend.as_ref(), args.confirm, &step, now)? {
        return Ok(Exit::No);
    }
    let removed = remove_logged(context, backend.as_ref(), &step, run, now)?;
    if !args.jobs {
        let meant = Selection::from(filter.clone());
        note_running(context, backend.as_ref(), &meant, Usage::default(), now)?;
    }
    if filter.policy == Some(Policy::Evict) {
        let persistent = Filter {
            policy: Some(Policy::Persist),
            ..filter
        };
        let documents = backend.count_documents(&persistent, now)?;
        let staying = backend.usage(&persistent.into(), now)?;
        context.summary.set_persist_left(staying.entries);
        if (staying, documents) != (Usage::default(), 0) {
            let number = if documents > 0 {
                2.min(staying.entries + documents)
            } else {
                staying.entries
            };
            let stays = run.stays(&amount_with(staying, documents), number, "persist");
            context.note(&format!(
                "{stays}; --policy any removes {}",
                human::plural(number, "it", "them")
            ));
        }
    }
    note_elsewhere(context, backend.as_ref(), &selection, now)?;
    context.finish_summary(args.dry_run)?;
    Ok(args.filter.exit(removed.is_none()))
}
