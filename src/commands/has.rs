//! `ecache has`: whether there is a fresh entry, as an exit code.

use anyhow::Result;
use ecache_core::backend::{Content, Lookup};
use ecache_core::error::Error;
use ecache_core::usage::{Event, Outcome};

use super::shared::calls::{Miss, detail_hit, report_miss};
use super::shared::command::args::requested;
use crate::cli::HasArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: HasArgs) -> Result<Exit> {
    let request = requested(context, args.entry, args.command)?;
    let now = context.now();
    let (backend, looked_up) = context.look_up_once(&request.address, now)?;
    let lookup = match looked_up {
        // The chunks are not read here, so `lookup` must detect damage.
        Lookup::Hit(_, Content::Chunked(_)) => backend.lookup(&request.address, now)?,
        lookup => lookup,
    };
    match lookup {
        Lookup::Hit(entry, _) | Lookup::Foreign(entry, _) if !request.contradicts(&entry) => {
            detail_hit(context, &entry, now);
            // Nothing is read, so that nothing is saved yet.
            context.count(&[Event::of_entry(Outcome::Hit, now, &entry, 0)]);
            Ok(Exit::Done)
        }
        Lookup::Damaged(address) => Err(Error::DamagedEntry {
            address: Box::new(address),
        }
        .into()),
        Lookup::Hit(entry, _) | Lookup::Foreign(entry, _) => {
            report_miss(context, &request, Miss::OtherCall(&entry), now)
        }
        Lookup::Stale(entry) => report_miss(context, &request, Miss::Stale(&entry), now),
        Lookup::Missing => report_miss(context, &request, Miss::Missing, now),
    }
}
