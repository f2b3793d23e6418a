//! The user's pager, which gets what a command prints on a terminal.
//!
//! The standard streams lead to the pager while it runs, as git has it: nothing that prints needs
//! to know. How the output looks was decided before, by the terminal.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::{io, thread};

use ecache_core::command::Program;
use rustix::fd::OwnedFd;
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::stdio;

use super::Terminal;
use crate::signals;
use crate::variables::variable;

/// A pager that runs, until this is dropped.
pub(crate) struct Pager {
    child: Child,
    output: OwnedFd,
    /// Standard error, if it is the terminal, too
    errors: Option<OwnedFd>,
}

impl Pager {
    /// Starts a pager by a line of shell.
    pub(crate) fn start(line: &str, terminal: &Terminal) -> io::Result<Self> {
        /// The first descriptor that is not a standard stream.
        const FIRST: i32 = 3;
        let output = fcntl_dupfd_cloexec(stdio::stdout(), FIRST)?;
        let errors = terminal
            .stderr_is_terminal
            .then(|| fcntl_dupfd_cloexec(stdio::stderr(), FIRST));
        let errors = errors.transpose()?;
        check(line)?;
        let mut child = Command::new("sh")
            .args(["-c", line])
            .stdin(Stdio::piped())
            .spawn()?;
        // The pager decides what Ctrl-C does, until it ends.
        let has_ended = signals::leave_interrupts()?;
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            let end = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), end), Err(Errno::INTR)) {}
            has_ended.store(true, Ordering::Relaxed);
        });
        if let Some(pipe) = child.stdin.take() {
            stdio::dup2_stdout(&pipe)?;
            if errors.is_some() {
                stdio::dup2_stderr(&pipe)?;
            }
        }
        Ok(Self {
            child,
            output,
            errors,
        })
    }
}

/// Fails if the line is the name of a program that is not there: `sh` would say so, but the output
/// would be lost.
fn check(line: &str) -> io::Result<()> {
    let has_syntax = line.contains(|c: char| "|&;<>()$`\\\"'*?[#~=%!{}".contains(c));
    let Some(name) = line.split_whitespace().next().filter(|_| !has_syntax) else {
        return Ok(());
    };
    let found = Program::find(name.as_ref(), variable("PATH").as_deref());
    found.map(drop).map_err(|_| {
        let message = format!("there is no program {name}");
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

impl Drop for Pager {
    /// Ends the pager's input, and waits until its user leaves it.
    fn drop(&mut self) {
        // Nothing can be said of a failure before the streams are back.
        let _ = stdio::dup2_stdout(&self.output);
        if let Some(errors) = &self.errors {
            let _ = stdio::dup2_stderr(errors);
        }
        let _ = self.child.wait();
    }
}
