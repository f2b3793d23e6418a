//! Memoized commands: a hit repeats the recorded run, a miss acts as if there were no cache, and
//! one process at a time runs a command.

#[path = "../support/mod.rs"]
mod support;

mod bkt;
mod files;
mod flights;
mod identity;
mod input_kinds;
mod input_records;
mod large;
mod left_running;
mod lifetime;
mod merged;
mod process;
mod results;
mod stale;
mod status;
mod stdin;
mod trouble;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Ran, Session, run, runs, wait_for};

/// Runs a line of shell through `ecache run`, with nothing to read.
fn memoized(session: &Session, options: &str, line: &str) -> Ran {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    command.arg(line);
    run(command, b"")
}

fn start(session: &Session, options: &str, line: &str) -> Child {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    command.arg(line).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("ecache starts")
}

fn finish(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

fn ended(stdout: &str, stderr: &str, code: i32) -> Ran {
    Ran {
        stdout: stdout.into(),
        stderr: stderr.into(),
        code,
    }
}
