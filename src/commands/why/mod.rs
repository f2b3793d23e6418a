//! `ecache why`: why a command or a call is a hit or a miss.

mod json;

use std::fmt::Write as _;
use std::io::{LineWriter, Write};

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, Did, Fate, OperationRecord, Tombstone};
use ecache_core::command::{Failures, Outputs, Settings};
use ecache_core::entry::Entry;
use ecache_core::explain::{Difference, Explanation, Missing, Part, Question, explain};
use ecache_core::python_json::Json;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::secrets::mask_json;
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;
use serde_json::json;

use super::shared::command_args::{CommandLine, Invocation};
use super::shared::command_settings::{failures, lifetime};
use super::shared::cut_name::Accept;
use super::shared::deletion::entries;
use super::shared::operation::rounded;
use super::shared::pasted::whole_entry;
use super::shared::resolve::Request;
use super::shared::same_output::outputs;
use crate::cli::entry::EntryArgs;
use crate::cli::{WhyArgs, WhyFormat};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::cut::{folded, short_ids};
use crate::output::escape::shell;
use crate::output::{JsonToTerminal, Secrets, escape, human, stdout};

pub(crate) fn run(context: &Context, args: WhyArgs) -> Result<Exit> {
    let secrets = Secrets::from(args.reveal);
    let format = if args.json {
        WhyFormat::Json
    } else {
        args.format
    };
    let question = match question(context, args)? {
        Ok(question) => question,
        Err(why) => return never(format, &why),
    };
    let now = context.now();
    let backend = context.reader()?;
    let explanation = explain(backend.as_ref(), &question, now)?;
    let fate = backend.fate(&question.address)?;
    let fate = fate.filter(|fate| explains(fate, &explanation));
    let renamed = match &explanation {
        Explanation::Missing(missing) if fate.is_none() => {
            renaming(backend.as_ref(), &question.address.store, missing)?
        }
        _ => None,
    };
    let view = View {
        question: &question,
        fate,
        renamed,
        remembers: backend.keeps_for_undo() || !backend.logs_operations(),
        now,
        secrets,
    };
    match format {
        WhyFormat::Text => {
            let mut text = view.text(&explanation);
            if context.terminal.stdout_is_terminal {
                text = folded(&short_ids(&text), context.terminal.width);
            }
            stdout().write_all(context.terminal.text(&text).as_bytes())?;
        }
        WhyFormat::Json => {
            let line = view.json(&explanation).to_string() + "\n";
            if context.terminal.stdout_is_terminal {
                let mut terminal = JsonToTerminal::new(LineWriter::new(stdout()));
                terminal.write_all(line.as_bytes())?;
                terminal.flush()?;
            } else {
                stdout().write_all(line.as_bytes())?;
            }
        }
    }
    Ok(match explanation {
        Explanation::Hit(_) => Exit::Done,
        _ => Exit::No,
    })
}

/// Reports whether the fate of an earlier entry explains the present state: no entry, or that of an
/// import which replaced the earlier one.
fn explains(fate: &Fate, explanation: &Explanation) -> bool {
    let now_there = match explanation {
        Explanation::Missing(_) => return true,
        Explanation::Hit(entry)
        | Explanation::Stale(entry)
        | Explanation::Failure(entry, _)
        | Explanation::Another(entry, _) => entry,
        Explanation::Damaged => return false,
    };
    match fate {
        Fate::Kept(operation, _) => {
            operation.did == Did::Imported && now_there.written_at() <= operation.at
        }
        Fate::Gone(_) => false,
    }
}

/// Reports that the command has no key and always runs without the cache.
fn never(format: WhyFormat, why: &str) -> Result<Exit> {
    let text = match format {
        WhyFormat::Text => escape::for_line(&format!("never a hit: {why}")).into_owned(),
        WhyFormat::Json => json!({"hit": false, "reason": "unkeyed", "message": why}).to_string(),
    };
    stdout().write_all(format!("{text}\n").as_bytes())?;
    Ok(Exit::No)
}

/// Returns the command or call in question, or the reason why it has no key.
fn question(context: &Context, args: WhyArgs) -> Result<Result<Question, String>> {
    if args.command.command.is_empty() {
        if args.store.is_none() {
            return Err(usage_tip(
                "there is nothing to explain",
                "name a command after --, or a STORE and a KEY or arguments",
            ));
        }
        let entry = EntryArgs {
            store: args.store,
            key: args.key,
            call: args.call.clone(),
            scope: args.scope,
        };
        let backend = context.reader()?;
        let entry = whole_entry(context, backend.as_ref(), entry, Accept::Marked)?;
        let request = Request::new(context, entry)?;
        return Ok(Ok(Question {
            address: request.address,
            scopes: request.scopes,
            function: None,
            arguments: args.call.0,
            kind: None,
            failures: Failures::KeepAlike,
            outputs: None,
            beside: None,
        }));
    }
    let line = CommandLine {
        words: &args.command.command,
        store: args.command.command_store.as_deref(),
        version: args.command.version.as_deref(),
        identity: &args.command.identity,
        scope: &args.scope,
        lifetime: lifetime(args.command.ttl)?,
    };
    let invocation = Invocation::new(context, &line, Settings::default())?;
    if let Some(why) = invocation.unkeyed {
        return Ok(Err(why.to_string()));
    }
    let call = invocation.settle(context)?;
    Ok(Ok(Question {
        arguments: Some(call.identity.call()),
        function: Some(call.program().path.to_string_lossy().into()),
        beside: Some(call.beside().entry.address),
        address: call.entry.address,
        scopes: call.scopes,
        kind: Some(Kind::Command),
        failures: failures(args.failures),
        outputs: Some(outputs()),
    }))
}

/// Returns the latest operation that renamed a store to one that has the key.
fn renaming(
    backend: &dyn Backend,
    store: &StoreAddress,
    missing: &Missing,
) -> Result<Option<OperationRecord>> {
    if missing.elsewhere.is_empty() {
        return Ok(None);
    }
    let has_key = |one: &StoreAddress| {
        let mut elsewhere = missing.elsewhere.iter();
        elsewhere.any(|entry| *entry.address.store == *one)
    };
    for operation in backend.operations()? {
        if operation.did == Did::Renamed {
            let stores = backend.operation_stores(operation.id)?;
            if stores.contains(store) && stores.iter().any(has_key) {
                return Ok(Some(operation));
            }
        }
    }
    Ok(None)
}

/// Formats an explanation.
struct View<'a> {
    question: &'a Question,
    /// The removal that took the entry away, and the entry
    fate: Option<Fate>,
    /// The renaming that took the entry to another store
    renamed: Option<OperationRecord>,
    /// The store knows what became of entries that are gone
    remembers: bool,
    now: Timestamp,
    secrets: Secrets,
}

impl View<'_> {
    fn text(&self, explanation: &Explanation) -> String {
        let mut text = self.explained(explanation);
        if let Some(Fate::Kept(operation, earlier)) = &self.fate
            && !matches!(explanation, Explanation::Missing(_))
        {
            let (ago, written) = (rounded(operation.at, self.now), self.times(earlier));
            let (id, command) = (operation.id, &operation.operation.command);
            for line in [
                format!("  replaced an earlier one {ago} ago by op {id}, `ecache {command}`"),
                format!("  the earlier one: {written}"),
                self.undoing(operation),
            ] {
                text.push_str(&escape::for_line(&line));
                text.push('\n');
            }
        }
        text
    }

    /// Returns what the look-up finds, and why.
    fn explained(&self, explanation: &Explanation) -> String {
        let address = &self.question.address;
        let mut text = String::new();
        let mut say = |line: String| {
            // Names and arguments may hold anything.
            text.push_str(&escape::for_line(&line));
            text.push('\n');
        };
        match explanation {
            Explanation::Hit(entry) => {
                say(format!("hit: {address}"));
                say(format!("  {}", self.times(entry)));
            }
            Explanation::Stale(entry) if entry.is_expired(self.now) => {
                say(format!("miss: {address} is expired"));
                say(format!("  {}", self.times(entry)));
            }
            Explanation::Stale(entry) => {
                say(format!(
                    "miss: {address} claims to be from the future, so there is no telling how long it is good"
                ));
                say(format!("  written at {}", entry.written_at()));
            }
            Explanation::Failure(entry, exit) => {
                say(format!(
                    "miss: {address} is a failure with exit code {exit}, which --no-failures does not print"
                ));
                say(format!("  {}", self.times(entry)));
            }
            Explanation::Damaged => {
                say(format!(
                    "miss: {address} is damaged; the next run replaces it, `ecache rm` removes it"
                ));
            }
            Explanation::Another(entry, differences)
                if differences.iter().all(|it| it.part == Part::Outputs) =>
            {
                let (here, there) = match self.question.outputs {
                    Some(Outputs::Merged) => ("go to one place", "went to two"),
                    _ => ("go to two places", "went to one"),
                };
                say(format!(
                    "miss: {address} has another order: standard output and standard error {here} here, and {there} there"
                ));
                say(format!("  {}", self.times(entry)));
            }
            Explanation::Another(entry, differences) => {
                say(format!(
                    "miss: {address} was made by another call, which differs in"
                ));
                differences
                    .iter()
                    .for_each(|difference| say(self.difference(entry, difference)));
            }
            Explanation::Missing(missing) => {
                match &self.fate {
                    Some(Fate::Kept(operation, entry)) => self.removed(operation, entry, &mut say),
                    Some(Fate::Gone(tombstone)) => self.gone(tombstone, &mut say),
                    None if let Some(operation) = &self.renamed => {
                        let ago = rounded(operation.at, self.now);
                        let (id, command) = (operation.id, &operation.operation.command);
                        let store = &address.store;
                        say(format!(
                            "miss: {store} was renamed {ago} ago by op {id}, `ecache {command}`"
                        ));
                    }
                    None if self.question.outputs.is_some() => {
                        say(if self.remembers {
                            "miss: this command was never run here".to_owned()
                        } else {
                            "miss: there is no result of this command here".to_owned()
                        });
                        say(format!("  its result would be {address}"));
                    }
                    None => say(format!("miss: there is no {address}")),
                }
                self.missing(missing, &mut say);
            }
        }
        text
    }

    fn removed(&self, operation: &OperationRecord, entry: &Entry, say: &mut impl FnMut(String)) {
        let ago = rounded(operation.at, self.now);
        let (id, command) = (operation.id, &operation.operation.command);
        let how = match operation.operation.cause {
            _ if operation.did == Did::Imported => "replaced",
            Cause::Cleared => "cleared",
            Cause::Pruned => "pruned",
            Cause::Evicted => "evicted",
            Cause::Removed | Cause::Expired | Cause::Orphaned => "removed",
        };
        say(format!(
            "miss: {} was {how} {ago} ago by op {id}, `ecache {command}`",
            self.question.address
        ));
        say(format!("  {}", self.times(entry)));
        say(self.undoing(operation));
    }

    fn undoing(&self, operation: &OperationRecord) -> String {
        let usage = match operation.did {
            Did::Imported => operation.replaced,
            _ => operation.usage,
        };
        let (id, what) = (operation.id, entries(usage.entries));
        format!("  tip: ecache undo {id} brings {what} back")
    }

    /// Says why an entry is gone for good.
    fn gone(&self, tombstone: &Tombstone, say: &mut impl FnMut(String)) {
        let address = &self.question.address;
        let when = rounded(tombstone.at, self.now);
        let expired = tombstone.expired_at.map(|at| rounded(at, self.now));
        let how = match (tombstone.cause, expired) {
            (Cause::Expired, Some(expired)) => format!("expired {expired} ago and was removed"),
            (Cause::Expired, None) => format!("was expired when it was removed {when} ago"),
            (Cause::Removed | Cause::Orphaned, _) => format!("was removed {when} ago"),
            (Cause::Pruned, _) => format!("was pruned {when} ago"),
            (Cause::Evicted, _) => format!("was evicted {when} ago"),
            (Cause::Cleared, _) => format!("was cleared {when} ago"),
        };
        let by = match (&tombstone.operation, &*tombstone.note) {
            (Some(operation), _) => {
                let (id, command) = (operation.id, &operation.operation.command);
                format!(" by op {id}, `ecache {command}`")
            }
            (None, "") => String::new(),
            (None, limit) => format!(" by the limit for {limit}"),
        };
        let why = match tombstone.cause {
            Cause::Orphaned => ", since its dataset was deleted",
            _ => "",
        };
        say(format!("miss: {address} {how}{by}{why}"));
    }

    fn missing(&self, missing: &Missing, say: &mut impl FnMut(String)) {
        for entry in &missing.elsewhere {
            say(format!(
                "  that key is in {}, {}",
                self.other_store(&entry.address),
                self.times(entry)
            ));
        }
        for near in &missing.nearest {
            let key = near.entry.address.key.as_str();
            say(format!(
                "  near it is key {key:?}, {}, which differs in",
                self.times(&near.entry)
            ));
            near.differences
                .iter()
                .for_each(|difference| say(self.difference(&near.entry, difference)));
        }
        let store = &self.question.address.store.store_name;
        if self.question.arguments.is_none() {
            return;
        }
        let store = shell(store);
        match (missing.read, missing.nearest.is_empty()) {
            (0, _) => say(format!("  store {store} has no entries")),
            (1, true) => say(format!(
                "  the only entry of store {store} does not record what made it"
            )),
            (read, true) => say(format!(
                "  none of the {read} latest entries of store {store} records what made it"
            )),
            (1, false) => say(format!("  store {store} has no other entry")),
            (read, false) => say(format!(
                "  these are the nearest of the {read} latest entries of store {store}"
            )),
        }
    }

    /// `written 3m ago, expires in 57m, took 1.2s`
    fn times(&self, entry: &Entry) -> String {
        let span =
            |from: Timestamp, to: Timestamp| human::duration(to.since(from).as_millis() as u64);
        let mut text = format!("written {} ago", span(entry.written_at(), self.now));
        if let Some(expires) = entry.expires_at {
            let _ = if entry.is_expired(self.now) {
                write!(text, ", expired {} ago", span(expires, self.now))
            } else {
                write!(text, ", expires in {}", span(self.now, expires))
            };
        }
        if let Some(cost) = entry.cost_ms {
            let _ = write!(text, ", took {}", human::duration(cost));
        }
        text
    }

    /// Returns the name of a store in a message, with its collection if that is not ours.
    fn other_store(&self, address: &Address) -> String {
        let store = &address.store;
        if store.collection == self.question.address.store.collection {
            store.to_string()
        } else {
            let [name, collection] = [&store.store_name, &store.collection].map(|name| shell(name));
            format!("store {name} of collection {collection}")
        }
    }

    fn difference(&self, entry: &Entry, difference: &Difference) -> String {
        let (asked, recorded) = self.sides(entry, difference);
        let show = |side: &Option<Json>| match (side, &difference.part) {
            (None, _) => "nothing".to_owned(),
            (Some(Json::Integer(nanos)), Part::ProgramTime) => {
                Timestamp::from_millis(nanos / 1_000_000).to_string()
            }
            (Some(json), _) => json.dumps(),
        };
        let part = &difference.part;
        let kinds = [&recorded, &asked].map(|side| side.as_ref().and_then(input_kind));
        match part {
            Part::Input if kinds[0] != kinds[1] => {
                let [there, here] = kinds.map(|kind| kind.unwrap_or("nothing"));
                format!("    {part}: {there} there, {here} here")
            }
            Part::Variable(_) | Part::File(_) | Part::Input | Part::Token
                if asked.is_some() && recorded.is_some() =>
            {
                format!("    {part}: another one")
            }
            Part::Variable(_) | Part::File(_) | Part::Input | Part::Token => match asked {
                Some(_) => format!("    {part}: no part of it there"),
                None => format!("    {part}: no part of it here"),
            },
            _ if show(&recorded) == show(&asked) => {
                format!("    {part}: another secret, which --reveal shows")
            }
            _ => {
                let by = by_how_much(part, recorded.as_ref(), asked.as_ref());
                let (there, here) = (show(&recorded), show(&asked));
                format!("    {part}: {there} there, {here} here{by}")
            }
        }
    }

    /// Returns the requested and the recorded value, with secrets masked unless they are revealed.
    /// All arguments are masked together: after `--password`, the next one is a secret.
    fn sides(&self, entry: &Entry, difference: &Difference) -> (Option<Json>, Option<Json>) {
        let (mut asked, mut recorded) = (difference.asked.clone(), difference.recorded.clone());
        if self.secrets == Secrets::Masked {
            if let Part::Argument(index) = difference.part {
                let own = self.question.arguments.clone().map(Json::Array);
                let theirs = entry
                    .args
                    .as_ref()
                    .and_then(|args| Json::parse(args.as_bytes()).ok());
                asked = asked.and(masked(own, index));
                recorded = recorded.and(masked(theirs, index));
            } else {
                asked.as_mut().map(mask_json);
                recorded.as_mut().map(mask_json);
            }
        }
        (asked, recorded)
    }
}

/// Says how far two values are apart, where that has a measure.
fn by_how_much(part: &Part, there: Option<&Json>, here: Option<&Json>) -> String {
    /// Length of a common beginning that is hard to see through.
    const LONG: usize = 12;
    match (part, there, here) {
        (Part::ProgramTime, Some(Json::Integer(there)), Some(Json::Integer(here))) => {
            let word = if here > there { "later" } else { "earlier" };
            let apart = here.abs_diff(*there) / 1_000_000;
            format!(", {} {word}", human::duration(apart))
        }
        (Part::ProgramSize, Some(Json::Integer(there)), Some(Json::Integer(here))) => {
            let word = if here > there { "larger" } else { "smaller" };
            let apart = here.abs_diff(*there);
            format!(", {} {word}", human::size(apart))
        }
        (_, Some(Json::Integer(there)), Some(Json::Integer(here))) => {
            let word = if here > there { "more" } else { "less" };
            format!(", {} {word}", here.abs_diff(*there))
        }
        (_, Some(Json::String(there)), Some(Json::String(here))) => {
            let (there, here) = (there.to_string_lossy(), here.to_string_lossy());
            let same = there.chars().zip(here.chars());
            let same = same.take_while(|(there, here)| there == here).count();
            if same < LONG {
                return String::new();
            }
            format!(", from character {} on", same + 1)
        }
        _ => String::new(),
    }
}

/// Returns the kind of a recorded standard input, without its content.
fn input_kind(input: &Json) -> Option<&str> {
    let input = input.as_str()?;
    Some(input.split_once(": ").map_or(input, |(kind, _)| kind))
}

/// Returns one of the arguments after all of them were masked.
fn masked(arguments: Option<Json>, index: usize) -> Option<Json> {
    let mut arguments = arguments?;
    mask_json(&mut arguments);
    match arguments {
        Json::Array(items) => items.into_iter().nth(index),
        _ => None,
    }
}
