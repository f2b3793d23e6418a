//! The files of the log: appending, locking, and beginning anew.
//!
//! Appending opens the file, takes a shared lock without waiting, and writes once at its end. Only
//! who begins the file, or removes it once all of it is folded, takes the lock alone. An appender
//! that finds the lock taken for longer than a millisecond, as by a stopped process, appends to a
//! second file.
//!
//! The first 64 bytes name the log by a random id, so that offsets recorded for another log of the
//! same name are not taken for its own, and note the time of calls that could not be appended.
//! Overwriting them needs no space on a full disk.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::header::{GAP, Gap, HEADER, LogId, gap_bytes, gap_of, id_of, new_header};
use super::record::{self, SLOT, What};
use super::{Event, Tally};
use crate::sidecar::{OpenPurpose, Sidecar, file_of};
use crate::time::Timestamp;

/// Size from which nothing is appended any more, in bytes: the log is not folded for some reason.
const MAX_SIZE: u64 = 64 << 20;

/// Attempts to get the lock, and the pause between two.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_micros(100);

/// The files, in the order in which an appender tries them.
pub(super) const FILES: [Sidecar; 2] = [Sidecar::Usage, Sidecar::MoreUsage];

/// The state of a log after something was appended to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// Size of the file in bytes
    size: u64,
    /// Nothing was in the file before
    is_first: bool,
}

impl Appended {
    /// Reports whether the log is to be folded: it is larger than that many bytes, or it is new. A
    /// log that the store has never folded a part of would not be missed if it were deleted.
    #[must_use]
    pub fn is_due(self, above: u64) -> bool {
        self.is_first || self.is_above(above)
    }

    /// Reports whether the log is larger than that many bytes.
    #[must_use]
    pub fn is_above(self, size: u64) -> bool {
        self.size > size
    }
}

/// The usage log beside a store, or for a server at a place of this host.
#[derive(Clone, Debug)]
pub struct Log {
    beside: PathBuf,
}

impl Log {
    /// Number of bytes that most events take, or fewer.
    pub(crate) const MOST_PER_EVENT: usize = 2 * SLOT;

    /// Returns the log beside a store, or beside the file that a link to a store leads to. Nothing
    /// is opened yet.
    #[must_use]
    pub fn beside(store: &Path) -> Self {
        Self {
            beside: file_of(store),
        }
    }

    /// Returns the size of the log's files in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let sizes =
            FILES.map(|file| fs::metadata(file.path(&self.beside)).map_or(0, |at| at.len()));
        sizes.iter().sum()
    }

    /// Appends events.
    ///
    /// # Errors
    /// If the file cannot be written to, or is not safe to use. If possible, the log notes that
    /// calls were not counted.
    pub fn append(&self, events: &[Event]) -> io::Result<Appended> {
        let Some(last) = events.last() else {
            return Ok(Appended::default());
        };
        let appended = self.tell(events);
        if appended.is_err() {
            // Best effort: without a header there is no place for it.
            let _ = self.note_gap(last.at);
        }
        appended
    }

    /// Appends events for those who follow the log; nothing is lost if they cannot be appended.
    ///
    /// # Errors
    /// Fails like [`Log::append`].
    pub(crate) fn tell(&self, events: &[Event]) -> io::Result<Appended> {
        self.append_tally(events, None, None)
    }

    /// Appends events, that a tally has ended with them, and that another one begins.
    ///
    /// # Errors
    /// Fails like [`Log::append`], and notes nothing of it.
    pub(crate) fn append_tally(
        &self,
        events: &[Event],
        ended: Option<Tally>,
        begun: Option<Tally>,
    ) -> io::Result<Appended> {
        let mut bytes = Vec::with_capacity((events.len() + 1) * 2 * SLOT);
        for event in events {
            record::write(event, &mut bytes);
        }
        for (what, tally) in [(What::Ended, ended), (What::Begun, begun)] {
            if let Some(tally) = tally {
                record::write_tally(what, tally, &mut bytes);
            }
        }
        for file in FILES {
            if let Some(appended) = self.append_to(file, &bytes)? {
                return Ok(appended);
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// Returns the path that the locks of tallies are beside.
    pub(crate) fn place(&self) -> &Path {
        &self.beside
    }

    /// Reports whether this process may append to the log, without trying.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let is_open = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        match Sidecar::Usage.open(&self.beside, OpenPurpose::Read) {
            Ok(_) => is_open(&Sidecar::Usage.path(&self.beside)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = self
                    .beside
                    .parent()
                    .filter(|one| !one.as_os_str().is_empty());
                is_open(folder.unwrap_or(Path::new(".")))
            }
            Err(_) => false,
        }
    }

    /// Returns `None` if the lock is taken.
    fn append_to(&self, sidecar: Sidecar, bytes: &[u8]) -> io::Result<Option<Appended>> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            let (mut file, found) = match self.open_shared(sidecar, OpenPurpose::Append)? {
                Opened::Shared(file, found) => (file, found),
                Opened::Missing(error) if !self.has_folder() => return Err(error),
                // `Missing`: it was removed between opening and the first look.
                Opened::Missing(_) | Opened::Taken | Opened::Removed => continue,
            };
            if found.len() < HEADER as u64 {
                drop(file);
                self.begin(sidecar)?;
                continue;
            }
            if found.len() > MAX_SIZE {
                return Err(ErrorKind::StorageFull.into());
            }
            // Once: the rest of a record that was cut off does not belong behind another one's.
            if file.write(bytes)? < bytes.len() {
                return Err(ErrorKind::StorageFull.into());
            }
            return Ok(Some(Appended {
                size: found.len() + bytes.len() as u64,
                is_first: found.len() == HEADER as u64,
            }));
        }
        Ok(None)
    }

    /// Opens a file of the log with a shared lock, under which it is not removed.
    fn open_shared(&self, sidecar: Sidecar, purpose: OpenPurpose) -> io::Result<Opened> {
        let file = match sidecar.open(&self.beside, purpose) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Opened::Missing(error));
            }
            file => file?,
        };
        if !try_lock(&file, FlockOperation::NonBlockingLockShared)? {
            return Ok(Opened::Taken);
        }
        let found = file.metadata()?;
        Ok(if found.nlink() == 0 {
            Opened::Removed
        } else {
            Opened::Shared(file, found)
        })
    }

    fn has_folder(&self) -> bool {
        self.beside
            .parent()
            .is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
    }

    /// Writes the header of a file that has none.
    fn begin(&self, sidecar: Sidecar) -> io::Result<()> {
        let file = sidecar.open(&self.beside, OpenPurpose::Share)?;
        if !try_lock(&file, FlockOperation::NonBlockingLockExclusive)? {
            return Ok(());
        }
        if file.metadata()?.len() < HEADER as u64 {
            // A crash may have left a part of a header.
            file.set_len(0)?;
            file.write_all_at(&new_header(), 0)?;
        }
        Ok(())
    }

    /// Notes that calls at `at` could not be appended.
    pub(crate) fn note_gap(&self, at: Timestamp) -> io::Result<()> {
        for sidecar in FILES {
            let (reader, writer) = match sidecar.open(&self.beside, OpenPurpose::Read) {
                Ok(reader) => (reader, sidecar.open(&self.beside, OpenPurpose::Change)?),
                Err(_) => continue,
            };
            let mut header = [0; HEADER];
            reader.read_exact_at(&mut header, 0)?;
            let gap = match gap_of(&header) {
                None => Gap {
                    from: at,
                    until: at,
                },
                Some(gap) => Gap {
                    from: gap.from.min(at),
                    until: gap.until.max(at),
                },
            };
            return writer.write_all_at(&gap_bytes(gap), GAP as u64);
        }
        Ok(())
    }

    /// Opens the files that there are, to read them. They are not begun anew while they are open.
    pub(crate) fn open(&self) -> io::Result<Vec<OpenLog>> {
        let mut open = Vec::new();
        for sidecar in FILES {
            open.extend(self.open_one(sidecar)?);
        }
        Ok(open)
    }

    pub(super) fn open_one(&self, sidecar: Sidecar) -> io::Result<Option<OpenLog>> {
        for _ in 0..ATTEMPTS * 10 {
            match self.open_shared(sidecar, OpenPurpose::Read)? {
                Opened::Shared(_, found) if found.len() < HEADER as u64 => return Ok(None),
                Opened::Shared(file, _) => {
                    return OpenLog::new(file, self.path(sidecar)).map(Some);
                }
                Opened::Missing(_) => return Ok(None),
                Opened::Taken => std::thread::sleep(PAUSE),
                Opened::Removed => {}
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    fn path(&self, sidecar: Sidecar) -> PathBuf {
        sidecar.path(&self.beside)
    }
}

/// The outcome of opening a file of the log.
enum Opened {
    /// Opened, with a shared lock
    Shared(File, Metadata),
    /// There is no such file
    Missing(io::Error),
    /// Another process has the lock alone
    Taken,
    /// The file was removed before it was locked
    Removed,
}

/// A file of the log that is not begun anew while this is open.
pub(crate) struct OpenLog {
    file: File,
    path: PathBuf,
    id: LogId,
    /// Time of calls that could not be appended
    gap: Option<Gap>,
}

impl OpenLog {
    fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0)?;
        Ok(Self {
            file,
            path,
            id: id_of(&header),
            gap: gap_of(&header),
        })
    }

    pub(crate) fn id(&self) -> LogId {
        self.id
    }

    /// Returns the time of calls that could not be appended.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// Returns the offset behind `read` bytes of records from an offset.
    pub(crate) fn after(&self, offset: u64, read: usize) -> u64 {
        match read {
            0 => offset,
            read => offset.max(HEADER as u64) + read as u64,
        }
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Lets the file be removed; readers keep the part that they read.
    pub(super) fn unlock(&self) -> io::Result<()> {
        Ok(flock(&self.file, FlockOperation::Unlock)?)
    }

    /// Reports whether the file was removed, after which nothing is appended to it.
    pub(super) fn is_removed(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() == 0)
    }

    /// Reads at most `most` bytes of records from an offset; 0 is the first record.
    pub(crate) fn read(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let offset = offset.max(HEADER as u64);
        let size = self.size()?;
        let length = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(most)];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Removes the file, if no other process uses it and `fold_rest`, called while none can
    /// append, returns true. The next appender begins another one.
    pub(crate) fn remove<E>(
        &self,
        fold_rest: impl FnOnce(&Self) -> Result<bool, E>,
    ) -> Result<bool, E> {
        // Converting a lock gives up the shared one for a moment.
        let lock = try_lock(&self.file, FlockOperation::NonBlockingLockExclusive);
        let is_ours = || {
            let (ours, there) = (self.file.metadata()?, fs::symlink_metadata(&self.path)?);
            io::Result::Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        let is_alone = lock.unwrap_or(false) && is_ours().unwrap_or(false);
        let is_removed = is_alone && fold_rest(self)? && fs::remove_file(&self.path).is_ok();
        let _ = try_lock(&self.file, FlockOperation::NonBlockingLockShared);
        Ok(is_removed)
    }
}

fn try_lock(file: &File, how: FlockOperation) -> io::Result<bool> {
    loop {
        match flock(file, how) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::record::Records;
    use crate::usage::tests::event;

    #[test]
    fn a_lock_that_is_held_sends_records_to_the_second_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store.db");
        let log = Log::beside(&store);
        log.append(&[event(1)]).expect("appended");
        let held = Sidecar::Usage
            .open(&store, OpenPurpose::Read)
            .expect("the log");
        assert!(try_lock(&held, FlockOperation::NonBlockingLockExclusive).expect("a lock"));
        log.append(&[event(2)]).expect("appended");
        drop(held);
        log.append(&[event(3)]).expect("appended");
        let found = log.open().expect("the log").into_iter().map(|open| {
            let bytes = open.read(0, 1 << 20).expect("bytes");
            Records::new(&bytes).map(|one| one.at.as_millis()).collect()
        });
        assert_eq!(found.collect::<Vec<Vec<i64>>>(), [vec![1, 3], vec![2]]);
    }

    #[test]
    fn calls_that_cannot_be_appended_are_noted() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store.db");
        let log = Log::beside(&store);
        log.append(&[event(1)]).expect("appended");
        let file = Sidecar::Usage
            .open(&store, OpenPurpose::Change)
            .expect("the log");
        file.set_len(MAX_SIZE + 1).expect("a sparse file");
        assert!(log.append(&[event(9)]).is_err());
        assert!(log.append(&[event(7)]).is_err());
        let open = log.open().expect("the log");
        let gap = open[0].gap.expect("a note");
        assert_eq!((gap.from.as_millis(), gap.until.as_millis()), (7, 9));
    }

    #[test]
    fn a_torn_header_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store.db");
        fs::write(Sidecar::Usage.path(&store), b"ecusage").expect("a file");
        let log = Log::beside(&store);
        log.append(&[event(1)]).expect("appended");
        let open = log.open().expect("the log");
        assert_eq!(
            Records::new(&open[0].read(0, 1024).expect("bytes")).count(),
            1
        );
        let id = open[0].id;
        drop(open);
        log.append(&[event(2)]).expect("appended");
        assert_eq!(log.open().expect("the log")[0].id, id);
    }
}
