//! Runs a command in place of this process: needed for closed streams, and if there is no room for
//! two processes.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use ecache_core::command::{CommandError, Program};

use crate::output::Standard;
use crate::{inherited, signals};

/// Reports whether the command must replace this process: an output stream is closed, and a pipe in
/// its place would hide that.
pub(in crate::commands) fn is_needed() -> bool {
    inherited::is_closed(1) || inherited::is_closed(2)
}

/// Replaces this process with the typed command. Returns only on failure.
pub(in crate::commands) fn run(typed: &[OsString]) -> CommandError {
    let program = match Program::find(&typed[0], std::env::var_os("PATH").as_deref()) {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(program.called);
    command.arg0(&typed[0]).args(&typed[1..]);
    inherited::prepare(&mut command);
    become_command(command)
}

/// Replaces this process with a command. Returns only on failure.
pub(in crate::commands) fn become_command(mut command: Command) -> CommandError {
    let source = match signals::give_way() {
        Ok(()) => command.exec(),
        Err(error) => error,
    };
    CommandError::of_start(command.get_program().as_ref(), source)
}

/// A stream that records whether anything was written to it, since output cannot be taken back.
pub(in crate::commands) struct Noting {
    stream: Standard,
    pub(in crate::commands) is_used: bool,
}

impl Noting {
    pub(in crate::commands) fn of(stream: Standard) -> Self {
        Self {
            stream,
            is_used: false,
        }
    }
}

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_used = true;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
