//! Classifies standard input.

use std::os::fd::AsFd;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, major, minor};
use rustix::net::{SocketType, sockopt};

use super::Wire;

/// The kind of a descriptor, as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// It is not open
    Closed,
    /// `/dev/null`
    NullDevice,
    /// `/dev/null`, open for writing alone
    NullForWriting,
    /// A terminal
    Terminal,
    /// A regular file that can be read
    File,
    /// A pipe, a FIFO or a connected stream socket
    Stream(Wire),
    /// Anything else: reading from it may give anything
    Other,
}

/// The device number of `/dev/null`.
const NULL: (u32, u32) = (1, 3);

/// Classifies a descriptor.
pub fn input_kind(fd: impl AsFd) -> InputKind {
    let fd = fd.as_fd();
    let (Ok(stat), Ok(flags)) = (fstat(fd), fcntl_getfl(fd)) else {
        return InputKind::Closed;
    };
    let is_readable = !flags.contains(OFlags::PATH) && flags & OFlags::ACCMODE != OFlags::WRONLY;
    match (FileType::from_raw_mode(stat.st_mode), is_readable) {
        (FileType::CharacterDevice, _) if is_null(stat.st_rdev) => match is_readable {
            true => InputKind::NullDevice,
            false => InputKind::NullForWriting,
        },
        (FileType::CharacterDevice, true) if rustix::termios::isatty(fd) => InputKind::Terminal,
        (FileType::RegularFile, true) => InputKind::File,
        // `tee` would merge the packets of a pipe in packet mode.
        (FileType::Fifo, true) if is_supported() && !flags.contains(OFlags::DIRECT) => {
            InputKind::Stream(Wire::Pipe)
        }
        (FileType::Socket, _) if is_supported() && is_connected_stream(fd) => {
            InputKind::Stream(Wire::Socket)
        }
        _ => InputKind::Other,
    }
}

fn is_null(device: u64) -> bool {
    cfg!(target_os = "linux") && (major(device), minor(device)) == NULL
}

/// Reports whether streams can be peeked at; `tee(2)` exists on Linux only.
fn is_supported() -> bool {
    cfg!(target_os = "linux")
}

fn is_connected_stream(fd: std::os::fd::BorrowedFd<'_>) -> bool {
    sockopt::socket_type(fd) == Ok(SocketType::STREAM)
        && sockopt::socket_acceptconn(fd) == Ok(false)
        && rustix::net::getpeername(fd).is_ok()
}
