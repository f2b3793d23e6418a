//! What a running command prints, for the processes that wait for it, while it runs.
//!
//! Whoever runs a command and holds its lock appends what it prints to a file in a folder beside
//! the store, `store.db-flights`, that has the flight's name, in the frames of
//! [`recording`](super::recording). Others read the file as it grows, every ten milliseconds at
//! most. That it is gone, or sealed (mode 0400, which needs no space on a full disk), says that no
//! more will come.
//!
//! A killed process leaves its file behind, complete perhaps, and days old. So its writer holds a
//! lock on it, which the kernel drops with the writer, and nobody begins to read a file that is not
//! locked. The next writer removes it.
//!
//! Weighed: a socket that the runner listens on (it would have to keep all that was printed for
//! whoever comes late, and to serve while it runs; a reader that is slow would hold up the others),
//! frames as rows in the store (a transaction for each, and a log that grows), inotify in the place
//! of polling (a descriptor and a limit per user, for a few milliseconds).

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frames::{Frames, Next, Source};
use super::recording::{END, Stream};
use crate::key::Key;
use crate::sidecar::{self, Purpose, Sidecar};
use crate::single_flight::{FlightLock, FlightLocks};

/// As much as is read of a file at once.
const READ: usize = 1 << 16;

/// The mode of a file that grows no more although its command goes on.
const SEALED: u32 = 0o400;

/// Where the file of a flight is.
pub(super) fn place(store: &Path, flight: &[u8; 32]) -> PathBuf {
    Sidecar::Flights
        .path(store)
        .join(Key::of_hash(flight).as_str())
}

/// Where the locks of flights are.
pub(super) fn locks(store: &Path) -> PathBuf {
    Sidecar::Locks.path(store)
}

/// The file of a running command, for its writer. It is gone with this.
pub(super) struct Broadcast {
    path: PathBuf,
    file: File,
    is_sealed: bool,
    _lock: FlightLock,
}

impl Broadcast {
    /// Makes the file of a flight whose lock this process holds.
    ///
    /// # Errors
    /// If it cannot be made, or others could write to its folder.
    pub(super) fn start(path: PathBuf, flight: &[u8; 32]) -> io::Result<Self> {
        let folder = path.parent().expect("it is in the folder of flights");
        sidecar::make_folder(folder)?;
        remove_orphans(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = sidecar::open(&path, Purpose::Create)?;
        let lock = FlightLocks::new(file.try_clone()?).try_lock(flight)?;
        let _lock = lock.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(Self {
            path,
            file,
            is_sealed: false,
            _lock,
        })
    }

    /// Adds what came on a stream; where that cannot be, others are told to expect no more.
    pub(super) fn send(&mut self, stream: Stream, bytes: &[u8]) {
        self.write(&frame(stream, bytes));
    }

    /// Adds frames.
    pub(super) fn write(&mut self, frames: &[u8]) {
        if !self.is_sealed && self.file.write_all(frames).is_err() {
            self.seal();
        }
    }

    /// Says that the command goes on, and no more of it will be told.
    pub(super) fn seal(&mut self) {
        self.is_sealed = true;
        let _ = self.file.set_permissions(Permissions::from_mode(SEALED));
    }

    /// Says that this was all.
    pub(super) fn end(&mut self, exit: u8) {
        self.write(&[END, exit]);
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        // What cannot be removed is not locked any more, so nobody reads it.
        let _ = fs::remove_file(&self.path);
    }
}

/// What came on a stream, as a frame.
pub(super) fn frame(stream: Stream, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a read from a pipe is shorter");
    [&[stream as u8][..], &length.to_be_bytes(), bytes].concat()
}

/// Removes what killed processes left. It may be large, and its flight need not come again.
///
/// One that is just being made is not locked yet: its flight is heard of when it is over, as
/// without any file.
fn remove_orphans(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if sidecar::open(&path, Purpose::Read)
            .is_ok_and(|file| is_written(&file).is_ok_and(|is_written| !is_written))
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether the file's writer lives.
fn is_written(file: &File) -> io::Result<bool> {
    FlightLocks::new(file.try_clone()?).is_any_locked()
}

/// The file of a running command, for those who wait for it.
pub(super) struct Listener {
    path: PathBuf,
    current: Option<Current>,
    buffer: Vec<u8>,
}

struct Current {
    file: Arc<File>,
    frames: Frames,
}

/// What there is to know of a running command.
pub(super) enum Heard<'a> {
    /// It began; what comes from now on is from its beginning
    Beginning(&'a Arc<File>),
    /// It printed this
    Bytes(Stream, &'a [u8]),
    /// It ended with this exit code
    End(u8),
    /// It goes on, but nothing more will be told of it
    Sealed,
    /// Nothing for now
    Nothing,
}

impl Listener {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            current: None,
            buffer: Vec::new(),
        }
    }

    /// Whether there is a run that it hears.
    pub(super) fn is_hearing(&self) -> bool {
        self.current.is_some()
    }

    /// What there is to know next.
    ///
    /// # Errors
    /// If the file cannot be read, or is none of ours.
    pub(super) fn hear(&mut self) -> io::Result<Heard<'_>> {
        let Some(current) = &mut self.current else {
            self.current = begin(&self.path)?;
            // Mostly there is nothing to be heard.
            if self.current.is_some() {
                self.buffer.resize(READ, 0);
            }
            return Ok(match &self.current {
                Some(current) => Heard::Beginning(&current.file),
                None => Heard::Nothing,
            });
        };
        // In this order: what is there once no more can come is all.
        let metadata = current.file.metadata()?;
        match current.frames.next(&mut self.buffer)? {
            Next::Bytes(stream, count) => Ok(Heard::Bytes(stream, &self.buffer[..count])),
            Next::End(exit) => Ok(Heard::End(exit)),
            Next::Nothing if metadata.mode() & 0o777 == SEALED => Ok(Heard::Sealed),
            Next::Nothing => {
                if metadata.nlink() == 0 {
                    self.current = None;
                }
                Ok(Heard::Nothing)
            }
        }
    }
}

fn begin(path: &Path) -> io::Result<Option<Current>> {
    let file = match sidecar::open(path, Purpose::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_written(&file)? {
        return Ok(None);
    }
    let file = Arc::new(file);
    let frames = Frames::new(Source::Told(file.clone()));
    Ok(Some(Current { file, frames }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLIGHT: [u8; 32] = [7; 32];

    /// All that is heard until there is nothing more for now.
    fn heard(listener: &mut Listener) -> String {
        let mut all = String::new();
        loop {
            match listener.hear().expect("it can be read") {
                Heard::Beginning(_) => all.push('('),
                Heard::Bytes(stream, bytes) => {
                    let bytes = str::from_utf8(bytes).expect("text");
                    all.push_str(&format!("{}{bytes}", stream as u8));
                }
                Heard::End(exit) => return format!("{all}){exit}"),
                Heard::Sealed => return all + "#",
                Heard::Nothing => return all,
            }
        }
    }

    #[test]
    fn is_heard_as_it_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        let mut listener = Listener::new(path.clone());
        assert_eq!(heard(&mut listener), "");
        let mut broadcast = Broadcast::start(path.clone(), &FLIGHT).expect("a file");
        broadcast.send(Stream::Output, b"a");
        assert_eq!(heard(&mut listener), "(1a");
        assert_eq!(heard(&mut listener), "");
        broadcast.send(Stream::Error, b"b");
        broadcast.end(3);
        drop(broadcast);
        assert!(!path.exists());
        assert_eq!(heard(&mut listener), "2b)3");
        assert_eq!(heard(&mut Listener::new(path)), "");
    }

    #[test]
    fn one_that_ends_without_an_end_is_followed_by_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        let mut broadcast = Broadcast::start(path.clone(), &FLIGHT).expect("a file");
        let mut listener = Listener::new(path.clone());
        broadcast.send(Stream::Output, b"a");
        drop(broadcast);
        assert_eq!(heard(&mut listener), "", "it had not begun to listen");
        let mut broadcast = Broadcast::start(path.clone(), &FLIGHT).expect("a file");
        broadcast.send(Stream::Output, b"b");
        assert_eq!(heard(&mut listener), "(1b");
        drop(broadcast);
        assert_eq!(heard(&mut listener), "");
        let mut broadcast = Broadcast::start(path, &FLIGHT).expect("a file");
        broadcast.send(Stream::Output, b"c");
        broadcast.seal();
        broadcast.send(Stream::Output, b"d");
        assert_eq!(heard(&mut listener), "(1c#");
    }

    #[test]
    fn what_a_killed_process_left_is_not_read_and_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        fs::create_dir(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, b"\x01\0\0\0\x01x\0\0").expect("a file");
        assert_eq!(heard(&mut Listener::new(path.clone())), "");
        let other = Broadcast::start(folder.path().join("flights/g"), &FLIGHT);
        assert!(other.is_ok() && !path.exists());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        let flights = path.parent().expect("a folder");
        fs::create_dir(flights).expect("a folder");
        fs::set_permissions(flights, Permissions::from_mode(0o777)).expect("a mode");
        assert!(Broadcast::start(path, &FLIGHT).is_err());
    }
}
