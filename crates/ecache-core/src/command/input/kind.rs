//! Classifies standard input.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Dev, FileType, OFlags, fcntl_getfl, fstat, major, minor};
use rustix::net::{SocketType, sockopt};

use super::Wire;
use super::system::{NULL, PATH_ONLY, is_anonymous, is_listening, is_made_up};

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
    /// A connected stream socket that is standard output or standard error as well
    TwoWay,
    /// Anything else: reading from it may give anything
    Other,
}

/// Classifies a descriptor.
pub fn input_kind(fd: impl AsFd) -> InputKind {
    let fd = fd.as_fd();
    let (Ok(stat), Ok(flags)) = (fstat(fd), fcntl_getfl(fd)) else {
        return InputKind::Closed;
    };
    let is_readable = !flags.intersects(PATH_ONLY) && flags & OFlags::ACCMODE != OFlags::WRONLY;
    match (FileType::from_raw_mode(stat.st_mode), is_readable) {
        (FileType::CharacterDevice, _) if is_null(stat.st_rdev) => {
            if is_readable {
                InputKind::NullDevice
            } else {
                InputKind::NullForWriting
            }
        }
        (FileType::CharacterDevice, true) if rustix::termios::isatty(fd) => InputKind::Terminal,
        (FileType::RegularFile, true) if !is_made_up(fd) => InputKind::File,
        // The end of a named pipe is not final: another writer may open it. One that is open for
        // writing too may be written to. Packets, which only the writing end shows, are merged.
        (FileType::Fifo, true)
            if is_supported() && flags & OFlags::ACCMODE == OFlags::RDONLY && is_anonymous(fd) =>
        {
            InputKind::Stream(Wire::Pipe)
        }
        (FileType::Socket, _) if is_supported() && is_connected_stream(fd) => {
            if is_written_to(stat.st_ino) {
                InputKind::TwoWay
            } else {
                InputKind::Stream(Wire::Socket)
            }
        }
        _ => InputKind::Other,
    }
}

fn is_null(device: Dev) -> bool {
    #[allow(
        clippy::unnecessary_cast,
        reason = "the parts are signed on some systems"
    )]
    let device = (major(device) as u32, minor(device) as u32);
    device == NULL
}

/// Reports whether streams can be peeked at; `tee(2)` exists on Linux only.
fn is_supported() -> bool {
    cfg!(target_os = "linux")
}

/// Reports whether a socket is standard output or standard error as well, as inetd hands it over.
fn is_written_to(inode: u64) -> bool {
    let is_same = |fd: BorrowedFd<'_>| fstat(fd).is_ok_and(|stat| stat.st_ino == inode);
    is_same(std::io::stdout().as_fd()) || is_same(std::io::stderr().as_fd())
}

fn is_connected_stream(fd: BorrowedFd<'_>) -> bool {
    sockopt::socket_type(fd) == Ok(SocketType::STREAM)
        && !is_listening(fd)
        && rustix::net::getpeername(fd).is_ok()
}
