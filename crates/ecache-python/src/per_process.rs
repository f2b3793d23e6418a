//! Values that a forked child makes anew.
//!
//! `fork` copies locks as they are, and not the threads that would release them. A child therefore
//! makes caches and functions' states of its own, and leaves those of its parent untouched.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The number of forks between the first process and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Set in a child that inherited connections in use.
static IS_UNSAFE: AtomicBool = AtomicBool::new(false);

/// Says that this process is a forked child; `is_clean` if it inherited no connections.
pub fn forked(is_clean: bool) {
    FORKS.fetch_add(1, Ordering::Release);
    IS_UNSAFE.fetch_or(!is_clean, Ordering::Release);
}

/// Reports whether stores may be opened here.
pub fn may_open() -> bool {
    !IS_UNSAFE.load(Ordering::Acquire)
}

/// A value of this process, which is never dropped: threads of the library may use it at any time.
///
/// The lock is taken with the interpreter's lock held, and nothing in it releases that, so no other
/// thread has it during a fork.
pub struct PerProcess<T: 'static>(Mutex<Option<(u64, &'static T)>>);

impl<T> PerProcess<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the value of this process, and makes it first if there is none.
    pub fn get_or_make(&self, make: impl FnOnce() -> T) -> &'static T {
        let forks = FORKS.load(Ordering::Acquire);
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *made {
            Some((at, value)) if at == forks => value,
            _ => {
                let value: &'static T = Box::leak(Box::new(make()));
                *made = Some((forks, value));
                value
            }
        }
    }

    /// Returns the value of this process, if there is one.
    pub fn get(&self) -> Option<&'static T> {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forks = FORKS.load(Ordering::Acquire);
        made.filter(|(at, _)| *at == forks).map(|(_, value)| value)
    }
}
