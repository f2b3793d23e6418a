//! `ecache forward`: passes on what processes print that a command of `run` left running, from
//! standard input to standard output, and takes the kept result back as soon as something comes.
//!
//! `shared/background` starts it. Its errors have no reader: standard error is not the user's.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ecache_core::command::{KeptResult, forward};
use ecache_core::location::{self, BUSY_TIMEOUT};
use ecache_core::scope::StoreAddress;
use ecache_core::time::Timestamp;
use rustix::stdio::dup2_stdout;

use super::shared::address::resolve::parse_key;
use super::shared::command::background;
use crate::cli::{ForwardArgs, KeptArgs};
use crate::context::Context;
use crate::error::Exit;
use crate::output::stdin;

/// Maximum wait for other processes that write to the store, before the output is passed on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time without output after which the reader of a pipe sees its end.
const SILENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(context: &Context, args: ForwardArgs) -> Result<Exit> {
    background::close_inherited();
    let kept = args.kept.map(|kept| kept_result(context, kept));
    let kept = kept.transpose()?;
    let mut has_failed = false;
    let on_output = kept
        .as_ref()
        .map(|kept| || has_failed = take_back(context, kept, PATIENCE).is_err());
    let forwarded = forward(stdin(), take_stdout()?, SILENCE, on_output);
    if let Some(kept) = kept.filter(|_| has_failed) {
        take_back(context, &kept, BUSY_TIMEOUT)?;
    }
    forwarded?;
    Ok(Exit::Done)
}

/// Takes standard output, which this process then no longer holds open itself.
fn take_stdout() -> io::Result<OwnedFd> {
    let taken = io::stdout().as_fd().try_clone_to_owned()?;
    dup2_stdout(OpenOptions::new().write(true).open("/dev/null")?)?;
    Ok(taken)
}

/// Takes a result back. A store that is gone is not created again.
fn take_back(context: &Context, kept: &KeptResult, patience: Duration) -> Result<()> {
    if !context.has_store()? {
        return Ok(());
    }
    let (location, _) = context.location()?;
    let backend = location::open_within(location.as_os_str(), context.access, patience)?;
    Ok(kept.take_back(backend.as_ref(), context.now())?)
}

fn kept_result(context: &Context, args: KeptArgs) -> Result<KeptResult> {
    let store = StoreAddress {
        collection: context.collection()?.into(),
        store_name: args.store.into(),
        dataset_id: args.dataset.map(Arc::from),
    };
    Ok(KeptResult {
        address: store.entry(parse_key(&args.key)?),
        written_at: Timestamp::from_millis(args.written_at),
        size: args.size,
    })
}
