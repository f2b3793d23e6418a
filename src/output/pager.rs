//! The user's pager, which gets what a command prints on a terminal.
//!
//! The standard streams lead to the pager while it runs, as git has it: nothing that prints needs
//! to know. How the output looks was decided before, by the terminal.

use std::io;
use std::process::{Child, Command, Stdio};

use rustix::fd::OwnedFd;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio;

use super::Terminal;
use crate::signals;

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
        let mut child = Command::new("sh")
            .args(["-c", line])
            .stdin(Stdio::piped())
            .spawn()?;
        // The pager decides what Ctrl-C does.
        signals::leave_interrupts()?;
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
