//! Running a command in place of this process: where it must be exactly as without ecache, or there is no room for two.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use ecache_core::command::{CommandError, Program};

use crate::output::Standard;
use crate::{inherited, signals};

/// Whether a command must be run so: a stream that it writes to is closed, which a pipe in its place would hide.
pub(super) fn is_needed() -> bool {
    inherited::is_closed(1) || inherited::is_closed(2)
}

/// Runs what was typed. Returns only if that cannot be run.
pub(super) fn run(typed: &[OsString]) -> CommandError {
    let program = match Program::find(&typed[0], std::env::var_os("PATH").as_deref()) {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(program.called);
    command.arg0(&typed[0]).args(&typed[1..]);
    inherited::prepare(&mut command);
    become_command(command)
}

/// Runs a command. Returns only if it cannot be run.
pub(super) fn become_command(mut command: Command) -> CommandError {
    let source = match signals::give_way() {
        Ok(()) => command.exec(),
        Err(error) => error,
    };
    CommandError::of_start(command.get_program().as_ref(), source)
}

/// A stream that notes whether anything was written to it: what was cannot be taken back.
pub(super) struct Noting {
    stream: Standard,
    pub(super) is_used: bool,
}

impl Noting {
    pub(super) fn of(stream: Standard) -> Self {
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
