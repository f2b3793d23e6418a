//! Calls on standard input that not every system has.
//!
//! Linux alone can copy the content of a pipe and leave it there (`tee(2)`). Elsewhere no stream is
//! an [`InputKind::Stream`](super::InputKind), so that none of these is called.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags};

#[cfg(target_os = "linux")]
pub(super) use self::linux::*;
#[cfg(not(target_os = "linux"))]
pub(super) use self::other::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::path::Path;

    use rustix::fs::{OFlags, fstatfs, inotify};
    use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with};

    use super::*;

    /// The device number of `/dev/null`.
    pub(in super::super) const NULL: (u32, u32) = (1, 3);
    /// The flag of a descriptor that names a file and cannot be read.
    pub(in super::super) const PATH_ONLY: OFlags = OFlags::PATH;
    /// The event of a peer that writes no more.
    pub(in super::super) const PEER_ENDED: PollFlags = PollFlags::RDHUP;
    pub(in super::super) const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
    pub(in super::super) const CLOSE_ON_EXEC: SocketFlags = SocketFlags::CLOEXEC;

    /// File systems whose files are made when they are read, which may block or differ each time.
    const MADE_UP: [i64; 4] = [0x9fa0, 0x6265_6572, 0x6462_6720, 0x7472_6163];

    /// The file system of pipes without a name.
    const PIPES: i64 = 0x5049_5045;

    fn is_on(fd: BorrowedFd<'_>, systems: &[i64]) -> bool {
        #[allow(
            clippy::unnecessary_cast,
            reason = "the type of the field depends on the architecture"
        )]
        fstatfs(fd).is_ok_and(|system| systems.contains(&(system.f_type as i64)))
    }

    /// Reports whether a file is in `/proc`, `/sys` or the like.
    pub(in super::super) fn is_made_up(fd: BorrowedFd<'_>) -> bool {
        is_on(fd, &MADE_UP)
    }

    /// Reports whether a pipe has no name, so that its end is final.
    pub(in super::super) fn is_anonymous(fd: BorrowedFd<'_>) -> bool {
        is_on(fd, &[PIPES])
    }

    pub(in super::super) fn is_listening(fd: BorrowedFd<'_>) -> bool {
        rustix::net::sockopt::socket_acceptconn(fd) != Ok(false)
    }

    /// Creates a pipe whose write end does not block.
    pub(in super::super) fn pipe(is_reader_blocking: bool) -> io::Result<(OwnedFd, OwnedFd)> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        if !is_reader_blocking {
            rustix::io::ioctl_fionbio(&reader, true)?;
        }
        Ok((reader, writer))
    }

    pub(in super::super) fn capacity(pipe: impl AsFd) -> io::Result<usize> {
        Ok(rustix::pipe::fcntl_getpipe_size(pipe)?)
    }

    /// Makes a pipe larger. One that cannot be made that large holds less.
    pub(in super::super) fn enlarge(pipe: impl AsFd, capacity: usize) {
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, capacity);
    }

    /// Copies bytes from one pipe to another, and leaves them in the first.
    pub(in super::super) fn tee(
        from: &OwnedFd,
        to: &OwnedFd,
        count: usize,
    ) -> Result<usize, Errno> {
        rustix::pipe::tee(from, to, count, SpliceFlags::NONBLOCK)
    }

    /// Moves bytes from one pipe to another.
    pub(in super::super) fn splice(
        from: &OwnedFd,
        to: &OwnedFd,
        count: usize,
    ) -> Result<usize, Errno> {
        rustix::pipe::splice(from, None, to, None, count, SpliceFlags::NONBLOCK)
    }

    /// Opens the file of a descriptor again.
    pub(in super::super) fn reopen(file: &File) -> io::Result<File> {
        File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    /// Watches files for reads; those that this user may not read are left out.
    pub(in super::super) fn watch_reads(paths: &[PathBuf]) -> Option<OwnedFd> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let watch = inotify::init(flags).ok()?;
        for path in paths {
            match inotify::add_watch(&watch, path, inotify::WatchFlags::ACCESS) {
                Ok(_) | Err(Errno::ACCESS) => {}
                Err(_) => return None,
            }
        }
        Some(watch)
    }

    /// Returns the path of a terminal that was opened as `/dev/tty`.
    pub(in super::super) fn terminal_path(terminal: &File) -> Option<PathBuf> {
        /// The first major number of pseudo-terminals, and the number of terminals of each.
        const PSEUDO: (u32, u32) = (136, 256);
        let mut device: libc::c_uint = 0;
        // SAFETY: the call writes the device number to `device`.
        let asked = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGDEV, &mut device) };
        let device = u64::from(device);
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        match (asked, major) {
            (0, 136..144) => {
                let number = (major - PSEUDO.0) * PSEUDO.1 + minor;
                Some(format!("/dev/pts/{number}").into())
            }
            (0, _) => {
                let link = std::fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok()?;
                Some(Path::new("/dev").join(link.file_name()?))
            }
            _ => None,
        }
    }

    /// Returns paths of the terminals among the descriptors that a command inherits besides the
    /// standard streams.
    pub(in super::super) fn inherited_terminals() -> Vec<PathBuf> {
        let numbers = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
        let numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_inherited_terminal = |number: &libc::c_int| {
            // SAFETY: the calls only ask about a number, and fail if no descriptor has it.
            let (flags, is_terminal) =
                unsafe { (libc::fcntl(*number, libc::F_GETFD), libc::isatty(*number)) };
            flags != -1 && flags & libc::FD_CLOEXEC == 0 && is_terminal == 1
        };
        let terminals = numbers.filter(|number| *number > 2 && is_inherited_terminal(number));
        terminals
            .map(|number| format!("/proc/self/fd/{number}").into())
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::os::fd::BorrowedFd;

    use rustix::fs::OFlags;

    use super::*;

    pub(in super::super) const NULL: (u32, u32) = (3, 2);
    pub(in super::super) const PATH_ONLY: OFlags = OFlags::empty();
    pub(in super::super) const PEER_ENDED: PollFlags = PollFlags::empty();
    pub(in super::super) const NO_SIGNAL: SendFlags = SendFlags::empty();
    pub(in super::super) const CLOSE_ON_EXEC: SocketFlags = SocketFlags::empty();

    pub(in super::super) fn is_made_up(_: BorrowedFd<'_>) -> bool {
        false
    }

    pub(in super::super) fn is_anonymous(_: BorrowedFd<'_>) -> bool {
        false
    }

    pub(in super::super) fn is_listening(_: BorrowedFd<'_>) -> bool {
        true
    }

    pub(in super::super) fn pipe(_: bool) -> io::Result<(OwnedFd, OwnedFd)> {
        Err(Errno::NOTSUP.into())
    }

    pub(in super::super) fn capacity(_: impl AsFd) -> io::Result<usize> {
        Err(Errno::NOTSUP.into())
    }

    pub(in super::super) fn enlarge(_: impl AsFd, _: usize) {}

    pub(in super::super) fn tee(_: &OwnedFd, _: &OwnedFd, _: usize) -> Result<usize, Errno> {
        Err(Errno::NOTSUP)
    }

    pub(in super::super) fn splice(_: &OwnedFd, _: &OwnedFd, _: usize) -> Result<usize, Errno> {
        Err(Errno::NOTSUP)
    }

    pub(in super::super) fn reopen(file: &File) -> io::Result<File> {
        #[cfg(target_vendor = "apple")]
        {
            use std::ffi::OsStr;
            use std::os::unix::ffi::OsStrExt;

            let path = rustix::fs::getpath(file)?;
            File::open(OsStr::from_bytes(path.as_bytes()))
        }
        #[cfg(not(target_vendor = "apple"))]
        {
            let _ = file;
            Err(Errno::NOTSUP.into())
        }
    }

    pub(in super::super) fn watch_reads(_: &[PathBuf]) -> Option<OwnedFd> {
        None
    }

    pub(in super::super) fn terminal_path(_: &File) -> Option<PathBuf> {
        None
    }

    pub(in super::super) fn inherited_terminals() -> Vec<PathBuf> {
        Vec::new()
    }
}
