//! A command that has the terminal for a while.

use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGTERM, SIGTSTP};
use signal_hook::low_level;

use super::signals::{Signals, drain};
use crate::output::{stdin, stdout};

/// Time after which the command is asked whether it has ended.
const ASK_EVERY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Runs a command to its end. If it fails, its message stays until Enter is typed. Returns the
/// signal that ends the browser, if one came.
pub(super) fn run(mut command: Command, signals: &Signals) -> Result<Option<i32>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.spawn();
    let mut child = child.with_context(|| format!("cannot start {name}"))?;
    let (status, signal) = wait(&mut child, signals)?;
    if !status.success() && signal.is_none() {
        stdout().write_all(b"Enter goes back to browse ")?;
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(stdin()), &mut line)?;
    }
    // Ctrl-C was for the command.
    signals.seen().for_each(drop);
    Ok(signal)
}

/// Waits for the end of a command, and stops and ends with it.
fn wait(child: &mut Child, signals: &Signals) -> Result<(ExitStatus, Option<i32>)> {
    let mut ending = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, ending));
        }
        let mut ready = [PollFd::new(&signals.reader, PollFlags::IN)];
        match poll(&mut ready, Some(&ASK_EVERY)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        drain(&signals.reader);
        for signal in signals.seen() {
            match signal {
                SIGTSTP => low_level::emulate_default_handler(SIGTSTP)?,
                SIGTERM | SIGHUP => {
                    ending = Some(signal);
                    // It has ended if it cannot be told.
                    let _ = kill_process(Pid::from_child(child), Signal::TERM);
                }
                _ => {}
            }
        }
    }
}
