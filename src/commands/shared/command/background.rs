//! `ecache run` beside the process that was typed: where it writes its status, how it runs a
//! command again in the background, and who passes on output that comes after the command's end.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use ecache_core::command::{Call, Destination, Input, InputKey, LeftOpen, Outputs, Stream};
use ecache_core::location::is_url;
use rustix::io::{FdFlags, fcntl_setfd};

use super::args::Invocation;
use crate::cli::RunArgs;
use crate::error::usage_tip;
use crate::{inherited, variables};

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
    let mut command = own_program()?;
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

/// Starts a process that passes on late output to a stream of a command that has ended.
///
/// It has the stream and its destination, and nothing else of this process: not its other
/// descriptors, its folder or its terminal, whose signals end a process that was left running only
/// if it wants to.
///
/// # Errors
/// Fails if the process cannot be started.
pub(in crate::commands) fn forward(location: Option<&Path>, open: LeftOpen) -> io::Result<()> {
    let mut command = own_program()?;
    command.args(["--no-config", "forward"]);
    if let (Some(kept), Some(location)) = (&open.kept, location) {
        let store = &kept.address.store;
        for (name, value) in [
            ("collection", &*store.collection),
            ("store", &store.store_name),
            ("key", kept.address.key.as_str()),
            ("written-at", &kept.written_at.as_millis().to_string()),
            ("size", &kept.size.to_string()),
        ] {
            command.arg(format!("--{name}={value}"));
        }
        if let Some(dataset) = &store.dataset_id {
            command.arg(format!("--dataset={dataset}"));
        }
        // Not as an option, which other users can see: it may be a URL with a password.
        command.env(variables::STORE, absolute(location).as_ref());
    }
    command.current_dir("/").stdin(open.pipe);
    command.stdout(match (open.destination, open.stream) {
        (Destination::Dropped, _) => Stdio::null(),
        (Destination::Shown, Stream::Output) => Stdio::inherit(),
        (Destination::Shown, Stream::Error) => io::stderr().as_fd().try_clone_to_owned()?.into(),
    });
    command.stderr(Stdio::null());
    inherited::prepare(&mut command);
    // Between the start of the process and its first line, Ctrl-C would end it.
    // SAFETY: the closure only makes a system call.
    unsafe {
        command.pre_exec(|| {
            leave_terminal();
            Ok(())
        })
    };
    command.spawn().map(drop)
}

/// Returns a location that is the same from every folder.
fn absolute(location: &Path) -> Cow<'_, Path> {
    if is_url(location.as_os_str()) {
        return location.into();
    }
    std::path::absolute(location).map_or(location.into(), Cow::from)
}

/// Returns a command that starts this program again, also if its file was replaced meanwhile, as by
/// an upgrade while a long command ran.
pub(in crate::commands) fn own_program() -> io::Result<Command> {
    // The path of the file would be that of a deleted one.
    let itself = Path::new("/proc/self/exe");
    let program = std::env::current_exe()?;
    if program.exists() || !itself.exists() {
        return Ok(Command::new(program));
    }
    let mut command = Command::new(itself);
    command.arg0("ecache");
    Ok(command)
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
