//! Detects whether standard output and standard error are the same destination.

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd};

use ecache_core::command::Outputs;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, tell};
use rustix::io::Result;

/// Returns the destination of this process's output streams.
pub(in crate::commands) fn outputs() -> Outputs {
    // A closed stream has no destination.
    match is_one(io::stdout().as_fd(), io::stderr().as_fd()) {
        Ok(true) => Outputs::Merged,
        Ok(false) | Err(_) => Outputs::Apart,
    }
}

/// Reports whether writes to both streams end up in the order in which they are made.
fn is_one(stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> Result<bool> {
    let (one, other) = (fstat(stdout)?, fstat(stderr)?);
    if (one.st_dev, one.st_ino, one.st_rdev) != (other.st_dev, other.st_ino, other.st_rdev) {
        return Ok(terminal(stdout).is_some() && terminal(stdout) == terminal(stderr));
    }
    if FileType::from_raw_mode(one.st_mode) != FileType::RegularFile {
        return Ok(!is_null(one.st_rdev));
    }
    // A file opened twice has two write positions, unless both descriptors append.
    let is_appended = |flags: OFlags| flags.contains(OFlags::APPEND);
    if is_appended(fcntl_getfl(stdout)?) && is_appended(fcntl_getfl(stderr)?) {
        return Ok(true);
    }
    match is_one_description() {
        Some(is_one) => Ok(is_one),
        None => Ok(tell(stdout)? == tell(stderr)?),
    }
}

/// Returns the device of a terminal, even if it was opened as `/dev/tty`.
#[cfg(target_os = "linux")]
fn terminal(stream: BorrowedFd<'_>) -> Option<libc::c_uint> {
    let mut device = 0;
    // SAFETY: the call writes the device number to `device` if the descriptor is a terminal.
    let asked = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCGDEV, &mut device) };
    (asked == 0).then_some(device)
}

#[cfg(not(target_os = "linux"))]
fn terminal(_: BorrowedFd<'_>) -> Option<libc::c_uint> {
    None
}

/// Reports whether the device is `/dev/null`, where order is invisible. Output sent there usually
/// serves to fill the cache, and separate streams answer more callers.
fn is_null(device: rustix::fs::Dev) -> bool {
    rustix::fs::stat("/dev/null").is_ok_and(|null| null.st_rdev == device)
}

/// Reports whether both descriptors refer to the same open file, `None` if the system does not
/// tell, as in many containers.
#[cfg(target_os = "linux")]
fn is_one_description() -> Option<bool> {
    // Available since Linux 6.10, and missing from libc.
    const F_DUPFD_QUERY: libc::c_int = 1027;
    const KCMP_FILE: libc::c_int = 0;
    // SAFETY: both calls only compare descriptors, and touch no memory.
    let (is_one, order) = unsafe {
        let own = libc::getpid();
        (
            libc::fcntl(libc::STDOUT_FILENO, F_DUPFD_QUERY, libc::STDERR_FILENO),
            libc::syscall(libc::SYS_kcmp, own, own, KCMP_FILE, 1_u64, 2_u64),
        )
    };
    match (is_one, order) {
        (0 | 1, _) => Some(is_one == 1),
        (_, 0..) => Some(order == 0),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn is_one_description() -> Option<bool> {
    None
}
