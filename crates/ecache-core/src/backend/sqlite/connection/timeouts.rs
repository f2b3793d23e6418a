//! Maximum times for which a connection waits for other processes.

use std::time::Duration;

/// Maximum time that a write waits for other writers: 32 processes that write with
/// `synchronous=FULL` were seen to wait for 4.4 s.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time to wait for other writers with work that can be left for another time.
pub(in super::super) const SHORT_WAIT: Duration = Duration::from_millis(50);
