//! `ecache run`: a command that is run once, and replayed from then on.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ecache_core::command::{HELD_VARIABLE, Memo, Mode, OnMiss, Outcome, Report, Settings, Streams};
use ecache_core::key::{Key, preimage};
use ecache_core::python_json::Json;
use serde::Serialize;

use super::invocation::{Invocation, failures, store_name};
use super::request::{call_scopes, scopes, store_address, token};
use crate::cli::value::Ttl;
use crate::cli::{CacheMode, RunArgs};
use crate::context::Context;
use crate::error::{Exit, not_run};
use crate::signals;

pub(crate) fn run(context: &Context, args: RunArgs) -> Result<Exit> {
    memoized(context, args).map_err(not_run)
}

fn memoized(context: &Context, args: RunArgs) -> Result<Exit> {
    let status_file = args.status_file.as_deref().map(create).transpose()?;
    let invocation = Invocation::new(&args.command, &args.identity)?;
    let token = token(&args.scope)?;
    let text = preimage(
        &invocation.call,
        &call_scopes(&args.scope, token.as_deref()),
    );
    let store = store_address(
        context,
        &store_name(
            args.store.as_deref(),
            args.version.as_deref(),
            &invocation.program,
        ),
        &args.scope,
    )?;
    let location = match context.location() {
        Ok((path, _)) => Some(path),
        Err(error) if args.strict => return Err(error),
        Err(error) => {
            context.detail(&format!("run without the cache: {error:#}"));
            None
        }
    };
    let settings = settings(&args);
    let held = std::env::var(HELD_VARIABLE).unwrap_or_default();
    let memo = Memo {
        program: &invocation.program,
        name: &args.command[0],
        arguments: &args.command[1..],
        folder: None,
        address: store.entry(Key::of_preimage(&text)),
        scopes: scopes(&args.scope, token.as_deref()),
        args: Json::Array(invocation.call).dumps_sorted(),
        store: location.as_deref(),
        held: &held,
        settings: &settings,
        clock: context.clock(),
        on_trouble: &|error| match args.strict {
            true => Err(error),
            false => {
                context.detail(&format!("the cache is of no use: {error}"));
                Ok(())
            }
        },
        on_unkept: &|why| context.detail(&format!("the result is not kept: {why}")),
    };
    let report = memo.run(Streams {
        input: invocation.input,
        stdout: &mut unbuffered(io::stdout().as_fd())?,
        stderr: &mut unbuffered(io::stderr().as_fd())?,
        signals: &mut signals::as_bytes,
    })?;
    if let Some(file) = status_file {
        write_status(file, &memo, &report)?;
    }
    Ok(Exit::Command(report.exit))
}

fn settings(args: &RunArgs) -> Settings {
    let keep = &args.keep;
    Settings {
        mode: match (args.cache, args.refresh) {
            (CacheMode::Off, _) | (CacheMode::Readonly, true) => Mode::Off,
            (CacheMode::Refresh, _) | (CacheMode::On, true) => Mode::Refresh,
            (CacheMode::Readonly, false) => Mode::ReadOnly,
            (CacheMode::On, false) => Mode::On,
        },
        on_miss: match args.no_exec {
            true => OnMiss::Fail,
            false => OnMiss::Run,
        },
        ttl: keep.ttl.and_then(Ttl::duration),
        failures: failures(keep),
        max_age: args.max_age.map(Duration::from_millis),
        max_output: keep.max_output,
        patience: Duration::from_millis(args.wait_timeout),
    }
}

/// A standard stream without Rust's buffer: what a command writes is to be there at once.
fn unbuffered(stream: BorrowedFd<'_>) -> Result<File> {
    let stream = stream.try_clone_to_owned();
    Ok(stream.context("cannot use a standard stream")?.into())
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write the status to {}", path.display()))
}

/// What `--status-file` gets.
#[derive(Serialize)]
struct Status<'a> {
    outcome: &'static str,
    key: &'a str,
    store_name: &'a str,
    age_ms: u128,
    ttl_left_ms: Option<u128>,
    cost_ms: Option<u128>,
    exit: u8,
}

fn write_status(mut file: File, memo: &Memo<'_>, report: &Report) -> Result<()> {
    let status = Status {
        outcome: match report.outcome {
            Outcome::Hit => "hit",
            Outcome::Miss => "miss",
            Outcome::Refreshed => "refreshed",
            Outcome::Bypass => "bypass",
        },
        key: memo.address.key.as_str(),
        store_name: &memo.address.store.store_name,
        age_ms: report.age.as_millis(),
        ttl_left_ms: report.ttl_left.map(|left| left.as_millis()),
        cost_ms: report.cost.map(|cost| cost.as_millis()),
        exit: report.exit,
    };
    let line = serde_json::to_string(&status)? + "\n";
    file.write_all(line.as_bytes())
        .context("cannot write the status")
}
