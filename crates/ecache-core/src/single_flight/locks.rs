//! Flights across processes: a byte of one file for each key, locked by the kernel.
//!
//! The locks are open-file-description locks. They belong to the open file, not to the process, so
//! closing another descriptor of the same file does not drop them. They end with the process, even
//! if it is killed.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::inherited::{self, Held};
use super::interrupt;
use super::timer::Timer;
use crate::sidecar::{self, OpenPurpose};

/// Shortest pause between two attempts to lock a key.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The locks of a store's keys.
#[derive(Clone, Debug)]
pub struct FlightLocks {
    file: Arc<File>,
}

/// The lock of one key, until it is dropped or the process ends.
#[derive(Debug)]
pub struct FlightLock {
    file: Arc<File>,
    offset: i64,
    is_signed: bool,
}

impl FlightLocks {
    /// Opens the lock file, creating it if missing. It never holds a byte.
    ///
    /// # Errors
    /// If it cannot be opened for writing, or belongs to another user.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(sidecar::open(path, OpenPurpose::Share)?))
    }

    /// Opens the lock file read-only, to inspect locks without taking any.
    pub(crate) fn look(path: &Path) -> io::Result<Self> {
        Ok(Self::new(sidecar::open(path, OpenPurpose::Read)?))
    }

    /// Locks of another file, which may be one's own and hold data.
    pub(crate) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
        }
    }

    /// Reports whether another open file holds any of these locks.
    pub(crate) fn is_any_locked(&self) -> io::Result<bool> {
        let mut lock = description(kind::WRITE, 0, 0);
        control(&self.file, command::GET_LOCK, &mut lock)?;
        Ok(lock.l_type != kind::NONE)
    }

    /// Reports whether no other open file holds the lock of a key; `false` if that is unknown.
    pub(crate) fn is_free(&self, hash: &[u8; 32]) -> bool {
        let mut lock = description(kind::WRITE, offset(hash), 1);
        let asked = control(&self.file, command::GET_LOCK, &mut lock);
        asked.is_ok() && lock.l_type == kind::NONE
    }

    /// Locks a key, unless another process has it.
    ///
    /// Within a process this always succeeds: there [`Flights`](super::Flights) keep callers apart.
    ///
    /// # Errors
    /// If the file system knows no such locks.
    pub fn try_lock(&self, hash: &[u8; 32]) -> io::Result<Option<FlightLock>> {
        let offset = offset(hash);
        match control(
            &self.file,
            command::SET_LOCK,
            &mut description(kind::WRITE, offset, 1),
        ) {
            Ok(()) => Ok(Some(FlightLock {
                file: self.file.clone(),
                offset,
                is_signed: false,
            })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Leaves all locks to the parent, in a forked child. Both have them: kept, they would outlive
    /// the parent, and unlocked, they would be lost to it.
    ///
    /// The descriptor is closed but not its number, which a guard may still use.
    pub(crate) fn leave_to_parent(&self) -> io::Result<()> {
        let nothing = File::open("/dev/null")?;
        // SAFETY: both descriptors are open, and `dup2` makes another of the first in the place of
        // the second, which its `File` goes on owning. No crate does that by a shared reference.
        match unsafe { libc::dup2(nothing.as_raw_fd(), self.file.as_raw_fd()) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Registers this process as a follower of a key's leader, until the returned lock is dropped.
    ///
    /// Several followers may wait for one leader: the lock is a shared one, of another byte.
    ///
    /// # Errors
    /// If the file system does not support such locks.
    pub(crate) fn wait(&self, hash: &[u8; 32]) -> io::Result<FlightLock> {
        let offset = offset(hash) | WAITING;
        let mut lock = description(kind::READ, offset, 1);
        control(&self.file, command::SET_LOCK, &mut lock)?;
        Ok(FlightLock {
            file: self.file.clone(),
            offset,
            is_signed: false,
        })
    }

    /// Returns the process that signed its lock of a key, or 0 if this process cannot see it, as
    /// from within a container.
    ///
    /// `None` if the lock is unsigned, or signed by this process.
    pub(crate) fn leader(&self, hash: &[u8; 32]) -> Option<i32> {
        let mut lock = description(kind::WRITE, offset(hash) | SIGNED, 1);
        control(&self.file, range::F_GETLK, &mut lock).ok()?;
        (lock.l_type != kind::NONE).then_some(lock.l_pid.max(0))
    }

    /// Reports whether another process waits for a key.
    pub(crate) fn is_awaited(&self, hash: &[u8; 32]) -> bool {
        let mut lock = description(kind::WRITE, offset(hash) | WAITING, 1);
        let asked = control(&self.file, command::GET_LOCK, &mut lock);
        asked.is_ok() && lock.l_type != kind::NONE
    }

    /// Locks a key as soon as it is free, and waits no longer than `patience`.
    ///
    /// Does not wait for a computation that this process was forked in, and no longer than until it
    /// is [interrupted](super::interrupt_waits_with).
    ///
    /// # Errors
    /// If the file system knows no such locks.
    pub fn lock(&self, hash: &[u8; 32], patience: Duration) -> io::Result<Option<FlightLock>> {
        let mut pauses = Pauses::new(hash, patience);
        loop {
            if let Some(lock) = self.try_lock(hash)? {
                return Ok(Some(lock));
            }
            match pauses.next() {
                Some(pause) if !interrupt::is_interrupted() => std::thread::sleep(pause),
                _ => return Ok(None),
            }
        }
    }
}

impl FlightLocks {
    /// Like [`FlightLocks::lock`], but as a future for any runtime. Polls the lock, since the
    /// kernel wakes only threads.
    ///
    /// # Errors
    /// If the file system does not support such locks.
    pub(crate) async fn lock_async(
        &self,
        hash: &[u8; 32],
        patience: Duration,
    ) -> io::Result<Option<FlightLock>> {
        let mut pauses = Pauses::new(hash, patience);
        loop {
            if let Some(lock) = self.try_lock(hash)? {
                return Ok(Some(lock));
            }
            let Some(pause) = pauses.next() else {
                return Ok(None);
            };
            let mut timer = Timer::after(pause);
            std::future::poll_fn(|context| timer.poll(context.waker())).await;
        }
    }
}

/// The pauses between attempts to lock a key, which grow, until the patience is over.
struct Pauses {
    patience: Duration,
    started: Instant,
    next: Duration,
}

impl Pauses {
    fn new(hash: &[u8; 32], patience: Duration) -> Self {
        Self {
            patience: patience_for(hash, patience),
            started: Instant::now(),
            next: SHORTEST_PAUSE,
        }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.started.elapsed() >= self.patience {
            return None;
        }
        let longer = (self.next * 2).min(LONGEST_PAUSE);
        Some(std::mem::replace(&mut self.next, longer))
    }
}

impl FlightLock {
    /// Lets other processes learn which process holds the lock.
    ///
    /// A lock of an open file belongs to no process, so this takes a classic one beside it. The
    /// kernel reports its owner to other processes, by the number it has in their namespace, and
    /// drops it with the process. It is also dropped when this process closes any descriptor of the
    /// file.
    pub(crate) fn sign(&mut self) {
        let mut lock = description(kind::WRITE, self.offset | SIGNED, 1);
        self.is_signed = control(&self.file, range::F_SETLK, &mut lock).is_ok();
    }

    /// Marks the thread as computing under this lock, until the returned guard is dropped.
    pub(super) fn held(&self) -> Held {
        Held::new(self.offset)
    }

    /// Returns the locks that it is one of.
    pub(crate) fn locks(&self) -> FlightLocks {
        FlightLocks {
            file: self.file.clone(),
        }
    }
}

impl Drop for FlightLock {
    fn drop(&mut self) {
        // If this fails, the kernel drops the locks when the file is closed.
        if self.is_signed {
            let mut lock = description(kind::NONE, self.offset | SIGNED, 1);
            let _ = control(&self.file, range::F_SETLK, &mut lock);
        }
        let _ = control(
            &self.file,
            command::SET_LOCK,
            &mut description(kind::NONE, self.offset, 1),
        );
    }
}

/// Returns the longest time to wait for a key.
fn patience_for(hash: &[u8; 32], patience: Duration) -> Duration {
    if inherited::is_inherited(offset(hash)) {
        Duration::ZERO
    } else {
        patience
    }
}

/// Returns the byte of a key. Two keys share one with a probability of 2^-61, and then wait for
/// each other.
fn offset(hash: &[u8; 32]) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first) & (SIGNED - 1)
}

/// Offset of the signature bytes, behind those of the keys.
const SIGNED: i64 = 1 << 61;

/// Offset of the followers' bytes, behind both.
const WAITING: i64 = 1 << 62;

/// Kinds of locks, in the type of the field that has them.
#[allow(
    clippy::unnecessary_cast,
    reason = "they are of another type on Linux than on Apple's systems"
)]
mod kind {
    pub(super) const READ: libc::c_short = libc::F_RDLCK as libc::c_short;
    pub(super) const WRITE: libc::c_short = libc::F_WRLCK as libc::c_short;
    pub(super) const NONE: libc::c_short = libc::F_UNLCK as libc::c_short;
}

/// Commands for locks of an open file, or of a process where there are none.
mod command {
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    pub(super) use super::range::{F_GETLK as GET_LOCK, F_SETLK as SET_LOCK};
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    pub(super) use libc::{F_OFD_GETLK as GET_LOCK, F_OFD_SETLK as SET_LOCK};
}

/// The description of a lock, and the call that takes it.
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86", target_arch = "arm", target_arch = "powerpc")
)))]
mod range {
    pub(super) use libc::{F_GETLK, F_SETLK, flock as Lock};

    /// Calls the kernel.
    ///
    /// # Safety
    ///
    /// `file` is an open descriptor.
    pub(super) unsafe fn control(file: libc::c_int, command: libc::c_int, lock: &mut Lock) -> bool {
        // SAFETY: the caller's promise; the struct is not kept.
        unsafe { libc::fcntl(file, command, lock) != -1 }
    }
}

/// The description of a lock, and the call that takes it: those of glibc have offsets of 32 bits
/// here, which cut off those of most keys.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86", target_arch = "arm", target_arch = "powerpc")
))]
mod range {
    pub(super) use libc::flock64 as Lock;

    /// The kernel's `F_GETLK64` and `F_SETLK64`, which the crate libc does not name.
    pub(super) const F_GETLK: libc::c_int = 12;
    pub(super) const F_SETLK: libc::c_int = 13;

    /// Calls the kernel.
    ///
    /// # Safety
    ///
    /// `file` is an open descriptor.
    pub(super) unsafe fn control(file: libc::c_int, command: libc::c_int, lock: &mut Lock) -> bool {
        // SAFETY: the caller's promise; the struct is not kept.
        unsafe { libc::syscall(libc::SYS_fcntl64, file, command, std::ptr::from_mut(lock)) != -1 }
    }
}

/// Describes a lock of `length` bytes from `offset` on, or of all that follow if `length` is 0.
fn description(kind: libc::c_short, offset: i64, length: i64) -> range::Lock {
    // SAFETY: a `Lock` of zeros is a valid value of this plain C struct.
    let mut lock: range::Lock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = offset;
    lock.l_len = length;
    lock
}

fn control(file: &File, command: libc::c_int, lock: &mut range::Lock) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` lives.
    if unsafe { range::control(file.as_raw_fd(), command, lock) } {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets of 32 bits would make them one, or be negative, which the kernel refuses.
    #[test]
    fn keys_whose_offsets_begin_or_end_alike_have_locks_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let locks = FlightLocks::open(&folder.path().join("locks")).expect("locks");
        let elsewhere = FlightLocks::open(&folder.path().join("locks")).expect("locks");
        let key = |bytes: [u8; 8]| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&bytes);
            hash
        };
        let one = key([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
        let others = [
            key([0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]),
            key([0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff]),
        ];
        let _lock = locks
            .try_lock(&one)
            .expect("locks work")
            .expect("it is free");
        assert!(elsewhere.try_lock(&one).expect("locks work").is_none());
        for other in others {
            assert!(elsewhere.try_lock(&other).expect("locks work").is_some());
        }
    }

    #[test]
    fn another_open_file_has_to_wait_for_the_same_key_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("locks");
        let here = FlightLocks::open(&path).expect("locks");
        let elsewhere = FlightLocks::open(&path).expect("locks");
        let lock = here.try_lock(&[1; 32]).expect("locks work");
        assert!(lock.is_some());
        assert!(elsewhere.try_lock(&[1; 32]).expect("locks work").is_none());
        assert!(elsewhere.try_lock(&[2; 32]).expect("locks work").is_some());
        assert!(elsewhere.is_any_locked().expect("locks work"));
        assert!(!here.is_any_locked().expect("it is our own"));
        assert!(!here.is_awaited(&[1; 32]));
        let (one, other) = (elsewhere.wait(&[1; 32]), FlightLocks::open(&path));
        let other = other.expect("locks").wait(&[1; 32]).expect("many may wait");
        assert!(here.is_awaited(&[1; 32]) && !here.is_awaited(&[2; 32]));
        drop(one);
        assert!(here.is_awaited(&[1; 32]), "by the other");
        drop(other);
        assert!(!here.is_awaited(&[1; 32]));
        // This process itself is the one that signs.
        let mut lock = lock.expect("it is free");
        lock.sign();
        assert_eq!(elsewhere.leader(&[1; 32]), None);
        drop(lock);
        assert!(!elsewhere.is_any_locked().expect("locks work"));
        assert!(elsewhere.try_lock(&[1; 32]).expect("locks work").is_some());
    }
}
