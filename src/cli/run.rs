//! The arguments of `run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Args};
use ecache_core::command::{Mode, OnBusy};

use super::entry::{IdentityArgs, ScopeArgs, first_typed};
use crate::units::{Lifetime, Ttl, parse_duration, parse_lifetime, parse_size, parse_ttl};

#[derive(Debug, Default, Args)]
#[command(mut_args(only_in_long_help))]
#[command(after_help = "\
Without --ttl a result is kept for ever. Files, folder and variables count only
if you name them. --help has the rest: scopes, --status-file, --strict ...

Examples:
  ecache run --ttl 10m -- curl -s https://example.com
  ecache run --file Cargo.lock --cwd -- cargo metadata --format-version 1
  sort big.txt | ecache run --env LC_ALL -- uniq -c")]
pub(crate) struct RunArgs {
    /// The program and its arguments
    #[arg(value_name = "COMMAND", help_heading = None::<&str>, last = true, required = true, value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
    /// Keep the result in this store [default: the program]
    #[arg(long, value_name = "NAME", help_heading = "Keep")]
    pub(crate) store: Option<String>,
    /// Keep the result of this version apart, in the store NAME#vN
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Keep")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Run it again if the result is older than this
    #[arg(long, help_heading = "Serve", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) max_age: Option<u64>,
    #[arg(help = "Serve expired results this long while refreshing", long_help = "Serve expired results up to this long after they expire, and refresh them in the background", long, help_heading = "Serve", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) stale: Option<u64>,
    /// Serve an old result if the command fails
    #[arg(long, help_heading = "Serve")]
    pub(crate) stale_if_error: bool,
    /// Run it again, and keep the new result
    #[arg(
        long,
        help_heading = "Serve",
        conflicts_with = "no_exec",
        alias = "force"
    )]
    pub(crate) refresh: bool,
    /// Run it again in the background, keep the new result and print nothing, as bkt does
    #[arg(long, help_heading = "Serve", conflicts_with_all = ["no_exec", "refresh", "stale"], hide_short_help = true)]
    pub(crate) warm: bool,
    /// Run nothing: print the result, or exit with 1
    #[arg(long, help_heading = "Serve")]
    pub(crate) no_exec: bool,
    /// Use the cache in this mode [default: on, or the value of $ECACHE]
    #[arg(
        long,
        help_heading = "Serve",
        value_enum,
        value_name = "MODE",
        hide_short_help = true
    )]
    pub(crate) cache: Option<Mode>,
    /// Wait this long for another process that runs the same command and prints nothing, then run
    /// it without the cache [default: 10m]
    #[arg(long, help_heading = "Serve", value_name = "TIME", value_parser = parse_duration, hide_short_help = true)]
    pub(crate) wait_timeout: Option<u64>,
    #[arg(
        help = "If another process runs it: wait, run, stale, fail",
        long_help = "Do this while another process runs it: wait, run, stale or fail",
        long,
        help_heading = "Serve",
        value_name = "WHAT",
        value_enum,
        hide_possible_values = true
    )]
    pub(crate) on_busy: Option<OnBusy>,
    /// Exit with 125 on any problem with the cache
    ///
    /// By default the command then runs without the cache.
    #[arg(long, help_heading = "Report")]
    pub(crate) strict: bool,
    /// Write the outcome as JSON to a file
    ///
    /// `-` is standard output, after the command's.
    #[arg(long, value_name = "FILE", help_heading = "Report", value_hint = clap::ValueHint::FilePath)]
    pub(crate) status_file: Option<PathBuf>,
    /// Write the outcome as JSON to this open file descriptor
    ///
    /// It has the outcome, key and times, and hit, fwd, collapsed, stored and ttl as in the header
    /// Cache-Status (RFC 9211).
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(i32).range(0..),
        help_heading = "Report",
        conflicts_with = "status_file"
    )]
    pub(crate) status_fd: Option<i32>,
    /// Run in the background, for a process that did not want to wait
    #[arg(long, hide = true)]
    pub(crate) background: bool,
    /// Merge standard output and standard error, as in the process that did not wait
    #[arg(long, hide = true, requires = "background")]
    pub(crate) merged: bool,
    /// Keep the result as that of a command with this standard input
    #[arg(long, hide = true, requires = "background")]
    pub(crate) input: Option<String>,
    /// Refused: the folder option of bkt
    #[arg(long, hide = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

/// Hides rare options in the short help: scopes are FiftyOne's, and the command is in the line of
/// the usage.
fn only_in_long_help(argument: Arg) -> Arg {
    let is_rare = matches!(
        argument.get_id().as_str(),
        "command"
            | "dataset"
            | "user"
            | "operator"
            | "prompt"
            | "jwt_file"
            | "min_cost"
            | "status_fd"
            | "status_file"
            | "strict"
    );
    if is_rare {
        argument.hide_short_help(true)
    } else {
        argument
    }
}

// The parts of a run that are kept, and their lifetimes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeepArgs {
    /// 90s, 10m, 1d12h, boot, session or none
    ///
    /// `boot` lasts until the machine restarts, `session` until the terminal's session ends, and
    /// `none` for ever.
    #[arg(help_heading = "Keep", long, value_name = "TIME", value_parser = parse_lifetime, alias = "time-to-live")]
    pub(crate) ttl: Option<Lifetime>,
    /// Set if the lifetime comes from the configuration
    #[arg(skip)]
    pub(crate) is_default_ttl: bool,
    #[command(flatten)]
    pub(crate) failures: FailureArgs,
    /// Keep only results that took at least this long, as in 50ms
    #[arg(help_heading = "Keep", long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) min_cost: Option<u64>,
    /// Do not record the arguments, which `ls` and `show` print; record only the key, which is
    /// their hash
    #[arg(help_heading = "Keep", long, hide_short_help = true)]
    pub(crate) no_record_args: bool,
    /// Keep only results up to this size [default: 100MiB]
    #[arg(help_heading = "Keep", long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_output: Option<u64>,
}

// The failures that are kept and printed again.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FailureArgs {
    #[arg(help = "Keep failures this long instead", long_help = "Failures expire after this time instead of --ttl; older ones are not replayed", help_heading = "Keep", long, value_name = "TIME", value_parser = parse_ttl, conflicts_with = "no_failures")]
    pub(crate) failure_ttl: Option<Ttl>,
    /// Keep no failures, and replay none
    #[arg(help_heading = "Keep", long, alias = "discard-failures")]
    pub(crate) no_failures: bool,
}

impl FailureArgs {
    /// Returns an option that was typed.
    pub(crate) fn option(&self) -> Option<&'static str> {
        first_typed([
            (self.failure_ttl.is_some(), "--failure-ttl"),
            (self.no_failures, "--no-failures"),
        ])
    }
}
