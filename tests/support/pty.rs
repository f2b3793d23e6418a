//! A terminal for a command to run on.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::{ffi::OsStr, io};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, OutputModes, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use super::{Shown, code};

/// Runs `command` with its three streams on a new terminal of that many columns.
pub(super) fn run(mut command: Command, columns: u16) -> Shown {
    let (mut screen, terminal) = open((columns, 40)).expect("a pseudo-terminal");
    command
        .stdin(terminal.try_clone().expect("a descriptor"))
        .stdout(terminal.try_clone().expect("a descriptor"))
        .stderr(terminal);
    let mut child = command.spawn().expect("the command starts");
    // The screen is at its end when the last writer is gone, and this process must not be one.
    drop(command);
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    // Linux reports the end as an I/O error.
    while let Ok(length @ 1..) = screen.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..length]);
    }
    let status = child.wait().expect("the command ends");
    Shown {
        bytes,
        code: code(status),
    }
}

/// Opens a pseudo-terminal of so many columns and lines; returns the screen's side and the
/// command's side.
pub(super) fn open(size: (u16, u16)) -> io::Result<(File, File)> {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&screen)?;
    unlockpt(&screen)?;
    let path = ptsname(&screen, Vec::new())?;
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
        .open(OsStr::from_bytes(path.to_bytes()))?;
    // The terminal must not add a carriage return to each line feed.
    let mut modes = tcgetattr(&terminal)?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&terminal, OptionalActions::Now, &modes)?;
    set_size(&terminal, size)?;
    Ok((File::from(screen), terminal))
}

/// Sets the size of a terminal, in columns and lines.
pub(super) fn set_size(terminal: &File, (columns, lines): (u16, u16)) -> io::Result<()> {
    let size = Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal, size)?)
}
