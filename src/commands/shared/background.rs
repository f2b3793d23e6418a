//! `ecache run` beside the process that was typed: where it writes its status, and how it runs a
//! command again in the background.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use ecache_core::command::{Call, Input, InputKey, Outputs};
use rustix::io::{FdFlags, fcntl_setfd};

use super::command_args::Invocation;
use crate::cli::RunArgs;
use crate::error::usage_tip;
use crate::inherited;

/// Opens the file or descriptor that the status is written to.
pub(in crate::commands) fn status(args: &RunArgs) -> Result<Option<File>> {
    match (&args.status_file, args.status_fd) {
        // The foreground process writes the status.
        _ if args.background => Ok(None),
        // The status follows the command's output.
        (Some(path), _) if path.as_os_str() == "-" => descriptor(libc::STDOUT_FILENO).map(Some),
        (Some(path), _) => {
            let file = File::create(path);
            file.map(Some)
                .with_context(|| format!("cannot write the status to {}", path.display()))
        }
        (None, Some(number)) => descriptor(number).map(Some),
        (None, None) => Ok(None),
    }
}

fn descriptor(number: i32) -> Result<File> {
    let closed = || {
        usage_tip(
            format!("file descriptor {number} is not open"),
            format!("open it in the shell: {number}> status.json"),
        )
    };
    // Standard input is the command's.
    if number < 1 {
        return Err(closed());
    }
    // SAFETY: nothing here closes it, and it is used only if the first call finds it open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(borrowed, FdFlags::CLOEXEC).map_err(|_| closed())?;
    let status = borrowed.try_clone_to_owned();
    Ok(status
        .context("cannot use the descriptor for the status")?
        .into())
}

/// Runs the typed command once more, in a process that this one does not wait for.
///
/// # Errors
/// Fails if the process cannot be started, or cannot read the same input.
pub(in crate::commands) fn start(call: &Call, input: &Input, outputs: Outputs) -> io::Result<()> {
    let mut words = std::env::args_os().skip(1);
    let mut command = Command::new(std::env::current_exe()?);
    // Everything before the command itself is an option; a value cannot be `--`.
    command.args(words.by_ref().take_while(|word| word != "--"));
    command.arg("--background");
    if outputs == Outputs::Merged {
        command.arg("--merged");
    }
    if let Some(input) = call.identity.input.unread_name() {
        command.args(["--input", &input]);
    }
    command.arg("--").args(words);
    command.stdin(match input {
        Input::Spooled(file) => file.try_clone()?.into(),
        Input::File(file) => file.reopen()?.into(),
        Input::Stream(stream) => OwnedFd::from(stream.copy()?).into(),
        _ => Stdio::null(),
    });
    command.stdout(Stdio::null()).stderr(Stdio::null());
    inherited::prepare(&mut command);
    command.spawn().map(drop)
}

/// Replaces the call's input by that of the process which started this one.
pub(in crate::commands) fn assume(input: &str, invocation: &mut Invocation) {
    if let Some(input) = InputKey::unread(input) {
        invocation.call = invocation.call.with_input(input);
        invocation.input = Input::Nothing;
    }
}

/// Detaches this process from the terminal, so that its signals and its end do not reach it.
pub(in crate::commands) fn leave_terminal() {
    // It fails for the leader of a process group, which a child process is not.
    let _ = rustix::process::setsid();
}

/// Closes inherited descriptors other than the standard streams: one may be a pipe whose reader
/// waits for its end.
///
/// Must be called before this process opens anything.
pub(in crate::commands) fn close_inherited() {
    // SAFETY: no descriptor from 3 on is in use here yet.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}
