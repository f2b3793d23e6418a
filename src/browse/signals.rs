//! The signals that the browser takes, as bytes that its loop waits for.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::{flag, low_level};

use crate::inherited::is_ignored;

/// Takes all bytes of a stream that wakes the loop.
pub(super) fn drain(mut stream: &UnixStream) {
    let mut bytes = [0; 64];
    while stream.read(&mut bytes).is_ok_and(|length| length > 0) {}
}

/// Signals, which wake the loop.
pub(super) struct Signals {
    /// Becomes readable with a signal
    pub(super) reader: UnixStream,
    flags: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let mut flags = Vec::new();
        for signal in [SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            // As under `nohup`.
            if is_ignored(signal) {
                continue;
            }
            let flag = Arc::new(AtomicBool::new(false));
            flag::register(signal, Arc::clone(&flag))?;
            low_level::pipe::register(signal, writer.try_clone()?)?;
            flags.push((signal, flag));
        }
        Ok(Self { reader, flags })
    }

    /// Returns the signals that came.
    pub(super) fn seen(&self) -> impl Iterator<Item = i32> + use<> {
        let came = |(signal, flag): &(i32, Arc<AtomicBool>)| {
            flag.swap(false, Ordering::SeqCst).then_some(*signal)
        };
        let seen: Vec<i32> = self.flags.iter().filter_map(came).collect();
        seen.into_iter()
    }
}
