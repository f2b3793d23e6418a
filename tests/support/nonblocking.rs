//! Non-blocking streams, such as those left behind by another program that shares them.

use std::fs::File;
use std::io::{Read, Seek, Write, pipe};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::io::{ioctl_fionbio, ioctl_fionread};

use super::Ran;

/// Capacity of a pipe in bytes.
const FULL: u64 = 1 << 16;

/// Runs a command with a non-blocking standard output or error, which is read only once it is full.
pub fn run_with_full_output(mut command: Command, descriptor: i32) -> Ran {
    let (reader, writer) = pipe().expect("a pipe");
    ioctl_fionbio(&writer, true).expect("a mode");
    command.stdin(Stdio::null());
    let mut other = tempfile::tempfile().expect("a file");
    let theirs = other.try_clone().expect("a descriptor");
    if descriptor == 1 {
        command.stdout(writer).stderr(theirs);
    } else {
        command.stdout(theirs).stderr(writer);
    }
    let mut child = command.spawn().expect("it starts");
    // The command holds another write end, which would keep the pipe open.
    drop(command);
    let is_over = |child: &mut Child| child.try_wait().expect("it is our own").is_some();
    // A partly filled page accepts no further write, so the pipe is full before its last byte.
    let is_full = || ioctl_fionread(&reader).expect("a pipe") > FULL / 2;
    wait(|| is_over(&mut child) || (is_full() && is_polling(child.id())));
    let read = read(&mut File::from(OwnedFd::from(reader)));
    let status = child.wait().expect("it ends");
    other.rewind().expect("a file");
    let other = self::read(&mut other);
    let (stdout, stderr) = match descriptor {
        1 => (read, other),
        _ => (other, read),
    };
    Output {
        status,
        stdout,
        stderr,
    }
    .into()
}

fn read(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("it can be read");
    bytes
}

/// Runs a command with a non-blocking standard input, which is written only once the command waits.
pub fn run_with_late_input(mut command: Command, input: &[u8]) -> Ran {
    let (reader, writer) = pipe().expect("a pipe");
    ioctl_fionbio(&reader, true).expect("a mode");
    command.stdin(reader).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut writer = File::from(OwnedFd::from(writer));
    for part in input.chunks(input.len().div_ceil(2)) {
        wait(|| child.try_wait().expect("it is our own").is_some() || is_polling(child.id()));
        // A command that did not wait has closed the pipe.
        let _ = writer.write_all(part);
    }
    drop(writer);
    child.wait_with_output().expect("it ends").into()
}

/// Reports whether a thread of the process is waiting for descriptors.
fn is_polling(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    let places = threads
        .into_iter()
        .flatten()
        .flatten()
        .map(|thread| std::fs::read_to_string(thread.path().join("wchan")).unwrap_or_default());
    places.into_iter().any(|place| place.contains("poll"))
}

fn wait(mut is_reached: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_reached() {
        assert!(Instant::now() < patience, "it never waited");
        std::thread::sleep(Duration::from_millis(1));
    }
}
