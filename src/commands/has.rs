//! `ecache has`: whether there is a fresh entry, as an exit code.

use anyhow::Result;
use ecache_core::backend::{Content, Lookup};
use ecache_core::error::Error;
use ecache_core::usage::{Event, Outcome};

use super::shared::command_args::{key_behind_dashes, meant_entries};
use super::shared::resolve::Request;
use crate::cli::HasArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, mut args: HasArgs) -> Result<Exit> {
    let (entry, words) = (&mut args.entry, &mut args.command.command);
    key_behind_dashes(&mut entry.store, &mut entry.key, words)?;
    if args.command.command.is_empty() {
        return has(context, &Request::new(context, args.entry)?);
    }
    let [own, beside] = meant_entries(context, &args.command, &args.entry.scope)?;
    match has(context, &own)? {
        Exit::No => has(context, &beside),
        exit => Ok(exit),
    }
}

/// Reports whether there is a fresh entry.
fn has(context: &Context, request: &Request) -> Result<Exit> {
    let now = context.now();
    let (backend, looked_up) = context.look_up_once(&request.address, now)?;
    let lookup = match looked_up {
        // The chunks are not read here, so `lookup` must detect damage.
        Lookup::Hit(_, Content::Chunked(_)) => backend.lookup(&request.address, now)?,
        lookup => lookup,
    };
    match lookup {
        Lookup::Hit(entry, _) | Lookup::Foreign(entry, _) if !request.contradicts(&entry) => {
            // Nothing is read, so that nothing is saved yet.
            context.count(&[Event::of_entry(Outcome::Hit, now, &entry, 0)]);
            Ok(Exit::Done)
        }
        Lookup::Damaged(address) => Err(Error::DamagedEntry {
            address: Box::new(address),
        }
        .into()),
        Lookup::Hit(..) | Lookup::Foreign(..) | Lookup::Stale(_) | Lookup::Missing => {
            context.count(&[request.miss(now)]);
            Ok(Exit::No)
        }
    }
}
