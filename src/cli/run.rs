//! The arguments of `run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::entry::{IdentityArgs, ScopeArgs};
use super::value::{Lifetime, Ttl, parse_lifetime, parse_ttl};
use crate::units::{parse_duration, parse_size};

#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  ecache run --ttl 10m -- curl -s https://example.com
  ecache run --file Cargo.lock --cwd -- cargo metadata --format-version 1
  sort big.txt | ecache run --env LC_ALL -- uniq -c
  ecache run --ttl 1d --no-failures --status-file status.json -- ./slow-report")]
pub(crate) struct RunArgs {
    /// The program, and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true, value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
    /// Keep it in this store [default: the program's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// Keep it apart from other versions: in the store NAME#vN
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Run it again if its result is older than this
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<u64>,
    /// Print a result whose time is over no longer ago than this, and run it again in the
    /// background
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) stale: Option<u64>,
    /// Print an old result instead, if there is one, where the command fails
    #[arg(long)]
    pub(crate) stale_if_error: bool,
    /// Run it again, and keep the new result
    #[arg(long, conflicts_with = "no_exec", alias = "force")]
    pub(crate) refresh: bool,
    /// Run it again in the background, keep the new result, and print nothing, as bkt does
    #[arg(long, conflicts_with_all = ["no_exec", "refresh", "stale"], hide_short_help = true)]
    pub(crate) warm: bool,
    /// Run nothing: print what is there, or exit with 1
    #[arg(long)]
    pub(crate) no_exec: bool,
    /// Say how the cache is used [default: on, or as $ECACHE says]
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) cache: Option<CacheMode>,
    /// Wait this long for another process that runs the same and prints nothing, then run it
    /// without the cache [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) wait_timeout: Option<u64>,
    /// Say what is done while another process runs the same [default: wait]
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) on_busy: Option<BusyChoice>,
    /// Exit with 125 on any trouble with the cache, instead of running the command without it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Write what came of it to this file, as a line of JSON; - is standard output, after the
    /// command's
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) status_file: Option<PathBuf>,
    /// Write it to this open file descriptor: outcome, key and times, and hit, fwd, collapsed,
    /// stored and ttl as in the header Cache-Status (RFC 9211)
    #[arg(long, value_name = "N", conflicts_with = "status_file")]
    pub(crate) status_fd: Option<i32>,
    /// Run in the background, for a process that did not want to wait
    #[arg(long, hide = true)]
    pub(crate) background: bool,
    /// Print to one place there: both streams of the process that did not want to wait are one
    #[arg(long, hide = true, requires = "background")]
    pub(crate) merged: bool,
    /// Keep the result as that of a command with this standard input
    #[arg(long, hide = true, requires = "background")]
    pub(crate) input: Option<String>,
    /// Refuse bkt's folder, which is none for a store
    #[arg(long, hide = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

// What is kept of a command that was run, and for how long.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeepArgs {
    /// Keep a result for this long, as in 90s, 10m or 1d12h, until the next `boot`, for the
    /// terminal's `session`; `none` for ever
    #[arg(long, value_name = "DURATION", value_parser = parse_lifetime, alias = "time-to-live")]
    pub(crate) ttl: Option<Lifetime>,
    #[command(flatten)]
    pub(crate) failures: FailureArgs,
    /// Do not record the arguments, which `ls` and `show` print: only the key, which is a hash of
    /// them
    #[arg(long)]
    pub(crate) no_record_args: bool,
    /// Do not keep a result that is larger than this [default: 100MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_output: Option<u64>,
}

// Which failures are kept and printed again.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FailureArgs {
    /// Keep a failure for this long, instead of as long as a success, and print no older one
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl, conflicts_with = "no_failures")]
    pub(crate) failure_ttl: Option<Ttl>,
    /// Do not keep failures, and print none that was kept
    #[arg(long, alias = "discard-failures")]
    pub(crate) no_failures: bool,
}

/// Action of `run` while another process runs the same command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BusyChoice {
    /// Print what it prints, as it comes
    #[default]
    Wait,
    /// Run it too, and keep nothing
    Run,
    /// Print an old result, if there is one, else wait
    Stale,
    /// Exit with 125
    Fail,
}

/// How `run` uses the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheMode {
    /// Print what is there, run what is not
    #[default]
    On,
    /// Run it always, as if there were no cache
    Off,
    /// Print what is there, keep nothing new
    Readonly,
    /// Run it always, and keep the result
    Refresh,
}
