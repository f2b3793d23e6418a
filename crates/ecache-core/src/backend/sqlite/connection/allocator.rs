//! The allocator that SQLite uses.
//!
//! It is C's, unless the process selects another one: a library does not choose the allocator of
//! its program.

use std::alloc::{self, Layout};
use std::ffi::{c_int, c_void};
use std::mem::size_of;

use rusqlite::ffi;

/// Makes SQLite allocate with Rust's global allocator, in the whole process.
///
/// Has no effect once SQLite has been used. Meant for programs whose global allocator is faster
/// than C's.
pub fn use_global_allocator() {
    let methods = ffi::sqlite3_mem_methods {
        xMalloc: Some(allocate),
        xFree: Some(free),
        xRealloc: Some(reallocate),
        xSize: Some(size),
        xRoundup: Some(round_up),
        xInit: Some(initialize),
        xShutdown: Some(shut_down),
        pAppData: std::ptr::null_mut(),
    };
    // SAFETY: SQLite copies the methods. It refuses them, without harm, once it has been
    // initialized.
    unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) };
}

/// Makes SQLite begin with as little memory as a short program needs, in the whole process.
///
/// Has no effect once SQLite has been used. Each page of memory that is not touched saves a
/// microsecond.
pub fn begin_small() {
    let nowhere: *mut c_void = std::ptr::null_mut();
    // SAFETY: SQLite takes integers, and a pointer that may be null. It refuses them, without harm,
    // once it has been initialized.
    unsafe {
        // The statistics of the memory in use are not read, and are counted under a lock.
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0);
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_LOOKASIDE, SMALL.0, SMALL.1);
        // Otherwise it begins with twenty pages of its cache at once, and writes to each; a hit
        // reads nine.
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_PAGECACHE, nowhere, 0, 0);
    }
}

/// Size and number of the lookaside slots of each connection. SQLite touches all of them when it
/// opens a file: the default forty are twelve pages, and a hit needs ten slots.
const SMALL: (c_int, c_int) = (1200, 10);

/// Length of the header before each allocation, which holds the size that Rust needs to free it.
const HEADER: usize = size_of::<usize>();

fn layout(size: usize) -> Layout {
    // SQLite allocates less than two gigabytes at once, aligned to eight bytes.
    Layout::from_size_align(HEADER + size, 8).expect("a size that SQLite asks for")
}

/// Writes the header of a new allocation, and returns what follows it.
///
/// # Safety
/// `start` is null, or an allocation of `layout(size)`.
unsafe fn with_header(start: *mut u8, size: usize) -> *mut c_void {
    if start.is_null() {
        return start.cast();
    }
    // SAFETY: the header fits and is aligned, by the layout.
    unsafe {
        start.cast::<usize>().write(size);
        start.add(HEADER).cast()
    }
}

/// Returns the start and size of an allocation.
///
/// # Safety
/// `piece` came from [`with_header`] and is alive.
unsafe fn header(piece: *mut c_void) -> (*mut u8, usize) {
    // SAFETY: the header stands before the piece.
    unsafe {
        let start = piece.cast::<u8>().sub(HEADER);
        (start, start.cast::<usize>().read())
    }
}

// SAFETY, for the three below: SQLite passes sizes above zero, and pieces that it was given and has
// not freed.

unsafe extern "C" fn allocate(size: c_int) -> *mut c_void {
    let size = size as usize;
    unsafe { with_header(alloc::alloc(layout(size)), size) }
}

unsafe extern "C" fn free(piece: *mut c_void) {
    unsafe {
        let (start, size) = header(piece);
        alloc::dealloc(start, layout(size));
    }
}

unsafe extern "C" fn reallocate(piece: *mut c_void, size: c_int) -> *mut c_void {
    let size = size as usize;
    unsafe {
        let (start, old) = header(piece);
        with_header(alloc::realloc(start, layout(old), HEADER + size), size)
    }
}

unsafe extern "C" fn size(piece: *mut c_void) -> c_int {
    match piece.is_null() {
        true => 0,
        // SAFETY: as above.
        false => unsafe { header(piece).1 as c_int },
    }
}

unsafe extern "C" fn round_up(size: c_int) -> c_int {
    (size + 7) & !7
}

unsafe extern "C" fn initialize(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn shut_down(_: *mut c_void) {}
