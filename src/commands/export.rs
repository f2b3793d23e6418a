//! `ecache export`: entries as JSON lines, which `import` reads.

use std::cell::Cell;

use anyhow::Result;
use ecache_core::transfer::Records;

use super::shared::collections::note_elsewhere;
use super::shared::filter::{Unless, filter, note_unknown_names};
use super::shared::left_out::Omissions;
use super::shared::transfer::{lines, pour, to_file, to_stdout};
use crate::cli::ExportArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: ExportArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, Unless::AnyPolicy, now)?;
    context.fold_usage();
    let backend = context.reader()?;
    let is_empty = Cell::new(true);
    let foreign = Omissions::of_foreign(context);
    let write = |out: &mut dyn std::io::Write| {
        let records = Records::in_any_order(backend.as_ref(), &filter, now)?;
        let records = records.inspect(|_| is_empty.set(false));
        pour(context, "exporting", None, records, &foreign, lines(out))
    };
    let exit = match &args.output {
        Some(path) => to_file(context, path, write),
        None => to_stdout(context, write),
    }?;
    let exit = exit.max_trouble(foreign.finish());
    note_unknown_names(context, backend.as_ref(), &filter)?;
    note_elsewhere(context, backend.as_ref(), &filter.into(), now)?;
    Ok(exit.max_trouble(args.filter.exit(is_empty.get())))
}
