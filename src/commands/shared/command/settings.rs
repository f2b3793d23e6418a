//! The settings of `run` and `warm`, from options and defaults.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use ecache_core::backend::Expiry;
use ecache_core::command::{Arguments, Failures, Mode, Settings};

use crate::cli::{FailureArgs, KeepArgs};
use crate::error::{hindered, usage};
use crate::units::{Lifetime, parse_lifetime};
use crate::variables::{self, variable};

/// Returns the lifetime of results from the option, or else from bkt's variable.
pub(in crate::commands) fn lifetime(typed: Option<Lifetime>) -> Result<Option<Lifetime>> {
    if typed.is_some() {
        return Ok(typed);
    }
    let Some(ttl) = variable(variables::BKT_TTL) else {
        return Ok(None);
    };
    let lifetime = parse_lifetime(&ttl.to_string_lossy());
    Ok(Some(lifetime.map_err(|error| {
        hindered(usage(format!("BKT_TTL: {error}")))
    })?))
}

/// Returns the cache mode from the option, or else from the environment.
pub(in crate::commands) fn cache_mode(typed: Option<Mode>) -> Result<Mode> {
    match (typed, variable(variables::MODE)) {
        (Some(mode), _) => Ok(mode),
        (None, None) => Ok(Mode::On),
        (None, Some(value)) => Mode::from_str(&value.to_string_lossy(), false).map_err(|_| {
            let value = value.display();
            hindered(usage(format!(
                "ECACHE is {value:?}, not on, off, readonly or refresh"
            )))
        }),
    }
}

/// Returns the wait for another process that runs the same.
pub(in crate::commands) fn wait_timeout(typed: Option<u64>) -> Duration {
    typed.map_or(Settings::default().patience, Duration::from_millis)
}

/// Returns the settings for keeping results, from the options that `run` and `warm` share.
pub(in crate::commands) fn kept(keep: &KeepArgs, lifetime: Option<Lifetime>) -> Settings {
    let default = Settings::default();
    Settings {
        ttl: match lifetime {
            Some(Lifetime::Ttl(ttl)) => ttl.duration(),
            Some(Lifetime::Boot | Lifetime::Session) | None => None,
        },
        expiry: if keep.is_default_ttl || lifetime.is_none() {
            Expiry::Default
        } else {
            Expiry::Named
        },
        min_cost: Duration::from_millis(keep.min_cost.unwrap_or(0)),
        failures: failures(keep.failures),
        arguments: if keep.no_record_args {
            Arguments::Forget
        } else {
            Arguments::Record
        },
        max_output: keep.max_output.unwrap_or(default.max_output),
        ..default
    }
}

/// Returns the failure policy that the options request.
pub(in crate::commands) fn failures(args: FailureArgs) -> Failures {
    match (args.no_failures, args.failure_ttl) {
        (true, _) => Failures::Forget,
        (false, Some(ttl)) => Failures::KeepFor(ttl.duration()),
        (false, None) => Failures::KeepAlike,
    }
}
