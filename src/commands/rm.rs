//! `ecache rm`: removes entries by key, whatever their policy.

use anyhow::Result;
use ecache_core::backend::{Row, Scan};
use ecache_core::filter::{Filter, Pattern, Selection};

use super::shared::deletion::{Keep, Run, open, remove_logged};
use super::shared::resolve::{Named, Request};
use crate::cli::RmArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: RmArgs) -> Result<Exit> {
    let named: Vec<Named> = match args.call.0 {
        Some(call) => vec![Named::Call(call)],
        None => args.keys.into_iter().map(Named::Key).collect(),
    };
    let requests = named
        .into_iter()
        .map(|named| Request::of(context, &args.store, named, &args.scope))
        .collect::<Result<Vec<_>>>()?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let now = context.now();
    let mut exit = Exit::Done;
    let mut keys = Vec::new();
    for request in &requests {
        let key = Pattern::exact(request.address.key.as_str());
        let filter = Filter {
            keys: vec![key.clone()],
            ..Filter::store(&request.address.store)
        };
        match backend.scan(&Scan::new(filter), now)?.next().transpose()? {
            Some(Row::Entry(entry, _)) if request.contradicts(&entry) => {
                context.note(&format!("{} was made by another call", entry.address));
                exit = Exit::No;
            }
            // Also a damaged one: this is how to get rid of it.
            Some(_) => keys.push(key),
            None => {
                context.note(&format!("there is no {}", request.address));
                exit = Exit::No;
            }
        }
    }
    let (Some(first), false) = (requests.first(), keys.is_empty()) else {
        return Ok(exit);
    };
    let selection = Selection::from(Filter {
        keys,
        ..Filter::store(&first.address.store)
    });
    let run = (run, Keep::unless(args.no_undo));
    remove_logged(context, backend.as_ref(), &selection, None, run, now)?;
    Ok(exit)
}
