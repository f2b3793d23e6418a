//! Locks that a forked child must not wait for.
//!
//! A computation may fork, and wait for its child. If the child asks for the key of that
//! computation, neither can go on: the child computes by itself. It does wait for keys that other
//! threads of its parent compute.

use std::cell::RefCell;
use std::sync::atomic::{AtomicPtr, Ordering};

thread_local! {
    /// Offsets of the locks of the computations that this thread is in
    static HELD: RefCell<Vec<i64>> = const { RefCell::new(Vec::new()) };
}

/// Offsets of the locks that were held around the forks that led to this process. Never freed: a
/// mutex could be locked during the next fork.
static INHERITED: AtomicPtr<Vec<i64>> = AtomicPtr::new(std::ptr::null_mut());

/// A lock around the computation that this thread is in.
pub(super) struct Held(());

impl Held {
    pub(super) fn new(offset: i64) -> Self {
        HELD.with_borrow_mut(|held| held.push(offset));
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Computations of a thread end in the reverse order of their beginning.
        HELD.with_borrow_mut(|held| held.pop());
    }
}

/// Notes, in a forked child, what the thread that forked was computing.
pub(super) fn in_child() {
    let mut offsets = inherited().to_vec();
    HELD.with_borrow(|held| offsets.extend(held));
    if !offsets.is_empty() {
        INHERITED.store(Box::into_raw(Box::new(offsets)), Ordering::Release);
    }
}

/// Reports whether the lock at this offset belongs to a computation that this process was forked
/// in.
pub(super) fn is_inherited(offset: i64) -> bool {
    inherited().contains(&offset)
}

fn inherited() -> &'static [i64] {
    // SAFETY: it is null, or a box that was leaked.
    let offsets = unsafe { INHERITED.load(Ordering::Acquire).as_ref() };
    offsets.map_or(&[], Vec::as_slice)
}
