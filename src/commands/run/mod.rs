//! `ecache run`: a command that is run once, and replayed from then on.

mod report;
mod teller;

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use ecache_core::command::{
    Call, CommandError, Failures, Input, InputKey, Mode, OnBusy, OnFailure, OnMiss, Opening,
    Outputs, Purpose, Report, Runner, Settings, StoreUse, Streams,
};
use ecache_core::time::whole_millis;
use ecache_core::usage::{Event, Outcome};
use rustix::fs::FileType;

use report::Status;
use teller::{Teller, Told};

use super::shared::command::args::{CommandLine, Invocation};
use super::shared::command::exec::{self, Noting};
use super::shared::command::same_output::outputs;
use super::shared::command::settings::{cache_mode, kept, lifetime, wait_timeout};
use super::shared::command::stdin::{Unkeyed, is_stream};
use super::shared::command::{background, configured};
use crate::cli::RunArgs;
use crate::cli::entry::StdinChoice;
use crate::context::Context;
use crate::error::{
    Advice, Exit, Hindered, NotRun, UsageError, contradiction, not_run, unreachable, usage_tip,
};
use crate::output::{human, stderr, stdout};
use crate::units::Lifetime;
use crate::variables::name_in_environment;
use crate::{signals, unreachable};

pub(crate) fn run(context: &Context, args: RunArgs) -> Result<Exit> {
    memoized(context, args).map_err(|error| {
        if error.is::<NotRun>() {
            error
        } else {
            not_run(error)
        }
    })
}

fn memoized(context: &Context, args: RunArgs) -> Result<Exit> {
    if args.background {
        background::close_inherited();
    }
    let is_in_place = exec::is_needed() && !args.no_exec && !args.strict;
    let is_in_place = is_in_place && !args.background && !args.warm;
    if !is_in_place {
        refuse_option_of_bkt(&args)?;
        refuse_to_run_nothing(&args)?;
    }
    // The file is opened before the run, so that an unwritable one is reported early.
    let mut status = match background::status(&args) {
        Ok(file) => file,
        Err(error) => do_without("the status", context, &args, error).map(|()| None)?,
    };
    let ran = if is_in_place {
        take_place(context, &args, &mut status)
    } else {
        answer(context, args, &mut status)
    };
    ran.map_err(|error| {
        let error = not_run(error);
        if let Some(file) = status {
            let exit = Advice::of(&error).exit.code();
            let _ = Status::unreported("error", None, Some(exit)).write(file);
        }
        error
    })
}

/// Runs the command in the place of this process: a closed stream of its own would get a pipe.
fn take_place(context: &Context, args: &RunArgs, status: &mut Option<File>) -> Result<Exit> {
    let settings = settings(args, cache_mode(args.cache)?, None);
    let is_off = settings.mode == Mode::Off;
    let call = Invocation::unkeyed(&command_line(args, None), settings)?.call;
    if !is_off {
        count(context, Outcome::Bypass, &call);
    }
    context
        .detail("bypass: standard output or standard error is closed; running without the cache");
    if let Some(file) = status.take() {
        let store = &call.entry.address.store.store_name;
        let written = Status::unreported("bypass", Some(store), None).write(file);
        written.or_else(|error| do_without("the status", context, args, error))?;
    }
    Err(exec::run(&args.command).into())
}

/// Replays the command or runs it, and reports how.
fn answer(context: &Context, mut args: RunArgs, status: &mut Option<File>) -> Result<Exit> {
    fill_in_settings(context, &mut args)?;
    let (mut invocation, has_key) = keyed(context, &args)?;
    let has_key = has_key && invocation.unkeyed.is_none();
    let outputs = match args.background {
        true if args.merged => Outputs::Merged,
        true => Outputs::Apart,
        false => outputs(),
    };
    if args.background {
        // The session is part of the key, if --ttl says so, and was looked at by now.
        background::leave_terminal();
        if let Some(input) = &args.input {
            background::assume(input, &mut invocation);
        }
    } else if args.warm {
        return run_in_background(&invocation, outputs);
    }
    let store = usable_store(context, &args, &invocation)?;
    let beside = store.as_deref().and_then(|path| context.beside(path));
    let Invocation { call, input, .. } = invocation;
    let teller = Teller {
        context,
        call: &call,
        outputs,
        store: store.as_deref(),
        beside: beside.as_deref(),
        is_strict: args.strict,
        is_damage_told: Cell::default(),
        told: Told::default(),
    };
    let report = replay_or_run(&teller, input, args.background)?;
    tell(&teller, &report, has_key);
    if let Some(file) = status.take() {
        let address = &call.entry.address;
        // That of a stream depends on what the command takes from it.
        let has_key = has_key && !matches!(call.identity.input, InputKey::Unread(_));
        let key = report.key.as_ref().or(has_key.then_some(&address.key));
        let store = &address.store.store_name;
        let status = Status::new(key, store, &report, &teller.told, &call.settings);
        let written = status.write(file);
        written.or_else(|error| do_without("the status", context, &args, error))?;
    }
    Ok(match report.signal {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Command(report.exit),
    })
}

/// Replays the command or runs it. Without room for another process, the command takes the place of
/// this one.
fn replay_or_run(teller: &Teller<'_>, input: Input, is_background: bool) -> Result<Report> {
    let context = teller.context;
    let runner = Runner {
        call: teller.call,
        store: teller.store,
        connected: context.connected(),
        beside: teller.beside,
        outputs: teller.outputs,
        clock: context.clock(),
        caller: teller,
    };
    let (mut stdout, mut stderr) = (Noting::of(stdout()), Noting::of(stderr()));
    let ran = runner.run(Streams {
        input,
        stdout: &mut stdout,
        stderr: &mut stderr,
        signals: &signals::ForCommand,
    });
    match ran {
        Err(CommandError::NoRoom {
            source, command, ..
        }) if !teller.is_strict && !is_background && !stdout.is_used && !stderr.is_used => {
            context.detail(&format!("bypass: {source}; running without the cache"));
            Err(exec::become_command(*command).into())
        }
        ran => Ok(ran?),
    }
}

/// Prints how the command was answered, with `-v`.
fn tell(teller: &Teller<'_>, report: &Report, has_key: bool) {
    let context = teller.context;
    if !context.verbose {
        return;
    }
    let mut settings = teller.call.settings.clone();
    let marks = &teller.call.identity.marks;
    if !has_key {
        // The reason for not having a key was printed already.
        settings.mode = Mode::On;
    }
    if let Some(sentence) = report::sentence(report, &teller.told, &settings, marks) {
        context.detail(&sentence);
    } else if let Some(why) = &*teller.told.unkept.borrow() {
        context.detail(&format!("not kept: {why}"));
    }
}

/// Starts a process that runs the command, and does not wait for it.
fn run_in_background(invocation: &Invocation, outputs: Outputs) -> Result<Exit> {
    if let Some(why) = &invocation.unkeyed {
        bail!(why.to_string());
    }
    invocation.wait_for_end()?;
    background::start(&invocation.call, &invocation.input, outputs)
        .context("cannot start a process in the background")?;
    Ok(Exit::Done)
}

/// Refuses the option that names the store in bkt.
fn refuse_option_of_bkt(args: &RunArgs) -> Result<()> {
    let Some(folder) = &args.cache_dir else {
        return Ok(());
    };
    let store = folder.join("store.db");
    Err(usage_tip(
        "--cache-dir is an option of bkt",
        format!(
            "--db {}, or ECACHE_DB, which all commands read",
            store.display()
        ),
    ))
}

/// Fills in the options that the configuration sets.
fn fill_in_settings(context: &Context, args: &mut RunArgs) -> Result<()> {
    match configured::fill_run(context, args) {
        Err(error) if error.is::<UsageError>() || args.strict => {
            do_without("the settings", context, args, error)
        }
        // A file that cannot be read is trouble, as a store is.
        Err(error) => {
            context.detail(&format!("running without the settings: {error:#}"));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Refuses `--no-exec` with a mode that prints no stored result: nothing would be done.
fn refuse_to_run_nothing(args: &RunArgs) -> Result<()> {
    match args.cache {
        Some(Mode::Off) if args.no_exec => Err(contradiction("--no-exec", "--cache off")),
        Some(Mode::Refresh) if args.no_exec => Err(contradiction("--no-exec", "--cache refresh")),
        _ => Ok(()),
    }
}

/// Reports that the run continues without a part of ecache; fails with `--strict`.
fn do_without(what: &str, context: &Context, args: &RunArgs, error: anyhow::Error) -> Result<()> {
    if args.strict {
        return Err(error);
    }
    context.absent(
        &format!("running without {what}: {error:#}"),
        Advice::of(&error).tip.as_deref(),
    );
    Ok(())
}

/// Returns the typed call, and whether it has a key. It has none if the key needs something
/// unavailable.
fn keyed(context: &Context, args: &RunArgs) -> Result<(Invocation, bool)> {
    let beside = || context.beside(&context.location().ok()?.0);
    // With `--strict`, the server is tried regardless.
    let is_off = matches!(cache_mode(args.cache), Ok(Mode::Off));
    let is_asked = args.strict || args.warm || is_off;
    let is_down = match beside() {
        Some(beside) if !is_asked => unreachable::remembered(&beside, context.now()),
        _ => None,
    };
    if let Some(ago) = is_down {
        context.detail(&format!(
            "bypass: its server could not be reached {} ago; running without the cache",
            human::duration(whole_millis(ago))
        ));
    } else {
        match invocation(context, args) {
            Err(error) if error.is::<Hindered>() && !args.warm => {
                if let (Some(beside), Some(cause)) = (beside(), unreachable(&error)) {
                    unreachable::remember(&beside, cause, context.now());
                }
                do_without("the cache", context, args, error)?;
            }
            invocation => return Ok((invocation?, true)),
        }
    }
    let settings = settings(args, Mode::Off, None);
    let invocation = Invocation::unkeyed(&command_line(args, None), settings)?;
    for outcome in [Outcome::Error, Outcome::Bypass] {
        count(context, outcome, &invocation.call);
    }
    Ok((invocation, false))
}

/// Makes the call from the typed options.
fn invocation(context: &Context, args: &RunArgs) -> Result<Invocation> {
    let lifetime = lifetime(args.keep.ttl)?;
    let settings = Settings {
        access: context.access,
        ..settings(args, cache_mode(args.cache)?, lifetime)
    };
    let invocation = Invocation::new(context, &command_line(args, lifetime), settings)?;
    name_in_environment(&invocation.call.program().called);
    Ok(invocation)
}

fn command_line(args: &RunArgs, lifetime: Option<Lifetime>) -> CommandLine<'_> {
    CommandLine {
        words: &args.command,
        store: args.store.as_deref(),
        version: args.version.as_deref(),
        identity: &args.identity,
        scope: &args.scope,
        lifetime,
    }
}

/// Returns the store's location; `None` if there is no place for one, or no key to look up.
fn usable_store(
    context: &Context,
    args: &RunArgs,
    invocation: &Invocation,
) -> Result<Option<PathBuf>> {
    let path = context
        .location()
        .and_then(|(path, _)| match &invocation.unkeyed {
            Some(why) => Err(anyhow!("{why}")),
            None => Ok(path),
        });
    match path {
        Err(error) if args.strict => Err(error),
        Err(error) => {
            count_unkeyed(context, invocation);
            context.detail(&format!("bypass: {error:#}; running without the cache"));
            Ok(None)
        }
        Ok(path) => Ok(Some(path)),
    }
}

/// Counts a run of a command that has no key.
fn count_unkeyed(context: &Context, invocation: &Invocation) {
    let settings = &invocation.call.settings;
    if settings.mode == Mode::Off || settings.on_miss == OnMiss::Fail {
        return;
    }
    if let Some(why) = &invocation.unkeyed {
        count(context, Outcome::Bypass, &invocation.call);
        if matches!(why, Unkeyed::Trouble(_)) {
            count(context, Outcome::Error, &invocation.call);
        }
    }
}

/// Counts a failure of the cache, or a run without it.
fn count(context: &Context, outcome: Outcome, call: &Call) {
    let store = call.entry.address.store.clone();
    context.count(&[Event::new(outcome, context.now(), store, &call.scopes)]);
}

/// Reports whether the command reads a stream, which a refresh in the background could not read
/// again.
fn reads_unkept(args: &RunArgs) -> bool {
    args.identity.stdin == StdinChoice::Ignore && is_stream()
}

/// Maximum wait for a leader that is not followed, while standard output or standard error is a
/// pipe: its reader may be waiting for this process before it reads on from the leader.
const SILENT_PATIENCE: Duration = Duration::from_secs(2);

/// Reports whether standard output or standard error is a pipe or a socket.
fn prints_to_a_pipe() -> bool {
    let is_pipe = |fd: BorrowedFd<'_>| {
        rustix::fs::fstat(fd).is_ok_and(|stat| {
            let kind = FileType::from_raw_mode(stat.st_mode);
            matches!(kind, FileType::Fifo | FileType::Socket)
        })
    };
    is_pipe(io::stdout().as_fd()) || is_pipe(io::stderr().as_fd())
}

fn settings(args: &RunArgs, mode: Mode, lifetime: Option<Lifetime>) -> Settings {
    let kept = kept(&args.keep, lifetime);
    Settings {
        mode: match (mode, args.refresh || args.warm) {
            (Mode::Off, _) | (Mode::ReadOnly, true) => Mode::Off,
            (Mode::Refresh, _) | (Mode::On, true) => Mode::Refresh,
            (mode, false) => mode,
        },
        purpose: if args.background {
            Purpose::RefreshStale
        } else {
            Purpose::Answer
        },
        on_miss: if args.no_exec {
            OnMiss::Fail
        } else {
            OnMiss::Run
        },
        // A failed refresh in the background must not replace the stale result.
        failures: if args.background && args.keep.failures.failure_ttl.is_none() {
            Failures::Forget
        } else {
            kept.failures
        },
        max_age: args.max_age.map(Duration::from_millis),
        stale: args
            .stale
            .filter(|_| !args.background && !reads_unkept(args))
            .map(Duration::from_millis),
        on_failure: if args.stale_if_error {
            OnFailure::Stale
        } else {
            OnFailure::Pass
        },
        on_busy: if args.background {
            OnBusy::Fail
        } else {
            args.on_busy.unwrap_or_default()
        },
        patience: wait_timeout(args.wait_timeout),
        silent_patience: if prints_to_a_pipe() {
            SILENT_PATIENCE
        } else {
            wait_timeout(args.wait_timeout)
        },
        store_use: StoreUse::Alone,
        opening: if args.strict {
            Opening::BeforeRun
        } else {
            Opening::DuringRun
        },
        ..kept
    }
}
