//! `ecache warm`: many commands, each unless it is kept already.

mod items;
mod refresh;
mod report;
mod template;

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{Backend, Row, Scan};
use ecache_core::command::{
    Call, Done, Found, HELD_VARIABLE, Identity, Mode, OnMiss, Prepared, Settings, Stop, Warm,
    Warmed,
};
use ecache_core::entry::Entry;
use ecache_core::filter::Filter;
use ecache_core::python_json::Json;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::secrets::mask_json;

use super::invocation::{failures, identity, store_name};
use super::request::{call_scopes, scopes, store_address, token};
use crate::cli::WarmArgs;
use crate::cli::entry::ScopeArgs;
use crate::cli::filter::FilterArgs;
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::{Secrets, escape};
use crate::signals;
use items::{Item, Items, Syntax};
use report::{Forecast, LeftOut, Line, Report, Summary};
use template::Template;

/// So many of the latest results tell what one costs that was never run.
const SAMPLE: u64 = 1000;

pub(crate) fn run(context: &Context, args: WarmArgs) -> Result<Exit> {
    match args.command.is_empty() {
        true => again(context, &args),
        false => each(context, &args),
    }
}

/// Warms a command for each item that is read.
fn each(context: &Context, args: &WarmArgs) -> Result<Exit> {
    let commands = Commands::new(context, args)?;
    let items = Items::open(args.input.as_deref(), commands.syntax)?;
    let name = |item: &Item| {
        let what = match commands.syntax {
            Syntax::Nul => "item",
            Syntax::Lines | Syntax::Json => "line",
        };
        let shown = commands.shown(item);
        match shown.is_empty() {
            true => format!("{what} {}", item.number),
            false => format!("{what} {} ({})", item.number, escape::for_line(&shown)),
        }
    };
    let prepare = |item: &Item| commands.prepare(item);
    let shown = |item: &Item| commands.shown(item);
    match args.dry_run {
        true => forecast(context, args, items, prepare, shown, Some(&commands.store)),
        false => warm(context, args, items, prepare, shown, name),
    }
}

/// Warms what is recorded.
fn again(context: &Context, args: &WarmArgs) -> Result<Exit> {
    if args.input.is_some() || args.null || args.jsonl {
        return Err(usage(
            "there are no items to read where no command is given: recorded commands are run again",
        ));
    }
    let surroundings = &args.surroundings;
    if surroundings.cwd
        || !surroundings.env.is_empty()
        || !surroundings.file.is_empty()
        || args.version.is_some()
    {
        return Err(usage(
            "--cwd, --env, --file and --version are part of what is recorded: without a command they mean nothing",
        ));
    }
    let scope = ScopeArgs {
        jwt_file: args.jwt_file.clone(),
        ..ScopeArgs::default()
    };
    let token = token(&scope)?;
    let settings = settings(args);
    let secrets = Secrets::from(args.reveal);
    let backend = context.reader()?;
    let entries = refresh::recorded(context, backend.as_ref(), args)?;
    drop(backend);
    let prepare = |entry: &Entry| refresh::prepare(entry, token.as_deref(), args, &settings);
    let shown = |entry: &Entry| refresh::command_line(entry, secrets);
    let name =
        |entry: &Entry| escape::for_line(&refresh::command_line(entry, secrets)).into_owned();
    if entries.is_empty() {
        context.note("no recorded command is selected");
    }
    match args.dry_run {
        true => forecast(context, args, entries.into_iter(), prepare, shown, None),
        false => warm(context, args, entries.into_iter(), prepare, shown, name),
    }
}

/// Runs what is to be run, and reports it.
fn warm<T: Send + 'static>(
    context: &Context,
    args: &WarmArgs,
    items: impl Iterator<Item = T> + Send + 'static,
    prepare: impl Fn(&T) -> Prepared + Sync,
    shown: impl Fn(&T) -> String,
    name: impl Fn(&T) -> String,
) -> Result<Exit> {
    // Without a store there is nothing to warm: unlike `run`, this fails.
    let backend = context.writer()?;
    let (store, _) = context.location()?;
    let held = std::env::var(HELD_VARIABLE).unwrap_or_default();
    let warm = Warm {
        store: &store,
        backend: backend.as_ref(),
        held: &held,
        clock: context.clock(),
        workers: workers(args),
        pace: args.rate.unwrap_or_default(),
        max_time: args.max_time.map(Duration::from_millis),
        signals: Some(signals::as_bytes()?),
    };
    let mut report = Report::new(context, args.format)?;
    let mut summary = Summary::default();
    let mut progress = context.progress("warming", None);
    let stop = warm.run(items, prepare, |item, done, total| {
        if let Some(total) = total {
            progress.set_total(total);
        }
        progress.advance(1);
        let message = message(&done);
        let is_reported =
            matches!(done.outcome, Warmed::Failed | Warmed::Skipped) || done.exit != Some(0);
        if is_reported {
            summary.add(&name(&item), &done, message);
        } else {
            summary.add("", &done, message);
        }
        if args.format.is_none() {
            return Ok(());
        }
        report.line(&Line {
            input: &shown(&item),
            key: done.key.as_ref().map(|key| key.as_str()),
            outcome: word(done.outcome),
            exit: done.exit,
            cost_ms: done
                .cost
                .map(|cost| u64::try_from(cost.as_millis()).unwrap_or(u64::MAX)),
            size: done.size,
            message,
        })
    })?;
    report.finish()?;
    let left_out = match stop {
        None => LeftOut::Listed,
        Some(_) => LeftOut::Counted,
    };
    summary.print(context, progress, left_out);
    Ok(match stop {
        Some(Stop::Signal(signal)) => {
            context.warn("interrupted; what was kept stays, so run it again to go on");
            // The terminal's is Ctrl-C for all that can be told.
            Exit::Command(
                128 + if signal == 0 {
                    libc::SIGINT as u8
                } else {
                    signal
                },
            )
        }
        Some(Stop::Time | Stop::Trouble) => {
            context.warn("time is over; what was kept stays, so run it again to go on");
            Exit::No
        }
        None if summary.is_good() => Exit::Done,
        None => Exit::No,
    })
}

/// Lists what would be run, and says how long that takes.
fn forecast<T>(
    context: &Context,
    args: &WarmArgs,
    items: impl Iterator<Item = T>,
    prepare: impl Fn(&T) -> Prepared,
    shown: impl Fn(&T) -> String,
    store: Option<&StoreAddress>,
) -> Result<Exit> {
    let backend = context.reader()?;
    let format = args
        .format
        .unwrap_or_else(|| crate::output::Format::default_for(&context.terminal));
    let mut report = Report::new(context, Some(format))?;
    let mut forecast = Forecast {
        items: 0,
        runs: 0,
        skipped: 0,
        cost_ms: 0,
        size: 0,
        known: 0,
    };
    for item in items {
        forecast.items += 1;
        let (outcome, key, entry, why) = match prepare(&item) {
            Prepared::Run(call) => {
                let found = call.find(backend.as_ref(), context.clock())?;
                let (outcome, entry) = match found {
                    Found::Fresh(entry, _) if call.settings.mode == Mode::On => {
                        ("hit", Some(entry))
                    }
                    Found::Fresh(entry, _) => ("fresh", Some(entry)),
                    Found::Old(entry) => ("expired", Some(entry)),
                    Found::Nothing => ("missing", None),
                };
                if outcome != "hit" {
                    let recorded = entry.as_ref();
                    forecast.add(
                        recorded.and_then(|entry| entry.cost_ms),
                        recorded.map(|entry| entry.size),
                    );
                }
                (outcome, Some(call.address.key.clone()), entry, None)
            }
            Prepared::Fail(why) => ("failed", None, None, Some(why)),
            Prepared::Skip(why) => {
                forecast.skipped += 1;
                ("skipped", None, None, Some(why))
            }
        };
        report.line(&Line {
            input: &shown(&item),
            key: key.as_ref().map(|key| key.as_str()),
            outcome,
            exit: None,
            cost_ms: entry.as_ref().and_then(|entry| entry.cost_ms),
            size: entry.as_ref().map(|entry| entry.size),
            message: why.as_deref(),
        })?;
    }
    report.finish()?;
    let usual = match store {
        Some(store) if forecast.known < forecast.runs => usual(context, backend.as_ref(), store)?,
        _ => (0, 0, 0),
    };
    let pace = args.rate.unwrap_or_default().as_millis();
    let pace = u64::try_from(pace).unwrap_or(u64::MAX);
    forecast.print(context, workers(args).get(), pace, usual)?;
    Ok(Exit::Done)
}

/// What the latest results of a store took and how large they are together, and how many there are.
fn usual(
    context: &Context,
    backend: &dyn Backend,
    store: &StoreAddress,
) -> Result<(u64, u64, u64)> {
    let scan = Scan {
        direction: ecache_core::backend::Direction::Descending,
        limit: Some(SAMPLE),
        ..Scan::new(Filter::store(store))
    };
    let mut usual = (0_u64, 0_u64, 0);
    for row in backend.scan(&scan, context.now())? {
        if let Row::Entry(entry, _) = row?
            && let Some(cost) = entry.cost_ms
        {
            usual = (
                usual.0.saturating_add(cost),
                usual.1.saturating_add(entry.size),
                usual.2 + 1,
            );
        }
    }
    Ok(usual)
}

fn message(done: &Done) -> Option<&str> {
    done.problem.as_deref()
}

fn word(outcome: Warmed) -> &'static str {
    match outcome {
        Warmed::Hit => "hit",
        Warmed::Ran => "ran",
        Warmed::Failed => "failed",
        Warmed::Skipped => "skipped",
    }
}

fn workers(args: &WarmArgs) -> NonZeroUsize {
    let processors = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    args.jobs.unwrap_or_else(processors)
}

fn settings(args: &WarmArgs) -> Settings {
    Settings {
        mode: match args.refresh {
            true => Mode::Refresh,
            false => Mode::On,
        },
        on_miss: OnMiss::Run,
        ttl: args.keep.ttl.and_then(crate::cli::value::Ttl::duration),
        failures: failures(&args.keep),
        max_age: None,
        max_output: args.keep.max_output,
        patience: Duration::from_millis(args.wait_timeout),
    }
}

/// The commands of a template, one for each item.
struct Commands<'a> {
    args: &'a WarmArgs,
    syntax: Syntax,
    template: Template,
    identity: Identity,
    store: StoreAddress,
    scope: ScopeArgs,
    token: Option<String>,
    scopes: Scopes,
    settings: Settings,
    secrets: Secrets,
}

impl<'a> Commands<'a> {
    fn new(context: &Context, args: &'a WarmArgs) -> Result<Self> {
        let syntax = match (args.null, args.jsonl) {
            (true, _) => Syntax::Nul,
            (false, true) => Syntax::Json,
            (false, false) => Syntax::Lines,
        };
        let template = Template::new(&args.command, syntax)?;
        let (store, scope) = scope_of(&args.filter, args.jwt_file.clone())?;
        let identity = identity(&args.command[0], &args.surroundings)?;
        let store = store_name(store, args.version.as_deref(), &identity.program);
        let token = token(&scope)?;
        Ok(Self {
            args,
            syntax,
            template,
            identity,
            store: store_address(context, &store, &scope)?,
            scopes: scopes(&scope, token.as_deref()),
            scope,
            token,
            settings: settings(args),
            secrets: args.reveal.into(),
        })
    }

    fn prepare(&self, item: &Item) -> Prepared {
        let filled = match &item.bytes {
            Ok(bytes) => self.template.fill(bytes, self.syntax),
            Err(why) => Err(why.clone()),
        };
        let arguments = match filled {
            Ok(arguments) => arguments,
            Err(why) => return Prepared::Fail(why),
        };
        let identity = Identity {
            arguments,
            ..self.identity.clone()
        };
        let scopes = call_scopes(&self.scope, self.token.as_deref());
        Prepared::Run(Box::new(Call::new(
            identity,
            self.args.command[0].clone(),
            &self.store,
            (&scopes, self.scopes.clone()),
            self.settings.clone(),
        )))
    }

    /// An item as it is shown. One that is masked in the command, as in `--token {}`, is masked here, too.
    fn shown(&self, item: &Item) -> String {
        let Ok(bytes) = &item.bytes else {
            return String::new();
        };
        let text = String::from_utf8_lossy(bytes);
        if self.secrets == Secrets::Revealed {
            return text.into_owned();
        }
        let arguments = self.template.fill(bytes, self.syntax).unwrap_or_default();
        let words = arguments
            .iter()
            .map(|word| Json::from(&*word.to_string_lossy()));
        let mut words = Json::Array(words.collect());
        let is_in = |words: &Json| matches!(words, Json::Array(words) if words.iter().any(|word| word.as_str().is_some_and(|word| word.contains(&*text))));
        if is_in(&words) && mask_json(&mut words) && !is_in(&words) {
            return ecache_core::secrets::MASK.to_owned();
        }
        match self.syntax {
            Syntax::Json => self.secrets.arguments(&text).into_owned(),
            Syntax::Lines | Syntax::Nul => self.secrets.text(&text).into_owned(),
        }
    }
}

/// Where results are kept and in which scopes, from options that are filters elsewhere.
fn scope_of(
    filter: &FilterArgs,
    jwt_file: Option<std::path::PathBuf>,
) -> Result<(Option<&str>, ScopeArgs)> {
    fn one<'a>(flag: &str, names: &'a [String]) -> Result<Option<&'a String>> {
        match names {
            [] => Ok(None),
            [name] => Ok(Some(name)),
            _ => Err(usage(format!("with a command there is one {flag}"))),
        }
    }
    let scope = ScopeArgs {
        dataset: one("--dataset", &filter.dataset)?.cloned(),
        user: one("--user", &filter.user)?.cloned(),
        operator: one("--operator", &filter.operator)?.cloned(),
        prompt: one("--prompt", &filter.prompt)?.cloned(),
        jwt_file,
    };
    let rest = FilterArgs {
        store: Vec::new(),
        dataset: Vec::new(),
        user: Vec::new(),
        operator: Vec::new(),
        prompt: Vec::new(),
        ..filter.clone()
    };
    match rest == FilterArgs::default() {
        true => Ok((one("--store", &filter.store)?.map(String::as_str), scope)),
        false => Err(usage(
            "a filter selects recorded commands, so it goes with --refresh and no command",
        )),
    }
}
