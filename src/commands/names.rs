//! `ecache names`: prints the names that completion scripts offer.
//!
//! A user waits for it with a half-typed line, so it is silent about errors and never slow.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ecache_core::location::{self, Access};

use crate::cli::NamesArgs;
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::escape::is_unsafe;
use crate::output::stdout;

/// Maximum wait for the store. One that is locked or far away would hold up the shell.
const PATIENCE: Duration = Duration::from_millis(80);

pub(crate) fn run(context: &Context, args: NamesArgs) -> Result<Exit> {
    let Ok((path, _)) = context.location() else {
        return Ok(Exit::Done);
    };
    let Some(of) = args.of.dimension() else {
        return Err(usage_tip(
            "functions are not listed by name",
            "ecache stats --by function counts them",
        ));
    };
    let (sender, receiver) = mpsc::channel();
    // The thread is left behind where it takes too long: it only reads, and ends with the process.
    // Offers no names if there is no room for the thread.
    let _ = thread::Builder::new().spawn(move || {
        let names =
            location::open(path.as_os_str(), Access::Read).and_then(|store| store.names(of));
        sender.send(names)
    });
    if let Ok(Ok(names)) = receiver.recv_timeout(PATIENCE) {
        stdout().write_all(lines(&names).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// Formats one name per line. Names with control characters are left out, since they cannot be
/// typed and would break the line. Names with invisible characters are left out as well, since they
/// look like other names.
fn lines(names: &[Arc<str>]) -> String {
    let typeable = names.iter().filter(|name| !name.contains(is_unsafe));
    typeable.map(|name| format!("{name}\n")).collect()
}
