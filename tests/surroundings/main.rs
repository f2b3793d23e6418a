//! The command in surroundings other than a fresh login's: signals, limits, descriptors, and other
//! users' files.

#[path = "../support/mod.rs"]
mod support;

mod limits;
mod matrix;
mod others;
mod signals;
mod stopped;
mod streams;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Ran, Session, nonblocking, run, surroundings, wait_for};

#[test]
fn the_program_under_test_starts_as_after_a_login() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -f; umask; grep -E '^Sig(Ign|Blk)' /proc/self/status",
    ]);
    surroundings::ignoring(&mut command, libc::SIGINT);
    surroundings::ignoring(&mut command, libc::SIGPIPE);
    surroundings::blocking(&mut command, libc::SIGTERM);
    surroundings::limited(&mut command, libc::RLIMIT_FSIZE, 0);
    surroundings::as_after_login(&mut command);
    let ran = run(command, b"").succeeds();
    let (first, signals) = ran.text().split_at("unlimited\n0022\n".len());
    assert_eq!(first, "unlimited\n0022\n");
    let none = |name: &str| (name.to_owned(), 0);
    assert_eq!(sets(signals), [none("SigBlk"), none("SigIgn")]);
}

/// Parses the kernel's signal sets, without the two signals that the C library reserves.
fn sets(status: &str) -> Vec<(String, u64)> {
    let set = |line: &str| {
        let (name, signals) = line.split_once(":\t").expect("a field of the kernel's");
        let signals = u64::from_str_radix(signals, 16).expect("a set of signals");
        (name.to_owned(), signals & !(0b11 << 31))
    };
    status.lines().map(set).collect()
}

/// Returns `ecache run` on a line of shell, without input.
fn memoized(session: &Session, line: &str) -> Command {
    let mut command = session.command("run --stdin none -- sh -c");
    command.arg(line);
    command
}

fn start(mut command: Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// Runs a command, which must end in time.
fn within(patience: Duration, mut command: Command) -> Ran {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let started = Instant::now();
    while child.try_wait().expect("it is our own").is_none() {
        if started.elapsed() >= patience {
            child.kill().expect("it is our own");
            panic!("it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("it is over").into()
}

fn send(child: &Child, signal: libc::c_int) {
    // SAFETY: the call takes no pointers to memory, and the process has not been waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}
