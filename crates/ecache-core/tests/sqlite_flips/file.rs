//! The pages of a file, and their bits.

use super::*;

/// A page of the file, with its kind and the bytes of it that SQLite reads.
pub(super) struct Page {
    is_index: bool,
    pub(super) is_interior: bool,
    pub(super) used: Vec<Range<usize>>,
}

/// Reads the page headers. The second page has none: it maps pages to their parents.
pub(super) fn pages(file: &[u8]) -> Vec<Page> {
    let count = file.len() / PAGE;
    (0..count)
        .map(|number| {
            let start = number * PAGE;
            if number == 1 {
                return Page {
                    is_index: false,
                    is_interior: false,
                    used: std::iter::once(start..start + 5 * count).collect(),
                };
            }
            let header = start + if number == 0 { 100 } else { 0 };
            let two = |at: usize| usize::from(u16::from_be_bytes([file[at], file[at + 1]]));
            let kind = file[header];
            assert!([2, 5, 10, 13].contains(&kind), "page {number} is a tree's");
            let is_interior = kind <= 5;
            let length = if is_interior { 12 } else { 8 };
            let pointers = header + length + 2 * two(header + 3);
            Page {
                is_index: matches!(kind, 2 | 10),
                is_interior,
                used: vec![start..pointers, start + two(header + 5)..start + PAGE],
            }
        })
        .collect()
}

/// Returns the bits to flip: one in `of_index` of index and interior pages, one in `of_table` of
/// the rest.
pub(super) fn bits(file: &[u8], of_index: usize, of_table: usize) -> Vec<usize> {
    let pages = pages(file);
    let of_page = |page: &Page| -> Vec<usize> {
        let is_dense = page.is_index || page.is_interior;
        let stride = if is_dense { of_index } else { of_table };
        let used = page.used.iter().cloned();
        let bits = used.flat_map(|bytes| bytes.start * 8..bytes.end * 8);
        bits.step_by(stride).collect()
    };
    pages.iter().flat_map(of_page).collect()
}

/// A store whose bits are flipped in place.
pub(super) struct Flipped {
    file: File,
    path: PathBuf,
    whole: Vec<u8>,
}

impl Flipped {
    pub(super) fn new(path: &Path) -> Self {
        let file = OpenOptions::new().write(true).open(path);
        Self {
            file: file.expect("the store"),
            path: path.into(),
            whole: fs::read(path).expect("the store"),
        }
    }

    pub(super) fn flip(&self, bit: usize) {
        let byte = self.whole[bit / 8] ^ (1 << (bit % 8));
        let written = self.file.write_all_at(&[byte], (bit / 8) as u64);
        written.expect("a byte is written");
    }

    /// Flips a bit back.
    pub(super) fn unflip(&self, bit: usize) {
        let byte = self.whole[bit / 8];
        let written = self.file.write_all_at(&[byte], (bit / 8) as u64);
        written.expect("a byte is written");
    }

    /// Restores the original file.
    pub(super) fn restore(&self) {
        self.file
            .set_len(self.whole.len() as u64)
            .expect("a length");
        self.file.write_all_at(&self.whole, 0).expect("the store");
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

/// Reports whether a value is still in the file, since SQLite overwrites removed ones. A value that
/// a damaged page order hides is not gone.
pub(super) fn is_in_file(path: &Path, value: &[u8]) -> bool {
    let database = Connection::open(path).expect("the store");
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let blocked = database.query_row(checkpoint, (), |row| row.get(0));
    assert_eq!(blocked, Ok(0), "no other connection is open");
    let file = fs::read(path).expect("the store");
    file.windows(value.len()).any(|bytes| bytes == value)
}
