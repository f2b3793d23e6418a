//! Checks the header of the write-ahead log, since SQLite takes a damaged header for an empty log.
//!
//! A writer would then begin a new log, and a reader would see the file without the log's contents.
//! A reader that keeps the log's index in memory would retry for ten seconds, as it does while a
//! writer is beginning a log.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

const HEADER: usize = 32;

/// First number of a log; its last bit gives the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;

/// Number of reads before a header counts as damaged, since one may be half written.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(5);

/// Reports whether a log has a damaged header. An unreadable log is left for opening to report.
pub(super) fn is_damaged(log: &Path) -> bool {
    for attempt in 0..ATTEMPTS {
        match header(log) {
            Some(header) if !is_sound(&header) => {}
            _ => return false,
        }
        if attempt + 1 < ATTEMPTS {
            std::thread::sleep(PAUSE);
        }
    }
    true
}

/// Reads the header of a log, if it has one.
fn header(log: &Path) -> Option<[u8; HEADER]> {
    let mut options = OpenOptions::new();
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    // SQLite holds no locks on this file, so closing it drops none.
    let file = options.read(true).custom_flags(flags).open(log).ok()?;
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, 0).ok()?;
    Some(header)
}

/// Verifies a header. All zeros are sound: a power loss may extend the log without writing it.
fn is_sound(header: &[u8; HEADER]) -> bool {
    if *header == [0; HEADER] {
        return true;
    }
    let (words, _) = header.as_chunks::<4>();
    let magic = u32::from_be_bytes(words[0]);
    if magic & !1 != MAGIC {
        return false;
    }
    let word = if magic & 1 == 1 {
        u32::from_be_bytes
    } else {
        u32::from_le_bytes
    };
    let (mut first, mut second) = (0_u32, 0_u32);
    for pair in words[..6].chunks(2) {
        first = first.wrapping_add(word(pair[0])).wrapping_add(second);
        second = second.wrapping_add(word(pair[1])).wrapping_add(first);
    }
    (first, second) == (u32::from_be_bytes(words[6]), u32::from_be_bytes(words[7]))
}
