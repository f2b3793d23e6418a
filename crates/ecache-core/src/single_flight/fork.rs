//! Keeps the locks of this module free in a forked child, which lacks its parent's threads.

use super::{flight, inherited, timer};

/// Holds this module still during a fork.
pub(crate) struct Still {
    flights: flight::Still,
    timer: timer::Still,
}

impl Still {
    /// Waits until no thread is in one of the locks. Dropped in the parent, it lets them go on.
    pub(crate) fn hold() -> Self {
        Self {
            flights: flight::Still::hold(),
            timer: timer::Still::hold(),
        }
    }

    /// Forgets what the parent's threads were doing.
    pub(crate) fn in_child(self) {
        self.flights.in_child();
        inherited::in_child();
        self.timer.in_child();
    }
}
