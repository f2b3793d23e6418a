//! One computation per key at a time: among threads and tasks, and across processes.
//!
//! Designs weighed for processes: a row that says "being computed" (it outlives a killed process
//! and needs leases and heartbeats), a lock file per key (files pile up), and byte-range locks in
//! one file (chosen: the kernel drops them when the process ends, however it ends). For threads: a
//! condition variable for blocking callers and wakers for asynchronous ones, on one flight, so that
//! any runtime will do.

mod attention;
mod flight;
mod fork;
mod inherited;
mod interrupt;
mod locks;
mod timer;

pub(crate) use flight::Inside;
pub use flight::{Flight, Flights, Joined, Landed, Leader, abandon};
pub(crate) use fork::Still;
pub use interrupt::interrupt_waits_with;
pub use locks::{FlightLock, FlightLocks};
pub(crate) use timer::Timer;
