//! The header of the write-ahead log, which SQLite does not tell from an empty log where it is damaged.
//!
//! A writer then begins a new log, and a reader sees the file without what the log had; one that keeps the index of
//! the log in memory tries again for ten seconds, as it does when a writer is just beginning one.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

const HEADER: usize = 32;

/// The first number of a log, whose last bit tells in which order its checksums take bytes.
const MAGIC: u32 = 0x377f_0682;

/// A header that makes no sense may be one that is just being written.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(5);

/// Reports whether a log has a header that nobody wrote. Where it cannot be read, opening the store tells.
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

/// The header of a log that has one.
fn header(log: &Path) -> Option<[u8; HEADER]> {
    let mut options = OpenOptions::new();
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    // None of SQLite's locks are on this file, so it may be closed.
    let file = options.read(true).custom_flags(flags).open(log).ok()?;
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, 0).ok()?;
    Some(header)
}

/// A file system that was cut off from its power may have lengthened the log without having written it.
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
