//! Ends the waits of a thread, as Ctrl-C does in an interpreter.
//!
//! An interpreter notes a signal and runs its handler in a thread of its own language, which may be
//! the one that waits here.

use std::sync::OnceLock;
use std::time::Duration;

/// Longest time between two checks of a thread that waits.
const PAUSE: Duration = Duration::from_millis(50);

static CHECK: OnceLock<fn() -> bool> = OnceLock::new();

/// Makes every thread that waits for another's computation call `check` twenty times a second, and
/// compute by itself once that returns `true`. The first check that is set stays.
///
/// A binding to an interpreter runs handlers of signals there. If one raises an exception, it keeps
/// that, returns `true`, and raises it in the place of the computation.
pub fn interrupt_waits_with(check: fn() -> bool) {
    let _ = CHECK.set(check);
}

/// Returns the time until the next check, if there is one.
pub(super) fn pause() -> Option<Duration> {
    CHECK.get().map(|_| PAUSE)
}

/// Reports whether the wait of this thread is to end.
pub(super) fn is_interrupted() -> bool {
    CHECK.get().is_some_and(|check| check())
}
