//! Publishes the live output of a running command to the processes that wait for it.
//!
//! The leader, which holds the lock of the flight, appends the output to a file in a folder beside
//! the store, `store.db-flights`. The file has the flight's name, and the frames of
//! [`recording`](super::recording). Followers poll it as it grows, at most ten milliseconds apart.
//! A file that is removed or sealed (mode 0400, which needs no space on a full disk) gets no more
//! output.
//!
//! A killed leader leaves its file behind, perhaps complete, perhaps days old. The leader therefore
//! holds a lock on it, which the kernel releases when the process ends, and a follower ignores a
//! file that is not locked. The next leader removes such an orphan.
//!
//! Alternatives considered: a socket that the leader listens on (it would have to buffer all output
//! for late followers and serve them while the command runs; a slow reader would delay the others),
//! frames as rows in the store (a transaction for each, and a log that grows), and inotify instead
//! of polling (a descriptor and a limit per user, to save a few milliseconds).

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::{Next, RunReader, Source};
use super::recording::{END, Stream};
use crate::key::Key;
use crate::sidecar::{self, OpenPurpose, Sidecar};
use crate::single_flight::{FlightLock, FlightLocks};

/// Maximum number of bytes read from a file at once.
const READ: usize = 1 << 16;

/// Mode of a file that gets no more output although its command is still running.
const SEALED: u32 = 0o400;

/// Returns the path of a flight's file.
pub(crate) fn place(store: &Path, flight: &[u8; 32]) -> PathBuf {
    Sidecar::Flights
        .path(store)
        .join(Key::of_hash(flight).as_str())
}

/// Returns the path of the lock file of all flights.
pub(crate) fn locks(store: &Path) -> PathBuf {
    Sidecar::Locks.path(store)
}

/// The leader's end of a live output file, which is removed when this is dropped.
pub(crate) struct LiveOutput {
    path: PathBuf,
    file: File,
    is_sealed: bool,
    _lock: FlightLock,
}

impl LiveOutput {
    /// Creates the file of a flight whose lock this process holds.
    ///
    /// # Errors
    /// Fails if it cannot be created, or if other users could write to its folder.
    pub(crate) fn start(path: PathBuf, flight: &[u8; 32]) -> io::Result<Self> {
        let folder = path.parent().expect("it is in the folder of flights");
        sidecar::make_folder(folder)?;
        remove_orphans(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = sidecar::open(&path, OpenPurpose::Create)?;
        let lock = FlightLocks::new(file.try_clone()?).try_lock(flight)?;
        let _lock = lock.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(Self {
            path,
            file,
            is_sealed: false,
            _lock,
        })
    }

    /// Appends output of a stream; seals the file if that fails.
    pub(crate) fn send(&mut self, stream: Stream, bytes: &[u8]) {
        self.write(&frame(stream, bytes));
    }

    /// Appends frames; seals the file if that fails.
    pub(crate) fn write(&mut self, frames: &[u8]) {
        if !self.is_sealed && self.file.write_all(frames).is_err() {
            self.seal();
        }
    }

    /// Marks the file as getting no more output, although the command is still running.
    pub(crate) fn seal(&mut self) {
        self.is_sealed = true;
        let _ = self.file.set_permissions(Permissions::from_mode(SEALED));
    }

    /// Appends the end of the run.
    pub(crate) fn end(&mut self, exit: u8) {
        self.write(&[END, exit]);
    }
}

impl Drop for LiveOutput {
    fn drop(&mut self) {
        // A file that cannot be removed loses its lock, so followers ignore it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns output of a stream as a frame.
pub(crate) fn frame(stream: Stream, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a read from a pipe is shorter");
    [&[stream as u8][..], &length.to_be_bytes(), bytes].concat()
}

/// Removes the files of killed leaders. They may be large, and the same command may never run
/// again.
///
/// A file that another process has just created is not locked yet and may be removed as well. The
/// followers of that flight then get the result at its end, as without a file.
fn remove_orphans(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if sidecar::open(&path, OpenPurpose::Read)
            .is_ok_and(|file| is_written(&file).is_ok_and(|is_written| !is_written))
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// Reports whether the leader that writes a file is alive.
fn is_written(file: &File) -> io::Result<bool> {
    FlightLocks::new(file.try_clone()?).is_any_locked()
}

/// A follower's end of a live output file.
pub(crate) struct Listener {
    path: PathBuf,
    current: Option<Current>,
    buffer: Vec<u8>,
}

struct Current {
    file: Arc<File>,
    frames: RunReader,
}

/// The next event of a running command.
pub(crate) enum LiveEvent<'a> {
    /// A run was found; its output follows from the beginning
    Beginning(&'a Arc<File>),
    /// It printed this
    Bytes(Stream, &'a [u8]),
    /// It ended with this exit code
    End(u8),
    /// It is still running, but publishes no more output
    Sealed,
    /// Nothing for now
    Nothing,
}

impl Listener {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            current: None,
            buffer: Vec::new(),
        }
    }

    /// Reports whether it is following a run.
    pub(crate) fn is_hearing(&self) -> bool {
        self.current.is_some()
    }

    /// Returns the next event.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is malformed, or is not safe to use.
    pub(crate) fn hear(&mut self) -> io::Result<LiveEvent<'_>> {
        let Some(current) = &mut self.current else {
            self.current = begin(&self.path)?;
            // Most commands publish nothing, so the buffer is allocated late.
            if self.current.is_some() {
                self.buffer.resize(READ, 0);
            }
            return Ok(match &self.current {
                Some(current) => LiveEvent::Beginning(&current.file),
                None => LiveEvent::Nothing,
            });
        };
        // The metadata is read first: a file sealed or removed by then has all its frames.
        let metadata = current.file.metadata()?;
        match current.frames.next(&mut self.buffer)? {
            Next::Bytes(stream, count) => Ok(LiveEvent::Bytes(stream, &self.buffer[..count])),
            Next::End(exit) => Ok(LiveEvent::End(exit)),
            Next::Nothing if metadata.mode() & 0o777 == SEALED => Ok(LiveEvent::Sealed),
            Next::Nothing => {
                if metadata.nlink() == 0 {
                    self.current = None;
                }
                Ok(LiveEvent::Nothing)
            }
        }
    }
}

fn begin(path: &Path) -> io::Result<Option<Current>> {
    let file = match sidecar::open(path, OpenPurpose::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_written(&file)? {
        return Ok(None);
    }
    let file = Arc::new(file);
    let frames = RunReader::new(Source::Told(file.clone()));
    Ok(Some(Current { file, frames }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLIGHT: [u8; 32] = [7; 32];

    /// Returns all events until there are none for now.
    fn heard(listener: &mut Listener) -> String {
        let mut all = String::new();
        loop {
            match listener.hear().expect("it can be read") {
                LiveEvent::Beginning(_) => all.push('('),
                LiveEvent::Bytes(stream, bytes) => {
                    let bytes = str::from_utf8(bytes).expect("text");
                    all.push_str(&format!("{}{bytes}", stream as u8));
                }
                LiveEvent::End(exit) => return format!("{all}){exit}"),
                LiveEvent::Sealed => return all + "#",
                LiveEvent::Nothing => return all,
            }
        }
    }

    #[test]
    fn is_heard_as_it_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        let mut listener = Listener::new(path.clone());
        assert_eq!(heard(&mut listener), "");
        let mut broadcast = LiveOutput::start(path.clone(), &FLIGHT).expect("a file");
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
        let mut broadcast = LiveOutput::start(path.clone(), &FLIGHT).expect("a file");
        let mut listener = Listener::new(path.clone());
        broadcast.send(Stream::Output, b"a");
        drop(broadcast);
        assert_eq!(heard(&mut listener), "", "it had not begun to listen");
        let mut broadcast = LiveOutput::start(path.clone(), &FLIGHT).expect("a file");
        broadcast.send(Stream::Output, b"b");
        assert_eq!(heard(&mut listener), "(1b");
        drop(broadcast);
        assert_eq!(heard(&mut listener), "");
        let mut broadcast = LiveOutput::start(path, &FLIGHT).expect("a file");
        broadcast.send(Stream::Output, b"c");
        broadcast.seal();
        broadcast.send(Stream::Output, b"d");
        assert_eq!(heard(&mut listener), "(1c#");
    }

    #[test]
    fn a_file_left_by_a_killed_process_is_not_read_and_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        fs::create_dir(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, b"\x01\0\0\0\x01x\0\0").expect("a file");
        assert_eq!(heard(&mut Listener::new(path.clone())), "");
        let other = LiveOutput::start(folder.path().join("flights/g"), &FLIGHT);
        assert!(other.is_ok() && !path.exists());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights/f");
        let flights = path.parent().expect("a folder");
        fs::create_dir(flights).expect("a folder");
        fs::set_permissions(flights, Permissions::from_mode(0o777)).expect("a mode");
        assert!(LiveOutput::start(path, &FLIGHT).is_err());
    }
}
