//! Settings of the user in the place of options that `run` and `warm` were not given.

use std::ffi::OsString;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use ecache_core::command::OnBusy;

use crate::cli::{KeepArgs, RunArgs, WarmArgs};
use crate::config::Config;
use crate::context::Context;
use crate::units::{parse_duration, parse_lifetime, parse_rate, parse_size, parse_ttl};
use crate::variables::{BKT_TTL, variable};

/// Fills the options of `run` that are neither on the command line nor in a variable.
pub(in crate::commands) fn fill_run(context: &Context, args: &mut RunArgs) -> Result<()> {
    let settings = OfStore {
        config: context.config()?,
        store: store(args.store.as_deref(), &args.command),
    };
    settings.fill(&mut args.stale, "stale", parse_duration)?;
    settings.fill(&mut args.max_age, "max_age", parse_duration)?;
    settings.fill(&mut args.wait_timeout, "wait_timeout", parse_duration)?;
    settings.fill(&mut args.on_busy, "on_busy", |word| {
        OnBusy::from_str(word, false)
    })?;
    args.stale_if_error |= settings.flag("stale_if_error") == Some(true);
    settings.fill_keep(&mut args.keep)
}

/// Fills the options of `warm`, likewise.
pub(in crate::commands) fn fill_warm(context: &Context, args: &mut WarmArgs) -> Result<()> {
    let named = match args.filter.store.as_slice() {
        [store] => Some(store.as_str()),
        _ => None,
    };
    let settings = OfStore {
        config: context.config()?,
        store: store(named, &args.command),
    };
    settings.fill(&mut args.wait_timeout, "wait_timeout", parse_duration)?;
    let warm = |name: &str| {
        let text = settings.config.text(&format!("warm.{name}"));
        text.filter(|text| !text.is_empty() && text != "0")
    };
    if let Some(jobs) = warm("jobs").filter(|_| args.jobs.is_none()) {
        args.jobs = jobs.parse().ok();
    }
    if let Some(rate) = warm("rate").filter(|_| args.rate.is_none()) {
        args.rate = parse_rate(&rate).ok();
    }
    if let Some(time) = warm("max_time").filter(|_| args.max_time.is_none()) {
        args.max_time = parse_duration(&time).ok();
    }
    settings.fill_keep(&mut args.keep)
}

/// Returns the store of a command: the one that was named, or that of the program.
fn store(named: Option<&str>, command: &[OsString]) -> String {
    let program = || {
        let name = Path::new(command.first()?).file_name()?;
        Some(name.to_string_lossy().into_owned())
    };
    named
        .map(ToOwned::to_owned)
        .or_else(program)
        .unwrap_or_default()
}

/// The settings of `run` for one store.
struct OfStore<'a> {
    config: &'a Config,
    store: String,
}

impl OfStore<'_> {
    /// Takes a setting where there is no option.
    fn fill<T, E: std::fmt::Display>(
        &self,
        option: &mut Option<T>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<()> {
        if option.is_none()
            && let Some(text) = self.config.run(&self.store, name)
            && !text.is_empty()
        {
            *option = Some(parse(&text).map_err(|error| anyhow!("the setting {name}: {error}"))?);
        }
        Ok(())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        let text = self.config.run(&self.store, name)?;
        bool::from_str(&text).ok()
    }

    fn fill_keep(&self, keep: &mut KeepArgs) -> Result<()> {
        if variable(BKT_TTL).is_none() {
            keep.is_default_ttl = keep.ttl.is_none();
            self.fill(&mut keep.ttl, "ttl", parse_lifetime)?;
        }
        let failures = &mut keep.failures;
        if !failures.no_failures && failures.failure_ttl.is_none() {
            failures.no_failures = self.flag("no_failures") == Some(true);
            if !failures.no_failures {
                self.fill(&mut failures.failure_ttl, "failure_ttl", parse_ttl)?;
            }
        }
        keep.no_record_args |= self.flag("record_args") == Some(false);
        self.fill(&mut keep.min_cost, "min_cost", parse_duration)?;
        self.fill(&mut keep.max_output, "max_output", parse_size)
    }
}
