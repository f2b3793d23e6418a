//! `ecache set`: keeps a value.

use std::fs::File;
use std::io::{self, Read};

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Condition, Expiry, Keep, Lookup, Put, PutOptions};
use ecache_core::entry::{Entry, Policy};
use ecache_core::value::{CheckedReader, Kind, Value};

use super::shared::address::abbreviated::whole_scope;
use super::shared::address::resolve::{Named, Request, check_written};
use super::shared::changes::lifetime::{LifetimeChange, lifetime};
use crate::cli::SetArgs;
use crate::context::Context;
use crate::error::{Exit, usage, usage_tip};
use crate::output::{Standard, stdin};

pub(crate) fn run(context: &Context, mut args: SetArgs) -> Result<Exit> {
    let kind = args.kind;
    let change = LifetimeChange::new(args.ttl, args.policy)?;
    let options = PutOptions {
        condition: condition(&args, kind)?,
        keep: change.keep(args.if_value.is_some()),
        expiry: match args.ttl {
            Some(_) => Expiry::Named,
            None => Expiry::Default,
        },
    };
    let (named, value) = positionals(&mut args)?;
    let source = source(&args, value)?;
    whole_scope(context, &mut args.scope)?;
    let request = Request::of(context, &args.store, named, &args.scope)?;
    check_written("store", &request.address.store.store_name)?;
    check_written("key", request.address.key.as_str())?;

    let backend = context.writer()?;
    let mut reader = CheckedReader::new(source, kind);
    let content = backend.stage(&mut reader, context.now())?;
    // The lifetime begins when the value is there: a pipe may have taken its time.
    let now = context.now();
    let mut entry = Entry::new(request.address, kind, now);
    entry.policy = change.policy.unwrap_or(Policy::Evict);
    entry.expires_at = change.expires_at(now).flatten();
    entry.scopes = request.scopes;
    entry.args = request.args;
    match backend.put(&entry, &content, &options, now)? {
        Put::Created | Put::Replaced => {
            note_lifetime(context, backend.as_ref(), entry, &options)?;
            Ok(Exit::Done)
        }
        Put::Refused => {
            context.detail(&format!(
                "nothing was written: {}",
                match options.condition {
                    Condition::IfAbsent => "there is a fresh entry",
                    _ => "the entry has another value",
                }
            ));
            Ok(Exit::No)
        }
    }
}

/// Notes on a terminal how long the entry lasts.
fn note_lifetime(
    context: &Context,
    backend: &dyn Backend,
    entry: Entry,
    options: &PutOptions,
) -> Result<()> {
    // The store alone knows the policy that was kept.
    let is_doubtful = options.keep.policy && entry.expires_at.is_some();
    if !is_doubtful && (context.quiet || !context.terminal.stderr_is_terminal) {
        return Ok(());
    }
    let is_named = options.keep == Keep::default() && options.expiry == Expiry::Named;
    let entry = match is_named {
        true => entry,
        // Only the store knows what it kept, and the lifetime that a limit gave.
        false => match backend.lookup_unread(&entry.address, context.now())? {
            Lookup::Hit(entry, _) | Lookup::Foreign(entry, _) | Lookup::Stale(entry) => *entry,
            Lookup::Damaged(_) | Lookup::Missing => return Ok(()),
        },
    };
    if is_doubtful && entry.policy == Policy::Persist {
        context.warn("--ttl has no effect: the entry is of policy persist, which never expires");
    }
    if !context.terminal.stderr_is_terminal {
        return Ok(());
    }
    let lifetime = lifetime(entry.policy, entry.expires_at, context.now());
    context.note(&format!("set: {lifetime}"));
    Ok(())
}

fn condition(args: &SetArgs, kind: Kind) -> Result<Condition> {
    Ok(match &args.if_value {
        _ if args.if_absent => Condition::IfAbsent,
        None => Condition::Always,
        Some(text) if kind == Kind::Json => Condition::IfValue(
            Value::json(text.as_bytes())
                .map_err(|error| usage(format!("invalid value for --if-value: {error}")))?,
        ),
        Some(text) => Condition::IfValue(Value {
            kind,
            bytes: text.clone().into_bytes(),
        }),
    })
}

/// Distinguishes the key from the value: an entry that is named by arguments has no key.
fn positionals(args: &mut SetArgs) -> Result<(Named, Option<String>)> {
    let (first, second) = (args.first.take(), args.second.take());
    match (args.call.0.take(), first, second) {
        (Some(call), value, None) => Ok((Named::Call(call), value)),
        (Some(_), _, Some(value)) => Err(usage_tip(
            format!("unexpected {value:?}: the arguments name the entry already"),
            "leave out the key",
        )),
        (None, Some(key), value) => Ok((Named::Key(key), value)),
        (None, None, _) => Err(usage_tip(
            format!("no entry of {} is named", args.store),
            "name its KEY, or the call's arguments with -a, -j or --args",
        )),
    }
}

fn source(args: &SetArgs, value: Option<String>) -> Result<Box<dyn Read>> {
    match (&args.value_file, value) {
        (Some(_), Some(value)) if value != "-" => Err(usage_tip(
            "the value is given twice",
            "leave out the argument, or --value-file",
        )),
        (Some(file), _) if file.as_os_str() != "-" => {
            if file.is_dir() {
                return Err(usage_tip(
                    format!(
                        "cannot read the value from {}: it is a folder",
                        file.display()
                    ),
                    "name a file in it",
                ));
            }
            let attempt = || format!("cannot read the value from {}", file.display());
            Ok(Box::new(File::open(file).with_context(attempt)?))
        }
        (_, Some(value)) if value != "-" => Ok(Box::new(io::Cursor::new(value.into_bytes()))),
        (None, None) if stdin().is_terminal() => Err(usage_tip(
            "there is no value",
            "give it as an argument, with --value-file, or through a pipe; - reads what you type",
        )),
        _ => Ok(Box::new(Stdin(stdin()))),
    }
}

/// Standard input, whose errors say that they are of the value.
struct Stdin(Standard);

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let text = format!("cannot read the value from standard input: {error}");
            io::Error::new(error.kind(), text)
        })
    }
}
