//! An allocator that makes short commands fast on musl.
//!
//! musl maps and unmaps pages for nearly every allocation of a short command: a hundred system
//! calls and as many page faults. Here the first [`SIZE`] bytes come from a piece of the program
//! itself, given out from front to back; only the piece that was given out last is taken back. A
//! long command fills it once and goes on with the system's allocator. SQLite is told to allocate
//! the same way. glibc keeps small pieces itself and gains nothing, so this is for musl alone.
//!
//! The pages that a hit uses are asked for at once, in place of thirty page faults: two to four per
//! cent of a hit.
//!
//! It changes nothing but time: whatever does not fit is the system's business, as without it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pages that are not touched cost nothing.
#[cfg(target_env = "musl")]
const SIZE: usize = 512 * 1024;

/// Size that every hit uses, in whole pages.
#[cfg(target_env = "musl")]
const USED_BY_A_HIT: usize = 144 * 1024;

#[cfg(target_env = "musl")]
#[global_allocator]
static ARENA: Arena<SIZE> = Arena::new();

/// Makes SQLite allocate here as well, before anything else uses it.
#[cfg(target_env = "musl")]
pub(crate) fn install() {
    // SAFETY: the pages are the arena's own, and stay as they are. Linux before 5.14 refuses, which
    // costs only time.
    unsafe {
        libc::madvise(
            ARENA.base().cast(),
            USED_BY_A_HIT,
            libc::MADV_POPULATE_WRITE,
        )
    };
    ecache_core::location::use_global_allocator();
}

/// Memory of a fixed size, and the system's when it is used up.
#[repr(align(4096))]
struct Arena<const SIZE: usize> {
    memory: UnsafeCell<[u8; SIZE]>,
    /// The number of allocated bytes of `memory`
    used: AtomicUsize,
}

// SAFETY: `memory` is only reached through the pieces that are given out, and `used` gives each out
// once.
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    const fn new() -> Self {
        Self {
            memory: UnsafeCell::new([0; SIZE]),
            used: AtomicUsize::new(0),
        }
    }

    fn base(&self) -> *mut u8 {
        self.memory.get().cast()
    }

    /// Returns the offset of a piece in the memory; `None` if it is from elsewhere.
    fn offset(&self, piece: *mut u8) -> Option<usize> {
        let offset = (piece as usize).checked_sub(self.base() as usize)?;
        (offset < SIZE).then_some(offset)
    }

    /// Gives out a piece, unless there is not enough left.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let start = (self.base() as usize + used).next_multiple_of(layout.align())
                - self.base() as usize;
            let end = start.checked_add(layout.size())?;
            if end > SIZE {
                return None;
            }
            match self.move_end(used, end) {
                // SAFETY: `start` is within the memory.
                Ok(()) => return Some(unsafe { self.base().add(start) }),
                Err(now) => used = now,
            }
        }
    }

    /// Moves the end of the allocated bytes, unless another thread was faster.
    fn move_end(&self, from: usize, to: usize) -> Result<(), usize> {
        // A thread that reuses a piece must see the writes of the thread that gave it back.
        self.used
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .map(drop)
    }
}

// SAFETY: pieces are aligned as asked, do not overlap, and stay until they are given back; all else
// is the system's allocator. Its address distinguishes a piece from the system's.
unsafe impl<const SIZE: usize> GlobalAlloc for Arena<SIZE> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(piece) => piece,
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.offset(piece) {
            // Taken back if it is the last one; if not, it is lost.
            Some(start) => drop(self.move_end(start + layout.size(), start)),
            // SAFETY: the piece is the system's, and the caller's promises are passed on.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(piece) else {
            // SAFETY: the piece is the system's, and the caller's promises are passed on.
            return unsafe { System.realloc(piece, layout, size) };
        };
        // The last piece grows and shrinks where it is.
        if let Some(end) = start.checked_add(size)
            && end <= SIZE
            && self.move_end(start + layout.size(), end).is_ok()
        {
            return piece;
        }
        // SAFETY: the caller promises a size that makes a layout; the two pieces do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                piece.copy_to_nonoverlapping(moved, size.min(layout.size()));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece that is filled with a byte of its own.
    struct Piece {
        start: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Piece {
        fn new<const N: usize>(arena: &Arena<N>, size: usize, align: usize, fill: u8) -> Self {
            let layout = Layout::from_size_align(size, align).expect("a small layout");
            // SAFETY: the size is not zero, and that many bytes are written.
            let start = unsafe { arena.alloc(layout) };
            assert_eq!(start as usize % align, 0);
            unsafe { start.write_bytes(fill, size) };
            Self {
                start,
                layout,
                fill,
            }
        }

        fn resize<const N: usize>(&mut self, arena: &Arena<N>, size: usize) {
            let kept = size.min(self.layout.size());
            // SAFETY: the piece is alive and the size is not zero.
            self.start = unsafe { arena.realloc(self.start, self.layout, size) };
            self.check(kept);
            unsafe { self.start.write_bytes(self.fill, size) };
            self.layout = Layout::from_size_align(size, self.layout.align()).expect("small");
        }

        fn check(&self, size: usize) {
            // SAFETY: the piece is alive.
            let bytes = unsafe { std::slice::from_raw_parts(self.start, size) };
            assert!(bytes.iter().all(|byte| *byte == self.fill));
        }

        fn free<const N: usize>(self, arena: &Arena<N>) {
            self.check(self.layout.size());
            // SAFETY: the piece is alive and never used again.
            unsafe { arena.dealloc(self.start, self.layout) };
        }
    }

    #[test]
    fn pieces_keep_what_is_written_to_them_whatever_happens_to_others() {
        let arena = Arena::<10_000>::new();
        let mut pieces: Vec<Piece> = Vec::new();
        // A fixed sequence that looks random (Knuth's multiplier) and outgrows the memory several
        // times.
        let mut random: u64 = 1;
        for step in 0..5000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let choice = (random >> 33) as usize;
            match (choice % 4, pieces.is_empty()) {
                (0 | 1, _) | (_, true) => {
                    let align = 1 << (choice / 4 % 7);
                    let size = choice / 64 % 300 + 1;
                    pieces.push(Piece::new(&arena, size, align, step as u8));
                }
                (2, _) => {
                    let index = choice / 4 % pieces.len();
                    pieces[index].resize(&arena, choice / 64 % 300 + 1);
                }
                _ => pieces.swap_remove(choice / 4 % pieces.len()).free(&arena),
            }
        }
        for piece in pieces {
            piece.free(&arena);
        }
    }

    #[test]
    fn the_last_piece_is_taken_back() {
        let arena = Arena::<1000>::new();
        let first = Piece::new(&arena, 100, 1, 1);
        let second = Piece::new(&arena, 100, 1, 2);
        let start = second.start;
        second.free(&arena);
        let third = Piece::new(&arena, 200, 1, 3);
        assert_eq!(third.start, start);
        first.free(&arena);
        third.free(&arena);
    }

    #[test]
    fn pieces_that_do_not_fit_come_from_the_system() {
        let arena = Arena::<1000>::new();
        let mut large = Piece::new(&arena, 1001, 8, 1);
        assert_eq!(arena.offset(large.start), None);
        large.resize(&arena, 2000);
        let mut small = Piece::new(&arena, 10, 8, 2);
        assert_eq!(arena.offset(small.start), Some(0));
        small.resize(&arena, 1001);
        assert_eq!(arena.offset(small.start), None);
        small.free(&arena);
        large.free(&arena);
    }
}
