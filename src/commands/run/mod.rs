//! `ecache run`: a command that is run once, and replayed from then on.

mod report;

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use ecache_core::command::{
    Call, CommandError, Failures, Mode, OnBusy, OnFailure, OnMiss, Opening, Outputs, Purpose,
    Runner, Settings, StoreUse, Streams,
};
use ecache_core::error::Error;
use ecache_core::usage::{Event, Outcome as Counted};
use rustix::fs::FileType;

use report::{Status, Told};

use super::shared::command_args::{CommandLine, Invocation};
use super::shared::command_settings::{cache_mode, kept, lifetime, wait_timeout};
use super::shared::exec::{self, Noting};
use super::shared::same_output::outputs;
use super::shared::stdin::{Unkeyed, is_stream};
use super::shared::{background, configured};
use crate::cli::RunArgs;
use crate::cli::entry::StdinChoice;
use crate::context::Context;
use crate::error::{
    Exit, Hindered, UsageError, classify, contradiction, not_run, unreachable, usage_tip,
};
use crate::output::{human, stderr, stdout};
use crate::units::Lifetime;
use crate::variables::name_in_environment;
use crate::{signals, unreachable};

pub(crate) fn run(context: &Context, args: RunArgs) -> Result<Exit> {
    memoized(context, args).map_err(not_run)
}

fn memoized(context: &Context, args: RunArgs) -> Result<Exit> {
    if args.background {
        background::close_inherited();
    }
    if exec::is_needed() && !args.no_exec && !args.strict && !args.background && !args.warm {
        return Err(exec::run(&args.command).into());
    }
    if let Some(folder) = &args.cache_dir {
        return Err(usage_tip(
            "--cache-dir is an option of bkt",
            format!(
                "--db {}, or ECACHE_DB, which all commands read",
                folder.join("store.db").display()
            ),
        ));
    }
    refuse_to_run_nothing(&args)?;
    // The file is opened before the run, so that an unwritable one is reported early.
    let status_file = match background::status(&args) {
        Ok(file) => file,
        Err(error) => do_without("the status", context, &args, error).map(|()| None)?,
    };
    let mut args = args;
    match configured::fill_run(context, &mut args) {
        Err(error) if error.is::<UsageError>() || args.strict => {
            do_without("the settings", context, &args, error)?;
        }
        // A file that cannot be read is trouble, as a store is.
        Err(error) => context.detail(&format!("running without the settings: {error:#}")),
        Ok(()) => {}
    }
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
        if let Some(why) = invocation.unkeyed {
            bail!(why.to_string());
        }
        invocation.wait_for_end()?;
        background::start(&invocation.call, &invocation.input, outputs)
            .context("cannot start a process in the background")?;
        return Ok(Exit::Done);
    }
    let location = match usable_store(context, &invocation) {
        Err(error) if args.strict => return Err(error),
        Err(error) => {
            count_unkeyed(context, &invocation);
            context.detail(&format!("bypass: {error:#}; running without the cache"));
            None
        }
        Ok(path) => Some(path),
    };
    let beside = location.as_deref().and_then(|path| context.beside(path));
    let call = &invocation.call;
    let (damage_told, told) = (Cell::new(false), Told::default());
    let note_failure = |error: &Error| {
        // Counting does not try a server again that is known to be unreachable.
        if let Some(beside) = &beside {
            unreachable::remember(beside, error, context.now());
        }
        count(context, Counted::Error, call);
    };
    let runner = Runner {
        call,
        store: location.as_deref(),
        connected: context.connected(),
        beside: beside.as_deref(),
        outputs,
        clock: context.clock(),
        on_trouble: &|error| {
            if args.strict {
                return Err(error);
            }
            let is_damage = matches!(error, Error::DamagedEntry { .. });
            // A damaged result is found at lookup and again at replacement; it is reported once.
            if is_damage && damage_told.replace(true) {
                return Ok(());
            }
            note_failure(&error);
            context.detail(&if is_damage {
                format!("miss: {error}")
            } else {
                format!("bypass: {error}; running without the cache")
            });
            Ok(())
        },
        on_late_trouble: &|error| {
            if args.strict {
                return Err(error);
            }
            note_failure(&error);
            context.detail(&format!(
                "the command ran, but then the cache failed: {error}"
            ));
            Ok(())
        },
        on_unkept: &|why| drop(told.unkept.replace(Some(why.to_owned()))),
        on_stopped: &|pid| {
            context.absent(
                &format!("process {pid} is running the same command and is stopped, so it is not waited for"),
                Some(&format!("kill -CONT {pid} continues it, kill {pid} ends it")),
            );
        },
        on_unusable: &|why| told.unusable.set(Some(why)),
        on_stale: &|why| drop(told.stale.replace(Some(why.to_owned()))),
        refresh: &|input| {
            told.is_refreshing.set(true);
            background::start(call, input, outputs)
        },
        left_open: &|open| background::forward(location.as_deref(), open),
    };
    let (mut stdout, mut stderr) = (Noting::of(stdout()), Noting::of(stderr()));
    let ran = runner.run(Streams {
        input: invocation.input,
        stdout: &mut stdout,
        stderr: &mut stderr,
        signals: &signals::ForCommand,
    });
    let report = match ran {
        Err(CommandError::NoRoom {
            source, command, ..
        }) if !args.strict && !args.background && !stdout.is_used && !stderr.is_used => {
            context.detail(&format!("bypass: {source}; running without the cache"));
            return Err(exec::become_command(*command).into());
        }
        ran => ran?,
    };
    if context.verbose {
        // A run without a key has said why already.
        let mode = if has_key {
            call.settings.mode
        } else {
            Mode::On
        };
        let settings = Settings {
            mode,
            ..call.settings.clone()
        };
        if let Some(sentence) = report::sentence(&report, &told, &settings) {
            context.detail(&sentence);
        } else if let Some(why) = &*told.unkept.borrow() {
            context.detail(&format!("not kept: {why}"));
        }
    }
    if let Some(file) = status_file {
        let address = &call.entry.address;
        let key = has_key.then_some(&address.key);
        let status = Status::new(key, &address.store.store_name, &report, told.unusable.get());
        let written = status.write(file);
        written.or_else(|error| do_without("the status", context, &args, error))?;
    }
    Ok(match report.signal {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Command(report.exit),
    })
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
        classify(&error).1.as_deref(),
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
            human::duration(ago.as_millis() as u64)
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
    for outcome in [Counted::Error, Counted::Bypass] {
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

/// Returns the store's location. Fails if there is no place for one, or no key to look up.
fn usable_store(context: &Context, invocation: &Invocation) -> Result<PathBuf> {
    let (path, _) = context.location()?;
    match &invocation.unkeyed {
        Some(why) => Err(anyhow!("{why}")),
        None => Ok(path),
    }
}

/// Counts a run of a command that has no key.
fn count_unkeyed(context: &Context, invocation: &Invocation) {
    let settings = &invocation.call.settings;
    if settings.mode == Mode::Off || settings.on_miss == OnMiss::Fail {
        return;
    }
    if let Some(why) = &invocation.unkeyed {
        count(context, Counted::Bypass, &invocation.call);
        if matches!(why, Unkeyed::Trouble(_)) {
            count(context, Counted::Error, &invocation.call);
        }
    }
}

/// Counts a failure of the cache, or a run without it.
fn count(context: &Context, outcome: Counted, call: &Call) {
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
