//! The rest of a thread's stack.
//!
//! Each cached call within a cached call takes more of the stack than a call of Python's, which
//! counts calls and not bytes. Beyond the end of its stack, a thread kills the process.

use std::cell::Cell;
use std::mem::MaybeUninit;

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;

/// The part of a stack that is left to what a function calls.
const RESERVE: usize = 512 * 1024;

/// The addresses at which a call is refused; empty if the stack is not known.
#[derive(Clone, Copy)]
struct Refused {
    lowest: usize,
    highest: usize,
}

thread_local! {
    static REFUSED: Cell<Option<Refused>> = const { Cell::new(None) };
}

/// Checks that there is room for another call.
///
/// # Errors
/// Python's `RecursionError`.
pub fn check() -> PyResult<()> {
    let marker = 0_u8;
    let here = (&raw const marker).addr();
    let refused = REFUSED.get().unwrap_or_else(|| {
        let refused = refused();
        REFUSED.set(Some(refused));
        refused
    });
    if (refused.lowest..refused.highest).contains(&here) {
        let message = "maximum recursion depth exceeded in a cached function";
        return Err(PyRecursionError::new_err(message));
    }
    Ok(())
}

fn refused() -> Refused {
    let (lowest, size) = own_stack().unwrap_or_default();
    let mut stack = Refused {
        lowest,
        highest: lowest + size,
    };
    // SAFETY: neither has conditions.
    if unsafe { libc::getpid() == libc::gettid() } {
        // The main thread's stack grows, and musl returns the size that it has by now.
        stack.lowest = stack.highest.saturating_sub(size.max(largest()));
    }
    let reserve = RESERVE.min((stack.highest - stack.lowest) / 4);
    stack.highest = stack.lowest + reserve;
    stack
}

/// Returns the lowest address and the size of this thread's stack.
fn own_stack() -> Option<(usize, usize)> {
    let mut attributes = MaybeUninit::uninit();
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are read and destroyed only if the first call has made them.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let got = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (got == 0).then(|| (lowest.addr(), size))
    }
}

/// Returns the size to which the stack of the main thread may grow.
fn largest() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid.
    unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}
