//! `ecache warm`: many commands, each unless it is kept already.

mod commands;
mod forecast;
mod items;
mod refresh;
mod report;
mod template;

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ecache_core::command::{Mode, PreparedItem, Settings, Stop, Warm};
use ecache_core::entry::Entry;
use ecache_core::error::Error;

use super::shared::address::resolve::token;
use super::shared::command::settings::{cache_mode, kept, lifetime, wait_timeout};
use super::shared::command::{background, configured};
use super::shared::view::call_text::command_line;
use crate::cli::WarmArgs;
use crate::cli::entry::ScopeArgs;
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::{Secrets, escape};
use crate::units::Lifetime;
use crate::variables::{self, variable};
use crate::{inherited, signals};
use commands::Commands;
use forecast::forecast;
use items::{Item, Items};
use report::{LeftOut, Line, Report, Summary};

pub(crate) fn run(context: &Context, mut args: WarmArgs) -> Result<Exit> {
    // As `run` keeps nothing then, there is nothing to warm.
    if let Mode::Off | Mode::ReadOnly = cache_mode(None)? {
        let mode = variable(variables::MODE).unwrap_or_default();
        context.note(&format!("ECACHE={}: nothing is warmed", mode.display()));
        return Ok(Exit::Done);
    }
    if args.command.is_empty() {
        again(context, &args)
    } else {
        if args.filter.store.argument().is_some() {
            return Err(usage_tip(
                "STORE does not go with COMMAND",
                "leave out STORE or COMMAND; a command's store is --store NAME",
            ));
        }
        configured::fill_warm(context, &mut args)?;
        each(context, &args)
    }
}

/// Warms a command for each item that is read.
fn each(context: &Context, args: &WarmArgs) -> Result<Exit> {
    let commands = Commands::new(context, args, lifetime(args.keep.ttl)?)?;
    let items = Items::open(args.input.as_deref(), commands.syntax)?;
    let failure = items.failure();
    let prepare = |item: &Item| commands.prepare(item);
    let shown = |item: &Item| commands.shown(item);
    let name = |item: &Item| commands.name(item);
    let exit = if args.dry_run {
        forecast(context, args, items, prepare, shown, Some(&commands.store))?
    } else {
        warm(context, args, items, prepare, shown, name)?
    };
    failure.check(args.input.as_deref())?;
    Ok(exit)
}

/// Reruns recorded commands.
fn again(context: &Context, args: &WarmArgs) -> Result<Exit> {
    if args.input.is_some() || args.null || args.jsonl {
        return Err(usage_tip(
            "--refresh runs recorded commands, and reads no items",
            "leave out --input, or name a command after --",
        ));
    }
    let version = args.version.as_ref().map(|_| "--version");
    if let Some(option) = args.surroundings.option().or(version) {
        return Err(usage_tip(
            format!("{option} is recorded with each command"),
            format!("leave out {option}, or name a command after --"),
        ));
    }
    let scope = ScopeArgs {
        jwt_file: args.jwt_file.clone(),
        ..ScopeArgs::default()
    };
    let token = token(&scope)?;
    let settings = settings(context, args, args.keep.ttl);
    if matches!(args.keep.ttl, Some(Lifetime::Boot | Lifetime::Session)) {
        return Err(usage_tip(
            "--ttl boot and --ttl session are recorded with each command",
            "leave them out, or name a command after --",
        ));
    }
    let secrets = Secrets::from(args.reveal);
    context.fold_usage();
    let backend = context.reader()?;
    let entries = refresh::recorded(context, backend.as_ref(), args)?;
    drop(backend);
    let prepare = |entry: &Entry| refresh::prepare(entry, token.as_deref(), args, &settings);
    let shown = |entry: &Entry| command_line(entry, secrets);
    let name = |entry: &Entry| escape::for_line(&command_line(entry, secrets)).into_owned();
    if entries.is_empty() && args.filter.fail_empty {
        return Ok(Exit::No);
    }
    if args.dry_run {
        forecast(context, args, entries.into_iter(), prepare, shown, None)
    } else {
        warm(context, args, entries.into_iter(), prepare, shown, name)
    }
}

/// Runs the prepared commands, and reports their outcomes.
fn warm<T: Send + 'static>(
    context: &Context,
    args: &WarmArgs,
    items: impl Iterator<Item = T> + Send + 'static,
    prepare: impl Fn(&T) -> PreparedItem + Sync,
    shown: impl Fn(&T) -> String,
    name: impl Fn(&T) -> String,
) -> Result<Exit> {
    // Without a store there is nothing to warm: unlike `run`, this fails.
    let backend = context.writer()?;
    let (location, _) = context.location()?;
    let store = context
        .beside(&location)
        .unwrap_or_else(|| location.clone());
    let warm = Warm {
        store: &store,
        backend: backend.as_ref(),
        clock: context.clock(),
        workers: workers(args),
        pace: args.rate.unwrap_or_default(),
        max_time: args.max_time.map(Duration::from_millis),
        signals: Some(signals::as_bytes().context("cannot receive signals")?),
        prepare: inherited::prepare,
        left_open: &|open| background::forward(Some(&location), open),
    };
    let mut report = Report::new(context, args.format())?;
    let mut summary = Summary::default();
    let mut progress = context.progress("warming", None);
    let stop = warm.run(items, prepare, |item, done, total| {
        if let Some(total) = total {
            progress.set_total(total);
        }
        progress.advance(1);
        summary.add(&done, || name(&item));
        match args.format() {
            Some(_) => report.line(&Line::of(&shown(&item), &done)),
            None => Ok(()),
        }
    });
    report.finish()?;
    let left_out = match stop {
        Ok(None) => LeftOut::Listed,
        Ok(Some(_)) | Err(_) => LeftOut::Counted,
    };
    summary.print(context, progress, left_out);
    let stop = stop.map_err(|error| match error {
        // As main knows it: a reader that has seen enough is not a failure.
        Error::Io(error) => error.into(),
        other => anyhow::Error::new(other),
    })?;
    Ok(match stop {
        Some(Stop::Signal(signal)) => {
            context.warn("interrupted: kept results stay, so the same command goes on from here");
            // The signal's number is unknown if the terminal sent it; Ctrl-C is the usual one.
            let signal = match signal {
                0 => libc::SIGINT as u8,
                sent => sent,
            };
            Exit::Command(128 + signal)
        }
        Some(Stop::Time) => {
            context.warn("the time limit is reached: kept results stay, so the same command goes on from here");
            Exit::No
        }
        // Already reported as an error.
        Some(Stop::Trouble) => Exit::Failed,
        None if summary.is_good() => Exit::Done,
        None => Exit::No,
    })
}

fn workers(args: &WarmArgs) -> NonZeroUsize {
    let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    args.jobs.unwrap_or_else(processors)
}

fn settings(context: &Context, args: &WarmArgs, lifetime: Option<Lifetime>) -> Settings {
    Settings {
        access: context.access,
        mode: if args.refresh {
            Mode::Refresh
        } else {
            Mode::On
        },
        patience: wait_timeout(args.wait_timeout),
        ..kept(&args.keep, lifetime)
    }
}
