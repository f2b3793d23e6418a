//! `memcpy` and `memmove` for musl on x86-64, whose own copy with `rep movsq`.
//!
//! That instruction takes about 30 ns to begin. Rows of a store are copied in pieces of a few bytes
//! to a few hundred, so that it was 37 to 40 per cent of `ls` and `export`. Here a piece of up to
//! 128 bytes is loaded whole and then stored, its ends overlapping; a longer one goes by 64 bytes,
//! and from [`REPEATED`] on by `rep movsb`, which is as fast as anything there.
//!
//! Both functions are defined because musl's `memmove` needs its `memcpy`, which would then be
//! there twice. Tests run them on every x86-64, under other names.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

/// Length in bytes from which pieces that do not overlap are copied by `rep movsb`.
const REPEATED: usize = 1024;

/// Copies `count` bytes between places that do not overlap.
///
/// # Safety
/// That of the function of C.
#[cfg(all(target_env = "musl", not(debug_assertions)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { copy(to, from, count) }
}

/// Copies `count` bytes between places that may overlap.
///
/// # Safety
/// That of the function of C.
#[cfg(all(target_env = "musl", not(debug_assertions)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { copy(to, from, count) }
}

/// Copies `count` bytes, also between places that overlap.
///
/// # Safety
/// `from` is readable and `to` is writable for `count` bytes.
unsafe fn copy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: every access below is within `count` bytes of its pointer.
    unsafe {
        match count {
            0 => {}
            1 => to.write(from.read()),
            2..4 => ends::<u16>(to, from, count),
            4..8 => ends::<u32>(to, from, count),
            8..16 => ends::<u64>(to, from, count),
            16..33 => ends::<[u64; 2]>(to, from, count),
            33..65 => ends::<[__m128i; 2]>(to, from, count),
            65..129 => ends::<Block>(to, from, count),
            _ => copy_long(to, from, count),
        }
    }
    to
}

/// 64 bytes, which fit into four registers.
type Block = [__m128i; 4];

const BLOCK: usize = size_of::<Block>();

/// Copies the first and the last `T`, which overlap or touch. Both are loaded before one is stored.
///
/// # Safety
/// That of [`copy`]; `count` is between one and two sizes of `T`.
#[inline(always)]
unsafe fn ends<T: Copy>(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: both pieces are within `count` bytes.
    unsafe {
        let last = count - size_of::<T>();
        let first: T = from.cast::<T>().read_unaligned();
        let end: T = from.add(last).cast::<T>().read_unaligned();
        to.cast::<T>().write_unaligned(first);
        to.add(last).cast::<T>().write_unaligned(end);
    }
}

/// Copies more than two blocks.
///
/// # Safety
/// That of [`copy`].
unsafe fn copy_long(to: *mut u8, from: *const u8, count: usize) {
    let ahead = to.addr().wrapping_sub(from.addr());
    let is_behind = from.addr().wrapping_sub(to.addr()) >= count;
    let last = count - BLOCK;
    // SAFETY: blocks begin at most `last` bytes behind the pointers.
    unsafe {
        if ahead >= count {
            if count >= REPEATED && is_behind {
                asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _,
                     inout("rsi") from => _, options(nostack, preserves_flags));
                return;
            }
            // Upwards: what a store overwrites was loaded before, and the end first of all.
            let end = load(from.add(last));
            let mut at = 0;
            while at < last {
                store(to.add(at), load(from.add(at)));
                at += BLOCK;
            }
            store(to.add(last), end);
        } else {
            // Downwards, as `to` is within the bytes that are still to be read.
            let start = load(from);
            let mut at = last;
            while at > 0 {
                store(to.add(at), load(from.add(at)));
                at = at.saturating_sub(BLOCK);
            }
            store(to, start);
        }
    }
}

/// # Safety
/// `from` is readable for a block.
#[inline(always)]
unsafe fn load(from: *const u8) -> Block {
    // SAFETY: the caller's.
    unsafe {
        let at = |index: usize| _mm_loadu_si128(from.add(16 * index).cast());
        let block = [at(0), at(1), at(2), at(3)];
        // Otherwise the compiler makes a loop of these a call of `memcpy`, which is this.
        asm!("", options(nostack, preserves_flags));
        block
    }
}

/// # Safety
/// `to` is writable for a block.
#[inline(always)]
unsafe fn store(to: *mut u8, block: Block) {
    for (index, part) in block.into_iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { _mm_storeu_si128(to.add(16 * index).cast(), part) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths on both sides of every limit.
    fn lengths() -> impl Iterator<Item = usize> {
        (0..300)
            .chain(REPEATED - 3..REPEATED + 3)
            .chain([4096, 10_007])
    }

    fn memory(length: usize) -> Vec<u8> {
        (0..length)
            .map(|index| (index * 31 + index / 256) as u8)
            .collect()
    }

    #[test]
    fn every_length_is_copied_and_nothing_beside_it() {
        for length in lengths() {
            for offset in [0, 1, 7, 8, 15] {
                let from = memory(length + 64);
                let mut to = vec![0xAA; length + 64];
                // SAFETY: both vectors are longer than that.
                let returned =
                    unsafe { copy(to.as_mut_ptr().add(offset), from.as_ptr().add(3), length) };
                assert_eq!(returned.addr(), to.as_ptr().addr() + offset);
                assert_eq!(to[offset..offset + length], from[3..3 + length], "{length}");
                assert!(to[..offset].iter().all(|byte| *byte == 0xAA), "{length}");
                assert!(
                    to[offset + length..].iter().all(|byte| *byte == 0xAA),
                    "{length}"
                );
            }
        }
    }

    #[test]
    fn every_overlap_is_moved() {
        for length in lengths() {
            let distances = (0..140).chain([length / 2, length.saturating_sub(1), length]);
            for distance in distances {
                for is_up in [false, true] {
                    let (from, to) = if is_up { (0, distance) } else { (distance, 0) };
                    let mut moved = memory(length + distance);
                    let mut expected = moved.clone();
                    expected.copy_within(from..from + length, to);
                    let start = moved.as_mut_ptr();
                    // SAFETY: both places are within the vector.
                    unsafe { copy(start.add(to), start.add(from), length) };
                    assert!(
                        moved == expected,
                        "{length} bytes by {distance}, up: {is_up}"
                    );
                }
            }
        }
    }
}
