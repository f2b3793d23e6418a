//! `ecache has`: whether there is a fresh entry, as an exit code.

use anyhow::Result;
use ecache_core::backend::Lookup;
use ecache_core::error::Error;

use super::request::Request;
use crate::cli::HasArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: HasArgs) -> Result<Exit> {
    let request = Request::new(context, args.entry)?;
    match context.glance(&request.address, context.now())?.1 {
        Lookup::Hit(entry, _) if !request.contradicts(&entry) => Ok(Exit::Done),
        Lookup::Damaged(address) => Err(Error::DamagedEntry {
            address: Box::new(address),
        }
        .into()),
        Lookup::Hit(..) | Lookup::Stale(_) | Lookup::Missing => Ok(Exit::No),
    }
}
