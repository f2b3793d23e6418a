//! Sees whether a command reads from a terminal, through whatever descriptor or path.
//!
//! A watch is for one file: `/dev/tty` and the terminal itself, such as `/dev/pts/3`, are two.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use super::system;

/// The controlling terminal, under the name that is the same for all.
const TERMINAL: &str = "/dev/tty";

/// An inotify watch that sees reads from terminals.
#[derive(Debug)]
pub struct TerminalWatch(OwnedFd);

/// Starts watching the controlling terminal, standard input if that is a terminal, and terminals
/// among the other descriptors that a command inherits. Returns `None` if there is nothing to watch
/// or inotify is unavailable.
pub fn watch_terminal(is_input: bool) -> Option<TerminalWatch> {
    let controlling = File::open(TERMINAL).ok();
    let mut paths: Vec<PathBuf> = system::inherited_terminals();
    if is_input {
        paths.push("/proc/self/fd/0".into());
    }
    if let Some(terminal) = &controlling {
        paths.push(TERMINAL.into());
        // A process in the background cannot read it, and its shell reads what is typed there.
        if tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()) {
            paths.extend(system::terminal_path(terminal).filter(|path| path.exists()));
        }
    }
    if paths.is_empty() {
        return None;
    }
    system::watch_reads(&paths).map(TerminalWatch)
}

impl TerminalWatch {
    /// Reports whether anything was read since the watch began.
    pub(crate) fn was_read(&self) -> bool {
        rustix::io::ioctl_fionread(&self.0).map_or(true, |pending| pending > 0)
    }
}
