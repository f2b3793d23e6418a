//! Reports whether the leader of a flight is an ancestor of this process, and so waits for its end.
//!
//! The parent processes decide this. An environment variable would not do: the command may print
//! it, and the recording would then contain it.
//!
//! A process that left its parents, such as a daemon, or that a service started for the command, is
//! not recognized: it waits like any other follower until its patience runs out.

use std::fs;
use std::time::{Duration, Instant};

/// Maximum number of parents followed; no real chain is longer.
const MOST: usize = 4096;

/// The relation of a flight's leader to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leader {
    /// The leader runs the command that this process belongs to, and waits for that command
    Ancestor,
    /// The leader is not an ancestor of this process
    Stranger,
    /// Unknown: the leader is outside this container, or `/proc` is missing or hides other
    /// processes
    Unknown,
}

/// Returns how the leader that signed a lock is related to this process. A PID of 0 is a leader
/// that cannot be seen from here.
pub(crate) fn leader(signed: Option<i32>) -> Leader {
    // An unsigned lock belongs to this process, or its holder is about to sign it.
    let Some(pid) = signed else {
        return Leader::Stranger;
    };
    if pid == 0 {
        return Leader::Unknown;
    }
    let Some(mut child) = Process::read("self") else {
        return Leader::Unknown;
    };
    for _ in 0..MOST {
        if child.parent == pid {
            return Leader::Ancestor;
        }
        // The first process of the system or of this container.
        if child.parent == 0 {
            return Leader::Stranger;
        }
        match Process::read(&child.parent.to_string()) {
            // A parent that started later means that the real parent is gone and its PID was
            // reused.
            Some(parent) if parent.started <= child.started => child = parent,
            _ => return Leader::Unknown,
        }
    }
    Leader::Unknown
}

/// Detects a leader that is stopped, as by Ctrl-Z or a debugger, and may never continue.
#[derive(Default)]
pub(crate) struct StopWatch {
    looked: Option<Instant>,
    was_stopped: bool,
}

impl StopWatch {
    /// Returns the leader that signed a lock if two checks, half a second apart, find it stopped.
    pub(crate) fn stopped(&mut self, signed: Option<i32>) -> Option<i32> {
        /// Minimum time between two checks.
        const PAUSE: Duration = Duration::from_millis(500);
        let pid = signed.filter(|pid| *pid > 0)?;
        let looked = self.looked.get_or_insert_with(Instant::now);
        if looked.elapsed() < PAUSE {
            return None;
        }
        *looked = Instant::now();
        let is_stopped = Process::read(&pid.to_string()).is_some_and(|leader| leader.is_stopped);
        let is_still_stopped = is_stopped && self.was_stopped;
        self.was_stopped = is_stopped;
        is_still_stopped.then_some(pid)
    }
}

struct Process {
    is_stopped: bool,
    parent: i32,
    started: u64,
}

impl Process {
    fn read(name: &str) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        // The process name before this separator may contain any characters.
        let (_, fields) = status.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        Some(Self {
            is_stopped: matches!(fields.next()?, "T" | "t"),
            parent: fields.next()?.parse().ok()?,
            started: fields.nth(17)?.parse().ok()?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_process_up_to_the_first_is_an_ancestor_and_no_other() {
        let own = std::process::id() as i32;
        assert_eq!(
            leader(Some(own)),
            Leader::Stranger,
            "a process is not its own ancestor"
        );
        assert_eq!(leader(Some(0)), Leader::Unknown);
        let mut name = "self".to_owned();
        while let Some(process) = Process::read(&name).filter(|process| process.parent > 0) {
            assert_eq!(leader(Some(process.parent)), Leader::Ancestor);
            name = process.parent.to_string();
        }
        assert_ne!(name, "self");
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        assert_eq!(leader(Some(child.id() as i32)), Leader::Stranger);
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }
}
