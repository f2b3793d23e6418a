//! The report of `run` on its outcome: a sentence with `-v`, an object with `--status-fd`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ecache_core::command::{
    Failures, Mode, OPEN_INPUT, Outputs, Report, RunOutcome, Settings, Unusable,
};
use ecache_core::key::Key;
use ecache_core::streams::Patient;
use ecache_core::time::whole_millis;
use serde::Serialize;

use super::teller::Told;
use crate::output::{JsonToTerminal, human};

/// Returns the sentence for `-v`. A run that failed to use the cache has said why already.
pub(super) fn sentence(
    report: &Report,
    told: &Told,
    settings: &Settings,
    marks: &BTreeMap<OsString, String>,
) -> Option<String> {
    let mode = settings.mode;
    let mut parts = match report.outcome {
        RunOutcome::Hit => vec!["hit".into(), old(report.age)],
        RunOutcome::Stale => vec![stale(report, told, settings)],
        RunOutcome::Followed => vec!["followed the same run of another process".into()],
        RunOutcome::Miss if mode == Mode::Off => vec!["miss: the cache is off".into()],
        RunOutcome::Miss => match why(told.unusable.get()) {
            Some(why) => vec![format!("miss{why}")],
            None => vec!["miss".into()],
        },
        RunOutcome::Refreshed => vec!["refreshed".into()],
        RunOutcome::Bypass => match mode {
            Mode::Off => vec!["bypass: the cache is off".into()],
            Mode::ReadOnly => vec!["bypass: the cache is read-only".into()],
            Mode::On | Mode::Refresh => return None,
        },
    };
    match (report.outcome, report.cost) {
        (RunOutcome::Hit | RunOutcome::Stale, Some(cost)) => {
            parts.push(format!("saved {}", duration(cost)));
        }
        (RunOutcome::Miss | RunOutcome::Refreshed, Some(cost)) => {
            parts.push(format!("took {}", duration(cost)));
        }
        _ => {}
    }
    let is_kept = report.kept_at.is_some();
    if matches!(report.outcome, RunOutcome::Miss | RunOutcome::Refreshed) && is_kept {
        parts.push(match report.ttl_left {
            Some(left) => format!("kept for {}", duration(left)),
            None if marks.contains_key(OsStr::new("session")) => {
                "kept until the session ends".into()
            }
            None if marks.contains_key(OsStr::new("boot")) => {
                "kept until the machine restarts".into()
            }
            None => "kept for ever".into(),
        });
    }
    let mut sentence = parts.join(", ");
    if report.outcome == RunOutcome::Stale && told.is_refreshing.get() {
        sentence.push_str("; refreshing in the background");
    }
    if let Some(why) = unkept(report, told, settings) {
        sentence.push_str("; ");
        sentence.push_str(&why);
    }
    Some(sentence)
}

/// Returns the words that say why the result was not stored.
fn unkept(report: &Report, told: &Told, settings: &Settings) -> Option<String> {
    let why = told.unkept.borrow();
    let exit = report.exit;
    why.as_ref().map(|why| {
        if exit != 0 && settings.failures == Failures::Forget {
            format!("exit code {exit}, not kept (--no-failures)")
        } else {
            format!("not kept: {why}")
        }
    })
}

/// Returns the words that say why a stale result was replayed.
fn stale(report: &Report, told: &Told, settings: &Settings) -> String {
    match &*told.stale.borrow() {
        Some(why) => format!("stale: {why}"),
        None if settings.max_age.is_some() => format!("stale: {}", old(report.age)),
        None if report.overdue < Duration::from_secs(1) => {
            format!("stale: expired {} ago", duration(report.overdue))
        }
        None => format!("stale: expired {} ago", age(report.overdue)),
    }
}

/// Returns the words that say why there was no hit. Damage was reported when it was found.
fn why(unusable: Option<Unusable>) -> Option<String> {
    Some(match unusable {
        None => " (no result yet)".into(),
        Some(Unusable::Expired(since)) => format!(" (expired {} ago)", age(since)),
        Some(Unusable::TooOld(of)) => format!(" ({})", old(of)),
        Some(Unusable::FromTheFuture) => " (written in the future)".into(),
        Some(Unusable::Failure) => " (the last run failed)".into(),
        Some(Unusable::OtherOutputs(Outputs::Apart)) => {
            ": recorded with stdout and stderr merged (a terminal, 2>&1); here they are separate"
                .into()
        }
        Some(Unusable::OtherOutputs(Outputs::Merged)) => {
            ": recorded with stdout and stderr separate; here they are merged (a terminal, 2>&1)"
                .into()
        }
        Some(Unusable::OpenInput) => format!(": {OPEN_INPUT}"),
        Some(Unusable::Damaged) => return None,
    })
}

fn old(of: Duration) -> String {
    human::old(whole_millis(of))
}

fn age(age: Duration) -> String {
    human::age(whole_millis(age))
}

fn duration(duration: Duration) -> String {
    human::duration(whole_millis(duration))
}

/// The object written to `--status-file` and `--status-fd`. `hit`, `fwd`, `collapsed`, `stored`,
/// `ttl` and `detail` mean what they mean in the header `Cache-Status` of RFC 9211.
#[derive(Serialize)]
pub(super) struct Status<'a> {
    outcome: &'static str,
    /// `None` if the key is unknown
    key: Option<&'a str>,
    /// `None` if the program is unknown
    store_name: Option<&'a str>,
    hit: bool,
    /// The reason for running the command; `None` for a hit
    fwd: Option<&'static str>,
    /// `true` if another process ran the command
    collapsed: bool,
    /// `true` if the result was stored
    stored: bool,
    /// The reason for not storing the result, as `-v` says it
    detail: Option<String>,
    /// Seconds until the result is stale, negative since when it is
    ttl: Option<i64>,
    age_ms: u128,
    ttl_left_ms: Option<u128>,
    cost_ms: Option<u128>,
    saved_ms: Option<u128>,
    /// `None` for a command that takes the place of this process
    exit: Option<u8>,
}

impl<'a> Status<'a> {
    pub(super) fn new(
        key: Option<&'a Key>,
        store_name: &'a str,
        report: &Report,
        told: &Told,
        settings: &Settings,
    ) -> Self {
        let missed = match told.unusable.get() {
            Some(Unusable::Expired(_) | Unusable::TooOld(_) | Unusable::FromTheFuture) => "stale",
            Some(
                Unusable::Failure
                | Unusable::OtherOutputs(_)
                | Unusable::OpenInput
                | Unusable::Damaged,
            )
            | None => "miss",
        };
        let (outcome, fwd) = match report.outcome {
            RunOutcome::Hit => ("hit", None),
            RunOutcome::Stale => ("stale", None),
            RunOutcome::Followed => ("collapsed", Some(missed)),
            RunOutcome::Miss => ("miss", Some(missed)),
            RunOutcome::Refreshed => ("refreshed", Some("request")),
            RunOutcome::Bypass => ("bypass", Some("bypass")),
        };
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let is_overdue = report.overdue > Duration::ZERO;
        Self {
            outcome,
            key: key.map(Key::as_str),
            store_name: Some(store_name),
            hit: fwd.is_none(),
            fwd,
            collapsed: report.outcome == RunOutcome::Followed,
            stored: fwd.is_some() && report.size.is_some(),
            detail: unkept(report, told, settings),
            ttl: if is_overdue {
                // A part of a second counts as one: the result is stale.
                Some(-seconds(
                    report.overdue.saturating_add(Duration::from_millis(999)),
                ))
            } else {
                report.ttl_left.map(seconds)
            },
            age_ms: report.age.as_millis(),
            ttl_left_ms: report.ttl_left.map(|left| left.as_millis()),
            cost_ms: report.cost.map(|cost| cost.as_millis()),
            saved_ms: report.saved().map(|saved| saved.as_millis()),
            exit: Some(report.exit),
        }
    }

    /// Returns the status of a run without a report: one of a command that takes the place of this
    /// process, or one that failed with this exit code.
    pub(super) fn unreported(
        outcome: &'static str,
        store_name: Option<&'a str>,
        exit: Option<u8>,
    ) -> Self {
        Self {
            outcome,
            key: None,
            store_name,
            hit: false,
            fwd: Some("bypass"),
            collapsed: false,
            stored: false,
            detail: None,
            ttl: None,
            age_ms: 0,
            ttl_left_ms: None,
            cost_ms: None,
            saved_ms: None,
            exit,
        }
    }

    pub(super) fn write(&self, file: File) -> Result<()> {
        let line = serde_json::to_string(self)? + "\n";
        let is_terminal = file.is_terminal();
        let mut file = Patient(file);
        let written = if is_terminal {
            JsonToTerminal::new(file).write_all(line.as_bytes())
        } else {
            file.write_all(line.as_bytes())
        };
        written.context("cannot write the status")
    }
}
